//! `dolmetsch models calibrate`: which attention head of a model aligns words.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use dolmetsch::EngineChoice;
use dolmetsch::aligner::Aligner;
use dolmetsch::alignment::{ErrorRate, GoldLinks, Links, words};
use dolmetsch::catalog::ModelSource;
use dolmetsch::hub::Hub;
use dolmetsch::language::{Language, LanguagePair};
use dolmetsch::marian::AttentionHead;
use dolmetsch::reader::TextEncoding;
use dolmetsch::{Error, Model};

use super::download_bars::DownloadBars;
use super::pairs::{Pairs, read_lines};

/// What to calibrate on.
#[derive(Debug, clap::Args)]
pub(crate) struct CalibrateArgs {
    /// `builtin`, a name of the list, `owner/name` or a folder
    #[arg(value_name = "NAME")]
    name: String,
    /// Gold links of each line, as `0-0 1-2`, `1p2` where possible but not sure,
    /// words from 0; without --source and --target a table of source, target and
    /// links, tabs between
    #[arg(long, value_name = "FILE")]
    gold: PathBuf,
    /// The source sentences, tokenised as the gold links count words
    #[arg(long, value_name = "FILE", requires = "target")]
    source: Option<PathBuf>,
    /// Their translations
    #[arg(long, value_name = "FILE", requires = "source")]
    target: Option<PathBuf>,
    /// Source language
    #[arg(long, value_name = "LANG", default_value = "de")]
    from: Language,
    /// Target language
    #[arg(long, value_name = "LANG", default_value = "en")]
    to: Language,
    /// Which links count: hard, or those of at least this score, from 0 to 1
    #[arg(long, value_name = "hard|THRESHOLD", default_value = "0.5")]
    alignment: Links,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

impl CalibrateArgs {
    /// The model.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// Prints the alignment error rate of every head and shift, the best first, and
/// the line that a manifest needs.
pub(crate) fn calibrate(
    args: &CalibrateArgs,
    source: &ModelSource,
    hub: &Hub,
    out: &mut impl Write,
) -> Result<()> {
    let (pairs, mut gold) = read_gold(args)?;
    let pairs = pairs.as_pairs();
    let clip = |((source, target), gold): (&(&str, &str), &mut GoldLinks)| {
        gold.clip(words(source).len(), words(target).len())
    };
    let left_out: usize = pairs.iter().zip(&mut gold).map(clip).sum();
    if left_out > 0 {
        tracing::warn!("{left_out} gold links point past their sentences and are left out");
    }
    let mut bars = DownloadBars::new();
    let model = Model::load(
        source,
        hub,
        &mut |progress| bars.show(progress),
        EngineChoice::reference(),
    )?;
    drop(bars);
    let tag = model.target_tag(LanguagePair::new(args.from, args.to))?;
    let present = model.alignment_head;
    let layers = model.engine.config().decoder_layers;
    let aligner = Aligner::new(model, args.alignment, args.threads.map(usize::from))?;
    let halves = aligner.sweep(&pairs, &gold, tag.as_deref())?;
    let mut rates: Vec<(AttentionHead, ErrorRate)> = halves
        .iter()
        .map(|&(head, [even, odd])| (head, even.with(odd)))
        .collect();
    rates.sort_by(|a, b| a.1.aer().total_cmp(&b.1.aer()));
    print(
        &rates,
        held_out(&halves),
        |head| {
            head.layer_index(layers) == present.layer_index(layers)
                && (head.head, head.shift) == (present.head, present.shift)
        },
        out,
    )
}

/// The error rate of the heads that are best on one half of the sentences, each
/// measured on the other half.
fn held_out(halves: &[(AttentionHead, [ErrorRate; 2])]) -> ErrorRate {
    let of_best = |chosen: usize, measured: usize| {
        let best = halves
            .iter()
            .min_by(|a, b| a.1[chosen].aer().total_cmp(&b.1[chosen].aer()));
        best.map_or(ErrorRate::default(), |(_, rates)| rates[measured])
    };
    of_best(0, 1).with(of_best(1, 0))
}

fn print(
    rates: &[(AttentionHead, ErrorRate)],
    held_out: ErrorRate,
    is_present: impl Fn(&AttentionHead) -> bool,
    out: &mut impl Write,
) -> Result<()> {
    writeln!(out, "LAYER\tHEAD\tSHIFT\tAER\tPRECISION\tRECALL")?;
    for (head, rate) in rates {
        writeln!(
            out,
            "{}\t{}\t{}\t{:.4}\t{:.4}\t{:.4}{}",
            head.layer,
            head.head,
            head.shift,
            rate.aer(),
            rate.precision(),
            rate.recall(),
            if is_present(head) { "\t(in use)" } else { "" }
        )?;
    }
    if let Some((best, _)) = rates.first() {
        writeln!(
            out,
            "\nheld out (chosen on every other sentence, measured on the rest): AER {:.4}",
            held_out.aer()
        )?;
        writeln!(
            out,
            "\nfor the manifest:\nguided_alignment = {{ layer = {}, head = {}, shift = {} }}",
            best.layer, best.head, best.shift
        )?;
    }
    Ok(())
}

/// The sentences and their links.
fn read_gold(args: &CalibrateArgs) -> dolmetsch::Result<(Pairs, Vec<GoldLinks>)> {
    let lines = read_lines(&args.gold, TextEncoding::default())?;
    let (pairs, links) = if let (Some(source), Some(target)) = (&args.source, &args.target) {
        (
            Pairs::of_files(source, target, TextEncoding::default())?,
            lines,
        )
    } else {
        split_table(&args.gold, &lines)?
    };
    if links.len() != pairs.len() {
        return Err(Error::Mismatch(format!(
            "{} has {} lines of links for {} pairs of sentences",
            args.gold.display(),
            links.len(),
            pairs.len()
        )));
    }
    let parse = |(number, line): (usize, &String)| {
        GoldLinks::parse(line).map_err(|reason| invalid(&args.gold, number, reason))
    };
    let gold = links.iter().enumerate().map(parse);
    Ok((pairs, gold.collect::<dolmetsch::Result<_>>()?))
}

/// The first two columns of a table, and the third.
fn split_table(path: &Path, lines: &[String]) -> dolmetsch::Result<(Pairs, Vec<String>)> {
    let mut links = Vec::new();
    let mut columns = String::new();
    for (number, line) in lines.iter().enumerate() {
        let (pair, of_line) = line.rsplit_once('\t').ok_or_else(|| {
            invalid(
                path,
                number,
                "is not source, tab, target, tab, links".to_owned(),
            )
        })?;
        columns += pair;
        columns.push('\n');
        links.push(of_line.to_owned());
    }
    Ok((Pairs::parse(&path.display().to_string(), &columns)?, links))
}

fn invalid(path: &Path, number: usize, reason: String) -> Error {
    Error::InvalidInput {
        name: path.display().to_string(),
        line: number + 1,
        reason,
    }
}
