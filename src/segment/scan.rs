//! Finding the places where a sentence might end: one table look-up a byte.

/// Bytes at which [`next`] stops: terminators, line breaks, and the first
/// bytes of everything longer that may be one (… U+2028, emoji, emoticons).
static STOPS: [bool; 256] = {
    let mut table = [false; 256];
    let stops = b".!?\n\r\x0b\x0c:;=xX^<(\xc2\xe2\xf0";
    let mut i = 0;
    while i < stops.len() {
        table[stops[i] as usize] = true;
        i += 1;
    }
    table
};

/// The first position from `from` on that needs a closer look.
pub(super) fn next(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..]
        .iter()
        .position(|&byte| STOPS[byte as usize])
        .map(|offset| from + offset)
}

/// Whether `c` breaks a line.
pub(super) const fn is_line_break(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Whether `c` may stand between the terminator of a sentence and its end.
pub(super) const fn is_closer(c: char) -> bool {
    matches!(c, ')' | ']' | '}' | '*') || is_quote(c) && !matches!(c, '‟' | '‚')
}

/// Whether `c` closes (or opens) a quotation.
pub(super) const fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\''
            | '“'
            | '”'
            | '„'
            | '‟'
            | '»'
            | '«'
            | '›'
            | '‹'
            | '’'
            | '‘'
            | '‚'
            | '´'
            | '`'
    )
}

/// Whether `c` may stand before the first word of a sentence.
pub(super) const fn is_opener(c: char) -> bool {
    is_quote(c) || matches!(c, '(' | '[' | '{' | '*' | '¿' | '¡')
}

/// Whether `c` is a superscript digit, a footnote mark.
pub(super) const fn is_superscript(c: char) -> bool {
    matches!(c, '¹' | '²' | '³' | '⁰' | '⁴'..='⁹' | '†' | '‡')
}
