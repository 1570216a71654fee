//! Formats of a text: which are refused. The text is kept as it was written; what it is compared by is in
//! `model::compare`.

use crate::model::compare::{folded, phone};
use crate::model::{Field, Format};

use super::fault::Fault;

const NOT_AN_EMAIL: Fault =
    Fault::new("not-an-email", "is not an e-mail address", "Write one address, such as li.lei@example.com.");
const NOT_A_PHONE: Fault = Fault::new(
    "not-a-phone",
    "is not a telephone number that can be dialled",
    "Write one number with its area or country code, such as 010-65529988 转 8001 or +44 20 7946 0958.",
);
const NOT_A_URI: Fault =
    Fault::new("not-a-uri", "is not a web address", "Write it whole, such as https://example.com/.");
const NOT_A_UUID: Fault = Fault::new(
    "not-a-uuid",
    "is not a UUID",
    "A UUID has 32 hexadecimal digits, such as 0190b0a6-7c3e-7d5a-9d0a-1f2e3d4c5b6a.",
);
const NOT_A_USCC: Fault = Fault::new(
    "not-a-uscc",
    "is not a 统一社会信用代码",
    "It has 18 digits and capital letters, without I, O, S, V and Z. Compare it with the licence.",
);
const USCC_CHECK: Fault = Fault::new(
    "not-a-uscc",
    "is not a 统一社会信用代码: its check character is wrong",
    "At least one character is mistyped. Compare it with the licence.",
);
const NOT_A_CN_ID: Fault = Fault::new(
    "not-a-cn-id",
    "is not a 公民身份号码",
    "It has 17 digits and a check digit or X. Format the column as text.",
);
const CN_ID_BIRTH: Fault = Fault::new(
    "not-a-cn-id",
    "is not a 公民身份号码: there is no such date of birth",
    "At least one digit is mistyped. Compare it with the card.",
);
const CN_ID_CHECK: Fault = Fault::new(
    "not-a-cn-id",
    "is not a 公民身份号码: its check digit is wrong",
    "At least one digit is mistyped. Compare it with the card.",
);

/// Refuses a text that does not have the format.
pub(super) fn check(text: &str, format: Format, field: &Field) -> Result<(), Fault> {
    let accept = |accepted: bool, fault: Fault| if accepted { Ok(()) } else { Err(fault) };
    match format {
        Format::Email => accept(is_email(text), NOT_AN_EMAIL),
        Format::Phone => accept(phone::dialled(text, &field.region).is_some(), NOT_A_PHONE),
        Format::Uri => accept(is_uri(text), NOT_A_URI),
        Format::Uuid => accept(uuid::Uuid::try_parse(&folded(text)).is_ok(), NOT_A_UUID),
        Format::Uscc => check_uscc(text),
        Format::CnId => check_cn_id(text),
    }
}

/// One address of RFC 5321, letters of any script allowed (RFC 6531), without quoted or numeric forms.
///
/// Full-width letters are refused: the text is kept as written, and no mail would reach them.
fn is_email(text: &str) -> bool {
    const LOCAL_BYTES_MAX: usize = 64;
    const ADDRESS_BYTES_MAX: usize = 254;
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_char = |c: char| is_letter_or_digit(c) || "!#$%&'*+/=?^_`{|}~-".contains(c);
    let local_ok =
        local.len() <= LOCAL_BYTES_MAX && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(local_char));
    local_ok && text.len() <= ADDRESS_BYTES_MAX && is_host(domain)
}

/// A domain with at least two labels, the last not a number.
fn is_host(domain: &str) -> bool {
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| is_letter_or_digit(c) || c == '-')
    };
    let mut labels = domain.rsplit('.');
    let last_ok = labels.next().is_some_and(|last| label_ok(last) && last.chars().any(|c| !c.is_ascii_digit()));
    last_ok && domain.contains('.') && labels.all(label_ok)
}

/// Full-width forms (U+FF00 to U+FFEF) are letters to Unicode and mistakes in an address.
fn is_letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || (c.is_alphanumeric() && !c.is_ascii() && !matches!(c, '\u{ff00}'..='\u{ffef}'))
}

/// An absolute URI of RFC 3986: a scheme, then something without white space; for the web, a host.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !scheme_ok || rest.is_empty() || rest.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"".contains(c))
    {
        return false;
    }
    if !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")) {
        return true;
    }
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|host| !host.is_empty() && !host.starts_with(':'))
}

/// GB 32100-2015: 18 characters, the last one a check character modulo 31.
fn check_uscc(text: &str) -> Result<(), Fault> {
    const CHARACTERS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let mut code = folded(text);
    code.make_ascii_uppercase();
    let numbers: Vec<usize> = code.bytes().map_while(|b| CHARACTERS.iter().position(|c| *c == b)).collect();
    if code.len() != 18 || numbers.len() != 18 {
        return Err(NOT_A_USCC);
    }
    let sum: usize = numbers.iter().zip(WEIGHTS).map(|(number, weight)| number * weight).sum();
    if (31 - sum % 31) % 31 == numbers[17] { Ok(()) } else { Err(USCC_CHECK) }
}

/// GB 11643-1999: six digits of a region, a date of birth, three of a sequence, a check digit modulo 11 (X is ten).
fn check_cn_id(text: &str) -> Result<(), Fault> {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const CHECKS: &[u8; 11] = b"10x98765432";
    let id = folded(text);
    let Some((&check, digits)) = id.as_bytes().split_last() else { return Err(NOT_A_CN_ID) };
    let proper = digits.len() == 17 && digits.iter().all(u8::is_ascii_digit) && digits[0] != b'0';
    if !proper || !(check.is_ascii_digit() || check == b'x') {
        return Err(NOT_A_CN_ID);
    }
    let number = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0_i16, |number, digit| number * 10 + i16::from(digit - b'0'))
    };
    let small = |number: i16| i8::try_from(number).unwrap_or(0);
    let birth = jiff::civil::Date::new(number(6..10), small(number(10..12)), small(number(12..14)));
    if birth.is_err() || number(6..10) < 1800 {
        return Err(CN_ID_BIRTH);
    }
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    if CHECKS[(sum % 11) as usize] == check { Ok(()) } else { Err(CN_ID_CHECK) }
}

#[cfg(test)]
mod tests {
    use crate::extract::sample::{check, formatted};
    use crate::model::Format;

    #[track_caller]
    fn check_format(format: Format, code: &str, kept: &[&str], refused: &[&str]) {
        let field = formatted(format);
        for written in kept {
            check(&field, &[(*written, *written)]);
        }
        for written in refused {
            check(&field, &[(*written, code)]);
        }
    }

    #[test]
    fn email() {
        check_format(
            Format::Email,
            "!not-an-email",
            &["li.lei@example.com", "Li.Lei+a@EXAMPLE.com", "李雷@例子.中国", "a@b-c.co"],
            &[
                "li.lei",
                "@example.com",
                "li@",
                "li@example",
                "li lei@example.com",
                "li@exa mple.com",
                "li..lei@example.com",
                "li@-a.com",
                "li@example.com.",
                "li@1.2.3.4",
                "li@example。com",
                "ｌｉ@example.com",
                "a@b.com; c@d.com",
                "Li <li@example.com>",
                "li＠example.com",
            ],
        );
    }

    #[test]
    fn phone() {
        check_format(
            Format::Phone,
            "!not-a-phone",
            &[
                "13800138000",
                "138 0013 8000",
                "138-0013-8000",
                "+86 13800138000",
                "0086-13800138000",
                "１３８００１３８０００",
                "010-65529988",
                "(010) 6552 9988",
                "010-65529988转8001",
                "010-65529988 x8001",
                "010-65529988 分机 8001",
                "+86 (0)10 6552 9988",
                "+44 20 7946 0958",
                "400-820-8820",
                "95588",
                "6552 9988",
            ],
            &[
                "138001380001",
                "1380013800",
                "138****8000",
                "电话",
                "12",
                "13800138000/13900139000",
                "010-65529988转",
                "+99 123",
                "x8001",
            ],
        );
    }

    #[test]
    fn uri() {
        check_format(
            Format::Uri,
            "!not-a-uri",
            &["https://example.com", "http://例子.中国/路径?a=b", "mailto:li@example.com", "HTTPS://example.com/"],
            &["www.example.com", "https://", "http:example.com", "https://exa mple.com", "1a:b", ":b", "https:"],
        );
    }

    #[test]
    fn uuid() {
        check_format(
            Format::Uuid,
            "!not-a-uuid",
            &["0190b0a6-7c3e-7d5a-9d0a-1f2e3d4c5b6a", "0190B0A67C3E7D5A9D0A1F2E3D4C5B6A"],
            &["0190b0a6-7c3e-7d5a-9d0a-1f2e3d4c5b6", "x190b0a6-7c3e-7d5a-9d0a-1f2e3d4c5b6a"],
        );
    }

    /// The numbers here and below are examples of the standards, or these with a slip.
    #[test]
    fn uscc() {
        check_format(
            Format::Uscc,
            "!not-a-uscc",
            &["91350100M000100Y43", "91350100m000100y43", "9135 0100 M000 100Y 43"],
            &[
                "91350100M000100Y44",
                "91350100M000100Y4",
                "91350100M00010OY43",
                "91350100M000100Y431",
                "统一社会信用代码",
            ],
        );
    }

    #[test]
    fn cn_id() {
        check_format(
            Format::CnId,
            "!not-a-cn-id",
            &["11010519491231002X", "11010519491231002x", "440524188001010014"],
            &[
                "110105194912310021",
                "11010519491331002X",
                "11010519490229002X",
                "1101051949123100",
                "01010519491231002X",
                "X",
            ],
        );
    }
}
