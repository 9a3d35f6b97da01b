//! Findings in words, for people who read a translation.

use crate::document::Span;
use crate::translation::{Finding, Flag, Translation};

/// The findings of a translation, one text each, in their order: what was found,
/// then the words concerned.
pub(super) fn notes(translation: &Translation) -> Vec<String> {
    let words = |spans: &[Span], text: &str| {
        let words: Vec<&str> = spans.iter().map(|span| span.of(text)).collect();
        (!words.is_empty()).then(|| words.join(" "))
    };
    let note = |finding: &Finding| {
        let source = words(&finding.source, &translation.source);
        let target = words(&finding.target, &translation.target);
        let concerned: Vec<String> = source.into_iter().chain(target).collect();
        let reason = reason(finding.flag);
        if concerned.is_empty() {
            reason.to_owned()
        } else {
            format!("{reason}: {}", concerned.join(" → "))
        }
    };
    translation.findings.iter().map(note).collect()
}

fn reason(flag: Flag) -> &'static str {
    match flag {
        Flag::Copied => "nothing to translate",
        Flag::Split => "translated in parts",
        Flag::Limit => "cut off by the length limit",
        Flag::Empty => "no translation",
        Flag::Repetition => "repeats itself",
        Flag::Length => "unusual length",
        Flag::Coverage => "not in the translation",
        Flag::Copy => "not translated",
        Flag::Number => "number, date or unit differs",
        Flag::Negation => "negation lost",
        Flag::Entity => "address or placeholder missing",
        Flag::Language => "unexpected language",
        Flag::Punctuation => "quotation marks or brackets do not match",
        Flag::End => "ends in the middle",
        Flag::Confidence => "low confidence",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_names_the_words_concerned() {
        let translation = Translation {
            source: "Am 3. Mai kam er nicht.".to_owned(),
            target: "On May 5 he came.".to_owned(),
            findings: vec![
                Finding {
                    flag: Flag::Number,
                    source: vec![Span::new(3, 5), Span::new(6, 9)],
                    target: vec![Span::new(7, 8)],
                },
                Finding {
                    flag: Flag::Negation,
                    source: vec![Span::new(17, 23)],
                    target: Vec::new(),
                },
                Flag::End.into(),
            ],
            ..Translation::default()
        };
        let expected = [
            "number, date or unit differs: 3. Mai → 5",
            "negation lost: nicht.",
            "ends in the middle",
        ];
        assert_eq!(notes(&translation), expected);
    }
}
