//! NVIDIA GPUs. CUDA's libraries are opened at run time, so that the same program
//! runs where they are absent; see `scripts/cuda-toolkit.sh`.

use std::error::Error as StdError;

use candle_core::cuda_backend::CudaError;
use candle_core::cuda_backend::cudarc::cublas::result::CublasError;
use candle_core::cuda_backend::cudarc::cublas::sys::cublasStatus_t;
use candle_core::cuda_backend::cudarc::driver::sys::CUresult;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError};
use candle_core::cuda_backend::cudarc::{cublas, curand, driver};
use candle_core::{Device, Tensor};

use super::DeviceMemory;
use crate::error::{Error, Result};

/// Opens a GPU and tries it.
pub(super) fn open(number: usize) -> Result<Device> {
    if let Some(missing) = missing_library() {
        return Err(Error::Device(format!(
            "cannot use an NVIDIA GPU: {missing}, or use --device cpu)"
        )));
    }
    let unusable = |reason: &dyn std::fmt::Display| {
        Error::Device(format!(
            "cannot use cuda:{number}: {reason} (see what nvidia-smi says, or use --device cpu)"
        ))
    };
    let count = CudaContext::device_count().map_err(|error| unusable(&error))?;
    if number >= usize::try_from(count).unwrap_or(0) {
        return Err(unusable(&format!("the driver finds {count} GPUs")));
    }
    try_out(number).map_err(|error| match error {
        // Without candle's backtrace.
        candle_core::Error::WithBacktrace { inner, .. } => unusable(&inner),
        error => unusable(&error),
    })
}

/// The device after a product on it: that loads a kernel, which a driver refuses
/// that is older than the compiler, and asks cuBLAS for its memory.
fn try_out(number: usize) -> candle_core::Result<Device> {
    // One stream for all threads: `Device::new_cuda` has one for each, and what
    // one thread loads would not be there yet for another.
    let device = Device::new_cuda_with_stream(number)?;
    let cuda = device.as_cuda_device()?;
    // SAFETY: events keep the uses of a tensor on different streams apart; all
    // work on this device is in the one stream, and so is done in its order.
    #[expect(unsafe_code, reason = "an event for each use of each tensor is slow")]
    unsafe {
        cuda.disable_event_tracking();
    }
    let two = Tensor::new(&[[2.0_f32]], &device)?; // [1, 1]
    let five = (two.matmul(&two)? + 1.0)?; // [1, 1]
    if five.to_vec2::<f32>()? != [[5.0]] {
        candle_core::bail!("2 · 2 + 1 is not 5");
    }
    Ok(device)
}

/// The library that cannot be loaded, with what to do about it. cudarc would
/// panic.
fn missing_library() -> Option<&'static str> {
    // SAFETY: loading a library runs its initialisers. These are the libraries by
    // their own names, as the system's loader finds them for any program.
    #[expect(unsafe_code, reason = "libraries are loaded")]
    let (driver, cublas, curand) = unsafe {
        let driver = driver::sys::is_culib_present();
        // The others need the driver.
        (
            driver,
            driver && cublas::sys::is_culib_present(),
            driver && curand::sys::is_culib_present(),
        )
    };
    match (driver, cublas, curand) {
        (false, ..) => Some("libcuda.so.1 cannot be loaded (install NVIDIA's driver"),
        (_, false, _) => Some(
            "libcublas.so.13 or its libcublasLt.so.13 cannot be loaded (install CUDA 13's, or pip install nvidia-cublas, and name the folder in LD_LIBRARY_PATH",
        ),
        (.., false) => Some(
            "libcurand.so.10 cannot be loaded (install CUDA 13's, or pip install nvidia-curand, and name the folder in LD_LIBRARY_PATH",
        ),
        _ => None,
    }
}

/// What the driver calls the GPU.
pub(super) fn name(device: &Device) -> Option<String> {
    let cuda = device.as_cuda_device().ok()?;
    cuda.cuda_stream().context().name().ok()
}

/// The GPU's memory.
pub(super) fn memory(device: &Device) -> Option<DeviceMemory> {
    let cuda = device.as_cuda_device().ok()?;
    let (free, total) = cuda.cuda_stream().context().mem_get_info().ok()?;
    Some(DeviceMemory { free, total })
}

/// Whether the driver or cuBLAS had no memory to give.
pub(super) fn is_out_of_memory(error: &(dyn StdError + 'static)) -> bool {
    matches!(
        error.downcast_ref(),
        Some(
            CudaError::Cuda(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY))
                | CudaError::Cublas(CublasError(cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED))
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_driver_and_cublas_say_of_memory_is_understood() {
        let errors = [
            CudaError::Cuda(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)),
            CudaError::Cublas(CublasError(cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED)),
        ];
        for error in errors {
            let error = Error::from(candle_core::Error::from(error));
            assert!(matches!(error, Error::OutOfMemory(_)));
        }
        let other = CudaError::Cuda(DriverError(CUresult::CUDA_ERROR_INVALID_VALUE));
        let other = Error::from(candle_core::Error::from(other));
        assert!(matches!(other, Error::Tensor(_)));
    }
}
