//! The reference engine on a GPU, and in 16 bits.
//!
//! Each test runs on the processor and, in a program with the feature `cuda`, on the
//! first GPU; without one that part is skipped with a message. `tests/fixtures/parity/*`
//! are random models and what transformers computed with them (see
//! tests/parity.rs).

#[allow(dead_code, reason = "tests/parity.rs reads more of it")]
mod parity_fixture;

use candle_core::{Device, IndexOp};
use dolmetsch::batch::{BatchLimits, SentenceQueue, TokenBatch};
use dolmetsch::beam_search::{BeamSearch, Hypothesis, MaxLength, Scorer};
use dolmetsch::checkpoint::Checkpoint;
use dolmetsch::device::DeviceChoice;
use dolmetsch::marian::{AttentionHead, FloatFormat, Marian, Placement};

use parity_fixture::{Fixture, fixtures};

/// Issue 2 asks it of the reference engine in f32.
const TOLERANCE: f32 = 1e-4;

/// The processor, and a GPU if there is one.
fn devices() -> Vec<Device> {
    [Device::Cpu].into_iter().chain(gpu()).collect()
}

/// The first NVIDIA GPU.
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn gpu() -> Option<Device> {
    match DeviceChoice::Cuda(0).open() {
        Ok(chosen) => Some(chosen.device),
        Err(error) => {
            eprintln!("skipped on a GPU: {error}");
            None
        }
    }
}

fn marian(fixture: &Fixture, device: &Device, floats: FloatFormat) -> Marian {
    Marian::load(
        &Checkpoint::open(&fixture.weights()).unwrap(),
        fixture.config(),
        &fixture.generation(),
        AttentionHead::default(),
        Placement {
            device: device.clone(),
            floats,
        },
    )
    .unwrap()
}

/// The largest difference of a logit from transformers' in f32, in all forced
/// targets of a fixture; and of an attention weight.
fn errors(fixture: &Fixture, model: &Marian) -> (f32, f32) {
    let batch = TokenBatch::new(fixture.expected.sources.clone());
    let (mut of_logits, mut of_attention) = (0.0_f32, 0.0_f32);
    for forced in &fixture.expected.forced {
        let sentence = forced.sentence;
        let src_len = batch.sources[sentence].len();
        let mut state = model.start(&batch).unwrap();
        for (step, &token) in forced.target.iter().enumerate() {
            let tokens = vec![token; batch.len()];
            let (logits, attention) = model.step_logits(&mut state, &tokens).unwrap();
            let logits: Vec<f32> = logits.i(sentence).unwrap().to_vec1().unwrap();
            let attention = attention.i((sentence, ..src_len)).unwrap();
            let attention: Vec<f32> = attention.to_vec1().unwrap();
            of_logits = of_logits.max(furthest(&logits, &forced.logits[step]));
            of_attention = of_attention.max(furthest(&attention, &forced.attention[step]));
        }
    }
    (of_logits, of_attention)
}

fn furthest(actual: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(actual.len(), expected.len());
    assert!(actual.iter().all(|x| x.is_finite()), "{actual:?}");
    let pairs = actual.iter().zip(expected);
    pairs.map(|(a, e)| (a - e).abs()).fold(0.0, f32::max)
}

/// How far logits and log-probabilities may be from f32's: these formats round at
/// 2^-11 and 2^-8, and logits of the fixtures reach 8.
fn tolerance(floats: FloatFormat) -> f32 {
    match floats {
        FloatFormat::F32 => TOLERANCE,
        FloatFormat::F16 => 0.03,
        FloatFormat::Bf16 => 0.25,
    }
}

const FORMATS: [FloatFormat; 3] = [FloatFormat::F32, FloatFormat::F16, FloatFormat::Bf16];

#[test]
fn logits_and_attention_are_those_of_transformers_within_the_format() {
    for device in devices() {
        for fixture in fixtures() {
            for floats in FORMATS {
                let (logits, attention) = errors(&fixture, &marian(&fixture, &device, floats));
                let what = format!("{} {floats:?} {device:?}", fixture.name);
                assert!(logits <= tolerance(floats), "{what}: logits {logits}");
                assert!(
                    attention <= tolerance(floats),
                    "{what}: attention {attention}"
                );
            }
        }
    }
}

#[test]
fn f32_on_a_gpu_finds_the_tokens_that_transformers_finds() {
    let Some(gpu) = gpu() else { return };
    for fixture in fixtures() {
        let model = marian(&fixture, &gpu, FloatFormat::F32);
        let batch = TokenBatch::new(fixture.expected.sources.clone());
        for search in &fixture.expected.searches {
            let found = search.beam_search().search(&model, &batch).unwrap();
            for (found, expected) in found.iter().zip(&search.hypotheses) {
                for (found, expected) in found.iter().zip(expected) {
                    assert_eq!(found.tokens, expected.ids, "{}", fixture.name);
                    assert!((found.score - expected.score).abs() <= TOLERANCE);
                }
            }
        }
    }
}

/// What the reference engine in f32 on the processor thinks of a hypothesis.
fn judged(judge: &Marian, source: &[u32], hypothesis: &Hypothesis) -> Vec<f32> {
    let batch = TokenBatch::new(vec![source.to_vec()]);
    let targets = [hypothesis.tokens.clone()];
    judge.force(&batch, &targets).unwrap().log_probs.remove(0)
}

#[test]
fn hypotheses_in_16_bits_have_the_scores_that_f32_gives_them() {
    let fixtures = fixtures();
    let fixture = fixtures.iter().find(|fixture| fixture.name == "swish");
    let fixture = fixture.unwrap();
    let judge = marian(fixture, &Device::Cpu, FloatFormat::F32);
    let batch = TokenBatch::new(fixture.expected.sources.clone());
    for device in devices() {
        for floats in [FloatFormat::F16, FloatFormat::Bf16] {
            let model = marian(fixture, &device, floats);
            for search in &fixture.expected.searches {
                let search = search.beam_search();
                let best = search.search(&judge, &batch).unwrap();
                let found = search.search(&model, &batch).unwrap();
                for ((source, found), best) in batch.sources.iter().zip(&found).zip(&best) {
                    let log_probs = judged(&judge, source, &found[0]);
                    // The forced end is not the model's choice.
                    let free = found[0].tokens.len() - usize::from(found[0].hit_limit);
                    let error = furthest(&found[0].log_probs[..free], &log_probs[..free]);
                    assert!(error <= 2.0 * tolerance(floats), "{floats:?}: {error}");
                    let lost = best[0].score - found[0].score;
                    assert!(lost.abs() <= 2.0 * tolerance(floats), "{floats:?}: {lost}");
                }
            }
        }
    }
}

#[test]
fn a_sentence_becomes_the_same_in_any_batch() {
    let fixtures = fixtures();
    let fixture = fixtures.iter().find(|fixture| fixture.name == "swish");
    let fixture = fixture.unwrap();
    let longest = fixture.expected.sources.iter().max_by_key(|s| s.len());
    let longest = longest.unwrap();
    let (&end, tokens) = longest.split_last().unwrap();
    // Every length, in no order.
    let sources: Vec<Vec<u32>> = (0..48)
        .map(|i| {
            let source = tokens.iter().cycle().skip(i * 5 % tokens.len());
            let source = source.take(i * 7 % tokens.len()).copied();
            source.chain([end]).collect()
        })
        .collect();
    let search = BeamSearch {
        beam_size: 4,
        length_penalty: 1.0,
        max_length: MaxLength::Proportional {
            factor: 2,
            extra: 8,
            cap: 48,
        },
        no_repeat_ngram_size: 0,
        repetition_penalty: 1.0,
    };
    for device in devices() {
        for floats in FORMATS {
            let model = marian(fixture, &device, floats);
            let found = |sentences| {
                let limits = BatchLimits {
                    tokens: usize::MAX,
                    sentences,
                };
                let queue = SentenceQueue::new(sources.clone(), limits, 1);
                let mut found = search.search_queue(&model, &queue, &|_| ()).unwrap();
                found.sort_by_key(|found| found.origin);
                found
            };
            let alone = found(1);
            for sentences in [7, 48] {
                for (alone, together) in alone.iter().zip(found(sentences)) {
                    let (alone, together) = (&alone.hypotheses[0], &together.hypotheses[0]);
                    let what = format!("{floats:?} {device:?}, {sentences} together");
                    // Products of other shapes are summed in another order, which
                    // 16 bits round to other numbers.
                    if floats == FloatFormat::F32 {
                        assert_eq!(alone.tokens, together.tokens, "{what}");
                    }
                    let difference = (alone.score - together.score).abs();
                    assert!(difference <= tolerance(floats), "{what}: {difference}");
                }
            }
        }
    }
}

#[cfg(feature = "builtin")]
mod with_the_builtin_model {
    use assert_cmd::Command;
    use dolmetsch::beam_search::StepQuery;
    use dolmetsch::engine::Engine;
    use dolmetsch::{EngineChoice, Model};

    use super::*;

    /// A vocabulary of many blocks; in 16 bits many logits are equal.
    #[test]
    fn a_step_finds_the_best_of_all_logits_by_id_where_they_are_equal() {
        const K: usize = 16;
        for device in devices() {
            for floats in FORMATS {
                let placement = Placement {
                    device: device.clone(),
                    floats,
                };
                let model = Model::builtin(EngineChoice::Reference(placement)).unwrap();
                let Engine::Reference(marian) = &model.engine else {
                    unreachable!("it was asked for")
                };
                let texts = [
                    "Guten Morgen!",
                    "Das alte Haus am Fluss wurde gestern verkauft.",
                ];
                let encode = |text: &&str| model.tokenizer.encode_source(text, None).unwrap().ids;
                let batch = TokenBatch::new(texts.iter().map(encode).collect());
                let [mut state, mut again] = [(); 2].map(|()| marian.start(&batch).unwrap());
                let mut tokens = vec![marian.boundaries().start; 2];
                for _ in 0..8 {
                    let (logits, _) = marian.step_logits(&mut again, &tokens).unwrap();
                    let banned = [vec![tokens[0]], vec![]];
                    let query = StepQuery {
                        tokens: &tokens,
                        banned: &banned,
                        top_k: K,
                    };
                    let step = marian.step(&mut state, &query).unwrap();
                    let mut next = Vec::new();
                    for (row, logits) in logits.to_vec2::<f32>().unwrap().iter().enumerate() {
                        let pad = marian.config().pad_token_id;
                        let free = |id: &u32| *id != pad && !banned[row].contains(id);
                        let mut ids: Vec<u32> = (0..logits.len() as u32).filter(free).collect();
                        let logit = |id: u32| logits[id as usize];
                        ids.sort_by(|&a, &b| logit(b).total_cmp(&logit(a)).then(a.cmp(&b)));
                        let exp = |&id: &u32| f64::from(logit(id)).exp();
                        let log_sum = ids.iter().map(exp).sum::<f64>().ln();
                        let best: Vec<u32> = step.candidates[row].iter().map(|c| c.token).collect();
                        assert_eq!(best, ids[..K], "{floats:?} {device:?}");
                        for candidate in &step.candidates[row] {
                            let exact = f64::from(logit(candidate.token)) - log_sum;
                            let error = f64::from(candidate.log_prob) - exact;
                            assert!(error.abs() <= 1e-5, "{floats:?} {device:?}: {error}");
                        }
                        next.push(best[0]);
                    }
                    tokens = next;
                }
            }
        }
    }

    const TEXT: &str = "Der Zug fährt um acht Uhr ab.\nWer hat das Fenster geöffnet?\nJa.\n";

    /// Runs `translate` with the built-in model: exit code, stdout and stderr.
    fn translate(options: &[&str]) -> (i32, String, String) {
        let mut command = Command::cargo_bin("dolmetsch").unwrap();
        command.args(["translate", "--model", "builtin", "--to", "en", "--lines"]);
        let output = command.args(options).write_stdin(TEXT).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }

    #[test]
    fn sixteen_bits_translate_a_text() {
        let lines = |options: &[&str]| {
            let (code, stdout, stderr) = translate(options);
            assert_eq!(code, 0, "{stderr}");
            stdout
        };
        let single = lines(&["--engine", "reference", "--device", "cpu"]);
        assert_eq!(single.lines().count(), 3);
        for compute in ["f16", "bf16"] {
            let cpu = [
                "--engine",
                "reference",
                "--device",
                "cpu",
                "--compute",
                compute,
            ];
            let half = lines(&cpu);
            assert_eq!(half.lines().count(), 3, "{compute}: {half}");
            // The short lines have no close competitor.
            assert_eq!(half.lines().last(), single.lines().last(), "{compute}");
        }
        if gpu().is_some() {
            assert_eq!(lines(&["--device", "cuda", "--compute", "f32"]), single);
        }
    }

    #[test]
    fn auto_computes_on_the_processor_where_there_is_no_gpu_and_says_so_once() {
        if gpu().is_some() {
            return;
        }
        let (code, expected, stderr) = translate(&["--device", "cpu"]);
        assert_eq!(code, 0);
        assert!(!stderr.contains("computing on"), "{stderr}");
        let (code, stdout, stderr) = translate(&[]);
        assert_eq!((code, stdout), (0, expected.clone()), "{stderr}");
        let notes = stderr.matches("note: computing on the processor").count();
        assert_eq!(notes, usize::from(cfg!(feature = "cuda")), "{stderr}");
        let (code, stdout, stderr) = translate(&["--quiet", "--device", "auto"]);
        assert_eq!((code, stdout, stderr), (0, expected, String::new()));
    }

    #[test]
    fn a_gpu_that_is_not_there_is_an_error_that_says_what_to_do() {
        if gpu().is_none() {
            let (code, stdout, stderr) = translate(&["--device", "cuda"]);
            assert_eq!(stdout, "");
            if cfg!(feature = "cuda") {
                assert_eq!(code, 1, "{stderr}");
            } else {
                assert_eq!(code, 2, "{stderr}");
                assert!(stderr.contains("feature `cuda`"), "{stderr}");
            }
            assert!(stderr.contains("--device cpu"), "{stderr}");
        } else {
            let (code, _, stderr) = translate(&["--device", "cuda:99"]);
            assert_eq!(code, 1, "{stderr}");
            assert!(stderr.contains("cuda:99"), "{stderr}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (options, wanted) in [
            (
                &["--compute", "f16", "--device", "cpu"][..],
                "--engine reference",
            ),
            (
                &["--engine", "reference", "--compute", "int8"],
                "--engine fast",
            ),
            (
                &["--device", "cuda", "--engine", "fast"],
                "leave out --device",
            ),
            (
                &["--device", "metal", "--compute", "int8"],
                "leave out --device",
            ),
            (&["--device", "gpu"], "cuda:N"),
        ] {
            let (code, stdout, stderr) = translate(options);
            assert_eq!((code, stdout), (2, String::new()), "{options:?}: {stderr}");
            assert!(stderr.contains(wanted), "{options:?}: {stderr}");
        }
    }

    #[test]
    fn bench_names_the_device_and_its_memory() {
        let bench = |device: &str| {
            let mut command = Command::cargo_bin("dolmetsch").unwrap();
            command.args(["bench", "--sentences", "3", "--target-tokens", "5"]);
            command.args(["--engine", "reference", "--format", "json"]);
            let output = command.args(["--device", device]).assert().success();
            serde_json::from_slice::<serde_json::Value>(&output.get_output().stdout).unwrap()
        };
        let cpu = bench("cpu");
        assert!(cpu["tokens_per_second"].as_f64().unwrap() > 0.0, "{cpu}");
        assert!(cpu["peak_gpu_mb"].is_null(), "{cpu}");
        assert_eq!(cpu["compute"], "reference f32 on cpu");
        if gpu().is_some() {
            let gpu = bench("cuda");
            assert!(gpu["peak_gpu_mb"].as_f64().unwrap() > 0.0, "{gpu}");
            assert_eq!(gpu["compute"], "reference f16 on cuda");
            assert!(gpu["isa"].as_str().unwrap().starts_with("cuda:0"), "{gpu}");
        }
    }
}
