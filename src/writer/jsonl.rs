//! One JSON record a line, complete in itself.

use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::decimals;
use crate::alignment::AlignmentPoint;
use crate::document::{Sentence, Span};
use crate::tokenizer::TokenId;
use crate::translation::{Alternative, Attempt, Finding, Flag, Retries, Translation};

/// Where a translation comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The document, from 0.
    pub document: usize,
    /// The sentence in it.
    pub sentence: Sentence,
    /// Bytes of the sentence in the input.
    pub source_span: Span,
    /// Bytes of the translation in that target's text output.
    pub target_span: Span,
    /// Language of the translation, such as `en`.
    pub target_lang: &'a str,
    /// The language between, when two models translated.
    pub via_lang: Option<&'a str>,
    /// Name of the model.
    pub model: &'a str,
    /// Its commit.
    pub revision: &'a str,
    /// Whether the record has the token ids.
    pub tokens: bool,
    /// Whether the record has the list of hypotheses.
    pub n_best: bool,
}

/// Writes one record and its line feed.
///
/// # Errors
///
/// What `output` reports.
pub fn write_jsonl(
    output: &mut dyn Write,
    origin: Origin,
    translation: &Translation,
) -> io::Result<()> {
    let record = Record {
        doc: origin.document,
        para: origin.sentence.paragraph,
        sent: origin.sentence.index,
        target_lang: origin.target_lang,
        source: &translation.source,
        target: &translation.target,
        source_span: bounds(origin.source_span),
        target_span: bounds(origin.target_span),
        alignment: links(&translation.alignment),
        score: Score(translation.score),
        word_scores: translation.word_scores.iter().copied().map(Score).collect(),
        confidence: translation.confidence.map(Score),
        flags: translation.flags(),
        findings: translation
            .findings
            .iter()
            .map(|finding| FindingRecord::new(finding, &translation.retries))
            .collect(),
        repair: RepairRecord::of(&translation.retries),
        model: origin.model,
        revision: origin.revision,
        source_ids: origin.tokens.then_some(&translation.source_ids),
        target_ids: origin.tokens.then_some(&translation.target_ids),
        n_best: origin.n_best.then(|| {
            let other = |other: &Alternative| NBest {
                target: other.target.clone(),
                score: Score(other.score),
            };
            let best = NBest {
                target: translation.target.clone(),
                score: Score(translation.score),
            };
            std::iter::once(best)
                .chain(translation.alternatives.iter().map(other))
                .collect()
        }),
        via: translation.via.as_ref().map(|via| ViaRecord {
            lang: origin.via_lang,
            text: &via.text,
            source_alignment: links(&via.source_alignment),
            target_alignment: links(&via.target_alignment),
            scores: via.scores.map(Score),
        }),
    };
    let mut line = serde_json::to_vec(&record)?;
    line.push(b'\n');
    output.write_all(&line)
}

/// Writes what was found in a pair of sentences, and a line feed: `number`, from
/// 1, `source`, `target`, `flags` and `findings` as in the records of
/// translations.
///
/// # Errors
///
/// What `output` reports.
pub fn write_inspection(
    output: &mut dyn Write,
    number: usize,
    source: &str,
    target: &str,
    findings: &[Finding],
) -> io::Result<()> {
    let untried = Retries::default();
    let record = InspectionRecord {
        number,
        source,
        target,
        flags: findings.iter().map(|finding| finding.flag).collect(),
        findings: findings
            .iter()
            .map(|finding| FindingRecord::new(finding, &untried))
            .collect(),
    };
    let mut line = serde_json::to_vec(&record)?;
    line.push(b'\n');
    output.write_all(&line)
}

#[derive(Serialize)]
struct InspectionRecord<'a> {
    number: usize,
    source: &'a str,
    target: &'a str,
    flags: Vec<Flag>,
    findings: Vec<FindingRecord<'a>>,
}

#[derive(Serialize)]
struct Record<'a> {
    doc: usize,
    para: usize,
    sent: usize,
    target_lang: &'a str,
    source: &'a str,
    target: &'a str,
    source_span: [usize; 2],
    target_span: [usize; 2],
    alignment: Vec<Link>,
    score: Score,
    word_scores: Vec<Score>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Score>,
    flags: Vec<Flag>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<RepairRecord<'a>>,
    model: &'a str,
    revision: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ids: Option<&'a Vec<TokenId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_ids: Option<&'a Vec<TokenId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n_best: Option<Vec<NBest>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<ViaRecord<'a>>,
}

/// A flag with the words concerned and what was tried.
#[derive(Serialize)]
struct FindingRecord<'a> {
    flag: Flag,
    source: Vec<[usize; 2]>,
    target: Vec<[usize; 2]>,
    tried: &'a [Attempt],
}

impl<'a> FindingRecord<'a> {
    fn new(finding: &Finding, retries: &'a Retries) -> Self {
        let bounds_of = |spans: &[Span]| spans.iter().copied().map(bounds).collect();
        Self {
            flag: finding.flag,
            source: bounds_of(&finding.source),
            target: bounds_of(&finding.target),
            tried: if finding.flag.is_problem() {
                &retries.tried
            } else {
                &[]
            },
        }
    }
}

/// What a retry made better.
#[derive(Serialize)]
struct RepairRecord<'a> {
    by: Attempt,
    fixed: &'a [Flag],
}

impl<'a> RepairRecord<'a> {
    fn of(retries: &'a Retries) -> Option<Self> {
        retries.kept.map(|by| Self {
            by,
            fixed: &retries.fixed,
        })
    }
}

#[derive(Serialize)]
struct NBest {
    target: String,
    score: Score,
}

#[derive(Serialize)]
struct ViaRecord<'a> {
    lang: Option<&'a str>,
    text: &'a str,
    source_alignment: Vec<Link>,
    target_alignment: Vec<Link>,
    scores: [Score; 2],
}

#[derive(Serialize)]
pub(super) struct Link {
    source: [usize; 2],
    target: [usize; 2],
    score: Score,
}

impl From<&AlignmentPoint> for Link {
    fn from(point: &AlignmentPoint) -> Self {
        Self {
            source: bounds(point.source),
            target: bounds(point.target),
            score: Score(point.score),
        }
    }
}

pub(super) fn links(points: &[AlignmentPoint]) -> Vec<Link> {
    points.iter().map(Link::from).collect()
}

fn bounds(span: Span) -> [usize; 2] {
    [span.start, span.end]
}

/// A number with four decimals.
pub(super) struct Score(pub(super) f32);

impl Serialize for Score {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(decimals(self.0))
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}
