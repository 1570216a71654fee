//! 公民身份号码: the number of a citizen, GB 11643-1999.
//!
//! Eighteen characters: an administrative code of six digits (GB/T 2260), the day of birth, a number of three digits among those born there that
//! day, odd for men and even for women, and a check digit (ISO 7064, MOD 11-2), where X is ten.
//!
//! Residence permits for people from Hong Kong, Macao and Taiwan have the codes 810000, 820000 and 830000; the identity cards of
//! foreigners who live in China begin with 9, followed by a province's two digits.

use crate::is_province;

/// The weight of the i-th of the first seventeen digits is 2^(18-i) modulo 11.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// The check digit for each remainder modulo 11.
const CHECK_DIGITS: &[u8; 11] = b"10X98765432";

/// What is wrong with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It doesn't have eighteen characters.
    Length,
    /// It has something other than digits, and an X at the end.
    Digits,
    /// The last character doesn't fit the others.
    CheckDigit,
    /// The first digits are no administrative code.
    Region,
}

/// What a number says of its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Citizen {
    /// Year, month and day of birth as they stand there: the calendar may not have such a day.
    pub born: (u16, u8, u8),
    /// Whether the holder is a man.
    pub is_male: bool,
}

/// Reads a number, whose X is a capital one.
pub fn read(number: &str) -> Result<Citizen, Fault> {
    if number.chars().count() != 18 {
        return Err(Fault::Length);
    }
    let digits = <&[u8; 18]>::try_from(number.as_bytes()).map_err(|_| Fault::Digits)?;
    let (first, check) = (&digits[..17], digits[17]);
    if !first.iter().all(u8::is_ascii_digit) || !(check.is_ascii_digit() || check == b'X') {
        return Err(Fault::Digits);
    }
    if check_digit(first) != check {
        return Err(Fault::CheckDigit);
    }
    let of_foreigner = digits[0] == b'9' && is_province(digits[1], digits[2]);
    if !(of_foreigner || is_province(digits[0], digits[1]) || digits.starts_with(b"830000")) {
        return Err(Fault::Region);
    }
    let number = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0_u16, |sum, digit| sum * 10 + u16::from(digit - b'0'))
    };
    let small = |number: u16| u8::try_from(number).unwrap_or(u8::MAX);
    Ok(Citizen { born: (number(6..10), small(number(10..12)), small(number(12..14))), is_male: digits[16] % 2 == 1 })
}

fn check_digit(first: &[u8]) -> u8 {
    let sum: u32 = first.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    CHECK_DIGITS[(sum % 11) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(first: &str) -> String {
        format!("{first}{}", char::from(check_digit(first.as_bytes())))
    }

    #[test]
    fn the_weights_are_powers_of_two() {
        let mut power = 2;
        for weight in WEIGHTS.into_iter().rev() {
            assert_eq!(weight, power);
            power = power * 2 % 11;
        }
    }

    #[test]
    fn a_number_says_day_of_birth_and_sex() {
        // GB 11643-1999 gives 11010519491231002X as its example.
        assert_eq!(read("11010519491231002X"), Ok(Citizen { born: (1949, 12, 31), is_male: false }));
        assert_eq!(read("440524188001010014"), Ok(Citizen { born: (1880, 1, 1), is_male: true }));
        assert_eq!(read(&completed("83000019900102000")).map(|citizen| citizen.born), Ok((1990, 1, 2)));
        assert_eq!(read(&completed("91115619900102000")).map(|citizen| citizen.born), Ok((1990, 1, 2)));
    }

    #[test]
    fn each_fault_has_its_name() {
        assert_eq!(read("11010519491231002x"), Err(Fault::Digits));
        assert_eq!(read("11010519491231O02X"), Err(Fault::Digits));
        assert_eq!(read("１1010519491231002X"), Err(Fault::Digits));
        assert_eq!(read("110105491231002"), Err(Fault::Length));
        assert_eq!(read("110105194912310021"), Err(Fault::CheckDigit));
        assert_eq!(read(&completed("99010119900101000")), Err(Fault::Region));
        assert_eq!(read(&completed("01010119900101000")), Err(Fault::Region));
    }

    #[test]
    fn any_single_wrong_digit_and_any_exchange_of_neighbours_is_found() {
        let number = completed("11010119900102000");
        for at in 0..18 {
            for other in b"0123456789X".iter().filter(|other| **other != number.as_bytes()[at]) {
                let mut wrong = number.clone().into_bytes();
                wrong[at] = *other;
                assert!(read(std::str::from_utf8(&wrong).expect("ASCII")).is_err(), "{at} {other}");
            }
            let mut exchanged = number.clone().into_bytes();
            exchanged.swap(at, (at + 1).min(17));
            assert!(
                exchanged == number.as_bytes() || read(std::str::from_utf8(&exchanged).expect("ASCII")).is_err(),
                "{at}"
            );
        }
    }
}
