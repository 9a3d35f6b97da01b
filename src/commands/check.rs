//! `dolmetsch check`

use std::io::{self, BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use dolmetsch::guard::Guard;
use dolmetsch::writer::write_inspection;
use dolmetsch::{Error, Language, LanguagePair};

use super::summary::Summary;

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

/// Inspects pairs of lines.
#[expect(clippy::print_stderr, reason = "the summary is for people")]
pub fn run(options: &CheckArgs) -> anyhow::Result<()> {
    let guard = Guard::new(LanguagePair::new(options.from, options.to));
    let mut sources = Lines::open(&options.source)?;
    let mut targets = Lines::open(&options.target)?;
    let mut output = BufWriter::new(io::stdout().lock());
    let mut summary = Summary::default();
    loop {
        let (source, target) = match (sources.next()?, targets.next()?) {
            (Some(source), Some(target)) => (source, target),
            (None, None) => break,
            (source, _) => {
                let (longer, shorter) = if source.is_some() {
                    (&sources, &targets)
                } else {
                    (&targets, &sources)
                };
                return Err(Error::Mismatch(format!(
                    "{} has more lines than {}, which has {} (each line must be the translation of the other file's)",
                    longer.name, shorter.name, shorter.number
                ))
                .into());
            }
        };
        let findings = guard.inspect(&source, &target, &[]);
        summary.add(&findings);
        if options.format == CheckFormat::Jsonl {
            write_inspection(&mut output, sources.number, &source, &target, &findings)?;
            continue;
        }
        for finding in &findings {
            let words = |spans: &[dolmetsch::Span], text: &str| {
                let words: Vec<&str> = spans.iter().map(|span| span.of(text)).collect();
                words.join(" | ")
            };
            writeln!(
                output,
                "{}\t{}\t{}\t{}",
                sources.number,
                finding.flag,
                words(&finding.source, &source),
                words(&finding.target, &target)
            )?;
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

/// The lines of a file, counted.
struct Lines {
    name: String,
    input: Box<dyn BufRead>,
    number: usize,
}

impl Lines {
    fn open(path: &Path) -> dolmetsch::Result<Self> {
        let (name, input) = super::open(Some(path))?;
        Ok(Self {
            name,
            input,
            number: 0,
        })
    }

    /// The next line, without its end.
    fn next(&mut self) -> dolmetsch::Result<Option<String>> {
        let mut line = Vec::new();
        let read = self.input.read_until(b'\n', &mut line);
        if read.map_err(Error::io("read", Path::new(&self.name)))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let line = String::from_utf8(line).map_err(|error| Error::InvalidInput {
            name: self.name.clone(),
            line: self.number,
            reason: error.to_string(),
        })?;
        Ok(Some(line.trim_end_matches(['\n', '\r']).to_owned()))
    }
}
