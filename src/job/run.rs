//! One run of a job.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::block::{Block, BlockReader, Position};
use super::finish::{Parts, write_rejected};
use super::format::{Record, Slot};
use super::journal::{self, Frame, Journal};
use super::manifest::Manifest;
use super::prepare::check_outputs;
use super::rejected::Rejection;
use super::state::{self, State};
use super::window::{Outcome, Windows};
use super::{Event, Job, Progress, Shard, Summary};
use crate::document::Document;
use crate::error::{Error, Result};
use crate::language::Language;
use crate::translation::Translation;
use crate::writer::write_text;

/// A window is not larger than this (bytes of text).
const WINDOW_BYTES: usize = 4 * 1024 * 1024;

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
        fs::create_dir_all(&folder).map_err(Error::io("write", &folder))?;
        let _locks = self.lock(&folder)?;
        if self.restart {
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
        let whole = !summary.interrupted && summary.failed.is_empty();
        if whole && self.shard == Shard::default() {
            let state = State::open(&folder, self.inputs.len())?;
            write_rejected(&self.output, &state)?;
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

/// A block of an input, and the text of each of its records in segments.
struct Gathered {
    file: usize,
    block: Block,
    documents: Vec<Document>,
}

/// For each target the outcomes of some segments.
type Outcomes = Vec<Vec<Outcome>>;

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
    /// Journals of the inputs in the window, with segments and rejected records.
    journals: BTreeMap<usize, Open>,
    synced: Instant,
    /// Bytes of the inputs before the current one.
    bytes_before: u64,
    skipped_bytes: u64,
    size: u64,
    summary: Summary,
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
        match self.read(file, start, index) {
            Err(error) if error.exit_code() == 4 => {
                self.summary.failed.push(error);
                self.translate_window()?;
                self.journals.remove(&file);
                Ok(true)
            }
            read => read,
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
            let document = |record: &Record| record.document(input.format, &reading.layout);
            let documents: Vec<Document> = block.records.iter().map(document).collect();
            for document in &documents {
                self.bytes += document.text().len();
                self.segments += document.sentences().len();
            }
            self.window.push(Item::Block(Gathered {
                file,
                block,
                documents,
            }));
            if self.segments >= self.job.window || self.bytes >= WINDOW_BYTES {
                self.translate_window()?;
                self.report(file, blocks.consumed());
                if self.job.stop.load(Ordering::Relaxed) {
                    self.sync()?;
                    return Ok(false);
                }
            }
        }
        self.window.push(Item::End(file, blocks.position(), number));
        Ok(true)
    }

    /// Translates what is gathered, and writes it to the journals.
    fn translate_window(&mut self) -> Result<()> {
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
                    let own = own.map(|outcomes| outcomes.take(count).collect()).collect();
                    self.write(gathered, &own)?;
                }
                &Item::End(file, end, block) => {
                    let frame = Frame::end(block, end);
                    self.open(file).journal.append(frame, &[])?;
                    self.finish(file)?;
                }
            }
        }
        if self.synced.elapsed() >= self.job.checkpoint {
            self.sync()?;
        }
        Ok(())
    }

    fn open(&mut self, file: usize) -> &mut Open {
        let open = self.journals.get_mut(&file);
        open.expect("an input's journal is open as long as it is read")
    }

    /// Writes a block to its journal.
    fn write(&mut self, gathered: &Gathered, outcomes: &Outcomes) -> Result<()> {
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
        let Some(open) = self.journals.remove(&file) else {
            return Ok(());
        };
        open.journal.sync()?;
        self.summary.files += 1;
        if self.job.shard != Shard::default() {
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

impl Gathered {
    fn segments(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().flat_map(|document| {
            let spans = document.sentences().iter().map(|sentence| sentence.span);
            spans.map(|span| span.of(document.text()))
        })
    }

    /// The bytes of the output.
    fn rendered(&self, glue: &str, outcomes: &[Outcome]) -> Result<Vec<u8>> {
        let mut output = Vec::new();
        let mut outcomes = outcomes.iter();
        for (record, document) in self.block.records.iter().zip(&self.documents) {
            let translations: Vec<Translation> = outcomes
                .by_ref()
                .take(document.sentences().len())
                .map(|outcome| Translation {
                    target: outcome.as_deref().unwrap_or_default().to_owned(),
                    ..Translation::default()
                })
                .collect();
            let mut text = Vec::new();
            write_text(&mut text, document, 0, &translations)
                .map_err(Error::io("write", Path::new("memory")))?;
            record.write(&mut output, glue, &String::from_utf8_lossy(&text));
        }
        Ok(output)
    }

    /// Segments that the engine could not translate.
    fn rejections(&self, target: Language, outcomes: &[Outcome]) -> Vec<Rejection> {
        let places = self.block.records.iter().zip(&self.documents);
        let lines = places.flat_map(|(record, document)| {
            document.sentences().iter().map(|sentence| {
                let before = &document.text()[..sentence.span.start];
                match record.slot {
                    Some(Slot::Raw) => record.line + before.matches('\n').count() as u64,
                    _ => record.line,
                }
            })
        });
        let rejection = |(line, outcome): (u64, &Outcome)| {
            let reason = outcome.as_ref().err()?;
            Some(Rejection::new(line, Some(target), reason.to_string()))
        };
        lines.zip(outcomes).filter_map(rejection).collect()
    }
}
