//! The parts of a SentencePiece model file that tokenising needs.
//!
//! Field numbers and defaults are those of `sentencepiece_model.proto` in
//! google/sentencepiece; fields that are not listed are skipped by `prost`.

use std::collections::HashSet;
use std::path::Path;

use prost::Message;

use crate::{Error, error};

/// SentencePiece's stand-in for a space, U+2581.
pub(super) const SPACE: char = '\u{2581}';

/// SentencePiece refuses pieces of this many bytes, and so do we: the length
/// bounds the work per position of the text.
const MAX_PIECE_BYTES: usize = 8000;

#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pub(super) pieces: Vec<PieceProto>,
    #[prost(message, optional, tag = "2")]
    pub(super) trainer_spec: Option<TrainerSpec>,
    #[prost(message, optional, tag = "3")]
    pub(super) normalizer_spec: Option<NormalizerSpec>,
    #[prost(message, optional, tag = "5")]
    pub(super) denormalizer_spec: Option<NormalizerSpec>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PieceProto {
    #[prost(string, optional, tag = "1")]
    pub(super) piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub(super) score: Option<f32>,
    #[prost(int32, optional, tag = "3", default = "1")]
    pub(super) kind: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct TrainerSpec {
    #[prost(int32, optional, tag = "3", default = "1")]
    pub(super) model_type: Option<i32>,
    #[prost(bool, optional, tag = "24", default = "false")]
    pub(super) treat_whitespace_as_suffix: Option<bool>,
    #[prost(bool, optional, tag = "35", default = "false")]
    pub(super) byte_fallback: Option<bool>,
    #[prost(string, optional, tag = "44", default = " \u{2047} ")]
    pub(super) unk_surface: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NormalizerSpec {
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) precompiled_charsmap: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "3", default = "true")]
    pub(super) add_dummy_prefix: Option<bool>,
    #[prost(bool, optional, tag = "4", default = "true")]
    pub(super) remove_extra_whitespaces: Option<bool>,
    #[prost(bool, optional, tag = "5", default = "true")]
    pub(super) escape_whitespaces: Option<bool>,
}

/// What a piece is for (`ModelProto.SentencePiece.Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceKind {
    /// A piece of text with a score.
    Normal,
    /// Stands for text that no piece covers.
    Unknown,
    /// `<s>`, `</s>`: never made from text, decodes to nothing.
    Control,
    /// Text that is kept whole and is not normalised.
    UserDefined,
    /// Known, but never chosen.
    Unused,
    /// `<0x00>` to `<0xFF>`.
    Byte(u8),
}

impl PieceKind {
    /// Whether pieces of this kind may be matched against text.
    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Normal | Self::UserDefined | Self::Unused)
    }
}

/// One entry of the model's piece table; its index is SentencePiece's own id.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) text: String,
    /// Log-probability.
    pub(super) score: f32,
    pub(super) kind: PieceKind,
}

/// A checked SentencePiece unigram model.
#[derive(Debug)]
pub(super) struct SentencePieceModel {
    pub(super) pieces: Vec<Piece>,
    /// Index of the one piece of kind [`PieceKind::Unknown`].
    pub(super) unknown: u32,
    pub(super) byte_fallback: bool,
    /// What `<unk>` decodes to.
    pub(super) unk_surface: String,
    pub(super) charsmap: Vec<u8>,
    pub(super) whitespace: Whitespace,
}

/// What the normaliser does about spaces.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the switches of SentencePiece's NormalizerSpec, independent of each other"
)]
pub(super) struct Whitespace {
    /// A space is added in front of the text, or after it with `as_suffix`.
    pub(super) add_dummy_prefix: bool,
    /// Leading, trailing and repeated spaces are dropped.
    pub(super) remove_extra: bool,
    /// A space becomes [`SPACE`].
    pub(super) escape: bool,
    /// The space belongs to the end of a word rather than its start.
    pub(super) as_suffix: bool,
}

impl SentencePieceModel {
    /// Reads and checks a `.spm` file; `path` is for messages only.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> error::Result<Self> {
        let refuse = |reason: String| Error::model_file(path, reason);
        let proto = ModelProto::decode(bytes).map_err(|error| {
            refuse(format!(
                "not a SentencePiece model ({error}); download the file again"
            ))
        })?;
        let trainer = proto.trainer_spec.unwrap_or_default();
        let normalizer = proto.normalizer_spec.unwrap_or_default();
        check_model_type(trainer.model_type()).map_err(refuse)?;
        if proto
            .denormalizer_spec
            .is_some_and(|spec| !spec.precompiled_charsmap().is_empty())
        {
            return Err(refuse(
                "it has a denormalizer, which is not supported".to_owned(),
            ));
        }
        let (pieces, unknown) =
            check_pieces(proto.pieces, trainer.byte_fallback()).map_err(refuse)?;
        Ok(Self {
            pieces,
            unknown,
            byte_fallback: trainer.byte_fallback(),
            unk_surface: trainer.unk_surface().to_owned(),
            whitespace: Whitespace {
                add_dummy_prefix: normalizer.add_dummy_prefix(),
                remove_extra: normalizer.remove_extra_whitespaces(),
                escape: normalizer.escape_whitespaces(),
                as_suffix: trainer.treat_whitespace_as_suffix(),
            },
            charsmap: normalizer.precompiled_charsmap.unwrap_or_default(),
        })
    }
}

/// Only unigram models: opus-mt has no others.
fn check_model_type(model_type: i32) -> Result<(), String> {
    let name = match model_type {
        1 => return Ok(()),
        2 => "BPE",
        3 => "word",
        4 => "character",
        _ => "unknown",
    };
    Err(format!(
        "a SentencePiece model of type {name} (model_type {model_type}); only unigram models are supported"
    ))
}

/// The conditions under which SentencePiece itself loads a piece table, and
/// finite scores.
fn check_pieces(protos: Vec<PieceProto>, byte_fallback: bool) -> Result<(Vec<Piece>, u32), String> {
    let mut pieces = Vec::with_capacity(protos.len());
    let mut unknown = None;
    let mut bytes_found = [false; 256];
    for (index, proto) in protos.into_iter().enumerate() {
        let piece = check_piece(proto).map_err(|reason| format!("piece {index} {reason}"))?;
        match piece.kind {
            PieceKind::Unknown if unknown.is_some() => {
                return Err(format!("piece {index} is a second unknown piece"));
            }
            PieceKind::Unknown => unknown = Some(index as u32),
            PieceKind::Byte(_) if !byte_fallback => {
                return Err(format!(
                    "piece {index} is a byte piece although byte_fallback is off"
                ));
            }
            PieceKind::Byte(byte) => bytes_found[usize::from(byte)] = true,
            _ => {}
        }
        pieces.push(piece);
    }
    let unknown = unknown.ok_or("it has no unknown piece")?;
    if byte_fallback && bytes_found.contains(&false) {
        return Err("byte_fallback is on, but not all 256 byte pieces are there".to_owned());
    }
    if !pieces.iter().any(|piece| piece.kind.is_text()) {
        return Err("it has no piece for text".to_owned());
    }
    refuse_duplicates(&pieces)?;
    Ok((pieces, unknown))
}

fn check_piece(proto: PieceProto) -> Result<Piece, String> {
    let kind = proto.kind();
    let score = proto.score();
    let text = proto.piece.unwrap_or_default();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    if text.len() >= MAX_PIECE_BYTES {
        return Err(format!("is {} bytes long", text.len()));
    }
    if text.contains('\0') {
        return Err(format!("({text:?}) has a null character"));
    }
    if !score.is_finite() {
        return Err(format!("({text}) has the score {score}"));
    }
    let kind = match kind {
        1 => PieceKind::Normal,
        2 => PieceKind::Unknown,
        3 => PieceKind::Control,
        4 => PieceKind::UserDefined,
        5 => PieceKind::Unused,
        6 => PieceKind::Byte(
            byte_of_piece(&text).ok_or_else(|| format!("({text}) is no byte piece"))?,
        ),
        other => return Err(format!("({text}) has the unknown type {other}")),
    };
    Ok(Piece { text, score, kind })
}

/// Text pieces are unique among themselves, and so are the others; a control
/// piece may look like a text piece.
fn refuse_duplicates(pieces: &[Piece]) -> Result<(), String> {
    let mut seen = HashSet::with_capacity(pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        if !seen.insert((piece.kind.is_text(), piece.text.as_str())) {
            return Err(format!(
                "piece {index} ({}) is there a second time",
                piece.text
            ));
        }
    }
    Ok(())
}

/// `<0x41>` → `0x41`; the digits are upper case.
fn byte_of_piece(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    let byte = u8::from_str_radix(digits, 16).ok()?;
    (digits == format!("{byte:02X}")).then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NORMAL: i32 = 1;
    const UNKNOWN: i32 = 2;
    const BYTE: i32 = 6;

    fn piece(text: &str, score: f32, kind: i32) -> PieceProto {
        PieceProto {
            piece: Some(text.to_owned()),
            score: Some(score),
            kind: Some(kind),
        }
    }

    fn parse(proto: &ModelProto) -> Result<SentencePieceModel, String> {
        SentencePieceModel::parse(Path::new("x.spm"), &proto.encode_to_vec())
            .map_err(|error| error.to_string())
    }

    fn model(pieces: Vec<PieceProto>) -> ModelProto {
        ModelProto {
            pieces,
            ..ModelProto::default()
        }
    }

    #[test]
    fn absent_fields_have_the_defaults_of_sentencepiece() {
        let model = parse(&model(vec![
            piece("<unk>", 0.0, UNKNOWN),
            PieceProto {
                piece: Some("a".to_owned()),
                score: None,
                kind: None,
            },
        ]))
        .unwrap();
        assert_eq!(model.pieces[1].kind, PieceKind::Normal);
        assert_eq!(model.unk_surface, " ⁇ ");
        assert!(model.whitespace.add_dummy_prefix);
        assert!(model.whitespace.remove_extra);
        assert!(model.whitespace.escape);
        assert!(!model.whitespace.as_suffix);
        assert!(!model.byte_fallback);
    }

    #[test]
    fn pieces_that_sentencepiece_would_not_load_are_refused_with_their_number() {
        let long = "a".repeat(MAX_PIECE_BYTES);
        for (pieces, expected) in [
            (vec![], "it has no unknown piece"),
            (vec![piece("a", 0.0, NORMAL)], "it has no unknown piece"),
            (vec![piece("a", 0.0, UNKNOWN)], "it has no piece for text"),
            (
                vec![piece("a", 0.0, UNKNOWN), piece("b", 0.0, UNKNOWN)],
                "piece 1 is a second unknown piece",
            ),
            (vec![piece("", 0.0, NORMAL)], "piece 0 is empty"),
            (
                vec![piece("a\0", 0.0, NORMAL)],
                r#"piece 0 ("a\0") has a null character"#,
            ),
            (
                vec![piece(&long, 0.0, NORMAL)],
                "piece 0 is 8000 bytes long",
            ),
            (
                vec![piece("a", f32::NAN, NORMAL)],
                "piece 0 (a) has the score NaN",
            ),
            (
                vec![piece("a", f32::NEG_INFINITY, NORMAL)],
                "piece 0 (a) has the score -inf",
            ),
            (
                vec![piece("a", 0.0, 9)],
                "piece 0 (a) has the unknown type 9",
            ),
            (
                vec![piece("<0x4a>", 0.0, BYTE)],
                "piece 0 (<0x4a>) is no byte piece",
            ),
            (
                vec![piece("<0x4A>", 0.0, BYTE)],
                "piece 0 is a byte piece although byte_fallback is off",
            ),
            (
                vec![
                    piece("u", 0.0, UNKNOWN),
                    piece("a", 0.0, NORMAL),
                    piece("a", -1.0, NORMAL),
                ],
                "piece 2 (a) is there a second time",
            ),
        ] {
            let error = parse(&model(pieces)).unwrap_err();
            assert_eq!(error, format!("could not use x.spm: {expected}"));
        }
    }

    #[test]
    fn models_of_other_kinds_are_refused_by_name() {
        let with = |trainer_spec| ModelProto {
            pieces: vec![piece("<unk>", 0.0, UNKNOWN), piece("a", 0.0, NORMAL)],
            trainer_spec: Some(trainer_spec),
            ..ModelProto::default()
        };
        for (spec, expected) in [
            (
                TrainerSpec {
                    model_type: Some(2),
                    ..TrainerSpec::default()
                },
                "of type BPE (model_type 2)",
            ),
            (
                TrainerSpec {
                    byte_fallback: Some(true),
                    ..TrainerSpec::default()
                },
                "not all 256 byte pieces are there",
            ),
        ] {
            let error = parse(&with(spec)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_no_model_is_refused() {
        for bytes in [&b"\xff\xff\xff"[..], b"\x0a\xff\xff\xff\xff\x7f", b"<html>"] {
            let error = SentencePieceModel::parse(Path::new("x.spm"), bytes).unwrap_err();
            assert!(
                error.to_string().contains("not a SentencePiece model"),
                "{error}"
            );
        }
    }
}
