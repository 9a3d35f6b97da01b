//! The decoder: one target token at a time, with a cache.

use candle_core::{Device, IndexOp, Module, Result as TensorResult, Tensor};
use candle_nn::LayerNorm;

use super::attention::{Attention, FeedForward, KeysValues, Weights};
use super::config::Config;
use super::embedding::Embedding;
use crate::error::{Error, Result};

/// One head of one cross-attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionHead {
    /// The decoder layer: from 0, the first; negative from the end, −1 the last.
    pub layer: i32,
    /// The head, from 0.
    pub head: usize,
    /// The step whose attention is a token's: 0, the one that outputs it; 1, the
    /// next one, which has it as its input.
    #[serde(default)]
    pub shift: usize,
}

impl AttentionHead {
    /// The layer's index in a decoder of `layers` layers, if it has that layer.
    #[must_use]
    pub fn layer_index(self, layers: usize) -> Option<usize> {
        let from_end = layers.checked_sub(self.layer.unsigned_abs() as usize);
        let index = if self.layer < 0 {
            from_end?
        } else {
            self.layer as usize
        };
        (index < layers).then_some(index)
    }

    /// Layer and head in a model.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when it does not have them.
    pub(crate) fn index(self, config: &Config) -> Result<(usize, usize)> {
        self.layer_index(config.decoder_layers)
            .filter(|_| self.head < config.decoder_attention_heads)
            .map(|layer| (layer, self.head))
            .ok_or_else(|| {
                Error::Options(format!(
                    "the model has {} decoder layers of {} heads: there is no layer {} with a head {} to align with",
                    config.decoder_layers, config.decoder_attention_heads, self.layer, self.head
                ))
            })
    }
}

impl Default for AttentionHead {
    /// The head that Marian's guided alignment trains: the first one of the
    /// last layer (marian-dev, `--guided-alignment`, `--transformer-guided-alignment-layer last`).
    fn default() -> Self {
        Self {
            layer: -1,
            head: 0,
            shift: 0,
        }
    }
}

/// A stack of post-norm layers of causal self-attention, cross-attention and
/// feed-forward.
#[derive(Debug)]
pub(super) struct Decoder {
    embedding: Embedding,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    self_attention: Attention,
    self_attention_norm: LayerNorm,
    cross_attention: Attention,
    cross_attention_norm: LayerNorm,
    feed_forward: FeedForward,
    final_norm: LayerNorm,
}

/// Everything that changes while a batch is decoded.
#[derive(Debug, Clone)]
pub struct DecoderState {
    layers: Vec<LayerCache>,
    /// Of the sentences of the batch: `[batch, 1, 1, src]`.
    sentence_mask: Tensor,
    /// Of the rows: `[rows, 1, 1, src]`.
    mask: Tensor,
    /// The sentence that each row belongs to.
    row_sentence: Vec<usize>,
    /// Target tokens that have been fed to each row.
    position: usize,
}

#[derive(Debug, Clone)]
struct LayerCache {
    /// Of the tokens fed so far, by row.
    self_attention: Option<KeysValues>,
    /// Of the source, by sentence: projected once.
    sentence_source: KeysValues,
    /// The same by row.
    source: KeysValues,
}

impl Decoder {
    pub(super) fn load(weights: &Weights, config: &Config, embedding: Embedding) -> Result<Self> {
        let (width, heads) = (config.d_model, config.decoder_attention_heads);
        let layer = |index: usize| {
            let weights = weights.below(&format!("layers.{index}"));
            Ok(Layer {
                self_attention: Attention::load(&weights.below("self_attn"), width, heads)?,
                self_attention_norm: weights.layer_norm("self_attn_layer_norm", width)?,
                cross_attention: Attention::load(&weights.below("encoder_attn"), width, heads)?,
                cross_attention_norm: weights.layer_norm("encoder_attn_layer_norm", width)?,
                feed_forward: FeedForward::load(
                    &weights,
                    width,
                    config.decoder_ffn_dim,
                    config.activation,
                )?,
                final_norm: weights.layer_norm("final_layer_norm", width)?,
            })
        };
        Ok(Self {
            embedding,
            layers: (0..config.decoder_layers)
                .map(layer)
                .collect::<Result<_>>()?,
        })
    }

    /// A state with one row for each sentence of the encoder's output
    /// (`[batch, src, d_model]`).
    pub(super) fn start(&self, encoded: &Tensor, mask: Tensor) -> TensorResult<DecoderState> {
        let layers = self
            .layers
            .iter()
            .map(|layer| {
                let source = layer.cross_attention.keys_values(encoded)?;
                Ok(LayerCache {
                    self_attention: None,
                    sentence_source: source.clone(),
                    source,
                })
            })
            .collect::<TensorResult<_>>()?;
        let row_sentence = (0..encoded.dim(0)?).collect();
        Ok(DecoderState {
            layers,
            sentence_mask: mask.clone(),
            mask,
            row_sentence,
            position: 0,
        })
    }

    /// Feeds whole hypotheses (`[batch, tgt]`) at once; returns the decoder's
    /// states (`[batch, tgt, d_model]`) and the cross-attention of each layer
    /// (`[batch, heads, tgt, src]`).
    pub(super) fn force(
        &self,
        encoded: &Tensor,
        mask: &Tensor,
        tokens: &Tensor,
    ) -> TensorResult<(Tensor, Vec<Tensor>)> {
        let causal = causal_mask(tokens.dim(1)?, tokens.device())?; // [1, 1, tgt, tgt]
        let mut attention = Vec::with_capacity(self.layers.len());
        let mut states = self.embedding.forward(tokens, 0)?; // [batch, tgt, d_model]
        for layer in &self.layers {
            let own = layer.self_attention.keys_values(&states)?;
            let (attended, _) = layer.self_attention.attend(&states, &own, Some(&causal))?;
            states = layer.self_attention_norm.forward(&(states + attended)?)?;

            let source = layer.cross_attention.keys_values(encoded)?;
            let (attended, weights) = layer.cross_attention.attend(&states, &source, Some(mask))?;
            states = layer.cross_attention_norm.forward(&(states + attended)?)?;
            attention.push(weights);

            let fed = layer.feed_forward.forward(&states)?;
            states = layer.final_norm.forward(&(states + fed)?)?;
        }
        Ok((states, attention))
    }

    /// Feeds one token to each row (`[rows]`); returns the decoder's states
    /// (`[rows, d_model]`) and the cross-attention of `head` in layer `layer`
    /// (`[rows, src]`).
    pub(super) fn step(
        &self,
        state: &mut DecoderState,
        tokens: &Tensor,
        (layer_index, head): (usize, usize),
    ) -> TensorResult<(Tensor, Tensor)> {
        let mut attention = None;
        let mut states = self
            .embedding
            .forward(&tokens.unsqueeze(1)?, state.position)?; // [rows, 1, d_model]
        for (index, (layer, cache)) in self.layers.iter().zip(&mut state.layers).enumerate() {
            let newest = layer.self_attention.keys_values(&states)?;
            let past = match &cache.self_attention {
                Some(past) => past.append(&newest)?,
                None => newest,
            };
            let (attended, _) = layer.self_attention.attend(&states, &past, None)?;
            cache.self_attention = Some(past);
            states = layer.self_attention_norm.forward(&(states + attended)?)?;

            let (attended, weights) =
                layer
                    .cross_attention
                    .attend(&states, &cache.source, Some(&state.mask))?;
            states = layer.cross_attention_norm.forward(&(states + attended)?)?;
            if index == layer_index {
                attention = Some(weights.i((.., head, 0, ..))?); // [rows, src]
            }

            let fed = layer.feed_forward.forward(&states)?;
            states = layer.final_norm.forward(&(states + fed)?)?;
        }
        state.position += 1;
        let attention = attention.ok_or_else(|| {
            candle_core::Error::Msg(format!("the decoder has no layer {layer_index}"))
        })?;
        Ok((states.squeeze(1)?, attention))
    }
}

/// 0 on and before a position, minus infinity behind it: `[1, 1, len, len]`.
fn causal_mask(len: usize, device: &Device) -> TensorResult<Tensor> {
    let value = |at: usize| {
        if at % len <= at / len {
            0.0
        } else {
            f32::NEG_INFINITY
        }
    };
    let values: Vec<f32> = (0..len * len).map(value).collect();
    Tensor::from_vec(values, (1, 1, len, len), device)
}

impl DecoderState {
    /// Makes row `i` what row `rows[i]` was.
    pub(super) fn reorder(&mut self, rows: &[usize]) -> TensorResult<()> {
        // A GPU computes nothing of no size, and no step follows.
        if rows.is_empty() {
            return Ok(());
        }
        let device = self.mask.device();
        let indices = |rows: &[usize]| {
            let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
            Tensor::new(rows, device)
        };
        let row_sentence: Vec<usize> = rows.iter().map(|&row| self.row_sentence[row]).collect();
        let row_index = indices(rows)?;
        for cache in &mut self.layers {
            if let Some(past) = &cache.self_attention {
                cache.self_attention = Some(past.select_rows(&row_index)?);
            }
        }
        // Beams trade places in every step, but hardly ever between sentences.
        if row_sentence != self.row_sentence {
            let sentence_index = indices(&row_sentence)?;
            for cache in &mut self.layers {
                cache.source = cache.sentence_source.select_rows(&sentence_index)?;
            }
            self.mask = self.sentence_mask.index_select(&sentence_index, 0)?;
        }
        self.row_sentence = row_sentence;
        Ok(())
    }
}
