//! Words of the source that were not translated.
//!
//! Words that stand next to each other in the source and, unchanged, in the
//! target. A word counts as far as the lexicon says that it should have changed:
//! a name, a loanword or a word of both languages (`in`, `Bundestag`) is copied
//! in human translations, too, and counts nothing.

use crate::document::Span;
use crate::translation::{Finding, Flag};
use crate::verbatim::Verbatim;

use super::bilingual::Bilingual;
use super::words::{Side, Word};

/// What the words of a run must count together: half a sentence,
const ENOUGH: f32 = 4.0;
/// or, of a short one, this share of what all words count; titles and names of
/// companies are quoted in human translations, too.
const SHARE: f32 = 0.4;
/// A copied translation is taken as such from this probability on: the word is
/// the same in both languages.
const SHARED: f32 = 0.05;
/// What a word in lower case counts that the lexicon does not know; names are
/// capitalised.
const UNKNOWN: f32 = 0.5;
/// What a known word with a capital counts inside a sentence: it may be a name.
const CAPITALIZED: f32 = 0.5;

/// Copied runs of words, outside of what must be copied.
pub(super) fn detect(
    source: &Side,
    target: &Side,
    verbatim: &[Verbatim],
    bilingual: Option<&Bilingual>,
) -> Option<Finding> {
    if source.language == target.language {
        return None;
    }
    let weights: Vec<f32> = source
        .words
        .iter()
        .map(|word| {
            let is_verbatim = verbatim.iter().any(|found| found.span.overlaps(word.span));
            if is_verbatim {
                0.0
            } else {
                weight(source, word, bilingual)
            }
        })
        .collect();
    let total: f32 = weights.iter().sum();
    let mut finding: Finding = Flag::Copy.into();
    let mut first = 0;
    while first < source.words.len() {
        let Some((len, place)) = longest_run(source, target, first) else {
            first += 1;
            continue;
        };
        let of_run = &weights[first..first + len];
        let run: f32 = of_run.iter().sum();
        // Of a short sentence one word at least must be no name for sure.
        let is_sure = of_run.iter().any(|weight| *weight >= 1.0);
        if run >= ENOUGH || is_sure && run >= SHARE * total {
            finding.source.push(span(&source.words[first..first + len]));
            finding.target.push(span(&target.words[place..place + len]));
        }
        first += len;
    }
    (!finding.source.is_empty()).then_some(finding)
}

/// How much it says that a word was copied, from 0 to 1.
fn weight(source: &Side, word: &Word, bilingual: Option<&Bilingual>) -> f32 {
    let surface = source.surface(word);
    if surface.chars().nth(1).is_some_and(char::is_uppercase) || word.lower.chars().count() < 2 {
        return 0.0;
    }
    let Some(bilingual) = bilingual else {
        return if source.is_capitalized(word) {
            0.0
        } else {
            UNKNOWN
        };
    };
    let is_first = source
        .words
        .first()
        .is_some_and(|first| first.span == word.span);
    let may_be_name = source.is_capitalized(word) && !is_first;
    match bilingual.probability(&word.stem, &word.lower) {
        Some(probability) if probability < SHARED && may_be_name => CAPITALIZED,
        Some(probability) if probability < SHARED => 1.0,
        Some(_) => 0.0,
        None if source.is_capitalized(word) => 0.0,
        None => UNKNOWN,
    }
}

/// The longest run of source words from `first` on that stands in the target:
/// its length and its first target word.
fn longest_run(source: &Side, target: &Side, first: usize) -> Option<(usize, usize)> {
    let same = |(a, b): (&Word, &Word)| source.surface(a) == target.surface(b);
    let run = |place: usize| {
        let pairs = source.words[first..].iter().zip(&target.words[place..]);
        pairs.take_while(|&pair| same(pair)).count()
    };
    (0..target.words.len())
        .map(|place| (run(place), place))
        .filter(|(len, _)| *len > 0)
        .max_by_key(|&(len, place)| (len, std::cmp::Reverse(place)))
}

fn span(words: &[Word]) -> Span {
    Span::new(words[0].span.start, words[words.len() - 1].span.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Language, LanguagePair};

    #[test]
    fn names_may_be_copied_and_sentences_not() {
        for (source, target, language, expected) in [
            ("Das Haus ist alt.", "Das Haus ist alt.", Language::EN, true),
            ("Das Haus ist alt.", "Das Haus ist alt.", Language::VI, true),
            (
                "Das Haus ist alt.",
                "The house is old.",
                Language::EN,
                false,
            ),
            ("Guten Morgen", "Guten Morgen", Language::EN, true),
            ("Angela Merkel", "Angela Merkel", Language::EN, false),
            (
                "FC Bayern München",
                "FC Bayern München",
                Language::EN,
                false,
            ),
            (
                "Er sagte, dass er morgen kommt.",
                "He said, dass er morgen kommt.",
                Language::EN,
                true,
            ),
            (
                "Wir sind in Berlin.",
                "We are in Berlin.",
                Language::EN,
                false,
            ),
            (
                "Das ist so in Berlin.",
                "This is so in Berlin.",
                Language::EN,
                false,
            ),
        ] {
            let bilingual = Bilingual::of(LanguagePair::new(Language::DE, language));
            let found = detect(
                &Side::new(source, Language::DE),
                &Side::new(target, language),
                &[],
                bilingual,
            );
            assert_eq!(found.is_some(), expected, "{target}");
        }
    }
}
