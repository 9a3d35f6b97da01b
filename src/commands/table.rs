//! Tables for people: columns as wide as their widest cell, two spaces between.

use std::io::{self, Write};

/// Writes the rows, the first of which is the header.
pub(crate) fn write<const COLUMNS: usize>(
    output: &mut impl Write,
    rows: &[[String; COLUMNS]],
) -> io::Result<()> {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        writeln!(output, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
