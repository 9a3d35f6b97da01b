//! A bar for each file that is downloaded, on a terminal's standard error.

use std::time::Duration;

use dolmetsch::hub::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Draws what a download does; without a terminal, nothing.
pub(crate) struct DownloadBars {
    bar: ProgressBar,
}

impl DownloadBars {
    pub(crate) fn new() -> Self {
        // Drawn from the first file on.
        Self {
            bar: ProgressBar::hidden(),
        }
    }

    /// For [`Hub::get`](dolmetsch::hub::Hub::get).
    pub(crate) fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Started {
                file,
                size,
                resumed,
            } => self.start(file, size, resumed),
            Progress::Received { bytes } => self.bar.inc(bytes),
            Progress::Finished { file } => {
                self.bar.finish();
                tracing::info!(file, "downloaded and verified");
            }
            Progress::WaitingForProcess { file } => {
                tracing::warn!("waiting for another process that downloads {file}");
            }
            Progress::Retrying { cause, wait } => {
                tracing::warn!("{cause}; trying again in {:.1} s", wait.as_secs_f32());
            }
            _ => {}
        }
    }

    fn start(&mut self, file: &str, size: Option<u64>, resumed: u64) {
        self.bar.abandon();
        let template = if size.is_some() {
            "{msg:24} {wide_bar} {decimal_bytes:>10} of {decimal_total_bytes} {decimal_bytes_per_sec:>12} {eta:>4}"
        } else {
            "{msg:24} {spinner} {decimal_bytes:>10} {decimal_bytes_per_sec:>12}"
        };
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        self.bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::stderr())
            .with_style(style)
            .with_message(file.to_owned())
            .with_position(resumed);
        // The rate is that of this run.
        self.bar.reset_eta();
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }
}

impl Drop for DownloadBars {
    fn drop(&mut self) {
        // An error ends the download in the middle of a bar.
        self.bar.abandon();
    }
}
