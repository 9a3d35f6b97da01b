//! Where a model's tensors are, and what numbers they hold.

use candle_core::{DType, Device};

/// What weights and activations are stored as. Positions, masks, softmax,
/// attention weights, log-sum-exp and scores are f32 in any case, and sums inside
/// of products and norms are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloatFormat {
    /// 32 bits.
    F32,
    /// IEEE 754 half precision: 11 bits of precision, up to 65504.
    F16,
    /// The upper half of an f32: 8 bits of precision, the range of f32.
    Bf16,
}

impl FloatFormat {
    /// candle's name for it.
    #[must_use]
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }

    /// Bytes of a number.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.dtype().size_in_bytes()
    }
}

/// Where a model's tensors are, and what they hold.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The device that computes.
    pub device: Device,
    /// The format of the weights.
    pub floats: FloatFormat,
}

impl From<&Device> for Placement {
    /// In f32.
    fn from(device: &Device) -> Self {
        Self {
            device: device.clone(),
            floats: FloatFormat::F32,
        }
    }
}
