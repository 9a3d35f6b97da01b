//! Beam search over anything that scores next tokens.
//!
//! The search is transformers' (`generation/utils.py`, `_beam_search`, with
//! `early_stopping=False` and `renormalize_logits=True`), sentence by sentence,
//! so that what a sentence becomes does not depend on its batch.

mod sentence;

use sentence::SentenceSearch;

use crate::batch::{SentenceQueue, TokenBatch};
use crate::error::{Error, Result};
use crate::tokenizer::TokenId;

/// What beam search knows of a model (Marian's word).
///
/// A state has one row for each hypothesis that is being extended. It starts
/// with one row a sentence, in the order of the batch.
pub trait Scorer {
    /// Everything that changes during a search.
    type State;

    /// Whether sentences can join a state that has rows; if not, those that wait
    /// are admitted when its last row is done.
    const CONTINUOUS: bool;

    /// Runs the encoder, and projects the keys and values of cross-attention.
    ///
    /// # Errors
    ///
    /// When the batch cannot be represented or a tensor operation fails.
    fn start(&self, batch: &TokenBatch) -> Result<Self::State>;

    /// Adds sentences to a state, as [`Scorer::start`]: one row each, behind the
    /// others. Unless [`Scorer::CONTINUOUS`], the state must have no rows.
    ///
    /// # Errors
    ///
    /// As [`Scorer::start`].
    fn admit(&self, state: &mut Self::State, batch: &TokenBatch) -> Result<()>;

    /// Feeds one token to each row and scores what may follow.
    ///
    /// # Errors
    ///
    /// When a tensor operation fails.
    fn step(&self, state: &mut Self::State, query: &StepQuery) -> Result<Step>;

    /// Makes row `i` what row `rows[i]` was; rows that are not named are dropped.
    ///
    /// # Errors
    ///
    /// When a tensor operation fails.
    fn reorder(&self, state: &mut Self::State, rows: &[usize]) -> Result<()>;

    /// The token that every hypothesis starts with, and the one that ends it.
    fn boundaries(&self) -> Boundaries;
}

/// The tokens at either end of a hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boundaries {
    /// Fed to the decoder first; not part of the hypothesis.
    pub start: TokenId,
    /// Ends a hypothesis, and is part of it.
    pub end: TokenId,
}

/// What a [`Scorer`] is asked in one step.
#[derive(Debug)]
pub struct StepQuery<'a> {
    /// The newest token of each row.
    pub tokens: &'a [TokenId],
    /// For each row, tokens that must not follow. They are taken out before the
    /// softmax, as are those that the model never generates (`<pad>`).
    pub banned: &'a [Vec<TokenId>],
    /// How many candidates each row wants.
    pub top_k: usize,
}

/// What a [`Scorer`] answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// For each row its best candidates, best first; equal ones by token id.
    pub candidates: Vec<Vec<Candidate>>,
    /// For each row the guided head's attention over the source tokens
    /// (at least as long as the row's sentence).
    pub attention: Vec<Vec<f32>>,
}

/// A token that may follow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The token.
    pub token: TokenId,
    /// Its log-probability (natural logarithm) given what stands before.
    pub log_prob: f32,
}

/// A finished translation of one sentence, in tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// The tokens, the end token included.
    pub tokens: Vec<TokenId>,
    /// Log-probability of each token.
    pub log_probs: Vec<f32>,
    /// `sum(log_probs) / tokens.len() ^ length_penalty`.
    pub score: f32,
    /// Attention of the step that output each token, over the source tokens:
    /// `[tokens.len()][src_len]`. The row of a forced end is empty.
    pub attention: Vec<Vec<f32>>,
    /// Whether the end token was forced because the length limit was reached.
    pub hit_limit: bool,
}

/// How far a hypothesis may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxLength {
    /// Decoder positions, start token included, as transformers' `max_length`.
    Positions(usize),
    /// `factor * source tokens + extra` decoder positions, at most `cap`.
    Proportional {
        /// Positions for each source token.
        factor: usize,
        /// Positions added to that.
        extra: usize,
        /// Upper bound: the model's positions.
        cap: usize,
    },
}

impl MaxLength {
    fn positions(self, src_len: usize) -> usize {
        match self {
            Self::Positions(positions) => positions,
            Self::Proportional { factor, extra, cap } => (factor * src_len + extra).min(cap),
        }
    }
}

/// Beam search; with a beam of 1 it is greedy search.
#[derive(Debug, Clone, PartialEq)]
pub struct BeamSearch {
    /// Hypotheses kept for each sentence.
    pub beam_size: usize,
    /// Exponent of `score / len ^ length_penalty`; 1.0 = mean log-probability.
    pub length_penalty: f32,
    /// Limit, at which the end token is forced.
    pub max_length: MaxLength,
    /// No n-gram of this size occurs twice in a hypothesis; 0 = off.
    pub no_repeat_ngram_size: usize,
    /// The log-probability of a token that the hypothesis has already is
    /// multiplied by this, after all bans, and all are renormalised
    /// (transformers' `RepetitionPenaltyLogitsProcessor`; Keskar et al. 2019,
    /// "CTRL"); 1.0 = off.
    pub repetition_penalty: f32,
}

impl BeamSearch {
    /// Candidates that a step needs for each row.
    ///
    /// A repetition penalty lowers at most the tokens that a hypothesis has, and
    /// what their probability loses is shared out: the margin holds all of it
    /// but what tokens beyond the best few dozen have.
    fn top_k(&self) -> usize {
        const MARGIN: usize = 64;
        let margin = if self.penalizes() { MARGIN } else { 0 };
        2 * self.beam_size + margin
    }

    /// Whether there is a repetition penalty.
    #[expect(clippy::float_cmp, reason = "1 is off, exactly")]
    fn penalizes(&self) -> bool {
        self.repetition_penalty != 1.0
    }

    /// The best hypotheses of each sentence, best first: one list for each
    /// sentence of the batch, in its order, of 1 to `beam_size` hypotheses.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when the beam or the length limit is too small, and
    /// whatever the scorer reports.
    pub fn search<S: Scorer>(
        &self,
        scorer: &S,
        batch: &TokenBatch,
    ) -> Result<Vec<Vec<Hypothesis>>> {
        let queue = SentenceQueue::from(TokenBatch {
            sources: batch.sources.clone(),
            origin: (0..batch.len()).collect(),
        });
        let mut found = self.search_queue(scorer, &queue, &|_| ())?;
        found.sort_by_key(|found| found.origin);
        Ok(found.into_iter().map(|found| found.hypotheses).collect())
    }

    /// Searches the sentences of a queue until it is empty, and returns them as
    /// they are finished. Where the scorer allows it, a sentence that waits takes
    /// the place of one that is finished at once. `finished` is told how many
    /// more are. When the device's memory runs out, those under way are searched
    /// again from their beginning, half as many at once.
    ///
    /// # Errors
    ///
    /// As [`BeamSearch::search`].
    pub fn search_queue<S: Scorer>(
        &self,
        scorer: &S,
        queue: &SentenceQueue,
        finished: &dyn Fn(usize),
    ) -> Result<Vec<Found>> {
        self.check()?;
        let mut found = Vec::new();
        let mut active: Vec<Active> = Vec::new();
        let mut state = None;
        // The most sentences that the state has had.
        let mut together = 0;
        loop {
            if active.is_empty() || S::CONTINUOUS {
                let longest = active.iter().map(|active| active.source.len()).max();
                let waiting = queue.take(active.len(), longest.unwrap_or(0));
                let done_before = found.len();
                let batch = self.begin(scorer, waiting, &mut active, &mut found);
                together = together.max(active.len());
                finished(found.len() - done_before);
                let admitted = match &mut state {
                    _ if batch.is_empty() => Ok(()),
                    Some(state) => scorer.admit(state, &batch),
                    None => scorer.start(&batch).map(|started| state = Some(started)),
                };
                if let Err(error) = admitted {
                    state = None;
                    put_back(error, &mut active, std::mem::take(&mut together), queue)?;
                    continue;
                }
            }
            let Some(rows) = state.as_mut().filter(|_| !active.is_empty()) else {
                return Ok(found);
            };
            let done_before = found.len();
            if let Err(error) = self.step(scorer, rows, &mut active, &mut found) {
                // Its memory is needed for the next attempt.
                state = None;
                put_back(error, &mut active, std::mem::take(&mut together), queue)?;
            }
            finished(found.len() - done_before);
        }
    }

    fn check(&self) -> Result<()> {
        if self.beam_size == 0 {
            return Err(Error::Options(
                "the beam size must be at least 1".to_owned(),
            ));
        }
        if matches!(self.max_length, MaxLength::Positions(0 | 1)) {
            return Err(Error::Options(
                "the maximum length must be at least 2 (start and end token)".to_owned(),
            ));
        }
        Ok(())
    }

    /// Begins the searches of sentences; returns those that the scorer is needed
    /// for.
    fn begin<'a, S: Scorer>(
        &'a self,
        scorer: &S,
        waiting: TokenBatch,
        active: &mut Vec<Active<'a>>,
        found: &mut Vec<Found>,
    ) -> TokenBatch {
        let mut batch = TokenBatch::new(Vec::new());
        for (source, origin) in waiting.sources.into_iter().zip(waiting.origin) {
            let begun = Active {
                origin,
                search: SentenceSearch::new(self, scorer.boundaries(), source.len()),
                source: source.clone(),
            };
            if begun.search.done() {
                found.push(begun.into());
            } else {
                active.push(begun);
                batch.sources.push(source);
                batch.origin.push(origin);
            }
        }
        batch
    }

    /// Extends every hypothesis of the active searches by a token.
    fn step<S: Scorer>(
        &self,
        scorer: &S,
        state: &mut S::State,
        active: &mut Vec<Active>,
        found: &mut Vec<Found>,
    ) -> Result<()> {
        let tokens: Vec<TokenId> = active
            .iter()
            .flat_map(|active| active.search.last_tokens())
            .collect();
        let banned: Vec<Vec<TokenId>> = active
            .iter()
            .flat_map(|active| active.search.banned())
            .collect();
        let query = StepQuery {
            tokens: &tokens,
            banned: &banned,
            top_k: self.top_k(),
        };
        let step = scorer.step(state, &query)?;

        let mut first_row = 0;
        let mut rows = Vec::with_capacity(tokens.len());
        for mut sentence in std::mem::take(active) {
            let range = first_row..first_row + sentence.search.rows();
            let parents = sentence.search.advance(
                &step.candidates[range.clone()],
                &step.attention[range.clone()],
            );
            if sentence.search.is_stuck() {
                return Err(Error::NotFinite);
            }
            if sentence.search.done() {
                found.push(sentence.into());
            } else {
                rows.extend(parents.iter().map(|parent| first_row + parent));
                active.push(sentence);
            }
            first_row = range.end;
        }
        if !rows.iter().copied().eq(0..tokens.len()) {
            scorer.reorder(state, &rows)?;
        }
        Ok(())
    }
}

/// What was found for one sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Where the sentence stood.
    pub origin: usize,
    /// Best first, 1 to `beam_size`.
    pub hypotheses: Vec<Hypothesis>,
}

/// A sentence that is being searched.
struct Active<'a> {
    origin: usize,
    source: Vec<TokenId>,
    search: SentenceSearch<'a>,
}

impl From<Active<'_>> for Found {
    fn from(active: Active<'_>) -> Self {
        Self {
            origin: active.origin,
            hypotheses: active.search.into_hypotheses(),
        }
    }
}

/// Gives the sentences that are under way back to the queue, if the memory was too
/// small for a state that has had several `together`: what it keeps of those that
/// are done takes room as well.
fn put_back(
    error: Error,
    active: &mut Vec<Active>,
    together: usize,
    queue: &SentenceQueue,
) -> Result<()> {
    if !matches!(error, Error::OutOfMemory(_)) || together < 2 {
        return Err(error);
    }
    tracing::debug!("memory ran out with {together} sentences, trying again with half of them");
    let (origin, sources) = active
        .drain(..)
        .map(|active| (active.origin, active.source))
        .unzip();
    queue.put_back(TokenBatch { sources, origin }, together / 2);
    Ok(())
}

#[cfg(test)]
mod tests {
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
}
