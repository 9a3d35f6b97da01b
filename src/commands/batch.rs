//! `dolmetsch batch`: many files, resumable.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use dolmetsch::engine::Engine;
use dolmetsch::job::{
    self, CacheOptions, Event, Job, ModelIdentity, REJECTED, Reading, Shard, Summary,
    TargetIdentity,
};
use dolmetsch::route::{Leg, Route};
use dolmetsch::{Error, Language};
use serde_json::{Value, json};

use super::batch_progress::BatchProgress;
use super::targets::{Request, Target, targets};
use super::translate::{check_guard, layout, withhold};
use crate::cli::{
    EncodingOption, GuardOptions, MachineOptions, ModelOptions, SearchOptions, SegmentationOptions,
};

/// Segments of a window for each thread: enough to sort them by length, few
/// enough to be done in seconds.
const SEGMENTS_PER_THREAD: usize = 128;

/// Windows that take longer than a checkpoint shrink to this share.
const SMALLEST_WINDOW: usize = 16;

/// Segments that are prepared for a GPU at once: four of its largest batches, with
/// a beam of 4.
const SEGMENTS_FOR_GPU: usize = 4096;

/// Translates many files; can be killed at any time and goes on where it was.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are switches of a command line"
)]
pub(crate) struct BatchArgs {
    /// Files, folders and patterns: .txt (documents), .lines (a segment a line),
    /// .jsonl and .tsv, each also as .gz or .zst, and .parquet
    #[arg(value_name = "INPUT", required_unless_present = "merge")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    models: ModelOptions,
    /// Write NAME.LANG.EXT to this folder for each input and target; the job's
    /// state is in its folder .dolmetsch
    #[arg(long, value_name = "OUT", required_unless_present = "merge")]
    output_dir: Option<PathBuf>,

    /// Take each line of a .txt file, and each text of a record, as one segment
    #[arg(long, help_heading = "Records")]
    lines: bool,
    /// The field of JSON records, and the column of Parquet files, to translate
    #[arg(
        long,
        value_name = "NAME",
        default_value = "text",
        help_heading = "Records"
    )]
    field: String,
    /// The column of TSV records to translate, from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Records")]
    column: u16,
    /// Keep the text, and add the translation as field or column `NAME_LANG` (in
    /// TSV the last column), instead of putting it in the text's place
    #[arg(long, help_heading = "Records")]
    keep_source: bool,
    /// Reject lines with more bytes than this
    #[arg(long, value_name = "BYTES", default_value_t = 1024 * 1024, value_parser = clap::value_parser!(u64).range(1..1 << 30), help_heading = "Records")]
    max_record: u64,
    #[command(flatten)]
    encoding: EncodingOption,
    #[command(flatten)]
    segmentation: SegmentationOptions,

    /// Seconds between two moments at which all is on the disk
    #[arg(long, value_name = "N", default_value_t = 5, help_heading = "Job")]
    checkpoint_seconds: u64,
    /// Forget what earlier runs have done, and replace what they have written
    #[arg(long, help_heading = "Job")]
    restart: bool,
    /// Exit with 5 if a record was rejected
    #[arg(long, help_heading = "Job")]
    strict: bool,
    /// Translate part K of N, in the same OUT or in copies of it
    #[arg(long, value_name = "K/N", help_heading = "Job")]
    shard: Option<Shard>,
    /// Join the shards in OUT
    #[arg(long, value_name = "OUT", exclusive = true, help_heading = "Job")]
    merge: Option<PathBuf>,
    /// Keep translated segments in this folder for later jobs
    #[arg(long, value_name = "FOLDER", help_heading = "Job")]
    cache: Option<PathBuf>,
    /// Megabytes for translated segments, so that those that come again are not
    /// translated again; 0 is off
    #[arg(long, value_name = "MB", default_value_t = 1024, help_heading = "Job")]
    cache_size: u64,
    /// How progress is shown on standard error
    #[arg(long, value_enum, default_value_t = ProgressFormat::Auto, help_heading = "Job")]
    progress: ProgressFormat,
    /// No progress bar, no notes, no summary; of JSON, the notes only
    #[arg(long, short, help_heading = "Job")]
    quiet: bool,

    #[command(flatten)]
    search: SearchOptions,
    #[command(flatten)]
    guard: GuardOptions,
    #[command(flatten)]
    machine: MachineOptions,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProgressFormat {
    /// Bars, on a terminal
    Auto,
    /// A JSON object a line: "event" is progress, note, warning or end
    Json,
}

/// Runs, or goes on with, a job; or joins its shards.
pub(crate) fn run(args: &BatchArgs) -> Result<()> {
    if let Some(output) = &args.merge {
        return merge(output);
    }
    let output = args.output_dir.as_deref();
    let output = output.expect("clap requires it where there is no --merge");
    // Here --strict is about records that were rejected, with the guard or without.
    check_guard(&args.guard, false)?;
    let mut languages: Vec<Language> = Vec::new();
    for &language in &args.models.to {
        if !languages.contains(&language) {
            languages.push(language);
        }
    }
    let found = job::find(&args.inputs, args.lines, output, &languages)?;
    let reading = Reading {
        encoding: args.encoding.encoding,
        layout: layout(args.lines, &args.segmentation)?,
        field: args.field.clone(),
        column: usize::from(args.column),
        keep_source: args.keep_source,
        targets: languages,
        max_record: usize::try_from(args.max_record).unwrap_or(usize::MAX),
    };
    let reading_options = reading_options(args)?;
    let targets = targets(Request {
        models: &args.models,
        search: &args.search,
        machine: &args.machine,
        guard: args.guard.guard,
        n_best: 1,
        // Its notes are no JSON.
        quiet: args.quiet || args.progress == ProgressFormat::Json,
    })?;
    let stop = super::interrupt::flag()?;
    let mut progress = BatchProgress::new(args.progress, args.quiet);
    for note in &found.notes {
        progress.note(note);
    }
    let window = if engine(&targets).device().is_cpu() {
        SEGMENTS_PER_THREAD * threads(&args.machine).max(2)
    } else {
        SEGMENTS_FOR_GPU
    };
    let job = Job {
        inputs: found.inputs,
        output: output.to_path_buf(),
        reading,
        targets: targets
            .iter()
            .map(|of_language| target(of_language, args.guard.min_confidence))
            .collect::<Result<_, Error>>()?,
        search: search_options(args, engine(&targets)),
        reading_options,
        window,
        smallest_window: match engine(&targets) {
            Engine::Int8(_) | Engine::F32(_) => window / SMALLEST_WINDOW,
            // Its sums depend on what else is in a batch.
            Engine::Reference(_) => window,
        },
        checkpoint: Duration::from_secs(args.checkpoint_seconds),
        shard: args.shard.unwrap_or_default(),
        restart: args.restart,
        cache: CacheOptions {
            folder: args.cache.clone(),
            bytes: args.cache_size.saturating_mul(1_000_000),
        },
        stop,
    };
    let summary = job.run(&mut |event| progress.show(&event));
    let summary = summary.map_err(|error| explained(error, output))?;
    progress.finish(&summary);
    end(summary, args, output)
}

/// What the exit code and the last words are.
fn end(mut summary: Summary, args: &BatchArgs, output: &Path) -> Result<()> {
    if summary.interrupted {
        return Err(Error::Interrupted(
            "interrupted; what is translated is kept, and the same command goes on from there"
                .to_owned(),
        )
        .into());
    }
    let failed = summary.failed.len();
    if let Some(error) = summary.failed.drain(..).next() {
        let what = match failed {
            1 => "an input could not be read to its end".to_owned(),
            _ => format!("{failed} inputs could not be read to their ends, such as this"),
        };
        return Err(anyhow::Error::from(error)).context(format!(
            "{what} (all others are translated; put it right and begin it anew in another folder)"
        ));
    }
    if args.strict && summary.counts.rejected > 0 {
        return Err(Error::Strict(format!(
            "{} records were rejected ({})",
            summary.counts.rejected,
            output.join(REJECTED).display()
        ))
        .into());
    }
    Ok(())
}

/// A full disk is no reason to begin anew.
fn explained(error: Error, output: &Path) -> anyhow::Error {
    let kind = match &error {
        Error::Io { source, .. } => Some(source.kind()),
        _ => None,
    };
    let hint = match kind {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            "there is no room left: make some and run the same command, what is translated is kept"
        }
        Some(io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
            if error.exit_code() != 4 =>
        {
            "the output folder must be one that can be written to, see --output-dir"
        }
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(format!("{} ({hint})", output.display()))
}

#[expect(clippy::print_stderr, reason = "users want to know what was joined")]
fn merge(output: &Path) -> Result<()> {
    let summary = job::merge(output, &mut |event| {
        if let Event::Warning(warning) = event {
            eprintln!("warning: {warning}");
        }
    })?;
    eprintln!(
        "joined {} files of {} segments, {} rejected",
        summary.files, summary.counts.skipped, summary.counts.rejected
    );
    Ok(())
}

fn target(target: &Target, min_confidence: Option<f32>) -> Result<job::Target<'_>, Error> {
    let models = match &target.route {
        Route::Direct(leg) => vec![identity(leg)?],
        Route::Pivot { first, second } => vec![identity(first)?, identity(second)?],
    };
    Ok(job::Target {
        language: target.language,
        identity: TargetIdentity {
            language: target.language.to_string(),
            models,
        },
        translate: Box::new(move |segments| {
            let mut translations = target.route.translate(segments, &|_| ())?;
            withhold(&mut translations, min_confidence);
            Ok(translations)
        }),
    })
}

/// The engine that all models are in.
fn engine(targets: &[Target]) -> &Engine {
    match &targets[0].route {
        Route::Direct(leg) | Route::Pivot { first: leg, .. } => &leg.translator.model().engine,
    }
}

fn identity(leg: &Leg) -> Result<ModelIdentity, Error> {
    let model = leg.translator.model();
    Ok(ModelIdentity {
        name: model.name.clone(),
        revision: model.revision.clone(),
        tag: leg.tag.clone(),
        files: model.hashes()?.into_iter().collect(),
    })
}

fn threads(machine: &MachineOptions) -> usize {
    let all = || std::thread::available_parallelism().map_or(1, usize::from);
    machine.threads.map_or_else(all, usize::from)
}

/// All that changes a translation. Taken apart, so that no new option is
/// forgotten here.
fn search_options(args: &BatchArgs, engine: &Engine) -> BTreeMap<String, Value> {
    // The targets say which languages and models; the guard looks at the source's.
    let ModelOptions {
        to: _,
        from,
        via,
        model: _,
        offline: _,
    } = &args.models;
    let SearchOptions {
        beam,
        length_penalty,
        max_length,
        no_repeat_ngram_size,
        no_verbatim,
        normalize,
        alignment,
    } = &args.search;
    let GuardOptions {
        guard,
        min_confidence,
    } = &args.guard;
    let MachineOptions {
        engine: _,
        threads: _,
        batch_tokens: _,
    } = &args.machine;
    named([
        ("--from", json!(from.to_string())),
        ("--via", json!(via.map(|via| via.to_string()))),
        ("--beam", json!(beam)),
        ("--length-penalty", json!(length_penalty)),
        ("--max-length", json!(max_length)),
        ("--no-repeat-ngram-size", json!(no_repeat_ngram_size)),
        ("--no-verbatim", json!(no_verbatim)),
        (
            "--normalize",
            json!(format!("{normalize:?}").to_lowercase()),
        ),
        // Links say where what must be kept verbatim belongs.
        (
            "--alignment",
            json!(format!("{alignment:?}").to_lowercase()),
        ),
        // What --device, --engine and --compute led to.
        ("--compute", json!(engine.arithmetic())),
        ("--guard", json!(format!("{guard:?}").to_lowercase())),
        ("--min-confidence", json!(min_confidence)),
    ])
}

/// All that changes what is translated.
fn reading_options(args: &BatchArgs) -> Result<BTreeMap<String, Value>> {
    let SegmentationOptions {
        split_sentences,
        abbreviations,
    } = &args.segmentation;
    let abbreviations = match abbreviations {
        Some(path) => Some(std::fs::read_to_string(path).map_err(Error::io("read", path))?),
        None => None,
    };
    Ok(named([
        ("--encoding", json!(args.encoding.encoding.name())),
        ("--lines", json!(args.lines)),
        ("--field", json!(args.field)),
        ("--column", json!(args.column)),
        ("--keep-source", json!(args.keep_source)),
        ("--max-record", json!(args.max_record)),
        (
            "--split-sentences",
            json!(format!("{split_sentences:?}").to_lowercase()),
        ),
        ("--abbreviations", json!(abbreviations)),
    ]))
}

fn named<const N: usize>(options: [(&str, Value); N]) -> BTreeMap<String, Value> {
    options
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
