//! The engines that a model can be loaded into.

use std::fmt;

use candle_core::Device;

use crate::batch::{BatchLimits, SentenceQueue};
use crate::beam_search::{BeamSearch, Found};
use crate::checkpoint::{Checkpoint, WeightsFile};
use crate::error::{Error, Result};
use crate::fast::{FastMarian, Int8, Isa, Single};
use crate::marian::{AttentionHead, Config, FloatFormat, GenerationConfig, Marian, Placement};

/// Logits of all rows of a batch of the reference engine: 128 MB.
const MAX_LOGITS: usize = 32 * 1024 * 1024;

/// Source tokens of a batch of the reference engine on a processor, padding
/// included, unless another number is wanted.
const REFERENCE_TOKENS: usize = 768;

/// Of the fast engine: source tokens, and those times the beam, which is about the
/// positions that a worker keeps keys and values of: 60 MB for opus-mt's shape.
const FAST_TOKENS: usize = 2560;
const FAST_POSITIONS: usize = 5120;

/// Rows and sentences of the fast engine: more fill the caches with activations,
/// keys and values, and gain nothing.
const MAX_ROWS: usize = 192;
const MAX_SENTENCES: usize = 96;

/// Which engine a model is loaded into.
#[derive(Debug, Clone)]
pub enum EngineChoice {
    /// Kernels for processors.
    Fast(Compute),
    /// candle.
    Reference(Placement),
}

/// What the fast engine multiplies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compute {
    /// int8 weights and activations, exact sums.
    Int8,
    /// f32.
    F32,
}

impl From<&Device> for EngineChoice {
    /// The best engine for a device.
    fn from(device: &Device) -> Self {
        match device {
            Device::Cpu => Self::Fast(Compute::Int8),
            gpu => Self::Reference(Placement {
                device: gpu.clone(),
                floats: FloatFormat::F16,
            }),
        }
    }
}

impl EngineChoice {
    /// candle on the processor in f32, which the other engines are compared with.
    #[must_use]
    pub fn reference() -> Self {
        Self::Reference((&Device::Cpu).into())
    }
}

/// A network that is ready.
#[derive(Debug)]
pub enum Engine {
    /// candle.
    Reference(Box<Marian>),
    /// Kernels for processors, in int8.
    Int8(Box<FastMarian<Int8>>),
    /// The same in f32.
    F32(Box<FastMarian<Single>>),
}

impl Engine {
    /// Loads the weights of a model whose shape is `config`.
    ///
    /// # Errors
    ///
    /// When the checkpoint does not fit, `guided` does not exist, or
    /// `DOLMETSCH_ISA` names what this processor lacks.
    pub fn load(
        choice: &EngineChoice,
        weights: WeightsFile,
        config: Config,
        generation: &GenerationConfig,
        guided: AttentionHead,
    ) -> Result<Self> {
        Ok(match choice {
            EngineChoice::Reference(placement) => Self::Reference(Box::new(Marian::load(
                &Checkpoint::of(weights)?,
                config,
                generation,
                guided,
                placement.clone(),
            )?)),
            EngineChoice::Fast(Compute::Int8) => Self::Int8(Box::new(FastMarian::load(
                weights,
                config,
                generation,
                guided,
                Isa::from_env()?,
            )?)),
            EngineChoice::Fast(Compute::F32) => Self::F32(Box::new(FastMarian::load(
                weights,
                config,
                generation,
                guided,
                Isa::from_env()?,
            )?)),
        })
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &Config {
        match self {
            Self::Reference(marian) => marian.config(),
            Self::Int8(marian) => marian.config(),
            Self::F32(marian) => marian.config(),
        }
    }

    /// The reference engine, which alone can be forced to write given
    /// translations.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when the model is in another.
    pub fn into_reference(self) -> Result<Marian> {
        match self {
            Self::Reference(marian) => Ok(*marian),
            Self::Int8(_) | Self::F32(_) => Err(Error::Options(
                "given translations are aligned by the reference engine: load the model into it"
                    .to_owned(),
            )),
        }
    }

    /// The device that computes.
    #[must_use]
    pub fn device(&self) -> &Device {
        match self {
            Self::Reference(marian) => &marian.placement().device,
            Self::Int8(_) | Self::F32(_) => &Device::Cpu,
        }
    }

    /// What the last digits of a score depend on: the engine, its numbers and the
    /// kind of device.
    #[must_use]
    pub fn arithmetic(&self) -> String {
        match self {
            Self::Int8(_) => "int8".to_owned(),
            Self::F32(_) => "f32".to_owned(),
            Self::Reference(marian) => {
                let Placement { device, floats } = marian.placement();
                let device = match device {
                    Device::Cpu => "cpu",
                    Device::Cuda(_) => "cuda",
                    Device::Metal(_) => "metal",
                };
                format!("reference {floats:?} on {device}").to_lowercase()
            }
        }
    }

    /// How many of `threads` workers search at once: on a GPU one, whose batches
    /// fill it.
    #[must_use]
    pub fn workers(&self, threads: usize) -> usize {
        if self.device().is_cpu() { threads } else { 1 }
    }

    /// What one worker takes at once: `tokens` source tokens, and as many sentences
    /// as the engine's memory is made for. Without a number of tokens, what a GPU
    /// has memory for; on a processor what suits the beam.
    #[must_use]
    pub fn limits(&self, beam_size: usize, tokens: Option<usize>) -> BatchLimits {
        let limits = match self {
            Self::Reference(marian) => marian.gpu_limits(beam_size).unwrap_or(BatchLimits {
                tokens: REFERENCE_TOKENS,
                sentences: MAX_LOGITS / (beam_size * marian.config().target_vocab_size()),
            }),
            Self::Int8(_) | Self::F32(_) => BatchLimits {
                tokens: FAST_TOKENS.min(FAST_POSITIONS / beam_size),
                sentences: MAX_SENTENCES.min(MAX_ROWS / beam_size),
            },
        };
        BatchLimits {
            tokens: tokens.unwrap_or(limits.tokens),
            sentences: limits.sentences.max(1),
        }
    }

    /// Searches the sentences of a queue, until it is empty; see
    /// [`BeamSearch::search_queue`].
    ///
    /// # Errors
    ///
    /// Whatever the engine reports.
    pub fn search(
        &self,
        search: &BeamSearch,
        queue: &SentenceQueue,
        finished: &dyn Fn(usize),
    ) -> Result<Vec<Found>> {
        match self {
            Self::Reference(marian) => search.search_queue(&**marian, queue, finished),
            Self::Int8(marian) => search.search_queue(&**marian, queue, finished),
            Self::F32(marian) => search.search_queue(&**marian, queue, finished),
        }
    }
}

impl fmt::Display for Engine {
    /// What computes: an instruction set, candle, or a GPU.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference(marian) if marian.placement().device.is_cpu() => f.write_str("candle"),
            Self::Reference(_) => f.write_str(&crate::device::name(self.device())),
            Self::Int8(marian) => marian.isa().fmt(f),
            Self::F32(marian) => marian.isa().fmt(f),
        }
    }
}
