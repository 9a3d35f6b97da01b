//! A segment a line.

use super::{Record, Slot};

pub(super) fn record(content: String, ending: &[u8]) -> Record {
    Record {
        line: 0,
        before: Vec::new(),
        text: content,
        after: ending.to_vec(),
        slot: Some(Slot::OneLine),
    }
}
