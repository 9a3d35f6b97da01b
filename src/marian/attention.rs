//! Multi-head attention and the feed-forward block, post-norm.

use candle_core::{DType, Module, Result as TensorResult, Tensor};
use candle_nn::{Activation, LayerNorm, Linear};

use super::Placement;
use crate::checkpoint::Checkpoint;
use crate::error::Result;

/// `eps` of torch's `nn.LayerNorm`.
const LAYER_NORM_EPS: f64 = 1e-5;

/// Reads tensors below one prefix of a checkpoint.
pub(super) struct Weights<'a> {
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) prefix: String,
    pub(super) placement: &'a Placement,
}

impl<'a> Weights<'a> {
    /// The weights below `prefix.name`.
    pub(super) fn below(&self, name: &str) -> Weights<'a> {
        Weights {
            checkpoint: self.checkpoint,
            prefix: format!("{}.{name}", self.prefix),
            placement: self.placement,
        }
    }

    /// A tensor of the given shape.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let name = format!("{}.{name}", self.prefix);
        let Placement { device, floats } = self.placement;
        self.checkpoint.tensor(&name, shape, floats.dtype(), device)
    }

    fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Result<Linear> {
        let weights = self.below(name);
        let weight = weights.tensor("weight", &[outputs, inputs])?;
        Ok(Linear::new(
            weight,
            Some(weights.tensor("bias", &[outputs])?),
        ))
    }

    pub(super) fn layer_norm(&self, name: &str, width: usize) -> Result<LayerNorm> {
        let weights = self.below(name);
        let weight = weights.tensor("weight", &[width])?;
        Ok(LayerNorm::new(
            weight,
            weights.tensor("bias", &[width])?,
            LAYER_NORM_EPS,
        ))
    }
}

/// Keys and values of an attention, projected and split into heads.
#[derive(Debug, Clone)]
pub(super) struct KeysValues {
    keys: Tensor,   // [rows, heads, len, head_dim]
    values: Tensor, // [rows, heads, len, head_dim]
}

impl KeysValues {
    /// With those of later positions behind.
    pub(super) fn append(&self, later: &Self) -> TensorResult<Self> {
        Ok(Self {
            keys: Tensor::cat(&[&self.keys, &later.keys], 2)?,
            values: Tensor::cat(&[&self.values, &later.values], 2)?,
        })
    }

    /// The given rows, in the given order.
    pub(super) fn select_rows(&self, rows: &Tensor) -> TensorResult<Self> {
        Ok(Self {
            keys: self.keys.index_select(rows, 0)?,
            values: self.values.index_select(rows, 0)?,
        })
    }
}

/// Multi-head attention (Vaswani et al. 2017, section 3.2).
#[derive(Debug)]
pub(super) struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
    scale: f64,
}

impl Attention {
    pub(super) fn load(weights: &Weights, width: usize, heads: usize) -> Result<Self> {
        Ok(Self {
            query: weights.linear("q_proj", width, width)?,
            key: weights.linear("k_proj", width, width)?,
            value: weights.linear("v_proj", width, width)?,
            output: weights.linear("out_proj", width, width)?,
            heads,
            scale: ((width / heads) as f64).powf(-0.5),
        })
    }

    /// Projects keys and values of `states` (`[rows, len, d_model]`).
    pub(super) fn keys_values(&self, states: &Tensor) -> TensorResult<KeysValues> {
        Ok(KeysValues {
            keys: self.split_heads(&self.key.forward(states)?)?,
            values: self.split_heads(&self.value.forward(states)?)?,
        })
    }

    /// Attends from `states` (`[rows, tgt, d_model]`) to keys and values of
    /// `src` positions. `mask` is added to the scores and broadcasts to
    /// `[rows, heads, tgt, src]`. Returns the result `[rows, tgt, d_model]` and
    /// the weights `[rows, heads, tgt, src]`. Mask, softmax and weights are in f32
    /// whatever the rest is in.
    pub(super) fn attend(
        &self,
        states: &Tensor,
        source: &KeysValues,
        mask: Option<&Tensor>,
    ) -> TensorResult<(Tensor, Tensor)> {
        let (rows, tgt_len, width) = states.dims3()?;
        let queries = self.split_heads(&self.query.forward(states)?)?; // [rows, heads, tgt, head_dim]
        let scores = (queries.matmul(&source.keys.t()?)? * self.scale)?; // [rows, heads, tgt, src]
        let scores = scores.to_dtype(DType::F32)?;
        let scores = match mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let weights = candle_nn::ops::softmax_last_dim(&scores)?; // [rows, heads, tgt, src]
        let mixed = weights
            .to_dtype(source.values.dtype())?
            .matmul(&source.values)?; // [rows, heads, tgt, head_dim]
        let merged = mixed.transpose(1, 2)?.reshape((rows, tgt_len, width))?; // [rows, tgt, d_model]
        Ok((self.output.forward(&merged)?, weights))
    }

    fn split_heads(&self, states: &Tensor) -> TensorResult<Tensor> {
        let (rows, len, width) = states.dims3()?;
        states
            .reshape((rows, len, self.heads, width / self.heads))?
            .transpose(1, 2)?
            .contiguous()
    }
}

/// `fc2(activation(fc1(x)))`.
#[derive(Debug)]
pub(super) struct FeedForward {
    inner: Linear,
    outer: Linear,
    activation: Activation,
}

impl FeedForward {
    pub(super) fn load(
        weights: &Weights,
        width: usize,
        ffn_dim: usize,
        activation: Activation,
    ) -> Result<Self> {
        Ok(Self {
            inner: weights.linear("fc1", width, ffn_dim)?,
            outer: weights.linear("fc2", ffn_dim, width)?,
            activation,
        })
    }

    pub(super) fn forward(&self, states: &Tensor) -> TensorResult<Tensor> {
        self.outer
            .forward(&self.activation.forward(&self.inner.forward(states)?)?)
    }
}
