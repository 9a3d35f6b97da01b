//! Numbers in digits.

use crate::document::Span;
use crate::language::Language;

use super::super::words::Side;
use super::unit::{self, Unit};
use super::{Number, Reading, word};

/// What may stand between the digits of one number or date.
const SEPARATORS: [char; 8] = ['.', ',', '\'', '’', ':', '\u{a0}', '\u{202f}', '\u{2009}'];

/// Years of which two digits may be left out.
const YEARS: std::ops::Range<u16> = 1000..2100;

/// The numbers that are written in digits.
pub(super) fn in_digits(side: &Side) -> Vec<Number> {
    let mut numbers: Vec<Number> = Vec::new();
    let text = side.text;
    let mut at = 0;
    while let Some(offset) = text[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + offset;
        let end = start + token_len(&text[start..]);
        let token = Token::new(side, Span::new(start, end));
        numbers.push(token.number(numbers.last()));
        at = end;
    }
    numbers
}

/// Bytes of the digits at the start of `text` with what separates them.
fn token_len(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut len = digits(text);
    while let Some(separator) = text[len..].chars().next() {
        let after = &text[len + separator.len_utf8()..];
        let more = digits(after);
        // A plain space only groups thousands; three digits and no letter behind.
        let groups = separator == ' ' && more == 3 && len <= 3 + 4 * (len / 4) && {
            !after[3..].starts_with(|c: char| c.is_alphanumeric() || c == '.' || c == ',')
                || after[3..].starts_with(' ')
        };
        if more == 0 || !(SEPARATORS.contains(&separator) || groups) {
            break;
        }
        len += separator.len_utf8() + more;
    }
    len
}

/// A number in digits and what stands around it.
struct Token<'a> {
    side: &'a Side<'a>,
    span: Span,
    digits: &'a str,
    before: &'a str,
    after: &'a str,
}

impl<'a> Token<'a> {
    fn new(side: &'a Side<'a>, span: Span) -> Self {
        Self {
            side,
            span,
            digits: span.of(side.text),
            before: &side.text[..span.start],
            after: &side.text[span.end..],
        }
    }

    fn number(&self, previous: Option<&Number>) -> Number {
        let mut readings = readings(self.digits, self.side.language);
        let scale = word::scale_at(self.after, self.side.language);
        if let Some(scale) = scale {
            let scaled: Vec<Reading> = readings
                .iter()
                .filter_map(|reading| match reading {
                    Reading::Value(value) => Some(Reading::Value(value * scale.factor)),
                    Reading::Parts(_) => None,
                })
                .collect();
            if scale.is_sure {
                readings = scaled;
            } else {
                readings.extend(scaled);
            }
        }
        if self.is_time() {
            readings.extend(full_hour(&readings));
            readings.extend(on_the_other_half_of_the_day(&readings));
        }
        readings.extend(self.year(previous));
        Number {
            span: self.span,
            readings,
            must_match: true,
            is_in_digits: true,
            unit: self.unit(scale.map_or(0, |scale| scale.len)),
        }
    }

    fn is_time(&self) -> bool {
        let after = self.after.trim_start().to_ascii_lowercase();
        let marks = [
            "uhr",
            "p.m",
            "a.m",
            "pm",
            "am ",
            "am.",
            "am,",
            "o'clock",
            "o’clock",
            "giờ",
            "h ",
            "bis",
        ];
        self.digits.contains(':') || marks.iter().any(|mark| after.starts_with(mark))
    }

    /// `80er`, `80s`, `'80` and the 19 of `2018/19` are years of a century.
    fn year(&self, previous: Option<&Number>) -> Vec<Reading> {
        let Ok(value) = self.digits.parse::<u16>() else {
            return Vec::new();
        };
        let decade = self.after.starts_with("er")
            || self.after.starts_with(['s', '’', '\''])
            || self.after.starts_with("-er");
        let of_century = self.before.ends_with(['\'', '’', '‘'])
            || self.before.ends_with(['/', '-', '–'])
                && previous.is_some_and(|year| year.span.end + 3 >= self.span.start);
        match self.digits.len() {
            2 if decade || of_century => [1900, 2000]
                .map(|century| Reading::Value(f64::from(century + value)))
                .into(),
            4 if (decade || self.before.ends_with("niên ")) && YEARS.contains(&value) => {
                vec![Reading::Value(f64::from(value % 100))]
            }
            _ => Vec::new(),
        }
    }

    fn unit(&self, scale_len: usize) -> Option<Unit> {
        unit::after(&self.after[scale_len..]).or_else(|| unit::before(self.before))
    }
}

/// 7:00 is also 7.
fn full_hour(readings: &[Reading]) -> Option<Reading> {
    readings.iter().find_map(|reading| match reading {
        Reading::Parts(parts) if parts.len() == 2 && parts[1] == 0.0 => {
            Some(Reading::Value(parts[0]))
        }
        _ => None,
    })
}

/// 14 is also 2, and 12 also 0.
fn on_the_other_half_of_the_day(readings: &[Reading]) -> Vec<Reading> {
    let hour = |hour: f64| {
        if hour >= 12.0 {
            hour - 12.0
        } else {
            hour + 12.0
        }
    };
    readings
        .iter()
        .filter_map(|reading| match reading {
            Reading::Value(value) if *value <= 24.0 => Some(Reading::Value(hour(*value))),
            Reading::Parts(parts) if parts[0] <= 24.0 => {
                let mut parts = parts.clone();
                parts[0] = hour(parts[0]);
                Some(Reading::Parts(parts))
            }
            _ => None,
        })
        .collect()
}

/// What digits with separators can mean in a language. Vietnamese prescribes the
/// German notation, and its newspapers use the English one as well.
fn readings(token: &str, language: Language) -> Vec<Reading> {
    match language {
        Language::EN => in_notation(token, ',', '.'),
        Language::VI => {
            let mut readings = in_notation(token, '.', ',');
            for reading in in_notation(token, ',', '.') {
                if !readings.contains(&reading) {
                    readings.push(reading);
                }
            }
            readings
        }
        _ => in_notation(token, '.', ','),
    }
}

fn in_notation(token: &str, thousands: char, decimal: char) -> Vec<Reading> {
    let parts: Vec<&str> = token
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .collect();
    let separators: Vec<char> = token.chars().filter(|c| !c.is_ascii_digit()).collect();
    let grouped =
        |parts: &[&str]| parts[0].len() <= 3 && parts[1..].iter().all(|part| part.len() == 3);
    let joined = |parts: &[&str]| parts.concat().parse::<f64>().ok();
    let with_fraction = || {
        let (fraction, whole) = parts.split_last()?;
        format!("{}.{fraction}", whole.concat()).parse::<f64>().ok()
    };
    let split = || {
        Some(Reading::Parts(
            parts.iter().filter_map(|part| part.parse().ok()).collect(),
        ))
    };
    let is_group = |c: &char| *c == thousands || !matches!(c, '.' | ',' | ':');
    let found = match separators[..] {
        [] => [joined(&parts).map(Reading::Value), None],
        _ if separators.contains(&':') => [split(), None],
        // 1.234.567
        _ if separators.iter().all(is_group) && grouped(&parts) => {
            [joined(&parts).map(Reading::Value), None]
        }
        // 1.234,5
        [ref groups @ .., last]
            if last == decimal
                && groups.iter().all(is_group)
                && (groups.is_empty() || grouped(&parts[..parts.len() - 1])) =>
        {
            // 2.30 is a time as well.
            let time = if decimal == '.' { split() } else { None };
            [with_fraction().map(Reading::Value), time]
        }
        // 14.30, or 3.5 in a language that writes 3,5
        [_] => [with_fraction().map(Reading::Value), split()],
        _ => [split(), None],
    };
    found.into_iter().flatten().collect()
}
