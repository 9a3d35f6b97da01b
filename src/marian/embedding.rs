//! Token embeddings plus sinusoidal positions.

use candle_core::{DType, Device, Result as TensorResult, Tensor};

use super::attention::Weights;
use super::config::Config;
use crate::checkpoint::Checkpoint;
use crate::error::Result;

/// Token embeddings, scaled, plus the position's.
#[derive(Debug, Clone)]
pub(super) struct Embedding {
    tokens: Tensor,    // [vocab, d_model]
    positions: Tensor, // [max_positions, d_model], in f32
    scale: f64,
}

impl Embedding {
    /// `weights` are those of the encoder or the decoder.
    pub(super) fn load(weights: &Weights, config: &Config, tokens: Tensor) -> Result<Self> {
        Ok(Self {
            tokens,
            positions: positions(
                weights.checkpoint,
                &weights.prefix,
                config,
                &weights.placement.device,
            )?,
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
        let embedded = embedded.to_dtype(DType::F32)?.reshape((rows, len, width))?;
        let embedded = (embedded * self.scale)?; // [rows, len, d_model]
        embedded
            .broadcast_add(&self.positions.narrow(0, first, len)?)?
            .to_dtype(self.tokens.dtype())
    }
}

/// The positions of the encoder or the decoder, whichever `prefix` names:
/// `[max_positions, d_model]`. The table that old checkpoints carry is used when
/// present.
pub(crate) fn positions(
    checkpoint: &Checkpoint,
    prefix: &str,
    config: &Config,
    device: &Device,
) -> Result<Tensor> {
    let name = format!("{prefix}.embed_positions.weight");
    let shape = [config.max_position_embeddings, config.d_model];
    if checkpoint.contains(&name) {
        checkpoint.tensor(&name, &shape, DType::F32, device)
    } else {
        Ok(sinusoidal_positions(shape[0], shape[1], device)?)
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
