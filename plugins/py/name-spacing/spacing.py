"""The spacing of names: what the plugin does to one text, without anything of Daybook.

Letters, digits and signs of double width become single ones, except the signs that belong to Chinese text; between Chinese letters
no blank stays, between words one blank does.
"""

import re

# The blanks that people type, and that programs put between.
BLANKS = re.compile(r"[\s\u00a0\u2000-\u200b\u3000\ufeff]+")
CHINESE = r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f（）《》、，。·]"
BETWEEN = re.compile(f"(?<={CHINESE}) (?={CHINESE})")
# Signs that are as wide as a Chinese letter because they stand among them.
KEPT = "（），：；！？"


def single_width(letter: str) -> str:
    if "\uff01" <= letter <= "\uff5e" and letter not in KEPT:
        return chr(ord(letter) - 0xFEE0)
    return letter


def spaced(text: str) -> str:
    text = "".join(map(single_width, text))
    return BETWEEN.sub("", BLANKS.sub(" ", text).strip())
