//! Counts of n-grams, and how many of them another text has.

use rustc_hash::FxHashMap;

/// The n-grams of the references of one segment, up to some order, with their
/// counts.
///
/// A trie: the n-gram that continues another by one unit (a character, a word)
/// is a child of it. All edges are in one hash table, so that a lookup is one
/// probe for each unit, whatever the order.
pub(super) struct NgramIndex {
    order: usize,
    /// (parent node, unit) → node; `EMPTY` is a free slot.
    edges: Vec<(u64, u32)>,
    shift: u32,
    /// Occurrences of each node's n-gram; node 0 is the empty n-gram.
    counts: Vec<u32>,
}

const EMPTY: u64 = u64::MAX;

impl NgramIndex {
    /// Counts the n-grams of orders 1 to `order`. With several references, an
    /// n-gram counts as often as in the one that has it most.
    pub(super) fn new(references: &[Vec<u32>], order: usize) -> Self {
        let units: usize = references.iter().map(Vec::len).sum();
        let capacity = (2 * units * order).next_power_of_two().max(2);
        let mut index = Self {
            order,
            edges: vec![(EMPTY, 0); capacity],
            shift: 64 - capacity.trailing_zeros(),
            counts: vec![0],
        };
        for reference in references {
            index.add(reference);
        }
        index
    }

    fn add(&mut self, units: &[u32]) {
        let mut occurrences = vec![0; self.counts.len()];
        for start in 0..units.len() {
            let mut node = 0;
            for &unit in units[start..].iter().take(self.order) {
                node = self.child_or_new(node, unit);
                if node as usize == occurrences.len() {
                    occurrences.push(0);
                }
                occurrences[node as usize] += 1;
            }
        }
        for (count, occurrences) in self.counts.iter_mut().zip(occurrences) {
            *count = (*count).max(occurrences);
        }
    }

    fn slot(&self, parent: u32, unit: u32) -> usize {
        let edge = edge(parent, unit);
        let mut slot = (edge.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize;
        while self.edges[slot].0 != edge && self.edges[slot].0 != EMPTY {
            slot = (slot + 1) % self.edges.len();
        }
        slot
    }

    fn child_or_new(&mut self, parent: u32, unit: u32) -> u32 {
        let slot = self.slot(parent, unit);
        if self.edges[slot].0 == EMPTY {
            let node = self.counts.len() as u32;
            self.edges[slot] = (edge(parent, unit), node);
            self.counts.push(0);
        }
        self.edges[slot].1
    }

    /// Adds to `matches[n - 1]` the n-grams that `units` shares with the
    /// references, each at most as often as these have it.
    pub(super) fn count_matches(&self, units: &[u32], matches: &mut [usize]) {
        let mut left = self.counts.clone();
        for start in 0..units.len() {
            let mut node = 0;
            for (&unit, matches) in units[start..].iter().zip(&mut *matches) {
                let (edge, child) = self.edges[self.slot(node, unit)];
                if edge == EMPTY {
                    break;
                }
                node = child;
                if let Some(less) = left[node as usize].checked_sub(1) {
                    left[node as usize] = less;
                    *matches += 1;
                }
            }
        }
    }
}

fn edge(parent: u32, unit: u32) -> u64 {
    u64::from(parent) << 32 | u64::from(unit)
}

/// How many n-grams of order `n` a text of `length` units has.
pub(super) fn ngrams(length: usize, n: usize) -> usize {
    (length + 1).saturating_sub(n)
}

/// Numbers for the words of one segment.
#[derive(Default)]
pub(super) struct Words<'t> {
    numbers: FxHashMap<&'t str, u32>,
}

impl<'t> Words<'t> {
    pub(super) fn numbers(&mut self, words: impl IntoIterator<Item = &'t str>) -> Vec<u32> {
        words
            .into_iter()
            .map(|word| {
                let next = self.numbers.len() as u32;
                *self.numbers.entry(word).or_insert(next)
            })
            .collect()
    }
}
