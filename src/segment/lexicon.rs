//! The German word lists, read once from the files in `data/`.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

/// What an abbreviation lets follow its full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Abbreviation {
    /// Never ends a sentence: "Dr.", "z. B.".
    Never,
    /// Ends one only before a capitalised function word: "n. Chr.", "e. V.".
    BeforeFunctionWord,
    /// Ends one before most capitals: "usw.", "etc.".
    OftenEnds,
    /// An abbreviation only before a number, otherwise a word: "Art."
    BeforeNumber,
    /// Not the last full stop of an abbreviation in several parts: the first of "z. B.".
    Inside,
}

/// Abbreviations and what they let follow.
pub(super) type Abbreviations = HashMap<Box<str>, Abbreviation, BuildHasherDefault<WordHasher>>;

type Words<W> = HashSet<W, BuildHasherDefault<WordHasher>>;

/// FNV-1a (Fowler, Noll, Vo): for words of a few letters several times as fast as the standard
/// hash, whose protection the lists, fixed as they are, do not need.
#[derive(Clone)]
pub(super) struct WordHasher(u64);

impl Default for WordHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The word lists.
pub(super) struct Lexicon {
    abbreviations: Abbreviations,
    function_words: Words<Box<str>>,
    determiners: Words<Box<str>>,
    ordinal_prepositions: Words<&'static str>,
    ordinal_nouns: Words<&'static str>,
    numbered_nouns: Words<&'static str>,
    quantity_words: Words<&'static str>,
    weekdays: Words<&'static str>,
    names_with_marks: Words<&'static str>,
    whole_words: Words<&'static str>,
    street_endings: Vec<&'static str>,
}

static GERMAN: LazyLock<Lexicon> = LazyLock::new(|| {
    let mut abbreviations = Abbreviations::default();
    for (file, class) in [
        (
            include_str!("data/abbreviations-never.txt"),
            Abbreviation::Never,
        ),
        (
            include_str!("data/abbreviations-before-function-word.txt"),
            Abbreviation::BeforeFunctionWord,
        ),
        (
            include_str!("data/abbreviations-often-end.txt"),
            Abbreviation::OftenEnds,
        ),
        (
            include_str!("data/abbreviations-before-number.txt"),
            Abbreviation::BeforeNumber,
        ),
    ] {
        for word in entries(file) {
            add_abbreviation(&mut abbreviations, word, class);
        }
    }
    Lexicon {
        abbreviations,
        function_words: entries(include_str!("data/function_words.txt"))
            .flat_map(both_cases)
            .collect(),
        determiners: entries(include_str!("data/determiners.txt"))
            .flat_map(both_cases)
            .collect(),
        ordinal_prepositions: entries(include_str!("data/ordinal_prepositions.txt")).collect(),
        ordinal_nouns: entries(include_str!("data/ordinal_nouns.txt")).collect(),
        numbered_nouns: entries(include_str!("data/numbered_nouns.txt")).collect(),
        quantity_words: entries(include_str!("data/quantity_words.txt")).collect(),
        weekdays: entries(include_str!("data/weekdays.txt")).collect(),
        names_with_marks: entries(include_str!("data/names_with_marks.txt")).collect(),
        whole_words: entries(include_str!("data/words_without_vowel.txt")).collect(),
        street_endings: entries(include_str!("data/street_endings.txt")).collect(),
    }
});

impl Lexicon {
    /// The built-in German lists.
    pub(super) fn german() -> &'static Self {
        &GERMAN
    }

    /// The class of an abbreviation, given without spaces and without its last full stop.
    pub(super) fn abbreviation(&self, word: &str) -> Option<Abbreviation> {
        self.abbreviations.get(word).copied()
    }

    /// Whether `word` is an article, a pronoun, a preposition, …: capitalised, it opens a sentence.
    pub(super) fn is_function_word(&self, word: &str) -> bool {
        self.function_words.contains(word) || word.len() > 8 && word.ends_with("erweise")
    }

    /// Whether an ordinal is expected after `word`.
    pub(super) fn is_determiner(&self, word: &str) -> bool {
        self.determiners.contains(word)
    }

    /// Whether a small ordinal may follow `word` (lower case) without an article.
    pub(super) fn is_ordinal_preposition(&self, word: &str) -> bool {
        self.ordinal_prepositions.contains(word)
    }

    /// Whether `word` is a noun counted by ordinals, a month among them.
    pub(super) fn is_ordinal_noun(&self, word: &str) -> bool {
        self.ordinal_nouns.contains(word)
    }

    /// Whether `word` has no vowel and yet is no abbreviation: "Pkw", "hmm".
    pub(super) fn is_whole_word(&self, word: &str) -> bool {
        self.whole_words.contains(word)
    }

    /// Whether `word` is the name of a street.
    pub(super) fn is_street(&self, word: &str) -> bool {
        let is_name = word.starts_with(char::is_uppercase) || word.contains('-');
        is_name
            && self
                .street_endings
                .iter()
                .any(|end| word.ends_with(end) || word.ends_with("Str"))
    }

    /// Whether `word` is a noun that a following number or letter names: "Gleis", "Anlage".
    pub(super) fn is_numbered_noun(&self, word: &str) -> bool {
        self.numbered_nouns.contains(word)
    }

    /// Whether a cardinal is expected after `word`: "etwa", "insgesamt".
    pub(super) fn is_quantity_word(&self, word: &str) -> bool {
        self.quantity_words.contains(word)
    }

    /// Whether `word` is a name with its mark: "Yahoo!".
    pub(super) fn is_name_with_mark(&self, word: &str) -> bool {
        self.names_with_marks.contains(word)
    }

    /// Whether `word` is a day of the week.
    pub(super) fn is_weekday(&self, word: &str) -> bool {
        self.weekdays.contains(word)
    }
}

/// Adds an abbreviation, and the inner full stops of one in several parts.
pub(super) fn add_abbreviation(map: &mut Abbreviations, word: &str, class: Abbreviation) {
    for (dot, _) in word.match_indices('.').filter(|&(dot, _)| dot > 0) {
        map.entry(word[..dot].into())
            .or_insert(Abbreviation::Inside);
    }
    let slot = map.entry(word.into()).or_insert(Abbreviation::Inside);
    if *slot == Abbreviation::Inside {
        *slot = class;
    }
}

/// The white-space separated entries of a data file; `#` starts a comment.
pub(super) fn entries(file: &str) -> impl Iterator<Item = &str> {
    file.lines()
        .map(|line| match line.split_once('#') {
            Some((before, _)) => before,
            None => line,
        })
        .flat_map(str::split_whitespace)
}

fn both_cases(word: &str) -> [Box<str>; 2] {
    [word.into(), capitalised(word).into()]
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}
