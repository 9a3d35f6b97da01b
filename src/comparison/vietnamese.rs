//! Vietnamese spellings that differ without meaning: composed or combining
//! characters, and where the tone mark stands.

use unicode_normalization::UnicodeNormalization;

use crate::metrics::Signature;

/// A vowel without tone, and with each of the five.
const VOWELS: [[char; 6]; 24] = [
    ['a', 'à', 'á', 'ả', 'ã', 'ạ'],
    ['ă', 'ằ', 'ắ', 'ẳ', 'ẵ', 'ặ'],
    ['â', 'ầ', 'ấ', 'ẩ', 'ẫ', 'ậ'],
    ['e', 'è', 'é', 'ẻ', 'ẽ', 'ẹ'],
    ['ê', 'ề', 'ế', 'ể', 'ễ', 'ệ'],
    ['i', 'ì', 'í', 'ỉ', 'ĩ', 'ị'],
    ['o', 'ò', 'ó', 'ỏ', 'õ', 'ọ'],
    ['ô', 'ồ', 'ố', 'ổ', 'ỗ', 'ộ'],
    ['ơ', 'ờ', 'ớ', 'ở', 'ỡ', 'ợ'],
    ['u', 'ù', 'ú', 'ủ', 'ũ', 'ụ'],
    ['ư', 'ừ', 'ứ', 'ử', 'ữ', 'ự'],
    ['y', 'ỳ', 'ý', 'ỷ', 'ỹ', 'ỵ'],
    ['A', 'À', 'Á', 'Ả', 'Ã', 'Ạ'],
    ['Ă', 'Ằ', 'Ắ', 'Ẳ', 'Ẵ', 'Ặ'],
    ['Â', 'Ầ', 'Ấ', 'Ẩ', 'Ẫ', 'Ậ'],
    ['E', 'È', 'É', 'Ẻ', 'Ẽ', 'Ẹ'],
    ['Ê', 'Ề', 'Ế', 'Ể', 'Ễ', 'Ệ'],
    ['I', 'Ì', 'Í', 'Ỉ', 'Ĩ', 'Ị'],
    ['O', 'Ò', 'Ó', 'Ỏ', 'Õ', 'Ọ'],
    ['Ô', 'Ồ', 'Ố', 'Ổ', 'Ỗ', 'Ộ'],
    ['Ơ', 'Ờ', 'Ớ', 'Ở', 'Ỡ', 'Ợ'],
    ['U', 'Ù', 'Ú', 'Ủ', 'Ũ', 'Ụ'],
    ['Ư', 'Ừ', 'Ứ', 'Ử', 'Ữ', 'Ự'],
    ['Y', 'Ỳ', 'Ý', 'Ỷ', 'Ỹ', 'Ỵ'],
];

/// Composes characters (NFC), and writes the tone of `oa`, `oe` and `uy` at the
/// end of a word on the second vowel, as in `hoà` for `hòa`; and that of `qu`
/// on the vowel behind it.
#[must_use]
pub fn normalize_vietnamese(text: &str) -> String {
    let mut chars: Vec<char> = text.nfc().collect();
    for at in 1..chars.len() {
        let (Some((first, tone)), Some((second, 0))) = (vowel(chars[at - 1]), vowel(chars[at]))
        else {
            continue;
        };
        let before = at.checked_sub(2).map(|before| chars[before]);
        let ends_word = chars.get(at + 1).is_none_or(|next| !next.is_alphabetic());
        let pair = [first, second].map(|row| VOWELS[row][0].to_ascii_lowercase());
        let is_open = ends_word && matches!(pair, ['o', 'a' | 'e'] | ['u', 'y']);
        let is_onset = pair[0] == 'u' && matches!(before, Some('q' | 'Q'));
        if tone > 0 && (is_open || is_onset) {
            chars[at - 1] = VOWELS[first][0];
            chars[at] = VOWELS[second][tone];
        }
    }
    chars.into_iter().collect()
}

/// The row and the tone of a vowel.
fn vowel(c: char) -> Option<(usize, usize)> {
    let mut rows = VOWELS.iter().enumerate();
    rows.find_map(|(row, tones)| Some((row, tones.iter().position(|&other| other == c)?)))
}

/// What says in a signature that texts were normalised.
#[must_use]
pub fn vietnamese_signature() -> Signature {
    Signature::default().with("vi", "vi", "nfc+tone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_without_difference_in_meaning_become_one() {
        for (one, other) in [
            ("hòa bình", "hoà bình"),
            ("HÒA, Thủy", "HOÀ, Thuỷ"),
            ("khỏe", "khoẻ"),
            ("ủy ban, lũy thừa", "uỷ ban, luỹ thừa"),
            ("qúa qúy", "quá quý"),
            ("hoa\u{300}", "hoà"),
            ("tie\u{302}\u{301}ng Vie\u{323}\u{302}t", "tiếng Việt"),
        ] {
            assert_eq!(normalize_vietnamese(one), other);
            assert_eq!(normalize_vietnamese(other), other);
        }
    }

    #[test]
    fn words_in_which_the_tone_has_one_place_stay() {
        for text in [
            "hoàn toàn",
            "thuyền",
            "múa",
            "của",
            "hoài",
            "khuỷu",
            "tuổi",
            "ngoại",
            "Tòan",
        ] {
            assert_eq!(normalize_vietnamese(text), text);
        }
    }
}
