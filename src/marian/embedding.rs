//! Token embeddings plus sinusoidal positions.

use candle_core::{Device, Result as TensorResult, Tensor};

use super::attention::Weights;
use super::config::Config;
use crate::error::Result;

/// Token embeddings, scaled, plus the position's.
#[derive(Debug, Clone)]
pub(super) struct Embedding {
    tokens: Tensor,    // [vocab, d_model]
    positions: Tensor, // [max_positions, d_model]
    scale: f64,
}

impl Embedding {
    /// `weights` are those of the encoder or the decoder; the position table
    /// that old checkpoints carry is used when present.
    pub(super) fn load(weights: &Weights, config: &Config, tokens: Tensor) -> Result<Self> {
        let positions = weights.below("embed_positions");
        let shape = [config.max_position_embeddings, config.d_model];
        let stored = weights
            .checkpoint
            .contains(&format!("{}.weight", positions.prefix));
        Ok(Self {
            tokens,
            positions: if stored {
                positions.tensor("weight", &shape)?
            } else {
                sinusoidal_positions(shape[0], shape[1], weights.device)?
            },
            scale: if config.scale_embedding {
                (config.d_model as f64).sqrt()
            } else {
                1.0
            },
        })
    }

    /// `tokens`: `[rows, len]` at positions `first..first + len`; returns
    /// `[rows, len, d_model]`.
    pub(super) fn forward(&self, tokens: &Tensor, first: usize) -> TensorResult<Tensor> {
        let (rows, len) = tokens.dims2()?;
        let width = self.tokens.dim(1)?;
        let embedded = self.tokens.index_select(&tokens.flatten_all()?, 0)?; // [rows * len, d_model]
        let embedded = (embedded.reshape((rows, len, width))? * self.scale)?; // [rows, len, d_model]
        embedded.broadcast_add(&self.positions.narrow(0, first, len)?)
    }
}

/// Sines in the first half, cosines in the second, as transformers'
/// `MarianSinusoidalPositionalEmbedding` computes them (in f64, then f32).
fn sinusoidal_positions(positions: usize, width: usize, device: &Device) -> TensorResult<Tensor> {
    let sines = width.div_ceil(2);
    let angle = |position: usize, pair: usize| {
        position as f64 / 10_000_f64.powf(2.0 * pair as f64 / width as f64)
    };
    let table: Vec<f32> = (0..positions)
        .flat_map(|position| {
            (0..width).map(move |column| {
                if column < sines {
                    angle(position, column).sin() as f32
                } else {
                    angle(position, column - sines).cos() as f32
                }
            })
        })
        .collect();
    Tensor::from_vec(table, (positions, width), device)
}
