//! One file for each subcommand: reads the options, calls the library, prints.

pub mod tokenize;
pub mod translate;
