//! Random models and what transformers computed with them;
//! `scripts/fixtures/parity.py` made them.

use std::path::{Path, PathBuf};

use dolmetsch::beam_search::{BeamSearch, MaxLength};
use dolmetsch::marian::{Config, GenerationConfig};
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Expected {
    pub sources: Vec<Vec<u32>>,
    pub encoder: Vec<EncoderStates>,
    pub forced: Vec<Forced>,
    pub searches: Vec<Search>,
}

#[derive(Deserialize)]
pub struct EncoderStates {
    pub sentence: usize,
    pub states: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
pub struct Forced {
    pub sentence: usize,
    pub target: Vec<u32>,
    pub logits: Vec<Vec<f32>>,
    pub attention: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
pub struct Search {
    pub num_beams: usize,
    pub max_length: usize,
    pub length_penalty: f32,
    pub no_repeat_ngram_size: usize,
    #[serde(default = "no_penalty")]
    pub repetition_penalty: f32,
    pub hypotheses: Vec<Vec<ExpectedHypothesis>>,
}

#[derive(Deserialize)]
pub struct ExpectedHypothesis {
    pub ids: Vec<u32>,
    pub score: f32,
}

/// Of fixtures whose searches have none.
fn no_penalty() -> f32 {
    1.0
}

impl Search {
    pub fn beam_search(&self) -> BeamSearch {
        BeamSearch {
            beam_size: self.num_beams,
            length_penalty: self.length_penalty,
            max_length: MaxLength::Positions(self.max_length),
            no_repeat_ngram_size: self.no_repeat_ngram_size,
            repetition_penalty: self.repetition_penalty,
        }
    }
}

/// A model, and what transformers computed.
pub struct Fixture {
    pub name: String,
    pub expected: Expected,
    folder: PathBuf,
}

impl Fixture {
    pub fn config(&self) -> Config {
        let path = self.folder.join("config.json");
        Config::from_json(&path, &std::fs::read(&path).unwrap()).unwrap()
    }

    pub fn generation(&self) -> GenerationConfig {
        let path = ["generation_config.json", "config.json"]
            .map(|name| self.folder.join(name))
            .into_iter()
            .find(|path| path.exists())
            .unwrap();
        GenerationConfig::from_json(&path, &std::fs::read(&path).unwrap()).unwrap()
    }

    pub fn weights(&self) -> PathBuf {
        ["model.safetensors", "pytorch_model.bin"]
            .map(|name| self.folder.join(name))
            .into_iter()
            .find(|path| path.exists())
            .unwrap()
    }
}

/// All fixtures.
pub fn fixtures() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity");
    let entries = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(folders.len() >= 8, "fixtures are missing");
    folders
        .into_iter()
        .map(|folder| {
            let expected = std::fs::read(folder.join("expected.json")).unwrap();
            Fixture {
                name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
                expected: serde_json::from_slice(&expected).unwrap(),
                folder,
            }
        })
        .collect()
}
