//! One binary for all tests that stand outside the sources: the sources by their architecture, the program by its
//! contract, the patch over files from the wild, the whole under simulated power cuts.

mod architecture;
mod contract;
mod patching;
mod sim;
