//! One file for each subcommand: reads the options, calls the library, prints.

mod download_bars;
pub mod models;
pub mod segment;
pub mod tokenize;
pub mod translate;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// The input of a command that reads line by line, and its name for messages.
fn open(path: Option<&Path>) -> dolmetsch::Result<(String, Box<dyn BufRead>)> {
    match path {
        Some(path) if path != Path::new("-") => {
            let file = File::open(path).map_err(dolmetsch::Error::io("open", path))?;
            Ok((path.display().to_string(), Box::new(BufReader::new(file))))
        }
        _ => Ok(("standard input".to_owned(), Box::new(io::stdin().lock()))),
    }
}
