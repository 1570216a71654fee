//! Telephone numbers as they are dialled, for comparison and for the check of the format.
//!
//! In comes what a person wrote and the office's country, out goes one form: `+861065529988;ext=8001`. The written
//! text is never replaced by it.

use compact_str::{CompactString, format_compact};

use super::{compatible, is_invisible};

/// What separates a number from its extension, longest first. NFKC has been done and letters are small.
const EXTENSION_MARKS: [&str; 9] = [";ext=", "extension", "ext.", "ext", "分机号", "分机", "转", "x", "#"];
/// E.164 allows 15 digits; `00` before them is allowed too.
const DIGITS_MAX: usize = 18;
/// Longest extension that an office's exchange has.
const EXTENSION_DIGITS_MAX: usize = 7;

/// The number as it is dialled from anywhere: E.164, with `;ext=` and the extension if it has one.
///
/// `region` is the two-letter country for numbers without a country code. For China, numbers that only work
/// within a city (`6552 9988`) or everywhere (`95588`) are given back as their digits, without `+`.
/// `None` if it is no number that can be dialled.
pub fn dialled(text: &str, region: &str) -> Option<CompactString> {
    if region == "CN" && is_mobile(text) {
        return Some(format_compact!("+86{text}"));
    }
    let text: String = compatible(text).to_lowercase();
    let (main, extension) = split_extension(&text)?;
    let digits = digits_of(main)?;
    let number = number(&digits, region)?;
    Some(match extension {
        Some(extension) => format_compact!("{number};ext={extension}"),
        None => number,
    })
}

/// A mainland mobile number: 11 digits from 13 to 19 (工业和信息化部《电信网编号计划》).
fn is_mobile(digits: &str) -> bool {
    matches!(digits.as_bytes(), [b'1', b'3'..=b'9', rest @ ..] if rest.len() == 9 && rest.iter().all(u8::is_ascii_digit))
}

/// The number and its extension. `None` if there is a mark and no proper extension after it.
fn split_extension(text: &str) -> Option<(&str, Option<CompactString>)> {
    let found = EXTENSION_MARKS.iter().find_map(|mark| text.split_once(mark));
    let Some((main, tail)) = found else { return Some((text, None)) };
    let extension: CompactString =
        tail.chars().filter(|c| !is_invisible(*c) && !matches!(c, '.' | ':' | '-')).collect();
    let fits = (1..=EXTENSION_DIGITS_MAX).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_digit());
    fits.then_some((main, Some(extension)))
}

/// The digits, with a leading `+` if there is one; `None` if anything but the usual separators stands between.
fn digits_of(main: &str) -> Option<CompactString> {
    let main = main.strip_prefix("tel:").unwrap_or(main);
    // `+86 (0)10-…`: the zero in brackets is not dialled after a country code.
    let main = if main.contains('+') { main.replace("(0)", "") } else { main.to_owned() };
    let mut digits = CompactString::default();
    for c in main.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '+' if digits.is_empty() => digits.push(c),
            '-' | '(' | ')' | '.' | '/' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '~' => {}
            _ if is_invisible(c) => {}
            _ => return None,
        }
        if digits.len() > DIGITS_MAX {
            return None;
        }
    }
    (digits.len() >= 3).then_some(digits)
}

/// The number in E.164, or the digits of a local Chinese one.
fn number(digits: &str, region: &str) -> Option<CompactString> {
    // Chinese numbers are recognised here: the general parser takes twenty times as long, and a first sync has many.
    let international = digits.strip_prefix("+86").or_else(|| digits.strip_prefix("0086"));
    let national = international.or_else(|| digits.strip_prefix("86").filter(|rest| region == "CN" && is_mobile(rest)));
    if let Some(national) = national.or(Some(digits).filter(|_| region == "CN"))
        && is_mobile(national)
    {
        return Some(format_compact!("+86{national}"));
    }
    let fixed = match international {
        Some(rest) => Some(rest.strip_prefix('0').unwrap_or(rest)),
        None => digits.strip_prefix('0').filter(|_| region == "CN"),
    };
    if let Some(fixed) = fixed
        && is_fixed(fixed.as_bytes())
    {
        return Some(format_compact!("+86{fixed}"));
    }
    let country = region.parse::<phonenumber::country::Id>().ok();
    if let Ok(number) = phonenumber::parse(country, digits)
        && number.is_valid()
    {
        return Some(format_compact!("{}", number.format().mode(phonenumber::Mode::E164)));
    }
    (region == "CN" && is_local(digits.as_bytes())).then(|| CompactString::from(digits))
}

/// A fixed line with its area code, without the zero before it (《电信网编号计划》): `10` and `2x` have 8 digits after
/// them, areas of three digits 7 or 8.
fn is_fixed(digits: &[u8]) -> bool {
    let line = match digits {
        [b'1', b'0', line @ ..] | [b'2', b'0' | b'1' | b'2' | b'3' | b'4' | b'5' | b'7' | b'8' | b'9', line @ ..] => {
            if line.len() != 8 {
                return false;
            }
            line
        }
        [b'3'..=b'9', _, _, line @ ..] if matches!(line.len(), 7 | 8) => line,
        _ => return false,
    };
    matches!(line.first(), Some(b'2'..=b'8')) && line.iter().all(u8::is_ascii_digit)
}

/// A number that is dialled within a Chinese city without its area code, or a service number such as `95588`.
fn is_local(digits: &[u8]) -> bool {
    match digits {
        [b'2'..=b'8', rest @ ..] => rest.len() == 6 || rest.len() == 7,
        [b'1', b'0' | b'1' | b'2', ..] | [b'9', b'5' | b'6', ..] => (3..=8).contains(&digits.len()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::dialled;

    #[track_caller]
    fn check(region: &str, cases: &[(&str, &str)]) {
        for (written, expected) in cases {
            assert_eq!(dialled(written, region).as_deref().unwrap_or("-"), *expected, "{written}");
        }
    }

    #[test]
    fn chinese_numbers_in_every_notation() {
        check(
            "CN",
            &[
                ("13800138000", "+8613800138000"),
                ("138-0013-8000", "+8613800138000"),
                ("+86 138 0013 8000", "+8613800138000"),
                ("0086 13800138000", "+8613800138000"),
                ("8613800138000", "+8613800138000"),
                ("１３８００１３８０００", "+8613800138000"),
                ("\u{202a}13800138000\u{202c}", "+8613800138000"),
                ("010-6552 9988", "+861065529988"),
                ("(010) 65529988", "+861065529988"),
                ("+86 (0)10 6552 9988", "+861065529988"),
                ("+86-10-65529988", "+861065529988"),
                ("0571—88888888", "+8657188888888"),
                ("010-65529988转8001", "+861065529988;ext=8001"),
                ("010-65529988 转 8001", "+861065529988;ext=8001"),
                ("010-65529988 x8001", "+861065529988;ext=8001"),
                ("010-65529988 ext. 8001", "+861065529988;ext=8001"),
                ("010-65529988 分机：8001", "+861065529988;ext=8001"),
                ("010-65529988#8001", "+861065529988;ext=8001"),
                ("tel:+86-10-6552-9988;ext=8001", "+861065529988;ext=8001"),
                ("0755-2345678", "+867552345678"),
                ("400-820-8820", "+864008208820"),
                ("6552 9988", "65529988"),
                ("95588", "95588"),
                ("+44 20 7946 0958", "+442079460958"),
                ("0044 20 7946 0958", "+442079460958"),
            ],
        );
    }

    #[test]
    fn what_can_t_be_dialled_is_no_number() {
        let none = [
            "",
            "x1",
            "1380013800",
            "138001380000",
            "138****8000",
            "1.38E+10",
            "李雷 13800138000",
            "13800138000 转",
            "+",
            "+86+10",
        ];
        check("CN", &none.map(|written| (written, "-")));
        check("CN", &[("13800138000/13900139000", "-"), ("010-65529988-8001-9", "-")]);
    }

    #[test]
    fn the_region_is_for_numbers_without_a_country() {
        check("GB", &[("020 7946 0958", "+442079460958"), ("13800138000", "-"), ("+8613800138000", "+8613800138000")]);
        check("", &[("020 7946 0958", "-"), ("+44 20 7946 0958", "+442079460958"), ("65529988", "-")]);
        check("XX", &[("+8613800138000", "+8613800138000")]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_number_or_none(
            written in prop_oneof![any::<String>(), "[+0-9() 转x.-]{0,24}", "(\\+|00)?[0-9]{2,16}"],
            region in prop::sample::select(vec!["CN", "US", "GB", "DE", "JP", "", "XX"]),
        ) {
            // The form is a number in its own right and stands for itself.
            if let Some(form) = dialled(&written, region) {
                prop_assert_eq!(dialled(&form, region), Some(form.clone()), "{}", written);
            }
        }
    }
}
