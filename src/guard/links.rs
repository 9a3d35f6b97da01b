//! Which words of a pair translate which, by the lexicon.
//!
//! Each target word goes to the one source word that it translates best
//! ("competitive linking", Melamed 1997, without its order), those at about the
//! same place of the sentence first: what another word explains already is no
//! translation of a word whose own one is missing.

use std::collections::HashMap;

use super::bilingual::{Bilingual, Match};
use super::words::{Side, Word, is_cognate, start};

/// The probability, per mille, of a word that is the same on both sides.
const SAME: u16 = 2000;
/// From these probabilities on a match has strength 1 to 7.
const STRENGTHS: [u16; 7] = [1, 10, 30, 100, 250, 500, SAME];

/// How well each word of both sides is matched.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) source: Vec<Match>,
    pub(super) target: Vec<Match>,
}

/// What a target word translates.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    source: usize,
    /// Probability per mille.
    mille: u16,
    /// Probability, less for words that are far apart; 0: no link.
    score: f64,
}

impl Links {
    /// Takes time in proportion to the words of both sides.
    pub(super) fn new(source: &Side, target: &Side, bilingual: &Bilingual) -> Self {
        let sources = Places::of(&source.words);
        let targets = Places::of(&target.words);
        let by_start = targets.by_start();
        let by_number: HashMap<u32, &Vec<usize>> = targets
            .0
            .iter()
            .filter_map(|(stem, places)| Some((bilingual.target_number(stem)?, places)))
            .collect();
        let counts = (source.words.len(), target.words.len());
        let mut links = vec![Link::default(); counts.1];
        let mut constancies = vec![0; counts.0];
        for (stem, places) in &sources.0 {
            let translations = bilingual.renderings(stem);
            for &place in places {
                constancies[place] = translations.constancy;
            }
            let known = translations
                .of_stem
                .iter()
                .filter_map(|(number, mille)| Some((*by_number.get(number)?, *mille)));
            let same = targets.0.get(stem).map(|places| (places, SAME));
            let cognates = start(stem)
                .and_then(|start| by_start.get(start))
                .into_iter()
                .flatten()
                .filter(|(other, _)| is_cognate(stem, other))
                .map(|&(_, places)| (places, SAME));
            for (target_places, mille) in known.chain(same).chain(cognates) {
                for &target_place in target_places {
                    let link = nearest(places, target_place, counts, mille);
                    links[target_place].improve(link);
                }
            }
        }
        Self {
            source: of_source(&links, &constancies, target),
            target: links
                .iter()
                .zip(&target.words)
                .map(|(link, word)| Match {
                    constancy: bilingual.target_constancy(bilingual.target_number(&word.stem)),
                    strength: strength(link.mille),
                })
                .collect(),
        }
    }
}

/// Where each stem of a side stands, in order.
struct Places<'a>(HashMap<&'a str, Vec<usize>>);

impl<'a> Places<'a> {
    fn of(words: &'a [Word]) -> Self {
        let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, word) in words.iter().enumerate() {
            places.entry(&word.stem).or_default().push(place);
        }
        Self(places)
    }

    /// The stems by their first letters.
    fn by_start(&self) -> HashMap<&'a str, Vec<(&'a str, &Vec<usize>)>> {
        let mut all: HashMap<&str, Vec<(&str, &Vec<usize>)>> = HashMap::new();
        for (stem, places) in &self.0 {
            if let Some(start) = start(stem) {
                all.entry(start).or_default().push((stem, places));
            }
        }
        all
    }
}

impl Link {
    /// Keeps the better of two; of equal ones that to the earlier source word.
    fn improve(&mut self, other: Self) {
        let earlier = self.source.cmp(&other.source);
        if other.score.total_cmp(&self.score).then(earlier).is_gt() {
            *self = other;
        }
    }
}

/// The link to the nearest of some source words.
fn nearest(places: &[usize], target: usize, counts: (usize, usize), mille: u16) -> Link {
    let at = target as f64 / counts.1 as f64;
    let behind = places.partition_point(|&place| (place as f64 / counts.0 as f64) < at);
    let mut best = Link::default();
    for &source in &places[behind.saturating_sub(1)..(behind + 1).min(places.len())] {
        let near = 1.0 - (source as f64 / counts.0 as f64 - at).abs();
        best.improve(Link {
            source,
            mille,
            score: f64::from(mille) * near * near,
        });
    }
    best
}

/// The match of each source word: the sum of what its links make probable.
fn of_source(links: &[Link], constancies: &[usize], target: &Side) -> Vec<Match> {
    let mut found: Vec<Vec<(&str, u16)>> = vec![Vec::new(); constancies.len()];
    for (link, word) in links.iter().zip(&target.words) {
        if link.score > 0.0 {
            found[link.source].push((&word.stem, link.mille));
        }
    }
    let of_word = |(stems, &constancy): (&mut Vec<(&str, u16)>, &usize)| {
        stems.sort_unstable();
        stems.dedup_by_key(|(stem, _)| *stem);
        let is_same = stems.iter().any(|(_, mille)| *mille == SAME);
        let sum: u32 = stems.iter().map(|(_, mille)| u32::from(*mille)).sum();
        let mille = if is_same {
            SAME
        } else {
            sum.min(u32::from(SAME - 1)) as u16
        };
        Match {
            constancy,
            strength: strength(mille),
        }
    };
    found.iter_mut().zip(constancies).map(of_word).collect()
}

fn strength(mille: u16) -> usize {
    STRENGTHS.iter().filter(|&&bound| mille >= bound).count()
}
