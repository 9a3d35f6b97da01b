//! A table, one column of which is translated; the others keep their values and
//! types.
//!
//! In the journal a row is a JSON string, or `null`. The file is written when all
//! rows are there, in one go, so that its bytes do not depend on how they came
//! about.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{Reading, Record, Slot};
use crate::error::{Error, Result};
use crate::job::assemble::Blocks;
use crate::job::block::{BLOCK_BYTES, BLOCK_RECORDS, Block, Position};
use crate::job::input::Input;
use crate::job::rejected::Rejection;
use crate::language::Language;

/// Rows that are copied at a time.
const COPIED_ROWS: usize = 1024;
/// A row group is written when it has these bytes in memory, or as many rows as
/// the input's largest.
const GROUP_BYTES: usize = 64 * 1024 * 1024;

/// Reads the texts of a column.
pub(in crate::job) struct Rows {
    name: String,
    batches: ParquetRecordBatchReader,
    /// Rows that were decoded together, of which `taken` are read.
    texts: StringArray,
    taken: usize,
    max_record: usize,
    read: u64,
    /// Rows of the file, which has …
    total: u64,
    /// … these bytes.
    bytes: u64,
    consumed: Arc<AtomicU64>,
}

impl Rows {
    /// Reads on from `start`.
    pub(in crate::job) fn open(input: &Input, reading: &Reading, start: Position) -> Result<Self> {
        let builder = builder(input)?;
        let column = column(builder.schema(), input, &reading.field)?;
        let rows = builder.metadata().file_metadata().num_rows();
        let mask = ProjectionMask::roots(builder.parquet_schema(), [column]);
        let batches = builder
            .with_projection(mask)
            .with_batch_size(BLOCK_RECORDS)
            .with_offset(usize::try_from(start.offset).unwrap_or(usize::MAX))
            .build()
            .map_err(|error| unreadable(input, &error))?;
        let metadata = std::fs::metadata(&input.path).map_err(Error::io("read", &input.path))?;
        let rows = Self {
            name: input.path.display().to_string(),
            batches,
            texts: StringArray::from(Vec::<&str>::new()),
            taken: 0,
            max_record: reading.max_record,
            read: start.offset,
            total: rows.max(1) as u64,
            bytes: metadata.len(),
            consumed: Arc::default(),
        };
        rows.count();
        Ok(rows)
    }

    /// The share of the file's bytes that its rows so far are.
    pub(in crate::job) fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }

    fn count(&self) {
        let bytes = u128::from(self.bytes) * u128::from(self.read) / u128::from(self.total);
        self.consumed.store(bytes as u64, Ordering::Relaxed);
    }

    /// The next rows; `None` at the end. Where a block ends does not depend on
    /// how rows are decoded together.
    pub(in crate::job) fn read_block(&mut self) -> Result<Option<Block>> {
        let mut block = Block::default();
        let mut bytes = 0;
        while block.records.len() < BLOCK_RECORDS && bytes < BLOCK_BYTES && self.has_next()? {
            self.read += 1;
            let is_text = self.texts.is_valid(self.taken);
            let text = is_text.then(|| self.texts.value(self.taken));
            bytes += text.map_or(0, str::len) as u64;
            let (record, rejection) = self.record(text);
            self.taken += 1;
            block.records.push(record);
            block.rejections.extend(rejection);
        }
        self.count();
        block.end = Position {
            offset: self.read,
            lines: self.read,
        };
        Ok((!block.records.is_empty()).then_some(block))
    }

    /// Decodes rows when all are read; whether there is one.
    fn has_next(&mut self) -> Result<bool> {
        while self.taken == self.texts.len() {
            let Some(batch) = self.batches.next() else {
                return Ok(false);
            };
            let texts = batch.and_then(|batch| cast(batch.column(0), &DataType::Utf8));
            let texts = texts.map_err(|error| Error::InvalidInput {
                name: self.name.clone(),
                line: self.read as usize + 1,
                reason: format!("(row) or one of the rows behind it is damaged: {error}"),
            })?;
            (self.texts, self.taken) = (texts.as_string().clone(), 0);
        }
        Ok(true)
    }

    fn record(&self, text: Option<&str>) -> (Record, Option<Rejection>) {
        match text {
            None => (Record::copied(self.read, b"null".to_vec(), b"\n"), None),
            Some(text) if text.len() > self.max_record => {
                let rejection = Rejection::new(self.read, None, super::TOO_LONG.to_owned());
                (
                    Record::copied(self.read, b"\"\"".to_vec(), b"\n"),
                    Some(rejection),
                )
            }
            Some(text) => (
                Record {
                    line: self.read,
                    before: Vec::new(),
                    text: text.to_owned(),
                    after: b"\n".to_vec(),
                    slot: Some(Slot::Json),
                },
                None,
            ),
        }
    }
}

/// How many rows a file says it has.
pub(in crate::job) fn count_rows(input: &Input) -> Result<u64> {
    let rows = builder(input)?.metadata().file_metadata().num_rows();
    Ok(rows.max(0) as u64)
}

/// Writes the input with its translations; gives the file back, and the number
/// of rows.
pub(in crate::job) fn write(
    blocks: &mut Blocks,
    target: Language,
    reading: &Reading,
    file: File,
    path: &Path,
) -> Result<(File, u64)> {
    let input = blocks.input();
    let builder = builder(input)?;
    let column = column(builder.schema(), input, &reading.field)?;
    let schema = schema(builder.schema(), column, target, reading, input)?;
    let properties = properties(&builder);
    let batches = builder.with_batch_size(COPIED_ROWS).build();
    let batches = batches.map_err(|error| unreadable(input, &error))?;
    let cannot_write = |error| unwritable(path, error);
    let mut writer =
        ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(cannot_write)?;
    let (mut values, mut rows) = (Values::new(blocks), 0);
    for batch in batches {
        let batch = batch.map_err(|error| unreadable(input, &error))?;
        let texts = values.take(batch.num_rows())?;
        let mut columns = batch.columns().to_vec();
        let place = if reading.keep_source {
            columns.len()
        } else {
            columns.remove(column);
            column
        };
        let texts = cast(
            &(Arc::new(texts) as ArrayRef),
            schema.field(place).data_type(),
        );
        columns.insert(place, texts.map_err(|error| unreadable(input, &error))?);
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
        let batch = batch.map_err(|error| unreadable(input, &error))?;
        writer.write(&batch).map_err(cannot_write)?;
        if writer.in_progress_size() > GROUP_BYTES {
            writer.flush().map_err(cannot_write)?;
        }
        rows += batch.num_rows() as u64;
    }
    rows += values.rest()?;
    Ok((writer.into_inner().map_err(cannot_write)?, rows))
}

fn builder(input: &Input) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let file = File::open(&input.path).map_err(Error::io("read", &input.path))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(input, &error))
}

/// The column of texts.
fn column(schema: &Schema, input: &Input, name: &str) -> Result<usize> {
    let names = || {
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        names.join(", ")
    };
    let place = schema
        .fields()
        .iter()
        .position(|field| field.name() == name);
    let place = place.ok_or_else(|| {
        let message = format!(
            "no column `{name}` (it has {}; name one with --field)",
            names()
        );
        unreadable(input, &message)
    })?;
    let kind = schema.field(place).data_type();
    let is_text = |kind: &DataType| kind.is_string();
    let text = match kind {
        DataType::Dictionary(_, values) => is_text(values),
        _ => is_text(kind),
    };
    if text {
        return Ok(place);
    }
    Err(unreadable(
        input,
        &format!("column `{name}` holds {kind}, no text"),
    ))
}

/// The columns of the output.
fn schema(
    input: &SchemaRef,
    column: usize,
    target: Language,
    reading: &Reading,
    file: &Input,
) -> Result<SchemaRef> {
    if !reading.keep_source {
        return Ok(Arc::clone(input));
    }
    let name = reading.added_name(target);
    if input.column_with_name(&name).is_some() {
        return Err(unreadable(
            file,
            &format!("it has a column `{name}` already"),
        ));
    }
    let mut fields = input.fields().to_vec();
    let kind = input.field(column).data_type().clone();
    fields.push(Arc::new(Field::new(name, kind, true)));
    Ok(Arc::new(Schema::new_with_metadata(
        fields,
        input.metadata().clone(),
    )))
}

/// As the input was written: codec, rows of a group, and what others have noted.
fn properties(input: &ParquetRecordBatchReaderBuilder<File>) -> WriterProperties {
    let metadata = input.metadata();
    let groups = metadata.row_groups();
    let rows = groups.iter().map(|group| group.num_rows().max(1) as usize);
    let codec = groups.first().and_then(|group| group.columns().first());
    let notes: Vec<KeyValue> = metadata
        .file_metadata()
        .key_value_metadata()
        .into_iter()
        .flatten()
        .filter(|note| note.key != parquet::arrow::ARROW_SCHEMA_META_KEY)
        .cloned()
        .collect();
    let mut properties = WriterProperties::builder()
        .set_max_row_group_row_count(rows.max())
        .set_key_value_metadata(Some(notes));
    if let Some(codec) = codec {
        properties = properties.set_compression(codec.compression());
    }
    properties.build()
}

/// The translations, row by row.
struct Values<'b, 'i> {
    blocks: &'b mut Blocks<'i>,
    /// Of the blocks so far, in reverse.
    waiting: Vec<Option<String>>,
}

impl<'b, 'i> Values<'b, 'i> {
    fn new(blocks: &'b mut Blocks<'i>) -> Self {
        Self {
            blocks,
            waiting: Vec::new(),
        }
    }

    /// Whether there is a row.
    fn fill(&mut self) -> Result<bool> {
        while self.waiting.is_empty() {
            let Some(block) = self.blocks.next()? else {
                return Ok(false);
            };
            let rows = serde_json::Deserializer::from_slice(&block).into_iter();
            self.waiting = rows
                .collect::<std::result::Result<_, _>>()
                .map_err(|error| Error::Mismatch(format!("the journal is damaged: {error}")))?;
            self.waiting.reverse();
        }
        Ok(true)
    }

    /// The next rows.
    fn take(&mut self, rows: usize) -> Result<StringArray> {
        let mut taken = Vec::with_capacity(rows);
        for _ in 0..rows {
            if !self.fill()? {
                let message = "there are fewer translations than rows";
                return Err(Error::Mismatch(message.to_owned()));
            }
            taken.push(self.waiting.pop().flatten());
        }
        Ok(StringArray::from(taken))
    }

    /// Rows that nobody has asked for.
    fn rest(&mut self) -> Result<u64> {
        let mut rest = 0;
        while self.fill()? {
            rest += self.waiting.len() as u64;
            self.waiting.clear();
        }
        Ok(rest)
    }
}

fn unreadable(input: &Input, reason: &impl ToString) -> Error {
    let reason = std::io::Error::new(std::io::ErrorKind::InvalidData, reason.to_string());
    Error::io("read", &input.path)(reason)
}

fn unwritable(path: &Path, error: parquet::errors::ParquetError) -> Error {
    let source = match error {
        parquet::errors::ParquetError::External(source) => match source.downcast() {
            Ok(error) => *error,
            Err(source) => std::io::Error::other(source),
        },
        error => std::io::Error::other(error),
    };
    Error::io("write", path)(source)
}
