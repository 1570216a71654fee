//! One binary for all tests that stand outside the sources: the sources by their architecture, the program by its
//! contract, forged senders, what mails say, the patch over files from the wild, mailboxes on real mail servers and bad ones, the whole under simulated power cuts
//! and beside the programs that office people use.

mod answers;
mod architecture;
mod contract;
mod forgery;
mod mail;
mod mailed;
mod patching;
mod plugins;
mod poison;
mod programs;
mod rules;
mod servers;
mod sim;
