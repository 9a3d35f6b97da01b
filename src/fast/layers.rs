//! What encoder and decoder have in common: states of some rows, and the steps
//! that change them.

use candle_nn::Activation;

use super::activation::Activate;
use super::attention::Scores;
use super::gemm::{Activations, AddTo, Gemm, Store};
use super::isa::Isa;
use super::network::{Embedding, FeedForward, Linear, Norm};
use super::norm::LayerNorm;
use super::output::RowScan;
use super::packed::Weights;
use super::precision::{Precision, Stored};
use super::simd::{Kernel, Lanes, Simd};
use crate::tokenizer::TokenId;

/// Working memory of one thread; it grows to what is needed and stays.
#[derive(Debug)]
pub(crate) struct Arena<P: Precision> {
    /// `[rows, d_model]`.
    pub(crate) states: Vec<Lanes>,
    /// Queries, with keys and values in self-attention: `[rows, 3 * heads]`.
    pub(crate) projected: Vec<Lanes>,
    /// `[rows, heads]`.
    pub(crate) attended: Vec<Lanes>,
    /// `[rows, ffn_dim]`.
    hidden: Vec<Lanes>,
    pub(crate) activations: Activations<P>,
    pub(crate) scores: Scores,
    pub(crate) scans: Vec<RowScan>,
}

impl<P: Precision> Arena<P> {
    pub(crate) const fn new() -> Self {
        Self {
            states: Vec::new(),
            projected: Vec::new(),
            attended: Vec::new(),
            hidden: Vec::new(),
            activations: Activations::new(),
            scores: Scores::new(),
            scans: Vec::new(),
        }
    }
}

/// Makes a buffer hold `lanes` vectors; what is in it is overwritten.
pub(crate) fn sized(buffer: &mut Vec<Lanes>, lanes: usize) -> &mut [Lanes] {
    if buffer.len() < lanes {
        buffer.resize(lanes, Lanes::ZERO);
    }
    &mut buffer[..lanes]
}

/// The steps of a layer, on the rows of an arena.
pub(crate) struct Layers<'a, P: Precision> {
    pub(crate) isa: Isa,
    pub(crate) weights: &'a Weights,
    pub(crate) arena: &'a mut Arena<P>,
    pub(crate) rows: usize,
    /// Numbers of a state, and its vectors.
    pub(crate) d_model: usize,
    pub(crate) width: usize,
    pub(crate) activation: Activation,
}

impl<P: Precision> Layers<'_, P> {
    /// Writes the states of `tokens` at `positions`.
    pub(crate) fn embed(
        &mut self,
        embedding: &Embedding<P>,
        scale: f32,
        tokens: &[TokenId],
        positions: &[usize],
        depth: usize,
    ) {
        let states = sized(&mut self.arena.states, self.rows * self.width);
        self.isa.run(Embed {
            tokens: self.weights.section(&embedding.tokens),
            positions: self.weights.section(&embedding.positions),
            scale,
            width: self.width,
            at: tokens.iter().zip(positions),
            states,
            activations: &mut self.arena.activations,
            depth,
        });
    }

    /// Projects the states: `[rows, outputs]` vectors.
    pub(crate) fn project(&mut self, linear: &Linear<P>, outputs: usize) {
        let out = sized(&mut self.arena.projected, self.rows * outputs);
        self.isa.run(Gemm {
            activations: &self.arena.activations,
            matrix: linear.of(self.weights),
            panels: 0..linear.panels,
            epilogue: Store {
                out,
                width: outputs,
            },
        });
    }

    /// Adds the product of what the activations hold, and normalises; `depth` is
    /// that of the matrices that follow.
    pub(crate) fn add_and_normalize(&mut self, linear: &Linear<P>, norm: &Norm, depth: usize) {
        let states = &mut self.arena.states[..self.rows * self.width];
        self.isa.run(Gemm {
            activations: &self.arena.activations,
            matrix: linear.of(self.weights),
            panels: 0..linear.panels,
            epilogue: AddTo {
                out: &mut *states,
                width: self.width,
            },
        });
        self.isa.run(LayerNorm {
            rows: states,
            width: self.d_model,
            gamma: self.weights.section(&norm.gamma),
            beta: self.weights.section(&norm.beta),
            activations: &mut self.arena.activations,
            depth,
        });
    }

    /// `norm(x + outer(activation(inner(x))))`.
    pub(crate) fn feed_forward(&mut self, block: &FeedForward<P>, depth: usize) {
        let hidden = sized(&mut self.arena.hidden, self.rows * block.width);
        self.isa.run(Gemm {
            activations: &self.arena.activations,
            matrix: block.inner.of(self.weights),
            panels: 0..block.inner.panels,
            epilogue: Activate {
                activation: self.activation,
                out: &mut *hidden,
                width: block.width,
            },
        });
        self.isa.run(TakeIn {
            rows: hidden,
            width: block.width,
            activations: &mut self.arena.activations,
            depth: block.outer.depth,
        });
        self.add_and_normalize(&block.outer, &block.norm, depth);
    }
}

/// Takes rows in as activations.
struct TakeIn<'a, P: Precision> {
    rows: &'a [Lanes],
    width: usize,
    activations: &'a mut Activations<P>,
    depth: usize,
}

impl<P: Precision> Kernel for TakeIn<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        self.activations.write(s, self.rows, self.width, self.depth);
    }
}

/// Token embeddings, scaled, plus positions.
struct Embed<'a, P: Precision, I> {
    tokens: &'a [P::Stored],
    positions: &'a [Lanes],
    scale: f32,
    width: usize,
    at: I,
    states: &'a mut [Lanes],
    activations: &'a mut Activations<P>,
    depth: usize,
}

impl<'a, P: Precision, I> Kernel for Embed<'a, P, I>
where
    I: Iterator<Item = (&'a TokenId, &'a usize)>,
{
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.width;
        self.activations
            .begin::<S>(self.states.len() / width, self.depth);
        let scale = s.splat(self.scale);
        let rows = self.states.chunks_exact_mut(width).zip(self.at);
        for (index, (row, (&token, &position))) in rows.enumerate() {
            let token = &self.tokens[token as usize * width..][..width];
            let position = &self.positions[position * width..][..width];
            for ((state, token), position) in row.iter_mut().zip(token).zip(position) {
                let sum = s.fma(P::Stored::load(s, token), scale, s.load(position));
                s.store(sum, state);
            }
            self.activations.write_row(s, index, row);
        }
    }
}
