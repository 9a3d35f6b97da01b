//! Packed weights in the user's cache, so that the next start maps them.
//!
//! A file is a header of 128 bytes and the block. It is named by a hash of all
//! that it was made from, so that it is never out of date, and is trusted no
//! further than its checksum: whatever does not add up is packed anew.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytemuck::{Pod, Zeroable};
use memmap2::Mmap;

use super::network::Network;
use super::packed::{Block, Weights};
use super::precision::Precision;
use crate::hub::sha256;
use crate::marian::Config;

/// The environment variable that names the folder of packed weights; set to nothing,
/// it turns the cache off.
pub const PACKED_VARIABLE: &str = "DOLMETSCH_PACKED";

/// Smaller blocks are packed about as fast as a file is found and verified.
const WORTH_KEEPING: usize = 32 * 1024 * 1024;

/// Files that nobody has used for so long are removed when another is written.
const FORGOTTEN: Duration = Duration::from_hours(24 * 90);

const EXTENSION: &str = "packed";

/// What a file begins with.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    /// SHA-256, in hexadecimal, of what the block was made from.
    key: [u8; 64],
    /// Bytes of the block.
    bytes: u64,
    /// CRC-32 of the block.
    checksum: u32,
    /// 1 when source and target have the same embeddings.
    shared: u32,
    unused: [u64; 5],
}

const HEADER: usize = size_of::<Header>();

/// Changes with the format, and with how weights are packed.
const MAGIC: [u8; 8] = *b"dolm-p01";

/// The packed file of one model.
#[derive(Debug)]
pub(crate) struct PackFile {
    path: PathBuf,
    key: [u8; 64],
}

impl PackFile {
    /// The file for `weights`, if there is a cache.
    ///
    /// Which weights these are, the Hub's cache says by their hash, which is the
    /// name of the file that is linked to. Of other files path, size and times
    /// stand for it: reading 300 MB would take longer than all the rest.
    pub(crate) fn of<P: Precision>(weights: &Path, config: &Config) -> Option<Self> {
        let folder = folder()?;
        let real = weights.canonicalize().ok()?;
        let identity = match hash_in_name(&real) {
            Some(hash) => hash.to_owned(),
            None => stamp(&real).ok()?,
        };
        let made_from = format!("{MAGIC:?} {} {config:?} {identity}", P::NAME);
        let key = sha256(&mut made_from.as_bytes()).ok()?;
        Some(Self {
            path: folder.join(&key).with_extension(EXTENSION),
            key: key.as_bytes().try_into().ok()?,
        })
    }

    /// Maps the file, if it is there and whole.
    pub(crate) fn open<P: Precision>(&self, config: &Config) -> Option<(Network<P>, Weights)> {
        let file = File::open(&self.path).ok()?;
        let opened = self.map(&file, config);
        if opened.is_some() {
            // So that it is not forgotten; a cache may be read-only.
            let _ = file.set_modified(SystemTime::now());
        } else {
            tracing::warn!("{} is damaged and is made anew", self.path.display());
        }
        opened
    }

    fn map<P: Precision>(&self, file: &File, config: &Config) -> Option<(Network<P>, Weights)> {
        if file.metadata().ok()?.len() < HEADER as u64 {
            return None;
        }
        // SAFETY: the map is read-only and only handed out as `&[u8]`. Files of
        // the cache are replaced by renaming and never written to; another
        // process that shortens one while it is mapped would raise SIGBUS.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(file) }.ok()?;
        let (header, block) = map.split_at_checked(HEADER)?;
        let header: Header = bytemuck::pod_read_unaligned(header);
        let network = Network::new(config, header.shared == 1);
        let whole = header.magic == MAGIC
            && header.key == self.key
            && header.bytes == block.len() as u64
            && network.bytes == block.len()
            && header.checksum == crc32fast::hash(block);
        whole.then(|| (network, Weights::mapped(map, HEADER)))
    }

    /// Writes the file, complete or not at all.
    pub(crate) fn write(&self, block: &Block, shared: bool) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        forget_old(folder);
        let header = Header {
            magic: MAGIC,
            key: self.key,
            bytes: block.bytes().len() as u64,
            checksum: crc32fast::hash(block.bytes()),
            shared: shared.into(),
            unused: [0; 5],
        };
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytemuck::bytes_of(&header))?;
        file.write_all(block.bytes())?;
        file.persist(&self.path)?;
        Ok(())
    }
}

/// Whether a block of so many bytes is worth a file.
pub(crate) fn is_worth_keeping(bytes: usize) -> bool {
    bytes >= WORTH_KEEPING
}

/// `DOLMETSCH_PACKED`, else `dolmetsch` in the user's cache folder.
fn folder() -> Option<PathBuf> {
    match std::env::var_os(PACKED_VARIABLE) {
        Some(folder) if folder.is_empty() => None,
        Some(folder) => Some(folder.into()),
        None => Some(dirs::cache_dir()?.join("dolmetsch")),
    }
}

/// The SHA-256 that a file of the Hub's cache is named by.
fn hash_in_name(path: &Path) -> Option<&str> {
    let in_blobs = path.parent()?.file_name()? == "blobs";
    let name = path.file_name()?.to_str()?;
    let is_hash = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    (in_blobs && is_hash).then_some(name)
}

/// What changes when a file is written or replaced.
fn stamp(path: &Path) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt;
        // Unlike the time of modification, that of change cannot be set.
        let time = (metadata.ctime(), metadata.ctime_nsec());
        (metadata.dev(), metadata.ino(), time)
    };
    #[cfg(not(unix))]
    let changed = metadata.created().ok();
    let (size, modified) = (metadata.len(), metadata.modified()?);
    Ok(format!(
        "{} {size} {modified:?} {changed:?}",
        path.display()
    ))
}

/// Removes what has not been used for a long time; what cannot be removed stays.
fn forget_old(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let age = fs::metadata(&path)
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|modified| modified.elapsed().ok());
        let is_packed = path.extension().is_some_and(|name| name == EXTENSION);
        if is_packed && age.is_some_and(|age| age > FORGOTTEN) {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::precision::Int8;
    use super::*;

    fn config() -> Config {
        let json = br#"{"vocab_size": 40, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1,
            "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 8,
            "decoder_ffn_dim": 8, "max_position_embeddings": 8, "pad_token_id": 39,
            "decoder_start_token_id": 39}"#;
        Config::from_json(Path::new("config.json"), json).unwrap()
    }

    #[test]
    fn a_file_that_does_not_add_up_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = PackFile {
            path: folder.path().join("model.packed"),
            key: [b'a'; 64],
        };
        let config = config();
        let network = Network::<Int8>::new(&config, true);
        let mut block = Block::new(network.bytes);
        block.section(&network.target.positions)[0].0 = [1.5; 16];
        file.write(&block, true).unwrap();
        let (_, weights) = file.open::<Int8>(&config).unwrap();
        let positions = weights.section(&network.target.positions);
        assert_eq!(positions[0], block.section(&network.target.positions)[0]);

        let whole = fs::read(&file.path).unwrap();
        for place in [
            0,
            8,
            20,
            71,
            72,
            80,
            84,
            HEADER,
            whole.len() / 2,
            whole.len() - 1,
        ] {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x41;
            fs::write(&file.path, &damaged).unwrap();
            assert!(file.open::<Int8>(&config).is_none(), "byte {place}");
        }
        for length in [0, 5, HEADER - 1, HEADER, whole.len() - 1] {
            fs::write(&file.path, &whole[..length]).unwrap();
            assert!(file.open::<Int8>(&config).is_none(), "{length} bytes");
        }
        fs::write(&file.path, [&whole[..], &[0]].concat()).unwrap();
        assert!(file.open::<Int8>(&config).is_none(), "a byte more");
        let other = PackFile {
            key: [b'b'; 64],
            ..file
        };
        fs::write(&other.path, &whole).unwrap();
        assert!(other.open::<Int8>(&config).is_none(), "another model's");
    }

    #[test]
    fn the_hubs_cache_names_files_by_their_hash() {
        let hash = "0123456789abcdef".repeat(4);
        let blob = PathBuf::from("/hub/models--a--b/blobs").join(&hash);
        assert_eq!(hash_in_name(&blob), Some(hash.as_str()));
        assert_eq!(hash_in_name(Path::new("/folder/model.safetensors")), None);
        assert_eq!(hash_in_name(&Path::new("/folder").join(&hash)), None);
    }
}
