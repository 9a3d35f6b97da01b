//! Runs without white space that are longer than any word: base64, minified code.
//!
//! No model has seen them; it takes a minute for one and loses characters.

use super::{Verbatim, VerbatimKind};
use crate::document::Span;

/// No word is longer (bytes). The longest German compounds that were ever in use
/// have about 80 letters.
const LONGEST_WORD: usize = 100;

/// Lines between columns: `Einleitung ........ 12` without the spaces is words.
const LEADERS: [&str; 4] = ["...", "…", "___", "---"];

/// Adds the long runs of a sentence to what was `found` in it, in order.
///
/// A run ends at what was found. Only placeholders and numbers may be part of it,
/// if it has them: `{}` in JSON, `+5m` in base64.
pub(super) fn add(sentence: &str, found: Vec<Verbatim>) -> Vec<Verbatim> {
    let mut all = Vec::with_capacity(found.len());
    let mut found = found.into_iter().peekable();
    for word in sentence.split_whitespace() {
        if word.len() <= LONGEST_WORD {
            continue;
        }
        let start = word.as_ptr().addr() - sentence.as_ptr().addr();
        let word = Span::new(start, start + word.len());
        let mut at = word.start;
        // What may belong to the run that starts at `at`.
        let mut inside = Vec::new();
        while let Some(next) = found.next_if(|next| next.span.start < word.end) {
            if next.span.start < word.start {
                at = at.max(next.span.end);
                all.push(next);
            } else if may_be_inside(next) && next.span.end <= word.end {
                inside.push(next);
            } else {
                push_run(
                    sentence,
                    Span::new(at, next.span.start),
                    &mut inside,
                    &mut all,
                );
                at = next.span.end;
                all.push(next);
            }
        }
        push_run(
            sentence,
            Span::new(at.min(word.end), word.end),
            &mut inside,
            &mut all,
        );
    }
    all.extend(found);
    all
}

fn may_be_inside(found: Verbatim) -> bool {
    matches!(
        found.kind,
        VerbatimKind::Placeholder | VerbatimKind::Identifier | VerbatimKind::Quantity
    )
}

/// Adds the run, or what was found `inside` if it could be words.
fn push_run(sentence: &str, span: Span, inside: &mut Vec<Verbatim>, all: &mut Vec<Verbatim>) {
    let run = span.of(sentence);
    let is_data = run.len() > LONGEST_WORD
        && !run.contains(is_of_unspaced_script)
        && !LEADERS.iter().any(|leader| run.contains(leader));
    if is_data {
        inside.clear();
        let kind = VerbatimKind::Data;
        all.push(Verbatim { span, kind });
    } else {
        all.append(inside);
    }
}

/// Scripts from Thai on, with the Chinese and the Japanese one, put no space
/// between words.
fn is_of_unspaced_script(c: char) -> bool {
    c >= '\u{E00}' && c.is_alphabetic()
}
