//! The engine that the options ask for, on a device that is there.

use dolmetsch::device::{self, Chosen, DeviceChoice};
use dolmetsch::marian::{FloatFormat, Placement};
use dolmetsch::{EngineChoice, Error, Result};

use crate::cli::{Compute, Engine, EngineOptions};

/// The engine for translations. Says on stderr what a program that was built for a
/// GPU computes on.
pub(crate) fn engine(options: &EngineOptions, quiet: bool) -> Result<EngineChoice> {
    let chosen = open(options)?;
    say(&chosen, quiet);
    if chosen.device.is_cpu() && options.engine != Some(Engine::Reference) {
        return Ok(EngineChoice::Fast(match options.compute {
            None | Some(Compute::Int8) => dolmetsch::Compute::Int8,
            Some(Compute::F32) => dolmetsch::Compute::F32,
            Some(Compute::F16 | Compute::Bf16) => {
                return Err(Error::Options(
                    "the fast engine computes in int8 or f32: use --device cuda for 16-bit floats, or --engine reference"
                        .to_owned(),
                ));
            }
        }));
    }
    let default = if chosen.device.is_cpu() {
        FloatFormat::F32
    } else {
        FloatFormat::F16
    };
    Ok(EngineChoice::Reference(Placement {
        device: chosen.device,
        floats: match options.compute {
            None => default,
            Some(Compute::Int8) => {
                return Err(Error::Options(
                    "the reference engine computes in f32, f16 or bf16: use --engine fast for int8"
                        .to_owned(),
                ));
            }
            Some(compute) => floats(compute),
        },
    }))
}

/// The reference engine, which alone can be forced to write given translations; in
/// f32 unless 16 bits are asked for.
pub(crate) fn reference_engine(options: &EngineOptions, quiet: bool) -> Result<EngineChoice> {
    let chosen = open(options)?;
    say(&chosen, quiet);
    Ok(EngineChoice::Reference(Placement {
        device: chosen.device,
        floats: floats(options.compute.unwrap_or(Compute::F32)),
    }))
}

fn floats(compute: Compute) -> FloatFormat {
    match compute {
        Compute::F16 => FloatFormat::F16,
        Compute::Bf16 => FloatFormat::Bf16,
        Compute::Int8 | Compute::F32 => FloatFormat::F32,
    }
}

/// The device. What only processors do keeps `auto` there.
fn open(options: &EngineOptions) -> Result<Chosen> {
    let for_processors =
        options.engine == Some(Engine::Fast) || options.compute == Some(Compute::Int8);
    match options.device {
        DeviceChoice::Auto if for_processors => DeviceChoice::Cpu.open(),
        gpu @ (DeviceChoice::Cuda(_) | DeviceChoice::Metal) if for_processors => {
            Err(Error::Options(format!(
                "--engine fast and --compute int8 are for processors: leave them out, or leave out --device {gpu}"
            )))
        }
        choice => choice.open(),
    }
}

#[expect(clippy::print_stderr, reason = "users must know what computes")]
fn say(chosen: &Chosen, quiet: bool) {
    if quiet {
        return;
    }
    if let Some(reason) = &chosen.no_gpu {
        eprintln!("note: computing on the processor: {reason}");
    } else if !chosen.device.is_cpu() {
        eprintln!("note: computing on {}", device::name(&chosen.device));
    }
}
