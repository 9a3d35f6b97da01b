//! The output projection, with softmax and the best tokens of each row: the
//! logits are looked at while they are in the first cache, and never stored.
//!
//! `log softmax(x)_i = x_i − log Σ e^x`. The sum is kept relative to a reference
//! close to the largest logit so far, by lane; where a logit is far above it, the
//! reference is raised. Sums of fixed stretches of the vocabulary are folded and
//! added up in their order, so that the result does not depend on who computed
//! which stretch.

use std::ops::Range;

use rayon::prelude::*;

use super::gemm::{Activations, Epilogue, Gemm, Matrix, PANEL};
use super::isa::Isa;
use super::precision::Precision;
use super::simd::{Kernel, Lanes, Simd, exp};
use crate::beam_search::Candidate;
use crate::tokenizer::TokenId;

/// Panels whose sum is folded at once.
const STRETCH: usize = 256;

/// How far a logit may be above the reference: `e^40` times the vocabulary is
/// far from the end of `f32`.
const HEADROOM: f32 = 40.0;

/// With so many rows or fewer, a step waits for the weights of the output, and
/// idle workers help to read them.
const FEW_ROWS: usize = 64;

/// Scores of what follows each row: the best `top_k` tokens. For each row,
/// `banned` are the tokens that must not follow, sorted.
pub(crate) fn best_tokens<P: Precision>(
    isa: Isa,
    activations: &Activations<P>,
    matrix: Matrix<P>,
    banned: &[Vec<TokenId>],
    top_k: usize,
    scans: &mut Vec<RowScan>,
) -> Vec<Vec<Candidate>> {
    let rows = banned.len();
    let stretches = matrix.bias.len().div_ceil(STRETCH);
    // Outside of a pool of workers there are none that could help.
    let workers = rayon::current_thread_index().map_or(1, |_| rayon::current_num_threads());
    let parts = if rows <= FEW_ROWS {
        workers.min(stretches)
    } else {
        1
    };
    if scans.len() < parts * rows {
        scans.resize_with(parts * rows, RowScan::new);
    }
    let scans = &mut scans[..parts * rows];
    let project = |(part, scans): (usize, &mut [RowScan])| {
        isa.run(Project {
            activations,
            matrix,
            banned,
            top_k,
            stretches: part * stretches / parts..(part + 1) * stretches / parts,
            rows: scans,
        });
    };
    if parts == 1 {
        project((0, &mut *scans));
    } else {
        scans.par_chunks_mut(rows).enumerate().for_each(project);
    }
    let (first, others) = scans.split_at_mut(rows);
    for others in others.chunks(rows) {
        for (scan, other) in first.iter_mut().zip(others) {
            scan.append(other, top_k);
        }
    }
    first.iter().map(RowScan::candidates).collect()
}

/// Looks at some stretches of the vocabulary.
struct Project<'a, P: Precision> {
    activations: &'a Activations<P>,
    matrix: Matrix<'a, P>,
    banned: &'a [Vec<TokenId>],
    top_k: usize,
    stretches: Range<usize>,
    rows: &'a mut [RowScan],
}

impl<P: Precision> Kernel for Project<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.rows;
        for row in &mut *rows {
            row.begin();
        }
        let panels = self.matrix.bias.len();
        for stretch in self.stretches {
            let first = stretch * STRETCH;
            for (row, banned) in rows.iter_mut().zip(self.banned) {
                row.begin_stretch(banned, (first * PANEL) as TokenId);
            }
            let scan = Scan {
                rows: &mut *rows,
                banned: self.banned,
                top_k: self.top_k,
            };
            s.run(Gemm {
                activations: self.activations,
                matrix: self.matrix,
                panels: first..panels.min(first + STRETCH),
                epilogue: scan,
            });
            for row in &mut *rows {
                row.end_stretch(s);
            }
        }
    }
}

/// What is known of a row's logits so far.
#[derive(Debug)]
pub(crate) struct RowScan {
    /// `Σ e^(x − reference)` of this stretch.
    sum: Lanes,
    reference: f32,
    /// Only a logit above this needs a closer look.
    limit: f32,
    /// Next of the row's banned tokens.
    next_banned: usize,
    /// Its panel; none when it is `u32::MAX`.
    banned_panel: u32,
    /// Reference and sum of each stretch that is done.
    stretches: Vec<(f32, f32)>,
    /// The best so far, best first.
    best: Vec<(f32, TokenId)>,
}

impl RowScan {
    const fn new() -> Self {
        Self {
            sum: Lanes::ZERO,
            reference: f32::MIN,
            limit: f32::NEG_INFINITY,
            next_banned: 0,
            banned_panel: u32::MAX,
            stretches: Vec::new(),
            best: Vec::new(),
        }
    }

    fn begin(&mut self) {
        self.stretches.clear();
        self.best.clear();
    }

    fn begin_stretch(&mut self, banned: &[TokenId], first: TokenId) {
        self.sum = Lanes::ZERO;
        self.reference = f32::MIN;
        self.limit = f32::NEG_INFINITY;
        self.next_banned = banned.partition_point(|&token| token < first);
        self.banned_panel = panel_of(banned.get(self.next_banned));
    }

    #[inline(always)]
    fn end_stretch<S: Simd>(&mut self, s: S) {
        let sum = s.fold_add(s.load(&self.sum));
        self.stretches.push((self.reference, sum));
    }

    /// Takes in panels of which a token is banned or may be among the best.
    #[inline(always)]
    fn look<S: Simd>(
        &mut self,
        s: S,
        panel: usize,
        values: &[S::F],
        banned: &[TokenId],
        top_k: usize,
    ) {
        for (panel, &value) in (panel..).zip(values) {
            let mut logits = Lanes::ZERO;
            s.store(value, &mut logits);
            self.ban(banned, panel, &mut logits);
            let value = s.load(&logits);
            let above = s.greater(value, s.splat(self.limit));
            if above != 0 {
                self.consider(&logits, above, panel, top_k);
            }
            let relative = s.sub(value, s.splat(self.reference));
            let sum = s.add(s.load(&self.sum), exp(s, relative));
            s.store(sum, &mut self.sum);
        }
    }

    /// Takes out the banned tokens of a panel.
    fn ban(&mut self, banned: &[TokenId], panel: usize, logits: &mut Lanes) {
        while self.banned_panel == panel as u32 {
            logits.0[banned[self.next_banned] as usize % PANEL] = f32::NEG_INFINITY;
            self.next_banned += 1;
            self.banned_panel = panel_of(banned.get(self.next_banned));
        }
    }

    /// Looks closer at logits of which some are above the limit.
    #[inline(never)]
    fn consider(&mut self, logits: &Lanes, above: u16, panel: usize, top_k: usize) {
        let mut largest = f32::NEG_INFINITY;
        let mut above = above;
        while above != 0 {
            let lane = above.trailing_zeros() as usize;
            above &= above - 1;
            let logit = logits.0[lane];
            largest = largest.max(logit);
            if self.best.len() == top_k {
                if logit <= self.best[top_k - 1].0 {
                    continue;
                }
                self.best.pop();
            }
            let place = self.best.partition_point(|&(better, _)| better >= logit);
            self.best
                .insert(place, (logit, (panel * PANEL + lane) as TokenId));
        }
        if largest > self.reference + HEADROOM {
            self.raise(largest);
        }
        self.limit = if self.best.len() == top_k {
            self.best[top_k - 1].0.min(self.reference + HEADROOM)
        } else {
            f32::NEG_INFINITY
        };
    }

    fn raise(&mut self, reference: f32) {
        let factor = f64::from(self.reference - reference).exp() as f32;
        for sum in &mut self.sum.0 {
            *sum *= factor;
        }
        self.reference = reference;
    }

    /// Takes in what is known of the stretches behind these.
    fn append(&mut self, later: &Self, top_k: usize) {
        self.stretches.extend_from_slice(&later.stretches);
        for &(logit, token) in &later.best {
            let place = self.best.partition_point(|&(better, _)| better >= logit);
            self.best.insert(place, (logit, token));
        }
        self.best.truncate(top_k);
    }

    fn candidates(&self) -> Vec<Candidate> {
        let largest = self
            .stretches
            .iter()
            .fold(f32::MIN, |max, &(reference, _)| max.max(reference));
        let sum: f64 = self
            .stretches
            .iter()
            .map(|&(reference, sum)| f64::from(sum) * f64::from(reference - largest).exp())
            .sum();
        let log_sum = (f64::from(largest) + sum.ln()) as f32;
        self.best
            .iter()
            .map(|&(logit, token)| Candidate {
                token,
                log_prob: logit - log_sum,
            })
            .collect()
    }
}

fn panel_of(token: Option<&TokenId>) -> u32 {
    token.map_or(u32::MAX, |&token| token / PANEL as u32)
}

/// Looks at the logits of each tile.
struct Scan<'a> {
    rows: &'a mut [RowScan],
    banned: &'a [Vec<TokenId>],
    top_k: usize,
}

impl Epilogue for Scan<'_> {
    #[inline(always)]
    fn row<S: Simd, const PANELS: usize>(
        &mut self,
        s: S,
        row: usize,
        panel: usize,
        values: [S::F; PANELS],
    ) {
        let scan = &mut self.rows[row];
        let mut close = scan.banned_panel.wrapping_sub(panel as u32) < PANELS as u32;
        for logits in values {
            close |= s.greater(logits, s.splat(scan.limit)) != 0;
        }
        if close {
            scan.look(s, panel, &values, &self.banned[row], self.top_k);
            return;
        }
        let reference = s.splat(scan.reference);
        let mut sum = s.load(&scan.sum);
        for logits in values {
            sum = s.add(sum, exp(s, s.sub(logits, reference)));
        }
        s.store(sum, &mut scan.sum);
    }
}
