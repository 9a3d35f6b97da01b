//! What a state dict's pickle says about its tensors and their storages.

use std::collections::BTreeMap;
use std::ops::Range;

use super::layout::{Element, Layout, MAX_RANK};
use super::pickle::{Global, Items, Unpickled, Value};
use super::{Fault, Layouts};

/// A storage: numbers of one kind in a row, shared by any number of tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage<'a> {
    /// The storage's name in the file.
    pub(super) key: &'a str,
    pub(super) element: Element,
    /// Elements in the storage.
    pub(super) count: usize,
}

impl Storage<'_> {
    /// The bytes it takes, or nothing when that overflows.
    pub(super) fn byte_len(&self) -> Option<usize> {
        self.count.checked_mul(self.element.size())
    }
}

/// A tensor of a state dict, a view of a storage.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) storage: Storage<'a>,
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

/// The tensors of a pickled state dict, one at a time.
pub(super) fn entries<'p, 'a>(
    pickle: &'p Unpickled<'a>,
) -> Result<impl Iterator<Item = Result<Entry<'a>, Fault>> + use<'p, 'a>, Fault> {
    let pairs = pickle
        .dict(pickle.root)
        .ok_or("does not contain a dictionary of tensors")?;
    Ok(pairs.iter().map(|&[name, value]| {
        let Value::Str(name) = name else {
            return Err("has a tensor whose name is no string".into());
        };
        entry(pickle, name, value).map_err(|reason| Fault::of(name, reason))
    }))
}

/// Gives every tensor its place in a file of `file_len` bytes; `locate` says
/// where a storage lies.
pub(super) fn layouts(
    pickle: &Unpickled<'_>,
    locate: impl Fn(&Storage<'_>) -> Result<Range<usize>, String>,
    file_len: usize,
) -> Result<Layouts, Fault> {
    let mut layouts = Layouts::new();
    let mut storages: BTreeMap<&str, Storage<'_>> = BTreeMap::new();
    for entry in entries(pickle)? {
        let entry = entry?;
        let (name, storage) = (entry.name, entry.storage);
        let fault = |reason| Fault::of(name, reason);
        if *storages.entry(storage.key).or_insert(storage) != storage {
            return Err(fault(format!(
                "describes storage {} otherwise than an earlier tensor",
                storage.key
            )));
        }
        let range = locate(&storage).map_err(fault)?;
        let layout = Layout::new(
            storage.element,
            entry.shape,
            entry.strides,
            range,
            entry.offset,
            file_len,
        )
        .map_err(fault)?;
        if layouts.insert(name.to_owned(), layout).is_some() {
            return Err(fault("is there twice".into()));
        }
    }
    Ok(layouts)
}

/// Reads `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad,
/// hooks[, metadata])`.
fn entry<'a>(pickle: &Unpickled<'a>, name: &'a str, value: Value<'a>) -> Result<Entry<'a>, String> {
    let Value::Tensor(arguments) = value else {
        return Err("is not a tensor".into());
    };
    let &[
        Value::Storage(storage),
        Value::Int(offset),
        Value::Tuple(shape),
        Value::Tuple(strides),
        ..,
    ] = pickle.items(arguments)
    else {
        return Err("is not described as torch does".into());
    };
    Ok(Entry {
        name,
        storage: self::storage(pickle, storage)?,
        offset: size(offset)?,
        shape: sizes(pickle, shape)?,
        strides: sizes(pickle, strides)?,
    })
}

/// Reads `('storage', type, key, location, count)`; the older format adds a
/// view into another storage, which no torch since 0.4 has written.
fn storage<'a>(pickle: &Unpickled<'a>, items: Items) -> Result<Storage<'a>, String> {
    match *pickle.items(items) {
        [
            Value::Str("storage"),
            Value::Global(Global::Storage(element)),
            Value::Str(key),
            Value::Str(_),
            Value::Int(count),
        ]
        | [
            Value::Str("storage"),
            Value::Global(Global::Storage(element)),
            Value::Str(key),
            Value::Str(_),
            Value::Int(count),
            Value::None,
        ] => Ok(Storage {
            key,
            element,
            count: size(count)?,
        }),
        [Value::Str("storage"), _, _, _, _, Value::Tuple(_)] => {
            Err("is in a storage that is a view, which is not supported".into())
        }
        _ => Err("has a storage that is not described as torch does".into()),
    }
}

fn sizes(pickle: &Unpickled<'_>, items: Items) -> Result<Vec<usize>, String> {
    let items = pickle.items(items);
    // Before copying: many tensors may share one long tuple.
    if items.len() > MAX_RANK {
        return Err(format!("has {} dimensions", items.len()));
    }
    let sizes = items.iter().map(|&item| match item {
        Value::Int(number) => size(number),
        _ => Err("has a size that is no whole number".into()),
    });
    sizes.collect()
}

fn size(number: i64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| format!("has an impossible size of {number}"))
}
