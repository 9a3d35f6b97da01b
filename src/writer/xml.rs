//! Text for XML and HTML; quick-xml does the escaping.

use std::borrow::Cow;

use quick_xml::escape::partial_escape;
use quick_xml::events::BytesText;

/// Text as the content of an element.
pub(super) fn content(text: &str) -> BytesText<'_> {
    BytesText::from_escaped(partial_escape(text))
}

/// Whether XML 1.0 has the character: "any Unicode character, excluding the
/// surrogate blocks, FFFE, and FFFF", and of the controls only tab, line feed
/// and carriage return (<https://www.w3.org/TR/xml/#charsets>).
pub(super) fn is_xml_char(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// The text without characters that XML 1.0 forbids. A control character becomes
/// its picture (U+0001 `␁`), so that a reader sees what stood there; one that is
/// white space becomes a space, so that words stay words; a noncharacter becomes
/// U+FFFD.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_xml_char) {
        return Cow::Borrowed(text);
    }
    let picture = |c: char| match c {
        _ if is_xml_char(c) => c,
        '\u{b}' | '\u{c}' => ' ',
        '\0'..='\u{1f}' => {
            char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => char::REPLACEMENT_CHARACTER,
    };
    Cow::Owned(text.chars().map(picture).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_is_shown_as_a_picture() {
        for (text, expected) in [
            ("Grüße\t\r\n\u{7f}\u{85}😀", "Grüße\t\r\n\u{7f}\u{85}😀"),
            ("a\0b\u{1}c\u{1b}[0m\u{1f}", "a␀b␁c␛[0m␟"),
            ("a\u{b}b\u{c}c", "a b c"),
            ("\u{fffe}\u{ffff}", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(printable(text), expected, "{text:?}");
        }
    }
}
