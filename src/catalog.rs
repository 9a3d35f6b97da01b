//! The known models: one manifest each in `models/*.toml`, and the user's own.

mod manifest;
mod source;

use std::path::{Path, PathBuf};

pub use manifest::{ModelSpec, Pair, Score};
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

/// Where the user's settings are: `DOLMETSCH_CONFIG_DIR`, else `dolmetsch` in the
/// platform's folder for settings (`~/.config` on Linux); `None` without a home.
#[must_use]
pub fn config_folder() -> Option<PathBuf> {
    match std::env::var_os("DOLMETSCH_CONFIG_DIR") {
        Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder)),
        _ => Some(dirs::config_dir()?.join("dolmetsch")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::RemoteModel;
    use crate::language::Language;

    const DE_EN: LanguagePair = LanguagePair::new(Language::DE, Language::EN);
    const DE_VI: LanguagePair = LanguagePair::new(Language::DE, Language::VI);
    const EN_VI: LanguagePair = LanguagePair::new(Language::EN, Language::VI);

    /// A valid manifest, with one line replaced.
    fn manifest(old: &str, new: &str) -> Result<ModelSpec> {
        let (_, text) = MANIFESTS[2];
        assert!(text.contains(old), "{old}");
        ModelSpec::parse(Path::new("my.toml"), &text.replace(old, new))
    }

    #[test]
    fn every_manifest_in_the_folder_is_embedded_and_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        files.sort();
        let mut embedded: Vec<&str> = MANIFESTS.iter().map(|(name, _)| *name).collect();
        embedded.sort_unstable();
        assert_eq!(files, embedded);

        // Parsing checks licence, tags, addresses, names and scores.
        let catalog = Catalog::embedded().expect("all are valid");
        for (spec, (file, _)) in catalog.models().iter().zip(MANIFESTS) {
            assert_eq!(format!("{}.toml", spec.name), *file);
            let builtin = spec.name == "builtin";
            assert_eq!(spec.remote().is_none(), builtin, "{}", spec.name);
            assert_eq!(spec.scores.is_empty(), builtin, "{}", spec.name);
            // opus-mt writes a target's ISO 639-3 code in its tag.
            for tag in spec.pairs.iter().filter(|pair| pair.tag.is_some()) {
                let code = tag.target.iso639_3().expect("a known language");
                assert_eq!(tag.tag.as_deref(), Some(format!(">>{code}<<").as_str()));
            }
        }
    }

    #[test]
    fn pairs_have_their_default_models_and_tags() {
        let catalog = Catalog::embedded().expect("all are valid");
        for (pair, name, tag) in [
            (DE_EN, "opus-mt-de-en", None),
            (DE_VI, "opus-mt-de-vi", None),
            (EN_VI, "opus-mt-en-vi", Some(">>vie<<")),
        ] {
            let spec = catalog.default_for(pair).expect("a default");
            assert_eq!(spec.name, name);
            assert_eq!(spec.pair(pair).and_then(|pair| pair.tag.as_deref()), tag);
        }
        let builtin = catalog.find("builtin").expect("it is known");
        assert!(
            [DE_EN, DE_VI, EN_VI]
                .iter()
                .all(|pair| builtin.pair(*pair).is_some())
        );

        let back = LanguagePair::new(Language::EN, Language::DE);
        let error = catalog.default_for(back).expect_err("none").to_string();
        assert!(
            error.contains("en→de") && error.contains("de→en, de→vi, en→vi"),
            "{error}"
        );
    }

    #[test]
    fn slips_of_the_hand_are_corrected() {
        let catalog = Catalog::embedded().expect("all are valid");
        for (name, suggestion) in [
            ("opus-mt-de-ne", "did you mean `opus-mt-de-en`?"),
            ("opus_mt_de_vi", "did you mean `opus-mt-de-vi`?"),
            ("de-vi", "did you mean `opus-mt-de-vi`?"),
            ("bultin", "did you mean `builtin`?"),
            ("zzz", "`dolmetsch models list`"),
            ("", "`dolmetsch models list`"),
        ] {
            let error = catalog.find(name).expect_err(name).to_string();
            assert!(error.contains(suggestion), "{error}");
        }
    }

    #[test]
    fn manifests_that_cannot_be_are_refused_with_the_reason() {
        manifest("vie", "vie").expect("unchanged, it is valid");
        for (old, new, reason) in [
            ("Apache-2.0", "Apache 2", "licence `Apache 2`"),
            (">>vie<<", "vie", "tag `vie`"),
            (">>vie<<", ">>v i<<", "tag `>>v i<<`"),
            ("https://hugging", "http://hugging", "is not an https URL"),
            ("Helsinki-NLP/", "../", "cannot be a repository"),
            ("\"main\"", "\"../x\"", "cannot be a revision"),
            ("pytorch_model.bin", "../x.bin", "cannot be a file name"),
            ("\"en-vi\"", "\"en-de\"", "which is no pair"),
            ("37.2", "372", "cannot be"),
            ("\"en\"", "\"vi\"", "into itself"),
            ("\"en\"", "\"vn\"", "did you mean `vi`?"),
            ("size =", "bytes =", "unknown field `bytes`"),
            ("size =", "sha256 = \"12\"\nsize =", "64 hex digits"),
            ("name =", "nam =", "nam"),
        ] {
            let error = manifest(old, new).expect_err(new).to_string();
            assert!(
                error.contains("my.toml") && error.contains(reason),
                "{error}"
            );
        }
    }

    #[test]
    fn a_manifest_of_the_user_adds_to_the_catalogue_and_replaces_its_namesake() -> Result<()> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut catalog = Catalog::embedded()?;
        let known = catalog.models().len();
        catalog.add_folder(&folder.path().join("nothing"))?;
        let mine = MANIFESTS[0]
            .1
            .replace("name = \"opus-mt-de-en\"", "name = \"mine\"");
        let changed = MANIFESTS[1].1.replace("\"main\"", "\"v2\"");
        for (file, text) in [
            ("mine.toml", mine),
            ("x.toml", changed),
            ("x.txt", String::new()),
        ] {
            std::fs::write(folder.path().join(file), text).expect("a file");
        }
        catalog.add_folder(folder.path())?;
        assert_eq!(catalog.models().len(), known + 1);
        assert_eq!(catalog.default_for(DE_EN)?.name, "mine");
        let remote = catalog
            .find("opus-mt-de-vi")?
            .remote()
            .expect("a repository");
        assert_eq!(remote.revision.as_str(), "v2");

        std::fs::write(folder.path().join("bad.toml"), "name =").expect("a file");
        let error = catalog.add_folder(folder.path()).expect_err("no manifest");
        assert!(error.to_string().contains("bad.toml"), "{error}");
        Ok(())
    }

    #[test]
    fn a_model_is_named_by_catalogue_repository_or_folder() -> Result<()> {
        let catalog = Catalog::embedded()?;
        let parse = |text: &str| ModelSource::parse(text, &catalog);
        let known = catalog.find("opus-mt-de-en")?;
        let from_catalog = ModelSource::Catalog(Box::new(known.clone()));
        assert_eq!(parse("opus-mt-de-en")?, from_catalog);
        assert_eq!(parse("Helsinki-NLP/opus-mt-de-en")?, from_catalog);
        let repo = RemoteModel::new("Helsinki-NLP/opus-mt-fr-en".parse()?);
        assert_eq!(
            parse("Helsinki-NLP/opus-mt-fr-en")?,
            ModelSource::Repo(repo)
        );
        for folder in ["/nowhere", "./x", "..", "src"] {
            assert_eq!(parse(folder)?, ModelSource::Folder(PathBuf::from(folder)));
        }
        assert!(parse("opus-mt-de").is_err());
        assert!(parse("a/b/c").is_err());
        Ok(())
    }
}
