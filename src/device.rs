//! The devices that the reference engine computes on: the processor, and what the
//! features `cuda` and `metal` add.

#[cfg(feature = "cuda")]
mod cuda;

use std::fmt;
use std::str::FromStr;

use candle_core::{Device, DeviceLocation};

use crate::error::{Error, Result};

/// Which device is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A GPU if this program can use one, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// The NVIDIA GPU of this number; the driver counts from 0.
    Cuda(usize),
    /// The GPU of an Apple computer.
    Metal,
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok();
        match text {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            "metal" => Some(Self::Metal),
            _ => text.strip_prefix("cuda:").and_then(number).map(Self::Cuda),
        }
        .ok_or_else(|| "auto, cpu, cuda, cuda:N or metal is needed".to_owned())
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

/// What a choice led to.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The device, which has been tried.
    pub device: Device,
    /// Why it is not a GPU, though this program can use one and no device was
    /// named.
    pub no_gpu: Option<String>,
}

impl DeviceChoice {
    /// Opens the device, and tries it with a small computation.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when this program was built without what it needs,
    /// [`Error::Device`] when the device, its driver or one of its libraries is
    /// missing.
    pub fn open(self) -> Result<Chosen> {
        let device = match self {
            Self::Cuda(number) => open_cuda(number)?,
            Self::Metal => open_metal()?,
            Self::Auto if cfg!(any(feature = "cuda", feature = "metal")) => {
                let gpu = if cfg!(feature = "cuda") {
                    open_cuda(0)
                } else {
                    open_metal()
                };
                match gpu {
                    Ok(gpu) => gpu,
                    Err(error) => {
                        return Ok(Chosen {
                            device: Device::Cpu,
                            no_gpu: Some(error.to_string()),
                        });
                    }
                }
            }
            Self::Auto | Self::Cpu => Device::Cpu,
        };
        Ok(Chosen {
            device,
            no_gpu: None,
        })
    }
}

#[cfg(feature = "cuda")]
use cuda::open as open_cuda;

#[cfg(not(feature = "cuda"))]
fn open_cuda(number: usize) -> Result<Device> {
    Err(Error::Options(format!(
        "this program cannot use cuda:{number}: build it with the feature `cuda` (README, “NVIDIA GPUs”), or use --device cpu"
    )))
}

fn open_metal() -> Result<Device> {
    if !cfg!(feature = "metal") {
        return Err(Error::Options(
            "this program cannot use an Apple GPU: build it with the feature `metal`, or use --device cpu"
                .to_owned(),
        ));
    }
    Device::new_metal(0)
        .map_err(|error| Error::Device(format!("cannot use the Apple GPU: {error}")))
}

/// What a device is called: `cpu`, or the GPU's name with its number.
#[must_use]
pub fn name(device: &Device) -> String {
    match device.location() {
        DeviceLocation::Cpu => "cpu".to_owned(),
        DeviceLocation::Metal { .. } => "metal".to_owned(),
        DeviceLocation::Cuda { gpu_id } => match cuda_name(device) {
            Some(name) => format!("cuda:{gpu_id} ({name})"),
            None => format!("cuda:{gpu_id}"),
        },
    }
}

#[cfg(feature = "cuda")]
use cuda::{is_out_of_memory as cuda_is_out_of_memory, memory as cuda_memory, name as cuda_name};

#[cfg(not(feature = "cuda"))]
fn cuda_name(_device: &Device) -> Option<String> {
    None
}

/// The memory of a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceMemory {
    /// Bytes that no program uses.
    pub free: usize,
    /// All bytes.
    pub total: usize,
}

/// The memory of an NVIDIA GPU as it is now; `None` for other devices.
#[must_use]
pub fn memory(device: &Device) -> Option<DeviceMemory> {
    cuda_memory(device)
}

#[cfg(not(feature = "cuda"))]
fn cuda_memory(_device: &Device) -> Option<DeviceMemory> {
    None
}

/// Whether a tensor operation failed because the device's memory is too small.
pub(crate) fn is_out_of_memory(error: &candle_core::Error) -> bool {
    match error {
        candle_core::Error::WithBacktrace { inner, .. }
        | candle_core::Error::Context { inner, .. }
        | candle_core::Error::WithPath { inner, .. } => is_out_of_memory(inner),
        candle_core::Error::Cuda(error) => cuda_is_out_of_memory(&**error),
        _ => false,
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda_is_out_of_memory(_error: &(dyn std::error::Error + 'static)) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_as_they_are_written() {
        for (text, choice) in [
            ("auto", DeviceChoice::Auto),
            ("cpu", DeviceChoice::Cpu),
            ("cuda:0", DeviceChoice::Cuda(0)),
            ("cuda:11", DeviceChoice::Cuda(11)),
            ("metal", DeviceChoice::Metal),
        ] {
            assert_eq!(text.parse(), Ok(choice));
            assert_eq!(choice.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "CUDA", "cpu:0"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_processor_is_always_there() {
        let chosen = DeviceChoice::Cpu.open().unwrap();
        assert!(chosen.device.is_cpu() && chosen.no_gpu.is_none());
        assert_eq!(name(&chosen.device), "cpu");
        assert_eq!(memory(&chosen.device), None);
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn without_the_feature_auto_is_the_processor_and_cuda_a_usage_error() {
        assert!(DeviceChoice::Auto.open().unwrap().device.is_cpu());
        let error = DeviceChoice::Cuda(0).open().unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn other_failures_are_not_taken_for_memory() {
        let error = candle_core::Error::Msg("out of memory".to_owned()).bt();
        assert!(!is_out_of_memory(&error));
        assert!(matches!(Error::from(error), Error::Tensor(_)));
    }
}
