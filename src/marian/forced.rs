//! Forced decoding: what a model thinks of a given translation, all positions at
//! once.

use candle_core::{D, DType, IndexOp, Tensor};

use super::Marian;
use crate::batch::TokenBatch;
use crate::error::{Error, Result};
use crate::tokenizer::TokenId;

/// What a model thinks of the targets of a batch.
#[derive(Debug)]
pub struct Forced {
    /// For each sentence the log-probability of each target token (natural
    /// logarithm).
    pub log_probs: Vec<Vec<f32>>,
    /// Cross-attention of each layer, `[batch, heads, tgt, src]`; row `t` is that
    /// of the step that outputs token `t`.
    attention: Vec<Tensor>,
    /// Tokens of source and target of each sentence.
    lengths: Vec<(usize, usize)>,
}

impl Forced {
    /// The attention of one head for a sentence of the batch, padding left out:
    /// `[target tokens][source tokens]`.
    ///
    /// # Errors
    ///
    /// When the model has no such layer or head.
    pub fn attention(&self, sentence: usize, layer: usize, head: usize) -> Result<Vec<Vec<f32>>> {
        let attention = self.attention.get(layer).ok_or_else(|| {
            Error::Options(format!(
                "the model has {} decoder layers, and no layer {layer}",
                self.attention.len()
            ))
        })?;
        let (src_len, tgt_len) = self.lengths[sentence];
        let rows = attention.i((sentence, head, ..tgt_len, ..src_len))?; // [tgt, src]
        Ok(rows.to_vec2()?)
    }
}

impl Marian {
    /// Decodes with the given targets, which end with `</s>`, in place of its own
    /// choices.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when a token is not in the vocabulary, or a sentence is
    /// longer than the model's positions.
    pub fn force(&self, batch: &TokenBatch, targets: &[Vec<TokenId>]) -> Result<Forced> {
        let (tokens, mask) = self.padded(batch)?;
        let encoded = self.encoder.forward(&tokens, &mask)?; // [batch, src, d_model]
        let inputs = self.decoder_inputs(targets)?; // [batch, tgt]
        let (states, attention) = self.decoder.force(&encoded, &mask, &inputs)?; // [batch, tgt, d_model]
        let log_probs = targets
            .iter()
            .enumerate()
            .map(|(row, target)| self.log_probs(&states.i((row, ..target.len()))?, target))
            .collect::<Result<_>>()?;
        let lengths = batch.sources.iter().zip(targets);
        Ok(Forced {
            log_probs,
            attention,
            lengths: lengths.map(|(s, t)| (s.len(), t.len())).collect(),
        })
    }

    /// What is fed for `targets`: the start token, then all but the last token,
    /// padded `[batch, tgt]`. Later positions are not seen, so any token pads.
    fn decoder_inputs(&self, targets: &[Vec<TokenId>]) -> Result<Tensor> {
        let tgt_len = targets.iter().map(Vec::len).max().unwrap_or(0);
        let positions = self.config.max_position_embeddings;
        let vocabulary = self.config.target_vocab_size();
        if tgt_len > positions {
            return Err(Error::Options(format!(
                "a target of {tgt_len} tokens is longer than the model's {positions} positions"
            )));
        }
        let unknown = targets
            .iter()
            .flatten()
            .find(|&&id| id as usize >= vocabulary);
        if let Some(id) = unknown {
            return Err(Error::Options(format!(
                "token {id} is outside the model's target vocabulary of {vocabulary}"
            )));
        }
        let mut inputs = vec![self.boundaries.end; targets.len() * tgt_len];
        for (row, target) in targets.iter().enumerate() {
            let fed = &mut inputs[row * tgt_len..][..target.len()];
            if let Some((first, rest)) = fed.split_first_mut() {
                *first = self.boundaries.start;
                rest.copy_from_slice(&target[..target.len() - 1]);
            }
        }
        Ok(Tensor::from_vec(
            inputs,
            (targets.len(), tgt_len),
            &self.placement.device,
        )?)
    }

    /// The log-probability of each token of `target`, given the decoder's states
    /// before it (`[tgt, d_model]`). What the model never generates has no part
    /// in the softmax, as in a search; a target that has it all the same gets
    /// minus infinity there.
    fn log_probs(&self, states: &Tensor, target: &[TokenId]) -> Result<Vec<f32>> {
        let logits = self.logits(states)?; // [tgt, target vocab]
        let mut suppressed = vec![0.0_f32; logits.dim(1)?];
        for &token in &self.suppressed {
            if let Some(logit) = suppressed.get_mut(token as usize) {
                *logit = f32::NEG_INFINITY;
            }
        }
        let suppressed = Tensor::new(suppressed, &self.placement.device)?.to_dtype(DType::F32)?;
        let logits = logits.broadcast_add(&suppressed)?;
        let chosen = Tensor::new(target, &self.placement.device)?.unsqueeze(1)?; // [tgt, 1]
        let log_sums = logits.log_sum_exp(D::Minus1)?; // [tgt]
        let log_probs = (logits.gather(&chosen, 1)?.squeeze(1)? - log_sums)?;
        Ok(log_probs.to_vec1()?)
    }
}
