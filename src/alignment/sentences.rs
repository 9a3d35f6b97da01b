//! Sentence alignment of two texts in one language, such as a machine
//! translation of the source and a human translation of it.
//!
//! Beads are found by dynamic programming (Gale and Church 1993, "A Program for
//! Aligning Sentences in Bilingual Corpora") over the similarity of machine
//! translation and target, as in Bleualign (Sennrich and Volk 2010, "MT-based
//! Sentence Alignment for OCR-generated Parallel Texts"); from coarse to fine in
//! a band, with costs that grow with the sentences of a bead, as in Vecalign
//! (Thompson and Koehn 2019, "Vecalign: Improved Sentence Alignment in Linear
//! Time and Space"). Tf-idf vectors of words and character n-grams stand in
//! place of sentence embeddings.

use std::ops::Range;

use super::band::{Band, Table, shortest_path};
use super::text_vectors::{MOST_SENTENCES, TextVectors};

/// Up to this many cells, all of the table is searched.
const FULL_TABLE: usize = 1 << 16;

// Tuned on made documents of NTREX-128 (seed 1 of
// scripts/bench_sentence_aligners.py, which reports another seed).

/// Cost of a gap as long as the average sentence, where the two texts agree.
const GAP: f32 = 0.3;
/// Added to that where they have nothing in common: behind a weak translation,
/// a low similarity is no sign of a gap.
const GAP_OF_WEAK_TRANSLATION: f32 = 0.45;
/// Weight of the relative difference in length.
const LENGTH_WEIGHT: f32 = 0.5;
/// Exponent of the number of pairs of sentences in a bead.
const PAIRS_EXPONENT: f32 = 0.75;
/// Cost of each sentence of a bead beyond one on either side.
const MERGE: f32 = 0.1;

/// Sentences that translate each other; in a gap one side is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Bead {
    /// Sentences of the source, from 0.
    pub source: Range<usize>,
    /// Sentences of the target, from 0.
    pub target: Range<usize>,
    /// From 0 (the same text) to some 1.5 for a pair, more for more sentences;
    /// 0.3 to 0.75 for a gap of average length.
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
/// `source` and `target` are compared word by word, so they must be in one
/// language. Where `source` is a translation, it helps to append the original
/// of each sentence, whose names and numbers a weak translation may have lost.
/// The time is linear in the number of sentences, apart from a logarithm.
#[must_use]
pub fn align_sentences(source: &[impl AsRef<str>], target: &[impl AsRef<str>]) -> Vec<Bead> {
    let (mut source, mut target) = TextVectors::of_pair(source, target);
    let mut finer = Vec::new();
    while source.len() * target.len() > FULL_TABLE {
        let coarser = (source.coarser(), target.coarser());
        finer.push((source, target));
        (source, target) = coarser;
    }
    let mut band = Band::full(source.len(), target.len());
    while let Some(level) = finer.pop() {
        let path = block_path(&source, &target, &band);
        (source, target) = level;
        band = Band::around(&path, source.len(), target.len());
    }
    beads(&source, &target, &band)
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
    let mut cosines = dot_products(source, target, band);
    let (mut sum, mut count) = (0.0_f64, 0_u32);
    for row in 1..=source.len() {
        for column in band.columns(row).filter(|&column| column > 0) {
            let norms = source.norm(row - 1, 1) * target.norm(column - 1, 1);
            let cosine = cosines.get(row, column).unwrap_or(0.0) / norms;
            cosines.set(row, column, cosine);
            sum += f64::from(cosine);
            count += 1;
        }
    }
    let average = (sum / f64::from(count.max(1))) as f32;
    let path = shortest_path(band, |row, column, relax| {
        relax((1, 0), 0.0);
        relax((0, 1), 0.0);
        if let Some(cosine) = cosines.get(row, column) {
            relax((1, 1), average - cosine);
        }
    });
    path.into_iter().map(|corner| corner.at).collect()
}

/// The cheapest beads.
fn beads(source: &TextVectors, target: &TextVectors, band: &Band) -> Vec<Bead> {
    let products = dot_products(source, target, band);
    let average_length = (target.length(0, target.len()) / target.len().max(1) as f32).max(1.0);
    let source_length = source.length(0, source.len()).max(1.0);
    let ratio = target.length(0, target.len()) / source_length;
    // In sentences of average length, as long as the target has them.
    let source_length = |at, count| ratio * source.length(at, count) / average_length;
    let target_length = |at, count| target.length(at, count) / average_length;
    let gap = GAP + GAP_OF_WEAK_TRANSLATION * (1.0 - best_cosines(source, target, &products));
    let gap = |length: f32| gap * f32::midpoint(length, 1.0);
    let path = shortest_path(band, |row, column, relax| {
        if row > 0 {
            relax((1, 0), gap(source_length(row - 1, 1)));
        }
        if column > 0 {
            relax((0, 1), gap(target_length(column - 1, 1)));
        }
        let mut of_columns = [0.0; MOST_SENTENCES];
        for n in 1..=row.min(MOST_SENTENCES) {
            let mut product = 0.0;
            for m in 1..=column.min(MOST_SENTENCES) {
                of_columns[m - 1] += products.get(row - n + 1, column - m + 1).unwrap_or(0.0);
                product += of_columns[m - 1];
                let norms = source.norm(row - n, n) * target.norm(column - m, m);
                let lengths = (source_length(row - n, n), target_length(column - m, m));
                relax((n, m), bead_cost((n, m), product / norms, lengths));
            }
        }
    });
    path.windows(2)
        .map(|corners| Bead {
            source: corners[0].at.0..corners[1].at.0,
            target: corners[0].at.1..corners[1].at.1,
            cost: corners[1].cost,
        })
        .collect()
}

/// The highest cosine of each sentence of the source with one of the target, on
/// average.
fn best_cosines(source: &TextVectors, target: &TextVectors, products: &Table<f32>) -> f32 {
    let best = |row: usize| {
        let cosine = |column: usize| {
            let norms = source.norm(row - 1, 1) * target.norm(column - 1, 1);
            products.get(row, column).unwrap_or(0.0) / norms
        };
        let columns = products.band().columns(row).filter(|&column| column > 0);
        columns.map(cosine).fold(0.0, f32::max)
    };
    (1..=source.len()).map(best).sum::<f32>() / source.len().max(1) as f32
}

/// The cost of a bead of `n` and `m` sentences; lengths count in average
/// sentences.
fn bead_cost((n, m): (usize, usize), cosine: f32, (source, target): (f32, f32)) -> f32 {
    let difference = (source - target).abs() / (source + target).max(f32::MIN_POSITIVE);
    let size = f32::midpoint(
        f32::midpoint(source, target),
        ((n * m) as f32).powf(PAIRS_EXPONENT),
    );
    let merged = (n + m - 2) as f32;
    size * (1.0 - cosine + LENGTH_WEIGHT * difference) + MERGE * merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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

    fn spans(beads: &[Bead]) -> Vec<(Range<usize>, Range<usize>)> {
        beads
            .iter()
            .map(|bead| (bead.source.clone(), bead.target.clone()))
            .collect()
    }

    #[test]
    fn a_text_is_aligned_with_itself_sentence_by_sentence_at_no_cost() {
        let beads = align_sentences(&SENTENCES, &SENTENCES);
        let expected: Vec<_> = (0..8).map(|at| (at..at + 1, at..at + 1)).collect();
        assert_eq!(spans(&beads), expected);
        assert!(beads.iter().all(|bead| bead.cost.abs() < 1e-5));
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
        assert_eq!(spans(&align_sentences(&SENTENCES, &target)), expected);
    }

    #[test]
    fn an_empty_text_is_all_gap() {
        let none: [&str; 0] = [];
        assert!(align_sentences(&none, &none).is_empty());
        let beads = align_sentences(&none, &SENTENCES[..2]);
        assert_eq!(spans(&beads), [(0..0, 0..1), (0..0, 1..2)]);
        assert!(align_sentences(&["", ""], &["", "a"]).len() >= 2);
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
        let beads = align_sentences(&text, &shortened);
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
            for bead in align_sentences(&source, &target) {
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
