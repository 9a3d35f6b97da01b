//! A block of an input with the text of each of its records in segments, and how
//! it becomes the bytes of the output.

use std::path::Path;

use super::block::Block;
use super::format::{Format, Record, Slot};
use super::rejected::Rejection;
use super::window::Outcome;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::language::Language;
use crate::reader::Layout;
use crate::translation::Translation;
use crate::writer::write_text;

/// A block that waits for its translations.
pub(super) struct Gathered {
    /// The input's place in the job.
    pub(super) file: usize,
    pub(super) block: Block,
    documents: Vec<Document>,
}

impl Gathered {
    pub(super) fn new(file: usize, block: Block, format: Format, layout: &Layout) -> Self {
        let document = |record: &Record| record.document(format, layout);
        Self {
            documents: block.records.iter().map(document).collect(),
            file,
            block,
        }
    }

    /// Bytes in memory, more or less.
    pub(super) fn size(&self) -> usize {
        let record = |record: &Record| {
            // The text is in the document as well.
            let bytes = record.before.len() + 2 * record.text.len() + record.after.len();
            bytes + size_of::<Record>() + size_of::<Document>()
        };
        self.block.records.iter().map(record).sum()
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().flat_map(|document| {
            let spans = document.sentences().iter().map(|sentence| sentence.span);
            spans.map(|span| span.of(document.text()))
        })
    }

    /// The bytes of the output.
    pub(super) fn rendered(&self, glue: &str, outcomes: &[Outcome]) -> Result<Vec<u8>> {
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
    pub(super) fn rejections(&self, target: Language, outcomes: &[Outcome]) -> Vec<Rejection> {
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
