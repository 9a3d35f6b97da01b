//! Files that were fine before something happened to them.
//!
//! Where a file's structure is comes from Python's own tools
//! (`structure.json`, see `scripts/fixtures/checkpoints.py`).

use std::collections::BTreeMap;

use candle_core::{DType, Device};
use dolmetsch::checkpoint::Checkpoint;

use crate::allocator::peak_of;
use crate::{FORMATS, fixture};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Refused,
    /// Read, with the numbers of the undamaged file.
    Same,
    Different,
}

/// Shape and bits of each tensor.
type Content = BTreeMap<String, (Vec<usize>, Vec<u64>)>;

/// Every tensor of a file, as it says itself.
fn offered(checkpoint: &Checkpoint) -> dolmetsch::Result<Content> {
    let names = checkpoint.names();
    names
        .map(|name| {
            let shape = checkpoint.shape(name).unwrap();
            Ok((name.to_owned(), tensor(checkpoint, name, shape)?))
        })
        .collect()
}

/// The tensors that a model would ask for.
fn wanted(checkpoint: &Checkpoint, content: &Content) -> dolmetsch::Result<Content> {
    let tensors = content.iter();
    tensors
        .map(|(name, (shape, _))| Ok((name.clone(), tensor(checkpoint, name, shape)?)))
        .collect()
}

fn tensor(
    checkpoint: &Checkpoint,
    name: &str,
    shape: &[usize],
) -> dolmetsch::Result<(Vec<usize>, Vec<u64>)> {
    let tensor = checkpoint.tensor(name, shape, DType::F64, &Device::Cpu)?;
    assert_eq!(tensor.dims(), shape);
    let numbers = tensor.flatten_all()?.to_vec1::<f64>()?;
    Ok((
        shape.to_vec(),
        numbers.into_iter().map(f64::to_bits).collect(),
    ))
}

/// Small enough that the allowance does not hide a real multiple.
const ALLOWANCE: usize = 64 * 1024;
const MULTIPLE: usize = 16;

struct Trial {
    original: &'static [u8],
    content: Content,
    seed: u64,
    outcomes: BTreeMap<Outcome, usize>,
}

impl Trial {
    fn new(name: &str, seed: u64) -> Self {
        let original: &[u8] = std::fs::read(fixture(name)).unwrap().leak();
        let checkpoint = Checkpoint::from_static(name, original).unwrap();
        Self {
            original,
            content: offered(&checkpoint).unwrap(),
            seed,
            outcomes: BTreeMap::new(),
        }
    }

    /// Splitmix64, below `limit`.
    fn random(&mut self, limit: usize) -> usize {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.random(256)).unwrap()
    }

    /// Opens the changed file and reads all its tensors. In memory, because
    /// thousands of small files are slow to write.
    fn attempt(&mut self, bytes: &'static [u8]) -> Outcome {
        let (outcome, peak) = peak_of(|| {
            let content = Checkpoint::from_static("damaged", bytes).and_then(|checkpoint| {
                offered(&checkpoint)?;
                wanted(&checkpoint, &self.content)
            });
            match content {
                Err(_) => Outcome::Refused,
                Ok(content) if content == self.content => Outcome::Same,
                Ok(_) => Outcome::Different,
            }
        });
        let limit = MULTIPLE * bytes.len() + ALLOWANCE;
        assert!(peak <= limit, "{peak} bytes for a file of {}", bytes.len());
        *self.outcomes.entry(outcome).or_default() += 1;
        outcome
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.outcomes.get(&outcome).copied().unwrap_or_default()
    }
}

const MUTATIONS: usize = 200;

#[test]
fn a_changed_size_count_name_or_signature_is_refused() {
    let json = std::fs::read(fixture("structure.json")).unwrap();
    let structure: BTreeMap<String, Vec<[usize; 2]>> = serde_json::from_slice(&json).unwrap();
    for format in FORMATS {
        let fields = &structure[format];
        let mut trial = Trial::new(format, 1);
        for _ in 0..MUTATIONS {
            let [start, len] = fields[trial.random(fields.len())];
            let mut bytes = trial.original.to_vec();
            let field = &mut bytes[start..][..len];
            match trial.random(6) {
                0 => field.fill(0xff),
                1 => field.fill(0x7f),
                2 => field.fill(b'9'),
                3 => field[0] = field[0].wrapping_add(1),
                4 => field[0] = field[0].wrapping_sub(1),
                _ => field[trial.random(len)] ^= 1 << trial.random(8),
            }
            let same = bytes == trial.original;
            let outcome = trial.attempt(bytes.leak());
            assert!(
                outcome == Outcome::Refused || same,
                "{format}: {outcome:?} after a change at {start}, {len} bytes"
            );
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for format in FORMATS {
        let mut trial = Trial::new(format, 2);
        for len in 0..trial.original.len() {
            let outcome = trial.attempt(&trial.original[..len]);
            assert_eq!(outcome, Outcome::Refused, "{format} cut to {len}");
        }
    }
}

#[test]
fn a_file_with_bytes_too_many_or_too_few_is_refused() {
    for format in FORMATS {
        let mut trial = Trial::new(format, 3);
        for round in 0..MUTATIONS {
            let mut bytes = trial.original.to_vec();
            let len = 1 + trial.random(16);
            let at = trial.random(bytes.len() - len);
            match round % 4 {
                0 => {
                    let garbage: Vec<u8> = (0..len).map(|_| trial.byte()).collect();
                    bytes.extend(garbage);
                }
                1 => {
                    let garbage: Vec<u8> = (0..len).map(|_| trial.byte()).collect();
                    bytes.splice(at..at, garbage);
                }
                2 => bytes.copy_within(at..at + len, 0),
                _ => drop(bytes.drain(at..at + len)),
            }
            let outcome = trial.attempt(bytes.leak());
            assert_ne!(outcome, Outcome::Different, "{format}, round {round}");
        }
        // A pickle without a `PUT` that nobody asks for means the same.
        assert!(trial.count(Outcome::Same) <= 2, "{format}");
    }
}

#[test]
fn random_damage_anywhere_neither_panics_nor_costs_memory() {
    for format in FORMATS {
        let mut trial = Trial::new(format, 4);
        for _ in 0..5 * MUTATIONS {
            let mut bytes = trial.original.to_vec();
            for _ in 0..=trial.random(3) {
                let at = trial.random(bytes.len());
                bytes[at] = match trial.random(3) {
                    0 => bytes[at] ^ (1 << trial.random(8)),
                    1 => 0xff,
                    _ => trial.byte(),
                };
            }
            trial.attempt(bytes.leak());
        }
        // Numbers are not protected by any of the formats.
        assert!(trial.count(Outcome::Refused) > MUTATIONS, "{format}");
    }
}
