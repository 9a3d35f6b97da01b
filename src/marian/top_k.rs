//! The best tokens of each row of logits, found where the logits are: of a row,
//! `k` tokens with their log-probabilities reach the host.
//!
//! candle sorts rows in a GPU's shared memory, which a vocabulary is too long for.
//! So it is cut into blocks: the best `k` tokens lie in the `k` blocks of highest
//! maximum, of equal ones in the first. (A token in another block has `k` better
//! ones before it: the maxima of those blocks, each higher, or as high with a lower
//! id.) Blocks are sorted by their maxima, then the tokens of `k` blocks by their
//! logits.

use candle_core::{D, DType, Result as TensorResult, Tensor};

use crate::beam_search::{Candidate, Step};
use crate::tokenizer::TokenId;

/// Tokens of a block.
const BLOCK: usize = 256;

/// Numbers that a GPU sorts at once: their indices, of 4 bytes each, fill its
/// shared memory (48 kB in every CUDA GPU) to two thirds.
const MAX_SORTED: usize = 8192;

/// Token ids that sort keys have room for, see [`descending`].
const MAX_PLACE: usize = 1 << 20;

/// The search for the best tokens in a vocabulary of one size.
#[derive(Debug)]
pub(super) struct TopK {
    vocabulary: usize,
    /// What is added to padded logits: the model's bias, minus infinity for what
    /// is never generated and for the padding: `[1, blocks * BLOCK]`.
    bias: Tensor,
    /// Numbers of the blocks: `[1, blocks]`, in f64.
    blocks: Tensor,
    /// Places in a block: `[1, 1, BLOCK]`, in f64.
    within: Tensor,
}

/// The best tokens of each row.
#[derive(Debug)]
pub(super) struct Best {
    /// Token ids, which f32 holds exactly below 2^24: `[rows, k]`.
    tokens: Tensor,
    /// Natural logarithms, f32: `[rows, k]`.
    log_probs: Tensor,
}

impl TopK {
    /// For logits that `bias` (`[1, vocab]`, f32) is added to; `suppressed` tokens
    /// get no probability. The device needs f64.
    pub(super) fn new(bias: &Tensor, suppressed: &[TokenId]) -> TensorResult<Self> {
        let device = bias.device();
        let vocabulary = bias.dim(1)?;
        let blocks = vocabulary.div_ceil(BLOCK);
        let mut padded = bias.flatten_all()?.to_vec1::<f32>()?;
        for &token in suppressed {
            if let Some(bias) = padded.get_mut(token as usize) {
                *bias = f32::NEG_INFINITY;
            }
        }
        padded.resize(blocks * BLOCK, f32::NEG_INFINITY);
        let numbers = |count: usize| Tensor::arange(0.0, count as f64, device);
        Ok(Self {
            vocabulary,
            bias: Tensor::from_vec(padded, (1, blocks * BLOCK), device)?,
            blocks: numbers(blocks)?.unsqueeze(0)?,
            within: numbers(BLOCK)?.reshape((1, 1, BLOCK))?,
        })
    }

    /// Whether `k` tokens are few enough. A repetition penalty asks for hundreds.
    pub(super) fn fits(&self, k: usize) -> bool {
        let blocks = self.blocks.elem_count();
        let sorted = blocks.max(k.min(blocks) * BLOCK);
        self.vocabulary <= MAX_PLACE && k <= self.vocabulary && sorted <= MAX_SORTED
    }

    /// The `k` tokens of highest log-probability in each row of `scores`
    /// (`[rows, vocab]`, before the bias, of any float type). Tokens that are
    /// `banned` in a row have no part in its softmax.
    pub(super) fn best(
        &self,
        scores: &Tensor,
        banned: &[Vec<TokenId>],
        k: usize,
    ) -> TensorResult<Best> {
        let rows = scores.dim(0)?;
        let blocks = self.blocks.dim(1)?;
        let logits = scores
            .pad_with_zeros(1, 0, blocks * BLOCK - self.vocabulary)?
            .to_dtype(DType::F32)?
            .broadcast_add(&self.bias)?; // [rows, blocks * BLOCK]
        self.ban(&logits, banned)?;
        let maxima = logits.reshape((rows, blocks, BLOCK))?.max(2)?; // [rows, blocks]
        let chosen = descending(&maxima, &self.blocks)?
            .narrow(1, 0, k.min(blocks))?
            .contiguous()?; // [rows, chosen]
        let tokens = (chosen.to_dtype(DType::F64)? * BLOCK as f64)?
            .unsqueeze(2)?
            .broadcast_add(&self.within)?
            .flatten_from(1)?; // [rows, chosen * BLOCK]
        let values = logits.gather(&tokens.to_dtype(DType::U32)?, 1)?; // [rows, chosen * BLOCK]
        let order = descending(&values, &tokens)?
            .narrow(1, 0, k)?
            .contiguous()?; // [rows, k]
        let log_sums = log_sum_exp(&logits, &maxima)?; // [rows, 1]
        Ok(Best {
            tokens: tokens.gather(&order, 1)?.to_dtype(DType::F32)?,
            log_probs: values.gather(&order, 1)?.broadcast_sub(&log_sums)?,
        })
    }

    /// Takes banned tokens out of each row, in place.
    fn ban(&self, logits: &Tensor, banned: &[Vec<TokenId>]) -> TensorResult<()> {
        let width = banned.iter().map(Vec::len).max().unwrap_or(0);
        if width == 0 {
            return Ok(());
        }
        // Adding nothing to token 0 fills the rows up.
        let mut tokens = vec![0; banned.len() * width];
        let mut penalties = vec![0.0_f32; banned.len() * width];
        for (row, banned) in banned.iter().enumerate() {
            for (column, &token) in banned.iter().enumerate() {
                if (token as usize) < self.vocabulary {
                    tokens[row * width + column] = token;
                    penalties[row * width + column] = f32::NEG_INFINITY;
                }
            }
        }
        let shape = (banned.len(), width);
        let tokens = Tensor::from_vec(tokens, shape, logits.device())?;
        let penalties = Tensor::from_vec(penalties, shape, logits.device())?;
        logits.scatter_add_set(&tokens, &penalties, 1)
    }
}

/// `ln(sum(exp(logits)))` of each row, given maxima of its parts: `[rows, 1]`.
fn log_sum_exp(logits: &Tensor, maxima: &Tensor) -> TensorResult<Tensor> {
    let max = maxima.max_keepdim(D::Minus1)?; // [rows, 1]
    logits
        .broadcast_sub(&max)?
        .exp()?
        .sum_keepdim(D::Minus1)?
        .log()?
        + max
}

/// The indices that sort each row of `values` (`[rows, n]`, f32), the highest
/// first, equal ones by `places` (`[rows, n]` or `[1, n]`, f64, below [`MAX_PLACE`]); NaN and
/// infinities last.
///
/// A GPU's sort is not stable, so the keys must differ: in f64 there is room below
/// the last bit of an f32 for its place.
fn descending(values: &Tensor, places: &Tensor) -> TensorResult<Tensor> {
    const STEP: f64 = 1.0 / (1_u64 << 50) as f64;
    /// For zeros. With any place less than the smallest f32's step.
    const LEAST_STEP: f64 = 1e-80;
    let finite = values.abs()?.le(f32::MAX)?; // [rows, n]
    let lowest = Tensor::full(f32::MIN, values.shape(), values.device())?;
    let values = finite.where_cond(values, &lowest)?.to_dtype(DType::F64)?;
    let steps = values.abs()?.affine(STEP, LEAST_STEP)?; // [rows, n]
    (&values - steps.broadcast_mul(places)?)?.arg_sort_last_dim(false)
}

impl Best {
    /// Brings the candidates to the host together with the rows of `attention`
    /// (`[rows, src]`, f32), in one transfer.
    pub(super) fn with_attention(&self, attention: &Tensor) -> TensorResult<Step> {
        let k = self.tokens.dim(1)?;
        let attention = attention.contiguous()?;
        let joined = Tensor::cat(&[&self.tokens, &self.log_probs, &attention], 1)?; // [rows, 2k + src]
        let rows = joined.to_vec2::<f32>()?;
        let candidates = |row: &Vec<f32>| {
            let pairs = row[..k].iter().zip(&row[k..2 * k]);
            pairs
                .map(|(&token, &log_prob)| Candidate {
                    token: token as TokenId,
                    log_prob,
                })
                .collect()
        };
        Ok(Step {
            candidates: rows.iter().map(candidates).collect(),
            attention: rows.iter().map(|row| row[2 * k..].to_vec()).collect(),
        })
    }
}

/// The same on the host, for one row of logits with banned tokens at minus
/// infinity.
pub(super) fn on_host(logits: &[f32], k: usize) -> Vec<Candidate> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits
        .iter()
        .map(|&logit| f64::from((logit - max).exp()))
        .sum();
    let log_sum = (f64::from(max) + sum.ln()) as f32;
    let mut best: Vec<(TokenId, f32)> = Vec::with_capacity(k + 1);
    for (token, &logit) in logits.iter().enumerate() {
        if best.len() == k && best.last().is_some_and(|&(_, worst)| logit <= worst) {
            continue;
        }
        let place = best.partition_point(|&(_, better)| better >= logit);
        best.insert(place, (token as TokenId, logit));
        best.truncate(k);
    }
    best.into_iter()
        .map(|(token, logit)| Candidate {
            token,
            log_prob: logit - log_sum,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use proptest::prelude::*;

    use super::*;

    /// What a full sort of exact numbers gives: tokens by logit, equal ones by id,
    /// and log-probabilities from f64 sums.
    fn by_sorting(logits: &[f32], k: usize) -> Vec<(TokenId, f64)> {
        let mut tokens: Vec<usize> = (0..logits.len()).collect();
        tokens.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
        let max = f64::from(logits[tokens[0]]);
        let sum: f64 = logits.iter().map(|&x| (f64::from(x) - max).exp()).sum();
        let log_prob =
            |&token: &usize| (token as TokenId, f64::from(logits[token]) - max - sum.ln());
        tokens[..k].iter().map(log_prob).collect()
    }

    fn on_device(rows: &[Vec<f32>], banned: &[Vec<TokenId>], k: usize) -> Vec<Vec<Candidate>> {
        let vocabulary = rows[0].len();
        let bias = Tensor::zeros((1, vocabulary), DType::F32, &Device::Cpu).unwrap();
        let top_k = TopK::new(&bias, &[]).unwrap();
        assert!(top_k.fits(k));
        let scores = Tensor::new(rows.to_vec(), &Device::Cpu).unwrap();
        let attention = Tensor::zeros((rows.len(), 3), DType::F32, &Device::Cpu).unwrap();
        let best = top_k.best(&scores, banned, k).unwrap();
        let step = best.with_attention(&attention).unwrap();
        assert_eq!(step.attention, vec![vec![0.0; 3]; rows.len()]);
        step.candidates
    }

    fn assert_sorted(rows: &[Vec<f32>], banned: &[Vec<TokenId>], k: usize) {
        let found = on_device(rows, banned, k);
        for ((row, banned), found) in rows.iter().zip(banned).zip(found) {
            let mut row = row.clone();
            for &token in banned {
                row[token as usize] = f32::NEG_INFINITY;
            }
            let expected = by_sorting(&row, k);
            let ids = |found: &[Candidate]| -> Vec<TokenId> {
                found.iter().map(|candidate| candidate.token).collect()
            };
            let expected_ids: Vec<TokenId> = expected.iter().map(|&(token, _)| token).collect();
            assert_eq!(ids(&found), expected_ids);
            let host = on_host(&row, k);
            assert_eq!(ids(&host), expected_ids);
            for ((found, host), (_, exact)) in found.iter().zip(&host).zip(expected) {
                for log_prob in [found.log_prob, host.log_prob] {
                    let error = (f64::from(log_prob) - exact).abs();
                    assert!(
                        error <= 1e-5 || !exact.is_finite(),
                        "{log_prob} is not {exact}"
                    );
                }
            }
        }
    }

    /// Logits of few different values, so that many are equal, also across blocks.
    fn tied() -> impl Strategy<Value = f32> {
        prop_oneof![
            8 => (-4_i8..4).prop_map(f32::from),
            2 => Just(0.0_f32),
            1 => Just(-0.0_f32),
            1 => Just(f32::MIN_POSITIVE / 4.0),
            1 => -20.0_f32..20.0,
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_best_are_those_of_a_full_sort_ties_included(
            (rows, banned, k) in (1_usize..2000, 1_usize..4).prop_flat_map(|(vocabulary, rows)| (
                prop::collection::vec(prop::collection::vec(tied(), vocabulary), rows),
                prop::collection::vec(prop::collection::vec(0..vocabulary as u32, 0..3), rows),
                1..=vocabulary.min(16),
            ))
        ) {
            // -0 and 0 are equal logits, which `total_cmp` orders.
            let rows: Vec<Vec<f32>> =
                rows.into_iter().map(|row| row.into_iter().map(|x| x + 0.0).collect()).collect();
            assert_sorted(&rows, &banned, k);
        }
    }

    #[test]
    fn equal_logits_are_taken_by_id_in_every_block_of_a_large_vocabulary() {
        const VOCABULARY: usize = 58_101;
        let flat = vec![1.5_f32; VOCABULARY];
        let mut late = vec![-1.0_f32; VOCABULARY];
        for token in [58_100, 255, 256, 511, 40_000, 40_001] {
            late[token] = 7.25;
        }
        let none = vec![Vec::new(); 2];
        assert_sorted(&[flat, late], &none, 16);
    }

    #[test]
    fn neighbouring_floats_keep_their_order_against_their_places() {
        // The higher logit stands last, where its place counts most against it.
        for logit in [1.0_f32, -1.0, 1e-30, -3e4, f32::MIN_POSITIVE] {
            let mut row = vec![logit; 2000];
            row[1999] = logit.next_up();
            assert_eq!(
                on_device(&[row], &[Vec::new()], 2)[0][0].token,
                1999,
                "{logit}"
            );
        }
    }

    #[test]
    fn suppressed_tokens_bias_and_infinities_are_heeded() {
        let device = Device::Cpu;
        let bias = Tensor::new(&[[0.0_f32, 5.0, 0.0, 0.0]], &device).unwrap();
        let top_k = TopK::new(&bias, &[2, 99]).unwrap();
        let scores = Tensor::new(&[[1.0_f32, 0.0, 9.0, 0.5]], &device).unwrap();
        let attention = Tensor::zeros((1, 1), DType::F32, &device).unwrap();
        let best = top_k.best(&scores, &[vec![3]], 4).unwrap();
        let candidates = best.with_attention(&attention).unwrap().candidates;
        let ids: Vec<TokenId> = candidates[0].iter().map(|c| c.token).collect();
        assert_eq!(ids, [1, 0, 2, 3]);
        // Of two tokens that are left, at 5 and 1.
        let exact = -(1.0_f64 + (-4.0_f64).exp()).ln();
        assert!((f64::from(candidates[0][0].log_prob) - exact).abs() < 1e-6);
        assert!(
            candidates[0][2..]
                .iter()
                .all(|c| c.log_prob == f32::NEG_INFINITY)
        );
    }

    #[test]
    fn numbers_that_are_none_give_no_finite_score_and_no_panic() {
        let mut row: Vec<f32> = (0..700).map(|i| (i % 7) as f32).collect();
        row[300] = f32::NAN;
        row[5] = f32::INFINITY;
        let found = on_device(&[row, vec![f32::NAN; 700]], &[Vec::new(), Vec::new()], 8);
        assert!(found.iter().flatten().all(|c| !c.log_prob.is_finite()));
    }

    #[test]
    fn what_a_gpu_cannot_sort_at_once_is_left_to_the_host() {
        let bias = Tensor::zeros((1, 58_101), DType::F32, &Device::Cpu).unwrap();
        let top_k = TopK::new(&bias, &[]).unwrap();
        assert!(top_k.fits(32));
        assert!(!top_k.fits(33));
        assert!(!top_k.fits(520));
    }
}
