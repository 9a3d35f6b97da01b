//! Columns with tabs between; no quoting, as corpora of parallel text have it.

use super::{Parsed, Reading, Record, Slot};

pub(super) fn record(content: String, ending: &[u8], reading: &Reading) -> Parsed {
    let columns = content.split('\t').count();
    let start: usize = content
        .split('\t')
        .take(reading.column - 1)
        .map(|column| column.len() + 1)
        .sum();
    let text = content.split('\t').nth(reading.column - 1);
    let text = text.ok_or_else(|| format!("no column {}: it has {columns}", reading.column))?;
    let end = start + text.len();
    let (text, mut after) = (text.to_owned(), content.as_bytes()[end..].to_vec());
    let mut before = content.into_bytes();
    if reading.keep_source {
        after.clear();
    } else {
        before.truncate(start);
    }
    after.extend(ending);
    Ok(Record {
        line: 0,
        before,
        text,
        after,
        slot: Some(Slot::OneLine),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::capitals;
    use crate::job::Format;

    #[test]
    fn one_column_changes() {
        let input = b"a\tb c\td\r\n1\t\t3\nkurz\n\nx\ty";
        let (output, rejected) = capitals(input, Format::Tsv, false);
        assert_eq!(output, "a\tB C\td\r\n1\t\t3\n\n\nx\tY");
        assert_eq!(rejected, [(3, "no column 2: it has 1".to_owned())]);
        let (output, _) = capitals(input, Format::Tsv, true);
        assert_eq!(output, "a\tb c\td\tB C\r\n1\t\t3\t\n\n\nx\ty\tY");
    }
}
