//! Damaged `config.json` and `generation_config.json`: an error, or a model
//! that still works; never a panic, never memory beyond the weights' size.

use std::path::Path;

use candle_core::Device;
use dolmetsch::batch::TokenBatch;
use dolmetsch::beam_search::{BeamSearch, MaxLength};
use dolmetsch::checkpoint::Checkpoint;
use dolmetsch::marian::{AttentionHead, Config, GenerationConfig, Marian};
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};

/// What a mutation puts into the file.
const SPLICES: [&str; 14] = [
    "0",
    "-1",
    "1e9",
    "99999999999",
    "4294967296",
    "null",
    "true",
    "\"x\"",
    "[]",
    "{}",
    "{",
    ",",
    "\u{fffd}",
    "1.5",
];

/// Loads and searches with `config`; says whether that worked.
fn works(checkpoint: &Checkpoint, config: &[u8], generation: &[u8]) -> bool {
    let run = || -> dolmetsch::Result<()> {
        let config = Config::from_json(Path::new("config.json"), config)?;
        let generation =
            GenerationConfig::from_json(Path::new("generation_config.json"), generation)?;
        let positions = config.max_position_embeddings;
        let end = config.eos_token_id;
        let head = AttentionHead::default();
        let model = Marian::load(checkpoint, config, &generation, head, &Device::Cpu)?;
        let search = BeamSearch {
            beam_size: 2,
            length_penalty: 1.0,
            max_length: MaxLength::Positions(positions.clamp(2, 8)),
            no_repeat_ngram_size: 0,
            repetition_penalty: 1.0,
        };
        search.search(&model, &TokenBatch::new(vec![vec![5, 7, end], vec![end]]))?;
        Ok(())
    };
    run().is_ok()
}

#[test]
fn mutated_configurations_never_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity/swish");
    let checkpoint = Checkpoint::open(&folder.join("model.safetensors")).unwrap();
    let config = std::fs::read(folder.join("config.json")).unwrap();
    let generation = std::fs::read(folder.join("generation_config.json")).unwrap();
    assert!(works(&checkpoint, &config, &generation));
    let mut runner = TestRunner::new_with_rng(
        Runs {
            cases: 400,
            failure_persistence: None,
            ..Runs::default()
        },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let mutation = (
        any::<bool>(),
        0.0..1.0_f64,
        0..12_usize,
        prop::sample::select(&SPLICES[..]),
    );
    runner
        .run(&mutation, |(of_generation, place, removed, splice)| {
            let original = if of_generation { &generation } else { &config };
            let start = (place * original.len() as f64) as usize;
            let end = (start + removed).min(original.len());
            let mutated = [&original[..start], splice.as_bytes(), &original[end..]].concat();
            if of_generation {
                works(&checkpoint, &config, &mutated);
            } else {
                works(&checkpoint, &mutated, &generation);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_number_of_the_configuration_may_be_absurd() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity/swish");
    let checkpoint = Checkpoint::open(&folder.join("model.safetensors")).unwrap();
    let json = std::fs::read(folder.join("config.json")).unwrap();
    let config: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&json).unwrap();
    for (key, value) in &config {
        if !value.is_number() {
            continue;
        }
        for absurd in [0_u64, 1, 3, 1 << 16, 1 << 31, u64::from(u32::MAX), 1 << 62] {
            let mut changed = config.clone();
            changed[key] = absurd.into();
            works(&checkpoint, &serde_json::to_vec(&changed).unwrap(), b"{}");
        }
    }
}
