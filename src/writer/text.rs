//! Plain text in the layout of the source.

use std::io::{self, Write};

use crate::document::Document;
use crate::translation::Translation;

/// Writes the translations of the sentences from `first` on, each behind the
/// gap that stands before it; behind the document's last sentence also the rest
/// of the text.
///
/// # Errors
///
/// What `output` reports.
pub fn write_text(
    output: &mut dyn Write,
    document: &Document,
    first: usize,
    translations: &[Translation],
) -> io::Result<()> {
    for (index, translation) in translations.iter().enumerate() {
        output.write_all(document.gap_before(first + index).as_bytes())?;
        output.write_all(translation.target.as_bytes())?;
    }
    if first + translations.len() == document.sentences().len() {
        output.write_all(document.gap_before(document.sentences().len()).as_bytes())?;
    }
    Ok(())
}
