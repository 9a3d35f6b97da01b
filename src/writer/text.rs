//! Plain text in the layout of the source, and n-best lists.

use std::io::{self, Write};

use super::one_line;
use crate::document::Document;
use crate::translation::Translation;

/// Writes the translations of the sentences from `first` on, each behind the
/// gap that stands before it; behind the part's last sentence also the rest of
/// its text.
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
        let rest = document.gap_before(document.sentences().len());
        output.write_all(rest.as_bytes())?;
    }
    Ok(())
}

/// Writes the n-best list of sentence `number` as marian-decoder does: a line
/// `number ||| text ||| score` for each hypothesis, best first.
///
/// # Errors
///
/// What `output` reports.
pub fn write_n_best(
    output: &mut dyn Write,
    number: usize,
    translation: &Translation,
) -> io::Result<()> {
    let best = (&translation.target, translation.score);
    let others = translation
        .alternatives
        .iter()
        .map(|other| (&other.target, other.score));
    for (target, score) in std::iter::once(best).chain(others) {
        writeln!(output, "{number} ||| {} ||| {score:.4}", one_line(target))?;
    }
    Ok(())
}
