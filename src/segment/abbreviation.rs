//! Recognising the abbreviation that a full stop closes.

use super::candidate::Candidate;
use super::lexicon::{Abbreviation, Lexicon};
use super::scan;

/// More parts than any abbreviation has ("v. l. n. r.").
const MAX_PARTS: usize = 4;
/// Longer than any abbreviation of several parts.
const MAX_LENGTH: usize = 48;

/// A short string on the stack: the parts of an abbreviation without the spaces between them.
struct Joined {
    bytes: [u8; MAX_LENGTH],
    length: usize,
}

impl Joined {
    fn push(&mut self, part: &str) -> Option<()> {
        let end = self.length + part.len();
        self.bytes
            .get_mut(self.length..end)?
            .copy_from_slice(part.as_bytes());
        self.length = end;
        Some(())
    }

    /// Makes the first letter small: an abbreviation at the start of a sentence.
    fn lower_first(&mut self) {
        match self.bytes {
            [b'A'..=b'Z', ..] => self.bytes[0] += b'a' - b'A',
            // Ä Ö Ü
            [0xc3, 0x84 | 0x96 | 0x9c, ..] => self.bytes[1] += 0x20,
            _ => {}
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("only whole strings are pushed")
    }
}

/// The class of the abbreviation that ends with the full stop of `c`.
pub(super) fn class(
    c: &Candidate<'_>,
    lexicon: &Lexicon,
    look_up: impl Fn(&str) -> Option<Abbreviation>,
) -> Option<Abbreviation> {
    let mut parts = [""; MAX_PARTS];
    let mut found = 0;
    let mut rest = c.before();
    while found < MAX_PARTS {
        let part = last_part(rest);
        if part.is_empty() {
            break;
        }
        parts[MAX_PARTS - 1 - found] = part;
        found += 1;
        rest = &rest[..rest.len() - part.len()];
        let unspaced = rest
            .strip_suffix([' ', '\u{a0}', '\u{202f}'])
            .unwrap_or(rest);
        match unspaced.strip_suffix('.') {
            // "www.hvg.hu", "112.ua": no abbreviation.
            Some(before) if unspaced.len() == rest.len() && before.ends_with(char::is_numeric) => {
                return None;
            }
            Some(before) => rest = before,
            None => break,
        }
    }
    if rest.ends_with(['+', '=', '&', '_', '@', '#', '%']) {
        return None;
    }
    let parts = &parts[MAX_PARTS - found..];
    if parts.is_empty() {
        return None;
    }
    let following = next_part(&c.text[c.run_end..]);
    let before = c.before();
    for from in 0..parts.len() {
        let Some(mut joined) = join(&parts[from..]) else {
            continue;
        };
        let at = parts[from].as_ptr() as usize - before.as_ptr() as usize;
        let listed = look_up(joined.as_str()).is_some_and(|class| class != Abbreviation::Inside);
        if !listed && opens_clause(&before[..at]) {
            joined.lower_first();
        }
        let class = look_up(joined.as_str());
        let inside = following.is_some_and(|part| {
            joined.push(".").and_then(|()| joined.push(part)).is_some()
                && look_up(joined.as_str()).is_some()
        });
        if inside {
            return Some(Abbreviation::Inside);
        }
        if class.is_some_and(|class| class != Abbreviation::Inside) {
            return class;
        }
    }
    let word = parts[parts.len() - 1];
    // "www.beispiel.ch": the looks of a word say nothing inside an address.
    let glued = before[..before.len() - word.len()].ends_with('.');
    if glued {
        return None;
    }
    unlisted(word, lexicon, look_up)
}

/// Abbreviations that no list has, known by their looks.
fn unlisted(
    word: &str,
    lexicon: &Lexicon,
    look_up: impl Fn(&str) -> Option<Abbreviation>,
) -> Option<Abbreviation> {
    if let Some((_, last)) = word.rsplit_once('-') {
        return look_up(last)
            .filter(|class| *class != Abbreviation::Inside && last.len() > 1)
            .or_else(|| unlisted(last, lexicon, look_up));
    }
    let letters = word.chars().count();
    let ends_low = word.ends_with(char::is_lowercase);
    // A letter from beyond ASCII is a vowel, or belongs to a foreign name.
    let vowel = |c: char| !c.is_ascii() || "aeiouyAEIOUY".contains(c);
    // "VPNs": the plural of an acronym.
    let acronym = word
        .strip_suffix('s')
        .is_some_and(|stem| stem.len() > 1 && stem.chars().all(char::is_uppercase));
    let looks = letters > 1
        && ends_low
        && !acronym
        && !word.contains(vowel)
        && !lexicon.is_whole_word(word)
        || letters > 3 && (clipped_adjective(word) || broken_off(word))
        || letters > 4 && (word.ends_with("str") || word.ends_with("nr"));
    looks.then_some(Abbreviation::BeforeFunctionWord)
}

/// "wissenschaftl", "vertragl", "betriebl": an adjective without its "-ich".
fn clipped_adjective(word: &str) -> bool {
    word.starts_with(char::is_lowercase)
        && word
            .strip_suffix('l')
            .is_some_and(|stem| stem.ends_with(['b', 'c', 'f', 'g', 'h', 'k', 'm', 'n', 't']))
        && !word.ends_with("ahl")
        && !word.ends_with("ehl")
        && !word.ends_with("ohl")
        && !word.ends_with("ühl")
        && !word.ends_with("uhl")
}

/// "nichtfachspr", "hptm", "teilw": no German word ends in these letters.
fn broken_off(word: &str) -> bool {
    let Some(stem) = word.strip_suffix(['m', 'n', 'r', 'w']) else {
        return false;
    };
    if word.ends_with("chr") {
        return true;
    }
    let obstruent = stem.ends_with(['b', 'd', 'f', 'g', 'k', 'p', 't']);
    let clipped_weise = word.ends_with('w') && stem.ends_with(['l', 'n', 'r', 's']);
    (obstruent && word.starts_with(char::is_lowercase)) || clipped_weise
}

/// Whether a capital behind `before` is that of the first word.
fn opens_clause(before: &str) -> bool {
    before.ends_with(scan::is_opener) || !before.contains(char::is_alphabetic)
}

fn join(parts: &[&str]) -> Option<Joined> {
    let mut joined = Joined {
        bytes: [0; MAX_LENGTH],
        length: 0,
    };
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            joined.push(".")?;
        }
        joined.push(part)?;
    }
    Some(joined)
}

/// The letters (and inner hyphens) at the end of `text`.
fn last_part(text: &str) -> &str {
    let from = text
        .char_indices()
        .rev()
        .take_while(|&(_, c)| c.is_alphabetic() || matches!(c, '-' | '&' | '²'))
        .last()
        .map_or(text.len(), |(at, _)| at);
    text[from..].trim_start_matches(['-', '&'])
}

/// The letters directly behind a full stop, or behind one space, if a full stop follows them.
fn next_part(text: &str) -> Option<&str> {
    let text = text
        .strip_prefix([' ', '\u{a0}', '\u{202f}'])
        .unwrap_or(text);
    let end = text.find(|c: char| !c.is_alphabetic())?;
    (end > 0 && text[end..].starts_with('.')).then(|| &text[..end])
}
