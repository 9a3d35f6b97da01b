//! One line, one sentence.

use crate::document::Span;

/// Each line is a paragraph of one sentence, without its line ending (`\n` or
/// `\r\n`). What follows the last `\n` is a line only if it is not empty. At the
/// start of a text, a byte order mark belongs to no line.
pub(super) fn sentences(text: &str, is_start: bool) -> Vec<Vec<Span>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line
            .strip_suffix('\n')
            .map_or(line, |line| line.strip_suffix('\r').unwrap_or(line));
        let mark = if is_start && start == 0 && content.starts_with('\u{feff}') {
            3
        } else {
            0
        };
        lines.push(vec![Span::new(start + mark, start + content.len())]);
        start += line.len();
    }
    lines
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
            ("\u{feff}a\n\u{feff}b\n", &["a", "\u{feff}b"]),
            ("a\rb\u{2028}c\n", &["a\rb\u{2028}c"]),
        ] {
            let found = sentences(text, true).concat();
            let lines: Vec<&str> = found.into_iter().map(|span| span.of(text)).collect();
            assert_eq!(lines, expected, "{text:?}");
        }
    }
}
