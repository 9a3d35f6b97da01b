//! Units that translators convert, and those that must not change.

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Percent,
    Kilometre,
    Mile,
    Metre,
    Foot,
    Yard,
    Centimetre,
    Inch,
    Kilogram,
    Pound,
    Celsius,
    Fahrenheit,
    /// Degrees of either scale, or a difference of temperatures.
    Degree,
    Euro,
    Dollar,
}

use Unit::{
    Celsius, Centimetre, Degree, Dollar, Euro, Fahrenheit, Foot, Inch, Kilogram, Kilometre, Metre,
    Mile, Percent, Pound, Yard,
};

/// How units are written behind a number, in lower case; a stem stands for its
/// inflected forms.
const AFTER: [(&str, Unit); 39] = [
    ("phần trăm", Percent),
    ("percent", Percent),
    ("per cent", Percent),
    ("prozent", Percent),
    ("%", Percent),
    ("kilometer", Kilometre),
    ("kilometre", Kilometre),
    ("km", Kilometre),
    ("kph", Kilometre),
    ("meile", Mile),
    ("mile", Mile),
    ("mph", Mile),
    ("dặm", Mile),
    ("zentimeter", Centimetre),
    ("centimet", Centimetre),
    ("cm", Centimetre),
    ("meter", Metre),
    ("metre", Metre),
    ("mét", Metre),
    ("feet", Foot),
    ("foot", Foot),
    ("ft", Foot),
    ("fuß", Foot),
    ("yard", Yard),
    ("inch", Inch),
    ("zoll", Inch),
    ("kilogram", Kilogram),
    ("kilo", Kilogram),
    ("kg", Kilogram),
    ("pound", Pound),
    ("pfund", Pound),
    ("°c", Celsius),
    ("ºc", Celsius),
    ("°f", Fahrenheit),
    ("degree", Degree),
    ("grad", Degree),
    ("độ", Degree),
    ("euro", Euro),
    ("dollar", Dollar),
];

/// Letters that an inflected form may have more.
const INFLECTION: usize = 3;
/// Bytes in which a unit stands: that of the first number of `5 to 10 inches`
/// stands behind the second.
const REACH: usize = 28;
/// What may stand between the numbers of a range.
const RANGE: [&str; 8] = ["bis", "to", "-", "–", "und", "and", "đến", "oder"];

/// The unit behind a number whose text goes on with `text`.
pub(super) fn after(text: &str) -> Option<Unit> {
    let head = text[..text.floor_char_boundary(REACH)].to_lowercase();
    let mut rest = head.trim_start_matches([' ', '\u{a0}', '\u{202f}', '-']);
    if let Some(range) = RANGE
        .iter()
        .find_map(|word| head.trim_start().strip_prefix(word))
    {
        let number = range.trim_start();
        let digits =
            number.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ','));
        if digits.len() < number.len() {
            rest = digits.trim_start_matches([' ', '\u{a0}', '\u{202f}', '-']);
        }
    }
    if rest.starts_with('€') {
        return Some(Euro);
    }
    let word_len = rest
        .find([' ', ',', '.', ')', '-', '/'])
        .unwrap_or(rest.len());
    AFTER
        .iter()
        .find(|(name, _)| {
            rest.starts_with(name)
                && (name.contains(' ') || *name == "%" || word_len <= name.len() + INFLECTION)
        })
        .map(|(_, unit)| *unit)
}

/// The currency sign at the end of `text`.
pub(super) fn before(text: &str) -> Option<Unit> {
    match text.trim_end().chars().next_back()? {
        '€' => Some(Euro),
        '$' => Some(Dollar),
        _ => None,
    }
}

/// `factor * value + constant`
#[derive(Debug, Clone, Copy)]
pub(super) struct Conversion {
    factor: f64,
    constant: f64,
}

impl Conversion {
    pub(super) fn apply(self, value: f64) -> f64 {
        self.factor * value + self.constant
    }
}

/// What one unit is in another.
const CONVERSIONS: [(Unit, Unit, Conversion); 8] = [
    (Mile, Kilometre, times(1.609_344)),
    (Foot, Metre, times(0.3048)),
    (Yard, Metre, times(0.9144)),
    (Inch, Centimetre, times(2.54)),
    (Foot, Centimetre, times(30.48)),
    (Pound, Kilogram, times(0.453_592_37)),
    (
        Fahrenheit,
        Celsius,
        Conversion {
            factor: 1.0 / 1.8,
            constant: -32.0 / 1.8,
        },
    ),
    // A difference of temperatures.
    (Degree, Celsius, times(1.0 / 1.8)),
];

const fn times(factor: f64) -> Conversion {
    Conversion {
        factor,
        constant: 0.0,
    }
}

/// The conversions between two units; the unit of one number may be unsaid
/// (`widespread 80s`).
pub(super) fn conversions(
    from: Option<Unit>,
    to: Option<Unit>,
) -> impl Iterator<Item = Conversion> {
    let fits = |said: Option<Unit>, unit: Unit| match said {
        Some(Degree) => matches!(unit, Celsius | Fahrenheit | Degree),
        Some(said) => said == unit,
        None => true,
    };
    CONVERSIONS
        .iter()
        .filter(move |_| from.is_some() || to.is_some())
        .flat_map(move |&(a, b, conversion)| {
            let forward = (fits(from, a) && fits(to, b)).then_some(conversion);
            let backward = (fits(from, b) && fits(to, a)).then_some(Conversion {
                factor: 1.0 / conversion.factor,
                constant: -conversion.constant / conversion.factor,
            });
            [forward, backward]
        })
        .flatten()
}
