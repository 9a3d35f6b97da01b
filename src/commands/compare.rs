//! `dolmetsch compare`: translations against references.

mod options;

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use dolmetsch::Error;
use dolmetsch::comparison::{
    Comparison, InputFormat, Segments, Style, System, TextColumn, score, write_json, write_latex,
    write_segments, write_text,
};
use dolmetsch::metrics::Signature;

use options::Format;
pub use options::{CompareArgs, with_long_names};

/// Scores the systems, and prints the scores.
pub fn run(options: &CompareArgs) -> anyhow::Result<()> {
    let metrics = options.metrics()?;
    let inputs = inputs(options)?;
    if let Some(threads) = options.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .context("could not start worker threads")?;
    }
    let references: Vec<Segments> = options
        .reference
        .iter()
        .map(|path| read(options, path))
        .collect::<Result<_, _>>()?;
    let systems: Vec<System> = inputs
        .into_iter()
        .map(|path| {
            Ok(System {
                name: path.display().to_string(),
                segments: read(options, path)?,
            })
        })
        .collect::<dolmetsch::Result<_>>()?;
    check_counts(options, &systems, &references)?;
    let hypotheses: Vec<&[String]> = systems
        .iter()
        .map(|system| &system.segments.texts[..])
        .collect();
    let references: Vec<&[String]> = references.iter().map(|text| &text.texts[..]).collect();
    let marks = Signature::default();
    let certainty = options.certainty();
    let comparison = Comparison {
        metrics: metrics
            .iter()
            .map(|metric| score(&**metric, &hypotheses, &references, certainty, &marks))
            .collect(),
        systems: systems.iter().map(|system| system.name.clone()).collect(),
        certainty,
    };
    print(options, &comparison)
}

/// The files of the systems, each once.
fn inputs(options: &CompareArgs) -> dolmetsch::Result<Vec<&Path>> {
    let standard_input = Path::new("-");
    let mut inputs: Vec<&Path> = options
        .hypotheses
        .iter()
        .chain(&options.input)
        .map(PathBuf::as_path)
        .collect();
    if inputs.is_empty() {
        inputs.push(standard_input);
    }
    let all = inputs.iter().copied();
    let all = all.chain(options.reference.iter().map(PathBuf::as_path));
    if all.filter(|path| *path == standard_input).count() > 1 {
        return Err(Error::Options(
            "standard input can be read once: name files for the other texts".to_owned(),
        ));
    }
    let mut names = HashSet::new();
    if let Some(twice) = inputs.iter().find(|path| !names.insert(**path)) {
        return Err(Error::Options(format!(
            "{} is given twice: each system needs a name of its own",
            twice.display()
        )));
    }
    let paired = options.certainty().is_paired();
    if inputs.len() == 1 && paired {
        return Err(Error::Options(
            "a paired test needs several systems: the first one is the baseline".to_owned(),
        ));
    }
    if options.sentence_level && (paired || options.confidence) {
        return Err(Error::Options(
            "--sentence-level has no tests: leave out --confidence and --paired-…".to_owned(),
        ));
    }
    if options.sentence_level && inputs.len() > 1 && options.format != Format::Json {
        return Err(Error::Options(
            "--sentence-level prints one system as text: choose --format json for several"
                .to_owned(),
        ));
    }
    Ok(inputs)
}

fn read(options: &CompareArgs, path: &Path) -> dolmetsch::Result<Segments> {
    let format = options
        .input_format
        .map_or_else(|| InputFormat::of(path), InputFormat::from);
    let column = TextColumn {
        column: options.column.map(usize::from),
        target_lang: options.target_lang.clone(),
    };
    let (name, input) = super::open(Some(path), options.encoding.encoding)?;
    Segments::read(&name, input, format, &column)
}

/// All texts must have the same number of segments, and at least one.
fn check_counts(
    options: &CompareArgs,
    systems: &[System],
    references: &[Segments],
) -> dolmetsch::Result<()> {
    let expected = references[0].texts.len();
    let names = options
        .reference
        .iter()
        .map(|path| path.display().to_string());
    let references = names.zip(references);
    let systems = systems
        .iter()
        .map(|system| (system.name.clone(), &system.segments));
    let first = options.reference[0].display();
    for (name, segments) in references.chain(systems) {
        let count = segments.texts.len();
        if count != expected {
            return Err(Error::Mismatch(format!(
                "{name} has {count} segments, {first} has {expected}: each segment needs its reference"
            )));
        }
    }
    if expected == 0 {
        return Err(Error::Mismatch(format!("{first} has no segments")));
    }
    Ok(())
}

fn print(options: &CompareArgs, comparison: &Comparison) -> anyhow::Result<()> {
    let style = Style {
        width: options.width,
        short: options.short,
        score_only: options.score_only,
    };
    let mut output = BufWriter::new(io::stdout().lock());
    match options.format {
        Format::Json => write_json(&mut output, comparison, options.sentence_level)?,
        Format::Text | Format::Latex if options.sentence_level => {
            write_segments(&mut output, comparison, style)?;
        }
        Format::Text => write_text(&mut output, comparison, style)?,
        Format::Latex => write_latex(&mut output, comparison, style)?,
    }
    output.flush()?;
    Ok(())
}
