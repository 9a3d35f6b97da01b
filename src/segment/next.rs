//! What follows the place where a sentence might end.

use super::scan;

/// What follows a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextKind {
    /// The line or the text ends.
    LineEnd,
    /// A word in lower case.
    Lower,
    /// A word with a capital.
    Upper,
    /// A number.
    Digit,
    /// A web address, an `@name`, a `#tag`, an arrow.
    Address,
    /// Punctuation that goes on with the sentence: `,` `;` `:` `)` …
    Continues,
    /// Any other symbol: `§`, a bullet, a dash.
    Symbol,
}

/// The text behind a candidate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next<'t> {
    pub(super) kind: NextKind,
    /// The letters of the next word, if it is one.
    pub(super) word: &'t str,
    /// What stands directly behind that word.
    pub(super) after_word: Option<char>,
    /// White space stands between.
    pub(super) gap: bool,
    /// Quotation marks or brackets open before the word.
    pub(super) opener: Option<char>,
    /// A dash stands before the word.
    pub(super) dash: bool,
}

/// Whether line breaks end a segment or are only wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineBreaks {
    End,
    Wrap,
}

impl<'t> Next<'t> {
    /// The end of the text.
    pub(super) const NOTHING: Self = Self {
        kind: NextKind::LineEnd,
        word: "",
        after_word: None,
        gap: false,
        opener: None,
        dash: false,
    };

    /// Reads on from `end`.
    pub(super) fn read(text: &'t str, end: usize, lines: LineBreaks) -> Self {
        let mut next = Self::NOTHING;
        let mut breaks = 0;
        for (at, c) in text[end..].char_indices() {
            if c.is_whitespace() {
                if scan::is_line_break(c) {
                    breaks += usize::from(c != '\r');
                    if lines == LineBreaks::End || breaks > 1 {
                        return next;
                    }
                }
                next.gap |= next.opener.is_none() && !next.dash;
            } else if scan::is_opener(c) && !next.dash {
                next.opener.get_or_insert(c);
            } else if matches!(c, '–' | '—' | '-') && next.opener.is_none() && !next.dash {
                next.dash = true;
            } else {
                next.classify(&text[end + at..], c);
                return next;
            }
        }
        next
    }

    fn classify(&mut self, rest: &'t str, first: char) {
        let end = rest
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(rest.len());
        self.word = &rest[..end];
        self.after_word = rest[end..].chars().next();
        self.kind = if is_placeholder(rest, first) {
            NextKind::Symbol
        } else if is_address(rest, first) {
            NextKind::Address
        } else if first.is_lowercase() {
            // "eBay", "iPhone": a name, whatever its first letter.
            let inner_capital = self.word.chars().nth(1).is_some_and(char::is_uppercase);
            if inner_capital && self.word.len() > 3 {
                NextKind::Upper
            } else {
                NextKind::Lower
            }
        } else if first.is_alphabetic() {
            NextKind::Upper
        } else if first.is_numeric() {
            NextKind::Digit
        } else if matches!(
            first,
            ',' | ';' | ':' | ')' | ']' | '}' | '.' | '!' | '?' | '%' | '=' | '&' | '|'
        ) {
            NextKind::Continues
        } else {
            NextKind::Symbol
        };
    }
}

/// `%1`, `%s`; "..." that opens a sentence; `==` around a heading.
fn is_placeholder(rest: &str, first: char) -> bool {
    match first {
        '%' => rest[1..].starts_with(char::is_alphanumeric),
        '.' => rest.starts_with("..."),
        '=' => rest.starts_with("=="),
        _ => false,
    }
}

fn is_address(rest: &str, first: char) -> bool {
    match first {
        'h' => rest.starts_with("http://") || rest.starts_with("https://"),
        'w' => rest.starts_with("www."),
        '@' | '#' => rest[1..].starts_with(char::is_alphabetic),
        '<' => rest.starts_with("<-"),
        _ => false,
    }
}
