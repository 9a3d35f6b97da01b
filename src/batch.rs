//! Sentences that go through the model together, and those that wait for it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::tokenizer::TokenId;

/// Sentences that go through the model together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    /// Source tokens of each sentence, `</s>` included.
    pub sources: Vec<Vec<TokenId>>,
    /// Where each sentence stood before the batches were made.
    pub origin: Vec<usize>,
}

impl TokenBatch {
    /// A batch of sentences in the order given.
    #[must_use]
    pub fn new(sources: Vec<Vec<TokenId>>) -> Self {
        let origin = (0..sources.len()).collect();
        Self { sources, origin }
    }

    /// Number of sentences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether the batch has no sentence.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Tokens of the longest sentence.
    #[must_use]
    pub fn src_len(&self) -> usize {
        self.sources.iter().map(Vec::len).max().unwrap_or(0)
    }
}

/// How much goes through the model at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Source tokens, each sentence counted as long as the longest; one sentence
    /// may have more.
    pub tokens: usize,
    /// Sentences.
    pub sentences: usize,
}

/// Sentences that wait, the longest first, so that what is too large for the
/// memory fails at once and little is padding. Workers share it.
#[derive(Debug)]
pub struct SentenceQueue {
    inner: Mutex<Waiting>,
    workers: usize,
}

#[derive(Debug)]
struct Waiting {
    sentences: VecDeque<(usize, Vec<TokenId>)>,
    limits: BatchLimits,
    /// Sentences that workers have taken and, as far as they have said, not ended.
    under_way: usize,
}

impl SentenceQueue {
    /// A queue of sentences for so many workers, each within `limits`.
    #[must_use]
    pub fn new(sentences: Vec<Vec<TokenId>>, limits: BatchLimits, workers: usize) -> Self {
        let mut sorted: Vec<(usize, Vec<TokenId>)> = sentences.into_iter().enumerate().collect();
        sorted.sort_by_key(|(_, tokens)| std::cmp::Reverse(tokens.len()));
        Self {
            inner: Mutex::new(Waiting {
                sentences: sorted.into(),
                limits,
                under_way: 0,
            }),
            workers: workers.max(1),
        }
    }

    /// Takes the next sentences for a worker that has `under_way` sentences, of at
    /// most `longest` tokens, under way, `ended` others having ended since it took
    /// some last.
    ///
    /// It never has more than its share of all that is not done, so that no worker is
    /// idle at the end; one that begins leaves the others their share of what waits,
    /// since theirs may be as good as done. And it takes none while there is room for
    /// a few only, since few rows are encoded at the price of many.
    #[must_use]
    pub fn take(&self, under_way: usize, ended: usize, longest: usize) -> TokenBatch {
        let mut waiting = self.waiting();
        waiting.under_way -= ended;
        let longest = waiting
            .sentences
            .front()
            .map_or(longest, |(_, tokens)| longest.max(tokens.len()));
        let limits = waiting.limits;
        let capacity = (limits.tokens / longest.max(1))
            .min(limits.sentences)
            .max(1);
        let shared = match under_way {
            0 => waiting.sentences.len(),
            _ => waiting.sentences.len() + waiting.under_way,
        };
        let share = shared.div_ceil(self.workers);
        let enough = under_way == 0 || capacity.saturating_sub(under_way) >= capacity / 8;
        let most = if enough { share.min(capacity) } else { 0 };
        let count = most.saturating_sub(under_way).min(waiting.sentences.len());
        waiting.under_way += count;
        let (origin, sources) = waiting.sentences.drain(..count).unzip();
        TokenBatch { sources, origin }
    }

    /// Drops what waits: a worker has failed.
    pub fn abandon(&self) {
        self.waiting().sentences.clear();
    }

    /// Puts sentences back that were too many for the memory. From now on at most
    /// `at_most` go through the model together, and no more tokens than so many of
    /// these have.
    pub fn put_back(&self, batch: TokenBatch, at_most: usize) {
        let longest = batch.src_len().max(1);
        let mut waiting = self.waiting();
        let Waiting {
            sentences,
            limits,
            under_way,
        } = &mut *waiting;
        *under_way -= batch.len();
        limits.sentences = limits.sentences.min(at_most);
        limits.tokens = limits.tokens.min(at_most * longest);
        sentences.extend(batch.origin.into_iter().zip(batch.sources));
        sentences
            .make_contiguous()
            .sort_by_key(|(_, tokens)| std::cmp::Reverse(tokens.len()));
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<TokenBatch> for SentenceQueue {
    /// Everything at once, in its order.
    fn from(batch: TokenBatch) -> Self {
        let sentences = batch.origin.into_iter().zip(batch.sources).collect();
        let limits = BatchLimits {
            tokens: usize::MAX,
            sentences: usize::MAX,
        };
        Self {
            inner: Mutex::new(Waiting {
                sentences,
                limits,
                under_way: 0,
            }),
            workers: 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_sentence_is_taken_once_within_the_limits(
            lengths in prop::collection::vec(1_usize..40, 0..60),
            tokens in 1_usize..200,
            most in 1_usize..9,
            workers in 1_usize..4,
            done_each_time in 1_usize..5,
        ) {
            let sentences: Vec<Vec<TokenId>> =
                lengths.iter().enumerate().map(|(i, &n)| vec![i as TokenId; n]).collect();
            let limits = BatchLimits { tokens, sentences: most };
            let queue = SentenceQueue::new(sentences.clone(), limits, workers);
            let mut seen = vec![0; sentences.len()];
            let mut under_way: Vec<usize> = Vec::new();
            let mut held = 0;
            loop {
                let longest = under_way.iter().copied().max().unwrap_or(0);
                let batch = queue.take(under_way.len(), held - under_way.len(), longest);
                held = under_way.len() + batch.len();
                if under_way.is_empty() && batch.is_empty() {
                    break;
                }
                for (source, &origin) in batch.sources.iter().zip(&batch.origin) {
                    prop_assert_eq!(source, &sentences[origin]);
                    seen[origin] += 1;
                    under_way.push(source.len());
                }
                let padded = under_way.len() * under_way.iter().max().unwrap();
                prop_assert!(under_way.len() == 1 || padded <= tokens);
                prop_assert!(under_way.len() <= most);
                under_way.drain(..done_each_time.min(under_way.len()));
            }
            prop_assert!(seen.iter().all(|&count| count == 1));
        }
    }

    #[test]
    fn workers_take_as_many_as_the_others() {
        let taken = |sentences: usize, most: usize, takes: &[(usize, usize)]| {
            let limits = BatchLimits {
                tokens: usize::MAX,
                sentences: most,
            };
            let queue = SentenceQueue::new(vec![vec![0]; sentences], limits, 2);
            let take = |&(under_way, ended): &(usize, usize)| queue.take(under_way, ended, 1).len();
            takes.iter().map(take).collect::<Vec<_>>()
        };
        // Two begin, one after the other, and the second takes the rest of its share.
        assert_eq!(taken(96, 48, &[(0, 0), (0, 0), (24, 0)]), [48, 24, 24]);
        assert_eq!(taken(96, 64, &[(0, 0), (0, 0), (24, 0)]), [48, 24, 24]);
        // As long as there is enough, they are full; what has ended is replaced, but not
        // one by one.
        assert_eq!(
            taken(200, 16, &[(0, 0), (0, 0), (15, 1), (14, 1)]),
            [16, 16, 0, 2]
        );
        // At the end something is left to the other, whose own may have ended.
        assert_eq!(
            taken(48, 16, &[(0, 0), (0, 0), (0, 16), (0, 16)])[2..],
            [8, 4]
        );
        assert_eq!(taken(48, 16, &[(0, 0), (0, 0), (4, 12)]), [16, 16, 12]);
    }

    #[test]
    fn what_did_not_fit_comes_again_in_smaller_batches_the_longest_first() {
        let lengths = [3, 9, 1, 7, 5, 2, 8, 4];
        let sentences = lengths.iter().map(|&n| vec![0; n]).collect();
        let limits = BatchLimits {
            tokens: 1000,
            sentences: 6,
        };
        let queue = SentenceQueue::new(sentences, limits, 1);
        let mut batch = queue.take(0, 0, 0);
        assert_eq!(batch.len(), 6);
        for expected in [3, 1] {
            let half = batch.len() / 2;
            queue.put_back(batch, half);
            batch = queue.take(0, 0, 0);
            assert_eq!(batch.len(), expected);
            assert_eq!(batch.sources[0].len(), 9);
        }
        let mut taken = vec![batch];
        loop {
            let ended = taken.last().map_or(0, TokenBatch::len);
            let next = queue.take(0, ended, 0);
            if next.is_empty() {
                break;
            }
            taken.push(next);
        }
        let origins: Vec<usize> = taken.into_iter().flat_map(|batch| batch.origin).collect();
        assert_eq!(origins, [1, 6, 3, 4, 7, 0, 5, 2]);
    }
}
