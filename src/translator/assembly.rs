//! Puts a sentence's translation together: translated parts, and what is copied
//! between them.

use crate::alignment::{AlignmentPoint, Links, Side, align_words, words};
use crate::beam_search::Hypothesis;
use crate::document::Span;
use crate::tokenizer::{Decoded, Tokenizer};
use crate::translation::{Alternative, Finding, Flag, Retries, Translation};

use super::plan::{Part, Plan};

/// A stretch of the sentence, and what it became.
struct Stretch {
    source: Span,
    target: Span,
}

/// How hypotheses become a translation.
pub(super) struct Assembly<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    /// Rows of attention that stand before that of the first token.
    pub(super) shift: usize,
    pub(super) links: Links,
    pub(super) n_best: usize,
}

/// The translation of a sentence from the hypotheses of its parts (best first).
pub(super) fn assemble(
    plan: &Plan,
    parts: &[Part],
    hypotheses: &[Vec<Hypothesis>],
    assembly: &Assembly,
) -> Translation {
    let &Assembly {
        tokenizer, n_best, ..
    } = assembly;
    let source: &str = &plan.text;
    let best: Vec<&Hypothesis> = hypotheses.iter().map(|n_best| &n_best[0]).collect();
    let decoded: Vec<Decoded> = best
        .iter()
        .map(|hypothesis| tokenizer.decode_target(&hypothesis.tokens))
        .collect();
    let (target, translated, copied) = concatenate(source, parts, &decoded);

    let (source_words, target_words) = (words(source), words(&target));
    let mut alignment = Vec::new();
    let mut word_scores = vec![0.0; target_words.len()];
    for (((part, stretch), decoded), hypothesis) in
        parts.iter().zip(&translated).zip(&decoded).zip(&best)
    {
        let shifted = |spans: &[Span], by: usize| -> Vec<Span> {
            spans.iter().map(|span| span.shift(by)).collect()
        };
        let source_tokens = shifted(&part.encoding.spans, stretch.source.start);
        let target_tokens = shifted(&decoded.spans, stretch.target.start);
        // Only the words of this part, so that long sentences cost what their parts cost.
        let (_, source_words) = overlapping(&source_words, stretch.source);
        let (first_word, target_words) = overlapping(&target_words, stretch.target);
        let source_side = Side {
            text: source,
            words: source_words,
            tokens: &source_tokens,
        };
        let target_side = Side {
            text: &target,
            words: target_words,
            tokens: &target_tokens,
        };
        let attention = hypothesis
            .attention
            .get(assembly.shift..)
            .unwrap_or_default();
        let links = align_words(source_side, target_side, attention, assembly.links);
        alignment.extend(links);
        let words_of_tokens = target_side.words_of_tokens();
        for (words, log_prob) in words_of_tokens.into_iter().zip(&hypothesis.log_probs) {
            // A piece that spans two words counts for the first.
            if let Some(word) = words.into_iter().next() {
                word_scores[first_word + word] += log_prob;
            }
        }
    }
    for stretch in &copied {
        alignment.extend(identity(stretch, &source_words, &target_words));
    }
    // A word may be partly translated, partly copied: its strongest link counts.
    alignment.sort_by(|a, b| {
        (a.target, a.source)
            .cmp(&(b.target, b.source))
            .then(b.score.total_cmp(&a.score))
    });
    alignment.dedup_by_key(|point| (point.target, point.source));

    let token_count: usize = best.iter().map(|hypothesis| hypothesis.tokens.len()).sum();
    let weighted = |hypothesis: &&Hypothesis| hypothesis.score * hypothesis.tokens.len() as f32;
    Translation {
        source: plan.sentence.to_owned(),
        alignment,
        score: best.iter().map(weighted).sum::<f32>() / token_count.max(1) as f32,
        word_scores,
        confidence: None,
        findings: flags(plan, parts, &best, &target)
            .into_iter()
            .map(Finding::from)
            .collect(),
        retries: Retries::default(),
        source_ids: parts
            .iter()
            .flat_map(|part| part.encoding.ids.iter().copied())
            .collect(),
        target_ids: best
            .iter()
            .flat_map(|hypothesis| hypothesis.tokens.iter().copied())
            .collect(),
        alternatives: alternatives(source, parts, hypotheses, tokenizer, n_best),
        via: None,
        target,
    }
}

/// The target text, and the stretches that were translated and copied.
fn concatenate(
    source: &str,
    parts: &[Part],
    decoded: &[Decoded],
) -> (String, Vec<Stretch>, Vec<Stretch>) {
    let mut target = String::new();
    let (mut translated, mut copied) = (Vec::new(), Vec::new());
    let mut end = 0;
    let copy = |target: &mut String, span: Span| {
        let start = target.len();
        target.push_str(span.of(source));
        Stretch {
            source: span,
            target: Span::new(start, target.len()),
        }
    };
    for (part, decoded) in parts.iter().zip(decoded) {
        copied.push(copy(&mut target, Span::new(end, part.span.start)));
        let start = target.len();
        target.push_str(&decoded.text);
        translated.push(Stretch {
            source: part.span,
            target: Span::new(start, target.len()),
        });
        end = part.span.end;
    }
    copied.push(copy(&mut target, Span::new(end, source.len())));
    (target, translated, copied)
}

/// The words that share a byte with `span`, and the index of the first.
fn overlapping(words: &[Span], span: Span) -> (usize, &[Span]) {
    let first = words.partition_point(|word| word.end <= span.start);
    let last = words.partition_point(|word| word.start < span.end);
    (first, &words[first..last.max(first)])
}

/// Links the words of a copied stretch to themselves.
fn identity(
    stretch: &Stretch,
    source_words: &[Span],
    target_words: &[Span],
) -> Vec<AlignmentPoint> {
    let (_, copied) = overlapping(source_words, stretch.source);
    copied
        .iter()
        .filter_map(|&source| {
            let inside = source.start.max(stretch.source.start);
            let place = stretch.target.start + (inside - stretch.source.start);
            let index = target_words.partition_point(|word| word.end <= place);
            let target = *target_words.get(index).filter(|word| word.start <= place)?;
            Some(AlignmentPoint {
                source,
                target,
                score: 1.0,
            })
        })
        .collect()
}

fn flags(plan: &Plan, parts: &[Part], best: &[&Hypothesis], target: &str) -> Vec<Flag> {
    let mut flags = Vec::new();
    let has_text = !plan.sentence.trim().is_empty();
    if has_text && parts.is_empty() {
        flags.push(Flag::Copied);
    }
    if parts.len() > plan.prose.len() {
        flags.push(Flag::Split);
    }
    if best.iter().any(|hypothesis| hypothesis.hit_limit) {
        flags.push(Flag::Limit);
    }
    if has_text && target.trim().is_empty() {
        flags.push(Flag::Empty);
    }
    flags
}

/// The next best hypotheses; those of one part are none of a whole sentence.
fn alternatives(
    source: &str,
    parts: &[Part],
    hypotheses: &[Vec<Hypothesis>],
    tokenizer: &Tokenizer,
    n_best: usize,
) -> Vec<Alternative> {
    let ([_], [hypotheses]) = (parts, hypotheses) else {
        return Vec::new();
    };
    let others = hypotheses.iter().take(n_best).skip(1);
    others
        .map(|hypothesis| {
            let decoded = tokenizer.decode_target(&hypothesis.tokens);
            let (target, ..) = concatenate(source, parts, &[decoded]);
            Alternative {
                target,
                score: hypothesis.score,
            }
        })
        .collect()
}
