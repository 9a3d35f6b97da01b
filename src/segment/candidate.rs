//! A place where a sentence might end, and what stands around it.

use super::next::{LineBreaks, Next};
use super::{emoticon, scan};

/// Characters looked back at for a word; the end of a longer one says as much.
const MAX_TOKEN: usize = 64;

/// What makes the place a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// `.` or `..`
    Period,
    /// `…`, `...`
    Ellipsis,
    /// A run with `!` or `?` in it.
    Strong,
    /// An emoticon without a terminator before it.
    Emoticon,
    /// A quotation that an arrow comments on: `"…" <- so war es`.
    Arrow,
}

/// A place where a sentence might end.
///
/// ```text
///   start            mark  run_end  end
///   ↓                   ↓  ↓        ↓
///   „Wer hat das gesagt?!  “ [12]   Niemand …
///                          closers  next
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'t> {
    /// The whole text.
    pub(super) text: &'t str,
    /// Start of the sentence that might end here.
    pub(super) start: usize,
    /// First byte of the terminator.
    pub(super) mark: usize,
    /// Just past the run of terminators.
    pub(super) run_end: usize,
    /// Just past closing quotation marks, brackets, footnote marks and emoticons.
    pub(super) end: usize,
    pub(super) kind: Mark,
    /// A quotation mark closes behind the terminator.
    pub(super) quote_closes: bool,
    /// A bracket closes behind the terminator.
    pub(super) bracket_closes: bool,
    /// An emoticon or a footnote mark follows.
    pub(super) attachment: bool,
    pub(super) next: Next<'t>,
}

impl<'t> Candidate<'t> {
    /// Reads the surroundings of the terminator at `mark`, or `None` if there is none.
    pub(super) fn at(text: &'t str, start: usize, mark: usize, lines: LineBreaks) -> Option<Self> {
        let (kind, run_end) = terminator(text, start, mark)?;
        let mut candidate = Self {
            text,
            start,
            mark,
            run_end,
            end: run_end,
            kind,
            quote_closes: false,
            bracket_closes: false,
            attachment: false,
            next: Next::NOTHING,
        };
        candidate.close();
        candidate.attach();
        candidate.next = Next::read(text, candidate.end, lines);
        Some(candidate)
    }

    /// The sentence before the terminator.
    pub(super) fn before(&self) -> &'t str {
        &self.text[self.start..self.mark]
    }

    /// The run of non-space characters before the terminator, without opening marks.
    pub(super) fn token(&self) -> &'t str {
        let before = self.before();
        let from = before
            .char_indices()
            .rev()
            .take(MAX_TOKEN)
            .take_while(|&(_, c)| !c.is_whitespace() && !bounds_token(c))
            .last()
            .map_or(before.len(), |(at, _)| at);
        &before[from..]
    }

    /// The word before `token`, without a full stop at its end.
    pub(super) fn word_before(&self, token: &str) -> &'t str {
        let before = self.before();
        let before = before[..before.len() - token.len()]
            .trim_end_matches(|c: char| c.is_whitespace() || scan::is_opener(c));
        let from = before
            .char_indices()
            .rev()
            .take(MAX_TOKEN)
            .take_while(|&(_, c)| !c.is_whitespace() && !scan::is_opener(c))
            .last()
            .map_or(before.len(), |(at, _)| at);
        let word = &before[from..];
        word.strip_suffix('.').unwrap_or(word)
    }

    /// Whether nothing but punctuation stands before `token` in the sentence,
    /// or a colon: the place of a list number.
    pub(super) fn opens_item(&self, token: &str) -> bool {
        let before = self.before();
        let before = &before[..before.len() - token.len()];
        // "Dafür spricht: 1. …", but "6 : 4".
        let colon = before.trim_end().strip_suffix(':');
        colon.is_some_and(|before| !before.ends_with(' '))
            || !before.chars().any(char::is_alphanumeric)
    }

    /// Whether the sentence began without a capital, as in chat.
    pub(super) fn is_casual(&self) -> bool {
        self.before()
            .chars()
            .find(|c| c.is_alphanumeric() || matches!(c, '@' | '#'))
            .is_some_and(|c| c.is_lowercase() || matches!(c, '@' | '#'))
    }

    fn close(&mut self) {
        let mut rest = self.text[self.end..].char_indices();
        let base = self.end;
        for (at, c) in rest.by_ref() {
            let after = &self.text[base + at + c.len_utf8()..];
            if scan::is_closer(c) && !opens_here(c, after) {
                self.quote_closes |= scan::is_quote(c);
                self.bracket_closes |= matches!(c, ')' | ']' | '}');
            } else if scan::is_superscript(c) {
                self.attachment = true;
            } else {
                break;
            }
            self.end = base + at + c.len_utf8();
        }
    }

    /// Takes in footnote marks, emoticons, a late closing quotation mark and "./.".
    fn attach(&mut self) {
        loop {
            let rest = &self.text[self.end..];
            let trimmed = rest.trim_start_matches([' ', '\u{a0}', '\t']);
            let gap = rest.len() - trimmed.len();
            let length = if let Some(length) = self.mark_length(trimmed, gap) {
                self.attachment = true;
                length
            } else if let Some(closer) = late_closer(trimmed, gap) {
                self.quote_closes |= scan::is_quote(closer);
                self.bracket_closes |= !scan::is_quote(closer);
                closer.len_utf8()
            } else if trimmed.starts_with("./.") {
                3
            } else {
                return;
            };
            self.end += gap + length;
        }
    }

    /// Length of the footnote mark or the emoticon that `text` starts with, behind `gap` bytes of space.
    fn mark_length(&self, text: &str, gap: usize) -> Option<usize> {
        let emoticon = || emoticon::length(text).filter(|_| gap > 0 || !text.starts_with('*'));
        let bare = || bare_footnote(text).filter(|_| gap == 0 && self.ends_in_letters());
        footnote(text, gap).or_else(emoticon).or_else(bare)
    }

    /// Whether at least four small letters stand before the terminator, with nothing behind it.
    fn ends_in_letters(&self) -> bool {
        let mut letters = self.before().chars().rev().take(4);
        self.end == self.mark + 1 && self.before().len() > 3 && letters.all(char::is_lowercase)
    }
}

/// The terminator at `mark` and where its run ends.
fn terminator(text: &str, start: usize, mark: usize) -> Option<(Mark, usize)> {
    let run = &text[mark..];
    let end = run
        .find(|c| !matches!(c, '.' | '!' | '?' | '…'))
        .unwrap_or(run.len());
    if run.starts_with("<-") {
        let quoted = text[start..mark].trim_end();
        return quoted
            .ends_with(scan::is_quote)
            .then_some((Mark::Arrow, start + quoted.len()));
    }
    if end == 0 {
        let alone = text[start..mark].chars().next_back().is_none_or(|c| {
            c.is_whitespace() || emoticon::is_emoji(c) || run.starts_with(emoticon::is_emoji)
        });
        let length = alone.then(|| emoticon::length(run))??;
        return Some((Mark::Emoticon, mark + length));
    }
    let run = &run[..end];
    let kind = if run.contains(['!', '?']) {
        Mark::Strong
    } else if run.contains('…') || run.len() > 2 {
        Mark::Ellipsis
    } else {
        Mark::Period
    };
    Some((kind, mark + end))
}

/// Whether `c` cannot be part of a word; apostrophes can.
fn bounds_token(c: char) -> bool {
    !matches!(c, '\'' | '’' | '‘' | '´' | '`') && (scan::is_opener(c) || matches!(c, ')' | ']'))
}

/// Whether the quotation mark `c` opens something, seeing what follows it directly.
fn opens_here(c: char, after: &str) -> bool {
    matches!(c, '„' | '`' | '*') && after.starts_with(char::is_alphanumeric)
}

/// `[12]`; without a space before it also `[Quelle fehlt]`.
fn footnote(text: &str, gap: usize) -> Option<usize> {
    const LONGEST_NOTE: usize = 48;
    let inner = text.strip_prefix('[')?;
    let (close, _) = inner
        .char_indices()
        .take(LONGEST_NOTE)
        .find(|&(_, c)| matches!(c, ']' | '[') || scan::is_line_break(c))?;
    let digits = close <= 4 && inner[..close].bytes().all(|byte| byte.is_ascii_digit());
    let note = gap == 0 && inner.starts_with(char::is_alphabetic);
    (inner[close..].starts_with(']') && close > 0 && (digits || note)).then_some(close + 2)
}

/// Superscript digits that lost their height: "… belegt.12 Andere …".
fn bare_footnote(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let mut after = text[digits..].chars();
    let stands_alone = after.next() == Some(' ') && after.next().is_some_and(char::is_uppercase);
    ((1..=3).contains(&digits) && stands_alone).then_some(digits)
}

/// A closing quotation mark or bracket that a space has torn off its sentence.
fn late_closer(text: &str, gap: usize) -> Option<char> {
    let first = text.chars().next()?;
    let closes = gap > 0 && matches!(first, '“' | '”' | '«' | '»' | '‘' | ')' | '"');
    let after = text[first.len_utf8()..].chars().next();
    (closes && after.is_none_or(char::is_whitespace)).then_some(first)
}
