//! The words of a text and their stems, read once for all detectors.
//!
//! `scripts/guard/words.py` makes the same stems for the lexicon's keys.

use crate::document::Span;
use crate::language::Language;

/// A sentence and its words.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    pub(crate) text: &'a str,
    pub(crate) language: Language,
    /// Runs of letters, in order.
    pub(crate) words: Vec<Word>,
}

/// A run of letters.
#[derive(Debug)]
pub(crate) struct Word {
    /// Its bytes in the text.
    pub(crate) span: Span,
    /// It in lower case.
    pub(crate) lower: String,
    /// What it shares with its inflected forms.
    pub(crate) stem: String,
}

impl<'a> Side<'a> {
    pub(crate) fn new(text: &'a str, language: Language) -> Self {
        let mut words = Vec::new();
        let mut start = None;
        let ends = [(text.len(), ' ')];
        for (offset, c) in text.char_indices().chain(ends) {
            match (c.is_alphabetic(), start) {
                (true, None) => start = Some(offset),
                (false, Some(begin)) => {
                    words.push(Word::new(text, Span::new(begin, offset), language));
                    start = None;
                }
                _ => {}
            }
        }
        Self {
            text,
            language,
            words,
        }
    }

    /// The word as it stands in the text.
    pub(crate) fn surface(&self, word: &Word) -> &'a str {
        word.span.of(self.text)
    }

    /// Whether a word starts with a capital letter.
    pub(crate) fn is_capitalized(&self, word: &Word) -> bool {
        self.surface(word).starts_with(char::is_uppercase)
    }
}

impl Word {
    fn new(text: &str, span: Span, language: Language) -> Self {
        let lower = span.of(text).to_lowercase();
        let stem = stem(&lower, language);
        Self { span, lower, stem }
    }
}

/// The stem of a word in lower case; the word itself where no rules are known.
pub(crate) fn stem(lower: &str, language: Language) -> String {
    match language {
        Language::DE => german(lower),
        Language::EN => english(lower),
        _ => lower.to_owned(),
    }
}

/// CISTEM (Weissweiler & Fraser 2017, "Developing a Stemmer for German Based on
/// a Comparative Analysis of Publicly Available Stemmers") without its rule for
/// case.
fn german(lower: &str) -> String {
    let mut stem = String::with_capacity(lower.len());
    for c in lower.chars() {
        match c {
            'ä' => stem.push('a'),
            'ö' => stem.push('o'),
            'ü' => stem.push('u'),
            'ß' => stem.push_str("ss"),
            _ => stem.push(c),
        }
    }
    let mut len = stem.chars().count();
    if len >= 6 && stem.starts_with("ge") {
        stem.drain(..2);
        len -= 2;
    }
    while len > 3 {
        let cut = if len > 5 && ["em", "er", "nd"].iter().any(|end| stem.ends_with(end)) {
            2
        } else if stem.ends_with(['t', 'e', 's', 'n']) {
            1
        } else {
            break;
        };
        // The endings are ASCII: as many bytes as characters.
        stem.truncate(stem.len() - cut);
        len -= cut;
    }
    stem
}

const ENGLISH_ENDINGS: [(&str, &str); 7] = [
    ("ies", "y"),
    ("ied", "y"),
    ("ing", ""),
    ("ed", ""),
    ("ly", ""),
    ("es", ""),
    ("s", ""),
];

/// One inflectional ending taken off, then a silent or a doubled letter.
fn english(lower: &str) -> String {
    let mut stem = lower.to_owned();
    let ending = ENGLISH_ENDINGS
        .iter()
        .find(|(ending, _)| stem.ends_with(ending) && stem.chars().count() >= ending.len() + 3);
    if let Some((ending, instead)) = ending {
        stem.truncate(stem.len() - ending.len());
        stem.push_str(instead);
    }
    let mut backwards = stem.chars().rev();
    let (last, before) = (backwards.next(), backwards.next());
    let len = stem.chars().count();
    let doubled = len > 4 && last == before && !last.is_some_and(|c| "aeiou".contains(c));
    if len > 3 && last == Some('e') || doubled {
        stem.pop();
    }
    stem
}

/// Characters that words which start alike share.
const ALIKE: usize = 4;

/// The first characters of a word, if it has so many: those of words that may
/// start alike are equal.
pub(crate) fn start(word: &str) -> Option<&str> {
    let (last, c) = word.char_indices().nth(ALIKE - 1)?;
    Some(&word[..last + c.len_utf8()])
}

/// The same word, or words that start alike: names and their adjectives.
pub(crate) fn is_cognate(a: &str, b: &str) -> bool {
    let alike = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let longer = a.chars().count().max(b.chars().count());
    a == b || alike >= ALIKE && alike * 10 >= longer * 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflected_forms_share_a_stem() {
        for (language, forms) in [
            (Language::DE, &["haus", "häuser", "häusern", "hauses"][..]),
            (Language::DE, &["schnelle", "schneller", "schnelles"]),
            (Language::DE, &["straße", "straßen", "strasse"]),
            (Language::EN, &["stop", "stops", "stopped", "stopping"]),
            (Language::EN, &["house", "houses"]),
            (Language::EN, &["city", "cities"]),
        ] {
            let stems: Vec<String> = forms.iter().map(|form| stem(form, language)).collect();
            assert!(stems.iter().all(|stem| *stem == stems[0]), "{stems:?}");
        }
        assert_ne!(stem("haus", Language::DE), stem("hase", Language::DE));
    }

    #[test]
    fn words_are_runs_of_letters() {
        let side = Side::new("Er kam am 3. Mai – G20-Gipfel?", Language::DE);
        let words: Vec<&str> = side.words.iter().map(|word| side.surface(word)).collect();
        assert_eq!(words, ["Er", "kam", "am", "Mai", "G", "Gipfel"]);
    }
}
