//! The entries of a zip archive that was written in one go and not
//! compressed, as torch writes them.
//!
//! The `zip` crate reads any archive: it searches for a directory behind
//! garbage, falls back to another when one does not work out, and reserves
//! memory for as many entries as the archive claims. Weights need the
//! opposite, and only a part of the format: every byte of the file belongs to
//! exactly one entry or to the directory, both places that describe an entry
//! agree, and an entry is a range of the mapped file.
//!
//! Fields are those of PKWARE's APPNOTE 6.3.

use std::collections::BTreeMap;
use std::ops::Range;

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const CENTRAL_HEADER: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";

const END_LEN: usize = 22;
const LOCATOR_64_LEN: usize = 20;

/// A 32-bit field whose value is in the zip64 extra field.
const IN_EXTRA: u64 = 0xffff_ffff;
const EXTRA_64: u64 = 1;

/// Flag: checksum and sizes follow the data.
const STREAMED: u64 = 1 << 3;
/// Flag: the name is UTF-8.
const UTF8: u64 = 1 << 11;

/// Where each entry's data lies.
pub(super) struct Directory(BTreeMap<String, Range<usize>>);

impl Directory {
    pub(super) fn get(&self, name: &str) -> Option<Range<usize>> {
        self.0.get(name).cloned()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Reads the directory at the end of `file` and checks that its entries
    /// and the directory itself cover the file.
    pub(super) fn read(file: &[u8]) -> Result<Self, String> {
        let (range, count) = directory_range(file)?;
        let mut fields = Fields::new(&file[..range.end], range.start);
        let mut entries = Vec::new();
        while fields.at < range.end {
            entries.push(Entry::read(&mut fields)?);
        }
        if entries.len() as u64 != count {
            return Err(format!(
                "zip directory has {} entries, expected {count}",
                entries.len()
            ));
        }
        entries.sort_by_key(|entry| entry.header);

        let mut found = BTreeMap::new();
        let mut fields = Fields::new(&file[..range.start], 0);
        for entry in entries {
            let data = entry
                .locate(&mut fields)
                .map_err(|reason| format!("zip entry {}: {reason}", entry.name))?;
            if found.insert(entry.name.to_owned(), data).is_some() {
                return Err(format!("zip entry {} is there twice", entry.name));
            }
        }
        if fields.at != range.start {
            return Err("zip archive has bytes that belong to no entry".into());
        }
        Ok(Self(found))
    }
}

/// Where the directory lies, which must be right before the records that end
/// the archive, and how many entries they promise.
fn directory_range(file: &[u8]) -> Result<(Range<usize>, u64), String> {
    let end = file
        .len()
        .checked_sub(END_LEN)
        .ok_or("zip archive is cut off")?;
    let mut fields = Fields::new(file, end);
    fields.signature(END).map_err(|_| {
        "zip archive is cut off or has something after its end (is the download complete?)"
            .to_owned()
    })?;
    let disks = (fields.u16()?, fields.u16()?);
    let counts = (fields.u16()?, fields.u16()?);
    let (size, offset, comment) = (fields.u32()?, fields.u32()?, fields.u16()?);
    if disks != (0, 0) || counts.0 != counts.1 || comment != 0 {
        return Err("zip archive does not end as torch ends them".into());
    }
    let small = Extent {
        count: counts.1,
        size,
        offset,
    };

    let locator = end.checked_sub(LOCATOR_64_LEN);
    let (extent, end) = match locator {
        Some(at) if file[at..].starts_with(LOCATOR_64) => {
            let (large, end) = Extent::read_64(&file[..end], at)?;
            if !small.abbreviates(&large) {
                return Err("zip directory is described in two ways that differ".into());
            }
            (large, end)
        }
        _ => (small, end),
    };
    match (
        usize::try_from(extent.offset),
        extent.offset.checked_add(extent.size),
    ) {
        (Ok(start), Some(stop)) if stop == end as u64 => Ok((start..end, extent.count)),
        _ => Err("zip directory is not where it should be".into()),
    }
}

/// What the end of an archive says about its directory.
struct Extent {
    count: u64,
    size: u64,
    offset: u64,
}

impl Extent {
    /// Reads the zip64 records, of which the second is at `locator`; also
    /// gives where the first begins.
    fn read_64(file: &[u8], locator: usize) -> Result<(Self, usize), String> {
        let mut fields = Fields::new(file, locator);
        fields.signature(LOCATOR_64)?;
        let (disk, end, disks) = (fields.u32()?, fields.u64()?, fields.u32()?);
        let end = usize::try_from(end).ok().filter(|&end| end <= locator);
        let end = end.ok_or("zip64 record is not where it should be")?;

        let mut fields = Fields::new(&file[..locator], end);
        fields.signature(END_64)?;
        let _size_and_versions = fields.take(8 + 2 + 2)?;
        let end_disks = (fields.u32()?, fields.u32()?);
        let counts = (fields.u64()?, fields.u64()?);
        let (size, offset) = (fields.u64()?, fields.u64()?);
        if fields.at != locator
            || (disk, disks) != (0, 1)
            || end_disks != (0, 0)
            || counts.0 != counts.1
        {
            return Err("zip64 record is not as torch writes it".into());
        }
        let extent = Self {
            count: counts.1,
            size,
            offset,
        };
        Ok((extent, end))
    }

    /// Whether each field has the same value, or says that it does not fit.
    fn abbreviates(&self, large: &Self) -> bool {
        (self.count == large.count || self.count == 0xffff)
            && (self.size == large.size || self.size == IN_EXTRA)
            && (self.offset == large.offset || self.offset == IN_EXTRA)
    }
}

/// An entry as the directory has it.
struct Entry<'a> {
    name: &'a str,
    /// Where the local header starts.
    header: u64,
    common: Common,
    /// Whether it needs 64-bit sizes; then those after the data are, too.
    wide: bool,
}

/// What the directory and the local header both say.
#[derive(PartialEq)]
struct Common {
    flags: u64,
    method: u64,
    date_time: u64,
    checksum: u64,
    stored: u64,
    size: u64,
}

impl Common {
    fn read(fields: &mut Fields<'_>) -> Result<Self, String> {
        Ok(Self {
            flags: fields.u16()?,
            method: fields.u16()?,
            date_time: fields.u32()?,
            checksum: fields.u32()?,
            stored: fields.u32()?,
            size: fields.u32()?,
        })
    }
}

impl<'a> Entry<'a> {
    fn read(fields: &mut Fields<'a>) -> Result<Self, String> {
        fields.signature(CENTRAL_HEADER)?;
        let _versions = fields.take(2 + 2)?;
        let mut common = Common::read(fields)?;
        let lengths = (fields.u16()?, fields.u16()?, fields.u16()?);
        let disk = fields.u16()?;
        let _attributes = fields.take(2 + 4)?;
        let mut header = fields.u32()?;
        let name = fields.take(lengths.0)?;
        let name = std::str::from_utf8(name).map_err(|_| "zip entry's name is not UTF-8")?;
        let extra = fields.take(lengths.1)?;
        let _comment = fields.take(lengths.2)?;

        let wide = [&mut common.size, &mut common.stored, &mut header];
        let wide = widen(extra, wide).map_err(|reason| format!("zip entry {name}: {reason}"))?;
        if common.method != 0 || common.size != common.stored {
            return Err(format!(
                "zip entry {name} is compressed, which torch never does"
            ));
        }
        if common.flags & !(STREAMED | UTF8) != 0 || disk != 0 {
            return Err(format!("zip entry {name} is encrypted or split"));
        }
        Ok(Self {
            name,
            header,
            common,
            wide,
        })
    }

    /// Reads the local header, skips the data and reads what follows; gives
    /// where the data lies.
    fn locate(&self, fields: &mut Fields<'_>) -> Result<Range<usize>, String> {
        if self.header != fields.at as u64 {
            return Err("does not start where the one before ends".into());
        }
        fields.signature(LOCAL_HEADER)?;
        let _version = fields.take(2)?;
        let mut local = Common::read(fields)?;
        let lengths = (fields.u16()?, fields.u16()?);
        let name = fields.take(lengths.0)?;
        let extra = fields.take(lengths.1)?;
        let streamed = self.common.flags & STREAMED != 0;
        if streamed && (local.checksum, local.stored, local.size) == (0, 0, 0) {
            local.checksum = self.common.checksum;
            local.stored = self.common.stored;
            local.size = self.common.size;
        } else {
            widen(extra, [&mut local.size, &mut local.stored])?;
        }
        if name != self.name.as_bytes() || local != self.common {
            return Err("is described in two ways that differ".into());
        }

        let start = fields.at;
        let data = fields.take(self.common.size)?;
        let end = fields.at;
        // torch writes zero when told not to compute checksums.
        let checksum = self.common.checksum;
        if checksum != 0 && checksum != u64::from(crc32fast::hash(data)) {
            return Err("is damaged, its checksum differs (download it again)".into());
        }
        if streamed {
            fields.signature(DESCRIPTOR)?;
            let checksum = fields.u32()?;
            let (stored, size) = if self.wide {
                (fields.u64()?, fields.u64()?)
            } else {
                (fields.u32()?, fields.u32()?)
            };
            let common = &self.common;
            if (checksum, stored, size) != (common.checksum, common.stored, common.size) {
                return Err("has other sizes after its data than in the directory".into());
            }
        }
        Ok(start..end)
    }
}

/// Takes the values that do not fit into 32 bits from the zip64 field among
/// the extra fields; says whether there was such a field.
fn widen<const N: usize>(extra: &[u8], values: [&mut u64; N]) -> Result<bool, String> {
    let mut extra = Fields::new(extra, 0);
    let mut large = None;
    while extra.at < extra.bytes.len() {
        let (id, len) = (extra.u16()?, extra.u16()?);
        let content = extra.take(len)?;
        if id == EXTRA_64 {
            large = Some(Fields::new(content, 0));
        }
    }
    let wide = large.is_some();
    for value in values.into_iter().filter(|value| **value == IN_EXTRA) {
        let large = large.as_mut().ok_or("has no zip64 field")?;
        *value = large.u64()?;
    }
    Ok(wide)
}

/// Reads little-endian fields one after the other.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(len).ok().and_then(|len| rest.get(..len)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(format!("needs {len} bytes where {} are left", rest.len())),
        }
    }

    fn signature(&mut self, expected: &[u8]) -> Result<(), String> {
        if self.take(expected.len() as u64)? == expected {
            Ok(())
        } else {
            Err("zip structure is damaged".into())
        }
    }

    fn u16(&mut self) -> Result<u64, String> {
        self.number(2)
    }

    fn u32(&mut self) -> Result<u64, String> {
        self.number(4)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.number(8)
    }

    /// The lengths and offsets of the format, all as one type.
    fn number(&mut self, len: u64) -> Result<u64, String> {
        let bytes = self.take(len)?.iter().rev();
        Ok(bytes.fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }
}
