//! Whether a text is in the language that it is said to be in.
//!
//! Trigrams (W. Cavnar, J. Trenkle, N-gram-based text categorization, 1994; the
//! crate whatlang) judge paragraph by paragraph. Only words in lower case count:
//! names, titles and German nouns say little about the language around them.

use whatlang::{Detector, Lang};

use crate::document::Document;
use crate::language::Language;
use crate::verbatim;

/// Fewer letters say nothing (`tests/command_line/language.rs` measures false alarms).
const MIN_LETTERS: usize = 20;

/// So many are enough for a language to be clear.
const MAX_PENDING: usize = 200;

/// More letters say no more.
const MAX_LETTERS: usize = 2000;

/// Tells paragraphs in other languages than the expected one.
///
/// What it says of a paragraph depends on that and on short ones before it, not
/// on the parts in which a text comes.
#[derive(Debug)]
pub struct SourceLanguage {
    /// `None` for a language that cannot be told from others.
    expected: Option<Lang>,
    /// Words of the paragraphs before that are too short to be judged alone.
    pending: Words,
}

/// A language that is not the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherLanguage {
    /// Its name in English, if it is clear which one it is.
    pub name: Option<&'static str>,
}

impl SourceLanguage {
    /// Expects texts in `language`.
    #[must_use]
    pub fn new(language: Language) -> Self {
        let code = language.iso639_3().unwrap_or(language.code());
        Self {
            expected: Lang::from_code(code),
            pending: Words::default(),
        }
    }

    /// For each sentence of the next part of a text the language of its
    /// paragraph, if that is reliably another one than expected.
    pub fn others(&mut self, part: &Document) -> Vec<Option<OtherLanguage>> {
        let Some(expected) = self.expected else {
            return vec![None; part.sentences().len()];
        };
        let mut others = Vec::with_capacity(part.sentences().len());
        let paragraphs = part.sentences().chunk_by(|a, b| a.paragraph == b.paragraph);
        for paragraph in paragraphs {
            let mut words = Words::default();
            for sentence in paragraph {
                words.add(sentence.span.of(part.text()));
            }
            let other = self.judge(expected, &words);
            others.extend(std::iter::repeat_n(other, paragraph.len()));
        }
        others
    }

    fn judge(&mut self, expected: Lang, words: &Words) -> Option<OtherLanguage> {
        if words.letters >= MIN_LETTERS || self.pending.letters >= MAX_PENDING {
            self.pending = Words::default();
        }
        if words.letters >= MIN_LETTERS {
            return words.other_than(expected);
        }
        self.pending.text += &words.text;
        self.pending.letters += words.letters;
        self.pending.other_than(expected)
    }
}

/// Words in lower case, each with a space behind it.
#[derive(Debug, Default)]
struct Words {
    text: String,
    letters: usize,
}

impl Words {
    /// Adds the words of a sentence's prose.
    fn add(&mut self, sentence: &str) {
        if self.letters >= MAX_LETTERS {
            return;
        }
        for piece in verbatim::prose(sentence, &verbatim::find(sentence)) {
            for word in piece.of(sentence).split_whitespace() {
                let mut letters = word.chars().filter(|c| c.is_alphabetic()).peekable();
                if letters.peek().is_some_and(|first| !first.is_uppercase()) {
                    self.letters += letters.count();
                    self.text += word;
                    self.text.push(' ');
                }
            }
        }
    }

    /// First the most likely language of all, then whether the choice between
    /// that and the expected one is clear.
    fn other_than(&self, expected: Lang) -> Option<OtherLanguage> {
        if self.letters < MIN_LETTERS {
            return None;
        }
        let likely = whatlang::detect(&self.text).filter(|likely| likely.lang() != expected)?;
        let choice = Detector::with_allowlist(vec![likely.lang(), expected]).detect(&self.text)?;
        let clear = choice.lang() == likely.lang() && choice.is_reliable();
        clear.then(|| OtherLanguage {
            name: likely.is_reliable().then(|| likely.lang().eng_name()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::{Layout, Reader};

    fn others(expected: Language, text: &str) -> Vec<bool> {
        let mut source = SourceLanguage::new(expected);
        Reader::new("test", text.as_bytes(), Layout::Lines)
            .flat_map(|part| source.others(&part.unwrap()))
            .map(|other| other.is_some())
            .collect()
    }

    #[test]
    fn texts_in_other_languages_are_told() {
        for text in [
            "The quick brown fox jumps over the lazy dog.",
            "Le chat est assis sur la table et regarde dehors.",
            "Hôm nay trời đẹp nên chúng tôi đi dạo trong công viên.",
            "Это предложение написано на русском языке.",
            "Il treno per Milano parte tra pochi minuti dal binario tre.",
        ] {
            assert_eq!(others(Language::DE, text), [true], "{text}");
        }
        let german = "Das ist ein deutscher Satz, den niemand übersetzen wollte.";
        assert_eq!(others(Language::EN, german), [true]);
    }

    #[test]
    fn a_language_is_named_when_it_is_clear() {
        let english = "The council decided that the old bridge will be replaced, and nobody \
                       knows yet who is going to pay for it.";
        let mut parts = Reader::new("test", english.as_bytes(), Layout::Lines);
        let part = parts.next().unwrap().unwrap();
        let found = SourceLanguage::new(Language::DE).others(&part);
        let name = Some("English");
        assert_eq!(found, [Some(OtherLanguage { name })]);
    }

    #[test]
    fn german_is_not_taken_for_another_language() {
        for text in [
            "Ja.",
            "Berlin",
            "Kommentar (0)",
            "Jelena Janković, Novak Đoković, Ana Ivanović, Aryna Sabalenka",
            "The New York Times, Washington Post, Wall Street Journal",
            "Anna liest gerade The Old Man and the Sea von Ernest Hemingway.",
            "Die Maple Leafs besiegten die Red Wings im Finale 1945.",
            "FC Bayern München – Real Madrid 2:1",
            "Quelle: https://www.example.com/the-quick-brown-fox-jumps-over-the-lazy-dog",
            "Wo gehst du hin?",
            "Bitte aktiviere deine neue E-Mail-Adresse",
            "Computer, Laptop, Smartphone und Tablet im Homeoffice",
            "\u{1f600} \u{1f469}\u{200d}\u{1f4bb}",
            "",
        ] {
            assert!(!others(Language::DE, text).contains(&true), "{text}");
        }
    }

    #[test]
    fn short_lines_are_judged_together() {
        let text = "Who is there?\nIt is me.\nCome on in then!\nSo what do you think?\n\
                    Not much, to be honest.\nWell, never mind.\n";
        let found = others(Language::DE, text);
        assert_eq!(found[..2], [false, false]);
        assert!(found[5], "{found:?}");
    }

    #[test]
    fn what_follows_does_not_change_what_is_said() {
        let lines = [
            "Es war einmal ein König, der hatte drei Töchter.",
            "There once was a king who had three daughters.",
            "Die jüngste war die schönste von allen.",
        ];
        let expected = [false, true, false];
        for count in 0..=3 {
            assert_eq!(
                others(Language::DE, &lines[..count].join("\n")),
                expected[..count]
            );
        }
    }

    #[test]
    fn a_language_that_is_not_known_is_not_checked() {
        let unknown = "xx".parse().unwrap();
        let text = "The quick brown fox jumps over the lazy dog.";
        assert_eq!(others(unknown, text), [false]);
    }
}
