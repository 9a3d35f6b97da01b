//! `dolmetsch check`

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dolmetsch::guard::Guard;
use dolmetsch::translation::Finding;
use dolmetsch::writer::write_inspection;
use dolmetsch::{Error, Language, LanguagePair, Span};

use super::pairs::PairLines;
use super::summary::Summary;
use crate::cli::EncodingOption;

/// `dolmetsch check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The sentences, one a line; - is standard input
    #[arg(long, value_name = "FILE")]
    source: PathBuf,
    /// Their translations, by whatever or whomever, one a line
    #[arg(long, value_name = "FILE")]
    target: PathBuf,
    /// Language of the sentences
    #[arg(long, value_name = "LANG", default_value = "de")]
    from: Language,
    /// Language of the translations
    #[arg(long, value_name = "LANG")]
    to: Language,
    #[command(flatten)]
    encoding: EncodingOption,
    /// What is written to standard output
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    format: CheckFormat,
    /// Exit with 5 if sentences need a look
    #[arg(long)]
    strict: bool,
}

/// Output formats of `check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    /// A line for each finding: number of the sentence, flag, words of the
    /// source, words of the target, tabs between
    Text,
    /// A JSON record for each sentence
    Jsonl,
}

/// Inspects pairs of lines, one after the other.
#[expect(clippy::print_stderr, reason = "the summary is for people")]
pub fn run(options: &CheckArgs) -> anyhow::Result<()> {
    let guard = Guard::new(LanguagePair::new(options.from, options.to));
    let pairs = PairLines::open(&options.source, &options.target, options.encoding.encoding)?;
    let mut output = BufWriter::new(io::stdout().lock());
    let mut summary = Summary::default();
    for (number, pair) in (1..).zip(pairs) {
        let (source, target) = pair?;
        let findings = guard.inspect(&source, &target, &[]);
        summary.add(&findings);
        match options.format {
            CheckFormat::Jsonl => {
                write_inspection(&mut output, number, &source, &target, &findings)?;
            }
            CheckFormat::Text => {
                for finding in &findings {
                    write_line(&mut output, number, &source, &target, finding)?;
                }
            }
        }
    }
    output.flush()?;
    match summary.text() {
        Some(text) if options.strict => Err(Error::Strict(text).into()),
        Some(text) => {
            eprintln!("{text}");
            Ok(())
        }
        None => Ok(()),
    }
}

/// Writes a finding and the words concerned.
fn write_line(
    output: &mut impl Write,
    number: usize,
    source: &str,
    target: &str,
    finding: &Finding,
) -> io::Result<()> {
    let words = |spans: &[Span], text: &str| {
        let words: Vec<&str> = spans.iter().map(|span| span.of(text)).collect();
        words.join(" | ")
    };
    let (of_source, of_target) = (
        words(&finding.source, source),
        words(&finding.target, target),
    );
    writeln!(
        output,
        "{number}\t{}\t{of_source}\t{of_target}",
        finding.flag
    )
}
