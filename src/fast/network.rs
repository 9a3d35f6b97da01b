//! Where each matrix of a Marian model lies in the block of weights; all of it
//! follows from the model's configuration.

use super::attention::Heads;
use super::gemm::Matrix;
use super::packed::{Layout, Section, Weights};
use super::precision::{Precision, lanes};
use super::simd::{IntLanes, LANES, Lanes};
use crate::marian::Config;

/// Where a packed matrix with its bias lies.
#[derive(Debug, Clone)]
pub(crate) struct Linear<P: Precision> {
    pub(crate) lines: Section<P::Line>,
    pub(crate) bias: Section<Lanes>,
    pub(crate) scale: Section<Lanes>,
    /// Sums of the weights of each output.
    pub(crate) sums: Section<IntLanes>,
    /// Groups of inputs.
    pub(crate) depth: usize,
    /// Panels of outputs, an even number.
    pub(crate) panels: usize,
}

impl<P: Precision> Linear<P> {
    /// Inputs and outputs are counted in vectors.
    fn new(layout: &mut Layout, inputs: usize, outputs: usize) -> Self {
        let depth = (inputs * LANES).next_multiple_of(P::DEPTH_MULTIPLE) / P::GROUP;
        let panels = outputs.next_multiple_of(2);
        Self {
            lines: layout.reserve(panels * depth),
            bias: layout.reserve(panels),
            scale: layout.reserve(panels),
            sums: layout.reserve(panels),
            depth,
            panels,
        }
    }

    pub(crate) fn of<'a>(&self, weights: &'a Weights) -> Matrix<'a, P> {
        Matrix {
            lines: weights.section(&self.lines),
            bias: weights.section(&self.bias),
            scale: weights.section(&self.scale),
            sums: weights.section(&self.sums),
            depth: self.depth,
        }
    }
}

/// Where a layer normalisation lies.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) gamma: Section<Lanes>,
    pub(crate) beta: Section<Lanes>,
}

impl Norm {
    fn new(layout: &mut Layout, width: usize) -> Self {
        Self {
            gamma: layout.reserve(width),
            beta: layout.reserve(width),
        }
    }
}

/// Self-attention and the norm behind it.
#[derive(Debug, Clone)]
pub(crate) struct SelfAttention<P: Precision> {
    /// Queries, keys and values: `[d_model, 3 * heads]`.
    pub(crate) qkv: Linear<P>,
    pub(crate) out: Linear<P>,
    pub(crate) norm: Norm,
}

/// Cross-attention and the norm behind it.
#[derive(Debug, Clone)]
pub(crate) struct CrossAttention<P: Precision> {
    pub(crate) query: Linear<P>,
    /// Keys and values of the source: `[d_model, 2 * heads]`.
    pub(crate) source: Linear<P>,
    pub(crate) out: Linear<P>,
    pub(crate) norm: Norm,
}

/// A feed-forward block and the norm behind it.
#[derive(Debug, Clone)]
pub(crate) struct FeedForward<P: Precision> {
    pub(crate) inner: Linear<P>,
    pub(crate) outer: Linear<P>,
    pub(crate) norm: Norm,
    /// Vectors between the two.
    pub(crate) width: usize,
}

/// Token embeddings and positions.
#[derive(Debug, Clone)]
pub(crate) struct Embedding<P: Precision> {
    /// `[vocab, d_model]`.
    pub(crate) tokens: Section<P::Stored>,
    /// `[positions, d_model]`.
    pub(crate) positions: Section<Lanes>,
}

/// A layer of the encoder.
#[derive(Debug, Clone)]
pub(crate) struct EncoderLayer<P: Precision> {
    pub(crate) attention: SelfAttention<P>,
    pub(crate) feed_forward: FeedForward<P>,
}

/// A layer of the decoder.
#[derive(Debug, Clone)]
pub(crate) struct DecoderLayer<P: Precision> {
    pub(crate) attention: SelfAttention<P>,
    pub(crate) cross: CrossAttention<P>,
    pub(crate) feed_forward: FeedForward<P>,
}

/// The whole model.
#[derive(Debug, Clone)]
pub(crate) struct Network<P: Precision> {
    pub(crate) source: Embedding<P>,
    pub(crate) target: Embedding<P>,
    pub(crate) encoder: Vec<EncoderLayer<P>>,
    pub(crate) decoder: Vec<DecoderLayer<P>>,
    pub(crate) output: Linear<P>,
    /// Bytes of the block.
    pub(crate) bytes: usize,
    /// Vectors of a state.
    pub(crate) width: usize,
    pub(crate) encoder_heads: Heads,
    pub(crate) decoder_heads: Heads,
}

impl<P: Precision> Network<P> {
    /// `shared`: source and target have the same embeddings.
    pub(crate) fn new(config: &Config, shared: bool) -> Self {
        let mut layout = Layout::default();
        let width = lanes(config.d_model);
        let heads = |count: usize| Heads {
            count,
            width: config.d_model / count,
        };
        let encoder_heads = heads(config.encoder_attention_heads);
        let decoder_heads = heads(config.decoder_attention_heads);

        let tokens = layout.reserve(config.vocab_size * width);
        let source = Embedding {
            tokens: tokens.clone(),
            positions: layout.reserve(config.max_position_embeddings * width),
        };
        let target = Embedding {
            tokens: if shared {
                tokens
            } else {
                layout.reserve(target_rows(config) * width)
            },
            positions: layout.reserve(config.max_position_embeddings * width),
        };
        let attention = |layout: &mut Layout, heads: Heads| SelfAttention {
            qkv: Linear::new(layout, width, 3 * heads.lanes()),
            out: Linear::new(layout, heads.lanes(), width),
            norm: Norm::new(layout, width),
        };
        let feed_forward = |layout: &mut Layout, inner: usize| FeedForward {
            inner: Linear::new(layout, width, lanes(inner)),
            outer: Linear::new(layout, lanes(inner), width),
            norm: Norm::new(layout, width),
            width: lanes(inner),
        };
        let encoder = (0..config.encoder_layers)
            .map(|_| EncoderLayer {
                attention: attention(&mut layout, encoder_heads),
                feed_forward: feed_forward(&mut layout, config.encoder_ffn_dim),
            })
            .collect();
        let decoder = (0..config.decoder_layers)
            .map(|_| DecoderLayer {
                attention: attention(&mut layout, decoder_heads),
                cross: CrossAttention {
                    query: Linear::new(&mut layout, width, decoder_heads.lanes()),
                    source: Linear::new(&mut layout, width, 2 * decoder_heads.lanes()),
                    out: Linear::new(&mut layout, decoder_heads.lanes(), width),
                    norm: Norm::new(&mut layout, width),
                },
                feed_forward: feed_forward(&mut layout, config.decoder_ffn_dim),
            })
            .collect();
        let output = Linear::new(&mut layout, width, lanes(config.target_vocab_size()));
        Self {
            source,
            target,
            encoder,
            decoder,
            output,
            bytes: layout.bytes(),
            width,
            encoder_heads,
            decoder_heads,
        }
    }
}

/// Rows of the target's embedding: with shared, tied matrices those of the
/// source's.
pub(crate) fn target_rows(config: &Config) -> usize {
    if config.share_encoder_decoder_embeddings && config.tie_word_embeddings {
        config.vocab_size
    } else {
        config.decoder_vocab_size
    }
}
