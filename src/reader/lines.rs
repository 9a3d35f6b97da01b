//! One line, one sentence.

use crate::document::{Document, Span};

/// A document in which each line is a paragraph of one sentence, without its
/// line ending (`\n` or `\r\n`). What follows the last `\n` is a line only if
/// it is not empty.
pub(super) fn document(text: String) -> Document {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line
            .strip_suffix('\n')
            .map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        lines.push(vec![Span::new(start, start + content.len())]);
        start += line.len();
    }
    Document::new(text, &lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_sentence_for_each_line() {
        for (text, expected) in [
            ("", &[][..]),
            ("a\nb\n", &["a", "b"]),
            ("a\nb", &["a", "b"]),
            ("\n\na\r\n\r\n", &["", "", "a", ""]),
            ("a\rb\u{2028}c\n", &["a\rb\u{2028}c"]),
        ] {
            let document = document(text.to_owned());
            let lines: Vec<&str> = document
                .sentences()
                .iter()
                .map(|sentence| sentence.span.of(text))
                .collect();
            assert_eq!(lines, expected, "{text:?}");
        }
    }
}
