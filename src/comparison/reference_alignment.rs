//! References in another segmentation than the translations: sentences are
//! aligned, and scored bead by bead.

use std::collections::BTreeSet;

use crate::alignment::{Bead, SourceSentence, align_sentences};
use crate::language::{Language, LanguagePair};
use crate::metrics::Signature;

/// Texts in a common segmentation.
#[derive(Debug, Clone, Default)]
pub struct Resegmented {
    /// For each text its segments, as many for all; the first text is the one
    /// that the others were aligned with.
    pub texts: Vec<Vec<String>>,
    /// For each text the segments of its own that each of the new ones has.
    pub origins: Vec<Vec<Vec<usize>>>,
    /// What is in no segment.
    pub unaligned: Vec<Unaligned>,
}

/// A sentence without counterpart in another text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unaligned {
    /// The text, from 0.
    pub text: usize,
    /// The segment of that text, from 0.
    pub segment: usize,
}

/// Cuts all texts where the first one and all others can be cut together.
///
/// Texts with as many segments as the first one are taken as aligned already,
/// unless `all` is set. Where a text lacks what another one has, all of them
/// lose it, so that systems are compared on the same sentences. All texts are in
/// one language.
#[must_use]
pub fn resegment(texts: &[&[String]], language: Language, all: bool) -> Resegmented {
    let Some((pivot, others)) = texts.split_first() else {
        return Resegmented::default();
    };
    let alignments: Vec<Vec<Bead>> = others
        .iter()
        .map(|text| {
            if text.len() == pivot.len() && !all {
                one_to_one(pivot.len())
            } else {
                align_in_one_language(text, pivot, language)
            }
        })
        .collect();
    let mut result = Resegmented {
        texts: vec![Vec::new(); texts.len()],
        origins: vec![Vec::new(); texts.len()],
        unaligned: Vec::new(),
    };
    let mut start = 0;
    for end in common_cuts(pivot.len(), &alignments) {
        let mut origins = vec![(start..end).collect::<Vec<usize>>()];
        origins.extend(
            alignments
                .iter()
                .map(|beads| counterparts(beads, start, end)),
        );
        if origins.iter().all(|segments| !segments.is_empty()) {
            for (text, segments) in origins.iter().enumerate() {
                result.texts[text].push(joined(texts[text], segments));
            }
            for (all, segments) in result.origins.iter_mut().zip(origins) {
                all.push(segments);
            }
        }
        start = end;
    }
    result.unaligned = unaligned(texts, &result.origins);
    result
}

/// What says in a signature that references were aligned.
#[must_use]
pub fn alignment_signature() -> Signature {
    Signature::default().with("refalign", "ra", "sentences")
}

fn align_in_one_language(text: &[String], pivot: &[String], language: Language) -> Vec<Bead> {
    let sentence = |text| SourceSentence {
        text,
        translation: "",
    };
    let text: Vec<SourceSentence> = text.iter().map(|text| sentence(text)).collect();
    let pivot: Vec<&str> = pivot.iter().map(String::as_str).collect();
    align_sentences(&text, &pivot, LanguagePair::new(language, language))
}

fn one_to_one(segments: usize) -> Vec<Bead> {
    (0..segments)
        .map(|segment| Bead {
            source: segment..segment + 1,
            target: segment..segment + 1,
            cost: 0.0,
        })
        .collect()
}

/// Ends of segments of the first text at which a bead of each other one ends.
fn common_cuts(segments: usize, alignments: &[Vec<Bead>]) -> Vec<usize> {
    let mut cuts: BTreeSet<usize> = (1..=segments).collect();
    for beads in alignments {
        let ends: BTreeSet<usize> = beads.iter().map(|bead| bead.target.end).collect();
        cuts.retain(|cut| ends.contains(cut));
    }
    cuts.into_iter().collect()
}

/// The segments of a text that are aligned with a part of the first one.
fn counterparts(beads: &[Bead], start: usize, end: usize) -> Vec<usize> {
    beads
        .iter()
        .filter(|bead| !bead.is_gap() && start <= bead.target.start && bead.target.end <= end)
        .flat_map(|bead| bead.source.clone())
        .collect()
}

fn joined(text: &[String], segments: &[usize]) -> String {
    let texts: Vec<&str> = segments
        .iter()
        .map(|&segment| text[segment].as_str())
        .collect();
    texts.join(" ")
}

/// The segments of each text that are in none of the new ones.
fn unaligned(texts: &[&[String]], origins: &[Vec<Vec<usize>>]) -> Vec<Unaligned> {
    let mut unaligned = Vec::new();
    for (text, (segments, origins)) in texts.iter().zip(origins).enumerate() {
        let used: BTreeSet<usize> = origins.iter().flatten().copied().collect();
        let lost = (0..segments.len()).filter(|segment| !used.contains(segment));
        unaligned.extend(lost.map(|segment| Unaligned { text, segment }));
    }
    unaligned
}
