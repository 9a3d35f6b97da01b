//! Signs before numbers: `-5`, `−5`, `minus 5`, `âm 5`.

use super::super::words::Side;
use super::Number;
use crate::document::Span;

/// What says that a number is below zero, or that something became less by it.
const NEGATIVE: [&str; 28] = [
    "minus", "negativ", "negative", "unter", "null", "verlust", "below", "zero", "freezing", "sub",
    "down", "fell", "fall", "lost", "loss", "lower", "less", "decline", "declined", "drop",
    "dropped", "decrease", "âm", "dưới", "giảm", "mất", "thấp", "lỗ",
];

/// Numbers of which only the source or only the target has a sign.
pub(super) fn changed(
    (source, of_source): (&Side, &[Number]),
    (target, of_target): (&Side, &[Number]),
) -> Vec<(Span, Span)> {
    let lost = with_sign_here(source, of_source, target, of_target);
    let invented = with_sign_here(target, of_target, source, of_source);
    let invented = invented
        .into_iter()
        .map(|(target, source)| (source, target));
    lost.into_iter().chain(invented).collect()
}

/// The numbers that are negative on this side, each with its counterpart.
fn with_sign_here(
    side: &Side,
    numbers: &[Number],
    other: &Side,
    others: &[Number],
) -> Vec<(Span, Span)> {
    let is_said = other
        .words
        .iter()
        .any(|word| NEGATIVE.contains(&word.lower.as_str()));
    if is_said {
        return Vec::new();
    }
    let counterpart = |number: &Number| {
        let mut same = others.iter().filter(|other| {
            let mut values = number.values();
            values.any(|value| other.values().any(|other| super::same(value, other)))
        });
        let first = same.next()?;
        let all_positive = !is_negative(other, first) && !same.any(|same| is_negative(other, same));
        all_positive.then_some((number.span, first.span))
    };
    let negative = numbers.iter().filter(|number| is_negative(side, number));
    negative.filter_map(counterpart).collect()
}

/// A hyphen behind a word, a number or a space behind a number is none.
fn is_negative(side: &Side, number: &Number) -> bool {
    let before = &side.text[..number.span.start];
    if let Some(before) = before.strip_suffix(['-', '−']) {
        return (before.is_empty() || before.ends_with([' ', '\u{a0}', '(']))
            && !before.trim_end().ends_with(char::is_numeric);
    }
    let word = before.trim_end().rsplit(' ').next();
    word.is_some_and(|word| matches!(word.to_lowercase().as_str(), "minus" | "âm"))
}
