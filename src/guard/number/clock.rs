//! The half of the day of `8 p.m.`

use super::super::words::Side;
use super::Number;
use crate::document::Span;

/// With these `8 Uhr` can be 8 p.m.
const PARTS_OF_DAY: [&str; 5] = ["abend", "mittag", "nacht", "nächt", "dämmer"];

/// Times with `Uhr` that became those of the other half of the day.
pub(super) fn changed(
    (source, of_source): (&Side, &[Number]),
    (target, of_target): (&Side, &[Number]),
) -> Vec<(Span, Span)> {
    let names_part = source
        .words
        .iter()
        .any(|word| PARTS_OF_DAY.iter().any(|part| word.lower.contains(part)));
    let times: Vec<(u8, Span)> = of_source
        .iter()
        .filter_map(|number| Some((hour_of_24(source, number)?, number.span)))
        .collect();
    of_target
        .iter()
        .filter_map(|number| {
            let hour = hour_of_12(target, number)?;
            if times.iter().any(|&(other, _)| other == hour) {
                return None;
            }
            let is_wrong_half = |other: u8| other % 12 == hour % 12 && !(names_part && other <= 12);
            let (_, span) = times.iter().find(|&&(other, _)| is_wrong_half(other))?;
            Some((*span, number.span))
        })
        .collect()
}

/// The hour, from 0 to 23, of `20 Uhr` or `20.15 Uhr`.
fn hour_of_24(side: &Side, number: &Number) -> Option<u8> {
    let after = side.text[number.span.end..].trim_start();
    let hour = hour(side, number).filter(|&hour| after.starts_with("Uhr") && hour <= 24)?;
    Some(hour % 24)
}

/// The hour, from 0 to 23, of `8 p.m.` or `8:15 am`.
fn hour_of_12(side: &Side, number: &Number) -> Option<u8> {
    let after = side.text[number.span.end..].trim_start();
    let mark = after.get(..4).unwrap_or(after).to_lowercase();
    let mark = mark.replacen('.', "", 1);
    let is_afternoon = match mark.get(..2)? {
        "am" => false,
        "pm" => true,
        _ => return None,
    };
    let ends = !mark[2..].starts_with(char::is_alphanumeric);
    let hour = hour(side, number).filter(|hour| ends && (1..=12).contains(hour))?;
    Some(hour % 12 + if is_afternoon { 12 } else { 0 })
}

/// The digits in front of a number in digits.
fn hour(side: &Side, number: &Number) -> Option<u8> {
    let text = number.span.of(side.text);
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..len].parse().ok()
}
