//! Numbers that are more than numbers: with a unit, or as a name of something.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::markup::prefix_len;
use super::{Place, Verbatim, VerbatimKind, entries};

static UNITS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| entries(include_str!("data/units.txt")).collect());

/// No number, with its unit or the groups of its digits, is longer (bytes).
const REACH: usize = 80;

/// What starts with the digit, sign or letter `c` at `place`.
pub(super) fn scan(place: Place, c: char) -> Option<Verbatim> {
    let continues = place
        .before
        .is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | ',' | '_' | '/' | '\''));
    if continues || !(c.is_ascii_alphanumeric() || "+-−±(½¼¾".contains(c)) {
        return None;
    }
    if let Some(len) = uuid(place.rest()).or_else(|| hexadecimal(place.rest())) {
        return Some(place.verbatim(len, VerbatimKind::Identifier));
    }
    let rest = &place.rest()[..place.rest().floor_char_boundary(REACH)];
    if let Some(len) = iban(rest)
        .or_else(|| isbn(rest))
        .or_else(|| version(rest))
        .or_else(|| telephone(rest))
    {
        return Some(place.verbatim(len, VerbatimKind::Identifier));
    }
    quantity(rest).map(|len| place.verbatim(len, VerbatimKind::Quantity))
}

fn is_end(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// `550e8400-e29b-41d4-a716-446655440000` (RFC 9562).
fn uuid(rest: &str) -> Option<usize> {
    let uuid = rest.get(..36)?;
    let is_uuid = uuid.bytes().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (is_uuid && is_end(&rest[36..])).then_some(36)
}

/// The digest of a file, the name of a commit: 16 hexadecimal digits at least, of
/// which some are letters and some are not.
fn hexadecimal(rest: &str) -> Option<usize> {
    let prefix = if rest.starts_with("0x") { 2 } else { 0 };
    // Longer runs of anything are found as such.
    let digits = rest[prefix..].bytes().take(100);
    let len = digits.take_while(u8::is_ascii_hexdigit).count();
    let run = &rest[prefix..prefix + len];
    let is_mixed = run.contains(|c: char| c.is_ascii_digit())
        && run.contains(|c: char| c.is_ascii_alphabetic());
    (len >= 16 && is_mixed && is_end(&rest[prefix + len..])).then_some(prefix + len)
}

/// Two letters, two check digits, up to 30 more, in groups or not; the sum of
/// ISO 7064 (modulo 97 = 1) decides.
fn iban(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let starts = bytes.len() >= 15
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2..4].iter().all(u8::is_ascii_digit);
    if !starts {
        return None;
    }
    let mut signs = Vec::new();
    let mut longest = None;
    for (offset, &byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' => signs.push(byte),
            b' ' if offset > 0 && bytes[offset - 1] != b' ' => continue,
            _ => break,
        }
        let is_valid = (15..=34).contains(&signs.len()) && is_end(rest.get(offset + 1..)?);
        if is_valid && remainder_97(&signs) == 1 {
            longest = Some(offset + 1);
        }
    }
    longest
}

fn remainder_97(signs: &[u8]) -> u32 {
    signs[4..]
        .iter()
        .chain(&signs[..4])
        .fold(0, |remainder, &sign| match sign {
            b'0'..=b'9' => (remainder * 10 + u32::from(sign - b'0')) % 97,
            _ => (remainder * 100 + u32::from(sign - b'A') + 10) % 97,
        })
}

/// Ten or thirteen digits with hyphens and the right check digit.
fn isbn(rest: &str) -> Option<usize> {
    let len = prefix_len(rest, |c| c.is_ascii_digit() || matches!(c, '-' | 'X'));
    let number = rest[..len].trim_end_matches('-');
    let digits: Vec<u32> = number
        .chars()
        .filter(|&c| c != '-')
        .map(|c| c.to_digit(10).unwrap_or(10))
        .collect();
    let sum = |weight: &dyn Fn(u32) -> u32| -> u32 {
        (0..)
            .zip(&digits)
            .map(|(index, digit)| weight(index) * digit)
            .sum()
    };
    let is_isbn = match digits.len() {
        10 => sum(&|index| 10 - index) % 11 == 0 && number.contains('-'),
        13 => sum(&|index| 1 + index % 2 * 2) % 10 == 0 && number.starts_with("97"),
        _ => false,
    };
    (is_isbn && is_end(&rest[number.len()..])).then_some(number.len())
}

/// `v1.2`, `1.2.3`, `1.2.3-beta.1`, `192.168.0.1`; dates and grouped thousands
/// are numbers.
fn version(rest: &str) -> Option<usize> {
    let marked = rest.starts_with(['v', 'V']);
    let start = usize::from(marked);
    let run = prefix_len(&rest[start..], |c| c.is_ascii_digit() || c == '.');
    let number = rest[start..start + run].trim_end_matches('.');
    let parts: Vec<&str> = number.split('.').collect();
    let is_date = parts.len() == 3
        && matches!(parts[2].len(), 2 | 4)
        && [(parts[0], 31), (parts[1], 12)]
            .iter()
            .all(|(part, most)| part.parse::<u32>().is_ok_and(|n| (1..=*most).contains(&n)));
    let is_grouped = parts[1..].iter().all(|part| part.len() == 3);
    let is_version = parts.iter().all(|part| !part.is_empty())
        && (marked && parts.len() >= 2 || parts.len() >= 3 && !is_date && !is_grouped);
    if !is_version {
        return None;
    }
    let len = start + number.len();
    let label = rest[len..].strip_prefix('-').map_or(0, |label| {
        let run = prefix_len(label, |c| c.is_ascii_alphanumeric() || c == '.');
        let label = label[..run].trim_end_matches('.');
        // `-beta.1`, not the compound `1.2.3-Version`.
        let is_label = ["alpha", "beta", "rc", "dev", "pre"]
            .iter()
            .any(|start| label.starts_with(start));
        if is_label { label.len() + 1 } else { 0 }
    });
    is_end(&rest[len + label..]).then_some(len + label)
}

/// `+49 30 1234567`, `030/1234567`, `(030) 1234567`: a `+` or a zero in front,
/// seven to fifteen digits, in groups of two at least.
fn telephone(rest: &str) -> Option<usize> {
    let inside = rest.trim_start_matches('(');
    let is_start = inside.starts_with('+') || inside.starts_with('0');
    if !is_start || rest.len() - inside.len() > 1 {
        return None;
    }
    let run = prefix_len(rest, |c| c.is_ascii_digit() || "+ -/()\u{a0}".contains(c));
    let number = rest[..run].trim_end_matches(|c: char| !c.is_ascii_digit());
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let groups = number.split(|c: char| !c.is_ascii_digit());
    let is_grouped = groups
        .filter(|group| !group.is_empty())
        .skip(1)
        .all(|group| group.len() > 1 || group == "0");
    let is_balanced = number.matches('(').count() == number.matches(')').count();
    let is_number = (7..=15).contains(&digits) && is_grouped && is_balanced;
    (is_number && number.rfind('+').is_none_or(|at| at < 2) && is_end(&rest[number.len()..]))
        .then_some(number.len())
}

/// A number, or two with a dash, a space or none, and a unit: `10–20 km/h`.
fn quantity(rest: &str) -> Option<usize> {
    let mut at = number(rest)?;
    if let Some(dash) = rest[at..].chars().next().filter(|c| "–-×/".contains(*c))
        && let Some(second) = number(&rest[at + dash.len_utf8()..])
    {
        at += dash.len_utf8() + second;
    }
    if let Some(space) = rest[at..]
        .chars()
        .next()
        .filter(|c| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}'))
    {
        at += space.len_utf8();
    }
    let mut end = at + unit(&rest[at..])?;
    while let Some(sign) = rest[end..].chars().next().filter(|c| "/·⋅".contains(*c)) {
        let next = end + sign.len_utf8();
        let Some(len) = unit(&rest[next..]) else {
            break;
        };
        end = next + len;
    }
    let mut after = rest[end..].chars();
    let next = after.next();
    // `50%ige`, `5 m-Brett` and `3 km/Tag` are words.
    let is_part_of_word = match next {
        Some('-' | '/' | '’' | '\'') => after.next().is_some_and(char::is_alphabetic),
        Some(c) => c.is_alphanumeric(),
        None => false,
    };
    (!is_part_of_word && !continues_abbreviation(&rest[end..])).then_some(end)
}

/// In `2020 m. E.` the `m` is no metre.
fn continues_abbreviation(after: &str) -> bool {
    let mut letters = after.strip_prefix('.').unwrap_or("").trim_start().chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next() == Some('.')
}

/// A sign, digits with their separators, a fraction.
fn number(text: &str) -> Option<usize> {
    let sign = prefix_len(text, |c| "+-−±".contains(c));
    let digits = prefix_len(&text[sign..], |c| {
        c.is_ascii_digit() || ".,'\u{202f}½¼¾".contains(c)
    });
    let number = text[sign..sign + digits].trim_end_matches(['.', ',', '\'', '\u{202f}']);
    let is_number =
        number.starts_with(|c: char| c.is_numeric()) && text[..sign].chars().count() < 2;
    is_number.then_some(sign + number.len())
}

/// The length of the unit symbol at the start of `text`, with its power.
fn unit(text: &str) -> Option<usize> {
    let len = prefix_len(text, |c| c.is_alphabetic() || "%‰°′″".contains(c));
    let symbol = &text[..len];
    // `20 %ige` is refused by the caller, who sees the letter behind the sign.
    let symbol_len = if UNITS.contains(symbol) {
        len
    } else {
        let sign = symbol.chars().next().filter(|c| "%‰°′″".contains(*c))?;
        sign.len_utf8()
    };
    let power = prefix_len(&text[symbol_len..], |c| "²³⁻¹".contains(c));
    Some(symbol_len + power)
}
