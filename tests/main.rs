//! One binary for all tests that stand outside the sources: the sources by their architecture, the program by its contract.

mod architecture;
mod contract;
