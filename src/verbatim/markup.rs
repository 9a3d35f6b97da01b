//! Markup, placeholders, code, handles and hashtags: what a sign announces.
//!
//! Each looks ahead at most [`REACH`] bytes, a tag [`REACH_OF_TAG`], so that a text
//! full of unclosed brackets takes linear time.

use super::{Place, Verbatim, VerbatimKind};

/// A placeholder or a piece of code is no longer than this (bytes).
const REACH: usize = 400;

/// A tag or a comment is no longer than this (bytes): attributes hold styles and
/// addresses.
const REACH_OF_TAG: usize = 4096;

/// What starts with the sign `c` at `place`.
pub(super) fn scan(place: Place, c: char) -> Option<Verbatim> {
    let rest = within(REACH, place.rest());
    let (len, kind) = match c {
        '`' => (code(rest), VerbatimKind::Code),
        '<' => (
            tag(within(REACH_OF_TAG, place.rest())),
            VerbatimKind::Markup,
        ),
        '&' => (character_reference(rest), VerbatimKind::Markup),
        '{' => (braces(rest), VerbatimKind::Placeholder),
        '[' => (brackets(rest), VerbatimKind::Placeholder),
        '_' if place.is_word_start() => (underscores(rest), VerbatimKind::Placeholder),
        '$' => (dollar(rest), VerbatimKind::Placeholder),
        // `20 %` is a quantity, `20%s` a mistake.
        '%' if place.is_word_start() => (percent(rest), VerbatimKind::Placeholder),
        '@' if place.is_word_start() => (handle(rest), VerbatimKind::Handle),
        '#' if place.is_word_start() => (hashtag(rest), VerbatimKind::Hashtag),
        _ => return None,
    };
    Some(place.verbatim(len?, kind))
}

fn within(reach: usize, text: &str) -> &str {
    &text[..text.floor_char_boundary(reach)]
}

/// The length of the longest prefix whose characters all satisfy `is`.
pub(super) fn prefix_len(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is(c)).unwrap_or(text.len())
}

/// As many backticks behind the code as before it.
fn code(rest: &str) -> Option<usize> {
    let ticks = prefix_len(rest, |c| c == '`');
    let mut at = ticks;
    while let Some(found) = rest[at..].find('`') {
        at += found;
        let closing = prefix_len(&rest[at..], |c| c == '`');
        at += closing;
        if closing == ticks {
            return Some(at);
        }
    }
    None
}

/// `<b>`, `</b>`, `<br/>`, `<a href="…">`, `<!-- … -->`; attributes have a `=`,
/// so that `a <b und c> d` stays prose.
fn tag(rest: &str) -> Option<usize> {
    if let Some(comment) = rest.strip_prefix("<!--") {
        return comment.find("-->").map(|end| end + 7);
    }
    let end = 1 + rest[1..].find(['<', '>'])?;
    let inside = rest[1..end].trim_start_matches('/');
    let name = prefix_len(inside, |c| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':')
    });
    let attributes = inside[name..].trim_end_matches('/').trim();
    let is_tag = rest.as_bytes()[end] == b'>'
        && inside.starts_with(|c: char| c.is_ascii_alphabetic())
        && (attributes.is_empty()
            || inside[name..].starts_with(char::is_whitespace) && attributes.contains('='));
    is_tag.then_some(end + 1)
}

/// `&nbsp;`, `&#160;`, `&#xA0;`.
fn character_reference(rest: &str) -> Option<usize> {
    let name = prefix_len(&rest[1..], |c| c.is_ascii_alphanumeric() || c == '#');
    let is_reference = (2..=32).contains(&name) && rest[1 + name..].starts_with(';');
    is_reference.then_some(name + 2)
}

/// `{name}`, `{}`, `{0:.2f}`, `{{ user.name }}`, `{{{x}}}`.
fn braces(rest: &str) -> Option<usize> {
    let depth = prefix_len(rest, |c| c == '{');
    let inside = &rest[depth..];
    let end = inside.find('}')?;
    let name = inside[..end].trim();
    let is_name = name.chars().all(|c| {
        c.is_alphanumeric()
            || matches!(c, '_' | '.' | ':' | '-' | '#' | '/' | '|' | '?' | '$' | '@')
    });
    let closing = prefix_len(&inside[end..], |c| c == '}');
    (is_name && depth <= 3 && closing >= depth).then_some(depth + end + depth)
}

/// `[[1]]`, `[[name]]`.
fn brackets(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix("[[")?;
    let name = prefix_len(inside, |c| {
        c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
    });
    (name > 0 && inside[name..].starts_with("]]")).then_some(name + 4)
}

/// `__NAME__`, `__PH0__`.
fn underscores(rest: &str) -> Option<usize> {
    let run = prefix_len(rest, |c| {
        c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'
    });
    let name = rest[..run].strip_prefix("__")?.strip_suffix("__")?;
    let is_name = name.contains(|c: char| c.is_ascii_alphanumeric());
    (is_name && !rest[run..].starts_with(char::is_alphanumeric)).then_some(run)
}

/// `${x}`, `$1`, `$HOME`.
fn dollar(rest: &str) -> Option<usize> {
    let name = &rest[1..];
    if name.starts_with('{') {
        return braces(name).map(|len| len + 1);
    }
    let len = prefix_len(name, |c| c.is_ascii_alphanumeric() || c == '_');
    let is_variable = name[..len]
        .chars()
        .all(|c| c.is_ascii_uppercase() || c == '_')
        && len > 1;
    let is_argument = len == 1 && name.starts_with(|c: char| c.is_ascii_digit()) && {
        let mut after = name[1..].chars();
        // $1,50 is money.
        !(matches!(after.next(), Some('.' | ',')) && after.next().is_some_and(char::is_numeric))
    };
    (is_variable || is_argument).then_some(len + 1)
}

/// `%s`, `%1$d`, `%-5.2f`, `%lu`, `%(name)s`, `%{x}`.
fn percent(rest: &str) -> Option<usize> {
    let mut at = 1;
    if rest[at..].starts_with('{') {
        return braces(&rest[at..]).map(|len| at + len);
    }
    if rest[at..].starts_with('(') {
        let name = prefix_len(&rest[at + 1..], |c| c.is_alphanumeric() || c == '_');
        at += 1 + name;
        if name == 0 || !rest[at..].starts_with(')') {
            return None;
        }
        at += 1;
    }
    at += prefix_len(&rest[at..], |c| c.is_ascii_digit() || "$-+#.*".contains(c));
    at += prefix_len(&rest[at..], |c| matches!(c, 'l' | 'h' | 'z'));
    let mut end = rest[at..].chars();
    let conversion = end.next()?;
    let is_conversion = "sdifuxXoeEgGc@".contains(conversion);
    (is_conversion && !end.next().is_some_and(char::is_alphanumeric)).then_some(at + 1)
}

/// `@name`.
fn handle(rest: &str) -> Option<usize> {
    let run = prefix_len(&rest[1..], |c| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
    });
    let name = rest[1..=run].trim_end_matches(['.', '-']);
    (name.len() >= 2 && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        .then_some(name.len() + 1)
}

/// `#name`; a number is none.
fn hashtag(rest: &str) -> Option<usize> {
    let name = prefix_len(&rest[1..], |c| c.is_alphanumeric() || c == '_');
    rest[1..]
        .starts_with(char::is_alphabetic)
        .then_some(name + 1)
}
