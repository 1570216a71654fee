//! Telephone numbers as people write them, to E.164 (ITU-T) with the extension of RFC 3966: `+861065529988;ext=123`.
//!
//! Mobile numbers, fixed lines with their area code (区号) and service numbers (400, 800) of the mainland are known by the numbering plan (工业和信息化部,
//! 《电信网编号计划》). Numbers of other countries are taken if they have their country code.

/// How far a number could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// In E.164, with `;ext=` if it has an extension.
    Number(String),
    /// A fixed line without its area code.
    Local,
    /// No telephone number, or several of them.
    None,
}

/// The marks that an extension follows.
const EXTENSION_MARKS: [&str; 10] = [";ext=", "转分机", "分机号", "分机", "转", "轉", "extension", "ext", "#", "x"];
/// The most digits of an extension.
const EXTENSION_DIGITS_MAX: usize = 6;

/// First and last of the area codes of three digits, without the zero in front. Those of two digits are 10 and 20 to 29.
const AREAS: [(u16, u16); 55] = [
    (310, 319),
    (335, 335),
    (349, 359),
    (370, 379),
    (391, 396),
    (398, 398),
    (411, 419),
    (421, 421),
    (427, 427),
    (429, 429),
    (431, 439),
    (451, 459),
    (464, 464),
    (467, 470),
    (471, 479),
    (482, 483),
    (510, 519),
    (523, 523),
    (527, 527),
    (530, 539),
    (543, 543),
    (546, 546),
    (550, 559),
    (561, 564),
    (566, 566),
    (570, 580),
    (591, 599),
    (631, 635),
    (660, 660),
    (662, 663),
    (668, 668),
    (691, 692),
    (701, 701),
    (710, 719),
    (722, 722),
    (724, 724),
    (728, 728),
    (730, 739),
    (743, 746),
    (750, 760),
    (762, 763),
    (766, 766),
    (768, 779),
    (790, 799),
    (812, 813),
    (816, 818),
    (825, 839),
    (851, 859),
    (870, 879),
    (883, 888),
    (891, 898),
    (901, 919),
    (930, 943),
    (951, 955),
    (970, 999),
];

/// Reads a number. `area` is the area code for numbers without one, without the zero in front, like `755`.
pub fn read(text: &str, area: Option<&str>) -> Reading {
    let text: String = text.chars().map(half_width).collect::<String>().to_lowercase();
    let Some((main, extension)) = split_extension(&text) else { return Reading::None };
    let Some(digits) = digits_of(main) else { return Reading::None };
    let number = match number(&digits, area) {
        Reading::Number(number) => number,
        other => return other,
    };
    Reading::Number(match extension {
        Some(extension) => format!("{number};ext={extension}"),
        None => number,
    })
}

/// Letters, digits and signs of double width as single ones.
fn half_width(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        '\u{3000}' | '\u{a0}' => ' ',
        _ => letter,
    }
}

/// The number and its extension; `None` if there is a mark and no extension after it.
fn split_extension(text: &str) -> Option<(&str, Option<String>)> {
    let Some((main, tail)) = EXTENSION_MARKS.iter().find_map(|mark| text.split_once(mark)) else {
        // `0755-12345678-801`: what follows a whole fixed line is its extension.
        return Some(third_group(text).map_or((text, None), |(main, tail)| (main, Some(tail.to_owned()))));
    };
    let extension: String = tail.chars().filter(|letter| !matches!(letter, ' ' | '.' | ':' | '-' | '号')).collect();
    let fits =
        (1..=EXTENSION_DIGITS_MAX).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_digit());
    fits.then_some((main, Some(extension)))
}

/// Cuts `0755-12345678-801` before its last group.
fn third_group(text: &str) -> Option<(&str, &str)> {
    let (main, last) = text.trim().rsplit_once('-')?;
    let (area, local) = main.rsplit_once('-')?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = area.trim_end_matches(')').ends_with(|letter: char| letter.is_ascii_digit()) && is_local(local);
    (whole && is_digits(last) && last.len() <= EXTENSION_DIGITS_MAX).then_some((main, last))
}

/// The digits, with `+` if it is in front; `None` if something stands between that doesn't belong to a number.
fn digits_of(main: &str) -> Option<String> {
    let main = main.trim();
    let main = main.strip_prefix("tel:").unwrap_or(main);
    // The zero in `+86 (0)10 …` is not dialled after a country code.
    let main = if main.starts_with('+') { main.replace("(0)", "") } else { main.to_owned() };
    let mut digits = String::new();
    for letter in main.chars() {
        match letter {
            '0'..='9' => digits.push(letter),
            '+' if digits.is_empty() => digits.push(letter),
            ' ' | '-' | '(' | ')' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}' => {}
            _ => return None,
        }
    }
    Some(digits)
}

fn number(digits: &str, area: Option<&str>) -> Reading {
    let abroad = digits.strip_prefix('+').or_else(|| digits.strip_prefix("00"));
    if let Some(abroad) = abroad {
        return match abroad.strip_prefix("86") {
            Some(national) => mainland(national.strip_prefix('0').unwrap_or(national)),
            // A country code and a number: E.164 allows 15 digits together.
            None if (8..=15).contains(&abroad.len()) && !abroad.starts_with('0') => {
                Reading::Number(format!("+{abroad}"))
            }
            None => Reading::None,
        };
    }
    if let Some(trunk) = digits.strip_prefix('0') {
        return mainland(trunk);
    }
    if let Some(mobile) = digits.strip_prefix("86").filter(|rest| is_mobile(rest)) {
        return mainland(mobile);
    }
    if is_mobile(digits) || is_service(digits) {
        return mainland(digits);
    }
    if !is_local(digits) {
        return Reading::None;
    }
    area.map_or(Reading::Local, |area| mainland(&format!("{area}{digits}")))
}

/// A number of the mainland, without the zero in front.
fn mainland(national: &str) -> Reading {
    if is_mobile(national) || is_service(national) || is_fixed(national) {
        Reading::Number(format!("+86{national}"))
    } else {
        Reading::None
    }
}

/// Eleven digits from 13 to 19.
fn is_mobile(digits: &str) -> bool {
    digits.len() == 11 && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..])
}

/// Ten digits that begin with 400 or 800.
fn is_service(digits: &str) -> bool {
    digits.len() == 10 && (digits.starts_with("400") || digits.starts_with("800"))
}

/// An area code and seven or eight digits; eight where the area code has two.
fn is_fixed(digits: &str) -> bool {
    let short = digits.starts_with("10") || digits.starts_with('2');
    let (area, local) = digits.split_at_checked(if short { 2 } else { 3 }).unwrap_or_default();
    is_area(area) && is_local(local) && (local.len() == 8 || !short)
}

/// Whether this is an area code, without the zero in front.
pub fn is_area(area: &str) -> bool {
    match area.as_bytes() {
        b"10" => true,
        [b'2', ones] => ones.is_ascii_digit() && *ones != b'6',
        [_, _, _] => {
            let number = area.parse().unwrap_or(0);
            AREAS.iter().any(|(first, last)| (*first..=*last).contains(&number))
        }
        _ => false,
    }
}

/// Seven or eight digits that begin with neither 0 nor 1.
fn is_local(digits: &str) -> bool {
    matches!(digits.len(), 7 | 8) && !digits.starts_with(['0', '1']) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Reading {
        Reading::Number(text.to_owned())
    }

    #[test]
    fn the_area_codes_are_in_order_and_do_not_overlap() {
        assert!(AREAS.iter().all(|(first, last)| first <= last));
        assert!(AREAS.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn mobile_numbers() {
        for written in [
            "13800138000",
            "138 0013 8000",
            "138-0013-8000",
            "+86 138 0013 8000",
            "008613800138000",
            "86-13800138000",
            "013800138000",
            "１３８００１３８０００",
            "tel:+8613800138000",
            "+8613800138000",
        ] {
            assert_eq!(read(written, None), number("+8613800138000"), "{written}");
        }
        assert_eq!(read("12800138000", None), Reading::None);
        assert_eq!(read("1380013800", None), Reading::None);
    }

    #[test]
    fn fixed_lines() {
        for (written, meant) in [
            ("010-6552 9988", "+861065529988"),
            ("（010）65529988", "+861065529988"),
            ("+86 (0)10 6552 9988", "+861065529988"),
            ("0086-10-65529988", "+861065529988"),
            ("021 6552 9988", "+862165529988"),
            ("0755-2655998", "+867552655998"),
            ("0755-26559988", "+8675526559988"),
            ("400-800-1234", "+864008001234"),
        ] {
            assert_eq!(read(written, None), number(meant), "{written}");
        }
        assert_eq!(read("6552 9988", None), Reading::Local);
        assert_eq!(read("6552 9988", Some("10")), number("+861065529988"));
        for written in ["010-655299", "0326-5552998", "026-65529988", "0755-16559988"] {
            assert_eq!(read(written, None), Reading::None, "{written}");
        }
    }

    #[test]
    fn extensions_are_kept() {
        for written in [
            "010-65529988转801",
            "010-65529988 ext. 801",
            "010-65529988#801",
            "010-65529988-801",
            "(010)65529988 分机：801",
            "+861065529988;ext=801",
            "010-65529988 x801",
        ] {
            assert_eq!(read(written, None), number("+861065529988;ext=801"), "{written}");
        }
        assert_eq!(read("010-65529988转", None), Reading::None);
        assert_eq!(read("010-65529988转前台", None), Reading::None);
    }

    #[test]
    fn numbers_abroad_need_their_country_code() {
        assert_eq!(read("+49 30 901820", None), number("+4930901820"));
        assert_eq!(read("0044 20 7946 0000", None), number("+442079460000"));
        assert_eq!(read("+852 2123 4567", None), number("+85221234567"));
    }

    #[test]
    fn what_is_no_single_number_is_left_alone() {
        for written in [
            "",
            "无",
            "13800138000/13900139000",
            "13800138000、13900139000",
            "138001380001",
            "张三 13800138000",
            "+",
            "#",
        ] {
            assert_eq!(read(written, None), Reading::None, "{written}");
        }
    }

    #[test]
    fn what_was_made_is_read_as_itself() {
        for written in ["13800138000", "010-65529988转801", "0755-26559988", "+49 30 901820", "400-800-1234"] {
            let Reading::Number(made) = read(written, None) else { panic!("{written}") };
            assert_eq!(read(&made, None), number(&made));
        }
    }
}
