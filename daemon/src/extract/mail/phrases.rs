//! What mail programs and people write around what they say: lines that introduce another mail, sign-offs, disclaimers,
//! greetings. In Chinese and English first; introductions of other languages too, because quotes travel.

use std::sync::LazyLock;

use regex::Regex;

use crate::model::compare::folded;

/// The longest line that is looked at, in characters: introductions and sign-offs are short.
const PHRASE_CHARS_MAX: usize = 400;
/// The longest line that announces a new record, in characters.
const ANNOUNCEMENT_CHARS_MAX: usize = 80;
/// The longest sign-off, in characters once folded.
const SIGN_OFF_CHARS_MAX: usize = 24;

/// How surely a line ends what its author says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SignOff {
    /// `谢谢`: people also thank in the middle of a mail.
    Weak,
    /// `此致`, `Best regards`, `-- `, `发自我的iPhone`, a disclaimer.
    Strong,
}

/// What introduces another mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Introduction {
    /// `On … wrote:`, `在…写道：`: what is quoted carries marks, or follows to the end.
    Wrote,
    /// `-----Original Message-----`: the rest is another mail.
    Original,
    /// `---------- Forwarded message ---------`: the rest is a forwarded mail.
    Forwarded,
}

fn regex(pattern: &str) -> Regex {
    // Patterns are constants; each is built by a test.
    Regex::new(pattern).expect("invariant: a constant pattern is well-formed")
}

static WROTE: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)^[\s>*-]*(?:",                             // Zoho draws a line on either side
        r"on\b.{4,300}\bwrote\s*[:：]?|",                // Gmail, Apple Mail, Thunderbird
        r"at\s+\d{4}-\d\d-\d\d.{2,200}\bwrote\s*[:：]|", // 163, 126
        r"\d{4}[-/.年].{4,200}(?:写道|寫道|wrote)\s*[:：]?|",
        r"(?:在|于|於)\s*.{4,300}(?:写道|寫道|写到)\s*[:：]?|", // QQ, Apple Mail, Thunderbird
        r".{1,120}[<＜\[].{3,120}[>＞\]]\s*(?:于|在|於).{4,80}(?:写道|寫道)\s*[:：]?|",
        r".{1,80}(?:于|在|於)\s*\d{4}.{4,80}(?:写道|寫道)\s*[:：]?|", // Gmail in Chinese
        r".{2,160}<[^<>\s]+@[^<>\s]+>.{0,60}\bwrote\s*[:：]|",
        r"(?:am|le|el|il|em|op|den|w dniu|pe|no dia)\b.{6,300}(?:schrieb|a écrit|escribió|ha scritto|escreveu|schreef|skrev|pisze|kirjoitti)\b.{0,120}[:：]|",
        r".{1,40}(?:于|在|於)\s*\d{1,4}\s*[年月/.-].{2,60}(?:说|說|写)\s*[:：]|", // typed by hand
        r".{6,200}(?:пишет|написала?)\s*[:：]",
        r")[\s-]*$"
    ))
});

static ORIGINAL: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)^[\s>*]*(?:[-_=—－─*]{2,}\s*(?:",
        r"original\s+(?:message|appointment|e-?mail|text)|reply\s+message|replied\s+message|",
        r"原始邮件|原始郵件|邮件原文|郵件原文|邮件原件|郵件原件|原邮件|原始信息|原始消息|回复的原邮件|回复邮件|",
        r"ursprüngliche nachricht|message d.origine|message original|mensaje original|mensagem original|messaggio originale|",
        r"oorspronkelijk bericht|original besked|ursprungligt meddelande|alkuperäinen viesti|исходное сообщение|reply above this line",
        r")\s*[-_=—－─*]{2,}|",
        r"[-_]{3,}\s*(?:原始邮件|邮件原文).*|",
        r"#{2,}.{0,20}reply above.{0,40})\s*$"
    ))
});

static FORWARDED: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)^[\s>*]*(?:[-_=—－─*]{2,}\s*(?:",
        r"forwarded\s+(?:message|mail|e-?mail)|forwarded\s+by\b.{0,120}|forwarding\s+messages|",
        r"转发的?邮件(?:信息)?|转发的?消息|转发的?原邮件|轉寄(?:的)?郵件|转发邮件信息|",
        r"weitergeleitete nachricht|message transféré|mensaje reenviado|messaggio inoltrato",
        r")\s*[-_=—－─*]*|",
        r"begin forwarded message\s*[:：]|开始转发的?邮件\s*[:：]|下面是被转发的邮件\s*[:：]|以下是转发的?邮件\s*[:：]|转发邮件\s*[:：]?",
        r")\s*$"
    ))
});

/// Who sent a quoted mail, as its header calls that.
const SENDER_LABELS: &str =
    "from|发件人|发信人|发送人|寄件者|寄件人|發件人|von|de|da|van|fra|från|от|差出人|送信者|보낸사람|보낸이";
/// What else stands in such a header.
const OTHER_LABELS: &str = concat!(
    "sent|date|发送时间|发送日期|日期|时间|寄件日期|傳送時間|gesendet|datum|envoyé|enviado|enviado el|data|inviato|sendt|skickat|отправлено|дата|",
    "to|收件人|收信人|收件者|an|à|para|a|til|till|кому|cc|bcc|抄送|抄送人|密送|副本|subject|主题|主旨|主題|betreff|objet|asunto|assunto|oggetto|emne|ämne|тема|",
    "送信日時|日時|日付|宛先|件名|보낸날짜|날짜|받는사람|받는이|참조|제목|",
    "reply-to|回复|importance|重要性|attachments?|附件"
);

/// A line of the header that Outlook and others write above a quoted mail.
static HEADER_LINE: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r"(?i)^[\s>*|]*(?:({SENDER_LABELS})|({OTHER_LABELS}))\s*\**\s*[:：]\s*\**")));

/// Labels of such a header within a line: some programs write all of it into one.
static HEADER_LABELS: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r"(?i)(?:^|\s|[>＞;；])(?:({SENDER_LABELS})|({OTHER_LABELS}))\s*\**\s*[:：]")));

/// White space that programs put between the characters of a label, to make all as wide: `主　题`, `抄 送`.
static WIDE_LABEL: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^[\s>*|]*(?:\p{Han}|\p{Hangul}|\p{Katakana}|\p{Hiragana}|[\s\u{3000}]){2,16}[:：]"));

static STRONG: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)^\s*(?:--|——|__)\s*$|",
        r"^\s*(?:sent from (?:my|the|outlook|mail|yahoo|samsung|huawei)\b.{0,80}|get outlook for.{0,60}|获取\s*outlook.{0,60}|",
        r"sent via .{2,60}|sent with .{2,40}|发自我的.{1,60}|发送自.{1,60}|從我的.{1,40}(?:傳送|寄出)|从我的.{1,40}发送|来自我的.{1,40}|通过.{1,30}发送|",
        r"由.{1,40}(?:发送|客户端)|发自.{0,10}(?:iphone|ipad|android|手机|邮箱|outlook|foxmail|企业微信|qq邮箱|网易).{0,40}|",
        r"从\s*windows\s*版.{0,20}发送|发送自\s*windows.{0,30}|von meinem .{2,40} gesendet|envoyé de mon .{2,40}|",
        r"download .{2,40} (?:for|on) (?:ios|android).{0,20})\s*$"
    ))
});

static DISCLAIMER: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)^[\s*_【\[(（]*(?:",
        r"(?:confidentiality|legal|privacy|disclaimer|confidential)\s*(?:notice|note|disclaimer)?\s*[:：*]|",
        r"(?:this|the information (?:contained )?in this|the contents of this)\s+(?:e-?mail|message|communication|transmission)\b.{0,120}(?:confidential|intended|privileged|attachments?|virus)|",
        r"if you (?:are not the intended|have received this)|please consider the environment|",
        r"本(?:电子)?(?:邮件|郵件).{0,60}(?:保密|机密|機密|仅|僅|附件|收件人)|此(?:电子)?邮件.{0,60}(?:保密|机密|仅|附件)|",
        r"(?:保密|免责|法律|隐私|机密)(?:声明|聲明|提示|提醒|条款)|如(?:果)?您(?:并)?(?:不是|非).{0,10}收件人|若(?:您|阁下)并?非.{0,12}收件人|",
        r"请考虑环境|為環保.{0,20}",
        r")"
    ))
});

/// Words that end a mail, folded.
const STRONG_WORDS: [&str; 44] = [
    "此致",
    "敬礼",
    "敬礼!",
    "此致敬礼",
    "祝好",
    "祝安",
    "祝商祺",
    "商祺",
    "顺祝商祺",
    "顺颂商祺",
    "即颂商祺",
    "敬颂商祺",
    "顺祝",
    "祝工作顺利",
    "祝您工作顺利",
    "祝你工作顺利",
    "顺颂时祺",
    "时祺",
    "敬上",
    "谨上",
    "以上",
    "bestregards",
    "kindregards",
    "warmregards",
    "regards",
    "best",
    "bestwishes",
    "allthebest",
    "sincerely",
    "yourssincerely",
    "sincerelyyours",
    "yoursfaithfully",
    "yourstruly",
    "respectfully",
    "withbestregards",
    "withkindregards",
    "cordially",
    "cheers",
    "rgds",
    "br",
    "thanks&regards",
    "thanksandregards",
    "thanks&bestregards",
    "mitfreundlichengrüßen",
];

/// Words that thank, folded.
const WEAK_WORDS: [&str; 20] = [
    "谢谢",
    "谢谢您",
    "谢谢你",
    "谢谢大家",
    "多谢",
    "感谢",
    "感谢!",
    "非常感谢",
    "十分感谢",
    "谢了",
    "谢谢支持",
    "辛苦了",
    "麻烦了",
    "有劳",
    "thanks",
    "thankyou",
    "manythanks",
    "thanksalot",
    "thx",
    "thankyouverymuch",
];

/// Words that begin a mail, folded.
const GREETINGS: [&str; 30] = [
    "你好",
    "您好",
    "大家好",
    "hi",
    "hello",
    "dear",
    "hey",
    "goodmorning",
    "goodafternoon",
    "goodevening",
    "各位",
    "尊敬的",
    "亲爱的",
    "早上好",
    "上午好",
    "下午好",
    "晚上好",
    "hithere",
    "dearall",
    "hiall",
    "allhi",
    "同事们",
    "老师好",
    "tous",
    "to",
    "all",
    "team",
    "各位同事",
    "各位领导",
    "同事",
];

/// What another mail is introduced by, if the line does so.
pub(super) fn introduction(line: &str) -> Option<Introduction> {
    if line.chars().count() > PHRASE_CHARS_MAX {
        return None;
    }
    if FORWARDED.is_match(line) {
        Some(Introduction::Forwarded)
    } else if ORIGINAL.is_match(line) {
        Some(Introduction::Original)
    } else if WROTE.is_match(line) {
        Some(Introduction::Wrote)
    } else {
        None
    }
}

/// Whether a line could be the beginning of an introduction that is broken over several lines.
pub(super) fn may_begin_introduction(line: &str) -> bool {
    let start = line.trim_start_matches(['>', ' ', '*']);
    let begins = ["On ", "At ", "在", "于", "Am ", "Le ", "El ", "Il ", "Em ", "Op ", "Den ", "W dniu "];
    begins.iter().any(|begin| start.starts_with(begin))
        || start.starts_with(|c: char| c.is_ascii_digit())
        || start.contains('@')
}

/// Whether a line is one of the header that stands above a quoted mail: `Some(true)` for its sender.
pub(super) fn header_line(line: &str) -> Option<bool> {
    if line.chars().count() > 4 * PHRASE_CHARS_MAX {
        return None;
    }
    if let Some(label) = WIDE_LABEL.find(line) {
        let narrow: String = label.as_str().chars().filter(|c| !c.is_whitespace()).collect();
        return HEADER_LINE.captures(&narrow).map(|found| found.get(1).is_some());
    }
    HEADER_LINE.captures(line).map(|found| found.get(1).is_some())
}

/// Whether a line is the whole header of a quoted mail: it begins with the sender, or names one, and at least two further things.
pub(super) fn is_joined_header(line: &str) -> bool {
    if line.chars().count() > 4 * PHRASE_CHARS_MAX || !line.contains('@') || header_line(line).is_none() {
        return false;
    }
    let found: Vec<bool> = HEADER_LABELS.captures_iter(line).map(|found| found.get(1).is_some()).collect();
    found.len() >= 3 && found.contains(&true)
}

/// Whether a line ends what its author says.
pub(super) fn sign_off(line: &str) -> Option<SignOff> {
    if line == "-- " || STRONG.is_match(line) || is_disclaimer(line) {
        return Some(SignOff::Strong);
    }
    let form = folded(line);
    if form.is_empty() || form.chars().count() > SIGN_OFF_CHARS_MAX {
        return None;
    }
    let bare = form.trim_matches(|c: char| !c.is_alphanumeric() && c != '&');
    if STRONG_WORDS.contains(&bare) {
        Some(SignOff::Strong)
    } else if WEAK_WORDS.contains(&bare) {
        Some(SignOff::Weak)
    } else {
        None
    }
}

fn is_disclaimer(line: &str) -> bool {
    DISCLAIMER.is_match(line)
}

/// Whether a line says that a new record follows: `新客户：`, `请新增一家客户。`, `Please add this customer.` A word alone does not: people wish a happy new year.
pub(super) fn announces(line: &str) -> bool {
    const NEW: [&str; 10] = ["新增", "新建", "新客户", "新开", "录入", "登记", "添加", "建档", "补录", "开户"];
    const NEW_WORDS: [&str; 6] = ["new", "add", "create", "register", "enter", "open"];
    const WHAT: [&str; 5] = ["客户", "记录", "一家", "资料", "档案"];
    const WHAT_WORDS: [&str; 7] = ["customer", "customers", "client", "clients", "record", "records", "account"];
    let line = line.trim();
    if line.is_empty() || line.chars().count() > ANNOUNCEMENT_CHARS_MAX {
        return false;
    }
    let lower = line.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    let says = |texts: &[&str], single: &[&str]| {
        texts.iter().any(|text| lower.contains(text)) || words.iter().any(|word| single.contains(word))
    };
    says(&NEW, &NEW_WORDS) && (line.ends_with([':', '：']) || says(&WHAT, &WHAT_WORDS))
}

/// Whether a line greets: `你好：`, `Dear Mr Wang,`.
pub(super) fn is_greeting(line: &str) -> bool {
    let form = folded(line);
    let bare = form.trim_end_matches(|c: char| !c.is_alphanumeric());
    if bare.is_empty() || bare.chars().count() > 30 {
        return false;
    }
    GREETINGS.contains(&bare)
        || GREETINGS.iter().take(18).any(|word| bare.starts_with(word))
        || bare.ends_with("你好")
        || bare.ends_with("您好")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn introductions_of_mail_programs() {
        for (line, expected) in [
            ("On Sat, Nov 28, 2026 at 9:00 AM Wang Fang <wang.fang@example.com> wrote:", Some(Introduction::Wrote)),
            ("在 2026年11月28日 09:00，王芳 <wang.fang@example.com> 写道：", Some(Introduction::Wrote)),
            ("在 2026-11-28 09:00:00，\"王芳\" <wang.fang@example.com> 写道：", Some(Introduction::Wrote)),
            ("王芳 <wang.fang@example.com> 于2026年11月28日周六 09:00写道：", Some(Introduction::Wrote)),
            ("2026年11月28日 上午9:00，王芳 <wang.fang@example.com> 写道：", Some(Introduction::Wrote)),
            ("At 2026-11-28 09:00:00, \"Wang\" <wang@example.com> wrote:", Some(Introduction::Wrote)),
            ("------------------ 原始邮件 ------------------", Some(Introduction::Original)),
            ("-----Original Message-----", Some(Introduction::Original)),
            ("-----邮件原件-----", Some(Introduction::Original)),
            ("---- 回复的原邮件 ----", Some(Introduction::Original)),
            ("---------- Forwarded message ---------", Some(Introduction::Forwarded)),
            ("-------- 转发的消息 --------", Some(Introduction::Forwarded)),
            ("-------- 转发邮件信息 --------", Some(Introduction::Forwarded)),
            ("Begin forwarded message:", Some(Introduction::Forwarded)),
            ("----邮件原文----", Some(Introduction::Original)),
            ("---- On Fri, 27 Nov 2026 09:00:00 +0800 Wang <w@example.com> wrote ----", Some(Introduction::Wrote)),
            ("王芳 于 11月27日 说：", Some(Introduction::Wrote)),
            ("客户在电话里说：", None),
            ("Am 28.11.2026 um 09:00 schrieb Wang <wang@example.com>:", Some(Introduction::Wrote)),
            ("On Friday we met them.", None),
            ("客户在电话里写道", None),
            ("备注：客户在合同上写道：同意", None),
            ("-----", None),
        ] {
            assert_eq!(introduction(line), expected, "{line}");
        }
    }

    #[test]
    fn sign_offs() {
        for (line, expected) in [
            ("-- ", Some(SignOff::Strong)),
            ("--", Some(SignOff::Strong)),
            ("此致", Some(SignOff::Strong)),
            ("Best Regards,", Some(SignOff::Strong)),
            ("发自我的iPhone", Some(SignOff::Strong)),
            ("Sent from my iPhone", Some(SignOff::Strong)),
            ("本邮件及其附件含有示例公司的保密信息，仅限于发送给上面地址中列出的个人或群组。", Some(SignOff::Strong)),
            ("This email and any attachments are confidential.", Some(SignOff::Strong)),
            ("谢谢！", Some(SignOff::Weak)),
            ("Thanks!", Some(SignOff::Weak)),
            ("谢谢，请更新以下客户", None),
            ("-----", None),
            ("电话：13800138000", None),
        ] {
            assert_eq!(sign_off(line), expected, "{line}");
        }
    }

    #[test]
    fn header_lines_and_greetings() {
        assert_eq!(header_line("发件人: 王芳 <w@example.com>"), Some(true));
        assert_eq!(header_line("*From:* Wang"), Some(true));
        assert_eq!(header_line("发送时间：2026年11月28日"), Some(false));
        assert_eq!(header_line("电话：1"), None);
        assert_eq!(header_line("发 件 人：王芳"), Some(true));
        assert_eq!(header_line("日\u{3000}期：2026年11月27日"), Some(false));
        assert_eq!(header_line("差出人: a <a@example.com>"), Some(true));
        assert_eq!(header_line("보낸 사람: a <a@example.com>"), Some(true));
        assert!(is_joined_header("发件人： 王芳 <w@example.com> 发送时间： 2026年 收件人： 李 主题： x"));
        assert!(!is_joined_header("发件人：王芳，电话：1，地址：x@y"));
        assert!(is_greeting("王经理，您好！") && is_greeting("Dear Ms Li,") && is_greeting("各位同事："));
        assert!(!is_greeting("客户编号：C-000001"));
    }
}
