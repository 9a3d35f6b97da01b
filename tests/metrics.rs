//! Scores, signatures, p-values and intervals are those of sacreBLEU 2.6.0: the
//! fixture of `scripts/fixtures/metrics.py`, for every combination of options.

use std::path::Path;

use dolmetsch::metrics::{
    Bleu, BleuTokenizer, Chrf, Metric, Resampling, Smoothing, Statistics, Ter, Tested,
    approximate_randomization, confidence, paired_bootstrap,
};
use serde_json::Value;

/// Lines of our own in the fixture; ordinary ones follow.
const LINES: usize = 56;

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/metrics");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn records(name: &str) -> Vec<Value> {
    read(name)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn texts(key: &str) -> Vec<Vec<String>> {
    let mut texts: Value = serde_json::from_str(&read("texts.json")).unwrap();
    serde_json::from_value(texts[key].take()).unwrap()
}

fn slices(texts: &[Vec<String>]) -> Vec<&[String]> {
    texts.iter().map(Vec::as_slice).collect()
}

/// A number with all its digits, which the fixture has as a string.
fn number(value: &Value) -> Option<f64> {
    value.as_str().map(|digits| digits.parse().unwrap())
}

/// The metric with the options of a record of the fixture.
fn metric(record: &Value) -> Box<dyn Metric> {
    let options = &record[1];
    let flag = |name: &str| options[name].as_bool().unwrap();
    let count = |name: &str| usize::try_from(options[name].as_u64().unwrap()).unwrap();
    match record[0].as_str().unwrap() {
        "bleu" => {
            let value = options["smooth_value"].as_f64();
            Box::new(Bleu {
                tokenizer: match options["tokenize"].as_str().unwrap() {
                    "13a" => BleuTokenizer::V13a,
                    "intl" => BleuTokenizer::Intl,
                    "char" => BleuTokenizer::Char,
                    "none" => BleuTokenizer::None,
                    "zh" => BleuTokenizer::Zh,
                    other => panic!("{other}"),
                },
                smoothing: match options["smooth_method"].as_str().unwrap() {
                    "none" => Smoothing::None,
                    "floor" => Smoothing::Floor(value.unwrap_or(0.1)),
                    "add-k" => Smoothing::AddK(value.unwrap_or(1.0)),
                    "exp" => Smoothing::Exp,
                    other => panic!("{other}"),
                },
                lowercase: flag("lowercase"),
                effective_order: flag("effective_order"),
            })
        }
        "chrf" => Box::new(Chrf {
            char_order: count("char_order"),
            word_order: count("word_order"),
            beta: u32::try_from(count("beta")).unwrap(),
            lowercase: flag("lowercase"),
            whitespace: flag("whitespace"),
            eps_smoothing: flag("eps_smoothing"),
        }),
        "ter" => Box::new(Ter::new(
            flag("normalized"),
            flag("no_punct"),
            flag("asian_support"),
            flag("case_sensitive"),
        )),
        other => panic!("{other}"),
    }
}

fn references(record: &Value) -> usize {
    usize::try_from(record[2].as_u64().unwrap()).unwrap()
}

#[test]
#[expect(clippy::float_cmp, reason = "the scores are equal in every bit")]
fn corpus_scores_and_signatures_are_those_of_sacrebleu() {
    let (systems, all_references) = (texts("systems"), texts("references"));
    let records = records("scores.jsonl");
    assert!(records.len() > 500);
    for record in &records {
        let metric = metric(record);
        let count = references(record);
        let signature = dolmetsch::metrics::Signature::default()
            .with("nrefs", "#", count)
            .and(metric.signature());
        assert_eq!(signature.format(false), record[3].as_str().unwrap());
        assert_eq!(signature.format(true), record[4].as_str().unwrap());
        let statistics = Statistics::new(
            &*metric,
            &slices(&systems),
            &slices(&all_references[..count]),
        );
        for (system, expected) in record[5].as_array().unwrap().iter().enumerate() {
            let sums = statistics.sums(system);
            assert_eq!(metric.name(), expected[0].as_str().unwrap());
            assert_eq!(
                metric.score(&sums),
                number(&expected[1]).unwrap(),
                "system {system}: {record}"
            );
            assert_eq!(
                metric.details(&sums).unwrap_or_default(),
                expected[2].as_str().unwrap(),
                "system {system}: {record}"
            );
        }
    }
}

#[test]
#[expect(clippy::float_cmp, reason = "the scores are equal in every bit")]
fn sentence_scores_are_those_of_sacrebleu() {
    let (systems, all_references) = (texts("systems"), texts("references"));
    let records = records("sentences.jsonl");
    assert!(records.len() > 30);
    for record in &records {
        let metric = metric(record);
        let statistics = Statistics::new(
            &*metric,
            &slices(&systems[..1]),
            &slices(&all_references[..references(record)]),
        );
        for (segment, expected) in record[3].as_array().unwrap().iter().enumerate() {
            assert_eq!(
                metric.score(statistics.row(0, segment)),
                number(expected).unwrap(),
                "{:?} of {} {}",
                systems[0][segment],
                record[0],
                record[1]
            );
        }
    }
}

#[test]
fn p_values_and_intervals_are_those_of_sacrebleu() {
    let few = |texts: Vec<Vec<String>>| -> Vec<Vec<String>> {
        let few = |text: &Vec<String>| [&text[..12], &text[LINES..]].concat();
        texts.iter().map(few).collect()
    };
    let (systems, all_references) = (few(texts("systems")), few(texts("references")));
    let records = records("tests.jsonl");
    assert!(records.len() > 100);
    for record in &records {
        let metric = metric(record);
        let is_interval = record[3] == "ci";
        let systems = &systems[..record[7].as_array().unwrap().len()];
        let statistics = Statistics::new(
            &*metric,
            &slices(systems),
            &slices(&all_references[..references(record)]),
        );
        let resampling = Resampling {
            trials: usize::try_from(record[4].as_u64().unwrap()).unwrap(),
            seed: record[5].as_u64().unwrap(),
        };
        let results: Vec<(Option<f64>, Option<f64>, Option<f64>)> = match record[3].as_str() {
            Some("bs") => paired_bootstrap(&*metric, &statistics, resampling)
                .iter()
                .map(|Tested { interval, p_value }| {
                    (Some(interval.mean), Some(interval.half_width), *p_value)
                })
                .collect(),
            Some("ar") => approximate_randomization(&*metric, &statistics, resampling)
                .into_iter()
                .map(|p_value| (None, None, p_value))
                .collect(),
            _ => confidence(&*metric, &statistics, resampling)
                .iter()
                .map(|interval| (Some(interval.mean), Some(interval.half_width), None))
                .collect(),
        };
        for (row, (mean, half_width, p_value)) in record[7].as_array().unwrap().iter().zip(results)
        {
            let close = |found: Option<f64>, expected: &Value, within: f64| {
                let both = found.zip(number(expected));
                assert!(
                    both.map_or(found.is_none() && expected.is_null(), |(a, b)| {
                        (a - b).abs() <= within
                    }),
                    "{found:?} is not {expected}: {record}"
                );
            };
            // Python's exact mean and ours may differ in the last bit.
            close(mean, &row[1], if is_interval { 1e-12 } else { 0.0 });
            close(half_width, &row[2], 0.0);
            close(p_value, &row[3], 0.0);
        }
    }
}
