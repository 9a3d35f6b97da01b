//! Word links as `i-j`: word `i` of the source, word `j` of the target, both
//! from 0, words as white space cuts them (the format of Pharaoh, Moses and
//! `fast_align`).

use std::io::{self, Write};

use super::links_of;
use crate::translation::Translation;

/// Writes the line of one sentence.
///
/// # Errors
///
/// What `output` reports.
pub fn write_pharaoh(output: &mut dyn Write, translation: &Translation) -> io::Result<()> {
    writeln!(output, "{}", links_of(translation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::AlignmentPoint;
    use crate::document::Span;

    #[test]
    fn links_are_numbered_by_words() {
        let point = |source: (usize, usize), target: (usize, usize)| AlignmentPoint {
            source: Span::new(source.0, source.1),
            target: Span::new(target.0, target.1),
            score: 1.0,
        };
        let translation = Translation {
            source: "Das Haus steht.".to_owned(),
            target: "The house stands.".to_owned(),
            alignment: vec![
                point((0, 3), (0, 3)),
                point((4, 8), (4, 9)),
                point((9, 15), (10, 17)),
            ],
            ..Translation::default()
        };
        let mut output = Vec::new();
        write_pharaoh(&mut output, &translation).unwrap();
        assert_eq!(output, b"0-0 1-1 2-2\n");
    }
}
