use proptest::prelude::*;

use super::*;
use crate::batch::BatchLimits;

const START: TokenId = 9;
const END: TokenId = 0;

/// A scorer that is a table: the log-probabilities of what follows depend on
/// the sentence and the tokens so far.
struct Table<F: Fn(usize, &[TokenId]) -> Vec<f32>>(F);

impl<F: Fn(usize, &[TokenId]) -> Vec<f32>> Scorer for Table<F> {
    /// Sentence and tokens of each row.
    type State = Vec<(usize, Vec<TokenId>)>;

    const CONTINUOUS: bool = true;

    fn start(&self, batch: &TokenBatch) -> Result<Self::State> {
        let mut state = Vec::new();
        self.admit(&mut state, batch)?;
        Ok(state)
    }

    fn admit(&self, state: &mut Self::State, batch: &TokenBatch) -> Result<()> {
        state.extend(batch.origin.iter().map(|&sentence| (sentence, Vec::new())));
        Ok(())
    }

    fn step(&self, state: &mut Self::State, query: &StepQuery) -> Result<Step> {
        let mut step = Step {
            candidates: Vec::new(),
            attention: Vec::new(),
        };
        for (((sentence, row), &token), banned) in
            state.iter_mut().zip(query.tokens).zip(query.banned)
        {
            if token == START {
                assert!(row.is_empty());
            } else {
                row.push(token);
            }
            let mut candidates: Vec<Candidate> = self.0(*sentence, row)
                .into_iter()
                .enumerate()
                .map(|(token, log_prob)| Candidate {
                    token: token as TokenId,
                    log_prob,
                })
                .filter(|candidate| !banned.contains(&candidate.token))
                .collect();
            candidates.sort_by(|a, b| b.log_prob.total_cmp(&a.log_prob));
            candidates.truncate(query.top_k);
            step.candidates.push(candidates);
            step.attention.push(vec![row.len() as f32; 8]);
        }
        Ok(step)
    }

    fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> Result<()> {
        *state = rows.iter().map(|&row| state[row].clone()).collect();
        Ok(())
    }

    fn boundaries(&self) -> Boundaries {
        Boundaries {
            start: START,
            end: END,
        }
    }
}

fn beam(beam_size: usize, max_length: usize) -> BeamSearch {
    BeamSearch {
        beam_size,
        length_penalty: 1.0,
        max_length: MaxLength::Positions(max_length),
        no_repeat_ngram_size: 0,
        repetition_penalty: 1.0,
    }
}

fn one_sentence() -> TokenBatch {
    TokenBatch::new(vec![vec![1; 8]])
}

#[test]
fn a_beam_of_two_finds_what_greedy_search_misses() {
    // The classic garden path: token 1 looks best first, token 2 leads to the better whole.
    let table = Table(|_, tokens: &[TokenId]| match tokens {
        [] => vec![-9.0, -0.6, -0.9],
        [1] => vec![-2.0, -3.0, -3.0],
        _ => vec![-0.1, -5.0, -5.0],
    });
    let greedy = beam(1, 6).search(&table, &one_sentence()).unwrap();
    let wide = beam(2, 6).search(&table, &one_sentence()).unwrap();
    assert_eq!(greedy[0][0].tokens, [1, END]);
    assert_eq!(wide[0][0].tokens, [2, END]);
    assert!(
        (wide[0][0].score - (-0.5)).abs() < 1e-6,
        "(-0.9 - 0.1) / 2 tokens"
    );
    assert_eq!(wide[0][0].log_probs, [-0.9, -0.1]);
    assert_eq!(
        wide[0][0].attention,
        [vec![0.0; 8], vec![1.0; 8]],
        "the rows of the outputting steps"
    );
}

#[test]
fn the_end_is_forced_at_the_limit_and_said() {
    let never_ends = Table(|_, _: &[TokenId]| vec![-50.0, -0.5, -1.0]);
    for (limit, expected) in [(2, vec![END]), (3, vec![1, END]), (5, vec![1, 1, 1, END])] {
        let found = beam(2, limit).search(&never_ends, &one_sentence()).unwrap();
        assert_eq!(found[0][0].tokens, expected);
        assert!(found[0][0].hit_limit);
    }
}

#[test]
fn no_ngram_repeats_when_that_is_forbidden() {
    let loops = Table(|_, tokens: &[TokenId]| {
        if tokens.len() < 7 {
            vec![-8.0, -0.1, -2.0, -3.0]
        } else {
            vec![-0.1, -8.0, -8.0, -8.0]
        }
    });
    for n in 1..=3 {
        let search = BeamSearch {
            no_repeat_ngram_size: n,
            ..beam(2, 12)
        };
        let found = search.search(&loops, &one_sentence()).unwrap();
        let tokens = &found[0][0].tokens;
        let ngrams: Vec<&[TokenId]> = tokens.windows(n).collect();
        let distinct: std::collections::HashSet<_> = ngrams.iter().collect();
        assert_eq!(
            ngrams.len(),
            distinct.len(),
            "{tokens:?} repeats a {n}-gram"
        );
    }
}

#[test]
fn scores_that_are_not_numbers_are_an_error() {
    let broken = Table(|_, _: &[TokenId]| vec![f32::NAN; 4]);
    assert!(matches!(
        beam(2, 5).search(&broken, &one_sentence()),
        Err(Error::NotFinite)
    ));
}

#[test]
fn impossible_options_are_refused() {
    let table = Table(|_, _: &[TokenId]| vec![0.0; 4]);
    assert!(beam(0, 5).search(&table, &one_sentence()).is_err());
    assert!(beam(2, 1).search(&table, &one_sentence()).is_err());
}

/// Log-probabilities that look random but depend on nothing else.
fn scrambled(seed: u64, sentence: usize, tokens: &[TokenId]) -> Vec<f32> {
    let mut hash = seed ^ (sentence as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for &token in tokens {
        hash = (hash ^ u64::from(token))
            .wrapping_mul(0xFF51_AFD7_ED55_8CCD)
            .rotate_left(31);
    }
    let weights: Vec<f32> = (0..4_u64)
        .map(|token| {
            let mixed = (hash ^ token).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
            ((mixed >> 40) as f32 / 16_777_216.0) * 4.0
        })
        .collect();
    let sum: f32 = weights.iter().map(|weight| weight.exp()).sum();
    weights.iter().map(|weight| weight - sum.ln()).collect()
}

/// The best sequence of at most `max_tokens` tokens, by trying all; the end
/// at the limit is free, as in the search.
fn best_of_all(
    seed: u64,
    tokens: &mut Vec<TokenId>,
    sum: f32,
    max_tokens: usize,
) -> (f32, Vec<TokenId>) {
    let log_probs = scrambled(seed, 0, tokens);
    let len = tokens.len() + 1;
    let ends = |end: f32| {
        let mut whole = tokens.clone();
        whole.push(END);
        ((sum + end) / len as f32, whole)
    };
    if len == max_tokens {
        return ends(0.0);
    }
    let mut best = ends(log_probs[END as usize]);
    for token in 1..4 {
        tokens.push(token);
        let other = best_of_all(seed, tokens, sum + log_probs[token as usize], max_tokens);
        tokens.pop();
        if other.0 > best.0 {
            best = other;
        }
    }
    best
}

proptest! {
    #[test]
    fn a_beam_that_holds_everything_finds_the_best_of_all(seed: u64) {
        // 3^4 prefixes; a full pool never stops the search before the limit.
        let table = Table(|sentence, tokens: &[TokenId]| scrambled(seed, sentence, tokens));
        let found = beam(200, 6).search(&table, &one_sentence()).unwrap();
        let (score, tokens) = best_of_all(seed, &mut Vec::new(), 0.0, 5);
        prop_assert!((found[0][0].score - score).abs() < 1e-5);
        prop_assert_eq!(&found[0][0].tokens, &tokens);
    }

    #[test]
    fn a_sentence_gets_the_same_hypotheses_in_any_batch(seed: u64, beam_size in 1_usize..5, count in 1_usize..6) {
        let table = Table(|sentence, tokens: &[TokenId]| scrambled(seed, sentence, tokens));
        let batch = TokenBatch::new(vec![vec![1; 8]; count]);
        let together = beam(beam_size, 7).search(&table, &batch).unwrap();
        for (sentence, together) in together.iter().enumerate() {
            let alone = SentenceQueue::from(TokenBatch {
                sources: vec![vec![1; 8]],
                origin: vec![sentence],
            });
            let alone = beam(beam_size, 7).search_queue(&table, &alone, &|_| ()).unwrap();
            prop_assert_eq!(together, &alone[0].hypotheses);
        }
    }

    #[test]
    fn a_sentence_gets_the_same_hypotheses_whenever_it_is_admitted(
        seed: u64,
        beam_size in 1_usize..4,
        lengths in prop::collection::vec(1_usize..9, 1..12),
        sentences in 1_usize..5,
    ) {
        let table = Table(|sentence, tokens: &[TokenId]| scrambled(seed, sentence, tokens));
        let search = BeamSearch {
            max_length: MaxLength::Proportional { factor: 1, extra: 2, cap: 9 },
            ..beam(beam_size, 9)
        };
        let sources: Vec<Vec<TokenId>> = lengths.iter().map(|&len| vec![1; len]).collect();
        let limits = BatchLimits { tokens: 1000, sentences };
        let queue = SentenceQueue::new(sources.clone(), limits, 1);
        let mut found = search.search_queue(&table, &queue, &|_| ()).unwrap();
        found.sort_by_key(|found| found.origin);
        let together = search.search(&table, &TokenBatch::new(sources)).unwrap();
        let found: Vec<_> = found.into_iter().map(|found| found.hypotheses).collect();
        prop_assert_eq!(found, together);
    }

    #[test]
    fn what_is_too_much_for_the_memory_is_searched_in_smaller_batches(
        seed: u64,
        lengths in prop::collection::vec(1_usize..9, 1..24),
        sentences in 1_usize..24,
        capacity in 1_usize..9,
        fails_in in prop::sample::select(vec![Call::Begin, Call::Step(1), Call::Step(3), Call::Reorder]),
    ) {
        let table = Table(|sentence, tokens: &[TokenId]| scrambled(seed, sentence, tokens));
        let search = BeamSearch {
            max_length: MaxLength::Proportional { factor: 1, extra: 2, cap: 9 },
            ..beam(3, 9)
        };
        let sources: Vec<Vec<TokenId>> = lengths.iter().map(|&len| vec![1; len]).collect();
        let expected = search.search(&table, &TokenBatch::new(sources.clone())).unwrap();
        let limits = BatchLimits { tokens: 1000, sentences };
        let reported = std::cell::Cell::new(0);
        let finished = |count| reported.set(reported.get() + count);
        let queue = SentenceQueue::new(sources.clone(), limits, 1);
        let tight: Tight<_, false> = Tight { scorer: &table, capacity, fails_in };
        let mut found = search.search_queue(&tight, &queue, &finished).unwrap();
        found.sort_by_key(|found| found.origin);
        prop_assert_eq!(reported.get(), sources.len());
        let hypotheses: Vec<_> = found.into_iter().map(|found| found.hypotheses).collect();
        prop_assert_eq!(&hypotheses, &expected);

        let queue = SentenceQueue::new(sources.clone(), limits, 1);
        let tight: Tight<_, true> = Tight { scorer: &table, capacity, fails_in };
        let mut found = search.search_queue(&tight, &queue, &|_| ()).unwrap();
        found.sort_by_key(|found| found.origin);
        let hypotheses: Vec<_> = found.into_iter().map(|found| found.hypotheses).collect();
        prop_assert_eq!(&hypotheses, &expected);
    }
}

#[test]
fn one_sentence_that_is_too_much_for_the_memory_is_an_error() {
    let table = Table(|sentence, tokens: &[TokenId]| scrambled(7, sentence, tokens));
    for fails_in in [Call::Begin, Call::Step(1), Call::Reorder] {
        let tight: Tight<_, false> = Tight {
            scorer: &table,
            capacity: 0,
            fails_in,
        };
        let batch = TokenBatch::new(vec![vec![1; 8]; 5]);
        let error = beam(3, 9).search(&tight, &batch).unwrap_err();
        assert!(matches!(error, Error::OutOfMemory(_)), "{error}");
        assert_eq!(error.exit_code(), 1);
    }
}

/// Where the memory runs out.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Call {
    /// While sentences are encoded.
    Begin,
    /// In the step of this number, from 1.
    Step(usize),
    Reorder,
}

/// A scorer whose memory holds so many sentences.
struct Tight<'a, S, const CONTINUOUS: bool> {
    scorer: &'a S,
    capacity: usize,
    fails_in: Call,
}

struct TightState<T> {
    state: T,
    /// Sentences that were begun and not reordered away.
    sentences: usize,
    steps: usize,
}

impl<S, const CONTINUOUS: bool> Tight<'_, S, CONTINUOUS> {
    fn check(&self, call: Call, sentences: usize) -> Result<()> {
        if call == self.fails_in && sentences > self.capacity {
            let injected = candle_core::Error::Msg("injected".to_owned());
            return Err(Error::OutOfMemory(injected));
        }
        Ok(())
    }
}

impl<S: Scorer<State = Vec<(usize, Vec<TokenId>)>>, const CONTINUOUS: bool> Scorer
    for Tight<'_, S, CONTINUOUS>
{
    type State = TightState<S::State>;

    const CONTINUOUS: bool = CONTINUOUS;

    fn start(&self, batch: &TokenBatch) -> Result<Self::State> {
        self.check(Call::Begin, batch.len())?;
        Ok(TightState {
            state: self.scorer.start(batch)?,
            sentences: batch.len(),
            steps: 0,
        })
    }

    fn admit(&self, state: &mut Self::State, batch: &TokenBatch) -> Result<()> {
        assert!(CONTINUOUS || state.state.is_empty());
        // The rows of a sentence stand together.
        let under_way = state.state.chunk_by(|a, b| a.0 == b.0).count();
        state.sentences = under_way + batch.len();
        self.check(Call::Begin, state.sentences)?;
        state.steps = 0;
        self.scorer.admit(&mut state.state, batch)
    }

    fn step(&self, state: &mut Self::State, query: &StepQuery) -> Result<Step> {
        state.steps += 1;
        self.check(Call::Step(state.steps), state.sentences)?;
        self.scorer.step(&mut state.state, query)
    }

    fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> Result<()> {
        self.check(Call::Reorder, state.sentences)?;
        self.scorer.reorder(&mut state.state, rows)
    }

    fn boundaries(&self) -> Boundaries {
        self.scorer.boundaries()
    }
}
