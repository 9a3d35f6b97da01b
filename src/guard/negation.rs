//! Negations that are lost.
//!
//! Each negation of the source wants one of the target, at about the same place
//! of the sentence; a word such as `unable`, `fail` or `unless` may stand for it,
//! if it is close. Of the human translations of news that this was tuned with
//! (`scripts/guard/train.py` names them), one in fifty says it in yet another
//! way; these are the false alarms.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::document::Span;
use crate::language::Language;
use crate::translation::{Finding, Flag};

use super::words::Side;

/// How far apart two negations may stand, in lengths of the sentence.
const NEGATION_DISTANCE: f32 = 0.3;
/// The same for a word that takes the place of a negation.
const REPLACEMENT_DISTANCE: f32 = 0.1;
/// So many words they may be further apart, however short the sentence is.
const DISTANCE_WORDS: f32 = 2.0;

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
    /// A word, the word behind it, and what the first does there.
    pairs: HashMap<(&'static str, &'static str), Role>,
    /// Words that start, and words that end with these letters.
    starts: Vec<(&'static str, Role)>,
    ends: Vec<(&'static str, Role)>,
}

/// A negation, or what can take its place.
#[derive(Debug, Clone, Copy)]
struct Found {
    span: Span,
    /// From 0, the start of the sentence, to 1.
    place: f32,
    is_matched: bool,
}

static NEGATIONS: LazyLock<HashMap<Language, Negations>> =
    LazyLock::new(|| read(include_str!("data/negations.txt")));

/// The negations of the source that have no partner in the target.
pub(super) fn detect(source: &Side, target: &Side) -> Option<Finding> {
    let (of_source, of_target) = (
        NEGATIONS.get(&source.language)?,
        NEGATIONS.get(&target.language)?,
    );
    let mut negated = of_source.find(source, Role::Negates);
    if negated.is_empty() {
        return None;
    }
    let mut replaced = of_source.find(source, Role::CanReplace);
    let mut target_negated = of_target.find(target, Role::Negates);
    let mut target_replaced = of_target.find(target, Role::CanReplace);
    let words = DISTANCE_WORDS / source.words.len() as f32;
    let (far, close) = (NEGATION_DISTANCE + words, REPLACEMENT_DISTANCE + words);
    link(&mut replaced, &mut target_replaced, close);
    link(&mut negated, &mut target_negated, far);
    link(&mut negated, &mut target_replaced, close);
    let lost: Vec<Span> = negated
        .iter()
        .filter(|found| !found.is_matched)
        .map(|found| found.span)
        .collect();
    (!lost.is_empty()).then(|| Finding {
        source: lost,
        ..Flag::Negation.into()
    })
}

/// Gives as many of `sources` as possible a partner of `targets` no further away
/// than `distance`. Both are in order, so that the first partner that is close
/// enough is the best.
fn link(sources: &mut [Found], targets: &mut [Found], distance: f32) {
    let mut free = targets
        .iter_mut()
        .filter(|target| !target.is_matched)
        .peekable();
    for source in sources.iter_mut().filter(|source| !source.is_matched) {
        while free
            .next_if(|target| target.place < source.place - distance)
            .is_some()
        {}
        if let Some(target) = free.next_if(|target| target.place <= source.place + distance) {
            target.is_matched = true;
            source.is_matched = true;
        }
    }
}

impl Negations {
    /// The words of a side that have a role.
    fn find(&self, side: &Side, role: Role) -> Vec<Found> {
        let mut all = Vec::new();
        let mut is_split = false;
        let count = side.words.len() as f32;
        for (index, word) in side.words.iter().enumerate() {
            let span = if self.role(side, index) == role
                && !(role == Role::Negates && is_no_negation(side, index, is_split))
            {
                // `neither … nor` is one.
                is_split |= word.lower == "neither";
                word.span
            } else if role == Role::Negates && is_contraction(side, index) {
                Span::new(side.words[index - 1].span.start, word.span.end)
            } else {
                continue;
            };
            all.push(Found {
                span,
                place: index as f32 / count,
                is_matched: false,
            });
        }
        all
    }

    fn role(&self, side: &Side, index: usize) -> Role {
        let lower = side.words[index].lower.as_str();
        let next = side.words.get(index + 1).map(|word| word.lower.as_str());
        let of_pair = next.and_then(|next| self.pairs.get(&(lower, next)));
        if let Some(&role) = of_pair.or_else(|| self.words.get(lower)) {
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

/// `No. 1`, the `nor` of `neither … nor`, and the particle that ends a Vietnamese
/// question (`có … không?`).
fn is_no_negation(side: &Side, index: usize, after_neither: bool) -> bool {
    let word = &side.words[index];
    let after = &side.text[word.span.end..];
    match word.lower.as_str() {
        "no" => after
            .trim_start_matches(['.', ' ', '\u{a0}'])
            .starts_with(|c: char| c.is_ascii_digit()),
        "nor" => after_neither,
        "không" | "chưa" if index > 0 => {
            after.trim_start().starts_with('?')
                || index + 1 == side.words.len()
                || side.words[index - 1].lower == "hay"
                    && !after.trim_start().starts_with(char::is_alphabetic)
        }
        _ => false,
    }
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
            if let Some(pair) = word.split_once('_') {
                negations.pairs.insert(pair, role);
            } else if let Some(start) = word.strip_suffix('*') {
                negations.starts.push((start, role));
            } else if let Some(end) = word.strip_prefix('*') {
                negations.ends.push((end, role));
            } else {
                negations.words.insert(word, role);
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

    #[test]
    fn its_partner_stands_at_about_the_same_place() {
        for (source, target, language, lost) in [
            (
                "Er kommt nicht, sagte sie gestern, und alle, die dabei waren, haben nichts dazu gesagt.",
                "He is coming, she said yesterday, and all who were there have said nothing about it.",
                Language::EN,
                true,
            ),
            (
                "Das ist bis jetzt nicht geschehen.",
                "That has happened yet.",
                Language::EN,
                true,
            ),
            (
                "Das ist noch nicht geschehen.",
                "That has yet to happen.",
                Language::EN,
                false,
            ),
            (
                "Hat er nicht recht?",
                "Anh ấy có đúng không?",
                Language::VI,
                true,
            ),
            (
                "Er hat nicht alle gesehen.",
                "Anh ấy đã thấy bất kỳ ai.",
                Language::VI,
                true,
            ),
        ] {
            let found = detect(
                &Side::new(source, Language::DE),
                &Side::new(target, language),
            );
            assert_eq!(found.is_some(), lost, "{source} | {target}");
        }
    }
}
