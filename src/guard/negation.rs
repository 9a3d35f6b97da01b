//! Negations that are lost.
//!
//! The target must negate at least as often as the source; a word such as
//! `unable`, `fail` or `unless` may take the place of a negation. Of 4,000
//! human translations of news (newstest2019, WMT 21, FLORES) one in a hundred
//! says it in yet another way; these are the false alarms.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::document::Span;
use crate::language::Language;
use crate::translation::{Finding, Flag};

use super::words::{Side, Word};

/// What a word does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Negates,
    CanReplace,
    None,
}

/// The negations of a language.
#[derive(Debug, Default)]
struct Negations {
    words: HashMap<&'static str, Role>,
    /// Words that start, and words that end with these letters.
    starts: Vec<(&'static str, Role)>,
    ends: Vec<(&'static str, Role)>,
}

static NEGATIONS: LazyLock<HashMap<Language, Negations>> =
    LazyLock::new(|| read(include_str!("data/negations.txt")));

/// The negations of the source, if the target has fewer.
pub(super) fn detect(source: &Side, target: &Side) -> Option<Finding> {
    let (of_source, of_target) = (
        NEGATIONS.get(&source.language)?,
        NEGATIONS.get(&target.language)?,
    );
    let negated = of_source.spans(source, Role::Negates);
    if negated.is_empty() {
        return None;
    }
    let kept = of_target.spans(target, Role::Negates);
    let replaced = of_target.spans(target, Role::CanReplace);
    (negated.len() > kept.len() + replaced.len()).then(|| Finding {
        source: negated,
        target: kept,
        ..Flag::Negation.into()
    })
}

impl Negations {
    fn spans(&self, side: &Side, role: Role) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut is_split = false;
        for (index, word) in side.words.iter().enumerate() {
            if self.role(word) == role
                && !(role == Role::Negates && is_no_negation(side, index, is_split))
            {
                spans.push(word.span);
                // `neither … nor` is one.
                is_split |= word.lower == "neither";
            } else if role == Role::Negates && is_contraction(side, index) {
                spans.push(Span::new(side.words[index - 1].span.start, word.span.end));
            }
        }
        spans
    }

    fn role(&self, word: &Word) -> Role {
        let lower = word.lower.as_str();
        if let Some(&role) = self.words.get(lower) {
            return role;
        }
        // What is no negation is told by more letters than what is.
        let affix = |affixes: &[(&str, Role)], fits: fn(&str, &str) -> bool| {
            let fitting = affixes
                .iter()
                .filter(|(affix, _)| lower.len() >= affix.len() && fits(lower, affix));
            fitting
                .max_by_key(|(affix, _)| affix.len())
                .map(|(_, role)| *role)
        };
        affix(&self.starts, |word, affix| word.starts_with(affix))
            .or_else(|| affix(&self.ends, |word, affix| word.ends_with(affix)))
            .unwrap_or(Role::None)
    }
}

/// The `t` of `isn't`, whose words are `isn` and `t`.
fn is_contraction(side: &Side, index: usize) -> bool {
    let word = &side.words[index];
    side.language == Language::EN
        && word.lower == "t"
        && index > 0
        && side.words[index - 1].lower.ends_with('n')
        && matches!(
            &side.text[side.words[index - 1].span.end..word.span.start],
            "'" | "’"
        )
}

/// `No. 1`, and the `nor` of `neither … nor`.
fn is_no_negation(side: &Side, index: usize, after_neither: bool) -> bool {
    let word = &side.words[index];
    let after = side.text[word.span.end..].trim_start_matches(['.', ' ', '\u{a0}']);
    word.lower == "no" && after.starts_with(|c: char| c.is_ascii_digit())
        || word.lower == "nor" && after_neither
}

/// Reads `language sign word …` lines.
fn read(data: &'static str) -> HashMap<Language, Negations> {
    let mut all: HashMap<Language, Negations> = HashMap::new();
    for line in data.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split(' ');
        let language = fields.next().and_then(|code| code.parse().ok());
        let (Some(language), Some(sign)) = (language, fields.next()) else {
            continue;
        };
        let role = match sign {
            "!" => Role::Negates,
            "~" => Role::CanReplace,
            _ => Role::None,
        };
        let negations = all.entry(language).or_default();
        for word in fields {
            match (word.strip_suffix('*'), word.strip_prefix('*')) {
                (Some(start), _) => negations.starts.push((start, role)),
                (_, Some(end)) => negations.ends.push((end, role)),
                _ => drop(negations.words.insert(word, role)),
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negation_stays_one() {
        for (source, target, language, lost) in [
            ("Er kommt nicht.", "He is not coming.", Language::EN, false),
            ("Er kommt nicht.", "He isn't coming.", Language::EN, false),
            ("Er kommt nicht.", "He isn’t coming.", Language::EN, false),
            ("Er kommt nicht.", "He is coming.", Language::EN, true),
            ("Er kommt nicht.", "Anh ấy không đến.", Language::VI, false),
            ("Er kommt nicht.", "Anh ấy đến.", Language::VI, true),
            (
                "Das ist kein Haus.",
                "This is no house.",
                Language::EN,
                false,
            ),
            ("Das ist kein Haus.", "This is a house.", Language::EN, true),
            (
                "Ohne Geld geht es.",
                "It works without money.",
                Language::EN,
                false,
            ),
            (
                "Ohne Geld geht es.",
                "It works with money.",
                Language::EN,
                true,
            ),
            (
                "Er ist nicht erreichbar.",
                "He is unavailable.",
                Language::EN,
                false,
            ),
            (
                "Er ist nicht hier.",
                "He is under here.",
                Language::EN,
                true,
            ),
            (
                "Er konnte nicht kommen.",
                "He failed to come.",
                Language::EN,
                false,
            ),
            ("Nicht er, nicht sie.", "Not he, she.", Language::EN, true),
            (
                "Weder er noch sie.",
                "Neither he nor she.",
                Language::EN,
                false,
            ),
            (
                "Nichts ist unmöglich.",
                "Nothing is impossible.",
                Language::EN,
                false,
            ),
            (
                "Das ist nicht Lied 1.",
                "This is song No. 1.",
                Language::EN,
                true,
            ),
            ("Er kommt.", "He is coming.", Language::EN, false),
        ] {
            let found = detect(
                &Side::new(source, Language::DE),
                &Side::new(target, language),
            );
            assert_eq!(found.is_some(), lost, "{source} | {target}");
        }
    }
}
