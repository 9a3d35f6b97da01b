//! `dolmetsch bench`

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use dolmetsch::Model;
use dolmetsch::benchmark::{Benchmark, Measured};
use dolmetsch::catalog::{Catalog, ModelSource};
use dolmetsch::hub::{Hub, HubOptions};
use serde::Serialize;

use super::download_bars::DownloadBars;
use super::machine;
use crate::cli::EngineOptions;

/// `dolmetsch bench`
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// `builtin`, a name that `dolmetsch models list` shows, `owner/name` on the
    /// Hugging Face Hub, or a folder
    #[arg(long, value_name = "MODEL", default_value = "builtin")]
    model: String,
    /// Hypotheses kept for each sentence
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least_one())]
    beam: u32,
    /// Sentences that are translated
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = at_least_one())]
    sentences: u32,
    /// Sentences that a worker has under way; 1 is one at a time [default: the
    /// engine's own number]
    #[arg(long, value_name = "N", value_parser = at_least_one())]
    batch: Option<u32>,
    /// Worker threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = at_least_one())]
    threads: Option<u32>,
    /// What computes
    #[command(flatten)]
    engine: EngineOptions,
    /// Tokens of each sentence
    #[arg(long, value_name = "N", default_value_t = 26, value_parser = at_least_one())]
    source_tokens: u32,
    /// Tokens of each translation
    #[arg(long, value_name = "N", default_value_t = 28, value_parser = at_least_one())]
    target_tokens: u32,
    /// What is written
    #[arg(long, value_enum, default_value_t = BenchFormat::Text)]
    format: BenchFormat,
}

fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

/// Output formats of `bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BenchFormat {
    /// A line for each number
    Text,
    /// One JSON object
    Json,
}

#[derive(Serialize)]
struct Record {
    /// Tokens of the best hypotheses per second.
    tokens_per_second: f64,
    /// One step of one worker.
    step_ms: f64,
    sentences_per_second: f64,
    /// Null where the system does not say.
    peak_rss_mb: Option<f64>,
    /// Memory in use on the GPU, that of other programs included; null elsewhere.
    peak_gpu_mb: Option<f64>,
    /// The instruction set, or the device.
    isa: String,
    compute: String,
    threads: usize,
    /// CPU time of all threads; null where the system does not say.
    cpu_seconds: Option<f64>,
}

/// Measures how fast a model is on this machine.
pub fn run(options: &BenchArgs) -> anyhow::Result<()> {
    let catalog = Catalog::load()?;
    let source = ModelSource::parse(&options.model, &catalog)?;
    let hub = Hub::new(HubOptions::from_env()?)?;
    let mut bars = DownloadBars::new();
    let engine = machine::engine(&options.engine, false)?;
    let model = Model::load(&source, &hub, &mut |progress| bars.show(progress), engine)?;
    let benchmark = Benchmark {
        sentences: options.sentences as usize,
        source_tokens: options.source_tokens as usize,
        target_tokens: options.target_tokens as usize,
        beam_size: options.beam as usize,
        batch: options.batch.map(|batch| batch as usize),
        threads: options.threads.map(|threads| threads as usize),
    };
    let record = record(&model, &benchmark, benchmark.run(&model.engine)?);
    let mut out = io::stdout().lock();
    match options.format {
        BenchFormat::Json => {
            serde_json::to_writer(&mut out, &record)?;
            writeln!(out)?;
        }
        BenchFormat::Text => write_text(&mut out, &model.name, &benchmark, &record)?,
    }
    Ok(())
}

fn record(model: &Model, benchmark: &Benchmark, measured: Measured) -> Record {
    let seconds = measured.elapsed.as_secs_f64();
    let rounded = |number: f64| (number * 1000.0).round() / 1000.0;
    Record {
        tokens_per_second: rounded(measured.tokens as f64 / seconds),
        step_ms: rounded(measured.step.as_secs_f64() * 1000.0),
        sentences_per_second: rounded(benchmark.sentences as f64 / seconds),
        peak_rss_mb: peak_rss_mb(),
        peak_gpu_mb: measured.gpu_memory.map(|bytes| bytes as f64 / 1e6),
        isa: model.engine.to_string(),
        compute: model.engine.arithmetic(),
        threads: measured.threads,
        cpu_seconds: measured.cpu.map(|cpu| rounded(cpu.as_secs_f64())),
    }
}

fn write_text(
    out: &mut impl Write,
    model: &str,
    benchmark: &Benchmark,
    record: &Record,
) -> io::Result<()> {
    writeln!(
        out,
        "{model}: {} sentences of {} tokens into {} tokens, beam {}, {} threads, {}, {}",
        benchmark.sentences,
        benchmark.source_tokens,
        benchmark.target_tokens,
        benchmark.beam_size,
        record.threads,
        record.compute,
        record.isa
    )?;
    writeln!(out, "{:>10.1} tokens/s", record.tokens_per_second)?;
    writeln!(out, "{:>10.2} ms a step", record.step_ms)?;
    writeln!(out, "{:>10.2} sentences/s", record.sentences_per_second)?;
    if let Some(megabytes) = record.peak_rss_mb {
        writeln!(out, "{megabytes:>10.0} MB peak memory")?;
    }
    if let Some(megabytes) = record.peak_gpu_mb {
        writeln!(out, "{megabytes:>10.0} MB in use on the GPU")?;
    }
    Ok(())
}

/// The largest resident set of this process so far, in 10^6 bytes.
fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some((kibibytes * 1.024).round() / 1000.0)
}
