//! What kind of block a paragraph is: plain text says it by the mark before it,
//! or by its shape.

/// The longest heading without a mark (characters).
const LONGEST_HEADING: usize = 90;

/// A kind of block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block<'a> {
    /// A heading of that level, from 1.
    Heading(usize),
    /// A list item with its mark, as deep as its mark is indented.
    Item {
        /// `-`, `1.`, `a)` …
        mark: &'a str,
        /// From 1.
        depth: usize,
    },
    /// What another one said, after `>`.
    Quote,
    /// Anything else.
    Prose,
}

/// A paragraph in its surroundings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// What stands between the paragraph before and this one.
    pub(super) before: &'a str,
    /// The paragraph's only sentence, if it has one only.
    pub(super) sentence: Option<&'a str>,
    /// What stands between this paragraph and the next one; `None`: there is no
    /// next one.
    pub(super) after: Option<&'a str>,
    /// Whether it is the first one of its document.
    pub(super) is_first: bool,
}

impl<'a> Surroundings<'a> {
    /// The kind of block.
    pub(super) fn block(self) -> Block<'a> {
        let line = self.before.rsplit(['\n', '\r']).next().unwrap_or_default();
        let mark = line.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        if mark.starts_with('#') {
            let level = mark.chars().take_while(|&c| c == '#').count();
            return Block::Heading(level.min(4));
        }
        if mark.starts_with('>') {
            return Block::Quote;
        }
        if !mark.is_empty() {
            let indent = line.chars().take_while(|c| c.is_whitespace()).count();
            let depth = (indent / 2 + 1).min(3);
            return Block::Item { mark, depth };
        }
        if self.looks_like_a_heading() {
            Block::Heading(if self.is_first { 1 } else { 2 })
        } else {
            Block::Prose
        }
    }

    /// Whether it stands alone, between blank lines, short and without an end
    /// mark.
    fn looks_like_a_heading(self) -> bool {
        let is_blank_line = |gap: &str| gap.matches('\n').count() > 1;
        let short = self.sentence.is_some_and(|text| {
            text.chars().count() <= LONGEST_HEADING
                && text.contains(char::is_alphabetic)
                && !text.ends_with(['.', ':', ';', ',', '!', '…', '*', '“', '"', '»', '«'])
        });
        short
            && (self.is_first || is_blank_line(self.before))
            && self.after.is_some_and(is_blank_line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_shapes_say_what_a_paragraph_is() {
        let item = |mark, depth| Block::Item { mark, depth };
        for (before, text, after, expected) in [
            (
                "",
                "Neue Fähre ab dem 3. Oktober",
                "\n\n",
                Block::Heading(1),
            ),
            ("\n\n", "Was sich ändert", "\r\n\r\n", Block::Heading(2)),
            ("\n\n", "Was sich ändert:", "\n\n", Block::Prose),
            ("\n\n", "Er kam.", "\n\n", Block::Prose),
            ("\n\n", "12. 11. 2023", "\n\n", Block::Prose),
            ("\n", "Berlin", "\n", Block::Prose),
            ("\n\n", "Berlin", "\n", Block::Prose),
            ("\n\n## ", "Ein Titel.", "\n", Block::Heading(2)),
            ("\n- ", "Äpfel", "\n- ", item("-", 1)),
            ("\n  • ", "Birnen", "\n", item("•", 2)),
            ("\r\n1.2. ", "Umfang", "\n\n", item("1.2.", 1)),
            ("\n\n> ", "Ein Zitat.", "\n", Block::Quote),
            ("\u{feff}", "Titel", "\n\n", Block::Heading(1)),
        ] {
            let surroundings = Surroundings {
                before,
                sentence: Some(text),
                after: Some(after),
                is_first: !before.contains('\n'),
            };
            assert_eq!(surroundings.block(), expected, "{before:?} {text:?}");
        }
    }

    #[test]
    fn the_last_paragraph_and_one_of_two_sentences_are_no_headings() {
        let surroundings = Surroundings {
            before: "",
            sentence: Some("Guten Morgen"),
            after: None,
            is_first: true,
        };
        assert_eq!(surroundings.block(), Block::Prose);
        let surroundings = Surroundings {
            sentence: None,
            after: Some("\n\n"),
            ..surroundings
        };
        assert_eq!(surroundings.block(), Block::Prose);
    }
}
