//! `model.safetensors`: a length, a JSON header, the numbers.
//!
//! The header's types are the `safetensors` crate's. Its own reader is not
//! used because it keeps the last of two tensors of the same name, does not
//! say which tensor is inconsistent, and buffers the header in a form many
//! times its size (serde's `flatten`).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use safetensors::tensor::{Dtype, TensorInfo};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::layout::{Element, Layout};
use super::{Fault, Layouts};

/// Where the header starts, after its length.
const HEADER: usize = 8;

/// Every tensor of a safetensors file.
pub(super) fn layouts(file: &[u8]) -> Result<Layouts, Fault> {
    let (length, rest) = file
        .split_first_chunk::<HEADER>()
        .ok_or("ends within its first eight bytes")?;
    let length = u64::from_le_bytes(*length);
    let header = usize::try_from(length)
        .ok()
        .and_then(|length| rest.get(..length))
        .ok_or_else(|| {
            format!("header of {length} bytes is longer than the file (is the download complete?)")
        })?;
    let data = HEADER + header.len();
    let header: Header =
        serde_json::from_slice(header).map_err(|error| format!("header is not valid: {error}"))?;

    let mut by_offset: Vec<_> = header.0.into_iter().collect();
    by_offset.sort_by_key(|(_, info)| info.data_offsets);
    let mut layouts = Layouts::new();
    let mut end = data;
    for (name, info) in by_offset {
        let (start, stop) = info.data_offsets;
        let stop = stop.checked_add(data).filter(|&stop| stop <= file.len());
        let Some(stop) = stop else {
            return Err(Fault::of(
                &name,
                format!(
                    "lies at {:?} of {} bytes (is the download complete?)",
                    info.data_offsets,
                    file.len() - data
                ),
            ));
        };
        // Neither gaps nor overlaps: each tensor starts where the last ended.
        if start != end - data || stop < end {
            return Err(Fault::of(
                &name,
                format!(
                    "lies at {:?}, expected to start at {}",
                    info.data_offsets,
                    end - data
                ),
            ));
        }
        let layout = element(info.dtype)
            .and_then(|element| Layout::contiguous(element, info.shape, end..stop, file.len()))
            .map_err(|reason| Fault::of(&name, reason))?;
        layouts.insert(name, layout);
        end = stop;
    }
    if end != file.len() {
        return Err(format!("has {} bytes after the last tensor", file.len() - end).into());
    }
    Ok(layouts)
}

fn element(dtype: Dtype) -> Result<Element, String> {
    Ok(match dtype {
        Dtype::F64 => Element::F64,
        Dtype::F32 => Element::F32,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        Dtype::I64 => Element::I64,
        Dtype::I32 => Element::I32,
        Dtype::I16 => Element::I16,
        Dtype::I8 => Element::I8,
        Dtype::U8 => Element::U8,
        Dtype::BOOL => Element::Bool,
        other => return Err(format!("has element type {other}, which is not supported")),
    })
}

/// The header's tensors; `__metadata__` says nothing about them.
struct Header(BTreeMap<String, TensorInfo>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor).map(Self)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = BTreeMap<String, TensorInfo>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut tensors = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            match tensors.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(map.next_value()?);
                }
                Entry::Occupied(entry) => {
                    let name = entry.key();
                    return Err(A::Error::custom(format_args!(
                        "tensor {name} is there twice"
                    )));
                }
            }
        }
        Ok(tensors)
    }
}
