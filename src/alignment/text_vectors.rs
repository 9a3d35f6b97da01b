//! Sentences as tf-idf vectors of their words and character n-grams.

use std::collections::HashMap;

/// Characters of a character n-gram.
const GRAM: usize = 3;

/// Weight of a character n-gram; a word has 1.
const GRAM_WEIGHT: f32 = 0.5;

/// Weight of what only one of the two texts has: it cannot match, and in a weak
/// translation there is much of it.
const UNSHARED: f32 = 0.5;

/// A feature's number and its weight.
type Entry = (u32, f32);

/// The sentences of a text, or blocks of them, in order.
#[derive(Debug)]
pub(super) struct TextVectors {
    /// Of each sentence, by rising number.
    vectors: Vec<Vec<Entry>>,
    /// Features of both texts.
    features: usize,
}

impl TextVectors {
    /// The sentences of two texts, with weights by how many sentences of both
    /// have a feature.
    pub(super) fn of_pair(source: &[impl AsRef<str>], target: &[impl AsRef<str>]) -> (Self, Self) {
        let source_texts = source.iter().map(|text| normalized(text.as_ref()));
        let target_texts = target.iter().map(|text| normalized(text.as_ref()));
        let texts: Vec<Vec<char>> = source_texts.chain(target_texts).collect();
        let mut numbers = HashMap::new();
        let mut counts: Vec<Vec<Entry>> =
            texts.iter().map(|text| count(text, &mut numbers)).collect();
        let mut seen = vec![[0_u32; 2]; numbers.len()];
        for (at, counts) in counts.iter().enumerate() {
            for &(feature, _) in counts {
                seen[feature as usize][usize::from(at >= source.len())] += 1;
            }
        }
        for (feature, weight) in counts.iter_mut().flatten() {
            let [sources, targets] = seen[*feature as usize];
            *weight *= (texts.len() as f32 / (sources + targets) as f32).ln();
            if sources == 0 || targets == 0 {
                *weight *= UNSHARED;
            }
        }
        let features = numbers.len();
        let target_counts = counts.split_off(source.len());
        let of_text = |vectors| Self { vectors, features };
        (of_text(counts), of_text(target_counts))
    }

    /// Pairs of neighbours as one; the last may stay alone.
    pub(super) fn coarser(&self) -> Self {
        let pair = |pair: &[Vec<Entry>]| merged(pair.concat());
        Self {
            vectors: self.vectors.chunks(2).map(pair).collect(),
            features: self.features,
        }
    }

    /// Number of sentences.
    pub(super) fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Number of features of both texts.
    pub(super) fn features(&self) -> usize {
        self.features
    }

    /// Writes a sentence's weights to where each feature has its place.
    pub(super) fn write(&self, sentence: usize, weights: &mut [f32]) {
        for &(feature, weight) in &self.vectors[sentence] {
            weights[feature as usize] = weight;
        }
    }

    /// Sets to 0 what [`Self::write`] wrote.
    pub(super) fn erase(&self, sentence: usize, weights: &mut [f32]) {
        for &(feature, _) in &self.vectors[sentence] {
            weights[feature as usize] = 0.0;
        }
    }

    /// The dot product of a sentence with the weights of another.
    pub(super) fn dot(&self, sentence: usize, weights: &[f32]) -> f32 {
        let product = |&(feature, weight): &Entry| weight * weights[feature as usize];
        self.vectors[sentence].iter().map(product).sum()
    }

    /// The norm of a sentence; never 0.
    pub(super) fn norm(&self, sentence: usize) -> f32 {
        let squares = self.vectors[sentence]
            .iter()
            .map(|(_, weight)| weight * weight);
        squares.sum::<f32>().sqrt().max(f32::MIN_POSITIVE)
    }
}

/// Lower-case letters and digits, one space around each word.
fn normalized(text: &str) -> Vec<char> {
    let mut normalized = vec![' '];
    for c in text.chars().flat_map(char::to_lowercase) {
        let c = if c.is_alphanumeric() { c } else { ' ' };
        if c != ' ' || normalized.last() != Some(&' ') {
            normalized.push(c);
        }
    }
    if normalized.last() != Some(&' ') {
        normalized.push(' ');
    }
    normalized
}

/// A word, or a character n-gram.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Feature<'t> {
    Word(&'t [char]),
    Gram(&'t [char]),
}

/// The features of a text with their frequencies; new ones get the next number.
fn count<'t>(text: &'t [char], numbers: &mut HashMap<Feature<'t>, u32>) -> Vec<Entry> {
    let words = text.split(|&c| c == ' ').filter(|word| !word.is_empty());
    let words = words.map(|word| (Feature::Word(word), 1.0));
    let grams = text.windows(GRAM);
    let grams = grams.map(|gram| (Feature::Gram(gram), GRAM_WEIGHT));
    let entries = words.chain(grams).map(|(feature, weight)| {
        let next = numbers.len() as u32;
        (*numbers.entry(feature).or_insert(next), weight)
    });
    merged(entries.collect())
}

/// Sorted by number, with the weights of the same number added.
fn merged(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|&(feature, _)| feature);
    entries.dedup_by(|later, first| {
        let same = later.0 == first.0;
        if same {
            first.1 += later.1;
        }
        same
    });
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_the_sum_of_its_sentences() {
        let source = ["Das Haus", "ist das alte Haus", "dort"];
        let target = ["Haus"];
        let (vectors, _) = TextVectors::of_pair(&source, &target);
        let coarser = vectors.coarser();
        assert_eq!(coarser.len(), 2);
        let mut weights = vec![0.0; vectors.features()];
        let mut dot = |of: &TextVectors, a: usize, b: usize| {
            vectors.write(b, &mut weights);
            let product = of.dot(a, &weights);
            vectors.erase(b, &mut weights);
            product
        };
        let expected = dot(&vectors, 0, 0) + dot(&vectors, 1, 0);
        assert!((dot(&coarser, 0, 0) - expected).abs() < 1e-4);
        let squared = vectors.norm(0).powi(2);
        assert!((dot(&vectors, 0, 0) - squared).abs() < 1e-4);
    }

    #[test]
    fn text_is_compared_without_case_and_punctuation() {
        let text: String = normalized("„Über-\u{a0}Öl“, 12!").into_iter().collect();
        assert_eq!(text, " über öl 12 ");
    }
}
