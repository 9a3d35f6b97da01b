//! The command line of `dolmetsch`.

fn main() {}
