//! Sentences of similar length, padded to one matrix.

use crate::tokenizer::TokenId;

/// Sentences that go through the model together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    /// Source tokens of each sentence, `</s>` included, longest first.
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

/// Packs sentences into batches of at most `token_budget` padded source tokens
/// and `max_sentences` sentences (always at least one), longest first, so that what is too large for
/// the memory fails at once and little is padding.
///
/// The batches hold every sentence exactly once; [`TokenBatch::origin`] says
/// where each belongs.
#[must_use]
pub fn batches(
    sentences: Vec<Vec<TokenId>>,
    token_budget: usize,
    max_sentences: usize,
) -> Vec<TokenBatch> {
    let mut sorted: Vec<(usize, Vec<TokenId>)> = sentences.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, tokens)| std::cmp::Reverse(tokens.len()));
    let mut batches: Vec<TokenBatch> = Vec::new();
    for (origin, tokens) in sorted {
        match batches.last_mut() {
            Some(batch)
                if batch.len() < max_sentences
                    && (batch.len() + 1) * batch.src_len() <= token_budget =>
            {
                batch.sources.push(tokens);
                batch.origin.push(origin);
            }
            _ => batches.push(TokenBatch {
                sources: vec![tokens],
                origin: vec![origin],
            }),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_sentence_is_in_exactly_one_batch_within_the_budget(
            lengths in prop::collection::vec(1_usize..40, 0..60),
            budget in 1_usize..200,
            most in 1_usize..9,
        ) {
            let sentences: Vec<Vec<TokenId>> =
                lengths.iter().enumerate().map(|(i, &n)| vec![i as TokenId; n]).collect();
            let batches = batches(sentences.clone(), budget, most);
            let mut seen = vec![0; sentences.len()];
            for batch in &batches {
                prop_assert!(batch.len() == 1 || batch.len() * batch.src_len() <= budget);
                prop_assert!(batch.len() <= most);
                for (source, &origin) in batch.sources.iter().zip(&batch.origin) {
                    prop_assert_eq!(source, &sentences[origin]);
                    seen[origin] += 1;
                }
            }
            prop_assert!(seen.iter().all(|&count| count == 1));
        }
    }
}
