//! The numbers that Chinese offices write down: unified social credit codes, numbers of citizens, telephone numbers.
//!
//! Functions over texts, without anything of Daybook: several plugins share them, and a crate that exports a plugin can't be
//! linked into another one.

pub mod citizen;
pub mod phone;
pub mod uscc;

/// The two digits that the administrative codes of a province begin with (GB/T 2260).
const PROVINCES: [u8; 34] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62, 63,
    64, 65, 71, 81, 82,
];

/// The number that two digits make.
fn two_digits(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

/// Whether two digits begin the administrative codes of a province.
fn is_province(tens: u8, ones: u8) -> bool {
    two_digits(tens, ones).is_some_and(|code| PROVINCES.contains(&code))
}
