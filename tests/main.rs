//! One binary for all tests that stand outside the sources: the sources by their architecture, the program by its
//! contract, forged senders, the patch over files from the wild, the whole under simulated power cuts and beside the programs that office people use.

mod architecture;
mod contract;
mod forgery;
mod patching;
mod programs;
mod sim;
