//! Puts back what the model mangled, where the alignment says that it belongs.
//!
//! 1. Verbatim strings that share a word of the source form a group.
//! 2. A target word belongs to the group that its strongest link leads to.
//! 3. A group of which something is missing is copied, words and all, over its
//!    target words, if these stand together and nothing intact is among them.

use std::collections::HashMap;
use std::ops::Range;

use super::Verbatim;
use crate::alignment::{AlignmentPoint, words};
use crate::document::Span;

/// What became of the verbatim strings of a sentence.
#[derive(Debug, Clone, PartialEq)]
pub enum Restored {
    /// All of them stand in the translation.
    Intact,
    /// They do now.
    Repaired(Repaired),
    /// These are missing, and the alignment does not say where they belong.
    Lost(Vec<Verbatim>),
}

/// A translation in which verbatim strings were put back.
#[derive(Debug, Clone, PartialEq)]
pub struct Repaired {
    /// The text.
    pub target: String,
    /// The links, their spans moved; copied words are linked with score 1.
    pub alignment: Vec<AlignmentPoint>,
    /// Log-probability of each word; 0 for copied ones.
    pub word_scores: Vec<f32>,
}

/// Whether every verbatim string stands in `target` as often as in `source`; if
/// not, it is put over the words that are linked to it.
///
/// `word_scores` has one entry for each word of `target`.
#[must_use]
pub fn restore(
    source: &str,
    verbatim: &[Verbatim],
    target: &str,
    alignment: &[AlignmentPoint],
    word_scores: &[f32],
) -> Restored {
    let missing = missing(source, verbatim, target);
    if missing.is_empty() {
        return Restored::Intact;
    }
    let lost = || {
        let is_missing = |found: &&Verbatim| missing.contains_key(found.span.of(source));
        Restored::Lost(verbatim.iter().filter(is_missing).copied().collect())
    };
    let target_words = words(target);
    let mut groups = groups(source, verbatim);
    assign(&mut groups, &target_words, alignment);
    let copies: Vec<Copy> = groups
        .iter()
        .filter_map(|group| group.copy(source, target, &target_words, &missing))
        .collect();
    let Some(repaired) = rebuild(target, &target_words, alignment, word_scores, copies) else {
        return lost();
    };
    if self::missing(source, verbatim, &repaired.target).is_empty() {
        Restored::Repaired(repaired)
    } else {
        lost()
    }
}

/// The strings that `target` has fewer of than `source`, and how many fewer.
fn missing<'a>(source: &'a str, verbatim: &[Verbatim], target: &str) -> HashMap<&'a str, usize> {
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    for found in verbatim {
        *wanted.entry(found.span.of(source)).or_default() += 1;
    }
    // Long ones first: `a.de` in `https://a.de` is not another `a.de`.
    let mut strings: Vec<&str> = wanted.keys().copied().collect();
    strings.sort_by_key(|string| (std::cmp::Reverse(string.len()), *string));
    let mut taken = vec![false; target.len()];
    for string in strings {
        for start in occurrences(target, string) {
            let span = start..start + string.len();
            let left = wanted.get_mut(string).expect("its key");
            if *left > 0 && !taken[span.clone()].contains(&true) {
                taken[span].fill(true);
                *left -= 1;
            }
        }
    }
    wanted.retain(|_, left| *left > 0);
    wanted
}

/// Where `string` stands in `text`, not inside a longer word or number.
fn occurrences<'a>(text: &'a str, string: &'a str) -> impl Iterator<Item = usize> + 'a {
    let joins = |a: Option<char>, b: Option<char>| {
        a.is_some_and(char::is_alphanumeric) && b.is_some_and(char::is_alphanumeric)
    };
    text.match_indices(string)
        .map(|(start, _)| start)
        .filter(move |&start| {
            let end = start + string.len();
            let before = text[..start].chars().next_back();
            let after = text[end..].chars().next();
            !joins(before, string.chars().next()) && !joins(string.chars().next_back(), after)
        })
}

/// Words of the source that are, but for punctuation, verbatim strings.
struct Group<'a> {
    strings: Vec<&'a str>,
    words: Vec<Span>,
    /// Where the last verbatim string ends in the source.
    end: usize,
    /// Whether a word has letters that are not verbatim: copying would keep
    /// them untranslated.
    has_prose: bool,
    /// Indices of its target words, in order.
    target: Vec<usize>,
    /// The target words between the first and the last have no other links.
    together: bool,
}

fn groups<'a>(source: &'a str, verbatim: &[Verbatim]) -> Vec<Group<'a>> {
    let source_words = words(source);
    let mut groups: Vec<Group> = Vec::new();
    for found in verbatim {
        let first = source_words.partition_point(|word| word.end <= found.span.start);
        let last = source_words.partition_point(|word| word.start < found.span.end);
        let held = &source_words[first..last.max(first)];
        let joined = groups
            .last_mut()
            .filter(|group| group.words.last() == held.first());
        let prose_to = |from: usize, to: usize| source[from..to].contains(char::is_alphanumeric);
        match joined {
            Some(group) => {
                group.has_prose |= prose_to(group.end, found.span.start);
                group.words.extend(held.iter().skip(1));
                group.strings.push(found.span.of(source));
                group.end = found.span.end;
            }
            None => groups.push(Group {
                strings: vec![found.span.of(source)],
                words: held.to_vec(),
                end: found.span.end,
                has_prose: held
                    .first()
                    .is_some_and(|word| prose_to(word.start, found.span.start)),
                target: Vec::new(),
                together: true,
            }),
        }
    }
    for group in &mut groups {
        if let Some(last) = group.words.last() {
            group.has_prose |= source[group.end..last.end].contains(char::is_alphanumeric);
        }
    }
    groups
}

/// Gives each target word to the group that its strongest link leads to.
fn assign(groups: &mut [Group], target_words: &[Span], alignment: &[AlignmentPoint]) {
    let mut strongest: Vec<Option<AlignmentPoint>> = vec![None; target_words.len()];
    for point in alignment {
        if let Some(word) = word_at(target_words, point.target)
            && strongest[word].is_none_or(|best| best.score < point.score)
        {
            strongest[word] = Some(*point);
        }
    }
    for (word, point) in strongest.iter().enumerate() {
        let Some(point) = point else { continue };
        let index = groups.partition_point(|group| {
            group
                .words
                .last()
                .is_none_or(|last| last.end <= point.source.start)
        });
        if let Some(group) = groups.get_mut(index)
            && group.words.iter().any(|held| held.overlaps(point.source))
        {
            if let Some(&previous) = group.target.last() {
                // An unlinked word between is a fragment of the same string.
                group.together &= strongest[previous + 1..word].iter().all(Option::is_none);
            }
            group.target.push(word);
        }
    }
}

fn word_at(words: &[Span], span: Span) -> Option<usize> {
    let index = words.partition_point(|word| word.end <= span.start);
    words
        .get(index)
        .filter(|word| word.overlaps(span))
        .map(|_| index)
}

/// Source words to be put over target words.
struct Copy {
    over: Range<usize>,
    text: String,
    words: Vec<Span>,
}

impl Group<'_> {
    fn copy(
        &self,
        source: &str,
        target: &str,
        target_words: &[Span],
        missing: &HashMap<&str, usize>,
    ) -> Option<Copy> {
        let (&first, &last) = self.target.first().zip(self.target.last())?;
        let replaced = Span::new(target_words[first].start, target_words[last].end).of(target);
        let is_wanted = self.strings.iter().any(|string| {
            missing.contains_key(string) && occurrences(replaced, string).next().is_none()
        });
        if !is_wanted || self.has_prose || !self.together {
            return None;
        }
        // The sentence's punctuation is the translation's, brackets are ours.
        let is_punctuation = |c: char| matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '…');
        let start = self.words.first()?.start;
        let mut text = source[start..self.end].to_owned();
        text.extend(
            source[self.end..self.words.last()?.end]
                .chars()
                .filter(|&c| !is_punctuation(c)),
        );
        text += &replaced[replaced.trim_end_matches(is_punctuation).len()..];
        Some(Copy {
            over: first..last + 1,
            text: text.replace(['\n', '\r'], " "),
            words: self.words.clone(),
        })
    }
}

/// The translation with the copies in their places, if there are any.
fn rebuild(
    target: &str,
    target_words: &[Span],
    alignment: &[AlignmentPoint],
    word_scores: &[f32],
    mut copies: Vec<Copy>,
) -> Option<Repaired> {
    copies.sort_by_key(|copy| copy.over.start);
    let mut repaired = Repaired {
        target: String::new(),
        alignment: Vec::new(),
        word_scores: Vec::new(),
    };
    let mut moved: Vec<Option<Span>> = vec![None; target_words.len()];
    let mut copied_to = 0;
    let mut next_word = 0;
    let mut keep = |repaired: &mut Repaired, range: Range<usize>, copied_to: &mut usize, to| {
        for word in range {
            let shifted = target_words[word].start - *copied_to + repaired.target.len();
            moved[word] = Some(Span::new(shifted, shifted + target_words[word].len()));
            let score = word_scores.get(word).copied().unwrap_or(0.0);
            repaired.word_scores.push(score);
        }
        repaired.target.push_str(&target[*copied_to..to]);
        *copied_to = to;
    };
    let mut is_changed = false;
    for copy in copies {
        if copy.over.start < next_word {
            continue;
        }
        let before = next_word..copy.over.start;
        let start = target_words[copy.over.start].start;
        keep(&mut repaired, before, &mut copied_to, start);
        let offset = repaired.target.len();
        let new_words = words(&copy.text);
        for (&source, word) in copy.words.iter().zip(&new_words) {
            repaired.alignment.push(AlignmentPoint {
                source,
                target: word.shift(offset),
                score: 1.0,
            });
        }
        repaired.word_scores.extend(new_words.iter().map(|_| 0.0));
        repaired.target.push_str(&copy.text);
        copied_to = target_words[copy.over.end - 1].end;
        next_word = copy.over.end;
        is_changed = true;
    }
    let rest = next_word..target_words.len();
    keep(&mut repaired, rest, &mut copied_to, target.len());
    let kept = alignment.iter().filter_map(|point| {
        let target = moved[word_at(target_words, point.target)?]?;
        Some(AlignmentPoint { target, ..*point })
    });
    repaired.alignment.extend(kept);
    repaired
        .alignment
        .sort_by_key(|point| (point.target, point.source));
    is_changed.then_some(repaired)
}
