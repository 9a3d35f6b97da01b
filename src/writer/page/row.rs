//! A paragraph in all languages.

use std::io::{self, Write};

use super::block::{Block, Surroundings};
use super::{text, words};
use crate::language::Language;
use crate::translation::Translation;
use crate::writer::note::notes;

/// A paragraph that is being put together.
#[derive(Debug)]
pub(super) struct Row {
    /// The name of the input it comes from.
    pub(super) name: String,
    /// Its number there, from 0.
    pub(super) paragraph: usize,
    /// What stands between the paragraph before and this one.
    before: String,
    is_first: bool,
    /// The source's first sentence.
    sentence: String,
    sentences: usize,
    /// HTML of the source and of each target.
    cells: Vec<Vec<u8>>,
}

impl Row {
    pub(super) fn new(
        name: &str,
        paragraph: usize,
        before: String,
        is_first: bool,
        targets: usize,
    ) -> Self {
        Self {
            name: name.to_owned(),
            paragraph,
            before,
            is_first,
            sentence: String::new(),
            sentences: 0,
            cells: vec![Vec::new(); targets + 1],
        }
    }

    /// Adds what stands between two sentences.
    pub(super) fn add_gap(&mut self, gap: &str) -> io::Result<()> {
        let gap = text(gap);
        self.cells
            .iter_mut()
            .try_for_each(|cell| cell.write_all(gap.as_bytes()))
    }

    /// Adds a sentence, with its translations.
    pub(super) fn add(&mut self, translations: &[&Translation]) -> io::Result<()> {
        let source = &translations[0].source;
        if self.sentences == 0 {
            self.sentence.clone_from(source);
        }
        self.sentences += 1;
        let [first, cells @ ..] = &mut self.cells[..] else {
            return Ok(());
        };
        write!(first, "<span>{}</span>", text(source))?;
        cells
            .iter_mut()
            .zip(translations)
            .try_for_each(|(cell, translation)| write_sentence(cell, translation))
    }

    /// The source, if it is one sentence.
    pub(super) fn only_sentence(&self) -> Option<&str> {
        (self.sentences == 1).then_some(&self.sentence)
    }

    /// What kind of block it is; `after` is what stands between it and the next
    /// one, if there is one.
    pub(super) fn block<'a>(&'a self, after: Option<&'a str>) -> Block<'a> {
        let surroundings = Surroundings {
            before: &self.before,
            sentence: self.only_sentence(),
            after,
            is_first: self.is_first,
        };
        surroundings.block()
    }

    /// Writes the row; `languages` are those of its cells.
    pub(super) fn write(
        &self,
        output: &mut dyn Write,
        block: Block,
        languages: &[Language],
    ) -> io::Result<()> {
        // The end of a `p` may be left out, and is: long pages are 2 % shorter.
        let (start, class, mark, end) = match block {
            Block::Heading(1) => ("h2", "", None, "</h2>"),
            Block::Heading(2) => ("h3", "", None, "</h3>"),
            Block::Heading(_) => ("h4", "", None, "</h4>"),
            Block::Item { mark, depth: 1 } => ("p", " class=item1", Some(mark), ""),
            Block::Item { mark, depth: 2 } => ("p", " class=item2", Some(mark), ""),
            Block::Item { mark, .. } => ("p", " class=item3", Some(mark), ""),
            Block::Quote => ("p", " class=quote", None, ""),
            Block::Prose => ("p", "", None, ""),
        };
        write!(output, "<div>")?;
        for (cell, language) in self.cells.iter().zip(languages) {
            write!(output, "<{start} lang={language}{class}>")?;
            if let Some(mark) = mark {
                write!(output, "<b>{}</b> ", text(mark))?;
            }
            output.write_all(cell)?;
            write!(output, "{end}")?;
        }
        writeln!(output, "</div>")
    }
}

/// A translated sentence, and behind it what a reader should know of it.
fn write_sentence(output: &mut dyn Write, translation: &Translation) -> io::Result<()> {
    let class = if translation.needs_a_look() {
        " class=check"
    } else {
        ""
    };
    let target = text(&translation.target);
    match words::compact(translation).as_str() {
        "" => write!(output, "<span{class}>{target}</span>")?,
        words => write!(output, "<span{class} data-w={words}>{target}</span>")?,
    }
    let notes = text(&notes(translation).join("; "));
    match (notes.as_str(), class) {
        ("", _) => Ok(()),
        (_, "") => write!(output, " <small lang=en>{notes}</small>"),
        _ => write!(
            output,
            " <small lang=en{class}><b>Check:</b> {notes}</small>"
        ),
    }
}
