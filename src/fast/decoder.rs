//! The decoder: one more token for each row.

use super::attention::{Attention, Heads, InOrder, KeysValues, MOST_ROWS, Scores, rows_at_once};
use super::gemm::{Activations, Gemm, Store};
use super::layers::{Layers, sized};
use super::network::Network;
use super::output::best_tokens;
use super::precision::{Precision, Stored};
use super::simd::{Kernel, Lanes, Simd};
use super::state::{Row, Sentence};
use crate::beam_search::{Step, StepQuery};

/// What a step needs of a model beside its layers.
pub(crate) struct Decoding<'a, P: Precision> {
    pub(crate) network: &'a Network<P>,
    /// What embeddings are multiplied by.
    pub(crate) scale: f32,
    /// Layer and head whose attention is returned.
    pub(crate) guided: (usize, usize),
    /// The output's bias, minus infinity where a token must never follow.
    pub(crate) output_bias: &'a [Lanes],
}

impl<P: Precision> Layers<'_, P> {
    /// Keys and values of the sentences that were just encoded, of each layer:
    /// `[layer][position][keys, values]` for each sentence.
    pub(crate) fn project_sources(
        &mut self,
        network: &Network<P>,
        lengths: &[usize],
    ) -> Vec<Vec<P::Stored>> {
        let stride = 2 * network.decoder_heads.lanes();
        let layers = network.decoder.len();
        let mut sources: Vec<Vec<P::Stored>> = lengths
            .iter()
            .map(|length| vec![bytemuck::Zeroable::zeroed(); layers * length * stride])
            .collect();
        for (index, layer) in network.decoder.iter().enumerate() {
            self.project(&layer.cross.source, stride);
            let mut rows = &self.arena.projected[..self.rows * stride];
            for source in &mut sources {
                let size = source.len() / layers;
                let (of_sentence, others) = rows.split_at(size);
                self.isa.run(Keep {
                    from: of_sentence,
                    to: &mut source[index * size..][..size],
                });
                rows = others;
            }
        }
        sources
    }

    /// Feeds one token to each row.
    pub(crate) fn decode(
        &mut self,
        decoding: &Decoding<P>,
        query: &StepQuery,
        rows: &[Row],
        sentences: &[Sentence<P>],
        cache: &mut [Vec<P::Stored>],
    ) -> Step {
        let network = decoding.network;
        let (heads, width) = (network.decoder_heads, network.decoder_heads.lanes());
        let positions: Vec<usize> = rows.iter().map(|row| row.slots.len() - 1).collect();
        let depth = network.output.depth;
        self.embed(
            &network.target,
            decoding.scale,
            query.tokens,
            &positions,
            depth,
        );
        let mut attention = Vec::new();
        for (index, (layer, cache)) in network.decoder.iter().zip(cache).enumerate() {
            self.project(&layer.attention.qkv, 3 * width);
            self.isa.run(SelfAttention {
                heads,
                rows,
                projected: &self.arena.projected[..self.rows * 3 * width],
                cache,
                attended: sized(&mut self.arena.attended, self.rows * width),
                scores: &mut self.arena.scores,
                activations: &mut self.arena.activations,
                depth: layer.attention.out.depth,
            });
            self.add_and_normalize(&layer.attention.out, &layer.attention.norm, depth);

            self.project(&layer.cross.query, width);
            let (guided_layer, guided_head) = decoding.guided;
            let weights = self.isa.run(CrossAttention {
                heads,
                rows,
                sentences,
                layer: index,
                queries: &self.arena.projected[..self.rows * width],
                attended: sized(&mut self.arena.attended, self.rows * width),
                scores: &mut self.arena.scores,
                activations: &mut self.arena.activations,
                depth: layer.cross.out.depth,
                guided_head: (index == guided_layer).then_some(guided_head),
            });
            if index == guided_layer {
                attention = weights;
            }
            self.add_and_normalize(&layer.cross.out, &layer.cross.norm, depth);
            self.feed_forward(&layer.feed_forward, depth);
        }
        let mut matrix = network.output.of(self.weights);
        matrix.bias = decoding.output_bias;
        let candidates = best_tokens(
            self.isa,
            &self.arena.activations,
            matrix,
            query.banned,
            query.top_k,
            &mut self.arena.scans,
        );
        Step {
            candidates,
            attention,
        }
    }

    /// The logits of what follows each row, `[rows, vocabulary]`, after
    /// [`Layers::decode`].
    pub(crate) fn logits(&mut self, decoding: &Decoding<P>, vocabulary: usize) -> Vec<Vec<f32>> {
        let output = &decoding.network.output;
        let mut logits = vec![Lanes::ZERO; self.rows * output.panels];
        self.isa.run(Gemm {
            activations: &self.arena.activations,
            matrix: output.of(self.weights),
            panels: 0..output.panels,
            epilogue: Store {
                out: &mut logits,
                width: output.panels,
            },
        });
        logits
            .chunks_exact(output.panels)
            .map(|row| bytemuck::cast_slice(row)[..vocabulary].to_vec())
            .collect()
    }
}

/// Stores vectors as a cache holds them.
struct Keep<'a, T> {
    from: &'a [Lanes],
    to: &'a mut [T],
}

impl<T: Stored> Kernel for Keep<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (from, to) in self.from.iter().zip(self.to) {
            T::store(s, s.load(from), to);
        }
    }
}

/// Each row keeps its newest keys and values, and attends to all of its own.
struct SelfAttention<'a, P: Precision> {
    heads: Heads,
    rows: &'a [Row],
    /// Queries, keys, values: `[rows, 3 * heads]`.
    projected: &'a [Lanes],
    cache: &'a mut [P::Stored],
    attended: &'a mut [Lanes],
    scores: &'a mut Scores,
    activations: &'a mut Activations<P>,
    depth: usize,
}

impl<P: Precision> Kernel for SelfAttention<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let lanes = self.heads.lanes();
        self.activations.begin::<S>(self.rows.len(), self.depth);
        let mut first = 0;
        while first < self.rows.len() {
            let rows = together(&self.rows[first..]);
            let projected = &self.projected[first * 3 * lanes..][..rows.len() * 3 * lanes];
            for (row, projected) in rows.iter().zip(projected.chunks_exact(3 * lanes)) {
                let slot = row.slots.last().map_or(0, |&slot| slot as usize);
                let kept = &mut self.cache[slot * 2 * lanes..][..2 * lanes];
                for (from, to) in projected[lanes..].iter().zip(kept) {
                    P::Stored::store(s, s.load(from), to);
                }
            }
            let mut places = [&rows[0].slots[..]; MOST_ROWS];
            let mut shared = rows[0].slots.len();
            for (place, row) in places.iter_mut().zip(rows) {
                *place = &row.slots;
                let same = row.slots.iter().zip(&rows[0].slots);
                shared = shared.min(same.take_while(|(a, b)| a == b).count());
            }
            let attention = Attention {
                heads: self.heads,
                queries: projected,
                query_stride: 3 * lanes,
                source: KeysValues {
                    positions: &*self.cache,
                    stride: 2 * lanes,
                    values: lanes,
                },
                places: &places[..rows.len()],
                count: rows[0].slots.len(),
                shared,
            };
            let out = &mut self.attended[first * lanes..][..rows.len() * lanes];
            attention.attend(s, self.scores, out);
            for out in out.chunks_exact(lanes) {
                self.activations.write_row(s, first, out);
                first += 1;
            }
        }
    }
}

/// The first rows that can attend together: of one sentence, and so of one length.
fn together(rows: &[Row]) -> &[Row] {
    let same = rows
        .iter()
        .take_while(|row| row.sentence == rows[0].sentence);
    &rows[..rows_at_once(same.count())]
}

/// Each row attends to its sentence; returns the weights of one head.
struct CrossAttention<'a, P: Precision> {
    heads: Heads,
    rows: &'a [Row],
    sentences: &'a [Sentence<P>],
    layer: usize,
    /// `[rows, heads]`.
    queries: &'a [Lanes],
    attended: &'a mut [Lanes],
    scores: &'a mut Scores,
    activations: &'a mut Activations<P>,
    depth: usize,
    guided_head: Option<usize>,
}

impl<P: Precision> Kernel for CrossAttention<'_, P> {
    type Output = Vec<Vec<f32>>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let lanes = self.heads.lanes();
        let mut weights = Vec::new();
        self.activations.begin::<S>(self.rows.len(), self.depth);
        let mut first = 0;
        while first < self.rows.len() {
            let rows = together(&self.rows[first..]);
            let sentence = &self.sentences[rows[0].sentence];
            let length = sentence.length;
            let attention = Attention {
                heads: self.heads,
                queries: &self.queries[first * lanes..],
                query_stride: lanes,
                source: KeysValues {
                    positions: &sentence.source[self.layer * length * 2 * lanes..],
                    stride: 2 * lanes,
                    values: lanes,
                },
                places: &[InOrder; MOST_ROWS][..rows.len()],
                count: length,
                shared: length,
            };
            let out = &mut self.attended[first * lanes..][..rows.len() * lanes];
            attention.attend(s, self.scores, out);
            for (row, out) in out.chunks_exact(lanes).enumerate() {
                if let Some(head) = self.guided_head {
                    weights.push(self.scores.weights(row, head, length));
                }
                self.activations.write_row(s, first + row, out);
            }
            first += rows.len();
        }
        weights
    }
}
