//! `pytorch_model.bin` as torch before 1.6 wrote it: a stream of five pickles
//! (a magic number, the protocol, the writing machine, the state dict, the
//! storages' keys), then each storage's length and numbers in that order.
//!
//! `torch.save(…, _use_new_zipfile_serialization=False)` still writes it; the
//! reference is `_legacy_load` in torch's `serialization.py`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::pickle::{Unpickled, Value, unpickle};
use super::state_dict::{self, Entry, Storage};
use super::{Fault, Layouts};

/// 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: &[u8] = b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
const PROTOCOL: i64 = 1001;

/// Every tensor of a legacy torch file.
pub(super) fn layouts(file: &[u8]) -> Result<Layouts, Fault> {
    let mut at = 0;
    let mut next = |part| -> Result<Unpickled<'_>, String> {
        let pickle = unpickle(&file[at..]).map_err(|reason| format!("{part}: {reason}"))?;
        at += pickle.len;
        Ok(pickle)
    };
    if next("magic number")?.root != Value::BigInt(MAGIC) {
        return Err("is a pickle, but not one that torch wrote".into());
    }
    if next("protocol")?.root != Value::Int(PROTOCOL) {
        return Err(format!("is not of torch's protocol {PROTOCOL}").into());
    }
    check_machine(&next("system information")?)?;
    let tensors = next("state dict")?;
    let keys = next("storage keys")?;

    let ranges = storage_ranges(file, at, &tensors, &keys)?;
    let locate = |storage: &Storage<'_>| {
        let range = ranges.get(storage.key).cloned();
        range.ok_or_else(|| {
            format!(
                "has its numbers in storage {}, which is missing",
                storage.key
            )
        })
    };
    state_dict::layouts(&tensors, locate, file.len())
}

fn check_machine(system: &Unpickled<'_>) -> Result<(), String> {
    let pairs = system.dict(system.root).unwrap_or_default();
    let little_endian = pairs
        .iter()
        .find(|[key, _]| *key == Value::Str("little_endian"));
    match little_endian {
        Some([_, Value::Bool(true)]) => Ok(()),
        Some([_, Value::Bool(false)]) => Err("is big-endian, which is not supported".into()),
        _ => Err("does not say its byte order".into()),
    }
}

/// Where each storage lies, walking over them to the end of the file.
fn storage_ranges<'a>(
    file: &[u8],
    mut at: usize,
    tensors: &Unpickled<'a>,
    keys: &Unpickled<'a>,
) -> Result<BTreeMap<&'a str, Range<usize>>, Fault> {
    // The first tensor of each storage, for its size and for messages.
    let mut users = BTreeMap::new();
    for entry in state_dict::entries(tensors)? {
        let Entry { name, storage, .. } = entry?;
        users.entry(storage.key).or_insert((name, storage));
    }
    let mut ranges = BTreeMap::new();
    for &key in keys.list(keys.root).ok_or("has no list of storages")? {
        let Value::Str(key) = key else {
            return Err("has a storage whose key is no string".into());
        };
        let (name, storage) = users
            .get(key)
            .ok_or_else(|| format!("has storage {key}, which no tensor uses"))?;
        let range = storage_range(file, at, storage).map_err(|reason| Fault::of(name, reason))?;
        at = range.end;
        if ranges.insert(key, range).is_some() {
            return Err(format!("has storage {key} twice").into());
        }
    }
    if at != file.len() {
        return Err(format!("has {} bytes after the last storage", file.len() - at).into());
    }
    Ok(ranges)
}

/// The numbers of the storage that starts at `at` with its element count.
fn storage_range(file: &[u8], at: usize, storage: &Storage<'_>) -> Result<Range<usize>, String> {
    let rest = &file[at..];
    let Some((count, numbers)) = rest.split_first_chunk() else {
        return Err(format!(
            "storage {} is missing at the end (is the download complete?)",
            storage.key
        ));
    };
    let count = i64::from_le_bytes(*count);
    if usize::try_from(count) != Ok(storage.count) {
        return Err(format!(
            "storage {} has {count} elements, expected {}",
            storage.key, storage.count
        ));
    }
    match storage.byte_len() {
        Some(len) if len <= numbers.len() => {
            let start = file.len() - numbers.len();
            Ok(start..start + len)
        }
        _ => Err(format!(
            "storage {} of {count} elements is cut off, {} bytes are left (is the download complete?)",
            storage.key,
            numbers.len()
        )),
    }
}
