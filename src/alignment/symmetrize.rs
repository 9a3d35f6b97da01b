//! One alignment from those of both directions (Och and Ney 2003, "A Systematic
//! Comparison of Various Statistical Alignment Models"; Koehn, Och and Marcu
//! 2003, "Statistical Phrase-Based Translation").

use std::collections::{BTreeMap, BTreeSet};

use super::AlignmentPoint;
use crate::document::Span;

/// How two alignments become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symmetrization {
    /// The links that both have.
    Intersection,
    /// The links that one of them has.
    Union,
    /// The intersection, grown by links of the union beside a link whose source
    /// or target word has none yet; then links between two words without any.
    GrowDiagFinalAnd,
}

/// Neighbours in the order in which Moses tries them.
const NEIGHBOURS: [(isize, isize); 8] = [
    (-1, 0),
    (0, -1),
    (1, 0),
    (0, 1),
    (-1, -1),
    (-1, 1),
    (1, -1),
    (1, 1),
];

/// A link by the numbers of its words.
type Link = (usize, usize);

/// Joins the links of both directions, both as source to target. Scores of a
/// link that both have are averaged. Points are in the order of the target.
///
/// `source` and `target` are the words of the sentences.
#[must_use]
pub fn symmetrize(
    how: Symmetrization,
    forward: &[AlignmentPoint],
    backward: &[AlignmentPoint],
    source: &[Span],
    target: &[Span],
) -> Vec<AlignmentPoint> {
    let numbered = |points: &[AlignmentPoint]| -> BTreeMap<Link, f32> {
        let number = |point: &AlignmentPoint| {
            let row = source.binary_search(&point.source).ok()?;
            let column = target.binary_search(&point.target).ok()?;
            Some(((row, column), point.score))
        };
        points.iter().filter_map(number).collect()
    };
    let (forward, backward) = (numbered(forward), numbered(backward));
    let links: BTreeSet<Link> = match how {
        Symmetrization::Intersection => common(&forward, &backward),
        Symmetrization::Union => forward.keys().chain(backward.keys()).copied().collect(),
        Symmetrization::GrowDiagFinalAnd => grow_diag_final_and(&forward, &backward),
    };
    let mut points: Vec<AlignmentPoint> = links
        .into_iter()
        .map(|link| {
            let scores = (forward.get(&link), backward.get(&link));
            AlignmentPoint {
                source: source[link.0],
                target: target[link.1],
                score: match scores {
                    (Some(&forward), Some(&backward)) => f32::midpoint(forward, backward),
                    (one, other) => one.or(other).copied().unwrap_or(0.0),
                },
            }
        })
        .collect();
    points.sort_by_key(|point| (point.target, point.source));
    points
}

fn common(forward: &BTreeMap<Link, f32>, backward: &BTreeMap<Link, f32>) -> BTreeSet<Link> {
    let shared = forward.keys().filter(|link| backward.contains_key(link));
    shared.copied().collect()
}

fn grow_diag_final_and(
    forward: &BTreeMap<Link, f32>,
    backward: &BTreeMap<Link, f32>,
) -> BTreeSet<Link> {
    let mut links = common(forward, backward);
    let mut sources: BTreeSet<usize> = links.iter().map(|link| link.0).collect();
    let mut targets: BTreeSet<usize> = links.iter().map(|link| link.1).collect();
    loop {
        let before = links.len();
        for (row, column) in links.clone() {
            for (down, right) in NEIGHBOURS {
                let near = row
                    .checked_add_signed(down)
                    .zip(column.checked_add_signed(right));
                let Some(near) = near else { continue };
                let in_union = forward.contains_key(&near) || backward.contains_key(&near);
                let is_new = !sources.contains(&near.0) || !targets.contains(&near.1);
                if in_union && is_new && links.insert(near) {
                    sources.insert(near.0);
                    targets.insert(near.1);
                }
            }
        }
        if links.len() == before {
            break;
        }
    }
    for &link in forward.keys().chain(backward.keys()) {
        if !sources.contains(&link.0) && !targets.contains(&link.1) {
            links.insert(link);
            sources.insert(link.0);
            targets.insert(link.1);
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of one letter each.
    fn word(number: usize) -> Span {
        Span::new(2 * number, 2 * number + 1)
    }

    fn points(links: &[Link]) -> Vec<AlignmentPoint> {
        links
            .iter()
            .map(|&(row, column)| AlignmentPoint {
                source: word(row),
                target: word(column),
                score: 1.0,
            })
            .collect()
    }

    fn joined(how: Symmetrization, forward: &[Link], backward: &[Link]) -> Vec<Link> {
        let words: Vec<Span> = (0..9).map(word).collect();
        let points = symmetrize(how, &points(forward), &points(backward), &words, &words);
        let mut links: Vec<Link> = points
            .iter()
            .map(|point| (point.source.start / 2, point.target.start / 2))
            .collect();
        links.sort_unstable();
        links
    }

    #[test]
    fn the_three_ways_on_an_alignment_worked_out_by_hand() {
        // Both have 0-0 and 3-3. 1-1 grows from 0-0, 2-3 and 2-2 from 3-3; 7-7 touches
        // nothing, but its words are free; of 0-8 one is not.
        let forward = [(0, 0), (1, 1), (3, 3), (7, 7), (0, 8)];
        let backward = [(0, 0), (2, 2), (2, 3), (3, 3)];
        let check = |how, expected: &[Link]| assert_eq!(joined(how, &forward, &backward), expected);
        check(Symmetrization::Intersection, &[(0, 0), (3, 3)]);
        check(
            Symmetrization::Union,
            &[(0, 0), (0, 8), (1, 1), (2, 2), (2, 3), (3, 3), (7, 7)],
        );
        check(
            Symmetrization::GrowDiagFinalAnd,
            &[(0, 0), (1, 1), (2, 2), (2, 3), (3, 3), (7, 7)],
        );
    }
}
