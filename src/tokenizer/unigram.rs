//! SentencePiece's unigram model: the best segmentation by Viterbi.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tokenizers::models::unigram::UnigramTrainer;
use tokenizers::{Model, Token};

use super::sentencepiece::{Piece, PieceKind, SentencePieceModel};
use super::trie::Trie;

/// `kUnkPenalty`: an unknown character scores this much below the worst piece.
const UNKNOWN_PENALTY: f32 = 10.0;

/// Where a path's score falls below this, it becomes the new zero, lest the
/// scores of a long text lose their fractions.
const REBASE_BELOW: f32 = -100_000.0;

/// A unigram model whose ids are SentencePiece's own.
#[derive(Debug, Clone)]
pub(super) struct Unigram {
    pieces: Vec<Piece>,
    ids: HashMap<String, u32>,
    trie: Trie,
    unknown: u32,
    unknown_score: f32,
    /// Of the normal pieces.
    max_score: f32,
    /// Ids of the 256 byte pieces, when unknown text is written as bytes.
    byte_pieces: Option<Vec<u32>>,
}

/// The best path that ends at a byte of the text.
#[derive(Debug, Clone, Copy)]
struct PathEnd {
    piece: u32,
    score: f32,
    /// Start of the last piece; `None` until the first path gets here.
    start: Option<usize>,
}

impl Unigram {
    pub(super) fn new(model: &SentencePieceModel) -> Self {
        // `FLT_MIN`, the smallest positive number, is what SentencePiece
        // starts from; only models with user-defined symbols show it.
        let (min_score, max_score) = model
            .pieces
            .iter()
            .filter(|piece| piece.kind == PieceKind::Normal)
            .fold((f32::MAX, f32::MIN_POSITIVE), |(min, max), piece| {
                (min.min(piece.score), max.max(piece.score))
            });
        let numbered = || model.pieces.iter().zip(0_u32..);
        let byte_pieces = model.byte_fallback.then(|| {
            let mut ids = vec![model.unknown; 256];
            for (piece, id) in numbered() {
                if let PieceKind::Byte(byte) = piece.kind {
                    ids[usize::from(byte)] = id;
                }
            }
            ids
        });
        // As `PieceToId`: what is not text comes first.
        let mut ids: HashMap<_, _> = numbered()
            .filter(|(piece, _)| piece.kind.is_text())
            .map(|(piece, id)| (piece.text.clone(), id))
            .collect();
        ids.extend(
            numbered()
                .filter(|(piece, _)| !piece.kind.is_text())
                .map(|(piece, id)| (piece.text.clone(), id)),
        );
        Self {
            trie: Trie::new(
                numbered()
                    .filter(|(piece, _)| piece.kind.is_text())
                    .map(|(piece, id)| (piece.text.as_str(), id)),
            ),
            pieces: model.pieces.clone(),
            ids,
            unknown: model.unknown,
            unknown_score: min_score - UNKNOWN_PENALTY,
            max_score,
            byte_pieces,
        }
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// SentencePiece's `PieceToId`.
    pub(super) fn piece_id(&self, piece: &str) -> u32 {
        self.ids.get(piece).copied().unwrap_or(self.unknown)
    }

    /// Whether a token stands for one byte of the text.
    pub(super) fn is_byte(&self, id: u32) -> bool {
        matches!(self.pieces[id as usize].kind, PieceKind::Byte(_))
    }

    /// The pieces of the best path as `(start, end, id)`, from the last to
    /// the first.
    ///
    /// This is `EncodeOptimized` of SentencePiece 0.2.3, in its `f32` and with
    /// its rebasing, which the published source lacks; both decide ties such
    /// as `gg` + `g` and `g` + `gg`. The first of two equals stays.
    fn best_path(&self, text: &str) -> Vec<(usize, usize, u32)> {
        let bytes = text.as_bytes();
        let mut ends = vec![
            PathEnd {
                piece: self.unknown,
                score: 0.0,
                start: None,
            };
            bytes.len() + 1
        ];
        // The last byte offset that a path has reached.
        let mut reached = 0;
        for (start, c) in text.char_indices() {
            if ends[start].score < REBASE_BELOW {
                let zero = ends[start].score;
                for end in &mut ends[start..=reached] {
                    end.score -= zero;
                }
            }
            let score_here = ends[start].score;
            let mut has_single = false;
            for (length, id) in self.trie.prefixes(&bytes[start..]) {
                let piece = &self.pieces[id as usize];
                let score = match piece.kind {
                    PieceKind::Unused => continue,
                    PieceKind::UserDefined => length as f32 * self.max_score - 0.1,
                    _ => piece.score,
                };
                let candidate = score + score_here;
                reached = reached.max(start + length);
                let end = &mut ends[start + length];
                if end.start.is_none() || candidate > end.score {
                    *end = PathEnd {
                        piece: id,
                        score: candidate,
                        start: Some(start),
                    };
                }
                has_single |= length == c.len_utf8();
            }
            if !has_single {
                reached = reached.max(start + c.len_utf8());
                let candidate = self.unknown_score + score_here;
                let end = &mut ends[start + c.len_utf8()];
                if end.start.is_none() || candidate > end.score {
                    *end = PathEnd {
                        piece: self.unknown,
                        score: candidate,
                        start: Some(start),
                    };
                }
            }
        }
        let mut path = Vec::new();
        let mut end = bytes.len();
        while let Some(start) = ends[end].start {
            path.push((start, end, ends[end].piece));
            end = start;
        }
        path
    }

    fn push_bytes(&self, byte_pieces: &[u32], text: &str, start: usize, tokens: &mut Vec<Token>) {
        tokens.extend(text.bytes().zip(start..).map(|(byte, at)| {
            let id = byte_pieces[usize::from(byte)];
            Token::new(id, self.pieces[id as usize].text.clone(), (at, at + 1))
        }));
    }
}

impl Model for Unigram {
    type Trainer = UnigramTrainer;

    /// A run of unknown characters becomes one token, or bytes.
    fn tokenize(&self, sequence: &str) -> tokenizers::Result<Vec<Token>> {
        let mut tokens: Vec<Token> = Vec::new();
        for (start, end, id) in self.best_path(sequence).into_iter().rev() {
            let text = &sequence[start..end];
            match (&self.byte_pieces, tokens.last_mut()) {
                (Some(byte_pieces), _) if id == self.unknown => {
                    self.push_bytes(byte_pieces, text, start, &mut tokens);
                }
                (None, Some(last)) if id == self.unknown && last.id == id => {
                    last.value.push_str(text);
                    last.offsets.1 = end;
                }
                _ => tokens.push(Token::new(id, text.to_owned(), (start, end))),
            }
        }
        Ok(tokens)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    fn id_to_token(&self, id: u32) -> Option<String> {
        self.pieces.get(id as usize).map(|piece| piece.text.clone())
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        self.ids.clone()
    }

    fn get_vocab_size(&self) -> usize {
        self.pieces.len()
    }

    fn save(&self, _folder: &Path, _prefix: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        Err("a SentencePiece model is read, never written".into())
    }

    /// The trait asks for a trainer; nothing here is ever trained.
    fn get_trainer(&self) -> Self::Trainer {
        UnigramTrainer::default()
    }
}
