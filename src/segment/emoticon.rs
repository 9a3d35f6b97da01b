//! Emoticons, emoji and the other marks that chat puts behind a sentence.

/// Length in bytes of the emoticon, run of emoji, `:name:` or `*action*` at the start of `text`.
pub(super) fn length(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let length = match first {
        ':' => typed_face(text).or_else(|| shortcode(text)),
        ';' | '=' => typed_face(text),
        'x' | 'X' => (text[1..].starts_with('D') || text[1..].starts_with('d')).then(|| {
            1 + text[1..]
                .bytes()
                .take_while(|byte| matches!(byte, b'D' | b'd'))
                .count()
        }),
        '^' => text
            .starts_with("^^")
            .then(|| text.bytes().take_while(|&byte| byte == b'^').count())
            .or_else(|| text.starts_with("^_^").then_some(3)),
        '<' => text.starts_with("<3").then_some(2),
        '(' => ["(-:", "(:", "(-;", "(;"]
            .iter()
            .find(|face| text.starts_with(**face))
            .map(|face| face.len()),
        '*' => action(text),
        _ if is_emoji(first) => Some(
            text.find(|c| !is_emoji(c) && !matches!(c, '\u{fe0f}' | '\u{200d}' | ' '))
                .map_or(text.len(), |end| text[..end].trim_end_matches(' ').len()),
        ),
        _ => None,
    }?;
    // A face is a word of its own: ":D" but not ":Dazu", "xD" but not "xDSL".
    let after = text[length..].chars().next();
    (!after.is_some_and(char::is_alphanumeric) || is_emoji(first)).then_some(length)
}

/// `:-)`, `;o)`, `=D`, `:'(`, `:))`.
fn typed_face(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < 3 && bytes.get(at).is_some_and(|b| b"-o'^O".contains(b)) {
        at += 1;
    }
    let mouth = *bytes.get(at)?;
    if !b")(DPpOo/\\|*]>[3".contains(&mouth) || (at == 1 && b"/>[3".contains(&mouth)) {
        return None;
    }
    at += bytes[at..].iter().take_while(|&&b| b == mouth).count();
    Some(at)
}

/// `:wink:`.
fn shortcode(text: &str) -> Option<usize> {
    let name = text[1..]
        .bytes()
        .take_while(|b| b.is_ascii_lowercase() || *b == b'_')
        .count();
    (name > 1 && text[1 + name..].starts_with(':')).then_some(name + 2)
}

/// `*lach*`, `* guck *`.
fn action(text: &str) -> Option<usize> {
    let inner = &text[1..];
    let close = inner
        .char_indices()
        .take(48)
        .take_while(|&(_, c)| c.is_alphabetic() || matches!(c, ' ' | ',' | '*'))
        .find(|&(at, c)| c == '*' && at > 0)?
        .0;
    let word = inner[..close].trim();
    (!word.is_empty()
        && word
            .chars()
            .all(|c| c.is_lowercase() || matches!(c, ' ' | ',')))
    .then_some(close + 2)
}

/// Whether `c` is a pictogram.
pub(super) const fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b50}' | '\u{2b55}')
}
