//! What is known of a pair of languages: which words translate which, how long
//! translations are, and how a translation that lacks a clause looks.
//!
//! Learnt by `scripts/guard/train.py` from `../shared/data/parallel`; the files
//! in `data` hold stems and probabilities, no text.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::language::{Language, LanguagePair};

/// No compound part that is shorter is looked for (characters).
const SHORTEST_PART: usize = 4;

/// A pair's lexicon and parameters.
#[derive(Debug)]
pub(crate) struct Bilingual {
    pub(super) parameters: Parameters,
    source: HashMap<&'static str, Entry>,
    target: HashMap<&'static str, u32>,
    /// Target stems and their probability, entry by entry.
    translations: Vec<(u32, f32)>,
}

/// What the lexicon says of a source stem.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// From 0, more than one word in fifty, to 3, fewer than one in 5,000.
    rarity: u8,
    first: u32,
    count: u32,
}

/// What `scripts/guard/train.py` fitted.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Parameters {
    /// Expected characters of the target: for each character, word, frequent
    /// word and comma of the source, and for nothing.
    pub(super) length: [f32; 5],
    /// Standard deviation of the logarithm of what is longer than expected, by
    /// expected length: `deviation[0] + deviation[1] / sqrt(length)`.
    pub(super) deviation: [f32; 2],
    /// Log-likelihood ratio that a source word is missing: `[rarity][match]`.
    pub(super) evidence: [[f32; 7]; 6],
    /// Weights of the features of a dropped clause, and the constant.
    pub(super) weights: [f32; 8],
    /// The log-odds from which on a clause is taken as dropped.
    pub(super) threshold: f32,
}

/// How well a source word is matched by the target, from 0, not at all, to 6,
/// the same word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    pub(super) rarity: usize,
    pub(super) strength: usize,
}

/// The rarity of a compound of known parts, and of an unknown word.
const COMPOUND: usize = 4;
const UNKNOWN: usize = 5;

static PAIRS: LazyLock<[(LanguagePair, LazyLock<Option<Bilingual>>); 3]> = LazyLock::new(|| {
    [
        (
            LanguagePair::new(Language::DE, Language::EN),
            LazyLock::new(|| {
                read(
                    include_bytes!("data/lexicon.de-en.zst"),
                    include_str!("data/parameters.de-en.toml"),
                )
            }),
        ),
        (
            LanguagePair::new(Language::DE, Language::VI),
            LazyLock::new(|| {
                read(
                    include_bytes!("data/lexicon.de-vi.zst"),
                    include_str!("data/parameters.de-vi.toml"),
                )
            }),
        ),
        (
            LanguagePair::new(Language::EN, Language::VI),
            LazyLock::new(|| {
                read(
                    include_bytes!("data/lexicon.en-vi.zst"),
                    include_str!("data/parameters.en-vi.toml"),
                )
            }),
        ),
    ]
});

/// Reads a lexicon, `stem rarity target probability …` lines with probabilities
/// in per cent, and parameters; `None` if the files are damaged, which a test
/// rules out.
fn read(lexicon: &[u8], parameters: &str) -> Option<Bilingual> {
    let text = String::from_utf8(zstd::decode_all(lexicon).ok()?).ok()?;
    // Read once and kept as long as the program runs.
    let text: &'static str = Box::leak(text.into_boxed_str());
    let mut bilingual = Bilingual {
        parameters: toml::from_str(parameters).ok()?,
        source: HashMap::with_capacity(text.len() / 30),
        target: HashMap::with_capacity(text.len() / 50),
        translations: Vec::with_capacity(text.len() / 10),
    };
    for line in text.lines() {
        let mut fields = line.split(' ');
        let (stem, rarity) = (fields.next()?, fields.next()?.parse().ok()?);
        let first = bilingual.translations.len() as u32;
        while let (Some(target), Some(percent)) = (fields.next(), fields.next()) {
            let next = bilingual.target.len() as u32;
            let id = *bilingual.target.entry(target).or_insert(next);
            let percent: f32 = percent.parse().ok()?;
            bilingual.translations.push((id, percent / 100.0));
        }
        let count = bilingual.translations.len() as u32 - first;
        bilingual.source.insert(
            stem,
            Entry {
                rarity,
                first,
                count,
            },
        );
    }
    Some(bilingual)
}

/// The stems of a target sentence, as ids where the lexicon knows them.
#[derive(Debug)]
pub(super) struct TargetStems<'a> {
    stems: Vec<&'a str>,
    known: Vec<u32>,
}

impl Bilingual {
    /// What is known of a pair; `None` for other pairs than those of the catalogue.
    pub(crate) fn of(pair: LanguagePair) -> Option<&'static Self> {
        let (_, bilingual) = PAIRS.iter().find(|(known, _)| *known == pair)?;
        bilingual.as_ref()
    }

    /// The probability that a stem is translated by itself, `lower` being the
    /// word it comes from; `None` for a stem that is not in the lexicon.
    pub(super) fn probability(&self, stem: &str, lower: &str) -> Option<f32> {
        let entry = self.source.get(stem)?;
        let translations = self.translations_of(*entry);
        let target_stem = super::words::stem(lower, Language::EN);
        let ids = [stem, lower, &target_stem].map(|form| self.target.get(form));
        let copied = translations
            .iter()
            .filter(|(id, _)| ids.contains(&Some(id)))
            .map(|(_, probability)| probability);
        Some(copied.sum())
    }

    /// The number of a target stem.
    pub(crate) fn target_number(&self, stem: &str) -> Option<u32> {
        self.target.get(stem).copied()
    }

    /// The numbers of the target stems that translate a source stem, or the parts
    /// of a compound, and their probabilities.
    pub(crate) fn translations(&self, stem: &str) -> impl Iterator<Item = (u32, f32)> {
        let known = self.source.get(stem).copied();
        let parts = known.is_none().then(|| self.parts(stem));
        let entries = known.into_iter().chain(parts.into_iter().flatten());
        entries.flat_map(|entry| self.translations_of(entry).iter().copied())
    }

    pub(super) fn target_stems<'a>(&self, stems: impl Iterator<Item = &'a str>) -> TargetStems<'a> {
        let stems: Vec<&str> = stems.collect();
        let mut known: Vec<u32> = stems
            .iter()
            .filter_map(|stem| self.target.get(stem).copied())
            .collect();
        known.sort_unstable();
        known.dedup();
        TargetStems { stems, known }
    }

    /// How well the target matches a source stem.
    pub(super) fn matched(&self, stem: &str, target: &TargetStems) -> Match {
        let entry = self.source.get(stem);
        let (rarity, probability) = match entry {
            Some(entry) => (entry.rarity as usize, self.mass(*entry, target)),
            None => self
                .parts(stem)
                .map(|part| self.mass(part, target))
                .reduce(f32::max)
                .map_or((UNKNOWN, 0.0), |mass| (COMPOUND, mass)),
        };
        let strength = if target.stems.iter().any(|other| is_cognate(stem, other)) {
            6
        } else {
            [0.0, 0.03, 0.1, 0.25, 0.5]
                .iter()
                .filter(|&&bound| probability > 0.0 && probability >= bound)
                .count()
        };
        Match { rarity, strength }
    }

    /// Whether a stem is one of the few words that make up half of all text.
    pub(super) fn is_frequent(&self, stem: &str) -> bool {
        self.source.get(stem).is_some_and(|entry| entry.rarity == 0)
    }

    fn translations_of(&self, entry: Entry) -> &[(u32, f32)] {
        let first = entry.first as usize;
        &self.translations[first..first + entry.count as usize]
    }

    /// The probability of the translations that stand in the target.
    fn mass(&self, entry: Entry, target: &TargetStems) -> f32 {
        self.translations_of(entry)
            .iter()
            .filter(|(id, _)| target.known.binary_search(id).is_ok())
            .map(|(_, probability)| probability)
            .sum()
    }

    /// The longest known end and the longest known start of a compound.
    fn parts(&self, stem: &str) -> impl Iterator<Item = Entry> {
        let places: Vec<usize> = stem
            .char_indices()
            .skip(SHORTEST_PART - 1)
            .map(|(offset, _)| offset)
            .collect();
        let places = &places[..places.len().saturating_sub(SHORTEST_PART - 1)];
        let end = places.iter().find_map(|&at| self.source.get(&stem[at..]));
        let start = places
            .iter()
            .rev()
            .find_map(|&at| self.source.get(&stem[..at]));
        end.into_iter().chain(start).copied()
    }
}

/// The same word, or words that start alike: names and their adjectives.
pub(crate) fn is_cognate(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    if a.as_bytes().first() != b.as_bytes().first() || a.len() < 4 {
        return false;
    }
    let alike = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let longer = a.chars().count().max(b.chars().count());
    alike >= 4 && alike * 10 >= longer * 6
}
