//! A byte trie over the pieces of a vocabulary.

use std::ops::Range;

/// No value at this node.
const NONE: u32 = u32::MAX;

/// Finds all keys that start at a position of a text, in one walk.
///
/// Children of a node lie side by side, sorted by their byte, so that a node
/// costs 13 bytes and a step is a binary search.
#[derive(Debug, Clone)]
pub(super) struct Trie {
    /// The byte that leads to a node; the root's is unused.
    labels: Vec<u8>,
    /// First child of a node; the last is that of the next node.
    first_child: Vec<u32>,
    values: Vec<u32>,
}

impl Trie {
    /// Builds a trie; when a key occurs twice, the last value counts.
    pub(super) fn new<'k>(keys: impl Iterator<Item = (&'k str, u32)>) -> Self {
        let mut keys: Vec<(&[u8], u32)> =
            keys.map(|(key, value)| (key.as_bytes(), value)).collect();
        keys.sort_by_key(|&(key, _)| key);
        let mut trie = Self {
            labels: vec![0],
            first_child: Vec::new(),
            values: Vec::new(),
        };
        // Nodes in breadth-first order: the range of keys that share the
        // node's path, and the path's length. Node `n` is the `n`th entry.
        let mut level: Vec<Range<usize>> = vec![Range {
            start: 0,
            end: keys.len(),
        }];
        let mut depth = 0;
        let mut next_node = 1_u32;
        while !level.is_empty() {
            let mut below = Vec::new();
            for range in level {
                trie.first_child.push(next_node);
                let ends_here = keys[range.clone()].partition_point(|(key, _)| key.len() == depth);
                trie.values.push(match ends_here {
                    0 => NONE,
                    count => keys[range.start + count - 1].1,
                });
                let mut start = range.start + ends_here;
                while start < range.end {
                    let label = keys[start].0[depth];
                    let end = start
                        + keys[start..range.end].partition_point(|(key, _)| key[depth] == label);
                    trie.labels.push(label);
                    below.push(start..end);
                    next_node += 1;
                    start = end;
                }
            }
            level = below;
            depth += 1;
        }
        trie.first_child.push(next_node);
        trie
    }

    /// The values of all keys that `text` starts with, shortest first, each
    /// with the key's length in bytes.
    pub(super) fn prefixes(&self, text: &[u8]) -> impl Iterator<Item = (usize, u32)> {
        let mut node = 0;
        text.iter()
            .map_while(move |&byte| {
                let children = self.first_child[node] as usize..self.first_child[node + 1] as usize;
                let position = self.labels[children.clone()].binary_search(&byte).ok()?;
                node = children.start + position;
                Some(self.values[node])
            })
            .enumerate()
            .filter(|&(_, value)| value != NONE)
            .map(|(index, value)| (index + 1, value))
    }

    /// Length in bytes of the longest key that `text` starts with.
    pub(super) fn longest_prefix(&self, text: &[u8]) -> Option<usize> {
        self.prefixes(text).last().map(|(length, _)| length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_that_begin_a_text_are_found_shortest_first() {
        let trie = Trie::new([("a", 0), ("abc", 1), ("ab", 2), ("b", 3), ("ậ", 4)].into_iter());
        for (text, expected) in [
            ("abcd", vec![(1, 0), (2, 2), (3, 1)]),
            ("ax", vec![(1, 0)]),
            ("ậ", vec![(3, 4)]),
            ("x", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(
                trie.prefixes(text.as_bytes()).collect::<Vec<_>>(),
                expected,
                "{text}"
            );
        }
        assert_eq!(trie.longest_prefix(b"abx"), Some(2));
    }

    #[test]
    fn an_empty_trie_finds_nothing() {
        let trie = Trie::new(std::iter::empty());
        assert_eq!(trie.longest_prefix(b"a"), None);
    }
}
