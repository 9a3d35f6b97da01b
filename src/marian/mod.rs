//! The reference engine: a Marian transformer on candle tensors, in f32, or on a
//! GPU also in f16 and bf16.
//!
//! It computes what transformers' `modeling_marian.py` computes (post-norm
//! layers, sinusoidal positions, `final_logits_bias`), with padding masked, the
//! source projected once, and the guided head's attention returned. It is the
//! oracle of the fast engine ([`crate::fast`]).

mod attention;
mod config;
mod decoder;
mod embedding;
mod encoder;
mod forced;
mod memory;
mod placement;
mod top_k;

pub use config::{Config, GenerationConfig};
pub use decoder::{AttentionHead, DecoderState};
pub use forced::Forced;
pub use placement::{FloatFormat, Placement};

use candle_core::{DType, Device, Tensor};

use crate::batch::{BatchLimits, TokenBatch};
use crate::beam_search::{Boundaries, Scorer, Step, StepQuery};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::tokenizer::TokenId;
use attention::Weights;
use decoder::Decoder;
use embedding::Embedding;
pub(crate) use embedding::positions;
use encoder::Encoder;
use top_k::TopK;

/// A Marian model; immutable, all change lives in [`DecoderState`].
#[derive(Debug)]
pub struct Marian {
    config: Config,
    encoder: Encoder,
    decoder: Decoder,
    output: Tensor,      // [d_model, target vocab]
    output_bias: Tensor, // [1, target vocab], in f32
    /// `None` where the device has no f64: Metal.
    top_k: Option<TopK>,
    suppressed: Vec<TokenId>,
    boundaries: Boundaries,
    /// Layer and head whose attention is returned.
    guided: (usize, usize),
    placement: Placement,
}

impl Marian {
    /// Loads the weights of a model whose shape is `config`.
    ///
    /// Of `generation` the token ids are used; `<pad>` is never generated in any
    /// case. `guided` is the head whose attention [`Scorer::step`] returns. On a
    /// [`Device`] alone, the numbers are f32.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] when a tensor is missing or has another shape,
    /// [`Error::Options`] when `guided` does not exist.
    pub fn load(
        checkpoint: &Checkpoint,
        config: Config,
        generation: &GenerationConfig,
        guided: AttentionHead,
        placement: impl Into<Placement>,
    ) -> Result<Self> {
        let placement = placement.into();
        let device = &placement.device;
        let guided = guided.index(&config)?;
        let embeddings =
            Embeddings::load(checkpoint, &config, device)?.into_floats(placement.floats)?;
        let target_rows = embeddings.target.dim(0)?;
        let below = |prefix: &str| Weights {
            checkpoint,
            prefix: prefix.to_owned(),
            placement: &placement,
        };
        let encoder_weights = below("model.encoder");
        let embedding = Embedding::load(&encoder_weights, &config, embeddings.source)?;
        let encoder = Encoder::load(&encoder_weights, &config, embedding)?;
        let decoder_weights = below("model.decoder");
        let embedding = Embedding::load(&decoder_weights, &config, embeddings.target)?;
        let decoder = Decoder::load(&decoder_weights, &config, embedding)?;
        let bias_shape = [1, config.target_vocab_size()];
        let output_bias = if checkpoint.contains("final_logits_bias") {
            checkpoint.tensor("final_logits_bias", &bias_shape, DType::F32, device)?
        } else {
            Tensor::zeros(&bias_shape, DType::F32, device)?
        };
        let suppressed = generation.suppressed(&config);
        let boundaries = generation.boundaries(&config);
        if boundaries.start as usize >= target_rows {
            return Err(Error::Options(format!(
                "the start token {} is outside the target vocabulary",
                boundaries.start
            )));
        }
        Ok(Self {
            encoder,
            decoder,
            output: embeddings.output.t()?,
            top_k: if device.is_metal() {
                None
            } else {
                Some(TopK::new(&output_bias, &suppressed)?)
            },
            output_bias,
            suppressed,
            boundaries,
            guided,
            placement,
            config,
        })
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where its tensors are.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// What fits the memory that a GPU has left; `None` on other devices.
    #[must_use]
    pub fn gpu_limits(&self, beam_size: usize) -> Option<BatchLimits> {
        let memory = crate::device::memory(&self.placement.device)?;
        let floats = self.placement.floats;
        Some(memory::limits(&self.config, floats, beam_size, memory.free))
    }

    /// The encoder's states `[batch, src, d_model]`; those of padding are
    /// meaningless.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when a token is not in the vocabulary or a sentence is
    /// longer than the model's positions.
    pub fn encode(&self, batch: &TokenBatch) -> Result<Tensor> {
        let (tokens, mask) = self.padded(batch)?;
        Ok(self.encoder.forward(&tokens, &mask)?)
    }

    /// Feeds one token to each row of `state`; returns the logits of what
    /// follows `[rows, target vocab]`, bias included and nothing masked, and the
    /// guided head's attention `[rows, src]`.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when a hypothesis outgrows the model's positions.
    pub fn step_logits(
        &self,
        state: &mut DecoderState,
        tokens: &[TokenId],
    ) -> Result<(Tensor, Tensor)> {
        let (states, attention) = self.feed(state, tokens)?;
        Ok((self.logits(&states)?, attention))
    }

    /// Feeds one token to each row; returns the decoder's states `[rows, d_model]`
    /// and the guided head's attention `[rows, src]`.
    fn feed(&self, state: &mut DecoderState, tokens: &[TokenId]) -> Result<(Tensor, Tensor)> {
        let tokens = Tensor::new(tokens, &self.placement.device)?;
        Ok(self.decoder.step(state, &tokens, self.guided)?)
    }

    /// What the logits are before the bias: `[rows, target vocab]`.
    fn scores(&self, states: &Tensor) -> Result<Tensor> {
        Ok(states.to_dtype(self.output.dtype())?.matmul(&self.output)?)
    }

    /// Logits in f32, bias included and nothing masked: `[rows, target vocab]`.
    fn logits(&self, states: &Tensor) -> Result<Tensor> {
        let scores = self.scores(states)?.to_dtype(DType::F32)?;
        Ok(scores.broadcast_add(&self.output_bias)?)
    }

    /// Token ids `[batch, src]`, and a mask `[batch, 1, 1, src]` that is 0 on
    /// tokens and minus infinity on padding.
    fn padded(&self, batch: &TokenBatch) -> Result<(Tensor, Tensor)> {
        let (rows, src_len) = (batch.len(), batch.src_len());
        self.config.check_sources(&batch.sources)?;
        let mut ids = vec![self.config.pad_token_id; rows * src_len];
        let mut mask = vec![f32::NEG_INFINITY; rows * src_len];
        for (row, source) in batch.sources.iter().enumerate() {
            ids[row * src_len..][..source.len()].copy_from_slice(source);
            mask[row * src_len..][..source.len()].fill(0.0);
        }
        // Padding is masked, so any row of the table serves for it.
        for id in &mut ids {
            *id = (*id).min(self.config.vocab_size as TokenId - 1);
        }
        let ids = Tensor::from_vec(ids, (rows, src_len), &self.placement.device)?;
        let mask = Tensor::from_vec(mask, (rows, 1, 1, src_len), &self.placement.device)?;
        Ok((ids, mask))
    }
}

impl Scorer for Marian {
    type State = DecoderState;

    const CONTINUOUS: bool = false;

    fn start(&self, batch: &TokenBatch) -> Result<DecoderState> {
        let (tokens, mask) = self.padded(batch)?;
        let encoded = self.encoder.forward(&tokens, &mask)?; // [batch, src, d_model]
        Ok(self.decoder.start(&encoded, mask)?)
    }

    fn admit(&self, state: &mut DecoderState, batch: &TokenBatch) -> Result<()> {
        *state = self.start(batch)?;
        Ok(())
    }

    fn step(&self, state: &mut DecoderState, query: &StepQuery) -> Result<Step> {
        let (states, attention) = self.feed(state, query.tokens)?;
        let on_device = self.top_k.as_ref();
        if let Some(top_k) = on_device.filter(|top_k| top_k.fits(query.top_k)) {
            let best = top_k.best(&self.scores(&states)?, query.banned, query.top_k)?;
            return Ok(best.with_attention(&attention)?);
        }
        let rows = self.logits(&states)?.to_vec2::<f32>()?;
        let candidates = rows.into_iter().zip(query.banned);
        let candidates = candidates.map(|(mut logits, banned)| {
            for &token in self.suppressed.iter().chain(banned) {
                if let Some(logit) = logits.get_mut(token as usize) {
                    *logit = f32::NEG_INFINITY;
                }
            }
            top_k::on_host(&logits, query.top_k)
        });
        Ok(Step {
            candidates: candidates.collect(),
            attention: attention.to_vec2()?,
        })
    }

    fn reorder(&self, state: &mut DecoderState, rows: &[usize]) -> Result<()> {
        Ok(state.reorder(rows)?)
    }

    fn boundaries(&self) -> Boundaries {
        self.boundaries
    }
}

/// The three embedding matrices, which may be one.
pub(crate) struct Embeddings {
    pub(crate) source: Tensor, // [vocab, d_model]
    pub(crate) target: Tensor, // [decoder vocab, d_model]
    pub(crate) output: Tensor, // [target vocab, d_model]
}

impl Embeddings {
    /// Finds them under the names that transformers gives them. Of tied
    /// matrices a checkpoint may hold any or all: each role takes its own when
    /// it is stored, else any of the group's (`modeling_utils.py`, weight tying
    /// of transformers 5).
    pub(crate) fn load(checkpoint: &Checkpoint, config: &Config, device: &Device) -> Result<Self> {
        const SHARED: &str = "model.shared.weight";
        const SOURCE: &str = "model.encoder.embed_tokens.weight";
        const TARGET: &str = "model.decoder.embed_tokens.weight";
        const OUTPUT: &str = "lm_head.weight";
        // The first that is stored.
        let stored = |names: &[&'static str]| {
            let stored = names.iter().find(|name| checkpoint.contains(name));
            *stored.unwrap_or(&names[0])
        };
        let read = |name: &str, rows: usize| {
            checkpoint.tensor(name, &[rows, config.d_model], DType::F32, device)
        };
        let load = |names: &[&'static str], rows: usize| read(stored(names), rows);
        // One that is tied to `first`, which is stored as `name`.
        let tied = |names: &[&'static str], first: &Tensor, name: &str| match stored(names) {
            own if own == name => Ok(first.clone()),
            own => same_once(read(own, first.dim(0)?)?, first),
        };
        let rows = config.vocab_size;
        match (
            config.share_encoder_decoder_embeddings,
            config.tie_word_embeddings,
        ) {
            (true, true) => {
                let name = stored(&[SOURCE, SHARED, TARGET, OUTPUT]);
                let source = read(name, rows)?;
                let target = tied(&[TARGET, SHARED, SOURCE, OUTPUT], &source, name)?;
                let output = tied(&[OUTPUT, SHARED, SOURCE, TARGET], &source, name)?;
                Ok(Self {
                    source,
                    target,
                    output,
                })
            }
            (false, true) => {
                let target_rows = config.decoder_vocab_size;
                let name = stored(&[TARGET, OUTPUT]);
                let target = read(name, target_rows)?;
                let output = tied(&[OUTPUT, TARGET], &target, name)?;
                Ok(Self {
                    source: load(&[SOURCE], rows)?,
                    target,
                    output,
                })
            }
            (shared, false) => {
                // transformers 4 shared the two embeddings even so.
                let fallback: &[&str] = if shared { &[SHARED] } else { &[] };
                Ok(Self {
                    source: load(&[&[SOURCE], fallback].concat(), rows)?,
                    target: load(&[&[TARGET], fallback].concat(), config.decoder_vocab_size)?,
                    output: load(&[OUTPUT], config.target_vocab_size())?,
                })
            }
        }
    }
}

impl Embeddings {
    /// In another format, those that are one still one. The output matrix is in f16
    /// also for bf16: its 8 bits would make many logits equal.
    fn into_floats(self, floats: FloatFormat) -> Result<Self> {
        let source = self.source.to_dtype(floats.dtype())?;
        let target = if self.target.id() == self.source.id() {
            source.clone()
        } else {
            self.target.to_dtype(floats.dtype())?
        };
        let output = match floats {
            FloatFormat::Bf16 => self.output.to_dtype(DType::F16)?,
            _ if self.output.id() == self.source.id() => source.clone(),
            _ if self.output.id() == self.target.id() => target.clone(),
            _ => self.output.to_dtype(floats.dtype())?,
        };
        Ok(Self {
            source,
            target,
            output,
        })
    }
}

/// `first` when the two are equal, so that tied matrices are in memory once.
fn same_once(tensor: Tensor, first: &Tensor) -> Result<Tensor> {
    let equal = tensor
        .eq(first)?
        .to_dtype(DType::U32)?
        .flatten_all()?
        .min(0)?
        .to_scalar::<u32>()?
        == 1;
    Ok(if equal { first.clone() } else { tensor })
}
