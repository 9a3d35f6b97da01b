//! Paragraphs in lines of a given width.

use std::io::{self, Write};

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use crate::document::Document;
use crate::translation::{Flag, Translation};

/// Columns to the next tab stop.
const TAB: usize = 8;

const LINE_BREAKS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// Writes the text output of one target, as [`write_text`](super::write_text)
/// does, but each paragraph in lines of at most `width` columns.
///
/// Lines break at spaces only: a URL, or words with a no-break space between
/// them, stay whole, even where they are wider. Further lines are indented as
/// far as the first one's text, behind quotation marks (`>`) by the same marks.
/// Headings (`#`) and what was only copied stay as they are.
#[derive(Debug)]
pub struct Wrapper {
    width: usize,
    /// What stands before the text on a paragraph's first line.
    prefix: String,
    /// The paragraph so far.
    paragraph: String,
    /// Whether there is prose in it.
    has_prose: bool,
    /// The last line break of the source so far.
    line_break: Option<&'static str>,
}

impl Wrapper {
    /// Lines of at most `width` columns (Unicode's width of characters).
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self {
            width,
            prefix: String::new(),
            paragraph: String::new(),
            has_prose: false,
            line_break: None,
        }
    }

    /// Writes the translations of the sentences from `first` on; a paragraph is
    /// written when it is complete.
    ///
    /// # Errors
    ///
    /// What `output` reports.
    pub fn write(
        &mut self,
        output: &mut dyn Write,
        document: &Document,
        first: usize,
        translations: &[Translation],
    ) -> io::Result<()> {
        let sentences = document.sentences();
        for (index, translation) in (first..).zip(translations) {
            let gap = document.gap_before(index);
            let goes_on = index > 0 && sentences[index - 1].paragraph == sentences[index].paragraph;
            if goes_on {
                self.paragraph += gap;
            } else {
                self.end_paragraph(output, gap)?;
                let start = gap.rfind(LINE_BREAKS).map_or(0, |at| {
                    at + gap[at..].chars().next().map_or(0, char::len_utf8)
                });
                output.write_all(&gap.as_bytes()[..start])?;
                gap[start..].clone_into(&mut self.prefix);
            }
            self.paragraph += &translation.target;
            self.has_prose |= !translation.flags().contains(&Flag::Copied);
        }
        if first + translations.len() == sentences.len() {
            let rest = document.gap_before(sentences.len());
            self.end_paragraph(output, rest)?;
            output.write_all(rest.as_bytes())?;
        }
        Ok(())
    }

    /// Writes the paragraph, behind which `gap` stands.
    fn end_paragraph(&mut self, output: &mut dyn Write, gap: &str) -> io::Result<()> {
        let line_break = self.line_break.or(first_break(gap)).unwrap_or("\n");
        self.line_break = last_break(gap).or(self.line_break);
        let paragraph = std::mem::take(&mut self.paragraph);
        let prefix = std::mem::take(&mut self.prefix);
        let is_prose = std::mem::take(&mut self.has_prose) && !prefix.trim_start().starts_with('#');
        output.write_all(prefix.as_bytes())?;
        if !is_prose {
            return output.write_all(paragraph.as_bytes());
        }
        let width = self.width.saturating_sub(columns(&prefix)).max(1);
        let options = Options::new(width)
            .break_words(false)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit);
        let indentation = indentation(&prefix);
        for (number, line) in textwrap::wrap(&paragraph, options).iter().enumerate() {
            if number > 0 {
                output.write_all(line_break.as_bytes())?;
                output.write_all(indentation.as_bytes())?;
            }
            output.write_all(line.as_bytes())?;
        }
        Ok(())
    }
}

/// What stands before the further lines of a paragraph.
fn indentation(prefix: &str) -> String {
    if prefix.trim_start().starts_with('>') {
        return prefix.to_owned();
    }
    let mut indentation = String::new();
    for c in prefix.chars() {
        if c.is_whitespace() {
            indentation.push(c);
        } else {
            let width = textwrap::core::display_width(c.encode_utf8(&mut [0; 4]));
            indentation.extend(std::iter::repeat_n(' ', width));
        }
    }
    indentation
}

/// The width of what stands before a text.
fn columns(prefix: &str) -> usize {
    prefix.chars().fold(0, |column, c| match c {
        '\t' => (column / TAB + 1) * TAB,
        _ => column + textwrap::core::display_width(c.encode_utf8(&mut [0; 4])),
    })
}

fn first_break(text: &str) -> Option<&'static str> {
    line_break(&text[text.find(['\n', '\r'])?..])
}

fn last_break(text: &str) -> Option<&'static str> {
    let at = text.rfind(['\n', '\r'])?;
    let is_pair = text[..at].ends_with('\r') && text[at..].starts_with('\n');
    line_break(&text[at - usize::from(is_pair)..])
}

/// The line break that the text starts with.
fn line_break(text: &str) -> Option<&'static str> {
    ["\r\n", "\n", "\r"]
        .into_iter()
        .find(|line_break| text.starts_with(line_break))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::{Layout, Reader};
    use crate::segment::Segmenter;

    /// The text wrapped, each sentence "translated" by itself.
    fn wrapped(text: &str, width: usize, window: usize) -> String {
        let mut output = Vec::new();
        let mut wrapper = Wrapper::new(width);
        let layout = Layout::Prose(Segmenter::german());
        for part in Reader::new("test", text.as_bytes(), layout) {
            let part = part.unwrap();
            let translations: Vec<Translation> = part
                .sentences()
                .iter()
                .map(|sentence| sentence.span.of(part.text()))
                .map(|source| Translation {
                    target: source.replace(['\r', '\n'], " "),
                    findings: if source.contains(char::is_alphabetic) {
                        vec![]
                    } else {
                        vec![Flag::Copied.into()]
                    },
                    ..Translation::default()
                })
                .collect();
            for first in (0..translations.len().max(1)).step_by(window) {
                let end = translations.len().min(first + window);
                let translations = &translations[first..end];
                wrapper
                    .write(&mut output, &part, first, translations)
                    .unwrap();
            }
        }
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn paragraphs_are_wrapped_and_keep_marks_and_indentation() {
        for (text, expected) in [
            ("Ein Satz. Noch ein Satz.\n", "Ein Satz.\nNoch ein\nSatz.\n"),
            (
                "Eins zwei drei vier.\r\n\r\nEnde.",
                "Eins zwei\r\ndrei vier.\r\n\r\nEnde.",
            ),
            ("- eins zwei drei\n", "- eins\n  zwei\n  drei\n"),
            ("  1. Eins zwei\n", "  1. Eins\n     zwei\n"),
            ("\teins zwei\n", "\teins\n\tzwei\n"),
            ("> eins zwei drei\n", "> eins\n> zwei\n> drei\n"),
            ("# Ein langer Titel\n", "# Ein langer Titel\n"),
            (
                "Siehe https://example.org/a/b-c?d=e jetzt",
                "Siehe\nhttps://example.org/a/b-c?d=e\njetzt",
            ),
            ("10\u{a0}km 10\u{a0}km", "10\u{a0}km\n10\u{a0}km"),
            ("1 2 3 4 5 6 7 8 9\n", "1 2 3 4 5 6 7 8 9\n"),
            ("日本語 日本語です", "日本語\n日本語です"),
            ("\u{feff}Eins zwei drei\r", "\u{feff}Eins zwei\rdrei\r"),
            ("\n\n", "\n\n"),
            ("", ""),
        ] {
            for window in [1, 2, 100] {
                assert_eq!(wrapped(text, 10, window), expected, "{text:?} {window}");
            }
        }
    }

    #[test]
    fn a_wrapped_text_wraps_to_itself() {
        let text = "Am Dienstag hat der Rat der Stadt nach langer Debatte beschlossen, dass die \
                    neue Brücke gebaut wird. Danach beginnt die Prüfung aller Einwände.\n";
        let once = wrapped(text, 60, 100);
        assert!(once.lines().all(|line| line.chars().count() <= 60));
        assert_eq!(once.replace('\n', " ").trim(), text.trim());
        assert_eq!(wrapped(&once, 60, 100), once);
    }
}
