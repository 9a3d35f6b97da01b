//! The reference engine and the beam search against transformers.
//!
//! `tests/fixtures/parity/*` are random models and what transformers computed
//! with them; `scripts/fixtures/parity.py` made them, and each `expected.json`
//! names the versions.

mod parity_fixture;

use candle_core::{Device, IndexOp, Tensor};
use dolmetsch::batch::TokenBatch;
use dolmetsch::beam_search::{BeamSearch, Hypothesis, MaxLength, Scorer};
use dolmetsch::checkpoint::Checkpoint;
use dolmetsch::marian::{AttentionHead, Marian};

use parity_fixture::{EncoderStates, Expected, Forced};

/// Issue 2: states, logits and scores within 1e-4.
const TOLERANCE: f32 = 1e-4;

/// Each fixture: its name, the model in the reference engine, and what
/// transformers computed.
fn fixtures() -> Vec<(String, Marian, Expected)> {
    let fixtures = parity_fixture::fixtures().into_iter();
    fixtures
        .map(|fixture| {
            let model = Marian::load(
                &Checkpoint::open(&fixture.weights()).unwrap(),
                fixture.config(),
                &fixture.generation(),
                AttentionHead::default(),
                &Device::Cpu,
            )
            .unwrap();
            (fixture.name, model, fixture.expected)
        })
        .collect()
}

fn assert_close(actual: &Tensor, expected: &[Vec<f32>], what: &str) {
    let actual = actual.to_vec2::<f32>().unwrap();
    assert_eq!(actual.len(), expected.len(), "{what}: rows");
    for (row, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        assert_eq!(actual.len(), expected.len(), "{what}: columns");
        for (a, e) in actual.iter().zip(expected) {
            assert!(
                (a - e).abs() <= TOLERANCE,
                "{what}, row {row}: {a} is not {e}"
            );
        }
    }
}

#[test]
fn encoder_states_are_those_of_transformers() {
    for (name, model, expected) in fixtures() {
        let states = model
            .encode(&TokenBatch::new(expected.sources.clone()))
            .unwrap();
        for EncoderStates {
            sentence,
            states: expected,
        } in &expected.encoder
        {
            let actual = states.i((*sentence, ..expected.len())).unwrap();
            assert_close(&actual, expected, &format!("{name}, sentence {sentence}"));
        }
    }
}

#[test]
fn logits_and_guided_attention_of_a_forced_target_are_those_of_transformers() {
    for (name, model, expected) in fixtures() {
        let batch = TokenBatch::new(expected.sources.clone());
        for Forced {
            sentence,
            target,
            logits,
            attention,
        } in &expected.forced
        {
            let mut state = model.start(&batch).unwrap();
            for (step, &token) in target.iter().enumerate() {
                let what = format!("{name}, sentence {sentence}, step {step}");
                let tokens = vec![token; batch.len()];
                let (actual, attended) = model.step_logits(&mut state, &tokens).unwrap();
                assert_close(
                    &actual.i(*sentence..=*sentence).unwrap(),
                    &logits[step..=step],
                    &what,
                );
                let src_len = batch.sources[*sentence].len();
                let attended = attended.i((*sentence..=*sentence, ..src_len)).unwrap();
                assert_close(
                    &attended,
                    &attention[step..=step],
                    &format!("{what}, attention"),
                );
            }
        }
    }
}

#[test]
fn greedy_and_beam_hypotheses_are_those_of_transformers() {
    for (name, model, expected) in fixtures() {
        let batch = TokenBatch::new(expected.sources.clone());
        for search in &expected.searches {
            let found = search.beam_search().search(&model, &batch).unwrap();
            for (sentence, (found, expected)) in found.iter().zip(&search.hypotheses).enumerate() {
                let what = format!("{name}, beam {}, sentence {sentence}", search.num_beams);
                assert!(found.len() >= expected.len(), "{what}: too few hypotheses");
                for (found, expected) in found.iter().zip(expected) {
                    assert_eq!(found.tokens, expected.ids, "{what}");
                    assert!((found.score - expected.score).abs() <= TOLERANCE, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_batch_of_64_ragged_sentences_equals_64_batches_of_one() {
    let (_, model, expected) = fixtures()
        .into_iter()
        .find(|(name, ..)| name == "swish")
        .unwrap();
    // Every length from 1 to 20, in no order, from the fixture's own tokens.
    let longest = expected
        .sources
        .iter()
        .max_by_key(|source| source.len())
        .unwrap();
    let sources: Vec<Vec<u32>> = (0..64)
        .map(|i| {
            let (start, len) = (i * 5 % longest.len(), 1 + i * 7 % longest.len());
            let mut source: Vec<u32> = longest
                .iter()
                .copied()
                .cycle()
                .skip(start)
                .take(len)
                .collect();
            source.retain(|token| longest.last() != Some(token));
            source.push(*longest.last().unwrap());
            source
        })
        .collect();
    for beam_size in [1, 4] {
        let search = BeamSearch {
            beam_size,
            length_penalty: 1.0,
            max_length: MaxLength::Proportional {
                factor: 2,
                extra: 8,
                cap: 48,
            },
            no_repeat_ngram_size: 0,
            repetition_penalty: 1.0,
        };
        let together = search
            .search(&model, &TokenBatch::new(sources.clone()))
            .unwrap();
        for (source, together) in sources.iter().zip(together) {
            let alone = search
                .search(&model, &TokenBatch::new(vec![source.clone()]))
                .unwrap();
            let tokens = |n_best: &[Hypothesis]| n_best[0].tokens.clone();
            assert_eq!(tokens(&together), tokens(&alone[0]), "{source:?}");
            assert!(
                (together[0].score - alone[0][0].score).abs() <= 1e-5,
                "{source:?}"
            );
        }
    }
}
