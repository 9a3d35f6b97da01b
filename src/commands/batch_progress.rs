//! How far a job is: bars on a terminal, or lines of JSON for machines.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use dolmetsch::job::{Counts, Event, Progress, Summary};
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::batch::ProgressFormat;

/// Shows the events of a job on standard error.
pub(crate) struct BatchProgress {
    format: ProgressFormat,
    quiet: bool,
    start: Instant,
    bars: MultiProgress,
    /// Over the bytes of all inputs …
    all: ProgressBar,
    /// … and of the one in work.
    file: ProgressBar,
}

impl BatchProgress {
    pub(crate) fn new(format: ProgressFormat, quiet: bool) -> Self {
        let visible = format == ProgressFormat::Auto && !quiet && io::stderr().is_terminal();
        let bars = MultiProgress::with_draw_target(if visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        });
        let bar = |template| {
            let style = ProgressStyle::with_template(template);
            let style = style.expect("the template is well-formed");
            bars.add(ProgressBar::new(0).with_style(style))
        };
        let file = bar("{bar:30} {percent:>3} %  {msg}");
        let all = bar("{bar:30} {percent:>3} %  {msg}");
        all.enable_steady_tick(Duration::from_millis(500));
        Self {
            format,
            quiet,
            start: Instant::now(),
            bars,
            all,
            file,
        }
    }

    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Note(note) => self.note(note),
            Event::Warning(warning) => self.warning(warning),
            Event::Progress(progress) if self.format == ProgressFormat::Json => self.line(progress),
            Event::Progress(progress) => self.draw(progress),
        }
    }

    /// Something that a person should know.
    #[expect(clippy::print_stderr, reason = "that is what notes are for")]
    pub(crate) fn note(&self, note: &str) {
        match self.format {
            _ if self.quiet => {}
            ProgressFormat::Auto => self.bars.suspend(|| eprintln!("note: {note}")),
            ProgressFormat::Json => eprintln!("{}", json!({"event": "note", "text": note})),
        }
    }

    /// Something that a person should know who has asked for no notes.
    #[expect(clippy::print_stderr, reason = "it is no message of the log")]
    fn warning(&self, warning: &str) {
        match self.format {
            ProgressFormat::Auto => self.bars.suspend(|| eprintln!("warning: {warning}")),
            ProgressFormat::Json => eprintln!("{}", json!({"event": "warning", "text": warning})),
        }
    }

    fn draw(&self, progress: &Progress) {
        self.all.set_length(progress.size);
        self.all.set_position(progress.bytes);
        let left = match self.seconds_left(progress) {
            Some(seconds) => format!("{} left", HumanDuration(Duration::from_secs_f64(seconds))),
            None => String::new(),
        };
        self.all.set_message(format!(
            "{} of {} files, {} segments, {:.0} tokens/s  {left}",
            progress.files_done,
            progress.files,
            done(&progress.counts),
            self.rate(&progress.counts)
        ));
        self.file.set_length(progress.file_size);
        self.file.set_position(progress.file_bytes);
        self.file.set_message(progress.file.display().to_string());
    }

    #[expect(clippy::print_stderr, reason = "machines read it there")]
    fn line(&self, progress: &Progress) {
        let counts = &progress.counts;
        eprintln!(
            "{}",
            json!({
                "event": "progress",
                "files_done": progress.files_done,
                "files": progress.files,
                "bytes_done": progress.bytes,
                "bytes": progress.size,
                "file": progress.file.to_string_lossy(),
                "file_bytes_done": progress.file_bytes,
                "file_bytes": progress.file_size,
                "skipped": counts.skipped,
                "translated": counts.translated,
                "repeated": counts.repeated,
                "rejected": counts.rejected,
                "flagged": counts.flagged,
                "tokens_per_second": self.rate(counts).round(),
                "seconds": self.start.elapsed().as_secs_f64(),
                "seconds_left": self.seconds_left(progress).map(f64::round),
            })
        );
    }

    /// Tokens per second of this run.
    fn rate(&self, counts: &Counts) -> f64 {
        counts.tokens as f64 / self.start.elapsed().as_secs_f64().max(0.001)
    }

    /// As fast as this run was so far.
    fn seconds_left(&self, progress: &Progress) -> Option<f64> {
        let done = progress.bytes.saturating_sub(progress.skipped_bytes);
        let left = progress.size.saturating_sub(progress.bytes);
        let seconds = self.start.elapsed().as_secs_f64();
        (done > 0).then(|| seconds * left as f64 / done as f64)
    }

    /// The summary of the run.
    #[expect(clippy::print_stderr, reason = "each run says what it did")]
    pub(crate) fn finish(&self, summary: &Summary) {
        self.all.finish_and_clear();
        self.file.finish_and_clear();
        let counts = &summary.counts;
        match self.format {
            ProgressFormat::Auto if self.quiet => {}
            ProgressFormat::Auto => eprintln!(
                "{} segments: {} skipped (done before), {} translated ({} need a look), {} repeated (translated once), {} rejected; {:.1} s, {:.0} tokens/s",
                done(counts),
                counts.skipped,
                counts.translated,
                counts.flagged,
                counts.repeated,
                counts.rejected,
                self.start.elapsed().as_secs_f64(),
                self.rate(counts)
            ),
            ProgressFormat::Json => eprintln!(
                "{}",
                json!({
                    "event": "end",
                    "files_done": summary.files,
                    "skipped": counts.skipped,
                    "translated": counts.translated,
                    "repeated": counts.repeated,
                    "rejected": counts.rejected,
                    "flagged": counts.flagged,
                    "seconds": self.start.elapsed().as_secs_f64(),
                    "interrupted": summary.interrupted,
                })
            ),
        }
    }
}

/// Segments that have an outcome.
fn done(counts: &Counts) -> u64 {
    counts.skipped + counts.translated + counts.repeated
}
