//! A sentence in another guise, and the way back.
//!
//! A guise has the bytes of the sentence in the same places, so that the spans
//! of its words are those of the sentence.

use crate::alignment::{AlignmentPoint, words};
use crate::document::Span;
use crate::translation::{Attempt, Translation};
use crate::verbatim::{self, Verbatim, VerbatimKind};

use super::bilingual::Bilingual;

/// What is translated instead of a sentence.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub(super) text: String,
    way_back: WayBack,
}

#[derive(Debug, Clone)]
enum WayBack {
    /// It is the sentence itself.
    Same,
    /// Capitals are restored through the alignment.
    Case,
    /// A full stop was added.
    TakeStop,
    /// This final mark was taken away.
    AddMark(char),
    /// These were taken out.
    Insert(Vec<Verbatim>),
}

impl Variant {
    /// The guises for an attempt at a sentence; none where it makes no sense.
    pub(super) fn of(sentence: &str, attempt: Attempt, bilingual: Option<&Bilingual>) -> Vec<Self> {
        match attempt {
            Attempt::Case => without_capitals(sentence, bilingual),
            Attempt::Punctuation => vec![other_end(sentence)],
            Attempt::Symbols => without_symbols(sentence).into_iter().collect(),
            _ => vec![Self {
                text: sentence.to_owned(),
                way_back: WayBack::Same,
            }],
        }
    }

    /// Makes the translation of the guise one of the sentence.
    pub(super) fn restore(&self, sentence: &str, translation: &mut Translation) {
        sentence.clone_into(&mut translation.source);
        let source_words = words(sentence);
        translation.alignment.retain_mut(|link| {
            let word = source_words
                .iter()
                .find(|word| word.start == link.source.start);
            link.source = word.copied().unwrap_or_default();
            word.is_some()
        });
        match &self.way_back {
            WayBack::Same => {}
            WayBack::Case => restore_capitals(sentence, translation),
            WayBack::TakeStop => change_last_word(translation, |word| {
                word.strip_suffix('.')
                    .filter(|rest| !rest.is_empty())
                    .unwrap_or(word)
                    .to_owned()
            }),
            WayBack::AddMark(mark) => change_last_word(translation, |word| {
                let ends = word.ends_with(['.', '!', '?', '…', '"', '”', '“']);
                if ends {
                    word.to_owned()
                } else {
                    format!("{word}{mark}")
                }
            }),
            WayBack::Insert(symbols) => insert(sentence, symbols, translation),
        }
    }
}

/// Whether nearly all letters of a sentence of two words or more are capitals.
pub(super) fn is_all_caps(sentence: &str) -> bool {
    let (mut upper, mut lower) = (0, 0);
    for c in sentence.chars() {
        upper += usize::from(c.is_uppercase());
        lower += usize::from(c.is_lowercase());
    }
    upper >= 6 && upper >= 8 * lower && sentence.split_whitespace().nth(1).is_some()
}

/// Whether a sentence of four words or more has capitals at the start of nearly
/// all; German does not write so.
fn is_title_case(sentence: &str) -> bool {
    let letters = |word: &&str| word.chars().any(char::is_alphabetic);
    let words: Vec<&str> = sentence.split_whitespace().filter(letters).collect();
    let capitalized = |word: &&&str| {
        let first = word.chars().find(|c| c.is_alphabetic());
        first.is_some_and(char::is_uppercase)
    };
    words.len() >= 4 && words.iter().filter(capitalized).count() * 10 >= words.len() * 9
}

/// ALL CAPS or Title Case folded: once all letters, and once with a capital for
/// each word that is not frequent, since most of these are nouns.
fn without_capitals(sentence: &str, bilingual: Option<&Bilingual>) -> Vec<Variant> {
    let variant = |text: String| Variant {
        text,
        way_back: WayBack::Case,
    };
    let all_caps = is_all_caps(sentence);
    if !all_caps && !is_title_case(sentence) {
        return Vec::new();
    }
    let is_frequent = |word: &str| {
        let stem = super::words::stem(&word.to_lowercase(), crate::language::Language::DE);
        bilingual.map_or(word.len() < 5, |bilingual| bilingual.is_frequent(&stem))
    };
    let nouns_capitalized = folded(sentence, |word| !is_frequent(word));
    let mut variants = vec![variant(nouns_capitalized)];
    if all_caps {
        variants.push(variant(folded(sentence, |_| false)));
    }
    variants
}

/// In small letters, but for the first and those of the words that keep a
/// capital. Letters whose small form has other bytes stay.
fn folded(sentence: &str, keeps_capital: impl Fn(&str) -> bool) -> String {
    let mut text = String::with_capacity(sentence.len());
    let mut is_first = true;
    for word in sentence.split_inclusive(|c: char| !c.is_alphabetic()) {
        let letters = word.trim_end_matches(|c: char| !c.is_alphabetic());
        let has_capital = is_first || keeps_capital(letters);
        is_first &= letters.is_empty();
        for (index, c) in word.chars().enumerate() {
            let mut lower = c.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(small), None)
                    if small.len_utf8() == c.len_utf8() && !(has_capital && index == 0) =>
                {
                    text.push(small);
                }
                _ => text.push(c),
            }
        }
    }
    text
}

/// Writes a target word as the source word that it is linked to most: in
/// capitals, or with one; words without links as most words.
fn restore_capitals(sentence: &str, translation: &mut Translation) {
    let is_upper = |word: &str| {
        word.chars().filter(|c| c.is_uppercase()).count() >= 2 && !word.contains(char::is_lowercase)
    };
    let all_caps = is_all_caps(sentence);
    let target_words = words(&translation.target);
    let changed = target_words
        .iter()
        .map(|&span| {
            let links = translation
                .alignment
                .iter()
                .filter(|link| link.target == span);
            let source = links
                .max_by(|a, b| a.score.total_cmp(&b.score))
                .map(|link| link.source.of(sentence));
            let word = span.of(&translation.target);
            match source {
                Some(source) if is_upper(source) => word.to_uppercase(),
                // A and I are in capitals, whatever the sentence is.
                Some(source) if source.starts_with(char::is_uppercase) && !all_caps => {
                    capitalized(word)
                }
                Some(source) if source.contains(char::is_lowercase) => word.to_owned(),
                _ if all_caps => word.to_uppercase(),
                _ => word.to_owned(),
            }
        })
        .collect();
    change_words(translation, changed);
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + chars.as_str()
    })
}

/// Without its final mark, or with a full stop if it has none.
fn other_end(sentence: &str) -> Variant {
    let trimmed = sentence.trim_end();
    match trimmed.chars().next_back() {
        Some(mark) if matches!(mark, '.' | '!' | '?' | '…') => Variant {
            text: trimmed[..trimmed.len() - mark.len_utf8()].to_owned(),
            way_back: WayBack::AddMark(mark),
        },
        _ => Variant {
            text: format!("{trimmed}."),
            way_back: WayBack::TakeStop,
        },
    }
}

/// With spaces for emoji and symbols, if it has any.
fn without_symbols(sentence: &str) -> Option<Variant> {
    let mut symbols = verbatim::find(sentence);
    symbols.retain(|found| matches!(found.kind, VerbatimKind::Emoji | VerbatimKind::Symbol));
    let mut text = sentence.to_owned();
    for symbol in &symbols {
        text.replace_range(symbol.span.range(), &" ".repeat(symbol.span.len()));
    }
    (!symbols.is_empty()).then_some(Variant {
        text,
        way_back: WayBack::Insert(symbols),
    })
}

fn change_last_word(translation: &mut Translation, change: impl Fn(&str) -> String) {
    let spans = words(&translation.target);
    let mut texts: Vec<String> = spans
        .iter()
        .map(|span| span.of(&translation.target).to_owned())
        .collect();
    if let Some(last) = texts.last_mut() {
        *last = change(last);
    }
    change_words(translation, texts);
}

/// Puts other words in the place of the target's; the links go with them.
fn change_words(translation: &mut Translation, texts: Vec<String>) {
    let pieces = texts.into_iter().enumerate().map(|(index, text)| Piece {
        text,
        is: Ok(index),
    });
    rebuild(translation, pieces.collect());
}

/// A word of a target that is put together anew.
struct Piece {
    text: String,
    /// The word that it was, or the source word that is copied.
    is: Result<usize, Span>,
}

/// Puts symbols behind the word that is linked to the source word before them.
fn insert(sentence: &str, symbols: &[Verbatim], translation: &mut Translation) {
    let target_words = words(&translation.target);
    let mut places: Vec<(usize, &Verbatim)> = symbols
        .iter()
        .map(|symbol| {
            let before = translation
                .alignment
                .iter()
                .filter(|link| link.source.end <= symbol.span.start);
            let nearest = before.max_by_key(|link| (link.source, link.target));
            let place = nearest.map_or(0, |link| {
                target_words.partition_point(|word| word.start <= link.target.start)
            });
            (place, symbol)
        })
        .collect();
    places.sort_by_key(|(place, symbol)| (*place, symbol.span));
    let mut pieces = Vec::new();
    for index in 0..=target_words.len() {
        let here = places.iter().filter(|(place, _)| *place == index);
        pieces.extend(here.map(|(_, symbol)| Piece {
            text: symbol.span.of(sentence).to_owned(),
            is: Err(symbol.span),
        }));
        pieces.extend(target_words.get(index).map(|word| Piece {
            text: word.of(&translation.target).to_owned(),
            is: Ok(index),
        }));
    }
    rebuild(translation, pieces);
}

/// The target from pieces, with the gaps that were before its words.
fn rebuild(translation: &mut Translation, pieces: Vec<Piece>) {
    let old_words = words(&translation.target);
    let (mut target, mut word_scores) = (String::new(), Vec::new());
    let mut moved = vec![Span::default(); old_words.len()];
    let mut alignment: Vec<AlignmentPoint> = Vec::new();
    let mut end = 0;
    for piece in pieces {
        match piece.is {
            Ok(index) => {
                let gap = &translation.target[end..old_words[index].start];
                let has_space = target.is_empty() || target.ends_with(' ');
                target.push_str(if gap.is_empty() && !has_space {
                    " "
                } else {
                    gap
                });
                end = old_words[index].end;
                moved[index] = Span::new(target.len(), target.len() + piece.text.len());
                word_scores.push(translation.word_scores.get(index).copied().unwrap_or(0.0));
            }
            Err(source) => {
                if !target.is_empty() {
                    target.push(' ');
                }
                let span = Span::new(target.len(), target.len() + piece.text.len());
                let in_words = words(&translation.source);
                alignment.extend(in_words.iter().find(|word| word.overlaps(source)).map(
                    |&source| AlignmentPoint {
                        source,
                        target: span,
                        score: 1.0,
                    },
                ));
                word_scores.push(0.0);
            }
        }
        target.push_str(&piece.text);
    }
    alignment.extend(translation.alignment.iter().filter_map(|link| {
        let index = old_words.iter().position(|word| *word == link.target)?;
        Some(AlignmentPoint {
            target: moved[index],
            ..*link
        })
    }));
    alignment.sort_by_key(|link| (link.target, link.source));
    translation.target = target;
    translation.alignment = alignment;
    translation.word_scores = word_scores;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A translation whose words are linked one to one.
    fn word_by_word(source: &str, target: &str) -> Translation {
        let links = words(source).into_iter().zip(words(target));
        Translation {
            source: source.to_owned(),
            target: target.to_owned(),
            alignment: links
                .map(|(source, target)| AlignmentPoint {
                    source,
                    target,
                    score: 0.9,
                })
                .collect(),
            word_scores: words(target).iter().map(|_| -0.1).collect(),
            ..Translation::default()
        }
    }

    #[test]
    fn what_is_changed_before_is_restored_after() {
        for (attempt, sentence, guise, translated, restored) in [
            (
                Attempt::Case,
                "DAS HAUS BRENNT",
                "Das haus brennt",
                "The house burns",
                "THE HOUSE BURNS",
            ),
            (
                Attempt::Punctuation,
                "Das Haus brennt.",
                "Das Haus brennt",
                "The house burns",
                "The house burns.",
            ),
            (
                Attempt::Punctuation,
                "Das Haus brennt",
                "Das Haus brennt.",
                "The house burns.",
                "The house burns",
            ),
            (
                Attempt::Symbols,
                "Das 🔥 Haus brennt",
                "Das      Haus brennt",
                "The house burns",
                "The 🔥 house burns",
            ),
            (
                Attempt::Symbols,
                "🔥 Haus brennt",
                "     Haus brennt",
                "house burns",
                "🔥 house burns",
            ),
        ] {
            let variants = Variant::of(sentence, attempt, None);
            let variant = variants
                .iter()
                .find(|variant| variant.text == guise)
                .unwrap_or_else(|| panic!("{variants:?}"));
            let mut translation = word_by_word(guise, translated);
            variant.restore(sentence, &mut translation);
            assert_eq!(translation.target, restored);
            assert_eq!(translation.source, sentence);
            assert_eq!(translation.word_scores.len(), words(restored).len());
            for link in &translation.alignment {
                assert!(words(sentence).contains(&link.source), "{link:?}");
                assert!(words(restored).contains(&link.target), "{link:?}");
            }
        }
    }

    #[test]
    fn only_what_is_in_capitals_is_folded() {
        for (sentence, count) in [
            ("DAS HAUS BRENNT", 2),
            ("Die Regierung Will Mehr Geld", 1),
            ("Das Haus brennt.", 0),
            ("NATO", 0),
            ("Die NATO und die USA", 0),
        ] {
            let variants = Variant::of(sentence, Attempt::Case, None);
            assert_eq!(variants.len(), count, "{sentence}");
        }
    }
}
