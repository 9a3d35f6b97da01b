//! German sentences, as byte ranges of an untouched text.
//!
//! ```
//! use dolmetsch::segment::Segmenter;
//!
//! let text = "Die Messe findet am 25. und 26. Oktober statt. Karten gibt es ab 9 Uhr.";
//! let sentences: Vec<_> = Segmenter::german()
//!     .sentences(text)
//!     .into_iter()
//!     .map(|span| span.of(text))
//!     .collect();
//! assert_eq!(
//!     sentences,
//!     [
//!         "Die Messe findet am 25. und 26. Oktober statt.",
//!         "Karten gibt es ab 9 Uhr.",
//!     ]
//! );
//! ```
//!
//! # What a sentence is here
//!
//! Final punctuation, closing quotation marks and brackets, footnote marks,
//! emoticons and "./." belong to the sentence before them; list numbers to the
//! item behind them. The sentences inside a quotation are cut, the quotation and
//! its "sagte er" are not. Nothing is cut after `;` `:` `,`. A line break ends a
//! segment ([`Segmenter::sentences`]), or is a mere wrap
//! ([`Segmenter::sentences_of_paragraph`]). Only white space lies between
//! sentences: gaps and sentences together are the input, whatever the input.
//!
//! # How it is decided
//!
//! One look-up a byte finds the candidates: runs of `.` `!` `?` `…`, line breaks,
//! emoticons. Around a candidate, closing marks are taken in and the next word is
//! read; then the first rule that applies decides. In the examples, `|` marks a cut.
//!
//! | | rule | example |
//! | --- | --- | --- |
//! | 1 | A line break ends a segment. | `Vorwort⏎ \| Dieses Buch …` |
//! | 2 | Before `,` `;` `:` `)` and the end of a line there is nothing to decide. | `„Kommst du?“, fragte Lena.` |
//! | 3 | No sentence consists of marks alone. | `… und dann kam er nicht.` |
//! | 4 | Without a space, a sentence ends only between a word and a function word. | `nichtig.Das Gericht`, but `hallo.example.de` |
//! | 5 | `!` `?`: an end, unless a small letter follows a closing quotation mark, the brackets hold nothing else, or the mark is part of a name. | `„Hilfe!“ schrie er.` `ein (!) Fehler` `Yahoo! kauft` |
//! | 6 | `…`: an end before a capital, unless it stands for words left out after an article or the like. | `Ich weiß nicht … \| Vielleicht.` `das … Buch` |
//! | 7 | An emoticon without a full stop ends a sentence of two words or more. | `mach ich ;) \| Bis dann` |
//! | 8 | "./." between spaces means "against". | `Müller ./. Schmidt` |
//! | 9 | A number at the start of a sentence or after a colon is a list number. | `1. Wasser kochen. \| 2. …` |
//! | 10 | Any other number ends a sentence before a **function word** … | `im Jahr 1990. \| Die Schule` |
//! | 11 | … and before another capital, if it is no ordinal: neither the word before it (article, "am", "Beethovens") nor the noun behind it asks for one. | `am 25. Oktober`, `von Gleis 6. \| Beeilen Sie sich!` |
//! | 12 | A Roman numeral ends one before a function word. | `Philipp II. \| Im Jahr`, `des III. Geschwaders` |
//! | 13 | A single letter at the start is a list mark, elsewhere an initial. | `a. Die Lieferung`, `C. F. Meyer`, `Kai B. \| Er war` |
//! | 14 | An abbreviation never ends one, or only before a function word, or before most capitals: three lists, and the looks of a word (no vowel, "-schaftl."). | `z. B. Die Zeit`, `e. V. \| Das`, `Wein usw. \| Alle` |
//! | 15 | A full stop before a small letter ends one only behind a word that nobody abbreviates to. | `ich komme später. \| wartet nicht` |
//! | 16 | Every other full stop ends a sentence. | `Es regnet. \| Wir bleiben.` |
//!
//! The strongest cue is in rules 10 to 14: whether the next capitalised word is a
//! function word (`der`, `im`, `wenn`, `dabei`, …), which German writes with a
//! capital only at the start of a sentence. The word lists are files in `data/`,
//! compiled for this project.
//!
//! # Cost
//!
//! Some hundreds of megabytes a second on one core; nothing is allocated but the
//! spans. Each candidate looks at a bounded neighbourhood, so that no text, however
//! odd, takes more than linear time.

mod abbreviation;
mod candidate;
mod emoticon;
mod lexicon;
mod next;
mod number;
mod rules;
mod scan;

use std::fmt;

use crate::document::Span;
use candidate::Candidate;
use lexicon::{Abbreviation, Abbreviations, Lexicon};
use next::LineBreaks;

/// Cuts German text into sentences.
///
/// Cheap to make and to copy; the word lists are shared.
#[derive(Clone)]
pub struct Segmenter {
    lexicon: &'static Lexicon,
    extra: Abbreviations,
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
            extra: Abbreviations::default(),
        }
    }

    /// Adds abbreviations of one's own, with or without their last full stop; they never end a
    /// sentence.
    ///
    /// ```
    /// use dolmetsch::segment::Segmenter;
    ///
    /// let text = "Der Brandass. Meier kam spät.";
    /// assert_eq!(Segmenter::german().sentences(text).len(), 2);
    /// let segmenter = Segmenter::german().with_abbreviations(["Brandass."]);
    /// assert_eq!(segmenter.sentences(text).len(), 1);
    /// ```
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

    /// The sentences of `text`, in order and without the white space around them; a line break
    /// ends one.
    #[must_use]
    pub fn sentences(&self, text: &str) -> Vec<Span> {
        self.cut(text, LineBreaks::End)
    }

    /// The same for hard-wrapped text, in which a single line break is white space and only a
    /// blank line ends a segment.
    ///
    /// ```
    /// use dolmetsch::segment::Segmenter;
    ///
    /// let text = "Sie kommt am\n25. Oktober. Er\nbleibt hier.";
    /// assert_eq!(Segmenter::german().sentences_of_paragraph(text).len(), 2);
    /// ```
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
            match Candidate::at(text, start, stop, lines) {
                None => at = stop + c.len_utf8(),
                Some(candidate) if rules::ends_sentence(self, &candidate, has_words) => {
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
