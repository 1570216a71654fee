//! One binary for all tests that stand outside the sources: the sources by their architecture, the program by its
//! contract, the whole under simulated power cuts, and together with the programs that office people use.

mod architecture;
mod contract;
mod programs;
mod sim;
