//! Plain text: lines to paragraphs, paragraphs to sentences.

use crate::document::Span;
use crate::segment::Segmenter;

/// Lines of a hard-wrapped paragraph are at least this wide (characters) …
const MIN_WRAP_WIDTH: usize = 50;
/// … and at most this wide; longer lines are paragraphs.
const MAX_WRAP_WIDTH: usize = 120;

const LINE_ENDS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// Finds paragraphs and their sentences. Blank lines separate paragraphs; a
/// line break inside a block of lines does as well, unless the block looks
/// hard-wrapped there. List marks belong to the gap before the sentence.
pub(super) fn sentences(text: &str, segmenter: &Segmenter) -> Vec<Vec<Span>> {
    paragraphs(text)
        .into_iter()
        .map(|paragraph| {
            segmenter
                .sentences_of_paragraph(paragraph.of(text))
                .into_iter()
                .map(|sentence| sentence.shift(paragraph.start))
                .collect()
        })
        .collect()
}

/// The paragraphs of `text`, without the white space and list marks around them.
pub(super) fn paragraphs(text: &str) -> Vec<Span> {
    let mut paragraphs = Vec::new();
    let mut block: Vec<Span> = Vec::new();
    for line in lines(text) {
        if line.is_empty() {
            join_wrapped(text, &block, &mut paragraphs);
            block.clear();
        } else {
            block.push(line);
        }
    }
    join_wrapped(text, &block, &mut paragraphs);
    paragraphs
}

/// The lines without the white space around them.
fn lines(text: &str) -> impl Iterator<Item = Span> {
    let mut start = 0;
    let mut after_return = false;
    text.split_inclusive(LINE_ENDS).filter_map(move |line| {
        let content = trim(text, Span::new(start, start + line.len()));
        start += line.len();
        // Not a line, but the second half of `\r\n`.
        let is_rest = after_return && line == "\n";
        after_return = line.ends_with('\r');
        (!is_rest).then_some(content)
    })
}

/// The span without the white space (and byte order mark) around it.
fn trim(text: &str, span: Span) -> Span {
    let blank = |c: char| c.is_whitespace() || c == '\u{feff}';
    let content = span.of(text);
    let start = span.end - content.trim_start_matches(blank).len();
    Span::new(
        start,
        start + content[start - span.start..].trim_end_matches(blank).len(),
    )
}

/// Splits a block of lines into paragraphs: a line is continued by the next one
/// if that one's first word would not have fitted, and it is no item of a list; not
/// behind the end of a sentence if it is indented, as paragraphs are in books.
fn join_wrapped(text: &str, block: &[Span], paragraphs: &mut Vec<Span>) {
    let width = |line: Span| line.of(text).chars().count();
    let wrap_width = block.iter().map(|&line| width(line)).max().unwrap_or(0);
    let wrapped = (MIN_WRAP_WIDTH..=MAX_WRAP_WIDTH).contains(&wrap_width);
    let mut previous: Option<Span> = None;
    for &line in block {
        let continues = wrapped
            && bullet_len(line.of(text)) == 0
            && previous.is_some_and(|previous| {
                let ended = previous.of(text).ends_with(['.', '!', '?', ':', ';']);
                let begins = number_len(line.of(text)) > 0
                    || indentation(text, line) > hanging_indentation(text, previous);
                if ended && begins {
                    return false;
                }
                let first_word = line.of(text).split_whitespace().next().unwrap_or("");
                width(previous) + 1 + first_word.chars().count() > wrap_width
            });
        match paragraphs.last_mut() {
            Some(paragraph) if continues => paragraph.end = line.end,
            _ => {
                let content = line.of(text);
                let mark = bullet_len(content).max(number_len(content));
                paragraphs.push(trim(text, Span::new(line.start + mark, line.end)));
            }
        }
        previous = Some(line);
    }
}

/// Characters of white space before a line.
fn indentation(text: &str, line: Span) -> usize {
    let before = text[..line.start].chars().rev();
    before
        .take_while(|&c| c.is_whitespace() && !LINE_ENDS.contains(&c))
        .count()
}

/// Characters before the content of a line, its list mark included.
fn hanging_indentation(text: &str, line: Span) -> usize {
    let content = line.of(text);
    let mark = bullet_len(content).max(number_len(content));
    indentation(text, line) + content[..mark].chars().count()
}

/// Bytes of a bullet and the white space behind it; 0 if there is none.
fn bullet_len(line: &str) -> usize {
    let Some(rest) =
        line.strip_prefix(['-', '–', '—', '*', '•', '◦', '▪', '‣', '·', '#', '>', '+'])
    else {
        return 0;
    };
    let rest = rest.trim_start_matches(['#', '>', '*']);
    match rest.trim_start() {
        content if content.len() < rest.len() && !content.is_empty() => line.len() - content.len(),
        _ => 0,
    }
}

/// Bytes of a list number (`1.`, `1.2.`, `a)`, `(3)`) and the white space
/// behind it; 0 if there is none. `3. Oktober` is an ordinal, not an item.
fn number_len(line: &str) -> usize {
    let mark = line.split(char::is_whitespace).next().unwrap_or("");
    let rest = line[mark.len()..].trim_start();
    let inner = mark.trim_start_matches('(').trim_end_matches([')', '.']);
    let digits = !inner.is_empty() && inner.chars().all(|c| c.is_ascii_digit() || c == '.');
    let letter = inner.chars().count() == 1 && inner.chars().all(char::is_alphabetic);
    let closed = mark.ends_with(')') || (digits && mark.ends_with('.') && inner.len() <= 8);
    if rest.is_empty()
        || !closed
        || !(digits || letter)
        || mark.ends_with('.') && is_ordinal_noun(rest)
    {
        return 0;
    }
    line.len() - rest.len()
}

/// Whether the text starts with a word that an ordinal number stands before:
/// a lower-case word, a month, or a thing that is counted in ordinals.
fn is_ordinal_noun(rest: &str) -> bool {
    const NOUNS: [&str; 25] = [
        "Januar",
        "Jänner",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
        "Jahrhundert",
        "Jahrhunderts",
        "Jahrtausend",
        "Auflage",
        "Mal",
        "Platz",
        "Spieltag",
        "Runde",
        "Etage",
        "Stock",
        "Klasse",
        "Kapitel",
    ];
    let word = rest
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or("");
    word.starts_with(char::is_lowercase) || NOUNS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<&str> {
        paragraphs(text)
            .into_iter()
            .map(|span| span.of(text))
            .collect()
    }

    #[test]
    fn blank_lines_and_short_lines_separate_paragraphs() {
        assert_eq!(
            of("Titel\n\nEin Satz. Noch einer.\n \t\nEnde"),
            ["Titel", "Ein Satz. Noch einer.", "Ende"]
        );
        assert_eq!(of("Berlin\nHamburg\n"), ["Berlin", "Hamburg"]);
        assert_eq!(of("\u{feff}Titel\r\n\r\nText\r\n"), ["Titel", "Text"]);
    }

    #[test]
    fn a_hard_wrapped_paragraph_is_one_paragraph() {
        let wrapped = "Am Dienstag hat der Rat der Stadt nach langer Debatte\n\
                       beschlossen, dass die neue Brücke über den Fluss bis\n\
                       2030 gebaut wird.\nDanach beginnt die Prüfung.";
        assert_eq!(of(wrapped).len(), 2);
        assert_eq!(of(&wrapped.replace('\n', "\r\n")).len(), 2);
        assert!(of(wrapped)[0].ends_with("gebaut wird."));
    }

    #[test]
    fn an_item_behind_a_full_stop_is_no_wrapped_line() {
        let list = "Erst kommt, was alle angeht, wie es hier geschrieben ist.\n\
                    1. Dann kommt, was nur wenige angeht, in einer Liste.\n";
        assert_eq!(of(list).len(), 2);
        assert!(of(list)[1].starts_with("Dann"));
        let ordinal = "Der Vertrag beginnt nach allem, was wir wissen, erst am\n\
                       1. Januar, wenn auch der letzte Beteiligte zustimmt.\n";
        assert_eq!(of(ordinal).len(), 1);
    }

    #[test]
    fn an_indented_line_behind_a_full_stop_is_no_wrapped_line() {
        let book = "    Erst kommt ein Absatz, der am rechten Rand des Satzes\n\
                    zu Ende ist, so dass man das Ende nicht mehr sieht da.\n    \
                    Dann kommt ein anderer.\n";
        assert_eq!(of(book).len(), 2);
        assert!(of(book)[1].starts_with("Dann"));
        let hanging = "- Ein Punkt einer Liste, der hier nach 56 Zeichen aufhört.\n  \
                       Und dann weitergeht.\n";
        assert_eq!(of(hanging).len(), 1);
        let entry = "Anmerkung: Was hier steht, ist eingerückt, weil es dazu\n    gehört.\n";
        assert_eq!(of(entry).len(), 1);
    }

    #[test]
    fn long_lines_are_paragraphs_of_their_own() {
        let line = "Wort ".repeat(40);
        assert_eq!(of(&format!("{line}\n{line}")).len(), 2);
    }

    #[test]
    fn list_marks_belong_to_the_gap() {
        for (line, content) in [
            ("- Äpfel", "Äpfel"),
            ("  • Birnen", "Birnen"),
            ("1. Wählen Sie aus.", "Wählen Sie aus."),
            ("2) Weiter", "Weiter"),
            ("(3) Ende", "Ende"),
            ("a) Erstens", "Erstens"),
            ("1.2. Umfang", "Umfang"),
            ("## Titel", "Titel"),
            ("3. Oktober 1990", "3. Oktober 1990"),
            ("25. und 26. Oktober", "25. und 26. Oktober"),
            ("1990.", "1990."),
            ("-", "-"),
            ("-5 Grad", "-5 Grad"),
            ("A. Merkel sprach.", "A. Merkel sprach."),
        ] {
            assert_eq!(of(line), [content], "{line}");
        }
    }
}
