//! `pytorch_model.bin` as torch 1.6 and later write it: a zip archive with
//! the state dict's pickle in `NAME/data.pkl`, each storage in
//! `NAME/data/KEY`, and, since torch 2.1, `little` in `NAME/byteorder`.

use super::pickle::unpickle;
use super::state_dict::{self, Storage};
use super::zip_directory::Directory;
use super::{Fault, Layouts};

/// Every tensor of a zipped torch file.
pub(super) fn layouts(file: &[u8]) -> Result<Layouts, Fault> {
    let directory = Directory::read(file)?;
    let folder = folder(&directory)?;
    let find = |name: &str| directory.get(&format!("{folder}{name}"));

    if let Some(range) = find("byteorder") {
        match &file[range] {
            b"little" => {}
            b"big" => return Err("is big-endian, which is not supported".into()),
            _ => return Err("does not say its byte order".into()),
        }
    }
    let bytes = &file[find("data.pkl").ok_or("has no data.pkl")?];
    let pickle = unpickle(bytes).map_err(|reason| format!("data.pkl: {reason}"))?;
    if pickle.len != bytes.len() {
        return Err("data.pkl goes on after its end".into());
    }
    let locate = |storage: &Storage<'_>| {
        let entry = format!("data/{}", storage.key);
        let range =
            find(&entry).ok_or_else(|| format!("has its numbers in {entry}, which is missing"))?;
        if storage.byte_len() != Some(range.len()) {
            return Err(format!(
                "has its numbers in {entry}, {} bytes for {} elements of {}",
                range.len(),
                storage.count,
                storage.element.size()
            ));
        }
        Ok(range)
    };
    state_dict::layouts(&pickle, locate, file.len())
}

/// The archive's one folder, with its slash; torch names it after the file.
fn folder(directory: &Directory) -> Result<&str, Fault> {
    let mut pickles = directory
        .names()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|folder| folder.ends_with('/'));
    match (pickles.next(), pickles.next()) {
        (Some(folder), None) => Ok(folder),
        (None, _) => Err("is a zip archive without data.pkl, not a PyTorch file".into()),
        (Some(_), Some(_)) => Err("has more than one data.pkl".into()),
    }
}
