//! Everything that changes while sentences are decoded.
//!
//! Keys and values of self-attention are written once, into a slot for each row
//! and step, and never moved: a row is the list of its slots, and rows that have
//! a common past share the slots of that past.

use super::layers::Arena;
use super::precision::Precision;

/// Rows that are being extended, and their sentences.
#[derive(Debug)]
pub struct State<P: Precision> {
    pub(crate) rows: Vec<Row>,
    pub(crate) sentences: Vec<Sentence<P>>,
    /// Of each layer: `[slot][keys, values]`.
    pub(crate) cache: Vec<Vec<P::Stored>>,
    /// Slots that nobody uses.
    free: Vec<u32>,
    /// Slots of the cache.
    slots: u32,
    /// Vectors of a slot.
    slot_lanes: usize,
    /// Rows whose memory can be used again.
    spare: Vec<Row>,
    pub(crate) arena: Arena<P>,
}

/// A hypothesis.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// Its place in [`State::sentences`].
    pub(crate) sentence: usize,
    /// Where the keys and values of its tokens are, the newest last.
    pub(crate) slots: Vec<u32>,
}

/// A sentence that is being translated.
#[derive(Debug)]
pub(crate) struct Sentence<P: Precision> {
    /// Keys and values of its tokens: `[layer][position][keys, values]`; empty
    /// when the sentence is done and the place is free.
    pub(crate) source: Vec<P::Stored>,
    /// Its tokens.
    pub(crate) length: usize,
    rows: usize,
}

impl<P: Precision> State<P> {
    /// No rows; the caches are of `layers` layers, `slot_lanes` vectors each.
    pub(crate) fn new(layers: usize, slot_lanes: usize) -> Self {
        Self {
            rows: Vec::new(),
            sentences: Vec::new(),
            cache: (0..layers).map(|_| Vec::new()).collect(),
            free: Vec::new(),
            slots: 0,
            slot_lanes,
            spare: Vec::new(),
            arena: Arena::new(),
        }
    }

    /// Adds a sentence with one row.
    pub(crate) fn push(&mut self, source: Vec<P::Stored>, length: usize) {
        let sentence = Sentence {
            source,
            length,
            rows: 1,
        };
        let free = self.sentences.iter().position(|other| other.rows == 0);
        let place = free.unwrap_or(self.sentences.len());
        if place == self.sentences.len() {
            self.sentences.push(sentence);
        } else {
            self.sentences[place] = sentence;
        }
        let mut row = self.spare.pop().unwrap_or_default();
        row.sentence = place;
        row.slots.clear();
        self.rows.push(row);
    }

    /// Gives each row a slot for its next token.
    pub(crate) fn extend_rows(&mut self) {
        for row in &mut self.rows {
            let slot = self.free.pop().unwrap_or_else(|| {
                self.slots += 1;
                self.slots - 1
            });
            row.slots.push(slot);
        }
        let needed = self.slots as usize * self.slot_lanes;
        for layer in &mut self.cache {
            if layer.len() < needed {
                // By half, so that growing costs little on the whole.
                let size = needed.max(layer.len() + layer.len() / 2);
                layer.reserve_exact(size - layer.len());
                layer.resize(size, bytemuck::Zeroable::zeroed());
            }
        }
    }

    /// Makes row `i` what row `rows[i]` was; sentences without rows are done.
    pub(crate) fn reorder(&mut self, rows: &[usize]) {
        for sentence in &mut self.sentences {
            sentence.rows = 0;
        }
        let reordered = rows
            .iter()
            .map(|&row| {
                let from = &self.rows[row];
                let mut to = self.spare.pop().unwrap_or_default();
                to.sentence = from.sentence;
                to.slots.clone_from(&from.slots);
                self.sentences[to.sentence].rows += 1;
                to
            })
            .collect();
        self.spare
            .extend(std::mem::replace(&mut self.rows, reordered));
        for sentence in &mut self.sentences {
            if sentence.rows == 0 {
                sentence.source = Vec::new();
            }
        }
        let mut used = vec![false; self.slots as usize];
        for &slot in self.rows.iter().flat_map(|row| &row.slots) {
            used[slot as usize] = true;
        }
        self.free.clear();
        // The lowest are taken first, so that what is used stays together.
        let unused = (0..self.slots).rev().filter(|&slot| !used[slot as usize]);
        self.free.extend(unused);
    }
}
