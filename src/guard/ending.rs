//! A target that ends in the middle of a sentence.
//!
//! The source ends as a sentence does, and the target in a comma, an opening
//! mark or a word that something must follow; or in no punctuation at all, while
//! it is shorter than it should be by [`SHORT`]: translators leave out the full
//! stop of a heading, too.

use crate::document::Span;
use crate::language::Language;
use crate::translation::{Finding, Flag};
use crate::verbatim::Verbatim;

use super::bilingual::Bilingual;
use super::length::Length;
use super::words::Side;

/// Logarithm of actual by expected length: a seventh is missing.
const SHORT: f32 = -0.15;
/// Expected characters below which a ratio says nothing.
const HEADING: f32 = 25.0;

/// Words that something must follow.
const ENGLISH_OPENERS: [&str; 14] = [
    "a", "an", "and", "because", "if", "of", "or", "than", "the", "their", "to", "which", "whose",
    "your",
];
const VIETNAMESE_OPENERS: [&str; 10] = [
    "bởi", "các", "của", "hoặc", "mà", "nếu", "những", "rằng", "và", "vì",
];

/// The end of the target, if it is none.
pub(super) fn detect(
    source: &Side,
    target: &Side,
    verbatim: &[Verbatim],
    bilingual: Option<&Bilingual>,
) -> Option<Finding> {
    let ends = |text: &str| text.trim_end_matches(is_closing).ends_with(is_final);
    if !ends(source.text) || ends(target.text) || target.words.is_empty() {
        return None;
    }
    let end = target.text.trim_end_matches(is_closing);
    if verbatim
        .iter()
        .any(|found| end.ends_with(found.span.of(source.text)))
    {
        return None;
    }
    let is_short = || {
        let length = bilingual.map(|bilingual| Length::new(source, target, bilingual));
        length.is_some_and(|length| length.expected >= HEADING && length.log_ratio() < SHORT)
    };
    let last = target.words.last()?;
    let is_open = end.ends_with([',', '(', '„', '–', '-', '&', '/'])
        || end.len() == last.span.end && openers(target.language).contains(&last.lower.as_str())
        || is_short();
    is_open.then(|| Finding {
        target: vec![Span::new(last.span.start, end.len().max(last.span.end))],
        ..Flag::End.into()
    })
}

fn openers(language: Language) -> &'static [&'static str] {
    match language {
        Language::EN => &ENGLISH_OPENERS,
        Language::VI => &VIETNAMESE_OPENERS,
        _ => &[],
    }
}

fn is_closing(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '"' | '“' | '”' | '«' | '»' | '’' | '‘' | '\'' | ')' | ']'
        )
}

fn is_final(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | ':' | ';')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::LanguagePair;

    #[test]
    fn a_sentence_ends_as_its_source_does() {
        for (source, target, language, expected) in [
            (
                "Er kam und ging gleich wieder weg.",
                "He came and went away.",
                Language::EN,
                false,
            ),
            (
                "Er kam und ging gleich wieder weg.",
                "He came",
                Language::EN,
                true,
            ),
            (
                "Er kam und ging gleich wieder weg.",
                "He came and",
                Language::EN,
                true,
            ),
            ("Er kam.", "He came,", Language::EN, true),
            (
                "Er kam und ging gleich wieder weg.",
                "Ông đến và",
                Language::VI,
                true,
            ),
            ("Er kam und ging.", "Ông đến rồi đi.", Language::VI, false),
            (
                "„Er kam“, sagte sie.",
                "\"He came,\" she said.\"",
                Language::EN,
                false,
            ),
            (
                "Wetter und Sport",
                "Weather and sports",
                Language::EN,
                false,
            ),
            ("Kapitel 1.", "Chapter 1", Language::EN, false),
        ] {
            let found = detect(
                &Side::new(source, Language::DE),
                &Side::new(target, language),
                &[],
                Bilingual::of(LanguagePair::new(Language::DE, language)),
            );
            assert_eq!(found.is_some(), expected, "{target}");
        }
    }
}
