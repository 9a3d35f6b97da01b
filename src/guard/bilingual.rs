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
    /// Of each target stem, as of source stems.
    target_constancies: Vec<u8>,
    /// Target stems and their probability per mille, entry by entry.
    translations: Vec<(u32, u16)>,
}

/// What the lexicon says of a source stem.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Whether it is one of the few that make up half of all text.
    is_frequent: bool,
    /// From 0, which most translations leave unmatched, to 8, fewer than 5 %.
    constancy: u8,
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
    /// Log-likelihood ratio that a source word is missing, by its [`Match`]:
    /// `[constancy][strength]`.
    pub(super) source_evidence: [[f32; 8]; 11],
    /// Log-likelihood ratio that a target word translates nothing of the source.
    pub(super) target_evidence: [[f32; 8]; 10],
    /// Weights of the features of a dropped clause, and the constant.
    pub(super) weights: [f32; 23],
    /// The log-odds from which on a clause is taken as dropped.
    pub(super) threshold: f32,
}

/// How well a word is matched by the other side, from 0, not at all, to 7, the
/// same word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) constancy: usize,
    pub(super) strength: usize,
}

/// What a source word may become.
#[derive(Debug)]
pub(super) struct Translations {
    pub(super) constancy: usize,
    /// Target stems and their probability per mille, each stem once.
    pub(super) of_stem: Vec<(u32, u16)>,
}

/// What stands for the constancy of a compound of known parts, and of an unknown
/// word.
const COMPOUND: usize = 9;
const UNKNOWN: usize = 10;
/// The same for a target word that is not in the lexicon.
const UNKNOWN_TARGET: u8 = 9;

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

/// Reads a lexicon and parameters; `None` if the files are damaged, which a test
/// rules out. The lexicon has lines of source stems, `stem frequent constancy
/// target probability …` with probabilities per mille, an empty one, and lines of
/// target stems, `stem constancy`.
fn read(lexicon: &[u8], parameters: &str) -> Option<Bilingual> {
    let text = String::from_utf8(zstd::decode_all(lexicon).ok()?).ok()?;
    // Read once and kept as long as the program runs.
    let text: &'static str = Box::leak(text.into_boxed_str());
    let mut bilingual = Bilingual {
        parameters: toml::from_str(parameters).ok()?,
        source: HashMap::with_capacity(text.len() / 30),
        target: HashMap::with_capacity(text.len() / 50),
        target_constancies: Vec::new(),
        translations: Vec::with_capacity(text.len() / 10),
    };
    let (sources, targets) = text.split_once("\n\n")?;
    for line in sources.lines() {
        let mut fields = line.split(' ');
        let (stem, is_frequent) = (fields.next()?, fields.next()? == "1");
        let constancy = fields.next()?.parse().ok()?;
        let first = bilingual.translations.len() as u32;
        while let (Some(target), Some(mille)) = (fields.next(), fields.next()) {
            let next = bilingual.target.len() as u32;
            let id = *bilingual.target.entry(target).or_insert(next);
            bilingual.translations.push((id, mille.parse().ok()?));
        }
        let count = bilingual.translations.len() as u32 - first;
        let entry = Entry {
            is_frequent,
            constancy,
            first,
            count,
        };
        bilingual.source.insert(stem, entry);
    }
    bilingual.target_constancies = vec![UNKNOWN_TARGET; bilingual.target.len()];
    for line in targets.lines() {
        let (stem, constancy) = line.split_once(' ')?;
        let id = *bilingual.target.get(stem)?;
        bilingual.target_constancies[id as usize] = constancy.parse().ok()?;
    }
    Some(bilingual)
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
            .map(|(_, mille)| f32::from(*mille) / 1000.0);
        Some(copied.sum())
    }

    /// A target stem's number, if the lexicon has it.
    pub(crate) fn target_number(&self, stem: &str) -> Option<u32> {
        self.target.get(stem).copied()
    }

    /// The constancy of a target stem.
    pub(super) fn target_constancy(&self, stem: Option<u32>) -> usize {
        usize::from(stem.map_or(UNKNOWN_TARGET, |stem| {
            self.target_constancies[stem as usize]
        }))
    }

    /// The numbers of the target stems that a source stem may become, and their
    /// probabilities.
    pub(crate) fn translations(&self, stem: &str) -> impl Iterator<Item = (u32, f32)> {
        let of_stem = self.renderings(stem).of_stem.into_iter();
        of_stem.map(|(id, mille)| (id, f32::from(mille) / 1000.0))
    }

    /// What a source stem may become; of a compound, what its parts may become.
    pub(super) fn renderings(&self, stem: &str) -> Translations {
        if let Some(entry) = self.source.get(stem) {
            return Translations {
                constancy: usize::from(entry.constancy),
                of_stem: self.translations_of(*entry).to_vec(),
            };
        }
        let mut of_stem: Vec<(u32, u16)> = self
            .parts(stem)
            .flat_map(|part| self.translations_of(part))
            .copied()
            .collect();
        let constancy = if of_stem.is_empty() {
            UNKNOWN
        } else {
            COMPOUND
        };
        // Of the same stem the more probable one.
        of_stem.sort_unstable_by_key(|&(id, mille)| (id, std::cmp::Reverse(mille)));
        of_stem.dedup_by_key(|(id, _)| *id);
        Translations { constancy, of_stem }
    }

    /// Whether a stem is one of the few words that make up half of all text.
    pub(super) fn is_frequent(&self, stem: &str) -> bool {
        self.source.get(stem).is_some_and(|entry| entry.is_frequent)
    }

    fn translations_of(&self, entry: Entry) -> &[(u32, u16)] {
        let first = entry.first as usize;
        &self.translations[first..first + entry.count as usize]
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
