//! Numbers, dates and units that differ.
//!
//! A number in digits, and a number word that means nothing else, must be
//! explained by the other side: by digits of the same value in that language's
//! notation (1.234,5 in German and Vietnamese is 1,234.5 in English), by a word
//! (`zwölf`, `twelve`, `beide`, `III`, `Oktober`), or by the right conversion of
//! a unit (60 miles, 97 km: a translator's freedom, not an error).
//!
//! Exact by construction: there is no threshold but [`CONVERSION_TOLERANCE`].

mod clock;
mod reading;
mod sign;
mod unit;
mod word;

use crate::document::Span;
use crate::translation::{Finding, Flag};

use super::words::Side;
use unit::Unit;

/// A converted quantity may be rounded by this share: 12 °C are "almost 20 degrees".
const CONVERSION_TOLERANCE: f64 = 0.1;

/// A number that stands in a text.
#[derive(Debug, Clone)]
struct Number {
    span: Span,
    readings: Vec<Reading>,
    /// Whether the other side must have it too.
    must_match: bool,
    is_in_digits: bool,
    unit: Option<Unit>,
}

/// One way to understand a number.
#[derive(Debug, Clone, PartialEq)]
enum Reading {
    /// `1.234,5`
    Value(f64),
    /// The parts of a date, a time or a score: `3.10.2018`, `14:30`, `3:1`.
    Parts(Vec<f64>),
}

/// Numbers of one side that the other does not explain.
pub(super) fn detect(source: &Side, target: &Side) -> Option<Finding> {
    let (of_source, of_target) = (numbers(source), numbers(target));
    let mut lost = unexplained(&of_source, &of_target);
    let mut invented = unexplained(&of_target, &of_source);
    accept_conversions(&mut lost, &of_target);
    accept_conversions(&mut invented, &of_source);
    accept_joined_groups(source, target, &mut lost, &mut invented);
    // `drei Jahre, zwei Monate` | `two years, two months`: nothing but a `two` is too much.
    match (lost.is_empty(), invented.is_empty()) {
        (true, false) => lost = surplus(&of_source, &of_target),
        (false, true) => invented = surplus(&of_target, &of_source),
        _ => {}
    }
    // "All three" may be "all of them": a word is one number for another, or none.
    if lost.is_empty() || invented.is_empty() {
        lost.retain(|number| number.is_in_digits);
        invented.retain(|number| number.is_in_digits);
    }
    let mut finding = Finding {
        source: lost.iter().map(|number| number.span).collect(),
        target: invented.iter().map(|number| number.span).collect(),
        ..Flag::Number.into()
    };
    let sides = ((source, &of_source[..]), (target, &of_target[..]));
    let changed = changed_units(&of_source, &of_target)
        .into_iter()
        .chain(sign::changed(sides.0, sides.1))
        .chain(clock::changed(sides.0, sides.1));
    for (a, b) in changed {
        finding.source.push(a);
        finding.target.push(b);
    }
    (!finding.source.is_empty() || !finding.target.is_empty()).then_some(finding)
}

/// The numbers of a side, in digits and in words.
fn numbers(side: &Side) -> Vec<Number> {
    let mut numbers = reading::in_digits(side);
    numbers.extend(word::in_words(side));
    numbers
}

fn unexplained<'n>(numbers: &'n [Number], others: &[Number]) -> Vec<&'n Number> {
    let values: Vec<f64> = others.iter().flat_map(Number::values).collect();
    let known = |value: &f64| values.iter().any(|other| same(*value, *other));
    numbers
        .iter()
        .filter(|number| number.must_match)
        .filter(|number| {
            !number.readings.iter().any(|reading| match reading {
                Reading::Value(value) => known(value),
                Reading::Parts(parts) => parts.iter().all(known),
            })
        })
        .collect()
}

/// The number words of which the other side has fewer. Words that only may be a
/// number explain each other first.
fn surplus<'n>(numbers: &'n [Number], others: &[Number]) -> Vec<&'n Number> {
    let count = |numbers: &[Number], value: f64| {
        let with_value = numbers
            .iter()
            .filter(|number| number.values().any(|other| same(value, other)));
        let (sure, possible): (Vec<_>, Vec<_>) = with_value.partition(|number| number.must_match);
        (sure.len(), possible.len())
    };
    let is_surplus = |number: &&Number| {
        number.value().is_some_and(|value| {
            let (sure, possible) = count(numbers, value);
            let (other_sure, other_possible) = count(others, value);
            sure > other_sure + other_possible.saturating_sub(possible)
        })
    };
    numbers
        .iter()
        .filter(|number| number.must_match && !number.is_in_digits)
        .filter(is_surplus)
        .collect()
}

impl Number {
    fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.readings.iter().flat_map(|reading| match reading {
            Reading::Value(value) => std::slice::from_ref(value).iter().copied(),
            Reading::Parts(parts) => parts.iter().copied(),
        })
    }

    /// The value, if it can only be understood in one way.
    fn value(&self) -> Option<f64> {
        match self.readings[..] {
            [Reading::Value(value)] => Some(value),
            _ => None,
        }
    }
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// 60 miles may be 97 km, or have that in brackets.
fn accept_conversions(unexplained: &mut Vec<&Number>, others: &[Number]) {
    unexplained.retain(|number| !others.iter().any(|other| is_conversion(number, other)));
}

fn is_conversion(a: &Number, b: &Number) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= CONVERSION_TOLERANCE * b.abs();
    unit::conversions(a.unit, b.unit).any(|conversion| {
        a.values()
            .any(|from| b.values().any(|to| close(conversion.apply(from), to)))
    })
}

/// Digits may be grouped in other ways (`030 123456`, `030-12 34 56`): what is
/// left over is accepted if its digits are the same.
fn accept_joined_groups(
    source: &Side,
    target: &Side,
    lost: &mut Vec<&Number>,
    invented: &mut Vec<&Number>,
) {
    let digits = |side: &Side, numbers: &[&Number]| -> String {
        numbers
            .iter()
            .flat_map(|number| number.span.of(side.text).chars())
            .filter(char::is_ascii_digit)
            .collect()
    };
    // Below six digits this could be two wrong numbers.
    let left = digits(source, lost);
    if left.len() >= 6 && left == digits(target, invented) {
        lost.clear();
        invented.clear();
    }
}

/// Equal values whose units are of different kinds: 5 km, 5 miles.
fn changed_units(source: &[Number], target: &[Number]) -> Vec<(Span, Span)> {
    let only = |numbers: &[Number], value: f64| {
        let mut with = numbers
            .iter()
            .filter(|number| number.values().any(|other| same(value, other)));
        with.next().filter(|_| with.next().is_none()).cloned()
    };
    source
        .iter()
        .filter_map(|number| {
            let (unit, value) = number.unit.zip(number.value())?;
            only(source, value)?;
            let other = only(target, value)?;
            (other.unit? != unit).then_some((number.span, other.span))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn flagged(source: &str, target: &str, language: Language) -> bool {
        detect(
            &Side::new(source, Language::DE),
            &Side::new(target, language),
        )
        .is_some()
    }

    #[test]
    fn the_same_number_in_each_notation() {
        for (de, en, vi) in [
            ("1.234,5 Tonnen", "1,234.5 tonnes", "1.234,5 tấn"),
            ("10 000 Menschen", "10,000 people", "10.000 người"),
            ("am 3. Oktober", "on 3 October", "ngày 3 tháng 10"),
            ("am 3. Oktober", "on October 3rd", "mùng ba tháng mười"),
            (
                "am 03.10.2018",
                "on 3 October 2018",
                "ngày 3 tháng 10 năm 2018",
            ),
            ("2,5 Mrd. Euro", "2.5 billion euros", "2,5 tỷ euro"),
            ("3 Mio. Euro", "€3m", "3 triệu euro"),
            ("1,5 Millionen", "1,500,000", "1.500.000"),
            ("zwölf Äpfel", "12 apples", "mười hai quả táo"),
            ("einundzwanzig Tage", "twenty-one days", "21 ngày"),
            ("zweihundert Gäste", "two hundred guests", "200 khách"),
            ("um 14.30 Uhr", "at 2:30 p.m.", "lúc 14 giờ 30"),
            ("um 20 Uhr", "at 8 pm", "lúc 20 giờ"),
            ("die 1980er Jahre", "the 80s", "thập niên 1980"),
            ("um 0 Uhr", "at 12 a.m.", "lúc 0 giờ"),
            ("um 12.30 Uhr", "at 12:30pm", "lúc 12 giờ 30"),
            ("um 8 Uhr abends", "at 8 p.m.", "lúc 8 giờ tối"),
            ("bei -5 Grad", "at minus 5 degrees", "ở âm 5 độ"),
            (
                "bei −5 Grad",
                "at 5 degrees below zero",
                "ở 5 độ dưới không",
            ),
            ("minus fünf Grad", "-5 degrees", "-5 độ"),
            ("10 -20 Leute", "10-20 people", "10–20 người"),
            ("5 Prozent", "5%", "5%"),
            ("die Hälfte", "half", "một nửa"),
            ("50 Prozent", "half", "50%"),
            ("beide Seiten", "the two sides", "cả hai bên"),
            ("Zweiter Weltkrieg", "World War II", "Thế chiến II"),
            (
                "die Saison 2018/19",
                "the 2018-2019 season",
                "mùa giải 2018–19",
            ),
            ("ein 3:1-Sieg", "a 3-1 win", "chiến thắng 3-1"),
            ("eine 20-Jährige", "a 20-year-old", "một cô gái 20 tuổi"),
            (
                "im 19. Jahrhundert",
                "in the nineteenth century",
                "thế kỷ 19",
            ),
            ("dreijährig", "three years old", "ba tuổi"),
            ("Viertelfinale", "quarter-finals", "tứ kết"),
            ("0,5 Prozent", "0.5 percent", "0,5%"),
            ("zweimal zwei Tage", "two days twice", "hai lần hai ngày"),
            (
                "eine fünfköpfige Familie",
                "a family of five",
                "gia đình năm người",
            ),
        ] {
            assert!(!flagged(de, en, Language::EN), "{de} | {en}");
            assert!(!flagged(de, vi, Language::VI), "{de} | {vi}");
        }
        assert!(!flagged("60 Meilen", "97 km", Language::EN), "a conversion");
    }

    #[test]
    fn another_number() {
        for (de, other, language) in [
            ("1.234,5 Tonnen", "1,243.5 tonnes", Language::EN),
            ("1.234 Tonnen", "1.234 tonnes", Language::EN),
            ("2,5 Mrd. Euro", "2.5 million euros", Language::EN),
            ("2,5 Mrd. Euro", "2,5 triệu euro", Language::VI),
            ("am 3. Oktober 2018", "on 3 October 2017", Language::EN),
            ("am 3. Oktober", "on 13 October", Language::EN),
            ("zwölf Äpfel", "11 apples", Language::EN),
            ("drei Kinder", "five children", Language::EN),
            ("um 14.30 Uhr", "at 3:30 p.m.", Language::EN),
            ("5 km", "5 miles", Language::EN),
            ("Es sind -5 Grad.", "It is 5 degrees.", Language::EN),
            ("Es sind −5 Grad.", "Trời 5 độ.", Language::VI),
            ("Es sind 5 Grad.", "It is -5 degrees.", Language::EN),
            ("Es sind 5 Grad.", "Trời âm 5 độ.", Language::VI),
            ("um 20 Uhr", "at 8 am", Language::EN),
            ("Um 8 Uhr.", "At 8 p.m.", Language::EN),
            ("um 12 Uhr", "at 12 a.m.", Language::EN),
            ("60 Meilen", "80 km", Language::EN),
            ("30 Menschen starben", "people died", Language::EN),
            ("Menschen starben", "30 people died", Language::EN),
            ("10.000 Menschen", "1.000 người", Language::VI),
            ("5 Prozent", "50%", Language::EN),
            ("die 1930er Jahre", "the 9930s", Language::EN),
            ("5,6 und 2,6 Punkte", "5.5 and 2.6 points", Language::EN),
            (
                "zwei Jahre oder drei Monate",
                "two years or two months",
                Language::EN,
            ),
            (
                "acht Wechsel im Halbfinale",
                "two changes in the semi-final",
                Language::EN,
            ),
            ("Die beiden Länder", "The eight countries", Language::EN),
            ("dreimal im Jahr", "nine times a year", Language::EN),
            ("fünfjährige Arbeit", "ten years of work", Language::EN),
        ] {
            assert!(flagged(de, other, language), "{de} | {other}");
        }
    }

    #[test]
    fn the_words_concerned_are_named() {
        let source = Side::new("Es kamen 30 Gäste.", Language::DE);
        let target = Side::new("There were 80 guests.", Language::EN);
        let finding = detect(&source, &target).expect("30 is not 80");
        assert_eq!(finding.source, [Span::new(9, 11)]);
        assert_eq!(finding.target, [Span::new(11, 13)]);
    }
}
