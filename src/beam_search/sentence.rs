//! The search of one sentence: its tree of hypotheses.

use std::collections::HashSet;

use super::{BeamSearch, Boundaries, Candidate, Hypothesis};
use crate::tokenizer::TokenId;

/// A token in the tree of hypotheses of one sentence.
struct Node {
    parent: Option<usize>,
    token: TokenId,
    log_prob: f32,
    /// Index into `attention_rows`.
    attention: Option<usize>,
}

/// A hypothesis that is being extended.
#[derive(Clone, Copy)]
struct Running {
    /// Its newest token; `None` before the first.
    node: Option<usize>,
    /// Sum of log-probabilities.
    log_prob: f32,
}

struct Finished {
    node: usize,
    score: f32,
    hit_limit: bool,
}

/// The search of one sentence.
pub(super) struct SentenceSearch<'a> {
    options: &'a BeamSearch,
    boundaries: Boundaries,
    src_len: usize,
    /// Tokens that a hypothesis may have, the end token included.
    max_tokens: usize,
    /// Tokens that each running hypothesis has.
    len: usize,
    nodes: Vec<Node>,
    attention_rows: Vec<Vec<f32>>,
    running: Vec<Running>,
    finished: Vec<Finished>,
}

impl<'a> SentenceSearch<'a> {
    pub(super) fn new(options: &'a BeamSearch, boundaries: Boundaries, src_len: usize) -> Self {
        let mut search = Self {
            options,
            boundaries,
            src_len,
            max_tokens: options
                .max_length
                .positions(src_len)
                .saturating_sub(1)
                .max(1),
            len: 0,
            nodes: Vec::new(),
            attention_rows: Vec::new(),
            running: vec![Running {
                node: None,
                log_prob: 0.0,
            }],
            finished: Vec::new(),
        };
        search.force_end_at_limit();
        search
    }

    /// Rows of the scorer's state that belong to this sentence.
    pub(super) fn rows(&self) -> usize {
        self.running.len()
    }

    /// Whether every continuation was impossible before one hypothesis ended.
    pub(super) fn is_stuck(&self) -> bool {
        self.running.is_empty() && self.finished.is_empty()
    }

    /// The newest token of each running hypothesis.
    pub(super) fn last_tokens(&self) -> impl Iterator<Item = TokenId> {
        self.running.iter().map(|running| {
            running
                .node
                .map_or(self.boundaries.start, |node| self.nodes[node].token)
        })
    }

    /// For each running hypothesis, the tokens that would repeat an n-gram.
    pub(super) fn banned(&self) -> impl Iterator<Item = Vec<TokenId>> {
        self.running
            .iter()
            .map(|running| match self.options.no_repeat_ngram_size {
                0 => Vec::new(),
                n => repeating_tokens(&self.tokens(running.node), n),
            })
    }

    /// Extends the running hypotheses by the scorer's candidates; returns, for
    /// each that runs on, the index of the one that it extends.
    pub(super) fn advance(
        &mut self,
        candidates: &[Vec<Candidate>],
        attention: &[Vec<f32>],
    ) -> Vec<usize> {
        let first_attention = self.attention_rows.len();
        self.attention_rows
            .extend(attention.iter().map(|row| row[..self.src_len].to_vec()));
        let penalized = self.options.penalizes().then(|| self.penalized(candidates));
        let candidates = penalized.as_deref().unwrap_or(candidates);
        let best = best_continuations(&self.running, candidates, 2 * self.options.beam_size);
        self.len += 1;
        let mut running = Vec::with_capacity(self.options.beam_size);
        let mut parents = Vec::with_capacity(self.options.beam_size);
        for (rank, continuation) in best.into_iter().enumerate() {
            let ends = continuation.candidate.token == self.boundaries.end;
            // Candidates past the first `beam_size` only make sure that enough
            // hypotheses run on; they may not end one.
            if ends && rank >= self.options.beam_size
                || !ends && running.len() == self.options.beam_size
            {
                continue;
            }
            let node = self.nodes.len();
            self.nodes.push(Node {
                parent: self.running[continuation.row].node,
                token: continuation.candidate.token,
                log_prob: continuation.candidate.log_prob,
                attention: Some(first_attention + continuation.row),
            });
            if ends {
                self.finish(node, continuation.log_prob, false);
            } else {
                running.push(Running {
                    node: Some(node),
                    log_prob: continuation.log_prob,
                });
                parents.push(continuation.row);
            }
        }
        self.running = running;
        self.finished.truncate(self.options.beam_size);
        self.force_end_at_limit();
        parents
    }

    /// The candidates with the repetition penalty, renormalised.
    fn penalized(&self, candidates: &[Vec<Candidate>]) -> Vec<Vec<Candidate>> {
        let of_row = |(running, row): (&Running, &Vec<Candidate>)| {
            let seen: HashSet<TokenId> = self.tokens(running.node).into_iter().collect();
            let mut row = row.clone();
            let mut mass = 1.0;
            for candidate in row
                .iter_mut()
                .filter(|candidate| seen.contains(&candidate.token))
            {
                mass -= f64::from(candidate.log_prob).exp();
                candidate.log_prob *= self.options.repetition_penalty;
                mass += f64::from(candidate.log_prob).exp();
            }
            let log_mass = mass.max(f64::MIN_POSITIVE).ln() as f32;
            for candidate in &mut row {
                candidate.log_prob -= log_mass;
            }
            row.sort_by(|a, b| {
                b.log_prob
                    .total_cmp(&a.log_prob)
                    .then(a.token.cmp(&b.token))
            });
            row
        };
        self.running.iter().zip(candidates).map(of_row).collect()
    }

    /// Ends every running hypothesis when only the end token still fits. Its
    /// log-probability is 0 there, as that of transformers' forced end token.
    fn force_end_at_limit(&mut self) {
        if self.len + 1 < self.max_tokens || self.done() {
            return;
        }
        self.len += 1;
        for running in std::mem::take(&mut self.running) {
            let node = self.nodes.len();
            self.nodes.push(Node {
                parent: running.node,
                token: self.boundaries.end,
                log_prob: 0.0,
                attention: None,
            });
            self.finish(node, running.log_prob, true);
        }
        self.finished.truncate(self.options.beam_size);
    }

    /// Puts a hypothesis among the finished, best first, earlier ones before
    /// equal later ones.
    fn finish(&mut self, node: usize, log_prob: f32, hit_limit: bool) {
        let score = self.normalized(log_prob);
        let place = self
            .finished
            .partition_point(|finished| finished.score >= score);
        self.finished.insert(
            place,
            Finished {
                node,
                score,
                hit_limit,
            },
        );
    }

    fn normalized(&self, log_prob: f32) -> f32 {
        log_prob / f64::from(self.len as u32).powf(self.options.length_penalty.into()) as f32
    }

    /// Whether no running hypothesis can improve on the finished ones, by
    /// transformers' estimate: the best running score at its present length.
    pub(super) fn done(&self) -> bool {
        let Some(best) = self.running.first() else {
            return true;
        };
        self.finished.len() == self.options.beam_size
            && self
                .finished
                .last()
                .is_some_and(|worst| self.normalized(best.log_prob) <= worst.score)
    }

    fn path(&self, last: Option<usize>) -> Vec<usize> {
        let mut path: Vec<usize> =
            std::iter::successors(last, |&node| self.nodes[node].parent).collect();
        path.reverse();
        path
    }

    fn tokens(&self, last: Option<usize>) -> Vec<TokenId> {
        self.path(last)
            .into_iter()
            .map(|node| self.nodes[node].token)
            .collect()
    }

    pub(super) fn into_hypotheses(self) -> Vec<Hypothesis> {
        self.finished
            .iter()
            .map(|finished| {
                let path = self.path(Some(finished.node));
                let row = |node: &usize| {
                    self.nodes[*node]
                        .attention
                        .map_or_else(Vec::new, |row| self.attention_rows[row].clone())
                };
                Hypothesis {
                    tokens: path.iter().map(|&node| self.nodes[node].token).collect(),
                    log_probs: path.iter().map(|&node| self.nodes[node].log_prob).collect(),
                    score: finished.score,
                    attention: path.iter().map(row).collect(),
                    hit_limit: finished.hit_limit,
                }
            })
            .collect()
    }
}

/// A running hypothesis with one more token.
struct Continuation {
    row: usize,
    candidate: Candidate,
    log_prob: f32,
}

/// The best `count` continuations of all rows, best first; equal ones by row,
/// then by token, so that the result is the same on every machine.
fn best_continuations(
    running: &[Running],
    candidates: &[Vec<Candidate>],
    count: usize,
) -> Vec<Continuation> {
    let mut all: Vec<Continuation> = running
        .iter()
        .zip(candidates)
        .enumerate()
        .flat_map(|(row, (hypothesis, candidates))| {
            candidates.iter().map(move |&candidate| Continuation {
                row,
                candidate,
                log_prob: hypothesis.log_prob + candidate.log_prob,
            })
        })
        .filter(|continuation| continuation.log_prob > f32::NEG_INFINITY)
        .collect();
    all.sort_by(|a, b| b.log_prob.total_cmp(&a.log_prob));
    all.truncate(count);
    all
}

/// Tokens that would complete an n-gram that `tokens` has already.
fn repeating_tokens(tokens: &[TokenId], n: usize) -> Vec<TokenId> {
    if tokens.len() + 1 < n {
        return Vec::new();
    }
    let prefix = &tokens[tokens.len() + 1 - n..];
    tokens
        .windows(n)
        .filter(|ngram| ngram[..n - 1] == *prefix)
        .map(|ngram| ngram[n - 1])
        .collect()
}
