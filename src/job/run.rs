//! One run of a job.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::block::{BlockReader, Position};
use super::finish::{Parts, remove_rejected, write_rejected};
use super::gathered::Gathered;
use super::journal::{self, Frame, Journal};
use super::manifest::Manifest;
use super::prepare::check_outputs;
use super::state::{self, State};
use super::window::{Outcome, Windows};
use super::{Event, Job, Progress, Shard, Summary};
use crate::error::{Error, Result};
use crate::language::Language;

/// A window is not larger than this (bytes of records), so that many that have
/// nothing to translate do not fill the memory.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;

/// Inputs that lie in a window: each has an open file, of which a process may
/// have 256 on some systems.
const WINDOW_FILES: usize = 64;

impl Job<'_> {
    /// Translates what is not translated yet; `observe` is told what happens.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] when the job was begun with something else, or an input
    /// or output was changed, [`Error::Busy`] when another process is at it, and
    /// what the disk reports. Inputs that cannot be read are in the summary.
    pub fn run(&self, observe: &mut dyn FnMut(Event)) -> Result<Summary> {
        let folder = state::folder(&self.output, self.shard);
        state::make_folder(&self.output.join(state::FOLDER))?;
        let _locks = self.lock(&folder)?;
        if self.restart {
            remove_rejected(&self.output, &folder)?;
            state::remove(&folder)?;
        }
        let manifest = self.manifest(&folder)?;
        let mut state = State::open(&folder, self.inputs.len())?;
        check_outputs(self, &mut state, observe)?;
        let windows = Windows::new(
            &self.targets,
            self.contexts(),
            self.open_cache(&folder, observe),
        );
        let mut run = Run::new(self, &manifest, state, windows, observe);
        let finished = run.all();
        let mut summary = run.end();
        summary.interrupted = !finished?;
        if self.shard == Shard::default() {
            let state = State::open(&folder, self.inputs.len())?;
            write_rejected(&self.output, &self.inputs, &state, observe)?;
        }
        if !summary.interrupted && summary.failed.is_empty() {
            let _ = fs::remove_file(folder.join("cache"));
        }
        Ok(summary)
    }
}

/// What is gathered until a window is full.
enum Item {
    Block(Gathered),
    /// The end of an input: where it is, and how many blocks stand before it.
    End(usize, Position, u64),
}

struct Run<'a, 'o> {
    job: &'a Job<'a>,
    manifest: &'a Manifest,
    languages: Vec<Language>,
    state: State,
    windows: Windows<'a>,
    observe: &'o mut dyn FnMut(Event),
    /// Waiting for translation.
    window: Vec<Item>,
    segments: usize,
    bytes: usize,
    /// Segments that a window may have at present.
    room: usize,
    /// Journals of the inputs in the window, with segments and rejected records.
    journals: BTreeMap<usize, Open>,
    synced: Instant,
    /// Bytes of the inputs before the current one.
    bytes_before: u64,
    skipped_bytes: u64,
    size: u64,
    summary: Summary,
}

/// Whether this is about one input, and not about the job.
fn is_unreadable(error: &Error) -> bool {
    error.exit_code() == 4
}

struct Open {
    journal: Journal,
    segments: u64,
    rejected: u64,
}

impl<'a, 'o> Run<'a, 'o> {
    fn new(
        job: &'a Job<'a>,
        manifest: &'a Manifest,
        state: State,
        windows: Windows<'a>,
        observe: &'o mut dyn FnMut(Event),
    ) -> Self {
        let sizes = manifest.inputs.iter().map(|input| input.identity.bytes);
        Self {
            job,
            manifest,
            languages: job.targets.iter().map(|target| target.language).collect(),
            state,
            windows,
            observe,
            window: Vec::new(),
            segments: 0,
            bytes: 0,
            room: job.window,
            journals: BTreeMap::new(),
            synced: Instant::now(),
            bytes_before: 0,
            skipped_bytes: 0,
            size: sizes.sum(),
            summary: Summary::default(),
        }
    }

    /// Whether all inputs were looked at.
    fn all(&mut self) -> Result<bool> {
        for file in 0..self.job.inputs.len() {
            let size = self.manifest.inputs[file].identity.bytes;
            if let Some(finished) = &self.state.finished[file] {
                self.summary.files += 1;
                self.skip(finished.segments, finished.rejected);
                self.skipped_bytes += size;
            } else if !self.input(file)? {
                return Ok(false);
            }
            self.bytes_before += size;
        }
        self.translate_window()?;
        self.report(self.job.inputs.len() - 1, 0);
        Ok(true)
    }

    fn skip(&mut self, segments: u64, rejected: u64) {
        self.windows.counts.skipped += segments * self.languages.len() as u64;
        self.windows.counts.rejected += rejected;
    }

    /// Reads on in an input; `false` when the run is stopped.
    fn input(&mut self, file: usize) -> Result<bool> {
        let input = &self.job.inputs[file];
        let path = self.state.journal(file);
        let written = journal::written(&path)?;
        self.skip(written.segments, written.rejected);
        if written.torn > 0 {
            (self.observe)(Event::Note(&format!(
                "the last {} bytes in the journal of {} are torn or damaged, and are made again",
                written.torn,
                input.relative.display()
            )));
        }
        let is_complete = written.is_complete();
        let (start, index) = match &written.last {
            Some(frame) => (frame.end, frame.block + u64::from(!frame.last)),
            None => (Position::default(), 0),
        };
        let open = Open {
            journal: Journal::open(&path, written.length)?,
            segments: written.segments,
            rejected: written.rejected,
        };
        self.journals.insert(file, open);
        if is_complete {
            self.skipped_bytes += self.manifest.inputs[file].identity.bytes;
            return self.finish(file).map(|()| true);
        }
        let read = self.read(file, start, index);
        if read.as_ref().is_err_and(is_unreadable) {
            // What was read before is kept.
            self.translate_window()?;
            self.journals.remove(&file);
        }
        self.unless_unreadable(read, true)
    }

    /// An input that cannot be read does not keep the others from being
    /// translated.
    fn unless_unreadable<T>(&mut self, result: Result<T>, instead: T) -> Result<T> {
        match result {
            Err(error) if is_unreadable(&error) => {
                self.summary.failed.push(error);
                Ok(instead)
            }
            result => result,
        }
    }

    fn read(&mut self, file: usize, start: Position, index: u64) -> Result<bool> {
        let (input, reading) = (&self.job.inputs[file], &self.job.reading);
        let mut blocks = BlockReader::open(input, reading, start, index)?;
        self.skipped_bytes += blocks.consumed();
        let mut number = index;
        while let Some(block) = blocks.next()? {
            number = block.index + 1;
            if !self.job.shard.has(file, block.index) {
                continue;
            }
            let gathered = Gathered::new(file, block, input.format, &reading.layout);
            self.bytes += gathered.size();
            self.segments += gathered.segments().count();
            self.window.push(Item::Block(gathered));
            if self.is_full() {
                self.translate_window()?;
                self.report(file, blocks.consumed());
                if self.is_stopped()? {
                    return Ok(false);
                }
            }
        }
        self.window.push(Item::End(file, blocks.position(), number));
        if self.is_full() {
            self.translate_window()?;
            self.report(file, blocks.consumed());
            return Ok(!self.is_stopped()?);
        }
        Ok(true)
    }

    fn is_full(&self) -> bool {
        self.segments >= self.room
            || self.bytes >= WINDOW_BYTES
            || self.journals.len() >= WINDOW_FILES
    }

    /// Whether the run is to end here; then all is on the disk.
    fn is_stopped(&mut self) -> Result<bool> {
        let stop = self.job.stop.load(Ordering::Relaxed);
        if stop {
            self.sync()?;
        }
        Ok(stop)
    }

    /// Translates what is gathered, and writes it to the journals.
    fn translate_window(&mut self) -> Result<()> {
        let start = Instant::now();
        let items = std::mem::take(&mut self.window);
        (self.segments, self.bytes) = (0, 0);
        let segments: Vec<&str> = items
            .iter()
            .filter_map(|item| match item {
                Item::Block(gathered) => Some(gathered),
                Item::End(..) => None,
            })
            .flat_map(Gathered::segments)
            .collect();
        let outcomes = self.windows.translate(&segments)?;
        let mut outcomes: Vec<_> = outcomes.into_iter().map(Vec::into_iter).collect();
        for item in &items {
            match item {
                Item::Block(gathered) => {
                    let count = gathered.segments().count();
                    let own = outcomes.iter_mut();
                    let own: Vec<_> = own.map(|all| all.take(count).collect()).collect();
                    self.write(gathered, &own)?;
                }
                &Item::End(file, end, block) => {
                    let frame = Frame::end(block, end);
                    self.open(file).journal.append(frame, &[])?;
                    self.finish(file)?;
                }
            }
        }
        self.fit(start.elapsed());
        if self.synced.elapsed() >= self.job.checkpoint {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes windows so large that one is done within a checkpoint's time, as that
    /// is what a crash costs: one that takes longer is followed by one of half its
    /// segments.
    fn fit(&mut self, took: Duration) {
        if took > self.job.checkpoint {
            self.room = (self.room / 2).max(self.job.smallest_window);
        } else if took < self.job.checkpoint / 4 {
            self.room = (2 * self.room).min(self.job.window);
        }
    }

    fn open(&mut self, file: usize) -> &mut Open {
        let open = self.journals.get_mut(&file);
        open.expect("an input's journal is open as long as it is read")
    }

    /// Writes a block to its journal.
    fn write(&mut self, gathered: &Gathered, outcomes: &[Vec<Outcome>]) -> Result<()> {
        let input = &self.job.inputs[gathered.file];
        let mut rejections = gathered.block.rejections.clone();
        let mut streams = Vec::new();
        for (&target, outcomes) in self.languages.iter().zip(outcomes) {
            let glue = self.job.reading.glue(input.format, target);
            streams.push(gathered.rendered(&glue, outcomes)?);
            rejections.extend(gathered.rejections(target, outcomes));
        }
        rejections.sort_by_key(|rejection| rejection.line);
        let mut rejected = Vec::new();
        for rejection in &rejections {
            rejection.write(&input.relative, &mut rejected);
        }
        streams.push(rejected);
        let frame = Frame {
            block: gathered.block.index,
            end: gathered.block.end,
            segments: gathered.segments().count() as u64,
            rejected: rejections.len() as u64,
            last: false,
            streams: Vec::new(),
        };
        self.windows.counts.rejected += frame.rejected;
        let open = self.open(gathered.file);
        open.segments += frame.segments;
        open.rejected += frame.rejected;
        open.journal.append(frame, &streams)
    }

    /// Puts an input's translations in their places, unless that is for another
    /// run to do.
    fn finish(&mut self, file: usize) -> Result<()> {
        let finished = self.assemble(file);
        self.unless_unreadable(finished, ())
    }

    fn assemble(&mut self, file: usize) -> Result<()> {
        let Some(open) = self.journals.remove(&file) else {
            return Ok(());
        };
        open.journal.sync()?;
        if self.job.shard != Shard::default() {
            self.summary.files += 1;
            return Ok(());
        }
        let journal = self.state.journal(file);
        let parts = Parts {
            inputs: &self.job.inputs,
            output: &self.job.output,
            reading: &self.job.reading,
            targets: &self.languages,
            manifest: self.manifest,
        };
        let counts = (open.segments, open.rejected);
        parts.finish(
            file,
            std::slice::from_ref(&journal),
            &mut self.state,
            counts,
        )?;
        self.summary.files += 1;
        fs::remove_file(&journal).map_err(Error::io("write", &journal))
    }

    /// Makes sure that all is on the disk.
    fn sync(&mut self) -> Result<()> {
        self.synced = Instant::now();
        self.journals
            .values()
            .try_for_each(|open| open.journal.sync())
    }

    fn report(&mut self, file: usize, file_bytes: u64) {
        let input = &self.manifest.inputs[file];
        (self.observe)(Event::Progress(Progress {
            counts: self.windows.counts,
            file: &self.job.inputs[file].path,
            file_bytes,
            file_size: input.identity.bytes,
            bytes: self.bytes_before + file_bytes,
            skipped_bytes: self.skipped_bytes,
            size: self.size,
            files_done: self.summary.files,
            files: self.job.inputs.len(),
        }));
    }

    fn end(self) -> Summary {
        let (counts, notes) = self.windows.finish();
        for note in &notes {
            (self.observe)(Event::Note(note));
        }
        Summary {
            counts,
            ..self.summary
        }
    }
}
