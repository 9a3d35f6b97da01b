//! TER's tokenizer, as in sacreBLEU's `tokenizers/tokenizer_ter.py` (Tercom's
//! `Normalizer.java`).

use super::bleu_tokenizer::{separate, separate_marks, separate_numbers, unescape};

/// How words are parted for TER.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the metric's four switches"
)]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TerTokenizer {
    pub(super) normalized: bool,
    pub(super) no_punct: bool,
    pub(super) asian_support: bool,
    pub(super) case_sensitive: bool,
}

impl TerTokenizer {
    /// The text with white space between tokens.
    pub(super) fn tokenize(&self, text: &str) -> String {
        let mut text = if self.case_sensitive {
            text.to_owned()
        } else {
            text.to_lowercase()
        };
        if self.normalized {
            text = normalize(&text);
            if self.asian_support {
                // sacreBLEU's rules for kana are anchored where the space is
                // that comes first here: they never apply.
                text = separate(&text, |c| is_asian(c) || is_asian_punctuation(c));
            }
        }
        if self.no_punct {
            text.retain(|c| !".,?:;!\"()".contains(c));
            if self.asian_support {
                text.retain(|c| !is_asian_punctuation(c));
            }
        }
        text
    }
}

/// General and western rules.
fn normalize(text: &str) -> String {
    let text = unescape(text.replace("\n-", "").replace('\n', " "));
    let text = separate_marks(&format!(" {text} "));
    separate_numbers(&text.replace("'s ", " 's "))
}

/// Ideographs, strokes, radicals and compatibility characters.
fn is_asian(c: char) -> bool {
    matches!(c,
        '\u{4e00}'..='\u{9fff}'
        | '\u{3200}'..='\u{4dbf}'
        | '\u{31c0}'..='\u{31ef}'
        | '\u{2e80}'..='\u{2eff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe4f}')
}

fn is_asian_punctuation(c: char) -> bool {
    matches!(c,
        '\u{3001}' | '\u{3002}'
        | '\u{3008}'..='\u{3011}'
        | '\u{3014}'..='\u{301f}'
        | '\u{ff61}'..='\u{ff65}'
        | '\u{30fb}'
        | '\u{ff0e}' | '\u{ff0c}' | '\u{ff1f}' | '\u{ff1a}' | '\u{ff1b}'
        | '\u{ff01}' | '\u{ff02}' | '\u{ff08}' | '\u{ff09}')
}
