//! The known models: one manifest each in `models/*.toml`, and the user's own.

mod manifest;
mod source;

use std::path::{Path, PathBuf};

pub use manifest::{GuidedAlignment, ModelSpec, Normalization, Pair, Score};
pub use source::ModelSource;

use crate::language::LanguagePair;
use crate::{Error, Result};

/// The manifests that come with the program.
const MANIFESTS: &[(&str, &str)] = &[
    (
        "opus-mt-de-en.toml",
        include_str!("../models/opus-mt-de-en.toml"),
    ),
    (
        "opus-mt-de-vi.toml",
        include_str!("../models/opus-mt-de-vi.toml"),
    ),
    (
        "opus-mt-en-vi.toml",
        include_str!("../models/opus-mt-en-vi.toml"),
    ),
    (
        "opus-mt-tc-bible-big-deu_eng_fra_por_spa-aav.toml",
        include_str!("../models/opus-mt-tc-bible-big-deu_eng_fra_por_spa-aav.toml"),
    ),
    ("builtin.toml", include_str!("../models/builtin.toml")),
];

/// A name is offered as a correction from this Jaro-Winkler similarity on.
const SIMILAR: f64 = 0.75;

/// The largest manifest worth reading.
const LARGEST_MANIFEST: u64 = 1 << 20;

/// The known models.
#[derive(Debug, Clone)]
pub struct Catalog {
    models: Vec<ModelSpec>,
}

impl Catalog {
    /// The manifests that come with the program, and those of the user's
    /// config folder: `DOLMETSCH_CONFIG_DIR/models`, else `dolmetsch/models`
    /// where the platform keeps settings (`~/.config` on Linux). A manifest of
    /// the user's replaces one of the same name.
    ///
    /// # Errors
    ///
    /// When a manifest of the user's cannot be read, or says something that
    /// cannot be.
    pub fn load() -> Result<Self> {
        let mut catalog = Self::embedded()?;
        if let Some(folder) = config_folder() {
            catalog.add_folder(&folder.join("models"))?;
        }
        Ok(catalog)
    }

    /// The manifests that come with the program.
    ///
    /// # Errors
    ///
    /// None in a program whose tests have passed.
    pub fn embedded() -> Result<Self> {
        let parse = |(name, text): &(&str, &str)| ModelSpec::parse(Path::new(name), text);
        Ok(Self {
            models: MANIFESTS.iter().map(parse).collect::<Result<_>>()?,
        })
    }

    /// Adds the manifests `*.toml` of a folder, which need not exist.
    ///
    /// # Errors
    ///
    /// As [`Catalog::load`].
    pub fn add_folder(&mut self, folder: &Path) -> Result<()> {
        if !folder.is_dir() {
            return Ok(());
        }
        let entries = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::io("read", folder))?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                paths.push(path);
            }
        }
        paths.sort();
        for path in paths {
            let size = path.metadata().map_err(Error::io("read", &path))?.len();
            if size > LARGEST_MANIFEST {
                return Err(Error::model_file(&path, "too large for a manifest"));
            }
            let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
            self.add(ModelSpec::parse(&path, &text)?);
        }
        Ok(())
    }

    fn add(&mut self, spec: ModelSpec) {
        match self.models.iter_mut().find(|model| model.name == spec.name) {
            Some(model) => *model = spec,
            None => self.models.push(spec),
        }
    }

    /// All models.
    #[must_use]
    pub fn models(&self) -> &[ModelSpec] {
        &self.models
    }

    /// The model of that name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownModel`], with the most similar name.
    pub fn find(&self, name: &str) -> Result<&ModelSpec> {
        self.get(name).ok_or_else(|| {
            let suggestion = self.most_similar(name).map_or_else(
                || "`dolmetsch models list` shows the known ones".to_owned(),
                |similar| format!("did you mean `{similar}`?"),
            );
            Error::UnknownModel(format!("no model is called `{name}` ({suggestion})"))
        })
    }

    fn get(&self, name: &str) -> Option<&ModelSpec> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The model to use for a pair of languages when the user names none.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownModel`] naming the pairs that have one.
    pub fn default_for(&self, pair: LanguagePair) -> Result<&ModelSpec> {
        let is_default = |model: &&ModelSpec| model.pair(pair).is_some_and(|pair| pair.default);
        // The user's manifests come last, and what they say goes.
        self.models.iter().rfind(is_default).ok_or_else(|| {
            let mut pairs: Vec<String> = self
                .models
                .iter()
                .flat_map(|model| &model.pairs)
                .filter(|pair| pair.default)
                .map(|pair| pair.languages().to_string())
                .collect();
            pairs.dedup();
            Error::UnknownModel(format!(
                "no default model translates {pair} (there is one for {}; name another with --model)",
                pairs.join(", ")
            ))
        })
    }

    fn most_similar(&self, name: &str) -> Option<&str> {
        let similarity = |model: &ModelSpec| {
            let full = strsim::jaro_winkler(name, &model.name);
            // `de-en` for `opus-mt-de-en`.
            if model.name.ends_with(name) {
                1.0
            } else {
                full
            }
        };
        self.models
            .iter()
            .map(|model| (similarity(model), model.name.as_str()))
            .filter(|(similarity, _)| *similarity >= SIMILAR && !name.is_empty())
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name)
    }
}

fn config_folder() -> Option<PathBuf> {
    match std::env::var_os("DOLMETSCH_CONFIG_DIR") {
        Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder)),
        _ => Some(dirs::config_dir()?.join("dolmetsch")),
    }
}
