//! Numbers in words: `zwölf`, `twenty-one`, `hai trăm`, `Oktober`, `III`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::document::Span;
use crate::language::Language;

use super::super::words::{Side, Word};
use super::{Number, Reading};

/// The number words of a language.
struct Words {
    /// Must be matched on the other side.
    sure: HashMap<&'static str, f64>,
    /// May explain a number of the other side.
    possible: HashMap<&'static str, Vec<f64>>,
    /// Multiply the number before them.
    scales: HashMap<&'static str, f64>,
}

/// What German numerals are joined with when they count: `dreimal`, `fünfjährig`.
const COUNTED: [&str; 9] = [
    "mal", "fach", "jährig", "köpfig", "monatig", "stündig", "tägig", "wöchig", "seitig",
];

static GERMAN: LazyLock<Words> =
    LazyLock::new(|| Words::read(include_str!("../data/numbers.de.txt")));
static ENGLISH: LazyLock<Words> =
    LazyLock::new(|| Words::read(include_str!("../data/numbers.en.txt")));
static VIETNAMESE: LazyLock<Words> =
    LazyLock::new(|| Words::read(include_str!("../data/numbers.vi.txt")));

impl Words {
    fn of(language: Language) -> Option<&'static Self> {
        match language {
            Language::DE => Some(&GERMAN),
            Language::EN => Some(&ENGLISH),
            Language::VI => Some(&VIETNAMESE),
            _ => None,
        }
    }

    /// Reads `sign word value …` lines.
    fn read(data: &'static str) -> Self {
        let mut words = Self {
            sure: HashMap::new(),
            possible: HashMap::new(),
            scales: HashMap::new(),
        };
        for line in data.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.split(' ');
            let (Some(sign), Some(word)) = (fields.next(), fields.next()) else {
                continue;
            };
            let values: Vec<f64> = fields.filter_map(|field| field.parse().ok()).collect();
            match sign {
                "=" => drop(words.sure.insert(word, values[0])),
                "*" => drop(words.scales.insert(word, values[0])),
                _ => drop(words.possible.insert(word, values)),
            }
        }
        words
    }

    /// What a word counts alone, and what is left of it behind the numeral.
    fn numeral<'w>(&self, lower: &'w str, language: Language) -> Option<(f64, &'w str)> {
        if language == Language::DE {
            return german(lower, self);
        }
        self.sure.get(lower).map(|&value| (value, ""))
    }
}

/// A factor behind a number in digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) factor: f64,
    /// `million` is; the `m` of `5m` may be a metre.
    pub(super) is_sure: bool,
    /// Bytes from the number to the end of the word.
    pub(super) len: usize,
}

/// The scale words at the start of `text`: ` Millionen`, `bn`, ` nghìn tỷ`.
pub(super) fn scale_at(text: &str, language: Language) -> Option<Scale> {
    let words = Words::of(language)?;
    let mut scale: Option<Scale> = None;
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let gap = rest.len()
            - rest
                .trim_start_matches([' ', '\u{a0}', '\u{202f}', '-'])
                .len();
        let word = &rest[gap..];
        let len = word
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(word.len());
        let factor = words.scales.get(word[..len].to_lowercase().as_str());
        let Some(factor) = factor.filter(|_| len > 2 || gap == 0 || language != Language::EN)
        else {
            return scale;
        };
        at += gap + len;
        scale = Some(Scale {
            factor: factor * scale.map_or(1.0, |scale| scale.factor),
            is_sure: len > 1,
            len: at,
        });
    }
}

/// The numbers that are written in words.
pub(super) fn in_words(side: &Side) -> Vec<Number> {
    let Some(words) = Words::of(side.language) else {
        return Vec::new();
    };
    let mut numbers: Vec<Number> = Vec::new();
    let mut index = 0;
    while let Some(word) = side.words.get(index) {
        let compound = Compound::read(side, index, words);
        if let Some(compound) = &compound {
            let mut number = compound.number(side);
            if index > 0 && side.words[index - 1].lower == "halb" {
                // `halb drei` is half past two.
                number.must_match = false;
                numbers.push(possible(word, compound.value - 1.0));
            }
            numbers.push(number);
        }
        if let Some(values) = words.possible.get(word.lower.as_str()) {
            numbers.extend(values.iter().map(|&value| possible(word, value)));
        }
        if let Some(value) = roman(side.surface(word)) {
            numbers.push(possible(word, value));
        }
        if let Some((value, rest)) = words.numeral(&word.lower, side.language)
            && !rest.is_empty()
        {
            numbers.push(Number {
                must_match: value > 1.0 && COUNTED.iter().any(|start| rest.starts_with(start)),
                ..possible(word, value)
            });
        }
        index += compound.map_or(1, |compound| compound.words);
    }
    numbers
}

fn possible(word: &Word, value: f64) -> Number {
    Number {
        span: word.span,
        readings: vec![Reading::Value(value)],
        must_match: false,
        is_in_digits: false,
        unit: None,
    }
}

/// Numerals that stand together: `two hundred and fifty thousand`.
struct Compound {
    span: Span,
    value: f64,
    /// Values of its parts, which may be meant alone: `five, six`.
    parts: Vec<f64>,
    words: usize,
    must_match: bool,
}

impl Compound {
    fn read(side: &Side, first: usize, words: &Words) -> Option<Self> {
        let start = side.words[first].span.start;
        let (mut total, mut current) = (0.0, 0.0);
        let (mut parts, mut end, mut count) = (Vec::new(), start, 0);
        let mut must_match = false;
        for (offset, word) in side.words[first..].iter().enumerate() {
            let gap = &side.text[end.max(start)..word.span.start];
            if offset > 0 && !matches!(gap, " " | "-" | "\u{a0}") {
                break;
            }
            let numeral = words
                .numeral(&word.lower, side.language)
                .filter(|(_, rest)| rest.is_empty())
                .map(|(value, _)| value);
            // `one` counts behind tens: `twenty-one`.
            let is_one = word.lower == "one" && parts.last().is_some_and(|tens| *tens >= 20.0);
            let digit = numeral.or(is_one.then_some(1.0)).or_else(|| {
                let values = words.possible.get(word.lower.as_str())?;
                (side.language == Language::VI && values.len() == 1 && values[0] < 11.0)
                    .then_some(values[0])
            });
            if let Some(scale) = words.scales.get(word.lower.as_str()) {
                if offset == 0 || word.lower.len() < 3 {
                    break;
                }
                // What is not the largest scale multiplies what is next to it.
                if *scale >= 1000.0 {
                    total += f64::max(current, 1.0) * scale;
                    current = 0.0;
                } else {
                    current = f64::max(current, 1.0) * scale;
                }
            } else if let Some(value) = digit {
                parts.push(value);
                current += value;
                must_match |= numeral.is_some();
            } else if !(offset > 0
                && word.lower == "and"
                && parts.iter().any(|part| *part >= 100.0))
            {
                break;
            }
            end = word.span.end;
            count = offset + 1;
        }
        (!parts.is_empty()).then_some(Self {
            span: Span::new(start, end),
            value: total + current,
            parts,
            words: count,
            must_match,
        })
    }

    fn number(&self, side: &Side) -> Number {
        let mut readings = vec![Reading::Value(self.value)];
        if self.parts.len() > 1 {
            readings.push(Reading::Parts(self.parts.clone()));
        }
        Number {
            span: self.span,
            readings,
            must_match: self.must_match && side.language != Language::VI,
            is_in_digits: false,
            unit: super::unit::after(&side.text[self.span.end..]),
        }
    }
}

/// A composed German numeral at the start of a word, and the rest:
/// `neunzehnhundertachtzig`, `dreißig` + `jährige`.
fn german<'w>(word: &'w str, words: &Words) -> Option<(f64, &'w str)> {
    let (mut total, mut rest) = below_hundred(word, words).unwrap_or((0.0, word));
    for (name, factor) in [("tausend", 1000.0), ("hundert", 100.0)] {
        if let Some(after) = rest.strip_prefix(name) {
            let (more, after) = german(after, words).unwrap_or((0.0, after));
            total = f64::max(total, 1.0) * factor + more;
            rest = after;
        }
    }
    (rest.len() < word.len()).then_some((total, rest))
}

/// `drei`, `dreizehn`, `dreiunddreißig` at the start of a word.
fn below_hundred<'w>(word: &'w str, words: &Words) -> Option<(f64, &'w str)> {
    let longest = |word: &'w str| {
        word.char_indices()
            .map(|(offset, c)| offset + c.len_utf8())
            .rev()
            .find_map(|end| Some((*words.sure.get(&word[..end])?, &word[end..])))
    };
    let unit = longest(word).or_else(|| Some((1.0, word.strip_prefix("ein")?)));
    let tens = unit.and_then(|(unit, rest)| {
        let (tens, rest) = longest(rest.strip_prefix("und")?)?;
        (unit < 10.0 && tens >= 20.0).then_some((tens + unit, rest))
    });
    tens.or_else(|| longest(word))
}

/// The value of `II` to `XXXIX` in capitals; `I` and `X` are mostly no numbers.
fn roman(surface: &str) -> Option<f64> {
    if !(2..=6).contains(&surface.len()) && surface != "V"
        || !surface.bytes().all(|b| b"IVX".contains(&b))
    {
        return None;
    }
    let digit = |b: u8| match b {
        b'I' => 1,
        b'V' => 5,
        _ => 10,
    };
    let digits: Vec<i32> = surface.bytes().map(digit).collect();
    let signed = |(index, &value): (usize, &i32)| {
        let next = digits.get(index + 1).copied().unwrap_or(0);
        if value < next { -value } else { value }
    };
    Some(f64::from(
        digits.iter().enumerate().map(signed).sum::<i32>(),
    ))
}
