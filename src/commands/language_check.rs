//! Whether the input is in the language that is translated.

use dolmetsch::source_language::{OtherLanguage, SourceLanguage};
use dolmetsch::translation::{Finding, Flag};
use dolmetsch::{Document, Language, Translation};

/// Warns of text in another language than the one that is translated.
pub(super) struct LanguageCheck {
    expected: Language,
    source: SourceLanguage,
    /// Whether the user knows of this input.
    warned: bool,
}

impl LanguageCheck {
    pub(super) fn new(expected: Language) -> Self {
        Self {
            expected,
            source: SourceLanguage::new(expected),
            warned: false,
        }
    }

    /// For each sentence of a part the other language that it is in.
    pub(super) fn part(&mut self, name: &str, part: &Document) -> Vec<Option<OtherLanguage>> {
        let others = self.source.others(part);
        let first = others.iter().position(Option::is_some);
        if let Some((index, other)) = first.and_then(|index| Some((index, others[index]?)))
            && !self.warned
        {
            self.warned = true;
            tracing::warn!(
                "{name}: what starts at byte {} looks like {}, but is translated from `{}` (such sentences have the flag `language`)",
                part.source_span(index).start,
                other.name.unwrap_or("another language"),
                self.expected,
            );
        }
        others
    }
}

/// Adds the flag to the translations (of each target) of sentences in other
/// languages.
pub(super) fn flag_languages(
    translations: &mut [Vec<Translation>],
    others: &[Option<OtherLanguage>],
) {
    for of_target in translations {
        for (translation, other) in of_target.iter_mut().zip(others) {
            if other.is_some() && !translation.flags().contains(&Flag::Language) {
                translation.findings.push(Finding::from(Flag::Language));
            }
        }
    }
}
