//! Translations on the disk, so that a segment is translated once, in this job
//! and in later ones.
//!
//! The file is an array of pages, like the sets of a processor's cache: the hash
//! of a segment says in which page its translation is, if anywhere; a full page
//! drops its oldest entries. So the size is limited, memory does not grow with
//! it, and nothing can get out of step. A page has a checksum: one that a crash
//! or a bad disk has damaged counts as empty, and never gives a wrong
//! translation. The file is sparse until it is filled.
//!
//! One process writes; others, which find it locked, only read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes of a page: some thirty sentences.
const PAGE: usize = 4096;
/// Checksum, and number of bytes used.
const PAGE_HEADER: usize = 8;
const KEY: usize = 16;
/// Key and length of an entry.
const ENTRY_HEADER: usize = KEY + 2;
/// Longer translations (bytes) are not kept: such segments do not come twice.
const MAX_TARGET: usize = 1024;
/// The first page starts with this and the number of pages.
const MAGIC: &[u8; 24] = b"dolmetsch segments 1\r\n\x1a\n";

/// What a translation depends on besides its text.
#[derive(Clone)]
pub(super) struct Context(Sha256);

/// The hash of a segment and its context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key([u8; KEY]);

impl Context {
    pub(super) fn new(context: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update((context.len() as u64).to_le_bytes());
        hasher.update(context);
        Self(hasher)
    }

    pub(super) fn key(&self, text: &str) -> Key {
        let mut hasher = self.0.clone();
        hasher.update(text);
        let mut key = [0; KEY];
        key.copy_from_slice(&hasher.finalize()[..KEY]);
        Key(key)
    }
}

/// A file of translations.
#[derive(Debug)]
pub(super) struct Cache {
    file: File,
    pages: u64,
    writable: bool,
    /// Pages that were damaged.
    pub(super) damaged: u64,
}

impl Cache {
    /// Opens a file, or makes one of `size` bytes; says whether it replaced one
    /// that is damaged or of another size.
    pub(super) fn open(path: &Path, size: u64) -> io::Result<(Self, bool)> {
        let pages = (size / PAGE as u64).max(2);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        let writable = match file.try_lock() {
            Ok(()) => true,
            Err(std::fs::TryLockError::WouldBlock) => false,
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        };
        let found = pages_of(&mut file)?;
        let is_new = file.metadata()?.len() == 0;
        let usable = found == Some(pages) || !writable && found.is_some();
        if !usable && writable {
            file.set_len(0)?;
            file.set_len(pages * PAGE as u64)?;
            file.rewind()?;
            file.write_all(MAGIC)?;
            file.write_all(&pages.to_le_bytes())?;
        }
        let cache = Self {
            file,
            pages: if usable {
                found.unwrap_or(pages)
            } else {
                pages
            },
            writable,
            damaged: 0,
        };
        Ok((cache, !usable && !is_new))
    }

    /// Whether translations can be added: no other process writes.
    pub(super) const fn is_writable(&self) -> bool {
        self.writable
    }

    /// The translation of a segment.
    pub(super) fn get(&mut self, key: Key) -> io::Result<Option<String>> {
        let page = self.page(key)?;
        let entry = page.entries().find(|entry| entry.key == key.0);
        Ok(entry.and_then(|entry| String::from_utf8(entry.target.to_vec()).ok()))
    }

    /// Keeps the translation of a segment.
    pub(super) fn put(&mut self, key: Key, target: &str) -> io::Result<()> {
        if !self.writable || target.len() > MAX_TARGET {
            return Ok(());
        }
        let mut page = self.page(key)?;
        page.add(key, target);
        let bytes = page.sealed();
        self.file.seek(SeekFrom::Start(self.place(key)))?;
        self.file.write_all(&bytes)
    }

    /// Where the page of a segment is; the first is the header's.
    fn place(&self, key: Key) -> u64 {
        let hash = u64::from_le_bytes(key.0[..8].try_into().expect("a key has 16 bytes"));
        (1 + hash % (self.pages - 1)) * PAGE as u64
    }

    fn page(&mut self, key: Key) -> io::Result<Page> {
        let mut bytes = [0; PAGE];
        self.file.seek(SeekFrom::Start(self.place(key)))?;
        match self.file.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => bytes.fill(0),
            read => read?,
        }
        Ok(Page::parse(&bytes).unwrap_or_else(|| {
            // A page that another process is writing is not damaged.
            self.damaged += u64::from(self.writable);
            Page::default()
        }))
    }
}

/// The number of pages that the header says.
fn pages_of(file: &mut File) -> io::Result<Option<u64>> {
    let mut header = [0; 32];
    file.rewind()?;
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let pages = u64::from_le_bytes(header[24..].try_into().expect("32 bytes less 24"));
    Ok((header[..24] == MAGIC[..] && pages >= 2).then_some(pages))
}

/// The entries of a page, oldest first.
#[derive(Debug, Default)]
struct Page(Vec<u8>);

struct Entry<'a> {
    key: &'a [u8],
    target: &'a [u8],
}

impl Page {
    /// `None` for a damaged page.
    fn parse(bytes: &[u8; PAGE]) -> Option<Self> {
        if bytes[..PAGE_HEADER] == [0; PAGE_HEADER] {
            return Some(Self::default());
        }
        let number = |at: usize| {
            let bytes = bytes[at..at + 4].try_into().expect("four bytes");
            u32::from_le_bytes(bytes)
        };
        let used = number(4) as usize;
        let content = bytes[PAGE_HEADER..].get(..used)?;
        (crc32fast::hash(content) == number(0)).then(|| Self(content.to_vec()))
    }

    fn sealed(&self) -> Vec<u8> {
        let mut bytes = crc32fast::hash(&self.0).to_le_bytes().to_vec();
        bytes.extend((self.0.len() as u32).to_le_bytes());
        bytes.extend(&self.0);
        bytes.resize(PAGE, 0);
        bytes
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (key, after) = rest.split_at_checked(KEY)?;
            let (length, after) = after.split_at_checked(2)?;
            let length = u16::from_le_bytes([length[0], length[1]]);
            let (target, after) = after.split_at_checked(usize::from(length))?;
            rest = after;
            Some(Entry { key, target })
        })
    }

    /// Adds an entry behind the others, of which the oldest make room.
    fn add(&mut self, key: Key, target: &str) {
        let size = ENTRY_HEADER + target.len();
        while self.0.len() + size > PAGE - PAGE_HEADER {
            let oldest = self
                .entries()
                .next()
                .map_or(self.0.len(), |entry| ENTRY_HEADER + entry.target.len());
            self.0.drain(..oldest);
        }
        self.0.extend(key.0);
        self.0.extend((target.len() as u16).to_le_bytes());
        self.0.extend(target.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_found_until_newer_entries_need_the_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let context = Context::new("model");
        let size = 64 * PAGE as u64;
        let (mut cache, replaced) = Cache::open(&path, size).unwrap();
        assert!(cache.is_writable() && !replaced);
        for number in 0..20_000 {
            let text = format!("Satz {number}");
            cache
                .put(context.key(&text), &format!("sentence {number}"))
                .unwrap();
        }
        drop(cache);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), size);
        let (mut cache, replaced) = Cache::open(&path, size).unwrap();
        assert!(!replaced);
        let mut found = 0;
        for number in 0..20_000 {
            let target = cache.get(context.key(&format!("Satz {number}"))).unwrap();
            found += usize::from(target.is_some());
            assert!(target.is_none_or(|target| target == format!("sentence {number}")));
        }
        // Entries have some 32 bytes: a page holds 120.
        assert!((6000..9000).contains(&found), "{found}");
        assert!(cache.get(context.key("Satz 19999")).unwrap().is_some());
        assert!(
            cache
                .get(Context::new("another").key("Satz 19999"))
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_damaged_cache_gives_nothing_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let context = Context::new("model");
        let size = 2 * PAGE as u64;
        let put = |cache: &mut Cache| {
            cache.put(context.key("eins"), "one").unwrap();
            cache.put(context.key("zwei"), "two").unwrap();
        };
        put(&mut Cache::open(&path, size).unwrap().0);
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).filter(|&at| whole[at] != 0) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x11;
            std::fs::write(&path, damaged).unwrap();
            let (mut cache, replaced) = Cache::open(&path, size).unwrap();
            assert_eq!(cache.get(context.key("eins")).unwrap(), None, "byte {at}");
            assert!(replaced || cache.damaged > 0);
            put(&mut cache);
            let found = cache.get(context.key("zwei")).unwrap();
            assert_eq!(found.as_deref(), Some("two"));
        }
    }

    #[test]
    fn a_second_user_only_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let context = Context::new("model");
        let (mut first, _) = Cache::open(&path, 8 * PAGE as u64).unwrap();
        first.put(context.key("eins"), "one").unwrap();
        let (mut second, replaced) = Cache::open(&path, 4 * PAGE as u64).unwrap();
        assert!(!second.is_writable() && !replaced);
        second.put(context.key("zwei"), "two").unwrap();
        assert_eq!(
            second.get(context.key("eins")).unwrap().as_deref(),
            Some("one")
        );
        assert_eq!(first.get(context.key("zwei")).unwrap(), None);
    }
}
