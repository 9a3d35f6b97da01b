//! How far a translation is, on a terminal's standard error.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over the bytes of the inputs, with sentences and tokens per second.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: Instant,
    sentences: AtomicU64,
    tokens: AtomicU64,
    /// Bytes of the parts that are finished.
    finished: AtomicU64,
}

impl Progress {
    pub(crate) fn new(inputs: &[PathBuf], quiet: bool) -> Self {
        let bar = if quiet || !io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            visible(total_size(inputs))
        };
        Self {
            bar,
            start: Instant::now(),
            sentences: AtomicU64::new(0),
            tokens: AtomicU64::new(0),
            finished: AtomicU64::new(0),
        }
    }

    /// Sentences of one target are done, each of which stands for `share` bytes.
    pub(crate) fn sentences_done(&self, count: usize, share: f64) {
        if self.sentences.fetch_add(count as u64, Ordering::Relaxed) == 0 && self.is_measured() {
            self.bar
                .set_style(style("{bar:30} {percent:>3} %  {msg}  {eta} left"));
        }
        self.bar.inc((count as f64 * share) as u64);
        self.describe();
    }

    /// The best hypotheses have so many more tokens.
    pub(crate) fn tokens_made(&self, count: usize) {
        self.tokens.fetch_add(count as u64, Ordering::Relaxed);
        self.describe();
    }

    /// A part of an input is done, gaps and all.
    pub(crate) fn part_done(&self, bytes: usize) {
        let finished = self.finished.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        self.bar.set_position(finished);
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Whether the inputs' size is known.
    fn is_measured(&self) -> bool {
        self.bar.length().is_some()
    }

    fn describe(&self) {
        let tokens = self.tokens.load(Ordering::Relaxed);
        let sentences = self.sentences.load(Ordering::Relaxed);
        let rate = tokens as f64 / self.start.elapsed().as_secs_f64();
        self.bar.set_message(match tokens {
            0 => format!("{sentences} sentences"),
            _ => format!("{sentences} sentences, {rate:.0} tokens/s"),
        });
    }
}

fn visible(size: Option<u64>) -> ProgressBar {
    let (bar, template) = match size {
        Some(size) => (
            ProgressBar::new(size),
            // Nothing is known of the time yet.
            "{bar:30} {percent:>3} %",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
    };
    bar.set_style(style(template));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well-formed")
}

/// Bytes of all inputs, if they are known.
fn total_size(inputs: &[PathBuf]) -> Option<u64> {
    inputs
        .iter()
        .map(|path| {
            std::fs::metadata(path)
                .ok()
                .filter(|_| path != Path::new("-"))
                .map(|file| file.len())
        })
        .sum()
}
