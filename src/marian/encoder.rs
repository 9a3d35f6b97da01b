//! The encoder: source tokens to states.

use candle_core::{Module, Result as TensorResult, Tensor};
use candle_nn::LayerNorm;

use super::attention::{Attention, FeedForward, Weights};
use super::config::Config;
use super::embedding::Embedding;
use crate::error::Result;

/// A stack of post-norm self-attention layers.
#[derive(Debug)]
pub(super) struct Encoder {
    embedding: Embedding,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    self_attention: Attention,
    self_attention_norm: LayerNorm,
    feed_forward: FeedForward,
    final_norm: LayerNorm,
}

impl Encoder {
    pub(super) fn load(weights: &Weights, config: &Config, embedding: Embedding) -> Result<Self> {
        let layer = |index: usize| {
            let weights = weights.below(&format!("layers.{index}"));
            Ok(Layer {
                self_attention: Attention::load(
                    &weights.below("self_attn"),
                    config.d_model,
                    config.encoder_attention_heads,
                )?,
                self_attention_norm: weights.layer_norm("self_attn_layer_norm", config.d_model)?,
                feed_forward: FeedForward::load(
                    &weights,
                    config.d_model,
                    config.encoder_ffn_dim,
                    config.activation,
                )?,
                final_norm: weights.layer_norm("final_layer_norm", config.d_model)?,
            })
        };
        Ok(Self {
            embedding,
            layers: (0..config.encoder_layers)
                .map(layer)
                .collect::<Result<_>>()?,
        })
    }

    /// `tokens`: `[batch, src]`; `mask`: `[batch, 1, 1, src]`, 0 or minus
    /// infinity; returns `[batch, src, d_model]`.
    pub(super) fn forward(&self, tokens: &Tensor, mask: &Tensor) -> TensorResult<Tensor> {
        let mut states = self.embedding.forward(tokens, 0)?; // [batch, src, d_model]
        for layer in &self.layers {
            let source = layer.self_attention.keys_values(&states)?;
            let (attended, _) = layer.self_attention.attend(&states, &source, Some(mask))?;
            states = layer.self_attention_norm.forward(&(states + attended)?)?;
            let fed = layer.feed_forward.forward(&states)?;
            states = layer.final_norm.forward(&(states + fed)?)?;
        }
        Ok(states)
    }
}
