//! German sentences.

mod abbreviation;
mod candidate;
mod emoticon;
mod lexicon;
mod number;
mod rules;
mod scan;

use std::collections::HashMap;
use std::fmt;

use crate::document::Span;
use candidate::{Candidate, LineBreaks};
use lexicon::{Abbreviation, Lexicon};

/// Cuts German text into sentences.
///
/// Cheap to make and to copy; the word lists are shared.
#[derive(Clone)]
pub struct Segmenter {
    lexicon: &'static Lexicon,
    extra: HashMap<Box<str>, Abbreviation>,
}

impl Default for Segmenter {
    fn default() -> Self {
        Self::german()
    }
}

impl fmt::Debug for Segmenter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segmenter")
            .field("extra", &self.extra)
            .finish_non_exhaustive()
    }
}

impl Segmenter {
    /// The segmenter with the built-in German data.
    #[must_use]
    pub fn german() -> Self {
        Self {
            lexicon: Lexicon::german(),
            extra: HashMap::new(),
        }
    }

    /// Adds abbreviations of one's own, with or without their last full stop.
    #[must_use]
    pub fn with_abbreviations<'a>(mut self, extra: impl IntoIterator<Item = &'a str>) -> Self {
        for word in extra {
            let joined: String = word.split_whitespace().collect();
            let word = joined.strip_suffix('.').unwrap_or(&joined);
            if !word.is_empty() {
                lexicon::add_abbreviation(&mut self.extra, word, Abbreviation::Never);
            }
        }
        self
    }

    /// The sentences of `text`; a line break ends one.
    #[must_use]
    pub fn sentences(&self, text: &str) -> Vec<Span> {
        self.cut(text, LineBreaks::End)
    }

    /// The sentences of a paragraph in which a single line break is only a wrap.
    #[must_use]
    pub fn sentences_of_paragraph(&self, text: &str) -> Vec<Span> {
        self.cut(text, LineBreaks::Wrap)
    }

    fn cut(&self, text: &str, lines: LineBreaks) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut start = skip_space(text, 0);
        let mut at = start;
        let mut words = Words::default();
        while let Some(stop) = scan::next(text.as_bytes(), at) {
            let c = text[stop..]
                .chars()
                .next()
                .expect("scan stops inside the text");
            if scan::is_line_break(c) {
                at = skip_space(text, stop);
                let blank = text[stop..at]
                    .chars()
                    .filter(|&c| scan::is_line_break(c) && c != '\r')
                    .count()
                    > 1;
                if lines == LineBreaks::End || blank {
                    push(&mut spans, text, start, stop);
                    start = at;
                }
                continue;
            }
            let has_words = words.seen(text, start, stop);
            match Candidate::at(text, start, stop, has_words, lines) {
                None => at = stop + c.len_utf8(),
                Some(candidate) if rules::ends_sentence(self, &candidate) => {
                    push(&mut spans, text, start, candidate.end);
                    start = skip_space(text, candidate.end);
                    at = start;
                }
                Some(candidate) => at = candidate.end.max(stop + c.len_utf8()),
            }
        }
        push(&mut spans, text, start, text.len());
        spans
    }

    /// The class of the abbreviation that ends at `candidate`, if one does.
    fn abbreviation(&self, candidate: &Candidate<'_>) -> Option<Abbreviation> {
        let lexicon = self.lexicon;
        abbreviation::class(candidate, lexicon, |word| {
            let own = self.extra.get(word).copied();
            own.or_else(|| lexicon.abbreviation(word))
        })
    }
}

/// Whether a sentence has a letter or a digit, each character looked at once.
#[derive(Default)]
struct Words {
    sentence: usize,
    checked: usize,
    found: bool,
}

impl Words {
    fn seen(&mut self, text: &str, start: usize, until: usize) -> bool {
        if self.sentence != start || self.checked < start {
            *self = Self {
                sentence: start,
                checked: start,
                found: false,
            };
        }
        self.found = self.found || text[self.checked..until].contains(char::is_alphanumeric);
        self.checked = until;
        self.found
    }
}

fn push(spans: &mut Vec<Span>, text: &str, start: usize, end: usize) {
    let length = text[start..end].trim_end().len();
    if length > 0 {
        spans.push(Span::new(start, start + length));
    }
}

fn skip_space(text: &str, from: usize) -> usize {
    text.len() - text[from..].trim_start().len()
}
