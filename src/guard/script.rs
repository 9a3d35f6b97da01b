//! The wrong script or language.
//!
//! A letter of another script than Latin that the source has not is one too
//! many. The language is whatlang's guess among German, English and Vietnamese,
//! taken from [`ENOUGH`] letters on when it is [`SURE`]; shorter texts are
//! mostly names.

use std::sync::LazyLock;

use whatlang::{Detector, Lang};

use crate::document::Span;
use crate::language::Language;
use crate::translation::{Finding, Flag};

use super::words::Side;

/// Letters that whatlang needs.
const ENOUGH: usize = 25;
/// Its confidence, from 0 to 1.
const SURE: f64 = 0.9;

static DETECTOR: LazyLock<Detector> =
    LazyLock::new(|| Detector::with_allowlist(vec![Lang::Deu, Lang::Eng, Lang::Vie]));

/// Words of the target in a script that does not belong there, or the whole of
/// a target in another language.
pub(super) fn detect(source: &Side, target: &Side) -> Option<Finding> {
    let foreign = |side: &Side| -> Vec<Span> {
        let words = side.words.iter().map(|word| word.span);
        words
            .filter(|span| span.of(side.text).contains(is_other_script))
            .collect()
    };
    let of_target = foreign(target);
    if !of_target.is_empty() && foreign(source).is_empty() {
        return Some(Finding {
            target: of_target,
            ..Flag::Language.into()
        });
    }
    let letters: usize = target.words.iter().map(|word| word.span.len()).sum();
    let expected = code(target.language)?;
    if letters < ENOUGH || !target.words.iter().any(|word| !target.is_capitalized(word)) {
        return None;
    }
    let guess = DETECTOR.detect(target.text)?;
    (guess.lang() != expected && guess.confidence() >= SURE).then(|| Flag::Language.into())
}

fn code(language: Language) -> Option<Lang> {
    match language {
        Language::DE => Some(Lang::Deu),
        Language::EN => Some(Lang::Eng),
        Language::VI => Some(Lang::Vie),
        _ => None,
    }
}

/// A letter beyond Latin and its extensions; the single Greek letters of
/// formulas are no foreign words.
fn is_other_script(c: char) -> bool {
    c.is_alphabetic()
        && c > '\u{24f}'
        && !matches!(c, '\u{250}'..='\u{3ff}' | '\u{1e00}'..='\u{2bff}' | '\u{fb00}'..='\u{fb06}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_in_the_language_asked_for() {
        for (source, target, language, expected) in [
            (
                "Das Parlament hat das neue Gesetz gestern angenommen.",
                "Parliament passed the new law yesterday.",
                Language::EN,
                false,
            ),
            (
                "Das Parlament hat das neue Gesetz gestern angenommen.",
                "Das Parlament hat das neue Gesetz gestern angenommen.",
                Language::EN,
                true,
            ),
            (
                "Das Parlament hat das neue Gesetz gestern angenommen.",
                "Parliament passed the new law yesterday.",
                Language::VI,
                true,
            ),
            (
                "Das Parlament hat das neue Gesetz gestern angenommen.",
                "Hôm qua quốc hội đã thông qua luật mới.",
                Language::VI,
                false,
            ),
            ("Guten Morgen", "доброе утро", Language::EN, true),
            ("Das Wort добро", "The word добро", Language::EN, false),
            (
                "Angela Merkel, Emmanuel Macron",
                "Angela Merkel, Emmanuel Macron",
                Language::EN,
                false,
            ),
        ] {
            let found = detect(
                &Side::new(source, Language::DE),
                &Side::new(target, language),
            );
            assert_eq!(found.is_some(), expected, "{target}");
        }
    }
}
