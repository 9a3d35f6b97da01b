//! `dolmetsch align`: words and sentences of texts that are already translated.

mod documents;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use dolmetsch::Error;
use dolmetsch::aligner::{AlignedPair, Aligner};
use dolmetsch::alignment::{AlignmentPoint, Links, Symmetrization, symmetrize, words};
use dolmetsch::language::LanguagePair;
use dolmetsch::writer::{AlignedLine, write_aligned_jsonl, write_aligned_pharaoh, write_naacl};

use super::output::{NewFile, spare_inputs};
use super::pairs::Pairs;
use super::targets::{Request, single_model};
use crate::cli::{EncodingOption, GuardMode, MachineOptions, ModelOptions, SearchOptions};

/// Pairs that are aligned before their links are written.
const WINDOW: usize = 512;

/// Aligns the words of translated lines, or the sentences of translated texts.
///
/// Without --documents, line N of the target is the translation of line N of the
/// source; words are what white space separates.
#[derive(Debug, Args)]
pub struct AlignArgs {
    /// A file with source and target in each line, a tab between; - or none is
    /// standard input
    #[arg(value_name = "TSV", conflicts_with_all = ["source", "target"])]
    input: Option<PathBuf>,
    /// The source text, a line or sentence each
    #[arg(long, value_name = "FILE", requires = "target")]
    source: Option<PathBuf>,
    /// Its translation
    #[arg(long, value_name = "FILE", requires = "source")]
    target: Option<PathBuf>,
    #[command(flatten)]
    encoding: EncodingOption,
    /// Align the sentences of two texts that are cut differently, a sentence a
    /// line: the source is translated, and compared with the target
    #[arg(long, requires = "source")]
    documents: bool,
    /// What is written [default: pharaoh; with --documents: vecalign]
    #[arg(long, value_enum)]
    format: Option<AlignFormat>,
    /// Join the links with those of a model of the other direction
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        requires = "reverse_model",
        conflicts_with = "documents"
    )]
    symmetrize: Option<Symmetrize>,
    /// A model that translates the target into the source's language
    #[arg(long, value_name = "MODEL", requires = "symmetrize")]
    reverse_model: Option<String>,
    /// Write to this file, which gets its name when it is complete
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// No progress bar, no notes
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    models: ModelOptions,
    #[command(flatten)]
    search: SearchOptions,
    #[command(flatten)]
    machine: MachineOptions,
}

/// Output formats of `align`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AlignFormat {
    /// Words: a line of links i-j for each pair
    Pharaoh,
    /// Words: a JSON record for each pair, with byte spans and scores
    Jsonl,
    /// Words: a line for each link: pair, source word, target word from 1, S, score
    Naacl,
    /// Sentences: a line [i]:[j, k]:cost for each bead
    Vecalign,
    /// Sentences: source, target and cost of each bead, tabs between
    Tsv,
    /// Sentences: a translation memory of the beads
    Tmx,
}

impl AlignFormat {
    fn is_of_sentences(self) -> bool {
        matches!(self, Self::Vecalign | Self::Tsv | Self::Tmx)
    }
}

/// How two directions are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Symmetrize {
    /// Links that both have
    Intersection,
    /// Links that one of them has
    Union,
    /// The intersection, grown by neighbours out of the union
    GrowDiagFinalAnd,
}

impl From<Symmetrize> for Symmetrization {
    fn from(how: Symmetrize) -> Self {
        match how {
            Symmetrize::Intersection => Self::Intersection,
            Symmetrize::Union => Self::Union,
            Symmetrize::GrowDiagFinalAnd => Self::GrowDiagFinalAnd,
        }
    }
}

impl AlignArgs {
    fn request(&self) -> Request<'_> {
        Request {
            models: &self.models,
            search: &self.search,
            machine: &self.machine,
            guard: GuardMode::Off,
            n_best: 1,
            quiet: self.quiet,
        }
    }

    /// The languages; there is one target.
    fn languages(&self) -> dolmetsch::Result<LanguagePair> {
        match self.models.to[..] {
            [to] => Ok(LanguagePair::new(self.models.from, to)),
            _ => Err(Error::Options("align takes one --to".to_owned())),
        }
    }

    fn format(&self) -> dolmetsch::Result<AlignFormat> {
        let (default, wanted) = if self.documents {
            (AlignFormat::Vecalign, "vecalign, tsv or tmx")
        } else {
            (AlignFormat::Pharaoh, "pharaoh, jsonl or naacl")
        };
        let format = self.format.unwrap_or(default);
        if format.is_of_sentences() == self.documents {
            return Ok(format);
        }
        let what = if self.documents { "with" } else { "without" };
        Err(Error::Options(format!(
            "{what} --documents, --format is {wanted}"
        )))
    }
}

/// Aligns the input.
pub fn run(args: &AlignArgs) -> Result<()> {
    let format = args.format()?;
    let languages = args.languages()?;
    if args.search.alignment == Links::Soft && format == AlignFormat::Pharaoh && !args.documents {
        return Err(Error::Options(
            "--alignment soft goes with --format jsonl or naacl: links i-j have no scores"
                .to_owned(),
        )
        .into());
    }
    if args.models.via.is_some() && !args.documents {
        let message = "--via goes with --documents: words are linked by one model";
        return Err(Error::Options(message.to_owned()).into());
    }
    let inputs = [&args.input, &args.source, &args.target];
    spare_inputs(
        args.output.as_deref(),
        inputs.into_iter().filter_map(Option::as_deref),
    )?;
    super::interrupt::install()?;
    let write = |output: &mut dyn Write| {
        if args.documents {
            documents::align(args, format, languages, output)
        } else {
            align_lines(args, format, languages, output)
        }
    };
    if let Some(path) = &args.output {
        let mut file = NewFile::create(path)?;
        write(&mut file)?;
        return file.commit();
    }
    let mut output = BufWriter::new(io::stdout().lock());
    write(&mut output)?;
    Ok(output.flush()?)
}

/// What aligns in one direction.
struct Direction {
    aligner: Aligner,
    tag: Option<String>,
}

impl Direction {
    fn new(args: &AlignArgs, names: &[String], languages: LanguagePair) -> Result<Self> {
        let (model, tag) = single_model(args.request(), names, languages)?;
        let threads = args.machine.threads.map(usize::from);
        let aligner = Aligner::new(model, args.search.alignment, threads)?;
        Ok(Self { aligner, tag })
    }

    fn align(&self, pairs: &[(&str, &str)]) -> dolmetsch::Result<Vec<AlignedPair>> {
        self.aligner.align(pairs, self.tag.as_deref())
    }
}

fn align_lines(
    args: &AlignArgs,
    format: AlignFormat,
    languages: LanguagePair,
    output: &mut dyn Write,
) -> Result<()> {
    let encoding = args.encoding.encoding;
    let pairs = match (&args.source, &args.target) {
        (Some(source), Some(target)) => Pairs::of_files(source, target, encoding)?,
        _ => Pairs::of_table(args.input.as_deref(), encoding)?,
    };
    let forward = Direction::new(args, &args.models.model, languages)?;
    let reversed = LanguagePair::new(languages.target, languages.source);
    let backward = match (args.symmetrize, &args.reverse_model) {
        (Some(how), Some(name)) => {
            let direction = Direction::new(args, std::slice::from_ref(name), reversed)?;
            Some((Symmetrization::from(how), direction))
        }
        _ => None,
    };
    let mut number = 0;
    for window in pairs.as_pairs().chunks(WINDOW) {
        let mut aligned = forward.align(window)?;
        if let Some((how, backward)) = &backward {
            join(*how, window, &mut aligned, backward)?;
        }
        for (&(source, target), aligned) in window.iter().zip(&aligned) {
            let line = AlignedLine {
                number,
                source,
                target,
                aligned,
            };
            match format {
                AlignFormat::Jsonl => write_aligned_jsonl(output, line)?,
                AlignFormat::Naacl => write_naacl(output, line)?,
                _ => write_aligned_pharaoh(output, line)?,
            }
            number += 1;
        }
        output.flush()?;
    }
    Ok(())
}

/// Joins links with those of the other direction.
fn join(
    how: Symmetrization,
    pairs: &[(&str, &str)],
    aligned: &mut [AlignedPair],
    backward: &Direction,
) -> Result<()> {
    let reversed: Vec<(&str, &str)> = pairs
        .iter()
        .map(|&(source, target)| (target, source))
        .collect();
    let backward = backward.align(&reversed)?;
    for (((source, target), aligned), backward) in pairs.iter().zip(aligned).zip(backward) {
        let turned: Vec<AlignmentPoint> = backward
            .alignment
            .iter()
            .map(|point| AlignmentPoint {
                source: point.target,
                target: point.source,
                score: point.score,
            })
            .collect();
        aligned.alignment = symmetrize(
            how,
            &aligned.alignment,
            &turned,
            &words(source),
            &words(target),
        );
        aligned.split |= backward.split;
    }
    Ok(())
}
