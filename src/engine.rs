//! The engines that a model can be loaded into.

use candle_core::Device;

use crate::batch::{BatchLimits, SentenceQueue};
use crate::beam_search::{BeamSearch, Found};
use crate::checkpoint::{Checkpoint, WeightsFile};
use crate::error::{Error, Result};
use crate::fast::{FastMarian, Int8, Isa, Single};
use crate::marian::{AttentionHead, Config, GenerationConfig, Marian};

/// Logits of all rows of a batch of the reference engine: 128 MB.
const MAX_LOGITS: usize = 32 * 1024 * 1024;

/// Rows of the fast engine: more fill the caches with activations and gain
/// nothing.
const MAX_ROWS: usize = 192;

/// Which engine a model is loaded into.
#[derive(Debug, Clone)]
pub enum EngineChoice {
    /// Kernels for processors.
    Fast(Compute),
    /// candle, in f32.
    Reference(Device),
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
            other => Self::Reference(other.clone()),
        }
    }
}

/// A network that is ready.
#[derive(Debug)]
pub enum Engine {
    /// candle, in f32.
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
            EngineChoice::Reference(device) => Self::Reference(Box::new(Marian::load(
                &Checkpoint::of(weights)?,
                config,
                generation,
                guided,
                device,
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

    /// The instruction set of the fast engine.
    #[must_use]
    pub fn isa(&self) -> Option<Isa> {
        match self {
            Self::Reference(_) => None,
            Self::Int8(marian) => Some(marian.isa()),
            Self::F32(marian) => Some(marian.isa()),
        }
    }

    /// What one worker takes at once: `tokens` source tokens, and as many
    /// sentences as the engine's memory is made for.
    #[must_use]
    pub fn limits(&self, beam_size: usize, tokens: usize) -> BatchLimits {
        let sentences = match self {
            Self::Reference(marian) => {
                MAX_LOGITS / (beam_size * marian.config().target_vocab_size())
            }
            Self::Int8(_) | Self::F32(_) => MAX_ROWS / beam_size,
        };
        BatchLimits {
            tokens,
            sentences: sentences.max(1),
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
