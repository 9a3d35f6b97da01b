//! Word alignment of given translations: the model is made to write them
//! (forced decoding), and its attention is read.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::alignment::{
    AlignmentPoint, ErrorRate, GoldLinks, Links, Side, align_words, identity, words,
};
use crate::batch::TokenBatch;
use crate::document::Span;
use crate::error::{Error, Result};
use crate::marian::{AttentionHead, Forced, Marian};
use crate::model::Model;
use crate::tokenizer::{Encoding, Tokenizer};

/// A side may be this long before a pair is split (tokens), or half the model's
/// positions if that is more.
const PART_TOKENS: usize = 256;

/// Padded tokens of both sides of a batch. Not an option: sums are rounded
/// differently in other batches.
const BATCH_TOKENS: usize = 2048;

/// Aligns words of given translations.
#[derive(Debug)]
pub struct Aligner {
    engine: Marian,
    tokenizer: Tokenizer,
    head: AttentionHead,
    links: Links,
    workers: rayon::ThreadPool,
}

/// The word links of a pair of lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlignedPair {
    /// Links; spans count from the start of either line.
    pub alignment: Vec<AlignmentPoint>,
    /// Mean log-probability of the target's tokens (natural logarithm); none
    /// where a side is empty, or holds what the model never writes.
    pub score: Option<f32>,
    /// Whether the pair was too long for the model and was aligned in parts.
    pub split: bool,
}

/// A part of a pair that fits the model; the whole pair, nearly always.
struct Part {
    pair: usize,
    /// Where it begins in the source and the target.
    start: (usize, usize),
    texts: (String, String),
    source: Encoding,
    target: Encoding,
}

impl Aligner {
    /// An aligner that keeps the `links` asked for, with so many worker threads
    /// (all cores when `None`).
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when the threads cannot be had, or the model is not in
    /// the reference engine.
    pub fn new(model: Model, links: Links, threads: Option<usize>) -> Result<Self> {
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(model.engine.workers(threads.unwrap_or(0)))
            .build()
            .map_err(|error| Error::Options(format!("could not start worker threads: {error}")))?;
        Ok(Self {
            engine: model.engine.into_reference()?,
            tokenizer: model.tokenizer,
            head: model.alignment_head,
            links,
            workers,
        })
    }

    /// Aligns pairs of source and target, in their order. A pair of equal lines
    /// is aligned word by word.
    ///
    /// `tag` is the target tag of a multilingual model, such as `>>vie<<`.
    ///
    /// # Errors
    ///
    /// When the model does not know the tag, its scores are no numbers, or memory
    /// runs out.
    pub fn align(&self, pairs: &[(&str, &str)], tag: Option<&str>) -> Result<Vec<AlignedPair>> {
        let parts = self.parts(pairs, tag)?;
        let layers = self.engine.config().decoder_layers;
        let layer = self.head.layer_index(layers).unwrap_or_default();
        let read = |part: &Part, forced: &Forced, row: usize| {
            let attention = forced.attention(row, layer, self.head.head)?;
            let log_probs = &forced.log_probs[row];
            let sum: f32 = log_probs.iter().sum();
            if sum.is_nan() {
                return Err(Error::NotFinite);
            }
            Ok((
                self.points(part, &attention, self.head.shift),
                sum,
                log_probs.len(),
            ))
        };
        let mut aligned = vec![AlignedPair::default(); pairs.len()];
        let mut sums = vec![(0.0, 0, 0); pairs.len()];
        for (part, (points, sum, tokens)) in parts.iter().zip(self.force(&parts, read)?) {
            aligned[part.pair].alignment.extend(points);
            let sums = &mut sums[part.pair];
            *sums = (sums.0 + sum, sums.1 + tokens, sums.2 + 1);
        }
        for (((aligned, (sum, tokens, parts)), pair), source_words) in aligned
            .iter_mut()
            .zip(sums)
            .zip(pairs)
            .zip(pairs.iter().map(|pair| words(pair.0)))
        {
            let score = sum / tokens as f32;
            aligned.score = (parts > 0 && score.is_finite()).then_some(score);
            aligned.split = parts > 1;
            if pair.0 == pair.1 {
                aligned.alignment = identity(&source_words);
            }
        }
        Ok(aligned)
    }

    /// How well each head of each layer aligns, with either shift, by gold links
    /// of some pairs: of the even and of the odd ones, so that a head can be chosen
    /// on other pairs than it is measured on. In the order of layers, heads and
    /// shifts.
    ///
    /// # Errors
    ///
    /// As [`Aligner::align`].
    pub fn sweep(
        &self,
        pairs: &[(&str, &str)],
        gold: &[GoldLinks],
        tag: Option<&str>,
    ) -> Result<Vec<(AttentionHead, [ErrorRate; 2])>> {
        let config = self.engine.config();
        let heads: Vec<AttentionHead> = (0..config.decoder_layers as i32)
            .flat_map(|layer| {
                (0..config.decoder_attention_heads).flat_map(move |head| {
                    [0, 1].map(move |shift| AttentionHead { layer, head, shift })
                })
            })
            .collect();
        let parts = self.parts(pairs, tag)?;
        let read = |part: &Part, forced: &Forced, row: usize| {
            let (source_words, target_words) =
                (words(pairs[part.pair].0), words(pairs[part.pair].1));
            let number = |point: AlignmentPoint| {
                let source = source_words.binary_search(&point.source).ok()?;
                Some((source, target_words.binary_search(&point.target).ok()?))
            };
            heads
                .iter()
                .map(|head| {
                    let layer = head.layer.unsigned_abs() as usize;
                    let attention = forced.attention(row, layer, head.head)?;
                    let points = self.points(part, &attention, head.shift);
                    Ok(points.into_iter().filter_map(number).collect())
                })
                .collect::<Result<Vec<BTreeSet<(usize, usize)>>>>()
        };
        let mut links = vec![vec![BTreeSet::new(); heads.len()]; pairs.len()];
        for (part, of_heads) in parts.iter().zip(self.force(&parts, read)?) {
            for (links, more) in links[part.pair].iter_mut().zip(of_heads) {
                links.extend(more);
            }
        }
        let rate = |(index, head): (usize, AttentionHead)| {
            let mut halves = [ErrorRate::default(); 2];
            for (number, (links, gold)) in links.iter().zip(gold).enumerate() {
                halves[number % 2].add(&links[index], gold);
            }
            (head, halves)
        };
        Ok(heads.into_iter().enumerate().map(rate).collect())
    }

    /// Decodes all parts; `read` takes what is wanted of a part's row in its
    /// batch. The results are in the order of the parts.
    fn force<T: Send>(
        &self,
        parts: &[Part],
        read: impl Fn(&Part, &Forced, usize) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let batches = batches(parts);
        let read: Vec<Vec<(usize, T)>> = self.workers.install(|| {
            let of_batch = |batch: &Vec<usize>| {
                let sources = batch.iter().map(|&at| parts[at].source.ids.clone());
                let targets: Vec<_> = batch
                    .iter()
                    .map(|&at| parts[at].target.ids.clone())
                    .collect();
                let forced = self
                    .engine
                    .force(&TokenBatch::new(sources.collect()), &targets)?;
                let rows = batch.iter().enumerate();
                rows.map(|(row, &at)| Ok((at, read(&parts[at], &forced, row)?)))
                    .collect()
            };
            batches.par_iter().map(of_batch).collect::<Result<_>>()
        })?;
        let mut in_order: Vec<(usize, T)> = read.into_iter().flatten().collect();
        in_order.sort_by_key(|&(at, _)| at);
        Ok(in_order.into_iter().map(|(_, value)| value).collect())
    }

    /// The links of a part, in the spans of its pair.
    fn points(&self, part: &Part, attention: &[Vec<f32>], shift: usize) -> Vec<AlignmentPoint> {
        let (source, target) = (&part.texts.0, &part.texts.1);
        let (source_words, target_words) = (words(source), words(target));
        let points = align_words(
            Side {
                text: source,
                words: &source_words,
                tokens: &part.source.spans,
            },
            Side {
                text: target,
                words: &target_words,
                tokens: &part.target.spans,
            },
            attention.get(shift..).unwrap_or_default(),
            self.links,
        );
        let moved = |point: AlignmentPoint| AlignmentPoint {
            source: point.source.shift(part.start.0),
            target: point.target.shift(part.start.1),
            ..point
        };
        points.into_iter().map(moved).collect()
    }

    /// The parts of all pairs that have text on both sides.
    fn parts(&self, pairs: &[(&str, &str)], tag: Option<&str>) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        for (pair, &(source, target)) in pairs.iter().enumerate() {
            let spans = (Span::new(0, source.len()), Span::new(0, target.len()));
            self.split(pair, (source, target), spans, tag, &mut parts)?;
        }
        Ok(parts)
    }

    /// Adds a stretch of a pair as one part, or, where it is too long, its
    /// halves: cut at white space, on both sides at the same share of the length.
    fn split(
        &self,
        pair: usize,
        texts: (&str, &str),
        spans: (Span, Span),
        tag: Option<&str>,
        parts: &mut Vec<Part>,
    ) -> Result<()> {
        let (source, target) = (spans.0.of(texts.0), spans.1.of(texts.1));
        if source.trim().is_empty() || target.trim().is_empty() {
            return Ok(());
        }
        let positions = self.engine.config().max_position_embeddings;
        let limit = positions.min(PART_TOKENS.max(positions / 2));
        let mut part = Part {
            pair,
            start: (spans.0.start, spans.1.start),
            texts: (source.to_owned(), target.to_owned()),
            source: self.tokenizer.encode_source(source, tag)?,
            target: self.tokenizer.encode_target(target),
        };
        let longest = part.source.ids.len().max(part.target.ids.len());
        let cut = (longest > limit).then(|| {
            let source_cut = cut_near(source, source.len() / 2)?;
            let share = source_cut as f64 / source.len() as f64;
            let target_cut = cut_near(target, (share * target.len() as f64) as usize)?;
            Some((spans.0.start + source_cut, spans.1.start + target_cut))
        });
        if let Some(Some((source_cut, target_cut))) = cut {
            let (source, target) = spans;
            for halves in [
                (
                    Span::new(source.start, source_cut),
                    Span::new(target.start, target_cut),
                ),
                (
                    Span::new(source_cut, source.end),
                    Span::new(target_cut, target.end),
                ),
            ] {
                self.split(pair, texts, halves, tag, parts)?;
            }
        } else {
            // A word without end is linked by its first pieces.
            truncate(&mut part.source, limit);
            truncate(&mut part.target, limit);
            parts.push(part);
        }
        Ok(())
    }
}

/// Keeps the first tokens and `</s>`.
fn truncate(encoding: &mut Encoding, limit: usize) {
    let len = encoding.ids.len();
    if len > limit {
        encoding.ids.drain(limit - 1..len - 1);
        encoding.pieces.drain(limit - 1..len - 1);
        encoding.spans.drain(limit - 1..len - 1);
    }
}

/// The place behind white space, inside the text, that is nearest to `wanted`;
/// one behind a clause's punctuation may be farther by an eighth of the text.
fn cut_near(text: &str, wanted: usize) -> Option<usize> {
    let mut last_sign = ' ';
    let mut cuts = Vec::new();
    for (offset, c) in text.char_indices() {
        if c.is_whitespace() {
            let clause = matches!(last_sign, '.' | '!' | '?' | ',' | ';' | ':' | '–' | '—');
            cuts.push((offset + c.len_utf8(), clause));
        } else {
            last_sign = c;
        }
    }
    let (start, end) = (text.len() - text.trim_start().len(), text.trim_end().len());
    cuts.into_iter()
        .filter(|&(cut, _)| start < cut && cut < end)
        .min_by_key(|&(cut, clause)| cut.abs_diff(wanted) + if clause { 0 } else { text.len() / 8 })
        .map(|(cut, _)| cut)
}

/// Parts of similar length together, longest first.
fn batches(parts: &[Part]) -> Vec<Vec<usize>> {
    let len = |at: usize| (parts[at].source.ids.len(), parts[at].target.ids.len());
    let mut sorted: Vec<usize> = (0..parts.len()).collect();
    sorted.sort_by_key(|&at| std::cmp::Reverse(len(at).0.max(len(at).1)));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for at in sorted {
        let fits = batches.last().is_some_and(|batch| {
            let longest = len(batch[0]).0.max(len(batch[0]).1);
            (batch.len() + 1) * 2 * longest <= BATCH_TOKENS
        });
        match batches.last_mut() {
            Some(batch) if fits => batch.push(at),
            _ => batches.push(vec![at]),
        }
    }
    batches
}
