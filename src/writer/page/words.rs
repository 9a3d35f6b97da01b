//! The words of a translation in one attribute, so that a page is not larger
//! than its text needs: for each word a digit, its probability in tenths (`9`:
//! from 0.9 on), then the numbers of its source words, from 0.
//!
//! A number has base 26: capitals, then a small letter, which ends it (`a` 0, `z`
//! 25, `Ba` 26). `-` is no source word; nothing is the one behind the last source
//! word so far, which is the most frequent case. `97bc5-9` are four words, linked
//! to the source words 0; 1 and 2; none; 3.

use super::super::word_links;
use crate::translation::Translation;

/// The attribute's value: letters and digits.
pub(super) fn compact(translation: &Translation) -> String {
    let mut links = vec![Vec::new(); translation.word_scores.len()];
    let points = &translation.alignment;
    for (source, target) in word_links(&translation.source, &translation.target, points) {
        if let Some(links) = links.get_mut(target) {
            links.push(source);
        }
    }
    let mut value = String::new();
    let mut next = 0;
    for (score, mut links) in translation.word_scores.iter().zip(links) {
        links.sort_unstable();
        let tenths = (score.exp() * 10.0).clamp(0.0, 9.0) as u8;
        value.push(char::from(b'0' + tenths));
        let Some(last) = links.last() else {
            value.push('-');
            continue;
        };
        if links != [next] {
            for &number in &links {
                push_number(&mut value, number);
            }
        }
        next = last + 1;
    }
    value
}

fn push_number(value: &mut String, number: usize) {
    let mut high = number / 26;
    let mut capitals = Vec::new();
    while high > 0 {
        capitals.push(b'A' + (high % 26) as u8);
        high /= 26;
    }
    value.extend(capitals.into_iter().rev().map(char::from));
    value.push(char::from(b'a' + (number % 26) as u8));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alignment::AlignmentPoint;
    use crate::document::Span;

    #[test]
    fn a_word_is_a_digit_and_the_letters_of_its_source_words() {
        let point = |source: (usize, usize), target: (usize, usize)| AlignmentPoint {
            source: Span::new(source.0, source.1),
            target: Span::new(target.0, target.1),
            score: 1.0,
        };
        let translation = Translation {
            source: "Er kam an.".to_owned(),
            target: "He arrived, yes, yesterday".to_owned(),
            alignment: vec![
                point((0, 2), (0, 2)),
                point((7, 10), (3, 11)),
                point((3, 6), (3, 11)),
                point((0, 2), (17, 26)),
            ],
            word_scores: vec![-0.01, -0.5, -9.0, -0.2],
            ..Translation::default()
        };
        assert_eq!(compact(&translation), "96bc0-8a");
    }

    #[test]
    fn numbers_end_with_a_small_letter() {
        for (number, expected) in [(0, "a"), (25, "z"), (26, "Ba"), (701, "BAz"), (676, "BAa")] {
            let mut value = String::new();
            push_number(&mut value, number);
            assert_eq!(value, expected, "{number}");
        }
    }
}
