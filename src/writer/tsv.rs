//! A sentence a line: the source, its translations, then the word links with
//! each of them, with tabs between.

use std::io::{self, Write};

use super::{Window, links_of, one_line};

/// Writes a line for each sentence. Tabs and line breaks inside a text become
/// spaces.
///
/// # Errors
///
/// What `output` reports.
pub fn write_tsv(output: &mut dyn Write, window: &Window) -> io::Result<()> {
    for (_, translations) in window.sentences() {
        let source = translations.first().map(|first| &first.source);
        let targets = translations.iter().map(|translation| &translation.target);
        let texts = source.into_iter().chain(targets).map(|text| one_line(text));
        let links = translations.iter().map(|translation| links_of(translation));
        let columns: Vec<String> = texts.chain(links).collect();
        writeln!(output, "{}", columns.join("\t"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::AlignmentPoint;
    use crate::document::{Document, Span};
    use crate::translation::Translation;

    #[test]
    fn a_line_has_a_column_for_each_text_and_each_pair() {
        let translation = |target: &str, linked: Span| Translation {
            source: "Ein\tTab\r\nund mehr".to_owned(),
            target: target.to_owned(),
            alignment: vec![AlignmentPoint {
                source: Span::new(4, 7),
                target: linked,
                score: 1.0,
            }],
            ..Translation::default()
        };
        let window = Window {
            input: 0,
            name: "",
            document: &Document::part(String::new(), 0, 0, &[]),
            first: 0,
            translations: &[
                vec![translation("A tab\tand more", Span::new(2, 5))],
                vec![translation("Một", Span::new(0, 5))],
            ],
        };
        let mut output = Vec::new();
        write_tsv(&mut output, &window).unwrap();
        let expected = "Ein Tab und mehr\tA tab and more\tMột\t1-1\t1-0\n";
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }
}
