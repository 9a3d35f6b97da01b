//! BLEU's tokenizers, as in sacreBLEU's `tokenizers/`.
//!
//! All patterns of the western rules are single ASCII characters, so that they
//! are applied to bytes: parts of other characters stay together.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

use super::white_space::{is_space, split};

/// How words are parted for BLEU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BleuTokenizer {
    /// That of `mteval-v13a.pl`, used by WMT.
    V13a,
    /// That of `mteval-v14.pl`: at Unicode's punctuation and symbols.
    Intl,
    /// Each character is a token.
    Char,
    /// White space only.
    None,
    /// Each Chinese character is a token, the rest is parted as by 13a.
    Zh,
}

impl BleuTokenizer {
    /// The name in signatures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V13a => "13a",
            Self::Intl => "intl",
            Self::Char => "char",
            Self::None => "none",
            Self::Zh => "zh",
        }
    }

    /// The text with spaces between tokens.
    #[must_use]
    pub fn tokenize(self, text: &str) -> String {
        match self {
            Self::V13a => western(&format!(" {} ", plain(text))),
            Self::Intl => international(text),
            Self::Char | Self::None => text.to_owned(),
            Self::Zh => western(&separate(text.trim_matches(is_space), is_chinese)),
        }
    }

    /// The tokens of a text that [`Self::tokenize`] gave.
    #[must_use]
    pub fn split(self, tokens: &str) -> Box<dyn Iterator<Item = &str> + '_> {
        if self == Self::Char {
            let chars = tokens.char_indices().filter(|&(_, c)| !is_space(c));
            Box::new(chars.map(|(start, c)| &tokens[start..start + c.len_utf8()]))
        } else {
            Box::new(split(tokens))
        }
    }
}

/// The text without mteval's mark for skipped words, hyphens at line ends, line
/// breaks and entities.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '\n', '&']) {
        return Cow::Borrowed(text);
    }
    let text = text
        .replace("<skipped>", "")
        .replace("-\n", "")
        .replace('\n', " ");
    Cow::Owned(unescape(text))
}

/// Replaces the four entities of mteval.
pub(super) fn unescape(text: String) -> String {
    if !text.contains('&') {
        return text;
    }
    text.replace("&quot;", "\"")
        .replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
}

/// The rules for western languages in mteval-v13a.
fn western(text: &str) -> String {
    separate_numbers(&separate_marks(text))
}

/// Puts a space on both sides of ASCII's marks but `'`, `,`, `-` and `.`.
pub(super) fn separate_marks(text: &str) -> String {
    let is_mark = |byte: u8| matches!(byte, b'{'..=b'~' | b'['..=b'`' | b' '..=b'&' | b'('..=b'+' | b':'..=b'@' | b'/');
    let mut bytes = Vec::with_capacity(text.len() + text.len() / 2);
    for byte in text.bytes() {
        if is_mark(byte) {
            bytes.extend([b' ', byte, b' ']);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("spaces were put beside ASCII characters")
}

/// Full stops and commas but between digits, and hyphens behind digits:
/// `([^0-9])([\.,])` → `\1 \2 `, `([\.,])([^0-9])` → ` \1 \2`,
/// `([0-9])(-)` → `\1 \2 `.
pub(super) fn separate_numbers(text: &str) -> String {
    let is_point = |byte: u8| byte == b'.' || byte == b',';
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let bytes = replace_pairs(
        text.as_bytes(),
        |a, b| !is_digit(a) && is_point(b),
        |a, b| [a, b' ', b, b' '],
    );
    let bytes = replace_pairs(
        &bytes,
        |a, b| is_point(a) && !is_digit(b),
        |a, b| [b' ', a, b' ', b],
    );
    let bytes = replace_pairs(
        &bytes,
        |a, b| is_digit(a) && b == b'-',
        |a, b| [a, b' ', b, b' '],
    );
    String::from_utf8(bytes).expect("spaces were put beside ASCII characters")
}

/// Replaces pairs of neighbours, from the left, without overlap.
fn replace_pairs(
    bytes: &[u8],
    is_pair: impl Fn(u8, u8) -> bool,
    replacement: impl Fn(u8, u8) -> [u8; 4],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    let mut rest = bytes;
    loop {
        match *rest {
            [a, b, ..] if is_pair(a, b) => {
                out.extend(replacement(a, b));
                rest = &rest[2..];
            }
            [a, ..] => {
                out.push(a);
                rest = &rest[1..];
            }
            [] => return out,
        }
    }
}

/// Puts a space on both sides of some characters.
pub(super) fn separate(text: &str, is_apart: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    for c in text.chars() {
        if is_apart(c) {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
    }
    out
}

/// sacreBLEU's ranges of Chinese characters.
///
/// Two of them were meant to be U+20000–2A6D6 and U+2F800–2FA1D, but are
/// written with four digits and a character behind; as strings are compared,
/// they have the effect shown here.
fn is_chinese(c: char) -> bool {
    matches!(c,
        '\u{3400}'..='\u{4db5}'
        | '\u{4e00}'..='\u{9fbb}'
        | '\u{f900}'..='\u{fa2d}'
        | '\u{fa30}'..='\u{fa6a}'
        | '\u{fa70}'..='\u{fad9}'
        | '\u{2001}'..='\u{2a6d}'
        | '\u{2f81}'..='\u{2fa1}'
        | '\u{ff00}'..='\u{ffef}'
        | '\u{2e80}'..='\u{2eff}'
        | '\u{3000}'..='\u{303f}'
        | '\u{31c0}'..='\u{31ef}'
        | '\u{2f00}'..='\u{2fdf}'
        | '\u{2ff0}'..='\u{2fff}'
        | '\u{3100}'..='\u{312f}'
        | '\u{31a0}'..='\u{31bf}'
        | '\u{fe10}'..='\u{fe1f}'
        | '\u{fe30}'..='\u{fe4f}'
        | '\u{3200}'..='\u{33ff}')
}

/// Unicode's general categories, as far as `intl` needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Category {
    Number,
    Punctuation,
    Symbol,
    Other,
}

/// Ranges of characters and their category, in order.
static CATEGORIES: LazyLock<Vec<(char, char, Category)>> = LazyLock::new(|| {
    let mut ranges = Vec::new();
    for (pattern, category) in [
        (r"\p{N}", Category::Number),
        (r"\p{P}", Category::Punctuation),
        (r"\p{S}", Category::Symbol),
    ] {
        let class = regex_syntax::parse(pattern).expect("a constant pattern");
        if let HirKind::Class(Class::Unicode(class)) = class.kind() {
            let of_class = class.ranges().iter();
            ranges.extend(of_class.map(|range| (range.start(), range.end(), category)));
        }
    }
    ranges.sort_unstable_by_key(|&(start, ..)| start);
    ranges
});

fn category(c: char) -> Category {
    match c {
        '0'..='9' => Category::Number,
        '$' | '+' | '<'..='>' | '^' | '`' | '|' | '~' => Category::Symbol,
        _ if c.is_ascii_punctuation() => Category::Punctuation,
        _ if c.is_ascii() => Category::Other,
        _ => {
            let after = CATEGORIES.partition_point(|&(start, ..)| start <= c);
            match CATEGORIES[..after].last() {
                Some(&(_, end, category)) if c <= end => category,
                _ => Category::Other,
            }
        }
    }
}

/// The rules of mteval-v14: `(\P{N})(\p{P})` → `\1 \2 `,
/// `(\p{P})(\P{N})` → ` \1 \2`, `(\p{S})` → ` \1 `.
fn international(text: &str) -> String {
    let chars: Vec<(char, Category)> = text.chars().map(|c| (c, category(c))).collect();
    let is_number = |(_, category)| category == Category::Number;
    let is_mark = |(_, category)| category == Category::Punctuation;
    let space = (' ', Category::Other);
    let mut parted = Vec::with_capacity(2 * chars.len());
    let mut rest = &chars[..];
    loop {
        match *rest {
            [a, b, ..] if !is_number(a) && is_mark(b) => {
                parted.extend([a, space, b, space]);
                rest = &rest[2..];
            }
            [a, ..] => {
                parted.push(a);
                rest = &rest[1..];
            }
            [] => break,
        }
    }
    let mut out = String::with_capacity(2 * text.len());
    let mut push = |(c, category)| {
        if category == Category::Symbol {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
    };
    let mut rest = &parted[..];
    loop {
        match *rest {
            [a, b, ..] if is_mark(a) && !is_number(b) => {
                [space, a, space, b].into_iter().for_each(&mut push);
                rest = &rest[2..];
            }
            [a, ..] => {
                push(a);
                rest = &rest[1..];
            }
            [] => break,
        }
    }
    out
}
