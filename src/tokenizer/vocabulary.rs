//! `vocab.json`: the ids that the network knows.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

use serde::Deserializer;
use serde::de::{Error as _, MapAccess, Visitor};

use super::TokenId;
use super::sentencepiece::SentencePieceModel;
use crate::{Error, error};

pub(super) const EOS: &str = "</s>";
pub(super) const PAD: &str = "<pad>";
pub(super) const UNK: &str = "<unk>";

/// Pieces and their ids.
#[derive(Debug, Clone)]
pub(super) struct Vocabulary {
    ids: HashMap<String, TokenId>,
    /// By id; `None` where the file leaves a gap.
    pieces: Vec<Option<String>>,
    /// Target tags such as `>>vie<<`, sorted.
    tags: BTreeMap<String, TokenId>,
    pub(super) eos: TokenId,
    pub(super) pad: TokenId,
    pub(super) unk: TokenId,
}

impl Vocabulary {
    /// Reads and checks a `vocab.json`; `path` is for messages only.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> error::Result<Self> {
        let refuse = |reason: String| Error::model_file(path, reason);
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let ids = json
            .deserialize_map(Entries)
            .and_then(|ids| json.end().map(|()| ids))
            .map_err(|error| refuse(format!("not an object of pieces and ids: {error}")))?;
        Self::new(ids).map_err(refuse)
    }

    /// The ids of the model itself, for a folder that has no `vocab.json`.
    ///
    /// Where it has no `<pad>`, the first unused id stands in.
    pub(super) fn of_model(path: &Path, model: &SentencePieceModel) -> error::Result<Self> {
        let mut ids: HashMap<String, TokenId> = model
            .pieces
            .iter()
            .zip(0..)
            .map(|(piece, id)| (piece.text.clone(), id))
            .collect();
        // The unknown piece may bear any name.
        ids.remove(&model.pieces[model.unknown as usize].text);
        ids.insert(UNK.to_owned(), model.unknown);
        let unused = model.pieces.len() as TokenId;
        ids.entry(PAD.to_owned()).or_insert(unused);
        Self::new(ids).map_err(|reason| Error::model_file(path, reason))
    }

    fn new(ids: HashMap<String, TokenId>) -> Result<Self, String> {
        let pieces = by_id(&ids)?;
        let special = |piece: &str| {
            ids.get(piece)
                .copied()
                .ok_or_else(|| format!("it has no {piece}"))
        };
        let (eos, pad, unk) = (special(EOS)?, special(PAD)?, special(UNK)?);
        let tags = ids
            .iter()
            .filter(|(piece, _)| is_tag(piece))
            .map(|(piece, &id)| (piece.clone(), id))
            .collect();
        Ok(Self {
            ids,
            pieces,
            tags,
            eos,
            pad,
            unk,
        })
    }

    /// The id of a piece that was made from text.
    ///
    /// Text never becomes a control token or a tag, even where it looks like
    /// one: that is between the caller and the network.
    pub(super) fn id_of_text(&self, piece: &str) -> TokenId {
        match self.ids.get(piece) {
            Some(&id) if !self.is_control(id) => id,
            _ => self.unk,
        }
    }

    /// Whether an id stands for `</s>`, `<pad>` or a tag.
    pub(super) fn is_control(&self, id: TokenId) -> bool {
        id == self.eos
            || id == self.pad
            || self
                .piece(id)
                .is_some_and(|piece| self.tags.contains_key(piece))
    }

    pub(super) fn piece(&self, id: TokenId) -> Option<&str> {
        self.pieces.get(id as usize)?.as_deref()
    }

    /// One more than the largest id.
    pub(super) fn size(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.keys().map(String::as_str)
    }

    pub(super) fn tag(&self, tag: &str) -> Option<TokenId> {
        self.tags.get(tag).copied()
    }
}

/// As transformers' `supported_language_codes`.
fn is_tag(piece: &str) -> bool {
    piece.len() > 4 && piece.starts_with(">>") && piece.ends_with("<<")
}

/// Inverts the vocabulary; memory stays proportional to the number of entries.
fn by_id(ids: &HashMap<String, TokenId>) -> Result<Vec<Option<String>>, String> {
    let limit = ids.len() * 4 + 1024;
    let mut pieces: Vec<Option<String>> = Vec::with_capacity(ids.len());
    for (piece, &id) in ids {
        let index = id as usize;
        if index >= limit {
            return Err(format!(
                "the id {id} of {piece:?} is too large for {} entries",
                ids.len()
            ));
        }
        if index >= pieces.len() {
            pieces.resize(index + 1, None);
        }
        if let Some(other) = pieces[index].replace(piece.clone()) {
            // The order of a hash map must not show in the message.
            let (first, second) = (piece.min(&other), piece.max(&other));
            return Err(format!("{first:?} and {second:?} have the same id {id}"));
        }
    }
    Ok(pieces)
}

/// Reads an object of ids and refuses a piece that comes twice.
struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = HashMap<String, TokenId>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut ids = HashMap::new();
        while let Some((piece, id)) = map.next_entry::<String, TokenId>()? {
            if let Some(previous) = ids.insert(piece, id) {
                return Err(A::Error::custom(format!(
                    "a piece is there twice, with the ids {previous} and {id}"
                )));
            }
        }
        Ok(ids)
    }
}
