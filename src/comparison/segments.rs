//! Files of segments: a line each, a record each, or a column of a table.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::Path;

use serde::Deserialize;

use crate::alignment::AlignmentPoint;
use crate::document::Span;
use crate::error::{Error, Result};
use crate::metrics::trim_white_space_end;

/// The segments of a text, in order.
#[derive(Debug, Clone, Default)]
pub struct Segments {
    /// Their texts, without white space at the end (as sacreBLEU reads them).
    pub texts: Vec<String>,
    /// What they translate, if the file says so.
    pub sources: Option<Vec<String>>,
    /// Word links from the sources, if the file says so.
    pub alignments: Option<Vec<Vec<AlignmentPoint>>>,
}

/// How a file holds its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputFormat {
    /// One on each line.
    Text,
    /// A record of `translate --format jsonl` on each line.
    Jsonl,
    /// A table with tabs between its columns.
    Tsv,
}

/// Which of the texts side by side in a file are meant.
#[derive(Debug, Clone, Default)]
pub struct TextColumn {
    /// The column of a table, from 1; if none, the last one that holds no word links.
    pub column: Option<usize>,
    /// The `target_lang` of records; if none, all records have the same.
    pub target_lang: Option<String>,
}

impl InputFormat {
    /// What a file of this name holds: `.jsonl` and `.tsv` say so, anything
    /// else is text.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl" | "ndjson") => Self::Jsonl,
            Some("tsv") => Self::Tsv,
            _ => Self::Text,
        }
    }
}

impl Segments {
    /// Reads a file; `name` is for messages.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::InvalidUtf8`], or [`Error::InvalidInput`] with the
    /// line that is no record or has no such column; [`Error::Options`] for
    /// records in several languages, none of which is chosen.
    pub fn read(
        name: &str,
        mut input: impl BufRead,
        format: InputFormat,
        column: &TextColumn,
    ) -> Result<Self> {
        let mut bytes = Vec::new();
        input
            .read_to_end(&mut bytes)
            .map_err(Error::io("read", Path::new(name)))?;
        let text = String::from_utf8(bytes).map_err(|error| Error::InvalidUtf8 {
            name: name.to_owned(),
            offset: error.utf8_error().valid_up_to(),
        })?;
        let mut lines = text.split('\n');
        if text.ends_with('\n') || text.is_empty() {
            lines.next_back();
        }
        let trimmed = lines.clone().map(trim_white_space_end);
        match format {
            InputFormat::Text => Ok(Self {
                texts: trimmed.map(str::to_owned).collect(),
                ..Self::default()
            }),
            InputFormat::Jsonl => read_records(name, trimmed, column.target_lang.as_deref()),
            InputFormat::Tsv => read_table(name, lines, column.column),
        }
    }
}

/// A record of `translate --format jsonl`, as far as it matters here.
#[derive(Deserialize)]
struct Record {
    target: String,
    target_lang: Option<String>,
    source: Option<String>,
    alignment: Option<Vec<Link>>,
}

#[derive(Deserialize)]
struct Link {
    source: [usize; 2],
    target: [usize; 2],
    score: f32,
}

fn read_records<'t>(
    name: &str,
    lines: impl Iterator<Item = &'t str>,
    target_lang: Option<&str>,
) -> Result<Segments> {
    let mut segments = Segments::default();
    let (mut sources, mut alignments) = (Some(Vec::new()), Some(Vec::new()));
    let mut languages = BTreeSet::new();
    for (number, line) in (1..).zip(lines) {
        if line.is_empty() {
            continue;
        }
        let record: Record = serde_json::from_str(line).map_err(|error| {
            invalid(
                name,
                number,
                format!(r#"is no record with a "target" ({error})"#),
            )
        })?;
        if let Some(language) = &record.target_lang {
            if target_lang.is_some_and(|wanted| wanted != language) {
                continue;
            }
            languages.insert(language.clone());
        }
        if languages.len() > 1 {
            let languages: Vec<String> = languages.into_iter().collect();
            return Err(Error::Options(format!(
                "{name} has translations into several languages (choose one: --target-lang {})",
                languages.join(" or --target-lang ")
            )));
        }
        let target = trim_white_space_end(&record.target);
        let links = match &record.source {
            Some(source) => record.alignment.map(|links| {
                let inside = |span: Span, text: &str| text.get(span.range()).is_some();
                let points = links.iter().map(AlignmentPoint::from);
                points
                    .filter(|point| inside(point.source, source) && inside(point.target, target))
                    .collect()
            }),
            None => None,
        };
        segments.texts.push(target.to_owned());
        push_or_drop(&mut sources, record.source);
        push_or_drop(&mut alignments, links);
    }
    segments.sources = sources;
    segments.alignments = alignments;
    Ok(segments)
}

/// Adds a value to a list that is only of use when it is complete.
fn push_or_drop<T>(list: &mut Option<Vec<T>>, value: Option<T>) {
    match (list.as_mut(), value) {
        (Some(list), Some(value)) => list.push(value),
        _ => *list = None,
    }
}

impl From<&Link> for AlignmentPoint {
    fn from(link: &Link) -> Self {
        let span = |[start, end]: [usize; 2]| Span { start, end };
        Self {
            source: span(link.source),
            target: span(link.target),
            score: link.score,
        }
    }
}

fn read_table<'t>(
    name: &str,
    lines: impl Iterator<Item = &'t str>,
    column: Option<usize>,
) -> Result<Segments> {
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
    let width = rows.first().map_or(0, Vec::len);
    let index = match column {
        Some(column) => column - 1,
        None => text_column(name, &rows, width)?,
    };
    let text = |row: &Vec<&str>| {
        let text = row.get(index).copied().unwrap_or_default();
        trim_white_space_end(text).to_owned()
    };
    let has_sources = width.max(index + 1) > 1 && column != Some(1);
    Ok(Segments {
        texts: rows.iter().map(text).collect(),
        sources: has_sources.then(|| {
            rows.iter()
                .map(|row| trim_white_space_end(row[0]).to_owned())
                .collect()
        }),
        alignments: None,
    })
}

/// The column, from 0, that holds the texts: the last one, or what stands before
/// the word links that [`crate::writer::write_tsv`] puts there.
fn text_column(name: &str, rows: &[Vec<&str>], width: usize) -> Result<usize> {
    let is_blank = |field: &&str| field.trim().is_empty();
    for (number, row) in (1..).zip(rows) {
        if row.len() > width && !row[width..].iter().all(is_blank) {
            let reason = format!("has {} columns, the lines before have {width}", row.len());
            return Err(invalid(name, number, reason));
        }
    }
    let has_links = |column: usize| {
        let mut fields = rows.iter().filter_map(|row| row.get(column));
        fields.all(|field| is_word_links(field.trim_end_matches('\r')))
    };
    // The source and a translation stand before them.
    let links = (2..width).rev().take_while(|&column| has_links(column));
    match links.count() {
        // The source, the translations, and as many columns of links.
        links if links > 1 && width == 1 + 2 * links => {
            let columns: Vec<String> = (2..2 + links)
                .map(|column| format!("--column {column}"))
                .collect();
            Err(Error::Options(format!(
                "{name} has translations into several languages (choose one: {})",
                columns.join(" or ")
            )))
        }
        links => Ok(width.saturating_sub(links + 1)),
    }
}

/// `0-0 1-2`: pairs of word indices, or none.
fn is_word_links(field: &str) -> bool {
    let is_index = |index: &str| !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
    field.is_empty()
        || field.split(' ').all(|link| {
            link.split_once('-')
                .is_some_and(|(source, target)| is_index(source) && is_index(target))
        })
}

fn invalid(name: &str, line: usize, reason: String) -> Error {
    Error::InvalidInput {
        name: name.to_owned(),
        line,
        reason,
    }
}
