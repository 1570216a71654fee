//! 统一社会信用代码: the unified social credit code of a legal entity, GB 32100-2015.
//!
//! Eighteen characters: the registering department, the kind of entity, an administrative code of six digits (GB/T 2260), the
//! organisation code of nine characters (GB 11714-1997) with a check digit of its own, and the check digit of the whole.

use crate::is_province;

/// The standard's 31 characters in the order of their values: no I, O, S, V and Z.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// The weight of the i-th character is 3^(i-1) modulo 31 (GB 32100, annex).
const WEIGHTS: [u16; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

/// The weights of the organisation code (GB 11714).
const ORGANISATION_WEIGHTS: [u16; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

/// The registering departments that have a character.
const DEPARTMENTS: &[u8] = b"123456789ANY";

/// What is wrong with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It doesn't have eighteen characters.
    Length,
    /// The character at this position, from 1, is none of the standard's: a lower-case letter, one of I, O, S, V and Z, or
    /// anything else.
    Character(usize),
    /// No department has the first character.
    Department,
    /// Characters 3 to 8 are no administrative code.
    Region,
    /// The last character doesn't fit the others.
    CheckDigit,
    /// Character 17, the check digit of the organisation code, doesn't fit the eight before it.
    OrganisationCode,
}

/// Finds what is wrong with a code, the gravest first.
pub fn check(code: &str) -> Result<(), Fault> {
    if let Some(wrong) = code.chars().position(|letter| value_of(letter).is_none()) {
        return Err(if code.chars().count() == 18 { Fault::Character(wrong + 1) } else { Fault::Length });
    }
    // All characters are the standard's, so each is one byte.
    let Ok(code) = <&[u8; 18]>::try_from(code.as_bytes()) else { return Err(Fault::Length) };
    if check_digit(code) != Some(code[17]) {
        return Err(Fault::CheckDigit);
    }
    if !DEPARTMENTS.contains(&code[0]) {
        return Err(Fault::Department);
    }
    let region = &code[2..8];
    // Entities that the State Council's own departments registered have 100000.
    if !region.iter().all(u8::is_ascii_digit) || !(is_province(region[0], region[1]) || region.starts_with(b"10")) {
        return Err(Fault::Region);
    }
    if organisation_digit(code) != Some(code[16]) {
        return Err(Fault::OrganisationCode);
    }
    Ok(())
}

fn value_of(letter: char) -> Option<u16> {
    let byte = u8::try_from(letter).ok()?;
    (0..).zip(ALPHABET).find(|(_, own)| **own == byte).map(|(value, _)| value)
}

/// The check digit that belongs to the first seventeen characters.
fn check_digit(code: &[u8; 18]) -> Option<u8> {
    let mut sum = 0;
    for (byte, weight) in code.iter().zip(WEIGHTS) {
        sum += value_of(char::from(*byte))? * weight;
    }
    ALPHABET.get(usize::from((31 - sum % 31) % 31)).copied()
}

/// The check digit that belongs to the organisation code's eight characters, which count as in base 36.
fn organisation_digit(code: &[u8; 18]) -> Option<u8> {
    let mut sum = 0;
    for (byte, weight) in code[8..16].iter().zip(ORGANISATION_WEIGHTS) {
        sum += u16::try_from(char::from(*byte).to_digit(36)?).ok()? * weight;
    }
    match 11 - sum % 11 {
        10 => Some(b'X'),
        11 => Some(b'0'),
        digit => u8::try_from(digit).ok().map(|digit| b'0' + digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Completes sixteen characters with both check digits.
    fn completed(first: &str) -> String {
        let mut code: [u8; 18] = format!("{first}00").into_bytes().try_into().expect("sixteen characters and two");
        code[16] = organisation_digit(&code).expect("of the alphabet");
        code[17] = check_digit(&code).expect("of the alphabet");
        String::from_utf8(code.to_vec()).expect("of the alphabet")
    }

    #[test]
    fn the_weights_are_powers_of_three() {
        let mut power = 1;
        for weight in WEIGHTS {
            assert_eq!(weight, power);
            power = power * 3 % 31;
        }
    }

    #[test]
    fn the_standards_own_example_is_right() {
        // GB 32100-2015 gives 91350100M000100Y43 as its example.
        assert_eq!(check("91350100M000100Y43"), Ok(()));
    }

    #[test]
    fn any_single_wrong_character_and_any_exchange_of_neighbours_is_found() {
        let code = completed("91110101MA000001");
        assert_eq!(check(&code), Ok(()));
        for at in 0..18 {
            for other in ALPHABET.iter().filter(|other| **other != code.as_bytes()[at]) {
                let mut wrong = code.clone().into_bytes();
                wrong[at] = *other;
                assert!(check(std::str::from_utf8(&wrong).expect("ASCII")).is_err(), "{at} {other}");
            }
            let mut exchanged = code.clone().into_bytes();
            exchanged.swap(at, (at + 1).min(17));
            assert!(
                exchanged == code.as_bytes() || check(std::str::from_utf8(&exchanged).expect("ASCII")).is_err(),
                "{at}"
            );
        }
    }

    #[test]
    fn each_fault_has_its_name() {
        let code = completed("91110101MA000001");
        assert_eq!(check(&code.chars().take(17).collect::<String>()), Err(Fault::Length));
        assert_eq!(check(""), Err(Fault::Length));
        assert_eq!(check(&code.to_lowercase()), Err(Fault::Character(9)));
        assert_eq!(check(&code.replacen('0', "O", 1)), Err(Fault::Character(5)));
        assert_eq!(check("９1110101MA00000136"), Err(Fault::Character(1)));
        assert_eq!(check(&completed("01110101MA000001")), Err(Fault::Department));
        assert_eq!(check(&completed("91990101MA000001")), Err(Fault::Region));
        assert_eq!(check(&completed("91100000MA000001")), Ok(()));
        let mut inner: [u8; 18] = code.clone().into_bytes().try_into().expect("eighteen");
        inner[16] = if inner[16] == b'1' { b'2' } else { b'1' };
        inner[17] = check_digit(&inner).expect("of the alphabet");
        assert_eq!(check(std::str::from_utf8(&inner).expect("ASCII")), Err(Fault::OrganisationCode));
    }
}
