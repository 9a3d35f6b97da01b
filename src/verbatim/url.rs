//! Addresses that say so: a scheme, or `www.`.

use super::{Place, Verbatim, VerbatimKind};

const SCHEMES: [&str; 13] = [
    "https://", "http://", "ftps://", "ftp://", "sftp://", "file://", "ssh://", "git://", "wss://",
    "ws://", "mailto:", "doi:10.", "www.",
];

/// A URL at `place`.
pub(super) fn scan(place: Place) -> Option<Verbatim> {
    if !place.is_word_start() {
        return None;
    }
    let rest = place.rest();
    let scheme = SCHEMES.iter().find(|scheme| {
        rest.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })?;
    // Before its length is looked for: failing late would be quadratic.
    if !rest[scheme.len()..]
        .starts_with(|c: char| c.is_alphanumeric() || matches!(c, '[' | '/' | '{'))
    {
        return None;
    }
    let len = len(rest);
    let after = rest[..len].get(scheme.len()..)?;
    (!after.is_empty() && (*scheme != "www." || after.contains('.')))
        .then(|| place.verbatim(len, VerbatimKind::Url))
}

/// The length of the address that `text` starts with: up to white space, a
/// quotation mark or an angle bracket, without the punctuation behind it and
/// without closing brackets that were not opened inside.
pub(super) fn len(text: &str) -> usize {
    let end = text.find(ends_address).unwrap_or(text.len());
    // In `[https://a.example](https://b.example)` the first one ends at `]`.
    let end = text[..end].find("](").unwrap_or(end);
    let address = &text[..end];
    let mut unopened = ["()", "[]", "{}"].map(|pair| {
        let count = |bracket: &str| address.matches(bracket).count();
        count(&pair[1..]).saturating_sub(count(&pair[..1]))
    });
    address
        .trim_end_matches(|c| match c {
            ')' | ']' | '}' => {
                let left = &mut unopened[match c {
                    ')' => 0,
                    ']' => 1,
                    _ => 2,
                }];
                let trimmed = *left > 0;
                *left = left.saturating_sub(1);
                trimmed
            }
            _ => matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '…' | '\'' | '*'),
        })
        .len()
}

fn ends_address(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "<>\"`|„“”«»‹›‚‘’–—→".contains(c)
}
