//! One file for each subcommand: reads the options, calls the library, prints.

pub mod align;
pub mod batch;
mod batch_progress;
pub mod bench;
mod calibrate;
pub mod check;
pub mod compare;
pub mod completions;
pub mod config;
mod download_bars;
mod interrupt;
mod language_check;
mod machine;
pub mod man;
pub mod models;
mod output;
mod pairs;
mod progress;
pub mod segment;
mod summary;
mod table;
mod targets;
pub mod tokenize;
pub mod translate;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use dolmetsch::Segmenter;
use dolmetsch::reader::{Decoded, TextEncoding};

/// The input of a command as UTF-8, and its name for messages.
fn open(
    path: Option<&Path>,
    encoding: TextEncoding,
) -> dolmetsch::Result<(String, Box<dyn BufRead>)> {
    let (name, input): (String, Box<dyn Read>) = match path {
        Some(path) if path != Path::new("-") => {
            let file = File::open(path).map_err(dolmetsch::Error::io("open", path))?;
            (path.display().to_string(), Box::new(file))
        }
        _ => ("standard input".to_owned(), Box::new(io::stdin().lock())),
    };
    Ok((
        name,
        Box::new(BufReader::new(Decoded::new(input, encoding))),
    ))
}

/// German rules, with the abbreviations of a file, one a line; lines that start
/// with # are comments.
fn segmenter(abbreviations: Option<&Path>) -> dolmetsch::Result<Segmenter> {
    let Some(path) = abbreviations else {
        return Ok(Segmenter::german());
    };
    let more = std::fs::read_to_string(path).map_err(dolmetsch::Error::io("read", path))?;
    let more = more
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(Segmenter::german().with_abbreviations(more))
}
