//! Emoji and other pictures.
//!
//! Ranges after Unicode 16, `emoji-data.txt` and `Blocks.txt`.

use super::{Place, Verbatim, VerbatimKind};

/// Emoji by default, outside the planes of `is_emoji`.
const EMOJI: [(u32, u32); 38] = [
    (0x231A, 0x231B),
    (0x23E9, 0x23EC),
    (0x23F0, 0x23F0),
    (0x23F3, 0x23F3),
    (0x25FD, 0x25FE),
    (0x2614, 0x2615),
    (0x2648, 0x2653),
    (0x267F, 0x267F),
    (0x2693, 0x2693),
    (0x26A1, 0x26A1),
    (0x26AA, 0x26AB),
    (0x26BD, 0x26BE),
    (0x26C4, 0x26C5),
    (0x26CE, 0x26CE),
    (0x26D4, 0x26D4),
    (0x26EA, 0x26EA),
    (0x26F2, 0x26F3),
    (0x26F5, 0x26F5),
    (0x26FA, 0x26FA),
    (0x26FD, 0x26FD),
    (0x2705, 0x2705),
    (0x270A, 0x270B),
    (0x2728, 0x2728),
    (0x274C, 0x274C),
    (0x274E, 0x274E),
    (0x2753, 0x2755),
    (0x2757, 0x2757),
    (0x2795, 0x2797),
    (0x27B0, 0x27B0),
    (0x27BF, 0x27BF),
    (0x2B1B, 0x2B1C),
    (0x2B50, 0x2B50),
    (0x2B55, 0x2B55),
    (0x1F000, 0x1F0FF),
    (0x1F18E, 0x1F19A),
    (0x1F201, 0x1F265),
    (0x1F300, 0x1F64F),
    (0x1F680, 0x1FAFF),
];

/// Blocks of arrows, technical signs, shapes, stars and dingbats.
const SYMBOLS: [(u32, u32); 8] = [
    (0x2190, 0x21FF),
    (0x2300, 0x2328),
    (0x232B, 0x23FF),
    (0x2500, 0x2767),
    (0x2776, 0x27BF),
    (0x27F0, 0x27FF),
    (0x2900, 0x297F),
    (0x2B00, 0x2BFF),
];

const ZERO_WIDTH_JOINER: char = '\u{200D}';
const EMOJI_STYLE: char = '\u{FE0F}';
const KEYCAP: char = '\u{20E3}';

/// An emoji run or a symbol run at `place`, whose character is `c`.
pub(super) fn scan(place: Place, c: char) -> Option<Verbatim> {
    if c == ':' {
        return code(place);
    }
    let emoji = run(place.rest(), emoji_len);
    if emoji > 0 {
        return Some(place.verbatim(emoji, VerbatimKind::Emoji));
    }
    let symbols = run(place.rest(), |text| {
        let c = text.chars().next()?;
        (is_symbol(c) && emoji_len(text).is_none()).then_some(c.len_utf8())
    });
    (symbols > 0).then(|| place.verbatim(symbols, VerbatimKind::Symbol))
}

/// The length of what `one` matches again and again.
fn run(text: &str, one: impl Fn(&str) -> Option<usize>) -> usize {
    let mut len = 0;
    while let Some(more) = one(&text[len..]) {
        len += more;
    }
    len
}

/// The length of the emoji at the start of `text`: a flag, a keycap, or a
/// picture with its modifiers and with those joined to it.
fn emoji_len(text: &str) -> Option<usize> {
    let mut chars = text.chars();
    let first = chars.next()?;
    let second = chars.next();
    if is_regional_indicator(first) {
        return second.filter(|&c| is_regional_indicator(c)).map(|_| 8);
    }
    if first.is_ascii_digit() || matches!(first, '#' | '*') {
        return match (second, chars.next()) {
            (Some(KEYCAP), _) => Some(4),
            (Some(EMOJI_STYLE), Some(KEYCAP)) => Some(7),
            _ => None,
        };
    }
    let styled = second == Some(EMOJI_STYLE) && (is_symbol(first) || is_other_picture(first));
    if !is_emoji(first) && !styled {
        return None;
    }
    let mut len = first.len_utf8();
    let mut joined = false;
    for c in text[len..].chars() {
        if joined && !is_emoji(c) && !is_symbol(c) || !joined && !extends(c) {
            break;
        }
        joined = c == ZERO_WIDTH_JOINER;
        len += c.len_utf8();
    }
    Some(len)
}

/// `:smile:`; not the colon of `Lehrer:innen` or of a time.
fn code(place: Place) -> Option<Verbatim> {
    if place
        .before
        .is_some_and(|c| c.is_alphanumeric() || c == ':')
    {
        return None;
    }
    let name = &place.rest()[1..];
    let len = name
        .bytes()
        .take(40)
        .take_while(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_+-".contains(b))
        .count();
    let after = name[len..].strip_prefix(':')?;
    let is_name = len >= 2 && name[..len].contains(|c: char| c.is_ascii_lowercase());
    (is_name && !after.starts_with(char::is_alphanumeric))
        .then(|| place.verbatim(len + 2, VerbatimKind::Emoji))
}

fn is_in(ranges: &[(u32, u32)], c: char) -> bool {
    ranges
        .iter()
        .any(|&(first, last)| (first..=last).contains(&u32::from(c)))
}

fn is_emoji(c: char) -> bool {
    c >= '\u{231A}' && is_in(&EMOJI, c)
}

fn is_symbol(c: char) -> bool {
    c >= '\u{2190}' && is_in(&SYMBOLS, c)
}

/// Characters of other blocks that are emoji when the style is asked for.
fn is_other_picture(c: char) -> bool {
    matches!(
        c,
        '©' | '®' | '™' | '‼' | '⁉' | 'ℹ' | '〰' | '〽' | '㊗' | '㊙'
    ) || is_in(&[(0x1F100, 0x1F1E5)], c)
}

fn is_regional_indicator(c: char) -> bool {
    ('\u{1F1E6}'..='\u{1F1FF}').contains(&c)
}

/// Style, skin tone, tag of a regional flag, or joiner.
fn extends(c: char) -> bool {
    c == EMOJI_STYLE
        || c == ZERO_WIDTH_JOINER
        || ('\u{1F3FB}'..='\u{1F3FF}').contains(&c)
        || ('\u{E0020}'..='\u{E007F}').contains(&c)
}
