//! The values that torch reads, and the messages when something is wrong.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device};
use dolmetsch::checkpoint::Checkpoint;
use serde::Deserialize;

use crate::{FORMATS, fixture};

#[derive(Deserialize)]
struct Expected {
    tensors: BTreeMap<String, ExpectedTensor>,
}

#[derive(Deserialize)]
struct ExpectedTensor {
    shape: Vec<usize>,
    /// Separated by spaces.
    values: String,
}

fn expected() -> BTreeMap<String, ExpectedTensor> {
    let json = std::fs::read(fixture("expected.json")).unwrap();
    serde_json::from_slice::<Expected>(&json).unwrap().tensors
}

/// The message of opening the file, which must fail.
fn refusal(path: &Path) -> String {
    Checkpoint::open(path).unwrap_err().to_string()
}

#[test]
fn every_format_gives_the_values_that_torch_reads() {
    let expected = expected();
    for file in FORMATS {
        let checkpoint = Checkpoint::open(&fixture(file)).unwrap();
        assert!(checkpoint.names().eq(expected.keys()), "{file}");
        for (name, tensor) in &expected {
            let shape = tensor.shape.as_slice();
            assert_eq!(checkpoint.shape(name), Some(shape), "{file} {name}");
            let read = checkpoint.tensor(name, shape, DType::F64, &Device::Cpu);
            let read = read.unwrap();
            assert!(read.is_contiguous());
            let values = read.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            let torch = tensor.values.split_terminator(' ');
            let torch: Vec<f64> = torch.map(|value| value.parse().unwrap()).collect();
            assert_eq!(values, torch, "{file} {name}");
        }
    }
}

#[test]
fn a_tensor_is_converted_to_the_type_that_is_asked_for() {
    let checkpoint = Checkpoint::open(&fixture("tensors.zip.bin")).unwrap();
    for (name, shape) in [("f16", 4), ("bf16", 4), ("f64", 2), ("i32", 2), ("i8", 2)] {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let tensor = checkpoint.tensor(name, &[shape], dtype, &Device::Cpu);
            assert_eq!(tensor.unwrap().dtype(), dtype, "{name}");
        }
    }
    let half = checkpoint.tensor("f16", &[4], DType::F32, &Device::Cpu);
    let half = half.unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(half[1..], [-65504.0, 5.960_464_5e-8, 1.0]);
}

#[test]
fn a_missing_tensor_and_a_wrong_shape_are_named() {
    let checkpoint = Checkpoint::open(&fixture("tensors.legacy.bin")).unwrap();
    let message = |name, shape: &[usize]| {
        let tensor = checkpoint.tensor(name, shape, DType::F32, &Device::Cpu);
        tensor.unwrap_err().to_string()
    };
    let path = fixture("tensors.legacy.bin");
    let prefix = format!("could not load weights from {}, tensor", path.display());
    assert_eq!(
        message("model.decoder.embed_tokens.weight", &[5, 3]),
        format!(
            "{prefix} model.decoder.embed_tokens.weight: is missing, expected with shape [5, 3]"
        )
    );
    assert_eq!(
        message("final_logits_bias", &[5]),
        format!("{prefix} final_logits_bias: has shape [1, 5], expected [5]")
    );
    assert!(!checkpoint.contains("model.decoder.embed_tokens.weight"));
    assert!(checkpoint.contains("final_logits_bias"));
}

#[test]
fn weights_in_memory_are_read_like_a_file() {
    let bytes = include_bytes!("../fixtures/checkpoints/tensors.safetensors");
    let checkpoint = Checkpoint::from_static("built-in model", bytes).unwrap();
    assert_eq!(checkpoint.names().count(), expected().len());
    let error = Checkpoint::from_static("built-in model", &bytes[..100]).unwrap_err();
    assert!(error.to_string().contains("from built-in model: "));
}

#[test]
fn a_pickle_that_wants_more_than_tensors_is_refused_by_name() {
    let refusals = [
        ("os_system_reduce", "refused to load posix.system: "),
        ("builtins_eval", "refused to load __builtin__.eval: "),
        ("stack_global", "refused to load posix.system: "),
        ("inst", "refused to load os.system: "),
        ("obj", "refused to load os.system: "),
        ("newobj", "refused to load subprocess.Popen: "),
        ("getattr", "refused to load builtins.getattr: "),
        ("torch_hub", "refused to load torch.hub.load: "),
        ("ext1", "instruction 0x82 is not needed for tensors"),
        ("call_of_storage", "calls what makes no tensor"),
        ("parameter_of_text", "a parameter is not made from a tensor"),
    ];
    for (name, expected) in refusals {
        for format in ["zip", "legacy"] {
            let path = fixture(&format!("hostile/{name}.{format}.bin"));
            let message = refusal(&path);
            assert!(message.contains(expected), "{message}");
            assert!(message.contains(&path.display().to_string()), "{message}");
        }
    }
    let tried = std::fs::read_dir(fixture("hostile")).unwrap().count();
    assert_eq!(tried, 2 * refusals.len());
}

#[test]
fn what_torch_would_not_write_or_we_cannot_read_is_refused_with_the_reason() {
    for (file, expected) in [
        ("big_endian.zip.bin", "is big-endian"),
        ("deflated.zip.bin", "archive/data.pkl is compressed"),
        ("expected.json", "is neither safetensors nor a PyTorch file"),
    ] {
        let message = refusal(&fixture(file));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_file_that_is_no_weights_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for (content, expected) in [
        (&b""[..], "is neither safetensors nor a PyTorch file"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "is a Git LFS pointer",
        ),
        (b"<!doctype html>", "is neither safetensors nor"),
    ] {
        std::fs::write(&path, content).unwrap();
        let message = refusal(&path);
        assert!(message.contains(expected), "{message}");
    }
    let message = refusal(&folder.path().join("absent.bin"));
    assert!(message.starts_with("could not open "), "{message}");
}
