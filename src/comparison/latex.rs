//! Scores as a table for a paper.

use std::io::{self, Write};

use super::text::cells;
use super::{Comparison, Style};

/// Writes a `tabular` of the package booktabs, with the signatures in comments.
///
/// # Errors
///
/// What `output` reports.
pub fn write_latex(
    output: &mut dyn Write,
    comparison: &Comparison,
    style: Style,
) -> io::Result<()> {
    let rows = cells(comparison, style.width);
    writeln!(
        output,
        "\\begin{{tabular}}{{l{}}}",
        "c".repeat(comparison.metrics.len())
    )?;
    writeln!(output, "\\toprule")?;
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
        writeln!(output, "{} \\\\", cells.join(" & "))?;
        if number == 0 {
            writeln!(output, "\\midrule")?;
        }
    }
    writeln!(output, "\\bottomrule\n\\end{{tabular}}")?;
    for scores in &comparison.metrics {
        let signature = scores.signature.format(style.short);
        writeln!(output, "% {}|{signature}", scores.name())?;
    }
    Ok(())
}

/// Text that LaTeX prints as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            // Behind the `\\` of the row before it would start an argument.
            '[' => out.push_str("{[}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '\\' => out.push_str("\\textbackslash{}"),
            'μ' => out.push_str("$\\mu$"),
            '±' => out.push_str("$\\pm$"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
