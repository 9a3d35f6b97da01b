//! Sentence alignment of a text and its translation.
//!
//! Beads are found by dynamic programming (Gale and Church 1993, "A Program for
//! Aligning Sentences in Bilingual Corpora") over the evidence of words and
//! lengths. Of the words, a machine translation of the source says much, as in
//! Bleualign (Sennrich and Volk 2010, "MT-based Sentence Alignment for
//! OCR-generated Parallel Texts"), and a lexicon what that has lost. Long texts
//! are aligned from coarse to fine in a band, as in Vecalign (Thompson and Koehn
//! 2019, "Vecalign: Improved Sentence Alignment in Linear Time and Space"), with
//! tf-idf vectors in place of sentence embeddings.

use std::ops::Range;

use super::band::{Band, Table, shortest_path};
use super::evidence::{Evidence, Overlaps, SourceSentence, Trust};
use super::text_vectors::TextVectors;
use crate::language::LanguagePair;

/// Sentences of a bead on one side.
pub(super) const MOST_SENTENCES: usize = 4;

/// Sentences of a bead on both sides.
const MOST_OF_BOTH: usize = 5;

/// Up to this many cells, all of the table is searched.
const FULL_TABLE: usize = 1 << 16;

// The costs are logarithms of odds. They were tuned on the even documents of
// NTREX-128, joined, cut and dropped with two seeds, by a random search
// (CONTRIBUTING.md says what scripts/bench_sentence_aligners.py finds on others).

/// Cost of a sentence without counterpart.
const GAP: f32 = 3.4;
/// The same while it is not yet known how freely the text is translated.
const FIRST_GAP: f32 = 9.0;
/// Cost of a bead of one sentence and two,
const ONE_TO_TWO: f32 = 2.25;
/// of one and three,
const ONE_TO_THREE: f32 = 4.5;
/// of two and two,
const TWO_TO_TWO: f32 = 4.0;
/// and of more.
const MORE: f32 = 9.0;
/// Weight of the evidence of lengths.
const LENGTH_WEIGHT: f32 = 1.33;
/// Variance of the logarithm of the ratio of lengths: of translations,
const VARIANCE: f32 = 0.014;
/// of other sentences,
const VARIANCE_OF_OTHERS: f32 = 0.28;
/// and what is added to both for short sentences, by their characters.
const VARIANCE_OF_SHORT: f32 = 2.2;

/// Sentences that translate each other; in a gap one side is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Bead {
    /// Sentences of the source, from 0.
    pub source: Range<usize>,
    /// Sentences of the target, from 0.
    pub target: Range<usize>,
    /// The share of words that have no counterpart on the other side, from 0 to
    /// 1; 1 for a gap.
    pub cost: f32,
}

impl Bead {
    /// Whether one side is empty.
    #[must_use]
    pub fn is_gap(&self) -> bool {
        self.source.is_empty() || self.target.is_empty()
    }
}

/// The beads of up to four sentences a side, and the gaps, that cover both
/// texts in order.
///
/// The time is linear in the number of sentences, apart from a logarithm.
#[must_use]
pub fn align_sentences(
    source: &[SourceSentence],
    target: &[&str],
    languages: LanguagePair,
) -> Vec<Bead> {
    let band = band(source, target);
    let texts = Texts::new(source, target, languages);
    let first = texts.beads(&band, FIRST_GAP, Trust::default());
    let pairs: Vec<_> = first.into_iter().filter(|bead| !is_gap(bead)).collect();
    let trust = texts.evidence.trust(&pairs);
    texts
        .beads(&band, GAP, trust)
        .into_iter()
        .map(|bead| Bead {
            source: bead.0.clone(),
            target: bead.1.clone(),
            cost: if is_gap(&bead) {
                1.0
            } else {
                texts.evidence.unmatched(bead, trust)
            },
        })
        .collect()
}

/// The sentences of a bead on either side.
type Ranges = (Range<usize>, Range<usize>);

fn is_gap((source, target): &Ranges) -> bool {
    source.is_empty() || target.is_empty()
}

/// What is known of two texts.
struct Texts {
    evidence: Evidence,
    /// Letters and digits before each sentence, and all, of both texts.
    lengths: [Vec<f32>; 2],
}

impl Texts {
    fn new(source: &[SourceSentence], target: &[&str], languages: LanguagePair) -> Self {
        let source_texts = source.iter().map(|sentence| sentence.text);
        Self {
            evidence: Evidence::new(source, target, languages),
            lengths: [
                sums(source_texts.map(letters)),
                sums(target.iter().map(|text| letters(text))),
            ],
        }
    }

    /// The cheapest beads, each gap at the same cost.
    fn beads(&self, band: &Band, gap: f32, trust: Trust) -> Vec<Ranges> {
        let sentences = self.lengths[1].len() - 1;
        let mut overlaps = Overlaps::default();
        let mut rows = 0;
        let path = shortest_path(band, |row, column, relax| {
            if rows < row {
                // A bead may begin or end outside of the band of this row.
                let columns = band.columns(row);
                let first = columns.start.saturating_sub(MOST_SENTENCES);
                let targets = first..(columns.end + MOST_SENTENCES).min(sentences);
                self.evidence.add_row(row - 1, targets, &mut overlaps);
                rows = row;
            }
            if row > 0 {
                relax((1, 0), gap);
            }
            if column > 0 {
                relax((0, 1), gap);
            }
            for n in 1..=row.min(MOST_SENTENCES) {
                for m in 1..=column.min(MOST_SENTENCES).min(MOST_OF_BOTH - n) {
                    let bead = (row - n..row, column - m..column);
                    let evidence = self.evidence.of_bead(bead.clone(), &overlaps, trust)
                        + LENGTH_WEIGHT * self.of_lengths(bead);
                    relax((n, m), prior(n, m) - evidence);
                }
            }
        });
        path.windows(2)
            .map(|corners| {
                let ((top, left), (bottom, right)) = (corners[0], corners[1]);
                (top..bottom, left..right)
            })
            .collect()
    }

    /// How much more likely the ratio of lengths is for translations than for
    /// other sentences, as a logarithm.
    fn of_lengths(&self, (sources, targets): Ranges) -> f32 {
        let between = |sums: &[f32], range: Range<usize>| sums[range.end] - sums[range.start];
        let all = |sums: &[f32]| sums[sums.len() - 1];
        let [source_sums, target_sums] = &self.lengths;
        let source = between(source_sums, sources) * all(target_sums) / all(source_sums);
        let target = between(target_sums, targets);
        let difference = (target / source).ln();
        let of_short = VARIANCE_OF_SHORT / f32::midpoint(source, target);
        let log_density = |variance: f32| -0.5 * (difference.powi(2) / variance + variance.ln());
        log_density(VARIANCE + of_short) - log_density(VARIANCE_OF_OTHERS + of_short)
    }
}

/// The cost of a bead by its numbers of sentences.
fn prior(n: usize, m: usize) -> f32 {
    match (n, m) {
        (1, 1) => 0.0,
        (1, 2) | (2, 1) => ONE_TO_TWO,
        (1, 3) | (3, 1) => ONE_TO_THREE,
        (2, 2) => TWO_TO_TWO,
        _ => MORE,
    }
}

/// Letters and digits, and one more, so that no sentence is without length.
fn letters(text: &str) -> f32 {
    1.0 + text.chars().filter(|c| c.is_alphanumeric()).count() as f32
}

/// Sums before each value, and of all.
fn sums(values: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut sums = vec![0.0];
    for value in values {
        sums.push(sums[sums.len() - 1] + value);
    }
    sums
}

/// The part of the table that is searched: all of it, or the surroundings of the
/// best path through blocks of sentences.
fn band(source: &[SourceSentence], target: &[&str]) -> Band {
    if source.len() * target.len() <= FULL_TABLE {
        return Band::full(source.len(), target.len());
    }
    // Names and numbers that a translation lost are still in the original.
    let compared = source
        .iter()
        .map(|sentence| format!("{} {}", sentence.translation, sentence.text));
    let mut levels = vec![TextVectors::of_pair(&compared.collect::<Vec<_>>(), target)];
    let mut lengths = vec![(source.len(), target.len())];
    let cells = |(sources, targets): (usize, usize)| sources * targets;
    while cells(lengths[lengths.len() - 1]) > FULL_TABLE {
        let (source, target) = &levels[levels.len() - 1];
        let coarser = (source.coarser(), target.coarser());
        lengths.push((coarser.0.len(), coarser.1.len()));
        levels.push(coarser);
    }
    let (sources, targets) = lengths[lengths.len() - 1];
    let mut band = Band::full(sources, targets);
    for level in (1..levels.len()).rev() {
        let path = block_path(&levels[level].0, &levels[level].1, &band);
        let (sources, targets) = lengths[level - 1];
        band = Band::around(&path, sources, targets);
    }
    band
}

/// The dot products of the sentences whose lower right corner a cell is: cell
/// `(i, j)` is for sentences `i - 1` and `j - 1`.
fn dot_products<'b>(source: &TextVectors, target: &TextVectors, band: &'b Band) -> Table<'b, f32> {
    let mut products = Table::new(band, 0.0);
    let mut weights = vec![0.0; source.features()];
    for row in 1..=source.len() {
        source.write(row - 1, &mut weights);
        for column in band.columns(row) {
            if column > 0 {
                products.set(row, column, target.dot(column - 1, &weights));
            }
        }
        source.erase(row - 1, &mut weights);
    }
    products
}

/// The corners of the path through pairs of blocks that are more similar than
/// blocks are on average, with free gaps.
fn block_path(source: &TextVectors, target: &TextVectors, band: &Band) -> Vec<(usize, usize)> {
    let norms = |text: &TextVectors| (0..text.len()).map(|at| text.norm(at)).collect();
    let (source_norms, target_norms): (Vec<f32>, Vec<f32>) = (norms(source), norms(target));
    let mut cosines = dot_products(source, target, band);
    let (mut sum, mut count) = (0.0_f64, 0_u32);
    for row in 1..=source.len() {
        for column in band.columns(row).filter(|&column| column > 0) {
            let norms = source_norms[row - 1] * target_norms[column - 1];
            let cosine = cosines.get(row, column).unwrap_or(0.0) / norms;
            cosines.set(row, column, cosine);
            sum += f64::from(cosine);
            count += 1;
        }
    }
    let average = (sum / f64::from(count.max(1))) as f32;
    shortest_path(band, |row, column, relax| {
        relax((1, 0), 0.0);
        relax((0, 1), 0.0);
        if let Some(cosine) = cosines.get(row, column) {
            relax((1, 1), average - cosine);
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::language::Language;

    const SENTENCES: [&str; 8] = [
        "The council meets in Hanoi on Monday.",
        "Nobody expected the old bridge to fall.",
        "Seventeen farmers sold their apples at the market.",
        "Her grandmother wrote long letters about the sea.",
        "A train with two hundred passengers stood still in the snow.",
        "The minister refused to answer any questions.",
        "Cheap paper is what newspapers are printed on.",
        "At night one hears the owls in the forest.",
    ];

    /// Two texts in one language.
    fn align(source: &[impl AsRef<str>], target: &[impl AsRef<str>]) -> Vec<Bead> {
        let source: Vec<SourceSentence> = source
            .iter()
            .map(|text| SourceSentence {
                text: text.as_ref(),
                translation: "",
            })
            .collect();
        let target: Vec<&str> = target.iter().map(AsRef::as_ref).collect();
        align_sentences(
            &source,
            &target,
            LanguagePair::new(Language::EN, Language::EN),
        )
    }

    fn spans(beads: &[Bead]) -> Vec<(Range<usize>, Range<usize>)> {
        beads
            .iter()
            .map(|bead| (bead.source.clone(), bead.target.clone()))
            .collect()
    }

    #[test]
    fn a_text_is_aligned_with_itself_sentence_by_sentence_at_little_cost() {
        let beads = align(&SENTENCES, &SENTENCES);
        let expected: Vec<_> = (0..8).map(|at| (at..at + 1, at..at + 1)).collect();
        assert_eq!(spans(&beads), expected);
        // What few words there are by chance is forgiven; a gap has 1.
        assert!(beads.iter().all(|bead| bead.cost < 0.2), "{beads:?}");
    }

    #[test]
    fn joined_cut_and_missing_sentences_are_found() {
        // 0+1 joined, 2 missing, 3 cut, the rest as it was, a new one at the end.
        let joined = format!("{} {}", SENTENCES[0], SENTENCES[1]);
        let mut target = vec![
            joined.as_str(),
            "Her grandmother wrote",
            "long letters about the sea.",
        ];
        target.extend(&SENTENCES[4..]);
        target.push("Subscribe to our letter.");
        let expected = [
            (0..2, 0..1),
            (2..3, 1..1),
            (3..4, 1..3),
            (4..5, 3..4),
            (5..6, 4..5),
            (6..7, 5..6),
            (7..8, 6..7),
            (8..8, 7..8),
        ];
        assert_eq!(spans(&align(&SENTENCES, &target)), expected);
    }

    #[test]
    fn an_empty_text_is_all_gap() {
        let none: [&str; 0] = [];
        assert!(align(&none, &none).is_empty());
        let beads = align(&none, &SENTENCES[..2]);
        assert_eq!(spans(&beads), [(0..0, 0..1), (0..0, 1..2)]);
        assert!(align(&["", ""], &["", "a"]).len() >= 2);
    }

    #[test]
    fn a_passage_missing_from_a_long_text_is_found_through_the_coarse_levels() {
        let text: Vec<String> = (0..2000_u32)
            .map(|at| {
                let word = |salt: u32| at.wrapping_add(salt).wrapping_mul(2_654_435_761) % 5003;
                format!("w{} x{} y{} and the", word(1), word(7), word(31))
            })
            .collect();
        let (before, after) = (&text[..700], &text[1100..]);
        let shortened: Vec<&String> = before.iter().chain(after).collect();
        let beads = align(&text, &shortened);
        let expected: Vec<_> = (0..2000)
            .map(|at| match at {
                0..700 => (at..at + 1, at..at + 1),
                700..1100 => (at..at + 1, 700..700),
                _ => (at..at + 1, at - 400..at - 399),
            })
            .collect();
        assert_eq!(spans(&beads), expected);
    }

    proptest! {
        #[test]
        fn beads_cover_both_texts_in_order(
            source in prop::collection::vec("[a-e ]{0,12}", 0..40),
            target in prop::collection::vec("[a-e ]{0,12}", 0..40),
        ) {
            let (mut row, mut column) = (0, 0);
            for bead in align(&source, &target) {
                prop_assert_eq!((bead.source.start, bead.target.start), (row, column));
                prop_assert!(bead.source.len() <= 4 && bead.target.len() <= 4);
                prop_assert!(bead.source.len() + bead.target.len() > 0);
                prop_assert!(bead.cost.is_finite());
                (row, column) = (bead.source.end, bead.target.end);
            }
            prop_assert_eq!((row, column), (source.len(), target.len()));
        }
    }
}
