//! A pickle machine that can only describe tensors.
//!
//! Python's pickle is a small stack language whose programs may call anything
//! they can import. This machine knows the instructions that `torch.save`
//! needs for a state dict and the names on [`Global`]'s list; it calls
//! nothing, and refuses any other name by name.
//!
//! candle has such a machine, `candle_core::pickle::Stack`, but not one for
//! hostile input: it allocates what a length field claims, copies whole
//! objects for every use of the memo (so that a few bytes double without
//! end), recurses as deep as the objects nest when it drops them, and panics
//! on short argument lists. Here
//!
//! - a value is a small `Copy` token, and everything that has content lies in
//!   one of two flat pools, so sharing costs nothing, cycles are harmless and
//!   nothing recurses;
//! - memory is linear in the pickle's length, because every value costs an
//!   instruction, and a length is compared with what is there before use.

mod machine;

pub(super) use self::machine::unpickle;
use super::layout::Element;

/// The instruction every pickle of protocol 2 or later begins with.
pub(super) const PROTO: u8 = 0x80;

/// The names a pickle may load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Element),
}

impl Global {
    fn named(module: &str, name: &str) -> Result<Self, String> {
        Ok(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", "DoubleStorage") => Self::Storage(Element::F64),
            ("torch", "FloatStorage") => Self::Storage(Element::F32),
            ("torch", "HalfStorage") => Self::Storage(Element::F16),
            ("torch", "BFloat16Storage") => Self::Storage(Element::BF16),
            ("torch", "LongStorage") => Self::Storage(Element::I64),
            ("torch", "IntStorage") => Self::Storage(Element::I32),
            ("torch", "ShortStorage") => Self::Storage(Element::I16),
            ("torch", "CharStorage") => Self::Storage(Element::I8),
            ("torch", "ByteStorage") => Self::Storage(Element::U8),
            ("torch", "BoolStorage") => Self::Storage(Element::Bool),
            _ => {
                return Err(format!(
                    "refused to load {module}.{name}: a weights file may only contain tensors"
                ));
            }
        })
    }
}

/// What the machine works on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// A whole number of more than 64 bits, as its little-endian bytes.
    BigInt(&'a [u8]),
    Str(&'a str),
    Global(Global),
    Tuple(Items),
    List(usize),
    Dict(usize),
    /// A storage: the arguments of torch's `persistent_load`.
    Storage(Items),
    /// A tensor: the arguments of `_rebuild_tensor_v2`.
    Tensor(Items),
}

/// A tuple's place in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Items {
    start: usize,
    len: usize,
}

/// What one pickle built.
#[derive(Debug)]
pub(super) struct Unpickled<'a> {
    pub(super) root: Value<'a>,
    /// Length of the pickle; a stream may go on after it.
    pub(super) len: usize,
    tuples: Vec<Value<'a>>,
    containers: Vec<Vec<Value<'a>>>,
}

impl<'a> Unpickled<'a> {
    /// The elements of a tuple, or the arguments of a storage or tensor.
    pub(super) fn items(&self, items: Items) -> &[Value<'a>] {
        &self.tuples[items.start..][..items.len]
    }

    /// The elements of a list, or nothing when the value is no list.
    pub(super) fn list(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::List(index) => Some(&self.containers[index]),
            _ => None,
        }
    }

    /// The pairs of a dictionary in the order they were set, or nothing when
    /// the value is no dictionary.
    pub(super) fn dict(&self, value: Value<'a>) -> Option<&[[Value<'a>; 2]]> {
        match value {
            Value::Dict(index) => Some(self.containers[index].as_chunks().0),
            _ => None,
        }
    }
}
