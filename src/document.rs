//! A document is text and the byte ranges of its sentences; nothing is copied.

use std::ops::Range;

/// A half-open byte range `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset just past the last byte.
    pub end: usize,
}

impl Span {
    /// The span from `start` up to, but not including, `end`.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether the span covers nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The span moved right by `offset` bytes.
    #[must_use]
    pub const fn shift(self, offset: usize) -> Self {
        Self {
            start: self.start + offset,
            end: self.end + offset,
        }
    }

    /// Whether the two share a byte.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The part of `text` that the span covers.
    ///
    /// # Panics
    ///
    /// When the span was made for another text.
    #[must_use]
    pub fn of(self, text: &str) -> &str {
        &text[self.range()]
    }

    /// As a standard range, for indexing.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// A text, or a part of a long one, and where its sentences are.
///
/// Every byte of the text is either in a sentence or in a gap between two; what
/// is written is the gaps with the sentences replaced.
#[derive(Debug, Clone)]
pub struct Document {
    text: String,
    /// Bytes of the input before this part.
    offset: usize,
    sentences: Vec<Sentence>,
}

/// A sentence of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentence {
    /// Its bytes in the document's text.
    pub span: Span,
    /// The paragraph it belongs to, from 0.
    pub paragraph: usize,
    /// Its place in the paragraph, from 0.
    pub index: usize,
}

impl Document {
    /// A part of an input: `offset` bytes and `first_paragraph` paragraphs stand
    /// before it. Its paragraphs are given by the spans of their sentences.
    ///
    /// # Panics
    ///
    /// When the spans are not in order or not on character boundaries.
    #[must_use]
    pub fn part(
        text: String,
        offset: usize,
        first_paragraph: usize,
        paragraphs: &[Vec<Span>],
    ) -> Self {
        let mut sentences = Vec::new();
        let mut end = 0;
        for (paragraph, spans) in paragraphs.iter().enumerate() {
            for (index, &span) in spans.iter().enumerate() {
                assert!(
                    end <= span.start && span.start <= span.end,
                    "sentences are in order"
                );
                assert!(
                    text.is_char_boundary(span.start) && text.is_char_boundary(span.end),
                    "sentences are on character boundaries"
                );
                end = span.end;
                sentences.push(Sentence {
                    span,
                    paragraph: first_paragraph + paragraph,
                    index,
                });
            }
        }
        Self {
            text,
            offset,
            sentences,
        }
    }

    /// The bytes of a sentence, counted from the start of the input.
    #[must_use]
    pub fn source_span(&self, index: usize) -> Span {
        self.sentences[index].span.shift(self.offset)
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The sentences, in the order of the text.
    #[must_use]
    pub fn sentences(&self) -> &[Sentence] {
        &self.sentences
    }

    /// What stands in the source before sentence `index`, or after the last one
    /// when `index` is their number.
    #[must_use]
    pub fn source_gap_before(&self, index: usize) -> &str {
        let before = index.checked_sub(1).map(|before| self.sentences[before]);
        let after = self.sentences.get(index);
        let start = before.map_or(0, |sentence| sentence.span.end);
        let end = after.map_or(self.text.len(), |sentence| sentence.span.start);
        &self.text[start..end]
    }

    /// What stands in the output before sentence `index`, or after the last one
    /// when `index` is their number: the gap of the source, but a line break
    /// inside a paragraph becomes a space.
    #[must_use]
    pub fn gap_before(&self, index: usize) -> &str {
        let gap = self.source_gap_before(index);
        let paragraph = |index: usize| Some(self.sentences.get(index)?.paragraph);
        let before = index.checked_sub(1).and_then(paragraph);
        let same_paragraph = before.is_some() && before == paragraph(index);
        if same_paragraph && gap.contains(['\n', '\r']) {
            " "
        } else {
            gap
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_sentences_make_up_the_text() {
        let text = "  Eins. Zwei.\n\nDrei.\n".to_owned();
        let paragraphs = [
            vec![Span::new(2, 7), Span::new(8, 13)],
            vec![Span::new(15, 20)],
        ];
        let document = Document::part(text.clone(), 0, 0, &paragraphs);
        let mut whole = String::new();
        for (index, sentence) in document.sentences().iter().enumerate() {
            whole += document.gap_before(index);
            whole += sentence.span.of(document.text());
        }
        whole += document.gap_before(3);
        assert_eq!(whole, text);
    }

    #[test]
    fn a_line_break_inside_a_paragraph_becomes_a_space() {
        let paragraphs = [vec![Span::new(0, 5), Span::new(7, 12)]];
        let document = Document::part("Eins.\r\nZwei.\r\n".to_owned(), 0, 0, &paragraphs);
        assert_eq!(document.gap_before(1), " ");
        assert_eq!(document.gap_before(2), "\r\n");
    }
}
