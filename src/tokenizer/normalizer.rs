//! SentencePiece's normaliser, with the source of every character it writes.

use tokenizers::NormalizedString;

use super::charsmap::Charsmap;
use super::punctuation::{self, Normalization};
use super::sentencepiece::{PieceKind, SPACE, SentencePieceModel, Whitespace};
use super::trie::Trie;
use crate::document::Span;

/// Turns text into what the unigram model sees.
#[derive(Debug, Clone)]
pub(super) struct SentencePieceNormalizer {
    charsmap: Charsmap,
    /// User-defined symbols: copied, whatever the rules say about them.
    verbatim: Trie,
    whitespace: Whitespace,
    /// Runs before all else.
    training: Normalization,
}

/// Normalised text that knows where it comes from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Normalized {
    pub(super) text: String,
    units: Vec<Unit>,
}

/// What one application of a rule wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Unit {
    /// Past the last byte in the normalised text; it starts where the unit
    /// before it ends.
    end: usize,
    /// Bytes of the untouched text; empty for a dummy prefix.
    source: Span,
    /// Whether only spaces were written.
    blank: bool,
}

impl SentencePieceNormalizer {
    pub(super) fn new(model: &SentencePieceModel) -> Result<Self, String> {
        let verbatim = model
            .pieces
            .iter()
            .zip(0..)
            .filter(|(piece, _)| piece.kind == PieceKind::UserDefined)
            .map(|(piece, id)| (piece.text.as_str(), id));
        Ok(Self {
            charsmap: Charsmap::parse(&model.charsmap)?,
            verbatim: Trie::new(verbatim),
            whitespace: model.whitespace,
            training: Normalization::None,
        })
    }

    pub(super) fn with_training(self, training: Normalization) -> Self {
        Self { training, ..self }
    }

    /// Normalises `text` as `Normalizer::Normalize` of SentencePiece does.
    pub(super) fn apply(&self, text: &str) -> Normalized {
        match self.training {
            Normalization::None => self.apply_rules(text, |span| span),
            Normalization::Moses => {
                let prepared = punctuation::replace(text);
                self.apply_rules(&prepared.text, |span| prepared.source(span))
            }
        }
    }

    fn apply_rules(&self, text: &str, source: impl Fn(Span) -> Span) -> Normalized {
        let mut output = Normalized::default();
        let mut at = 0;
        if self.whitespace.remove_extra {
            at = self.leading_spaces(text);
        }
        if at == text.len() {
            return output;
        }
        let Whitespace {
            add_dummy_prefix,
            remove_extra,
            as_suffix,
            ..
        } = self.whitespace;
        if add_dummy_prefix && !as_suffix {
            output.push(self.space(), source(Span::new(at, at)), true);
        }
        let mut after_space = remove_extra;
        while at < text.len() {
            let (length, replacement) = self.next_rule(&text[at..]);
            let kept = if after_space {
                replacement.trim_start_matches(' ')
            } else {
                replacement
            };
            if !kept.is_empty() {
                self.write(kept, &mut output.text);
                output.end_unit(
                    source(Span::new(at, at + length)),
                    kept.bytes().all(|byte| byte == b' '),
                );
                after_space = remove_extra && kept.ends_with(' ');
            }
            at += length;
        }
        if remove_extra {
            // As SentencePiece: a literal U+2581 at the end of the text goes too.
            let trimmed = output.text.trim_end_matches(self.space()).len();
            output.truncate(trimmed);
        }
        if add_dummy_prefix && as_suffix {
            output.push(
                self.space(),
                source(Span::new(text.len(), text.len())),
                true,
            );
        }
        output
    }

    /// Bytes of the leading characters that become a space each.
    fn leading_spaces(&self, text: &str) -> usize {
        let mut at = 0;
        while at < text.len() {
            match self.next_rule(&text[at..]) {
                (length, " ") => at += length,
                _ => break,
            }
        }
        at
    }

    /// What applies at the start of `text`, which is not empty: the bytes it
    /// takes and what it becomes.
    fn next_rule<'t>(&'t self, text: &'t str) -> (usize, &'t str) {
        if let Some(length) = self.verbatim.longest_prefix(text.as_bytes()) {
            return (length, &text[..length]);
        }
        self.charsmap.longest_prefix(text).unwrap_or_else(|| {
            let length = text.chars().next().map_or(0, char::len_utf8);
            (length, &text[..length])
        })
    }

    const fn space(&self) -> char {
        if self.whitespace.escape { SPACE } else { ' ' }
    }

    fn write(&self, text: &str, output: &mut String) {
        let space = self.space();
        output.extend(text.chars().map(|c| if c == ' ' { space } else { c }));
    }
}

impl tokenizers::Normalizer for SentencePieceNormalizer {
    fn normalize(&self, normalized: &mut NormalizedString) -> tokenizers::Result<()> {
        let plan = self.apply(normalized.get());
        let (changes, removed_first) = plan.changes(normalized.get());
        normalized.transform(changes, removed_first);
        Ok(())
    }
}

impl Normalized {
    fn push(&mut self, c: char, source: Span, blank: bool) {
        self.text.push(c);
        self.end_unit(source, blank);
    }

    fn end_unit(&mut self, source: Span, blank: bool) {
        self.units.push(Unit {
            end: self.text.len(),
            source,
            blank,
        });
    }

    fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
        let kept = self.units.partition_point(|unit| unit.end <= length);
        // A unit that is cut keeps its source.
        let start = kept.checked_sub(1).map_or(0, |last| self.units[last].end);
        if start < length {
            self.units[kept].end = length;
            self.units.truncate(kept + 1);
        } else {
            self.units.truncate(kept);
        }
    }

    /// The sources of consecutive pieces of the normalised text, given the
    /// offsets at which they end.
    ///
    /// A piece's span leaves out the spaces around its text; that of a space
    /// alone is the space's, which is empty for a dummy prefix. Pieces that
    /// share a character of the source (`½` becomes `1⁄2`) share its span.
    pub(super) fn spans(&self, ends: impl Iterator<Item = usize>) -> Vec<Span> {
        let mut first = 0;
        let mut start = 0;
        ends.map(|end| {
            while self.units.get(first).is_some_and(|unit| unit.end <= start) {
                first += 1;
            }
            let count = self.units[first..]
                .iter()
                // A unit starts where the one before it ends.
                .scan(start, |from, unit| {
                    Some(std::mem::replace(from, unit.end)).filter(|&from| from < end)
                })
                .count();
            start = end;
            source_of(&self.units[first..first + count])
        })
        .collect()
    }

    /// The same text as changes to `source`, as
    /// [`NormalizedString::transform`] wants them, and the number of
    /// characters removed at the start.
    ///
    /// There a character written has the range of one character read, so that
    /// `ệ`, written for three, would lose its marks: hence [`Self::spans`].
    fn changes(&self, source: &str) -> (Vec<(char, isize)>, usize) {
        let mut changes: Vec<(char, isize)> = Vec::with_capacity(self.text.len());
        let mut removed_first = 0;
        let mut start = 0;
        let mut taken = 0;
        // Where the change is that characters removed from now on belong to.
        let mut remover: Option<usize> = None;
        let mut remove = |changes: &mut Vec<(char, isize)>, remover: Option<usize>, span: &str| {
            let count = span.chars().count();
            match remover {
                Some(index) => changes[index].1 -= count as isize,
                None => removed_first += count,
            }
        };
        for unit in &self.units {
            let mut written = self.text[start..unit.end].chars();
            start = unit.end;
            if unit.source.start >= taken && !unit.source.is_empty() {
                remove(&mut changes, remover, &source[taken..unit.source.start]);
                let read = source[unit.source.start..].chars().next();
                let first_end = unit.source.start + read.map_or(0, char::len_utf8);
                remover = Some(changes.len());
                changes.extend(written.next().map(|c| (c, 0)));
                remove(&mut changes, remover, &source[first_end..unit.source.end]);
                taken = unit.source.end;
            }
            changes.extend(written.map(|c| (c, 1)));
        }
        remove(&mut changes, remover, &source[taken..]);
        (changes, removed_first)
    }
}

fn source_of(units: &[Unit]) -> Span {
    let text = |unit: &Unit| !unit.blank;
    let (first, last) = match (units.iter().position(text), units.iter().rposition(text)) {
        (Some(first), Some(last)) => (first, last),
        _ => (0, units.len().saturating_sub(1)),
    };
    match (units.get(first), units.get(last)) {
        (Some(first), Some(last)) => Span::new(first.source.start, last.source.end),
        _ => Span::default(),
    }
}
