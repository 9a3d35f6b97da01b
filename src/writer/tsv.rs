//! A sentence a line: the source, then its translations, with tabs between.

use std::io::{self, Write};

use super::one_line;
use crate::translation::Translation;

/// Writes the line of one sentence; `translations` are those of its targets.
/// Tabs and line breaks inside a text become spaces.
///
/// # Errors
///
/// What `output` reports.
pub fn write_tsv(output: &mut dyn Write, translations: &[&Translation]) -> io::Result<()> {
    if let Some(first) = translations.first() {
        write!(output, "{}", one_line(&first.source))?;
    }
    for translation in translations {
        write!(output, "\t{}", one_line(&translation.target))?;
    }
    writeln!(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_as_many_tabs_as_targets() {
        let translation = |target: &str| Translation {
            source: "Ein\tTab\nund mehr".to_owned(),
            target: target.to_owned(),
            ..Translation::default()
        };
        let (english, vietnamese) = (translation("A tab\tand more"), translation("Một"));
        let mut output = Vec::new();
        write_tsv(&mut output, &[&english, &vietnamese]).unwrap();
        assert_eq!(output, "Ein Tab und mehr\tA tab and more\tMột\n".as_bytes());
    }
}
