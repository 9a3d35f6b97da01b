//! `dolmetsch compare`: translations against references.

mod corpus;
mod options;

use std::io::{self, BufWriter, Write};

use anyhow::Context;
use dolmetsch::comparison::{
    Certainty, Comparison, Corpus, JsonContent, Scores, Style, score, vietnamese_signature,
    write_diagnosis, write_json, write_latex, write_page, write_segments, write_text,
};
use dolmetsch::metrics::{Metric, Signature};

use super::output::{NewFile, spare_inputs};
use corpus::{Input, read};
use options::Format;
pub use options::{CompareArgs, with_long_names};

/// Scores the systems, and prints the scores.
pub fn run(options: &CompareArgs) -> anyhow::Result<()> {
    let metrics = options.metrics()?;
    if let Some(threads) = options.machine.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .context("could not start worker threads")?;
    }
    let files = options.hypotheses.iter().chain(&options.input);
    let files = files.chain(&options.reference).chain(&options.source);
    spare_inputs(options.output.as_deref(), files.map(AsRef::as_ref))?;
    let input = read(options)?;
    let normalized = options
        .normalize_vietnamese
        .then(|| input.corpus.with_normalized_vietnamese());
    let comparison = compare(options, &metrics, &input, normalized.as_ref());
    report_unaligned(&input);
    if let Some(path) = &options.output {
        super::interrupt::install()?;
        let mut file = NewFile::create(path)?;
        write(options, &input, &comparison, &mut file)?;
        return file.commit();
    }
    let mut output = BufWriter::new(io::stdout().lock());
    write(options, &input, &comparison, &mut output)?;
    output.flush()?;
    Ok(())
}

/// Each metric's scores, and those after normalisation behind them.
fn compare<'m>(
    options: &CompareArgs,
    metrics: &'m [Box<dyn Metric>],
    input: &Input,
    normalized: Option<&Corpus>,
) -> Comparison<'m> {
    let certainty = options.certainty();
    // The page shows how sure scores are, also where it was not asked for.
    let certainty = match certainty {
        Certainty::None if options.format == Format::Html => options.confidence_interval(),
        certainty => certainty,
    };
    let marked = |more: Signature| input.signature.clone().and(more);
    let mut scores: Vec<Scores> = Vec::new();
    for metric in metrics {
        let mark = marked(Signature::default());
        scores.push(score(&**metric, &input.corpus, certainty, &mark));
        if let Some(corpus) = normalized {
            let mark = marked(vietnamese_signature());
            let normalised = score(&**metric, corpus, certainty, &mark);
            scores.push(normalised.with_variant("(normalised)"));
        }
    }
    let systems = input.corpus.systems.iter();
    Comparison {
        metrics: scores,
        systems: systems.map(|system| system.name.clone()).collect(),
        certainty,
    }
}

#[expect(clippy::print_stderr, reason = "what is not scored must be known")]
fn report_unaligned(input: &Input) {
    let total: usize = input
        .unaligned
        .iter()
        .map(|(_, segments)| segments.len())
        .sum();
    if total == 0 {
        return;
    }
    eprintln!("note: {total} segments have no counterpart and are not scored:");
    for (name, segments) in &input.unaligned {
        let numbers: Vec<String> = segments.iter().map(ToString::to_string).collect();
        eprintln!("  {name}: {}", numbers.join(", "));
    }
}

fn write(
    options: &CompareArgs,
    input: &Input,
    comparison: &Comparison,
    output: &mut dyn Write,
) -> anyhow::Result<()> {
    let style = Style {
        width: options.width,
        short: options.short,
        score_only: options.score_only,
    };
    let corpus = &input.corpus;
    match options.format {
        Format::Json => {
            let content = JsonContent {
                sentence_level: options.sentence_level,
                diagnosis: options.diagnose.then_some(corpus),
                unaligned: input.is_aligned.then_some(&input.unaligned),
            };
            write_json(output, comparison, content)?;
        }
        Format::Html => write_page(output, corpus, comparison, &input.notes())?,
        _ if options.sentence_level => write_segments(output, comparison, style)?,
        Format::Text => {
            write_text(output, comparison, style)?;
            if options.diagnose {
                write_diagnosis(output, corpus, comparison, options.worst)?;
            }
        }
        Format::Latex => write_latex(output, comparison, style)?,
    }
    Ok(())
}
