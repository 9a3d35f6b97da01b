//! Bytes in any encoding to UTF-8.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use encoding_rs::{
    BIG5, Decoder, DecoderResult, EUC_JP, EUC_KR, Encoding, GB18030, GBK, IBM866, ISO_8859_2,
    ISO_8859_15, KOI8_R, MACINTOSH, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1250,
    WINDOWS_1251, WINDOWS_1252, WINDOWS_1254, WINDOWS_1258,
};

/// Bytes that are decoded at once.
const CHUNK: usize = 64 * 1024;

/// A name is offered as a correction from this Jaro-Winkler similarity on.
const SIMILAR: f64 = 0.8;

/// How bytes stand for text: a name of the WHATWG Encoding Standard, or `auto`,
/// which is UTF-8. A byte order mark overrules either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEncoding(&'static Encoding);

impl Default for TextEncoding {
    fn default() -> Self {
        Self(UTF_8)
    }
}

/// Text that names no encoding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no encoding is called `{name}`{}", suggestion.map_or_else(
    || " (known are the names of the WHATWG Encoding Standard, such as `utf-16le` or `windows-1252`)".to_owned(),
    |suggestion| format!("; did you mean `{suggestion}`?"),
))]
pub struct ParseEncodingError {
    name: String,
    suggestion: Option<&'static str>,
}

impl FromStr for TextEncoding {
    type Err = ParseEncodingError;

    /// Reads a name or label in any case, also with other hyphens than it has:
    /// `latin-1`, `UTF8`.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name.eq_ignore_ascii_case("auto") {
            return Ok(Self::default());
        }
        let of_label = |label: &str| Encoding::for_label_no_replacement(label.as_bytes());
        of_label(name)
            .or_else(|| of_label(&name.replace(['-', '_', ' '], "")))
            .map(Self)
            .ok_or_else(|| ParseEncodingError {
                name: name.to_owned(),
                suggestion: most_similar(&name.to_lowercase()),
            })
    }
}

fn most_similar(name: &str) -> Option<&'static str> {
    [
        UTF_8,
        UTF_16LE,
        UTF_16BE,
        WINDOWS_1252,
        WINDOWS_1250,
        WINDOWS_1251,
        WINDOWS_1254,
        WINDOWS_1258,
        ISO_8859_15,
        ISO_8859_2,
        MACINTOSH,
        IBM866,
        KOI8_R,
        GBK,
        GB18030,
        BIG5,
        EUC_JP,
        EUC_KR,
        SHIFT_JIS,
    ]
    .map(|encoding| {
        let known = encoding.name();
        (strsim::jaro_winkler(name, &known.to_lowercase()), known)
    })
    .into_iter()
    .filter(|(similarity, _)| *similarity >= SIMILAR)
    .max_by(|a, b| a.0.total_cmp(&b.0))
    .map(|(_, known)| known)
}

impl TextEncoding {
    /// Whether bytes are the text itself.
    #[must_use]
    pub fn is_utf8(self) -> bool {
        self.0 == UTF_8
    }

    /// Its name in the Encoding Standard.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl fmt::Display for TextEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// Bytes that do not stand for text in the encoding that they are read in; the
/// cause of an [`io::Error`] of [`Decoded`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid {encoding} at byte {offset}")]
pub struct Malformed {
    /// The encoding's name.
    pub encoding: &'static str,
    /// Offset of the first of these bytes in the input.
    pub offset: usize,
}

/// What stands for malformed bytes in a [`Decoded::marking`] text: a byte that
/// is not in UTF-8.
const MARK: u8 = 0xFF;

/// Input as UTF-8, decoded while it is read.
///
/// UTF-8 is passed on as it is, its byte order mark included; whether it is
/// valid is for who makes text of it. The byte order mark of UTF-16 is dropped.
/// Where other encodings are malformed, nothing is replaced: reading fails, or
/// gives out a byte that is invalid in UTF-8 ([`Decoded::marking`]).
pub struct Decoded<R> {
    input: R,
    encoding: TextEncoding,
    marking: bool,
    state: State,
}

enum State {
    /// Nothing is read yet.
    Start,
    /// UTF-8; these bytes, read in search of a byte order mark, come first.
    Utf8 {
        head: Vec<u8>,
    },
    Other(Box<Other>),
}

/// Text in an encoding that has to be decoded.
struct Other {
    decoder: Decoder,
    /// Read, but not decoded: `bytes[next..]`.
    bytes: Vec<u8>,
    next: usize,
    /// Offset of `bytes` in the input.
    offset: usize,
    /// Decoded, but not given out: `text[given..]`.
    text: Vec<u8>,
    given: usize,
    /// What stands behind the text.
    malformed: Option<Malformed>,
    marking: bool,
    finished: bool,
}

impl<R> fmt::Debug for Decoded<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded")
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Decoded<R> {
    /// Reads `input` in this encoding, unless its byte order mark says another.
    pub fn new(input: R, encoding: TextEncoding) -> Self {
        Self {
            input,
            encoding,
            marking: false,
            state: State::Start,
        }
    }

    /// Does not fail where the input is malformed, but gives out an invalid byte
    /// there and goes on, so that one line is lost and not all behind it.
    #[must_use]
    pub fn marking(self) -> Self {
        Self {
            marking: true,
            ..self
        }
    }

    /// The encoding that the input is read in, a byte order mark considered.
    ///
    /// # Errors
    ///
    /// When the first bytes cannot be read.
    pub fn encoding(&mut self) -> io::Result<TextEncoding> {
        if matches!(self.state, State::Start) {
            self.state = self.start()?;
        }
        Ok(match &self.state {
            State::Other(other) => TextEncoding(other.decoder.encoding()),
            State::Utf8 { .. } | State::Start => TextEncoding(UTF_8),
        })
    }

    /// Looks for a byte order mark, reading no more bytes than that takes: who
    /// types a line is answered.
    fn start(&mut self) -> io::Result<State> {
        let mut head = Vec::new();
        while may_be_mark(&head) {
            let before = head.len();
            self.input.by_ref().take(1).read_to_end(&mut head)?;
            if head.len() == before {
                break;
            }
        }
        let (encoding, mark) =
            Encoding::for_bom(&head).map_or((self.encoding.0, 0), |(found, len)| (found, len));
        if encoding == UTF_8 {
            return Ok(State::Utf8 { head });
        }
        Ok(State::Other(Box::new(Other {
            decoder: encoding.new_decoder_without_bom_handling(),
            bytes: head,
            next: mark,
            offset: 0,
            text: Vec::new(),
            given: 0,
            malformed: None,
            marking: self.marking,
            finished: false,
        })))
    }
}

/// Whether these bytes could go on to be a byte order mark.
fn may_be_mark(head: &[u8]) -> bool {
    matches!(head, [] | [0xEF | 0xFE | 0xFF] | [0xEF, 0xBB])
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.encoding()?;
        match &mut self.state {
            State::Utf8 { head } if !head.is_empty() => {
                let count = head.len().min(buffer.len());
                buffer[..count].copy_from_slice(&head[..count]);
                head.drain(..count);
                Ok(count)
            }
            State::Other(other) => other.read(&mut self.input, buffer),
            State::Utf8 { .. } | State::Start => self.input.read(buffer),
        }
    }
}

impl Other {
    fn read(&mut self, input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            if let Some(malformed) = self.malformed {
                return Err(io::Error::new(io::ErrorKind::InvalidData, malformed));
            }
            if self.finished {
                return Ok(0);
            }
            self.decode(input)?;
        }
        let rest = &self.text[self.given..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.given += count;
        Ok(count)
    }

    /// Decodes what is there, or else what can be read.
    fn decode(&mut self, input: &mut impl Read) -> io::Result<()> {
        if self.next == self.bytes.len() {
            self.offset += self.bytes.len();
            self.next = 0;
            self.bytes.resize(CHUNK, 0);
            let read = input.read(&mut self.bytes);
            self.bytes.truncate(*read.as_ref().unwrap_or(&0));
            read?;
        }
        let last = self.bytes.is_empty();
        // Three bytes of UTF-8 for one of the input are the most there can be.
        self.text.resize(3 * CHUNK, 0);
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
            &self.bytes[self.next..],
            &mut self.text,
            last,
        );
        self.next += read;
        self.text.truncate(written);
        self.given = 0;
        match result {
            DecoderResult::Malformed(..) if self.marking => self.text.push(MARK),
            DecoderResult::Malformed(length, after) => {
                let end = self.offset + self.next - usize::from(after);
                self.malformed = Some(Malformed {
                    encoding: self.decoder.encoding().name(),
                    offset: end - usize::from(length),
                });
            }
            DecoderResult::InputEmpty => self.finished = last,
            DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives out a few bytes at a time, as a pipe does.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len());
            (&mut self.0).take(count as u64).read(buffer)
        }
    }

    fn decoded(bytes: &[u8], encoding: &str, step: usize) -> io::Result<String> {
        let mut text = String::new();
        let encoding = encoding.parse().unwrap();
        Decoded::new(Trickle(bytes, step), encoding).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn a_byte_order_mark_overrules_the_name() {
        let little = b"\xff\xfeG\0r\0\xfc\0\xdf\0e\0";
        let big = b"\xfe\xff\0G\0r\0\xfc\0\xdf\0e";
        for encoding in ["auto", "utf-8", "windows-1252"] {
            assert_eq!(decoded(little, encoding, 1).unwrap(), "Grüße");
            assert_eq!(decoded(big, encoding, 5).unwrap(), "Grüße");
            let marked = "\u{feff}Grüße".as_bytes();
            assert_eq!(decoded(marked, encoding, 2).unwrap(), "\u{feff}Grüße");
        }
        assert_eq!(decoded(b"\xef", "windows-1252", 1).unwrap(), "ï");
        assert_eq!(decoded(b"", "utf-16le", 1).unwrap(), "");
    }

    #[test]
    fn malformed_bytes_are_named_by_their_place() {
        // A lone surrogate, half a code unit at the end, a lead byte without its trail.
        for (bytes, encoding, offset) in [
            (&b"\xff\xfea\0\0\xd8b\0"[..], "auto", 4),
            (b"a\0b\0c", "utf-16le", 4),
            (b"abc\x81", "shift_jis", 3),
            (b"abc\x81\x20def", "shift_jis", 3),
        ] {
            for step in [1, 3, 100] {
                let error = decoded(bytes, encoding, step).unwrap_err();
                let malformed = error.downcast::<Malformed>().unwrap();
                assert_eq!(malformed.offset, offset, "{encoding} {step}");
            }
        }
        let mut long = vec![b'a'; 3 * CHUNK];
        long.push(0x81);
        let error = decoded(&long, "shift_jis", usize::MAX).unwrap_err();
        assert_eq!(error.downcast::<Malformed>().unwrap().offset, 3 * CHUNK);
    }

    /// As `encoding_rs` replaces it, with another mark.
    #[test]
    fn what_is_malformed_can_be_marked() {
        for (bytes, encoding) in [
            (&b"\xff\xfea\0\0\xd8b\0\0\xdc\0\xd8"[..], "utf-16le"),
            (b"a\0b\0c", "utf-16le"),
            (b"abc\x81\x20def\x81", "shift_jis"),
            (b"\x81\x81\x81", "euc-kr"),
        ] {
            let known: TextEncoding = encoding.parse().unwrap();
            let (replaced, ..) = known.0.decode(bytes);
            for step in [1, 3, 100] {
                let mut text = Vec::new();
                let mut decoded = Decoded::new(Trickle(bytes, step), known).marking();
                assert_eq!(decoded.encoding().unwrap(), known);
                decoded.read_to_end(&mut text).unwrap();
                let marked = String::from_utf8_lossy(&text);
                assert_eq!(marked, replaced, "{encoding} {step}");
                assert!(std::str::from_utf8(&text).is_err());
            }
        }
    }

    #[test]
    fn encodings_are_known_by_many_names() {
        for (name, encoding) in [
            ("auto", "UTF-8"),
            ("utf8", "UTF-8"),
            ("UTF-16", "UTF-16LE"),
            ("latin1", "windows-1252"),
            ("latin-1", "windows-1252"),
            ("latin_1", "windows-1252"),
            ("ISO-8859-15", "ISO-8859-15"),
            ("cp1252", "windows-1252"),
        ] {
            let parsed: TextEncoding = name.parse().expect(name);
            assert_eq!(parsed.to_string(), encoding);
        }
        for (name, suggestion) in [
            ("windows1252", "did you mean `windows-1252`?"),
            ("utf-7", "did you mean `UTF-8`?"),
            ("klingon", "WHATWG"),
        ] {
            let error = name.parse::<TextEncoding>().unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains(suggestion),
                "{error}"
            );
        }
    }

    proptest! {
        /// encoding_rs, which decodes all at once, and the standard library's
        /// UTF-16 are the references.
        #[test]
        fn any_text_in_any_pieces(text in "\\PC{0,80}", step in 1_usize..9) {
            let units = text.encode_utf16().flat_map(u16::to_be_bytes);
            let utf16: Vec<u8> = units.collect();
            prop_assert_eq!(&decoded(&utf16, "utf-16be", step).unwrap(), &text);
            for encoding in [GB18030, EUC_JP, WINDOWS_1258] {
                let (bytes, _, _) = encoding.encode(&text);
                let (whole, _) = encoding.decode_without_bom_handling(&bytes);
                prop_assert_eq!(decoded(&bytes, encoding.name(), step).unwrap(), whole);
            }
        }
    }
}
