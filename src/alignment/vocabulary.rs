//! The words of a text, and those of its translation that may stand for them.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use crate::comparison::normalize_vietnamese;
use crate::guard::bilingual::Bilingual;
use crate::guard::words::{is_cognate, start, stem};
use crate::language::{Language, LanguagePair};

/// Probability that a word is translated by itself or by one that starts alike,
/// where the target has it.
const COPIED: f32 = 0.6;

/// A word as it is compared.
#[derive(Debug)]
pub(super) struct Token {
    lower: String,
    stem: String,
}

/// The words of a text in lower case; of a number its digits alone, and signs of
/// scripts without spaces one by one.
pub(super) fn tokens(text: &str, language: Language) -> Vec<Token> {
    let text = if language == Language::VI {
        normalize_vietnamese(text)
    } else {
        text.nfc().collect()
    };
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    let mut last = ' ';
    while let Some(c) = chars.next() {
        let in_number = matches!(c, '.' | ',' | ':')
            && last.is_ascii_digit()
            && chars.peek().is_some_and(char::is_ascii_digit);
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        if is_without_spaces(c) || !c.is_alphanumeric() && !in_number {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        last = c;
    }
    words.extend((!word.is_empty()).then_some(word));
    let token = |lower: String| Token {
        stem: stem(&lower, language),
        lower,
    };
    words.into_iter().map(token).collect()
}

/// Whether a letter is of a script that writes no spaces between words: Thai, Lao,
/// Myanmar, Khmer, kana and Han.
fn is_without_spaces(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// The words of the target text.
#[derive(Debug)]
pub(super) struct Vocabulary {
    languages: LanguagePair,
    lexicon: Option<&'static Bilingual>,
    numbers: HashMap<String, u32>,
    counts: Vec<f32>,
    /// Words by their first characters.
    by_start: HashMap<String, Vec<(String, u32)>>,
    /// Words by their number in the lexicon.
    by_lexicon: HashMap<u32, u32>,
}

impl Vocabulary {
    pub(super) fn new(languages: LanguagePair) -> Self {
        Self {
            languages,
            lexicon: Bilingual::of(languages),
            numbers: HashMap::new(),
            counts: Vec::new(),
            by_start: HashMap::new(),
            by_lexicon: HashMap::new(),
        }
    }

    /// The words of a target sentence; new ones get the next number.
    pub(super) fn add(&mut self, text: &str) -> Vec<u32> {
        let tokens = tokens(text, self.languages.target);
        let mut sentence = Vec::with_capacity(tokens.len());
        for Token { stem, .. } in tokens {
            let next = self.counts.len() as u32;
            let number = *self.numbers.entry(stem).or_insert(next);
            if number == next {
                self.counts.push(0.0);
            }
            self.counts[number as usize] += 1.0;
            sentence.push(number);
        }
        sentence
    }

    /// How often each word was added.
    pub(super) fn counts(&self) -> &[f32] {
        &self.counts
    }

    /// Makes the words findable, when all are added.
    pub(super) fn index(&mut self) {
        for (word, &number) in &self.numbers {
            if let Some(start) = start(word) {
                let alike = self.by_start.entry(start.to_owned()).or_default();
                alike.push((word.clone(), number));
            }
            let known = self.lexicon.and_then(|lexicon| lexicon.target_number(word));
            self.by_lexicon.extend(known.map(|known| (known, number)));
        }
    }

    /// A word of the target's language.
    pub(super) fn itself(&self, token: &Token) -> Vec<(u32, f32)> {
        let number = self.numbers.get(&token.stem);
        number.map(|&number| (number, 1.0)).into_iter().collect()
    }

    /// What a word of the source may become.
    pub(super) fn translations(&self, token: &Token) -> Vec<(u32, f32)> {
        let mut found = Vec::new();
        if let Some(lexicon) = self.lexicon {
            let translations = lexicon.translations(&token.stem);
            let known = |(word, probability)| Some((*self.by_lexicon.get(&word)?, probability));
            found.extend(translations.filter_map(known));
        }
        let as_target = stem(&token.lower, self.languages.target);
        for form in [&token.lower, &token.stem, &as_target] {
            let number = self.numbers.get(form);
            found.extend(number.map(|&number| (number, COPIED)));
        }
        let alike = start(&token.lower).and_then(|start| self.by_start.get(start));
        for (word, number) in alike.into_iter().flatten() {
            if is_cognate(&token.lower, word) || is_cognate(&token.stem, word) {
                found.push((*number, COPIED));
            }
        }
        // Of several reasons for a word the strongest.
        found.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        found.dedup_by_key(|&mut (number, _)| number);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_in_lower_case_and_numbers_by_their_digits() {
        let lower = |text: &str, language| -> Vec<String> {
            let tokens = tokens(text, language);
            tokens.into_iter().map(|token| token.lower).collect()
        };
        assert_eq!(
            lower("Über 3,1 Mio. um 15:00.", Language::DE),
            ["über", "31", "mio", "um", "1500"]
        );
        assert_eq!(lower("我是猫", Language::EN), ["我", "是", "猫"]);
        // Combining characters, and the tone on the other vowel.
        assert_eq!(
            lower("tie\u{302}\u{301}ng, hòa", Language::VI),
            ["tiếng", "hoà"]
        );
    }
}
