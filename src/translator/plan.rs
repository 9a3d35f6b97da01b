//! What of a sentence goes through the model, and in which parts.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::document::Span;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::tokenizer::Encoding;
use crate::verbatim::{self, Verbatim, VerbatimKind};

/// A sentence may be this long before it is split (tokens), or half the model's
/// positions if that is more; the other half is for a translation that is longer.
const PART_TOKENS: usize = 256;

/// The model does not see verbatim strings that are longer (bytes).
const LONGEST_SEEN: usize = 400;

/// What of a sentence is translated; all the rest is copied.
#[derive(Debug, Clone)]
pub(super) struct Plan<'a> {
    pub(super) sentence: &'a str,
    /// The sentence with line breaks as spaces: what is translated and copied.
    pub(super) text: Cow<'a, str>,
    /// Pieces of prose, in order, without white space at their edges.
    pub(super) prose: Vec<Span>,
    /// What must reach the translation byte for byte.
    pub(super) verbatim: Vec<Verbatim>,
}

/// A piece of prose, or a part of one that is too long for the model.
#[derive(Debug)]
pub(super) struct Part {
    /// Its bytes in the sentence.
    pub(super) span: Span,
    pub(super) encoding: Encoding,
}

impl<'a> Plan<'a> {
    /// Translates the sentence as a whole, but leaves out what cannot be prose
    /// at its ends, and data.
    pub(super) fn new(sentence: &'a str, keep_verbatim: bool) -> Self {
        let text = without_line_breaks(sentence);
        let trimmed = sentence.trim();
        let start = sentence.len() - sentence.trim_start().len();
        let whole = Span::new(start, start + trimmed.len());
        if !keep_verbatim {
            let prose = if whole.is_empty() {
                vec![]
            } else {
                vec![whole]
            };
            return Self {
                sentence,
                text,
                prose,
                verbatim: Vec::new(),
            };
        }
        let verbatim = verbatim::find(&text);
        let pieces = verbatim::prose(&text, &verbatim);
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
            return Self {
                sentence,
                text,
                prose: Vec::new(),
                verbatim,
            };
        };
        let before = verbatim
            .iter()
            .take_while(|found| found.span.end <= first.start);
        let after = verbatim
            .iter()
            .rev()
            .take_while(|found| found.span.start >= last.end);
        let start = if ends_aside(before, &text) {
            first.start
        } else {
            whole.start
        };
        let end = if ends_aside(after, &text) {
            last.end
        } else {
            whole.end
        };
        let whole = Self {
            sentence,
            text,
            prose: vec![Span::new(start, end)],
            verbatim,
        };
        if whole.verbatim.iter().any(is_unseen) {
            whole.around(&[])
        } else {
            whole
        }
    }

    /// Translates clause by clause; what stands between two is copied.
    pub(super) fn by_clauses(&self) -> Self {
        let prose = self
            .prose
            .iter()
            .flat_map(|&piece| clauses(&self.text, piece))
            .collect();
        Self {
            prose,
            ..self.clone()
        }
    }

    /// Translates the text around `lost`, and what the model does not see, piece
    /// by piece.
    pub(super) fn around(&self, lost: &[Verbatim]) -> Self {
        let Some((first, last)) = self.prose.first().zip(self.prose.last()) else {
            return self.clone();
        };
        let lost: HashSet<&Verbatim> = lost.iter().collect();
        let left_out: Vec<Verbatim> = self
            .verbatim
            .iter()
            .filter(|found| is_unseen(found) || lost.contains(found))
            .copied()
            .collect();
        let prose = verbatim::prose(&self.text, &left_out)
            .into_iter()
            .map(|piece| Span::new(piece.start.max(first.start), piece.end.min(last.end)))
            .filter(|piece| piece.start < piece.end)
            .collect();
        Self {
            prose,
            ..self.clone()
        }
    }
}

/// Whether the model could only mangle it, and takes long for it.
fn is_unseen(found: &Verbatim) -> bool {
    found.kind == VerbatimKind::Data || found.span.len() > LONGEST_SEEN
}

/// Whether there is something at this end of a sentence, and all of it stands
/// outside the sentence's grammar.
fn ends_aside<'v>(mut verbatim: impl Iterator<Item = &'v Verbatim>, sentence: &str) -> bool {
    let aside = |found: &Verbatim| match found.kind {
        VerbatimKind::Url => {
            let url = found.span.of(sentence);
            url.contains("://") || url.starts_with("www.")
        }
        VerbatimKind::Email | VerbatimKind::Markup | VerbatimKind::Emoji | VerbatimKind::Symbol => {
            true
        }
        _ => false,
    };
    verbatim.next().is_some_and(aside) && verbatim.all(aside)
}

/// Cuts plans into parts that fit the model.
pub(super) struct Splitter<'a> {
    model: &'a Model,
    tag: Option<&'a str>,
    /// Tokens of a part.
    limit: usize,
}

impl<'a> Splitter<'a> {
    pub(super) fn new(model: &'a Model, tag: Option<&'a str>) -> Self {
        let positions = model.engine.config().max_position_embeddings;
        Self {
            model,
            tag,
            limit: positions.min(PART_TOKENS.max(positions / 2)),
        }
    }

    /// The parts of a plan, in order.
    pub(super) fn parts(&self, plan: &Plan) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        for &piece in &plan.prose {
            self.split(&plan.text, piece, &mut parts)?;
        }
        Ok(parts)
    }

    /// Adds `span` of `text` as one part, or, where it is too long, its halves.
    fn split(&self, text: &str, span: Span, parts: &mut Vec<Part>) -> Result<()> {
        let encoding = self
            .model
            .tokenizer
            .encode_source(span.of(text), self.tag)?;
        if encoding.ids.len() <= self.limit {
            parts.push(Part { span, encoding });
            return Ok(());
        }
        let middle = span.start + split_point(span.of(text), &encoding.spans)?;
        for half in [Span::new(span.start, middle), Span::new(middle, span.end)] {
            let trimmed = half.of(text).trim();
            let start = half.end - half.of(text).trim_start().len();
            if !trimmed.is_empty() {
                self.split(text, Span::new(start, start + trimmed.len()), parts)?;
            }
        }
        Ok(())
    }
}

/// The clauses of a piece: a clause ends behind a comma, a semicolon, a colon or
/// a dash that a space follows, if it has so many bytes.
fn clauses(text: &str, piece: Span) -> Vec<Span> {
    /// A shorter one is no clause but an item, a name or an adverbial.
    const SHORTEST: usize = 24;
    let mut clauses = Vec::new();
    let mut start = piece.start;
    let mut before = ' ';
    for (offset, c) in piece.of(text).char_indices() {
        let at = piece.start + offset;
        let is_end = c == ' ' && matches!(before, ',' | ';' | ':' | '–' | '—');
        if is_end && at - start >= SHORTEST && piece.end - at > SHORTEST {
            clauses.push(Span::new(start, at));
            start = at + 1;
        }
        before = c;
    }
    clauses.push(Span::new(start, piece.end));
    clauses
}

/// The text with line breaks as spaces, byte for byte, so that spans stay right.
fn without_line_breaks(sentence: &str) -> Cow<'_, str> {
    if sentence.contains(['\n', '\r']) {
        Cow::Owned(sentence.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(sentence)
    }
}

/// Where to split a text that is too long: behind a clause's punctuation in the
/// middle half, else at a space there, else between two tokens.
///
/// The offset is inside the text, on a character boundary.
fn split_point(text: &str, tokens: &[Span]) -> Result<usize> {
    let middle = text.len() / 2;
    let middle_half = text.len() / 4..=text.len() / 4 * 3;
    let (mut clauses, mut spaces) = (Vec::new(), Vec::new());
    let mut last_mark = ' ';
    for (offset, c) in text.char_indices() {
        let behind = offset + c.len_utf8();
        if !c.is_whitespace() {
            last_mark = c;
        } else if middle_half.contains(&behind) {
            let clause = matches!(last_mark, ',' | ';' | ':' | '–' | '—');
            if clause { &mut clauses } else { &mut spaces }.push(behind);
        }
    }
    let between_tokens = tokens.iter().map(|token| token.start);
    let nearest = |offsets: &mut dyn Iterator<Item = usize>| {
        offsets
            .filter(|&offset| 0 < offset && offset < text.len())
            .min_by_key(|offset| offset.abs_diff(middle))
    };
    nearest(&mut clauses.into_iter())
        .or_else(|| nearest(&mut spaces.into_iter()))
        .or_else(|| nearest(&mut between_tokens.into_iter()))
        .ok_or_else(|| {
            Error::Options(format!(
                "could not split {} bytes of text to fit the model",
                text.len()
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_prose_is_left_out_at_the_ends() {
        for (sentence, prose) in [
            ("Guten Morgen.", "Guten Morgen."),
            ("  Guten Morgen.\t", "Guten Morgen."),
            ("Quelle: https://www.beispiel.de/a?b=c", "Quelle:"),
            ("\u{1f600} Das ist gut.", "Das ist gut."),
            ("Schreiben Sie an info@beispiel.de.", "Schreiben Sie an"),
            ("Das meldete beispiel.de.", "Das meldete beispiel.de."),
            ("Die Strecke misst 42 km.", "Die Strecke misst 42 km."),
            (
                "Auf https://beispiel.de steht mehr.",
                "Auf https://beispiel.de steht mehr.",
            ),
        ] {
            let plan = Plan::new(sentence, true);
            let pieces: Vec<&str> = plan.prose.iter().map(|span| span.of(sentence)).collect();
            assert_eq!(pieces, [prose], "{sentence}");
        }
        for sentence in [
            "",
            "   ",
            "12.345,6",
            "***",
            "https://beispiel.de",
            "\u{1f600}!",
        ] {
            assert!(Plan::new(sentence, true).prose.is_empty(), "{sentence}");
        }
        assert!(Plan::new(&"a".repeat(10_000), true).prose.is_empty());
        assert_eq!(Plan::new("12.345,6", false).prose, [Span::new(0, 8)]);
    }

    #[test]
    fn the_model_does_not_see_data() {
        let data = "iVBORw0KGgo+5m+/QAA".repeat(800);
        let sentence = format!("Das Bild {data} auf wetter.de ist alt.");
        let pieces = |plan: &Plan| -> Vec<&str> {
            plan.prose.iter().map(|span| span.of(&sentence)).collect()
        };
        let plan = Plan::new(&sentence, true);
        assert_eq!(pieces(&plan), ["Das Bild", "auf wetter.de ist alt."]);
        // Nor when something else is lost.
        let around = plan.around(&plan.verbatim[1..]);
        assert_eq!(pieces(&around), ["Das Bild", "auf", "ist alt."]);
    }
}
