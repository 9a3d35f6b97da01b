//! A server, an empty cache, and what a healthy run must leave in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dolmetsch::Error;
use dolmetsch::hub::{Hub, HubErrorKind, HubOptions, ModelFiles, RemoteModel, Token};

use super::{COMMIT, FakeHub, REPO, WEIGHTS, hash};

pub(crate) const NEEDED: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "vocab.json",
    "source.spm",
    "target.spm",
    WEIGHTS,
];

pub(crate) struct Setup {
    pub(crate) server: FakeHub,
    pub(crate) cache: tempfile::TempDir,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            server: FakeHub::start(),
            cache: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn options(&self) -> HubOptions {
        let mut options = HubOptions::new(self.cache.path().to_path_buf());
        options.endpoint.clone_from(&self.server.endpoint);
        options.token = Some(Token::new("hf_secret"));
        options.timeout = Duration::from_millis(400);
        options.backoff = Duration::from_millis(5);
        options
    }

    pub(crate) fn get(&self) -> Result<ModelFiles, Error> {
        get(self.options())
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.cache
            .path()
            .join("models--Helsinki-NLP--opus-mt-de-en")
    }

    pub(crate) fn blob(&self, file: &str) -> PathBuf {
        self.repo()
            .join("blobs")
            .join(hash(file, &self.server.bytes(file)))
    }

    pub(crate) fn partial(&self, file: &str) -> PathBuf {
        let hash = hash(file, &self.server.bytes(file));
        self.repo().join("blobs").join(format!("{hash}.incomplete"))
    }

    /// A healthy run ends with exactly the files that are needed, in Python's
    /// layout, with the right bytes, and nothing left over.
    pub(crate) fn assert_healthy_run_completes(&self, context: &str) {
        self.server.heal();
        let files = self
            .get()
            .unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(files.name, REPO, "{context}");
        assert_eq!(files.revision.as_deref(), Some(COMMIT), "{context}");
        let snapshot = self.repo().join("snapshots").join(COMMIT);
        for file in NEEDED {
            let bytes = self.server.bytes(file);
            assert!(
                fs::read(snapshot.join(file)).expect(file) == bytes,
                "{context}: {file}"
            );
            let link = fs::read_link(snapshot.join(file)).expect("a link");
            let target = Path::new("../../blobs").join(hash(file, &bytes));
            assert_eq!(link, target, "{context}");
        }
        assert_eq!(names(&snapshot).len(), NEEDED.len(), "{context}");
        assert_eq!(
            names(&self.repo().join("blobs")).len(),
            NEEDED.len(),
            "{context}"
        );
        let main = fs::read_to_string(self.repo().join("refs/main")).expect("a ref");
        assert_eq!(main, COMMIT, "{context}");
    }
}

pub(crate) fn model() -> RemoteModel {
    RemoteModel::new(REPO.parse().expect("a repository"))
}

pub(crate) fn get(options: HubOptions) -> Result<ModelFiles, Error> {
    Hub::new(options)?.get(&model(), &mut |_| {})
}

pub(crate) fn kind(error: &Error) -> HubErrorKind {
    match error {
        Error::Hub(error) => error.kind(),
        other => panic!("not of the Hub: {other}"),
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}
