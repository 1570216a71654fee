//! Mails that staff send to an address of Daybook's.

pub mod sender;
