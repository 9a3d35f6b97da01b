//! The stages, composed: sentences → parts → batches → hypotheses → translations.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::alignment::{self, Side};
use crate::batch::{TokenBatch, batches};
use crate::beam_search::{BeamSearch, Hypothesis, MaxLength};
use crate::document::Span;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::tokenizer::{Encoding, TokenId};
use crate::translation::{Flag, Translation};

/// A sentence may be this many tokens long before it is split, even if the
/// model has fewer positions to spare for its translation.
const MIN_PART_TOKENS: usize = 256;

/// How sentences are translated.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Hypotheses kept for each sentence; the model's own number, else 4, when
    /// `None`. 1 is greedy search.
    pub beam_size: Option<usize>,
    /// Exponent of `score / len ^ length_penalty`; the model's own, else 1.0.
    pub length_penalty: Option<f32>,
    /// Limit in decoder positions, start token included; by default
    /// `3 * source tokens + 8`, at most the model's positions.
    pub max_length: Option<usize>,
    /// No n-gram of this size occurs twice in a translation; 0 = off; the
    /// model's own, else off.
    pub no_repeat_ngram_size: Option<usize>,
    /// Padded source tokens of a batch.
    pub batch_tokens: usize,
    /// Worker threads; all cores when `None`.
    pub threads: Option<usize>,
    /// Whether sentences without a letter are copied instead of translated.
    pub copy_non_prose: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            beam_size: None,
            length_penalty: None,
            max_length: None,
            no_repeat_ngram_size: None,
            batch_tokens: 768,
            threads: None,
            copy_non_prose: true,
        }
    }
}

/// A model and how to use it.
#[derive(Debug)]
pub struct Translator {
    model: Model,
    search: BeamSearch,
    batch_tokens: usize,
    copy_non_prose: bool,
    workers: rayon::ThreadPool,
}

impl Translator {
    /// A translator that uses `model` as `options` say.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] when an option is impossible for this model.
    pub fn new(model: Model, options: &Options) -> Result<Self> {
        let positions = model.engine.config().max_position_embeddings;
        let vocabulary = model.engine.config().target_vocab_size();
        let generation = &model.generation;
        let search = BeamSearch {
            beam_size: options.beam_size.or(generation.num_beams).unwrap_or(4),
            length_penalty: options
                .length_penalty
                .or(generation.length_penalty)
                .unwrap_or(1.0),
            max_length: match options.max_length {
                Some(limit) if limit > positions => {
                    return Err(Error::Options(format!(
                        "the maximum length {limit} is more than the model's {positions} positions"
                    )));
                }
                Some(limit) => MaxLength::Positions(limit),
                None => MaxLength::Proportional {
                    factor: 3,
                    extra: 8,
                    cap: positions,
                },
            },
            no_repeat_ngram_size: options
                .no_repeat_ngram_size
                .or(generation.no_repeat_ngram_size)
                .unwrap_or(0),
        };
        if search.beam_size == 0 || 2 * search.beam_size > vocabulary {
            return Err(Error::Options(format!(
                "the beam size must be between 1 and {}, half of the model's vocabulary",
                vocabulary / 2
            )));
        }
        let workers = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads.unwrap_or(0))
            .build()
            .map_err(|error| Error::Options(format!("could not start worker threads: {error}")))?;
        Ok(Self {
            model,
            search,
            batch_tokens: options.batch_tokens,
            copy_non_prose: options.copy_non_prose,
            workers,
        })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Translates sentences: one translation each, in their order.
    ///
    /// `tag` is the target tag of a multilingual model, such as `>>vie<<`.
    /// `finished` is told, from any thread, how many more sentences are done.
    ///
    /// # Errors
    ///
    /// When the model does not know the tag, or memory runs out.
    pub fn translate(
        &self,
        sentences: &[&str],
        tag: Option<&str>,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Translation>> {
        let parts = self.parts(sentences, tag)?;
        let batches = batches(
            parts.iter().map(|part| part.encoding.ids.clone()).collect(),
            self.batch_tokens,
        );
        let hypotheses = self.hypotheses(&batches, parts.len(), finished)?;
        let mut translations: Vec<Translation> = sentences
            .iter()
            .map(|sentence| self.untranslated(sentence))
            .collect();
        for (part, hypothesis) in parts.iter().zip(&hypotheses) {
            self.append(&mut translations[part.sentence], part, hypothesis);
        }
        for translation in &mut translations {
            finish(translation);
        }
        Ok(translations)
    }

    /// What goes through the model: sentences, or parts of those that are too
    /// long.
    fn parts(&self, sentences: &[&str], tag: Option<&str>) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        for (index, sentence) in sentences.iter().enumerate() {
            if self.is_copied(sentence) {
                continue;
            }
            let text = without_line_breaks(sentence);
            self.split(&text, Span::new(0, text.len()), index, tag, &mut parts)?;
        }
        Ok(parts)
    }

    fn is_copied(&self, sentence: &str) -> bool {
        sentence.trim().is_empty() || self.copy_non_prose && !sentence.contains(char::is_alphabetic)
    }

    /// Adds `span` of `text` as one part, or, where it is too long, its halves.
    fn split(
        &self,
        text: &str,
        span: Span,
        sentence: usize,
        tag: Option<&str>,
        parts: &mut Vec<Part>,
    ) -> Result<()> {
        let encoding = self.model.tokenizer.encode_source(span.of(text), tag)?;
        let positions = self.model.engine.config().max_position_embeddings;
        if encoding.ids.len() <= positions.min(MIN_PART_TOKENS.max(positions / 2)) {
            parts.push(Part {
                sentence,
                start: span.start,
                encoding,
            });
            return Ok(());
        }
        let middle = span.start + split_point(span.of(text), &encoding.spans)?;
        for half in [Span::new(span.start, middle), Span::new(middle, span.end)] {
            if !half.of(text).trim().is_empty() {
                self.split(text, half, sentence, tag, parts)?;
            }
        }
        Ok(())
    }

    /// The best hypothesis of each part.
    fn hypotheses(
        &self,
        batches: &[TokenBatch],
        part_count: usize,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<Hypothesis>> {
        let searched: Vec<Vec<Vec<Hypothesis>>> = self.workers.install(|| {
            batches
                .par_iter()
                .map(|batch| {
                    let hypotheses = self.search.search(&self.model.engine, batch)?;
                    finished(batch.len());
                    Ok(hypotheses)
                })
                .collect::<Result<_>>()
        })?;
        let mut restored: Vec<Option<Hypothesis>> = vec![None; part_count];
        for (batch, hypotheses) in batches.iter().zip(searched) {
            for (&origin, n_best) in batch.origin.iter().zip(hypotheses) {
                restored[origin] = n_best.into_iter().next();
            }
        }
        Ok(restored
            .into_iter()
            .map(|best| best.expect("every search ends with a hypothesis"))
            .collect())
    }

    /// What a sentence is before any part of it is translated: for those that
    /// are copied, already all.
    fn untranslated(&self, sentence: &str) -> Translation {
        let mut translation = Translation {
            source: sentence.to_owned(),
            ..Translation::default()
        };
        if !sentence.is_empty() && self.is_copied(sentence) {
            sentence.clone_into(&mut translation.target);
            let words = alignment::words(sentence);
            translation.word_scores = vec![0.0; words.len()];
            translation.alignment = words
                .into_iter()
                .map(|word| alignment::AlignmentPoint {
                    source: word,
                    target: word,
                    score: 1.0,
                })
                .collect();
            if !translation.alignment.is_empty() {
                translation.flags.push(Flag::Copied);
            }
        }
        translation
    }

    /// Puts a part's hypothesis behind what its sentence has already.
    fn append(&self, translation: &mut Translation, part: &Part, hypothesis: &Hypothesis) {
        let decoded = self.model.tokenizer.decode_target(&hypothesis.tokens);
        if !translation.target_ids.is_empty() {
            translation.target.push(' ');
            if !translation.flags.contains(&Flag::Split) {
                translation.flags.push(Flag::Split);
            }
        }
        let target_start = translation.target.len();

        let source_words = alignment::words(&translation.source);
        let target_words = alignment::words(&decoded.text);
        let source_tokens: Vec<Span> = part
            .encoding
            .spans
            .iter()
            .map(|span| span.shift(part.start))
            .collect();
        let source = Side {
            words: &source_words,
            tokens: &source_tokens,
        };
        let target = Side {
            words: &target_words,
            tokens: &decoded.spans,
        };
        let points = alignment::align_words(source, target, &hypothesis.attention);
        translation
            .alignment
            .extend(points.into_iter().map(|mut point| {
                point.target = point.target.shift(target_start);
                point
            }));

        let mut word_scores = vec![0.0; target_words.len()];
        for (words, log_prob) in target
            .words_of_tokens()
            .into_iter()
            .zip(&hypothesis.log_probs)
        {
            // A piece that spans two words counts for the first.
            if let Some(word) = words.into_iter().next() {
                word_scores[word] += log_prob;
            }
        }
        translation.word_scores.extend(word_scores);

        // The mean over all tokens of all parts.
        let (before, added) = (
            translation.target_ids.len() as f32,
            hypothesis.tokens.len() as f32,
        );
        translation.score =
            (translation.score * before + hypothesis.score * added) / (before + added);
        translation.target.push_str(&decoded.text);
        translation.source_ids.extend(&part.encoding.ids);
        translation
            .target_ids
            .extend::<&[TokenId]>(&hypothesis.tokens);
        if hypothesis.hit_limit && !translation.flags.contains(&Flag::Limit) {
            translation.flags.push(Flag::Limit);
        }
    }
}

/// A sentence, or a part of one that is too long for the model.
struct Part {
    /// Index of the sentence.
    sentence: usize,
    /// Where the part starts in the sentence (bytes).
    start: usize,
    encoding: Encoding,
}

/// The text with line breaks as spaces, byte for byte, so that spans stay right.
fn without_line_breaks(sentence: &str) -> Cow<'_, str> {
    if sentence.contains(['\n', '\r']) {
        Cow::Owned(sentence.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(sentence)
    }
}

/// Where to split a text that is too long: behind a clause's punctuation in the
/// middle half, else at a space there, else between two tokens.
///
/// The offset is inside the text, on a character boundary.
fn split_point(text: &str, tokens: &[Span]) -> Result<usize> {
    let middle = text.len() / 2;
    let in_middle_half = |offset: &usize| (text.len() / 4..=text.len() / 4 * 3).contains(offset);
    let spaces = text
        .char_indices()
        .filter(|(_, c)| c.is_whitespace())
        .map(|(offset, c)| offset + c.len_utf8());
    let (clauses, spaces): (Vec<usize>, Vec<usize>) =
        spaces.filter(in_middle_half).partition(|&offset| {
            text[..offset]
                .trim_end()
                .ends_with([',', ';', ':', '–', '—'])
        });
    let between_tokens = tokens.iter().map(|token| token.start);
    let nearest = |offsets: &mut dyn Iterator<Item = usize>| {
        offsets
            .filter(|&offset| 0 < offset && offset < text.len())
            .min_by_key(|offset| offset.abs_diff(middle))
    };
    nearest(&mut clauses.into_iter())
        .or_else(|| nearest(&mut spaces.into_iter()))
        .or_else(|| nearest(&mut between_tokens.into_iter()))
        .ok_or_else(|| {
            Error::Options(format!(
                "could not split {} bytes of text to fit the model",
                text.len()
            ))
        })
}

/// What can only be said of the whole translation.
fn finish(translation: &mut Translation) {
    if translation.target.trim().is_empty() && !translation.source.trim().is_empty() {
        translation.flags.push(Flag::Empty);
    }
}
