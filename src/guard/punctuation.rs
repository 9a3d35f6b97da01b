//! Quotation marks and brackets that do not match, where the source's do.
//!
//! Exact: an odd number of marks, or a bracket without its partner. Single
//! quotation marks are left out, since they are apostrophes as well.

use crate::document::Span;
use crate::translation::{Finding, Flag};

use super::words::Side;

/// Marks without partner in the target, if the source has none.
pub(super) fn detect(source: &Side, target: &Side) -> Option<Finding> {
    let of_target = unmatched(target.text);
    (!of_target.is_empty() && unmatched(source.text).is_empty()).then(|| Finding {
        target: of_target,
        ..Flag::Punctuation.into()
    })
}

/// Brackets without partner, and the last of an odd number of quotation marks.
fn unmatched(text: &str) -> Vec<Span> {
    let mut unmatched = Vec::new();
    let mut open: Vec<(char, Span)> = Vec::new();
    let mut quotes: Vec<Span> = Vec::new();
    for (offset, c) in text.char_indices() {
        let span = Span::new(offset, offset + c.len_utf8());
        match c {
            '(' | '[' | '{' => open.push((c, span)),
            ')' | ']' | '}' => {
                let opener = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                match open.last() {
                    Some((last, _)) if *last == opener => drop(open.pop()),
                    _ => unmatched.push(span),
                }
            }
            '"' | '„' | '“' | '”' | '«' | '»' => quotes.push(span),
            _ => {}
        }
    }
    unmatched.extend(open.into_iter().map(|(_, span)| span));
    if quotes.len() % 2 == 1 {
        unmatched.extend(quotes.pop());
    }
    unmatched
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn marks_need_their_partners_if_the_sources_have_theirs() {
        for (source, target, expected) in [
            ("„Ja“, sagte er.", "“Yes,” he said.", false),
            ("„Ja“, sagte er.", "\"Yes,\" he said.", false),
            ("„Ja“, sagte er.", "“Yes, he said.", true),
            ("„Ja“, sagte er.", "Yes, he said.", false),
            ("„Ja, sagte er.", "“Yes, he said.", false),
            ("Er (41) kam.", "He (41) came.", false),
            ("Er (41) kam.", "He (41 came.", true),
            ("Er (41) kam.", "Ông (41] đến.", true),
            ("a) Eins", "a) One", false),
            ("Es geht.", "It's the dogs' turn.", false),
        ] {
            let found = detect(
                &Side::new(source, Language::DE),
                &Side::new(target, Language::EN),
            );
            assert_eq!(found.is_some(), expected, "{target}");
        }
    }
}
