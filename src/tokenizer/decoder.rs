//! From ids back to text, as SentencePiece's `DecodePieces`.

use super::sentencepiece::{PieceKind, SPACE};
use super::unigram::Unigram;
use super::vocabulary::Vocabulary;
use super::{Decoded, TokenId};
use crate::document::Span;

/// What one id contributes to the text.
enum Surface<'a> {
    /// Nothing.
    Control,
    /// The same text wherever it stands.
    Fixed(&'a str),
    /// A piece, whose [`SPACE`]s become spaces.
    Piece(&'a str),
    /// A byte of a character.
    Byte(u8),
}

/// Decodes with the pieces of `vocabulary` and the rules of `model`.
pub(super) fn decode(
    ids: &[TokenId],
    vocabulary: &Vocabulary,
    model: &Unigram,
    rules: &DecodingRules,
) -> Decoded {
    let mut decoded = Decoded::default();
    let mut bytes = Vec::new();
    let mut at_start = true;
    let mut space_dropped = false;
    for &id in ids {
        let surface = surface(id, vocabulary, model, rules);
        if let Surface::Byte(byte) = surface {
            bytes.push(byte);
            continue;
        }
        push_bytes(&mut bytes, &mut decoded);
        at_start &= !space_dropped && decoded.text.is_empty();
        space_dropped = false;
        let start = decoded.text.len();
        match surface {
            Surface::Control | Surface::Byte(_) => {}
            Surface::Fixed(text) => decoded.text.push_str(text),
            Surface::Piece(piece) => {
                let rest = piece
                    .strip_prefix(SPACE)
                    .filter(|_| at_start && rules.drop_first_space);
                // All leading spaces go where extra ones are removed, else one.
                space_dropped = rest.is_some() && !rules.drop_all_first_spaces;
                decoded.text.extend(
                    rest.unwrap_or(piece)
                        .chars()
                        .map(|c| if c == SPACE { ' ' } else { c }),
                );
            }
        }
        decoded.spans.push(Span::new(start, decoded.text.len()));
    }
    push_bytes(&mut bytes, &mut decoded);
    decoded
}

/// What SentencePiece's decoder reads from the model file.
#[derive(Debug, Clone)]
pub(super) struct DecodingRules {
    pub(super) drop_first_space: bool,
    pub(super) drop_all_first_spaces: bool,
    pub(super) unk_surface: String,
}

fn surface<'a>(
    id: TokenId,
    vocabulary: &'a Vocabulary,
    model: &'a Unigram,
    rules: &'a DecodingRules,
) -> Surface<'a> {
    if vocabulary.is_control(id) {
        return Surface::Control;
    }
    // As MarianTokenizer: an id that vocab.json lacks is tried as the spm
    // file's own. Past that SentencePiece throws; here it is unknown.
    let piece = match vocabulary.piece(id) {
        _ if id == vocabulary.unk => None,
        Some(piece) => Some(piece),
        None => model
            .pieces()
            .get(id as usize)
            .map(|piece| piece.text.as_str()),
    };
    let Some(piece) = piece else {
        // Here `<unk>` becomes SentencePiece's " ⁇ "; transformers leaves it
        // out with `skip_special_tokens`.
        return Surface::Fixed(&rules.unk_surface);
    };
    let known = &model.pieces()[model.piece_id(piece) as usize];
    match known.kind {
        PieceKind::Control => Surface::Control,
        PieceKind::Byte(byte) => Surface::Byte(byte),
        PieceKind::Unknown if known.text == piece => Surface::Fixed(&rules.unk_surface),
        // A piece of the other language's model stays as it is in
        // SentencePiece; MarianTokenizer turns what U+2581 is left into
        // spaces and trims, and so do we.
        _ => Surface::Piece(piece),
    }
}

/// Appends a run of bytes, a character at a time: its last byte gets the
/// character, a byte that is part of none becomes U+FFFD.
fn push_bytes(bytes: &mut Vec<u8>, decoded: &mut Decoded) {
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (character, length) = first_char(rest);
        let start = decoded.text.len();
        decoded
            .spans
            .extend((1..length).map(|_| Span::new(start, start)));
        decoded.text.push(character);
        decoded.spans.push(Span::new(start, decoded.text.len()));
        rest = &rest[length..];
    }
    bytes.clear();
}

/// The character that `bytes` start with and its length.
fn first_char(bytes: &[u8]) -> (char, usize) {
    (1..=bytes.len().min(4))
        .find_map(|length| {
            let c = std::str::from_utf8(&bytes[..length]).ok()?.chars().next()?;
            Some((c, length))
        })
        .unwrap_or((char::REPLACEMENT_CHARACTER, 1))
}
