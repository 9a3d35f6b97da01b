//! Languages, and pairs of them.

use std::fmt;
use std::str::FromStr;

/// A language, by its BCP 47 code: `de`, `en`, `vi`, or any other code of two
/// or three letters that a model's manifest names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language {
    /// Lower-case ASCII letters, padded with zero bytes.
    code: [u8; 3],
}

/// A language that users may also name by its ISO 639 codes or in words.
struct Known {
    language: Language,
    iso639_3: &'static str,
    /// What its speakers call it.
    own_name: &'static str,
    /// What else means this language without doubt.
    names: &'static [&'static str],
    /// What people type when they mean this language but name something else,
    /// such as the country.
    slips: &'static [&'static str],
}

const KNOWN: &[Known] = &[
    Known {
        language: Language::DE,
        iso639_3: "deu",
        own_name: "Deutsch",
        names: &["ger", "german", "deutsch"],
        slips: &["at", "ch", "ge"],
    },
    Known {
        language: Language::EN,
        iso639_3: "eng",
        own_name: "English",
        names: &["english", "englisch"],
        slips: &["gb", "us", "uk"],
    },
    Known {
        language: Language::VI,
        iso639_3: "vie",
        own_name: "Tiếng Việt",
        names: &["vietnamese", "vietnamesisch"],
        slips: &["vn", "vt"],
    },
];

/// A name is offered as a correction from this Jaro-Winkler similarity on.
const SIMILAR: f64 = 0.8;

impl Language {
    /// German.
    pub const DE: Self = Self { code: *b"de\0" };
    /// English.
    pub const EN: Self = Self { code: *b"en\0" };
    /// Vietnamese.
    pub const VI: Self = Self { code: *b"vi\0" };

    /// The BCP 47 code: `de`.
    #[must_use]
    pub fn code(&self) -> &str {
        let length = self.code.iter().position(|&b| b == 0).unwrap_or(3);
        std::str::from_utf8(&self.code[..length]).unwrap_or_default()
    }

    /// The ISO 639-3 code that opus-mt puts in its target tokens: `deu`.
    /// `None` for a language that is not known by name here.
    #[must_use]
    pub fn iso639_3(&self) -> Option<&'static str> {
        let known = KNOWN.iter().find(|known| known.language == *self)?;
        Some(known.iso639_3)
    }

    /// What its speakers call it: `Deutsch`; the code of a language that is not
    /// known by name here.
    #[must_use]
    pub fn own_name(&self) -> &str {
        let known = KNOWN.iter().find(|known| known.language == *self);
        known.map_or_else(|| self.code(), |known| known.own_name)
    }

    fn from_code(code: &str) -> Option<Self> {
        let bytes = code.as_bytes();
        let valid = matches!(bytes.len(), 2 | 3) && bytes.iter().all(u8::is_ascii_lowercase);
        valid.then(|| {
            let mut padded = [0; 3];
            padded[..bytes.len()].copy_from_slice(bytes);
            Self { code: padded }
        })
    }
}

/// Text that names no language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a language code{}", suggestion.map_or_else(
    || " (give two letters, such as `de`, `en` or `vi`)".to_owned(),
    |language| format!("; did you mean `{language}`?"),
))]
pub struct ParseLanguageError {
    text: String,
    suggestion: Option<Language>,
}

impl FromStr for Language {
    type Err = ParseLanguageError;

    /// Reads a BCP 47 or ISO 639-3 code, or the language's name in English or
    /// German, in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.trim().to_lowercase();
        let named = |known: &&Known| {
            word == known.language.code()
                || word == known.iso639_3
                || known.names.contains(&word.as_str())
        };
        if let Some(known) = KNOWN.iter().find(named) {
            return Ok(known.language);
        }
        let slip = KNOWN
            .iter()
            .find(|known| known.slips.contains(&word.as_str()))
            .map(|known| known.language);
        match Self::from_code(&word) {
            Some(language) if slip.is_none() => Ok(language),
            _ => Err(ParseLanguageError {
                text: text.to_owned(),
                suggestion: slip.or_else(|| most_similar(&word)),
            }),
        }
    }
}

fn most_similar(word: &str) -> Option<Language> {
    KNOWN
        .iter()
        .flat_map(|known| known.names.iter().map(|name| (*name, known.language)))
        .map(|(name, language)| (strsim::jaro_winkler(word, name), language))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, language)| language)
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({})", self.code())
    }
}

impl<'de> serde::Deserialize<'de> for Language {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        code.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for Language {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// The direction of a translation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LanguagePair {
    /// The language of the text.
    pub source: Language,
    /// The language of the translation.
    pub target: Language,
}

impl LanguagePair {
    /// From `source` into `target`.
    #[must_use]
    pub const fn new(source: Language, target: Language) -> Self {
        Self { source, target }
    }
}

impl fmt::Display for LanguagePair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→{}", self.source, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_read_from_codes_and_names() {
        for (text, language) in [
            ("de", Language::DE),
            ("DE", Language::DE),
            ("deu", Language::DE),
            ("ger", Language::DE),
            ("Deutsch", Language::DE),
            ("eng", Language::EN),
            (" english ", Language::EN),
            ("vie", Language::VI),
            ("Vietnamese", Language::VI),
        ] {
            assert_eq!(text.parse(), Ok(language), "{text}");
        }
    }

    #[test]
    fn an_unlisted_code_is_a_language_and_keeps_its_letters() {
        let language: Language = "fra".parse().expect("three letters");
        assert_eq!(language.code(), "fra");
        assert_eq!(language.to_string(), "fra");
        assert_eq!(language.iso639_3(), None);
    }

    #[test]
    fn mistaken_languages_are_refused_with_a_suggestion() {
        for (text, expected) in [
            ("vn", "`vn` is not a language code; did you mean `vi`?"),
            (
                "vietnameese",
                "`vietnameese` is not a language code; did you mean `vi`?",
            ),
            ("engl", "`engl` is not a language code; did you mean `en`?"),
            (
                "d",
                "`d` is not a language code (give two letters, such as `de`, `en` or `vi`)",
            ),
            (
                "",
                "`` is not a language code (give two letters, such as `de`, `en` or `vi`)",
            ),
            (
                "d/",
                "`d/` is not a language code (give two letters, such as `de`, `en` or `vi`)",
            ),
        ] {
            let error = text.parse::<Language>().expect_err(text);
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn known_languages_have_the_codes_of_opus_mt_tags() {
        assert_eq!(Language::VI.iso639_3(), Some("vie"));
        assert_eq!(Language::EN.iso639_3(), Some("eng"));
        assert_eq!(
            LanguagePair::new(Language::DE, Language::VI).to_string(),
            "de→vi"
        );
    }
}
