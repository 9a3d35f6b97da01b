//! The encoder: sentences side by side, without padding between them.

use super::attention::{Attention, Heads, InOrder, KeysValues, MOST_ROWS, Scores, rows_at_once};
use super::gemm::Activations;
use super::layers::{Layers, sized};
use super::network::Network;
use super::precision::Precision;
use super::simd::{Kernel, Lanes, Simd};
use crate::tokenizer::TokenId;

impl<P: Precision> Layers<'_, P> {
    /// Encodes sentences; afterwards the activations hold their states, side by
    /// side, for matrices of the decoder.
    pub(crate) fn encode(&mut self, network: &Network<P>, scale: f32, sources: &[Vec<TokenId>]) {
        let (heads, width) = (network.encoder_heads, network.encoder_heads.lanes());
        let tokens: Vec<TokenId> = sources.concat();
        let positions: Vec<usize> = sources.iter().flat_map(|source| 0..source.len()).collect();
        // All matrices that read a state have its depth.
        let depth = network.output.depth;
        self.embed(&network.source, scale, &tokens, &positions, depth);
        for layer in &network.encoder {
            self.project(&layer.attention.qkv, 3 * width);
            self.isa.run(SelfAttention {
                heads,
                lengths: sources.iter().map(Vec::len),
                projected: &self.arena.projected[..self.rows * 3 * width],
                attended: sized(&mut self.arena.attended, self.rows * width),
                scores: &mut self.arena.scores,
                activations: &mut self.arena.activations,
                depth: layer.attention.out.depth,
            });
            self.add_and_normalize(&layer.attention.out, &layer.attention.norm, depth);
            self.feed_forward(&layer.feed_forward, depth);
        }
    }
}

/// Each row attends to all rows of its sentence.
struct SelfAttention<'a, P: Precision, L> {
    heads: Heads,
    /// Rows of each sentence.
    lengths: L,
    /// Queries, keys, values: `[rows, 3 * heads]`.
    projected: &'a [Lanes],
    attended: &'a mut [Lanes],
    scores: &'a mut Scores,
    activations: &'a mut Activations<P>,
    depth: usize,
}

impl<P: Precision, L: Iterator<Item = usize>> Kernel for SelfAttention<'_, P, L> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let lanes = self.heads.lanes();
        let mut first = 0;
        for length in self.lengths {
            let rows = &self.projected[first * 3 * lanes..][..length * 3 * lanes];
            let source = KeysValues {
                positions: &rows[lanes..],
                stride: 3 * lanes,
                values: lanes,
            };
            let attended = &mut self.attended[first * lanes..][..length * lanes];
            let mut row = 0;
            while row < length {
                let places = &[InOrder; MOST_ROWS][..rows_at_once(length - row)];
                let attention = Attention {
                    heads: self.heads,
                    queries: &rows[row * 3 * lanes..],
                    query_stride: 3 * lanes,
                    source,
                    places,
                    count: length,
                    shared: length,
                };
                attention.attend(s, self.scores, &mut attended[row * lanes..]);
                row += places.len();
            }
            first += length;
        }
        self.activations
            .write(s, &self.attended[..first * lanes], lanes, self.depth);
    }
}
