//! What a manifest says about a model.

use std::path::Path;

use serde::Deserialize;

use crate::Error;
use crate::hub::{HubError, RemoteModel, RepoId, Revision, check_file_name};
use crate::language::{Language, LanguagePair};
use crate::marian::AttentionHead;
use crate::tokenizer::Normalization;

/// Licences that a manifest may name, by their SPDX identifiers.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "LGPL-3.0-only",
    "MIT",
    "MPL-2.0",
];

/// A model of the catalogue.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// What users call it.
    pub name: String,
    /// `owner/name` on the Hub; none for the built-in model.
    repo: Option<String>,
    /// Branch, tag or commit; default `main`.
    revision: Option<String>,
    /// The weights file.
    pub weights: String,
    /// SHA-256 of the weights file, in hex, when the manifest pins it.
    pub sha256: Option<String>,
    /// SPDX identifier.
    pub licence: String,
    /// Bytes to download, about; none for the built-in model.
    pub size: Option<u64>,
    /// What its training text went through before `SentencePiece`.
    #[serde(default)]
    pub normalization: Normalization,
    /// The decoder's attention head that was trained to align words.
    pub guided_alignment: Option<AttentionHead>,
    /// What it translates; at least one.
    pub pairs: Vec<Pair>,
    /// Published scores.
    #[serde(default)]
    pub scores: Vec<Score>,
}

/// Languages that a model translates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The language of the text.
    pub source: Language,
    /// The language of the translation.
    pub target: Language,
    /// `>>vie<<`: the token that asks a model of several targets for this one.
    pub tag: Option<String>,
    /// Whether the model is used for this pair when the user names none.
    #[serde(default)]
    pub default: bool,
}

/// A published score.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// `de-en`.
    pub pair: String,
    /// `newstest2019`.
    pub test_set: String,
    /// From 0 to 100.
    pub bleu: f64,
    /// From 0 to 1, as opus-mt publishes it.
    pub chrf: f64,
    /// The page that publishes it.
    pub url: String,
}

impl Pair {
    /// Both languages.
    #[must_use]
    pub fn languages(&self) -> LanguagePair {
        LanguagePair::new(self.source, self.target)
    }
}

impl ModelSpec {
    /// Reads a manifest; `path` is for messages.
    ///
    /// # Errors
    ///
    /// [`Error::ModelFile`] saying what is wrong where.
    pub fn parse(path: &Path, text: &str) -> crate::Result<Self> {
        let spec: Self = toml::from_str(text)
            .map_err(|error| Error::model_file(path, error.to_string().trim_end()))?;
        spec.check()
            .map_err(|reason| Error::model_file(path, reason))?;
        Ok(spec)
    }

    /// Where to fetch it from; `None` for the built-in model.
    #[must_use]
    pub fn remote(&self) -> Option<RemoteModel> {
        self.parse_remote().ok().flatten()
    }

    /// What the manifest says about a pair, if the model translates it.
    #[must_use]
    pub fn pair(&self, languages: LanguagePair) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.languages() == languages)
    }

    fn parse_remote(&self) -> Result<Option<RemoteModel>, HubError> {
        let Some(repo) = &self.repo else {
            return Ok(None);
        };
        let repo: RepoId = repo.parse()?;
        let revision = match &self.revision {
            Some(revision) => revision.parse()?,
            None => Revision::default(),
        };
        Ok(Some(RemoteModel::new(repo).named(
            &self.name,
            revision,
            &self.weights,
            self.sha256.clone(),
        )))
    }

    fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return Err(format!(
                "name `{}` is not letters, digits, `-_.`",
                self.name
            ));
        }
        self.parse_remote().map_err(|error| error.to_string())?;
        check_file_name(&self.weights).map_err(|error| error.to_string())?;
        if !LICENCES.contains(&self.licence.as_str()) {
            return Err(format!(
                "licence `{}` is not one of {}",
                self.licence,
                LICENCES.join(", ")
            ));
        }
        let is_sha256 =
            |hex: &String| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        if !self.sha256.iter().all(is_sha256) {
            return Err("sha256 is not 64 hex digits".to_owned());
        }
        if self.pairs.is_empty() {
            return Err("pairs is empty".to_owned());
        }
        self.pairs.iter().try_for_each(Pair::check)?;
        self.scores
            .iter()
            .try_for_each(|score| self.check_score(score))
    }

    fn check_score(&self, score: &Score) -> Result<(), String> {
        let of_pair = |pair: &Pair| score.pair == format!("{}-{}", pair.source, pair.target);
        if !self.pairs.iter().any(of_pair) {
            return Err(format!("a score is for {}, which is no pair", score.pair));
        }
        if !(0.0..=100.0).contains(&score.bleu) || !(0.0..=1.0).contains(&score.chrf) {
            return Err(format!("the scores on {} cannot be", score.test_set));
        }
        let url: Option<ureq::http::Uri> = score.url.parse().ok();
        let valid =
            |url: &ureq::http::Uri| url.scheme_str() == Some("https") && url.host().is_some();
        if url.as_ref().is_some_and(valid) {
            Ok(())
        } else {
            Err(format!("`{}` is not an https URL", score.url))
        }
    }
}

impl Pair {
    fn check(&self) -> Result<(), String> {
        let is_tag = |tag: &String| {
            let inner = tag
                .strip_prefix(">>")
                .and_then(|tag| tag.strip_suffix("<<"));
            inner.is_some_and(|code| {
                code.len() >= 2 && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            })
        };
        match &self.tag {
            Some(tag) if !is_tag(tag) => Err(format!("tag `{tag}` does not look like `>>vie<<`")),
            _ if self.source == self.target => {
                Err(format!("a pair translates {} into itself", self.source))
            }
            _ => Ok(()),
        }
    }
}
