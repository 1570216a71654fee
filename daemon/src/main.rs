//! The `daybook` command: parse, load, run.

fn main() {}
