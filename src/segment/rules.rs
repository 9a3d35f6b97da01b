//! The rules that decide whether a sentence ends at a candidate.

use super::Segmenter;
use super::candidate::{Candidate, Mark};
use super::lexicon::{Abbreviation, Lexicon};
use super::next::NextKind;
use super::number::{self, Number};

/// Whether a sentence ends at `c`; `has_words` tells whether it has a letter or a digit so far.
pub(super) fn ends_sentence(segmenter: &Segmenter, c: &Candidate<'_>, has_words: bool) -> bool {
    if matches!(c.next.kind, NextKind::LineEnd | NextKind::Continues) && c.kind != Mark::Emoticon {
        return false;
    }
    if !has_words && !is_omission(c) {
        return false;
    }
    if !c.next.gap {
        return glued(segmenter.lexicon, c);
    }
    match c.kind {
        Mark::Strong => strong(segmenter.lexicon, c),
        Mark::Ellipsis => ellipsis(segmenter.lexicon, c),
        Mark::Emoticon => emoticon(c),
        Mark::Arrow => true,
        Mark::Period => period(segmenter, c),
    }
}

/// "(…).": a sentence left out.
fn is_omission(c: &Candidate<'_>) -> bool {
    c.kind == Mark::Period && ["(…)", "[…]", "(...)", "[...]"].contains(&c.before())
}

/// Sentences without a space between them: "… gewesen.Das war …".
fn glued(lexicon: &Lexicon, c: &Candidate<'_>) -> bool {
    let follows = c.kind != Mark::Emoticon
        && c.next.kind == NextKind::Upper
        && c.next.opener.is_none()
        && !c.next.dash
        && next_is_function_word(lexicon, c);
    let token = c.token();
    follows
        && token.len() > 2
        && token.chars().all(|c| c.is_alphabetic() || c == '-')
        && token.chars().next_back().is_some_and(char::is_lowercase)
}

/// `!` and `?`.
fn strong(lexicon: &Lexicon, c: &Candidate<'_>) -> bool {
    // "ein (!) Satz": a remark on a word.
    if c.bracket_closes && c.before().ends_with(['(', '[']) {
        return false;
    }
    let token = c.token();
    let marked = c.text.get(c.mark - token.len()..=c.mark);
    if !c.quote_closes && marked.is_some_and(|name| lexicon.is_name_with_mark(name)) {
        return next_is_function_word(lexicon, c);
    }
    match c.next.kind {
        NextKind::Lower => {
            !c.quote_closes
                && !c.bracket_closes
                && !c.next.dash
                && (c.attachment || c.is_casual() || is_word(token) && token.len() > 3)
        }
        _ if c.bracket_closes => bracket_opened_sentence(c) || next_is_function_word(lexicon, c),
        _ => true,
    }
}

fn ellipsis(lexicon: &Lexicon, c: &Candidate<'_>) -> bool {
    let spaced = c.before().ends_with(char::is_whitespace);
    match c.next.kind {
        NextKind::Upper => {
            // "Seitdem wir das ... Toolkit haben": an omission, not an end.
            let unfinished = spaced && lexicon.is_function_word(c.word_before(""));
            !unfinished || c.quote_closes || next_is_function_word(lexicon, c)
        }
        NextKind::Address => true,
        NextKind::Symbol => c.next.opener.is_some(),
        NextKind::Lower => c.attachment,
        _ => false,
    }
}

/// An emoticon ends a sentence of at least two words.
fn emoticon(c: &Candidate<'_>) -> bool {
    c.next.kind != NextKind::LineEnd
        && c.next.kind != NextKind::Continues
        && !(c.next.kind == NextKind::Lower && c.bracket_closes)
        && c.before().split_whitespace().nth(1).is_some()
}

fn period(segmenter: &Segmenter, c: &Candidate<'_>) -> bool {
    let lexicon = segmenter.lexicon;
    let token = c.token();
    // "Müller ./. Schmidt": the sign for "against" or "minus".
    if token == "./" {
        return false;
    }
    if let Some(number) = Number::read(token) {
        return after_number(lexicon, c, token, number);
    }
    if number::is_roman(token) {
        return after_roman(lexicon, c, token);
    }
    let letter = single_letter(token);
    if letter.is_some() && token.len() < 3 && c.opens_item(token) {
        return false;
    }
    match segmenter.abbreviation(c) {
        // "n. Chr..": the full stop of the abbreviation, and that of the sentence.
        Some(_) if c.run_end - c.mark == 2 => {}
        Some(Abbreviation::BeforeNumber) if next_is_number(c) => return false,
        None | Some(Abbreviation::BeforeNumber) => {}
        Some(class) => return after_abbreviation(lexicon, c, class),
    }
    if let Some(letter) = letter {
        return after_letter(lexicon, c, token, letter);
    }
    match c.next.kind {
        NextKind::Lower => {
            c.attachment && !c.quote_closes
                || next_is_label(c)
                || c.run_end - c.mark == 1
                    && !c.quote_closes
                    && c.next.opener != Some('(')
                    && (is_plain_word(token) || c.next.opener == Some('„'))
        }
        _ => true,
    }
}

fn after_number(lexicon: &Lexicon, c: &Candidate<'_>, token: &str, number: Number) -> bool {
    let in_bracket = c.before()[..c.before().len() - token.len()].ends_with('(');
    if (c.opens_item(token) || in_bracket) && number.may_be_list_number() {
        return false;
    }
    let previous = c.word_before(token);
    match c.next.kind {
        NextKind::Lower => c.attachment && !c.quote_closes,
        NextKind::Digit if number == Number::Small => is_numbered(lexicon, previous),
        NextKind::Digit => matches!(
            number,
            Number::Hundreds
                | Number::Year
                | Number::Thousands
                | Number::Range
                | Number::Date
                | Number::Other
        ),
        NextKind::Symbol if c.next.word.is_empty() => !matches!(number, Number::Small),
        NextKind::Upper if next_is_function_word(lexicon, c) => true,
        NextKind::Upper => {
            let counted = lexicon.is_ordinal_noun(c.next.word);
            let determined = lexicon.is_determiner(previous);
            match number {
                Number::Small => {
                    !counted
                        && !determined
                        && !lexicon.is_ordinal_preposition(previous)
                        && names_number(lexicon, c, previous)
                }
                Number::Hundreds => {
                    !counted
                        && !determined
                        && !follows_comma(previous)
                        && !is_coordinated(c, token, previous)
                }
                Number::Year | Number::Thousands => !counted && (!determined || previous == "im"),
                Number::DayMonth | Number::Section | Number::Range => !counted,
                Number::Date | Number::Other => true,
            }
        }
        _ => true,
    }
}

fn after_roman(lexicon: &Lexicon, c: &Candidate<'_>, token: &str) -> bool {
    if c.opens_item(token) {
        return false;
    }
    c.next.kind == NextKind::Upper
        && (next_is_function_word(lexicon, c) || lexicon.is_numbered_noun(c.word_before(token)))
}

fn after_abbreviation(lexicon: &Lexicon, c: &Candidate<'_>, class: Abbreviation) -> bool {
    match class {
        Abbreviation::Never | Abbreviation::Inside | Abbreviation::BeforeNumber => false,
        Abbreviation::BeforeFunctionWord => {
            c.next.kind == NextKind::Upper && next_is_function_word(lexicon, c)
        }
        Abbreviation::OftenEnds => {
            c.next.kind == NextKind::Upper
                && (!c.bracket_closes
                    || bracket_opened_sentence(c)
                    || next_is_function_word(lexicon, c))
        }
    }
}

/// Whether `token` is a word that nobody would abbreviate to: a small letter after its full stop
/// is careless spelling, not the same sentence.
fn is_plain_word(token: &str) -> bool {
    let longest_clipping = if token.starts_with(char::is_lowercase) {
        3
    } else {
        4
    };
    is_word(token) && token.chars().count() > longest_clipping
}

fn is_word(token: &str) -> bool {
    token.chars().all(char::is_alphabetic) && token.ends_with(char::is_lowercase)
}

/// The letter, if `token` ends in one that stands alone: "A", "U.S", "K.-H"; not "B&Q", "15a".
fn single_letter(token: &str) -> Option<char> {
    let mut chars = token.chars().rev();
    let letter = chars.next().filter(|c| c.is_alphabetic())?;
    matches!(chars.next(), None | Some('.' | '-' | '/')).then_some(letter)
}

/// A single letter: an initial, a list mark, an abbreviated particle.
fn after_letter(lexicon: &Lexicon, c: &Candidate<'_>, token: &str, letter: char) -> bool {
    if c.next.kind != NextKind::Upper {
        return false;
    }
    let previous = c.word_before(token);
    // "j o n e s.": a word spelled out.
    if previous.chars().count() == 1
        && previous.starts_with(char::is_alphabetic)
        && !c.before().contains('.')
    {
        return true;
    }
    let measured = previous.ends_with(|c: char| c.is_ascii_digit());
    if measured && "lmgth".contains(letter) {
        return true;
    }
    if letter.is_lowercase() && !measured && "udzvsmnoib".contains(letter) {
        return false;
    }
    next_is_function_word(lexicon, c) || lexicon.is_numbered_noun(previous)
}

/// "(a) Der Käufer …", "(dpa) Die Börse …": a short word alone in brackets.
fn next_is_label(c: &Candidate<'_>) -> bool {
    c.next.opener == Some('(') && c.next.after_word == Some(')') && c.next.word.len() <= 4
}

fn next_is_number(c: &Candidate<'_>) -> bool {
    c.next.kind == NextKind::Digit || number::is_roman(c.next.word)
}

fn next_is_function_word(lexicon: &Lexicon, c: &Candidate<'_>) -> bool {
    lexicon.is_function_word(c.next.word) && c.next.after_word != Some('-')
}

/// Whether a number behind the word `previous` is a cardinal: "Gleis 6", "Lindenstr. 4", "Gate 24".
fn names_number(lexicon: &Lexicon, c: &Candidate<'_>, previous: &str) -> bool {
    if is_numbered(lexicon, previous) || lexicon.is_quantity_word(previous) {
        return true;
    }
    // A genitive may own an ordinal ("Beethovens 9. Sinfonie"), a day of the week is followed by a date.
    let is_noun =
        previous.starts_with(char::is_uppercase) && previous.ends_with(char::is_alphanumeric);
    is_noun
        && !previous.ends_with('s')
        && !lexicon.is_weekday(previous)
        && previous.as_ptr() != c.before().as_ptr()
        && !lexicon.is_function_word(previous)
}

/// "Gleis 6", "Lindenstr. 4".
fn is_numbered(lexicon: &Lexicon, previous: &str) -> bool {
    lexicon.is_numbered_noun(previous) || lexicon.is_street(previous)
}

/// "die 14., 16. und 117. Kolonne": an ordinal, as the one before "und" is.
fn is_coordinated(c: &Candidate<'_>, token: &str, previous: &str) -> bool {
    let before = &c.before()[..c.before().len() - token.len()].trim_end();
    before
        .strip_suffix(previous)
        .is_some_and(|first| previous == "und" && first.trim_end().ends_with('.'))
}

/// Whether `previous` ends in a comma and is no number of the same list.
fn follows_comma(previous: &str) -> bool {
    previous
        .strip_suffix(',')
        .is_some_and(|word| !word.ends_with(|c: char| c.is_ascii_digit()))
}

/// Whether the bracket that closes at the candidate was opened at the start of the sentence.
fn bracket_opened_sentence(c: &Candidate<'_>) -> bool {
    c.before().starts_with(['(', '[', '{'])
}
