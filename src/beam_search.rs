//! Beam search over anything that scores next tokens.
//!
//! The search is transformers' (`generation/utils.py`, `_beam_search`, with
//! `early_stopping=False` and `renormalize_logits=True`), sentence by sentence,
//! so that what a sentence becomes does not depend on its batch.

mod sentence;
#[cfg(test)]
mod tests;

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
        // Those under way when some were taken last.
        let mut held = 0;
        loop {
            if active.is_empty() || S::CONTINUOUS {
                let longest = active.iter().map(|active| active.source.len()).max();
                let ended = held - active.len();
                let waiting = queue.take(active.len(), ended, longest.unwrap_or(0));
                held = active.len() + waiting.len();
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
                    held -= active.len();
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
                held -= active.len();
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
