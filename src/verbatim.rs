//! What is not prose: strings that must reach the translation byte for byte.
//!
//! A model has seen few URLs and no placeholders of ours; it drops, doubles or
//! "translates" them. They are found in the source ([`find`]), looked for in the
//! translation and put back where the alignment says that they belong
//! ([`restore()`]); where that cannot be done, the text around them is translated
//! in pieces ([`prose`]).
//!
//! Scanning is by hand rather than with regular expressions: what an address is
//! depends on what stands before it and on balanced brackets, and a scanner that
//! looks at each run of characters once is linear by construction.

mod markup;
mod name;
mod number;
mod restore;
mod run;
mod symbol;
#[cfg(test)]
mod tests;
mod url;

use crate::document::Span;

pub use restore::{Repaired, Restored, restore};

/// Something in the source that must reach the translation byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Verbatim {
    /// Its bytes in the sentence.
    pub span: Span,
    /// What it is.
    pub kind: VerbatimKind,
}

/// What a verbatim string is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerbatimKind {
    /// An address with a scheme, with `www.`, or a bare domain: `tagesschau.de`.
    Url,
    /// An e-mail address.
    Email,
    /// A file name or a path: `bericht.pdf`, `/etc/hosts`, `C:\Temp`.
    FileName,
    /// What a program fills in: `{name}`, `%s`, `${x}`.
    Placeholder,
    /// A tag, a comment or a character reference: `<b>`, `&nbsp;`.
    Markup,
    /// Text in backticks.
    Code,
    /// `@name`.
    Handle,
    /// `#name`.
    Hashtag,
    /// An IBAN, an ISBN, a telephone number, a version, a UUID, or 16 hexadecimal
    /// digits and more.
    Identifier,
    /// A number with a unit symbol: `42 km`.
    Quantity,
    /// Emoji that stand together, or an emoji's code: `:smile:`.
    Emoji,
    /// Pictures that are no emoji: arrows, stars, ticks.
    Symbol,
    /// More than 100 bytes without white space that are none of these: base64.
    Data,
}

/// A place in a text, and what stands before it.
#[derive(Clone, Copy)]
struct Place<'a> {
    text: &'a str,
    at: usize,
    before: Option<char>,
}

impl<'a> Place<'a> {
    fn rest(self) -> &'a str {
        &self.text[self.at..]
    }

    /// What the first `len` bytes from here are.
    fn verbatim(self, len: usize, kind: VerbatimKind) -> Verbatim {
        let span = Span::new(self.at, self.at + len);
        Verbatim { span, kind }
    }

    /// Whether a word could start here.
    fn is_word_start(self) -> bool {
        !self.before.is_some_and(char::is_alphanumeric)
    }
}

/// All verbatim strings of a sentence, in order, not overlapping.
///
/// Takes time linear in the length of the sentence.
#[must_use]
pub fn find(sentence: &str) -> Vec<Verbatim> {
    let mut found = Vec::new();
    let mut place = Place {
        text: sentence,
        at: 0,
        before: None,
    };
    while let Some(c) = place.rest().chars().next() {
        if let Some(verbatim) = starting_at(place, c) {
            place.at = verbatim.span.end;
            place.before = verbatim.span.of(sentence).chars().next_back();
            found.push(verbatim);
        } else {
            place.at += c.len_utf8();
            place.before = Some(c);
        }
    }
    run::add(sentence, found)
}

/// The verbatim string that starts with `c`, the character at `place`.
fn starting_at(place: Place, c: char) -> Option<Verbatim> {
    if c.is_whitespace() {
        return None;
    }
    symbol::scan(place, c)
        .or_else(|| markup::scan(place, c))
        .or_else(|| url::scan(place))
        .or_else(|| name::scan(place))
        .or_else(|| number::scan(place, c))
}

/// The prose around and between the verbatim strings: the pieces to translate.
///
/// A piece has a letter, no white space at its edges, no punctuation in front
/// that closes what a verbatim string ended, and no bracket or quotation mark at
/// its end that opens what one starts. What is in no piece is to be copied.
#[must_use]
pub fn prose(sentence: &str, verbatim: &[Verbatim]) -> Vec<Span> {
    let starts = std::iter::once(0).chain(verbatim.iter().map(|found| found.span.end));
    let ends = verbatim.iter().map(|found| found.span.start);
    let mut pieces = Vec::new();
    for (start, end) in starts.zip(ends.chain([sentence.len()])) {
        let mut piece = sentence[start..end].trim();
        if start > 0 {
            piece = piece.trim_start_matches(|c: char| c.is_whitespace() || CLOSING.contains(&c));
        }
        if end < sentence.len() {
            piece = piece.trim_end_matches(|c: char| c.is_whitespace() || OPENING.contains(&c));
        }
        if piece.contains(char::is_alphabetic) {
            let offset = piece.as_ptr().addr() - sentence.as_ptr().addr();
            pieces.push(Span::new(offset, offset + piece.len()));
        }
    }
    pieces
}

const CLOSING: [char; 15] = [
    '.', ',', ';', ':', '!', '?', '…', ')', ']', '}', '"', '“', '”', '«', '‘',
];
const OPENING: [char; 9] = ['(', '[', '{', '"', '„', '“', '»', '‚', '‘'];

/// The lines of a data file that are not comments.
fn entries(data: &str) -> impl Iterator<Item = &str> {
    data.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}
