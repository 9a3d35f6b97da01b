//! What was done to the training data before SentencePiece saw it.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

use crate::document::Span;

/// A normalisation from training, to be repeated on text to translate.
///
/// transformers' `MarianTokenizer` applies none, so [`Normalization::None`]
/// gives its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalization {
    /// The text as it is.
    #[default]
    None,
    /// What the training data of the opus-mt models of 2020 went through:
    /// Moses' `replace-unicode-punctuation.perl` (`”` becomes `"`, `…` becomes
    /// `...`, full-width marks and digits become ASCII) and
    /// `remove-non-printing-char.perl` (every character of Unicode category C
    /// becomes a space).
    ///
    /// One difference is wanted: the scripts of 2020 turned `１` into `"`, a
    /// slip that Moses has corrected since.
    Moses,
}

/// Text after [`replace`], with the source of every byte.
pub(super) struct Prepared {
    pub(super) text: String,
    /// Per byte of `text`: the bytes of the original that it stands for.
    sources: Vec<Span>,
    source_len: usize,
}

impl Prepared {
    /// Where a span of the prepared text lies in the original.
    pub(super) fn source(&self, span: Span) -> Span {
        let start = self
            .sources
            .get(span.start)
            .map_or(self.source_len, |source| source.start);
        match self.sources[span.range()].last() {
            Some(last) => Span::new(start, last.end),
            None => Span::new(start, start),
        }
    }
}

/// Applies [`Normalization::Moses`].
pub(super) fn replace(text: &str) -> Prepared {
    let mut prepared = Prepared {
        text: String::with_capacity(text.len()),
        sources: Vec::with_capacity(text.len()),
        source_len: text.len(),
    };
    let mut start = 0;
    while let Some(c) = text[start..].chars().next() {
        let mut end = start + c.len_utf8();
        let replacement = replacement(c);
        if replacement == Some(". ") {
            end = text.len() - text[end..].trim_start_matches(' ').len();
        }
        match replacement {
            Some(replacement) => prepared.text.push_str(replacement),
            None => prepared.text.push(c),
        }
        prepared
            .sources
            .resize(prepared.text.len(), Span::new(start, end));
        start = end;
    }
    prepared
}

/// What a character becomes; `None` is itself. The two full stops take the
/// spaces after them.
fn replacement(c: char) -> Option<&'static str> {
    let ascii = match c {
        '，' | '、' => ",",
        '。' | '．' => ". ",
        '”' | '“' | '《' | '》' | '」' | '「' => "\"",
        '∶' | '：' => ":",
        '？' => "?",
        '）' => ")",
        '！' => "!",
        '（' => "(",
        '；' => ";",
        '０' => "0",
        '１' => "1",
        '２' => "2",
        '３' => "3",
        '４' => "4",
        '５' => "5",
        '６' => "6",
        '７' => "7",
        '８' => "8",
        '９' => "9",
        '～' => "~",
        '’' => "'",
        '…' => "...",
        '━' => "-",
        '〈' => "<",
        '〉' => ">",
        '【' => "[",
        '】' => "]",
        '％' => "%",
        c if is_non_printing(c) => " ",
        _ => return None,
    };
    Some(ascii)
}

/// Perl's `\p{C}`: control, format, private use and unassigned characters.
fn is_non_printing(c: char) -> bool {
    static RANGES: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
        let class = regex_syntax::parse(r"\p{C}").expect("a constant pattern");
        match class.kind() {
            HirKind::Class(Class::Unicode(class)) => class
                .ranges()
                .iter()
                .map(|range| (range.start(), range.end()))
                .collect(),
            _ => unreachable!("a class is a class"),
        }
    });
    let index = RANGES.partition_point(|&(_, end)| end < c);
    RANGES.get(index).is_some_and(|&(start, _)| start <= c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_becomes_ascii_as_in_moses() {
        for (text, expected) in [
            ("“Xin chào”, ’tis", "\"Xin chào\", 'tis"),
            // Not in Moses' list: German quotes, single quotes, dashes.
            ("„Hallo‚ – ‘so’ — »da«", "„Hallo‚ – ‘so' — »da«"),
            ("warte…", "warte..."),
            ("你好，世界。   再见．", "你好,世界. 再见. "),
            ("。 ．x", ". . x"),
            ("１２３４５６７８９０％", "1234567890%"),
            ("（a）【b】〈c〉《d》「e」", "(a)[b]<c>\"d\"\"e\""),
            ("a：b；c？d！e∶f、g～h━i", "a:b;c?d!e:f,g~h-i"),
            (
                "a\u{0}b\u{7}c\u{ad}d\u{200d}e\u{feff}f\u{e000}g",
                "a b c d e f g",
            ),
            ("a\tb\u{a0}c", "a b\u{a0}c"),
            ("", ""),
        ] {
            assert_eq!(replace(text).text, expected, "{text:?}");
        }
    }

    #[test]
    fn prepared_text_knows_its_source() {
        let prepared = replace("a… b。  c");
        assert_eq!(prepared.text, "a... b. c");
        for (span, expected) in [
            ((0, 1), (0, 1)),
            ((1, 2), (1, 4)),
            ((1, 4), (1, 4)),
            ((2, 3), (1, 4)),
            ((6, 8), (6, 11)),
            ((8, 9), (11, 12)),
            ((9, 9), (12, 12)),
        ] {
            let span = Span::new(span.0, span.1);
            assert_eq!(
                prepared.source(span),
                Span::new(expected.0, expected.1),
                "{span:?}"
            );
        }
    }
}
