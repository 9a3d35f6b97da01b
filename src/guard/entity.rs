//! URLs, placeholders, tags and the like that are missing.
//!
//! What they are is `verbatim`'s business. Exact: there is no threshold.

use crate::translation::{Finding, Flag};
use crate::verbatim::{Restored, Verbatim, VerbatimKind, restore};

use super::words::Side;

/// What must stand in the target byte for byte and does not. A number with its
/// unit may be written in another way, and is the number detector's.
pub(super) fn detect(source: &Side, target: &Side, verbatim: &[Verbatim]) -> Option<Finding> {
    let exact: Vec<Verbatim> = verbatim
        .iter()
        .filter(|found| found.kind != VerbatimKind::Quantity)
        .copied()
        .collect();
    let Restored::Lost(lost) = restore(source.text, &exact, target.text, &[], &[]) else {
        return None;
    };
    Some(Finding {
        source: lost.iter().map(|found| found.span).collect(),
        ..Flag::Entity.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn what_is_missing_is_named() {
        for (source, target, lost) in [
            ("Hallo {name}, willkommen!", "Hello {name}, welcome!", None),
            (
                "Hallo {name}, willkommen!",
                "Hello, welcome!",
                Some("{name}"),
            ),
            ("Hallo {name}!", "Xin chào!", Some("{name}")),
            ("%s hat %d Punkte.", "%s has points.", Some("%d")),
            (
                "Mehr auf https://beispiel.de/a.",
                "More at https://example.com/a.",
                Some("https://beispiel.de/a"),
            ),
            (
                "Die Strecke misst 42 km.",
                "It is 42 kilometres long.",
                None,
            ),
            ("Ein <b>Wort</b>.", "A <b>word.", Some("</b>")),
        ] {
            let found = detect(
                &Side::new(source, Language::DE),
                &Side::new(target, Language::EN),
                &crate::verbatim::find(source),
            );
            let lost_text = found.map(|finding| finding.source[0].of(source));
            assert_eq!(lost_text, lost, "{source}");
        }
    }
}
