//! The fast engine for processors: the same network as [`crate::marian`], in
//! int8 with kernels of our own.
//!
//! ```text
//! simd        sixteen lanes on each instruction set; isa chooses one
//! precision   int8 or f32
//! gemm        activations × packed matrix → tiles → an epilogue:
//!             store, add, activation, output (softmax and best tokens)
//! norm, attention
//! layers      embed, project, add and normalise, feed-forward
//! encoder, decoder, state
//! network     where each matrix lies in the block of weights (packed)
//! packing     checkpoint → block; pack_file keeps it for the next start
//! ```
//!
//! Weights are int8 with a scale for each output, activations u8 with a scale
//! for each row, products exact 32-bit integers. Every row is computed by itself,
//! over its own positions, with a fixed order of operations: its numbers do not
//! depend on the batch, the threads or the instruction set, bit for bit.

#![expect(
    clippy::inline_always,
    reason = "what a kernel calls must become part of a function that has the instructions"
)]
#![expect(
    clippy::many_single_char_names,
    clippy::needless_range_loop,
    reason = "formulas; loops over constants, which the compiler unrolls"
)]

mod activation;
mod attention;
mod decoder;
mod encoder;
mod gemm;
mod isa;
mod layers;
mod network;
mod norm;
mod output;
mod pack_file;
mod packed;
mod packing;
mod precision;
mod simd;
mod state;

use std::fmt;

pub use isa::{ISA_VARIABLE, Isa};
pub use state::State;

use crate::batch::TokenBatch;
use crate::beam_search::{Boundaries, Scorer, Step, StepQuery};
use crate::checkpoint::{Checkpoint, WeightsFile};
use crate::error::{Error, Result};
use crate::marian::{AttentionHead, Config, GenerationConfig};
use crate::tokenizer::TokenId;
use decoder::Decoding;
use layers::Layers;
use network::{Network, target_rows};
pub use pack_file::PACKED_VARIABLE;
use pack_file::PackFile;
use packed::Weights;
pub use precision::{Int8, Precision, Single};
use simd::{LANES, Lanes};

/// Tokens that are encoded at once: enough rows for the kernels, few enough for
/// the caches.
const ENCODED_AT_ONCE: usize = 512;

/// A Marian model for processors; immutable, all change lives in [`State`].
pub struct FastMarian<P: Precision> {
    config: Config,
    isa: Isa,
    network: Network<P>,
    weights: Weights,
    /// Minus infinity where a token is never generated.
    output_bias: Vec<Lanes>,
    boundaries: Boundaries,
    /// Layer and head whose attention is returned.
    guided: (usize, usize),
}

/// Logits of one step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepLogits {
    /// `[rows][target vocab]`, bias included and nothing masked.
    pub logits: Vec<Vec<f32>>,
    /// The guided head's: `[rows][src]`.
    pub attention: Vec<Vec<f32>>,
}

impl<P: Precision> fmt::Debug for FastMarian<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FastMarian")
            .field("config", &self.config)
            .field("precision", &P::NAME)
            .field("isa", &self.isa)
            .finish_non_exhaustive()
    }
}

impl<P: Precision> FastMarian<P> {
    /// Packs the weights of a model whose shape is `config`, or maps what was
    /// packed before.
    ///
    /// Of `generation` the token ids are used; `<pad>` is never generated in any
    /// case. `guided` is the head whose attention [`Scorer::step`] returns.
    ///
    /// # Errors
    ///
    /// As [`Marian::load`](crate::marian::Marian::load), and
    /// [`Error::Checkpoint`] when a weight is not a number.
    pub fn load(
        weights: WeightsFile,
        config: Config,
        generation: &GenerationConfig,
        guided: AttentionHead,
        isa: Isa,
    ) -> Result<Self> {
        let guided = guided.index(&config)?;
        let boundaries = generation.boundaries(&config);
        if boundaries.start as usize >= target_rows(&config) {
            return Err(Error::Options(format!(
                "the start token {} is outside the target vocabulary",
                boundaries.start
            )));
        }
        let (network, weights) = packed_weights(weights, &config)?;
        let mut output_bias = weights.section(&network.output.bias).to_vec();
        for token in generation.suppressed(&config) {
            if let Some(lanes) = output_bias.get_mut(token as usize / LANES) {
                lanes.0[token as usize % LANES] = f32::NEG_INFINITY;
            }
        }
        Ok(Self {
            config,
            isa,
            network,
            weights,
            output_bias,
            boundaries,
            guided,
        })
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The instruction set that computes.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Feeds one token to each row of `state`; returns what stands before the
    /// softmax.
    ///
    /// # Errors
    ///
    /// As [`Scorer::step`].
    pub fn step_logits(&self, state: &mut State<P>, tokens: &[TokenId]) -> Result<StepLogits> {
        let query = StepQuery {
            tokens,
            banned: &vec![Vec::new(); tokens.len()],
            top_k: 1,
        };
        let step = self.step(state, &query)?;
        let rows = tokens.len();
        let logits = Layers::new(self, &mut state.arena, rows)
            .logits(&self.decoding(), self.config.target_vocab_size());
        Ok(StepLogits {
            logits,
            attention: step.attention,
        })
    }

    fn decoding(&self) -> Decoding<'_, P> {
        Decoding {
            network: &self.network,
            scale: self.embedding_scale(),
            guided: self.guided,
            output_bias: &self.output_bias,
        }
    }

    fn embedding_scale(&self) -> f32 {
        if self.config.scale_embedding {
            (self.config.d_model as f64).sqrt() as f32
        } else {
            1.0
        }
    }

    /// Encodes sentences and adds them to a state.
    fn encode(&self, state: &mut State<P>, sources: &[Vec<TokenId>]) {
        let lengths: Vec<usize> = sources.iter().map(Vec::len).collect();
        let mut layers = Layers::new(self, &mut state.arena, lengths.iter().sum());
        layers.encode(&self.network, self.embedding_scale(), sources);
        let projected = layers.project_sources(&self.network, &lengths);
        for (source, length) in projected.into_iter().zip(lengths) {
            state.push(source, length);
        }
    }
}

impl<P: Precision> Scorer for FastMarian<P> {
    type State = State<P>;

    const CONTINUOUS: bool = true;

    fn start(&self, batch: &TokenBatch) -> Result<State<P>> {
        let slot_lanes = 2 * self.network.decoder_heads.lanes();
        let mut state = State::new(self.network.decoder.len(), slot_lanes);
        self.admit(&mut state, batch)?;
        Ok(state)
    }

    fn admit(&self, state: &mut State<P>, batch: &TokenBatch) -> Result<()> {
        self.config.check_sources(&batch.sources)?;
        let mut rest = &batch.sources[..];
        while !rest.is_empty() {
            let mut tokens = 0;
            let fit = rest.iter().take_while(|source| {
                tokens += source.len();
                tokens <= ENCODED_AT_ONCE
            });
            let (now, later) = rest.split_at(fit.count().max(1));
            self.encode(state, now);
            rest = later;
        }
        Ok(())
    }

    fn step(&self, state: &mut State<P>, query: &StepQuery) -> Result<Step> {
        let limit = self.config.max_position_embeddings;
        if state.rows.iter().any(|row| row.slots.len() >= limit) {
            return Err(Error::Options(format!(
                "a translation is longer than the model's {limit} positions"
            )));
        }
        let embeddings = target_rows(&self.config);
        if let Some(token) = query.tokens.iter().find(|&&id| id as usize >= embeddings) {
            return Err(Error::Options(format!(
                "token {token} is outside the target vocabulary of {embeddings}"
            )));
        }
        let mut banned = query.banned.to_vec();
        for tokens in &mut banned {
            tokens.sort_unstable();
            tokens.dedup();
        }
        let query = StepQuery {
            banned: &banned,
            ..*query
        };
        state.extend_rows();
        let State {
            rows,
            sentences,
            cache,
            arena,
            ..
        } = state;
        Ok(Layers::new(self, arena, rows.len()).decode(
            &self.decoding(),
            &query,
            rows,
            sentences,
            cache,
        ))
    }

    fn reorder(&self, state: &mut State<P>, rows: &[usize]) -> Result<()> {
        state.reorder(rows);
        Ok(())
    }

    fn boundaries(&self) -> Boundaries {
        self.boundaries
    }
}

/// The packed weights of a file: from the cache, else packed, and kept there if
/// that is worth it.
fn packed_weights<P: Precision>(
    weights: WeightsFile,
    config: &Config,
) -> Result<(Network<P>, Weights)> {
    let kept = match weights {
        WeightsFile::Path(path) => PackFile::of::<P>(path, config),
        WeightsFile::Static { .. } => None,
    };
    if let Some(found) = kept.as_ref().and_then(|kept| kept.open(config)) {
        return Ok(found);
    }
    let (network, block, shared) = packing::pack::<P>(&Checkpoint::of(weights)?, config)?;
    if let Some(kept) = kept.filter(|_| pack_file::is_worth_keeping(network.bytes))
        && let Err(error) = kept.write(&block, shared)
    {
        tracing::info!("the packed weights are not kept: {error}");
    }
    Ok((network, block.into()))
}

impl<'a, P: Precision> Layers<'a, P> {
    fn new(model: &'a FastMarian<P>, arena: &'a mut layers::Arena<P>, rows: usize) -> Self {
        Self {
            isa: model.isa,
            weights: &model.weights,
            arena,
            rows,
            d_model: model.config.d_model,
            width: model.network.width,
            activation: model.config.activation,
        }
    }
}
