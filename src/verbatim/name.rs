//! Names that look like no word: e-mail addresses, bare domains, file names.
//!
//! A run of name characters is looked at once, from its start.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::markup::prefix_len;
use super::{Place, Verbatim, VerbatimKind, entries, url};
use crate::document::Span;

static DOMAINS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| entries(include_str!("data/domains.txt")).collect());
static EXTENSIONS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| entries(include_str!("data/extensions.txt")).collect());

/// Folders at the root of a Unix system: `/tmp` is a path, `/oder` is not.
const ROOTS: [&str; 14] = [
    "bin", "boot", "dev", "etc", "home", "lib", "mnt", "opt", "proc", "root", "srv", "tmp", "usr",
    "var",
];

/// The name that starts at `place`, if a run of name characters does.
pub(super) fn scan(place: Place) -> Option<Verbatim> {
    if place.before.is_some_and(is_name_char) {
        return None;
    }
    if let Some(len) = windows_path(place.rest()) {
        return Some(place.verbatim(len, VerbatimKind::FileName));
    }
    let run = &place.rest()[..prefix_len(place.rest(), is_name_char)];
    let trimmed = run.trim_start_matches(['-', '+', '_']);
    let start = place.at + run.len() - trimmed.len();
    let name = trimmed.trim_end_matches(['.', '-', '+', '_', '@']);
    let found = |len, kind| Verbatim {
        span: Span::new(start, start + len),
        kind,
    };
    if let Some(len) = email(name) {
        return Some(found(len, VerbatimKind::Email));
    }
    if is_file(name) {
        return Some(found(name.len(), VerbatimKind::FileName));
    }
    let host = &name[..name.find('/').unwrap_or(name.len())];
    if !is_domain(host) {
        return None;
    }
    let rest = &place.text[start..];
    let has_more = rest[host.len()..].starts_with(['/', '?', '#', ':']);
    let len = if has_more { url::len(rest) } else { host.len() };
    Some(found(len, VerbatimKind::Url))
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '~' | '/' | '\\' | '@')
}

/// The length of the e-mail address that `name` starts with.
fn email(name: &str) -> Option<usize> {
    let (local, rest) = name.split_once('@')?;
    let host = &rest[..prefix_len(rest, |c| c.is_alphanumeric() || matches!(c, '.' | '-'))];
    let top = host.rsplit('.').next()?;
    let is_email = !local.is_empty()
        && !local.contains(['/', '\\', '~'])
        && is_host(host)
        && top.len() >= 2
        && top.chars().all(char::is_alphabetic);
    is_email.then_some(local.len() + 1 + host.len())
}

/// At least two labels of letters, digits and inner hyphens.
fn is_host(host: &str) -> bool {
    host.contains('.')
        && host.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
}

/// A host with a known top-level domain in lower case: behind a missing space
/// (`Ende.Anfang`) stands a capital.
fn is_domain(host: &str) -> bool {
    host.rsplit_once('.').is_some_and(|(names, top)| {
        DOMAINS.contains(top) && is_host(host) && names.contains(char::is_alphabetic)
    })
}

fn is_file(name: &str) -> bool {
    let segments: Vec<&str> = name
        .split(['/', '\\'])
        .filter(|segment| !segment.is_empty())
        .collect();
    let Some(last) = segments.last() else {
        return false;
    };
    if !segments.iter().all(|segment| is_segment(segment)) {
        return false;
    }
    if ["./", "../", "~/", ".\\", "..\\"]
        .iter()
        .any(|start| name.starts_with(start))
    {
        return true;
    }
    if name.starts_with('/') && !name.starts_with("//") {
        let root = ROOTS.contains(&segments[0]);
        return root || has_extension(last) || segments.len() > 2;
    }
    if name.starts_with("\\\\") {
        return segments.len() > 1;
    }
    // `beispiel.de/seite.html` is an address.
    has_extension(last) && !(segments.len() > 1 && is_domain(segments[0]))
}

fn is_segment(segment: &str) -> bool {
    segment
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '~' | '@'))
}

fn has_extension(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        let is_one_case = extension.chars().all(|c| !c.is_uppercase())
            || extension.chars().all(|c| !c.is_lowercase());
        stem.contains(char::is_alphanumeric)
            && is_one_case
            && EXTENSIONS.contains(extension.to_ascii_lowercase().as_str())
    })
}

/// `C:\Temp\x.txt`: the length of the path, which ends at white space.
fn windows_path(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let is_path =
        bytes.len() > 3 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && bytes[2] == b'\\';
    is_path.then(|| url::len(rest))
}
