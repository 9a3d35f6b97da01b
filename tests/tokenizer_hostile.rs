//! Damaged and hostile tokenizer files: an error or a working tokenizer,
//! without a panic, and with memory in proportion to the file.

use std::fs;
use std::path::Path;

use dolmetsch::{Error, NamedBytes, Result, Tokenizer, TokenizerFiles};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

const TEXT: &str =
    "  Der Zug ﬁel… nach Köln; tru\u{31b}o\u{31b}\u{300}ng 漢字 \u{7}</s> >>vie<< 👍🏽 aaaaaaaa";

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizer");
    fs::read(folder.join(name)).unwrap()
}

fn load(spm: &[u8], vocab: &[u8]) -> Result<Tokenizer> {
    Tokenizer::from_files(TokenizerFiles {
        source_spm: NamedBytes::new(Path::new("source.spm"), spm),
        target_spm: NamedBytes::new(Path::new("target.spm"), spm),
        vocab: NamedBytes::new(Path::new("vocab.json"), vocab),
        target_vocab: None,
    })
}

/// Loads the files; what loads has to work.
fn try_out(spm: &[u8], vocab: &[u8]) -> Option<Error> {
    match load(spm, vocab) {
        Ok(tokenizer) => {
            let encoding = tokenizer.encode_source(TEXT, None).unwrap();
            let mut ids = encoding.ids;
            ids.extend(0..50);
            assert_eq!(tokenizer.decode_source(&ids).spans.len(), ids.len());
            None
        }
        Err(error) => {
            assert!(matches!(error, Error::ModelFile { .. }), "{error:?}");
            Some(error)
        }
    }
}

/// One to eight changes: bits, bytes, numbers, cuts, copies.
fn mutate(bytes: &[u8], random: &mut TestRng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.next_u32() % 8 {
        if bytes.is_empty() {
            break;
        }
        let at = random.next_u32() as usize % bytes.len();
        let length = (random.next_u32() as usize % 40).min(bytes.len() - at);
        match random.next_u32() % 6 {
            0 => bytes[at] ^= 1 << (random.next_u32() % 8),
            1 => bytes[at] = random.next_u32() as u8,
            2 => bytes[at..at + length].fill([0, 0xff, 0x80, b'9'][random.next_u32() as usize % 4]),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..at + length)),
            _ => {
                let copy = bytes[at..at + length].to_vec();
                let to = random.next_u32() as usize % bytes.len();
                bytes.splice(to..to, copy);
            }
        }
    }
    bytes
}

fn random(seed: u8) -> TestRng {
    TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32])
}

/// The most memory that this process ever had, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<usize>().unwrap() * 1024
}

#[test]
fn mutated_models_are_refused_or_work() {
    let vocab = fixture("vocab.json");
    for (seed, name) in [(1, "nmt_nfkc"), (2, "byte_fallback"), (3, "user_defined")] {
        let spm = fixture(&format!("{name}.spm"));
        let mut random = random(seed);
        let refused = (0..200)
            .filter(|_| try_out(&mutate(&spm, &mut random), &vocab).is_some())
            .count();
        assert!(refused > 20, "{name}: only {refused} of 200 were refused");
    }
    #[cfg(target_os = "linux")]
    assert!(peak_memory() < 256 << 20, "{} bytes", peak_memory());
}

#[test]
fn mutated_vocabularies_are_refused_or_work() {
    let spm = fixture("bare.spm");
    let vocab = fixture("vocab.json");
    let mut random = random(4);
    let refused = (0..200)
        .filter(|_| try_out(&spm, &mutate(&vocab, &mut random)).is_some())
        .count();
    assert!(refused > 20, "only {refused} of 200 were refused");
    #[cfg(target_os = "linux")]
    assert!(peak_memory() < 256 << 20, "{} bytes", peak_memory());
}

#[test]
fn a_vocabulary_that_cannot_be_is_refused_with_the_place() {
    let spm = fixture("bare.spm");
    let deep = "[".repeat(100_000);
    for (vocab, expected) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("[]", "expected an object at line 1 column 0"),
        ("{\"a\": {}}", "expected u32 at line 1 column 6"),
        (deep.as_str(), "expected an object at line 1 column 0"),
        (
            "{\"a\": 1",
            "EOF while parsing an object at line 1 column 7",
        ),
        (
            "{\"a\": -1}",
            "invalid value: integer `-1`, expected u32 at line 1 column 8",
        ),
        ("{\"a\": 1.5}", "expected u32 at line 1 column 9"),
        ("{\"a\": 4294967296}", "integer `4294967296`, expected u32"),
        (
            "{\"a\": 4294967295}",
            "the id 4294967295 of \"a\" is too large for 1 entries",
        ),
        (
            "{\"a\": 1, \"a\": 2}",
            "a piece is there twice, with the ids 1 and 2 at line 1",
        ),
        ("{\"a\": 1, \"b\": 1}", "\"a\" and \"b\" have the same id 1"),
        ("{\"<unk>\": 1, \"<pad>\": 2}", "it has no </s>"),
        ("{\"</s>\": 1, \"<pad>\": 2}", "it has no <unk>"),
        ("{\"</s>\": 1, \"<unk>\": 2}", "it has no <pad>"),
        ("{} x", "trailing characters at line 1 column 4"),
    ] {
        let error = load(&spm, vocab.as_bytes()).unwrap_err().to_string();
        assert!(
            error.starts_with("could not use vocab.json: ") && error.contains(expected),
            "{expected}: {error}"
        );
    }
}

#[test]
fn a_vocabulary_with_gaps_works() {
    let spm = fixture("bare.spm");
    let vocab = br#"{"</s>": 0, "<unk>": 900, "a": 5, "<pad>": 31}"#;
    let tokenizer = load(&spm, vocab).unwrap();
    assert_eq!(tokenizer.source_vocab_size(), 901);
    assert_eq!(tokenizer.encode_target("a漢").ids, [5, 900, 0]);
}

/// A line without spaces, a line of one letter, a line of unknown text.
#[test]
fn a_long_line_takes_time_in_proportion() {
    let tokenizer = load(&fixture("nmt_nfkc.spm"), &fixture("vocab.json")).unwrap();
    for unit in [
        "Donaudampfschiff",
        "a",
        "漢字",
        " ",
        "e\u{302}\u{323}",
        "\u{7}",
    ] {
        let text = unit.repeat((1 << 20) / unit.len());
        let start = std::time::Instant::now();
        let encoding = tokenizer.encode_target(&text);
        // A second or two; a quadratic step would take hours.
        assert!(
            start.elapsed().as_secs() < 60,
            "{unit}: {:?}",
            start.elapsed()
        );
        assert_eq!(encoding.spans.last().unwrap().end, text.len());
    }
}
