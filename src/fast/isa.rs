//! Which instructions this processor has, and running kernels with them.

use std::fmt;
use std::str::FromStr;

use super::simd::portable::Portable;
use super::simd::{Kernel, Simd};
#[cfg(target_arch = "x86_64")]
use super::simd::{amx::Amx, avx_vnni::AvxVnni, avx2::Avx2, avx512::Avx512};
use crate::error::{Error, Result};

/// The environment variable that forces an instruction set.
pub const ISA_VARIABLE: &str = "DOLMETSCH_ISA";

/// An instruction set that the kernels are written for. All give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust; on aarch64 the compiler makes NEON of it.
    Portable,
    /// AVX2 with FMA: widened products, since `vpmaddubsw` would saturate.
    Avx2,
    /// AVX2 with VNNI, on processors without AVX-512.
    AvxVnni,
    /// AVX-512 with VNNI.
    Vnni,
    /// AMX for products of many rows, else AVX-512 with VNNI.
    Amx,
}

impl Isa {
    const ALL: [Self; 5] = [
        Self::Portable,
        Self::Avx2,
        Self::AvxVnni,
        Self::Vnni,
        Self::Amx,
    ];

    /// Those that this processor has, the slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        Self::ALL
            .into_iter()
            .filter(|isa| isa.is_available())
            .collect()
    }

    /// The one that [`ISA_VARIABLE`] names, else the fastest of this processor.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when the variable names none, or one that this
    /// processor lacks.
    pub fn from_env() -> Result<Self> {
        let available = Self::available();
        let fastest = available.last().copied().unwrap_or(Self::Portable);
        let name = match std::env::var(ISA_VARIABLE) {
            Ok(name) if !name.trim().is_empty() => name,
            _ => return Ok(fastest),
        };
        let isa: Self = name.trim().parse()?;
        if !isa.is_available() {
            return Err(Error::Options(format!(
                "{ISA_VARIABLE} is `{isa}`, which this processor does not have (unset it for {fastest})"
            )));
        }
        Ok(isa)
    }

    #[cfg(target_arch = "x86_64")]
    fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            Self::Avx2 => Avx2::detect().is_some(),
            Self::AvxVnni => AvxVnni::detect().is_some(),
            Self::Vnni => Avx512::detect().is_some(),
            Self::Amx => Amx::detect().is_some(),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_available(self) -> bool {
        self == Self::Portable
    }

    /// Runs a kernel, compiled for this instruction set.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        macro_rules! with {
            ($simd:ty) => {
                if let Some(simd) = <$simd>::detect() {
                    return simd.run(kernel);
                }
            };
        }
        #[cfg(target_arch = "x86_64")]
        match self {
            Self::Amx => with!(Amx),
            Self::Vnni => with!(Avx512),
            Self::AvxVnni => with!(AvxVnni),
            Self::Avx2 => with!(Avx2),
            Self::Portable => {}
        }
        Portable.run(kernel)
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Vnni => "vnni",
            Self::Amx => "amx",
        })
    }
}

impl FromStr for Isa {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|isa| isa.to_string() == name)
            .ok_or_else(|| {
                Error::Options(format!(
                    "{ISA_VARIABLE} is `{name}` (it may be amx, vnni, avxvnni, avx2 or portable)"
                ))
            })
    }
}
