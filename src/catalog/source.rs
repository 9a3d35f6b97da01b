//! What a user means by `--model`.

use std::path::{Path, PathBuf};

use super::{Catalog, ModelSpec};
use crate::Result;
use crate::hub::{RemoteModel, RepoId};

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelSource {
    /// A model of the catalogue: on the Hub if its manifest names a
    /// repository, else built in.
    Catalog(Box<ModelSpec>),
    /// A repository of the Hub that no manifest describes.
    Repo(RemoteModel),
    /// A folder on this disk.
    Folder(PathBuf),
}

impl ModelSource {
    /// Reads what the user typed: a name of the catalogue, a folder that
    /// exists, or `owner/name` on the Hub. A path that can only be one
    /// (`./model`, `/model`) is a folder even if it does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownModel`](crate::Error::UnknownModel), with the most
    /// similar name of the catalogue.
    pub fn parse(text: &str, catalog: &Catalog) -> Result<Self> {
        if let Some(spec) = catalog.get(text) {
            return Ok(Self::Catalog(Box::new(spec.clone())));
        }
        let path = Path::new(text);
        let only_a_path = path.is_absolute() || text.starts_with('.');
        if only_a_path || path.is_dir() {
            return Ok(Self::Folder(path.to_path_buf()));
        }
        match text.parse::<RepoId>() {
            Ok(repo) => Ok(catalog.by_repo(&repo).map_or_else(
                || Self::Repo(RemoteModel::new(repo)),
                |spec| Self::Catalog(Box::new(spec.clone())),
            )),
            Err(error) if text.contains('/') => Err(error.into()),
            Err(_) => catalog
                .find(text)
                .map(|spec| Self::Catalog(Box::new(spec.clone()))),
        }
    }
}

impl Catalog {
    /// The manifest that describes a repository, so that tags and licence are
    /// known by either name.
    fn by_repo(&self, repo: &RepoId) -> Option<&ModelSpec> {
        let describes = |spec: &&ModelSpec| spec.remote().is_some_and(|model| model.repo == *repo);
        self.models.iter().find(describes)
    }
}
