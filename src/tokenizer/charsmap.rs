//! SentencePiece's normalisation rules: a double array over byte strings
//! (darts-clone), whose values point into a block of replacements.

use std::collections::{HashMap, HashSet};

/// A rule or a replacement longer than this is refused. The longest of NFKC,
/// U+FDFA, becomes 33 bytes; a bound keeps time and memory proportional to the
/// text for any file.
const MAX_RULE_BYTES: usize = 256;

/// `precompiled_charsmap`: little-endian `u32` size of the double array in
/// bytes, its units, then the replacements, each ended by a null byte.
#[derive(Debug, Clone, Default)]
pub(super) struct Charsmap {
    units: Vec<Unit>,
    replacements: String,
}

/// One unit of a darts-clone double array, as its `DoubleArrayUnit`.
#[derive(Debug, Clone, Copy)]
struct Unit(u32);

impl Unit {
    const fn has_leaf(self) -> bool {
        self.0 >> 8 & 1 == 1
    }

    /// The byte that leads here; a leaf has a bit set that no byte has.
    const fn label(self) -> u32 {
        self.0 & (1 << 31 | 0xff)
    }

    const fn is_leaf(self) -> bool {
        self.0 >> 31 == 1
    }

    const fn value(self) -> usize {
        (self.0 & !(1 << 31)) as usize
    }

    const fn offset(self) -> usize {
        ((self.0 >> 10) << ((self.0 & 1 << 9) >> 6)) as usize
    }
}

impl Charsmap {
    /// Reads and checks the rules; an empty `bytes` has none.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let (size, rest) = bytes
            .split_first_chunk()
            .ok_or("the normalisation rules are cut off")?;
        let size = u32::from_le_bytes(*size) as usize;
        if size == 0 || !size.is_multiple_of(4) || size > rest.len() {
            return Err(format!(
                "the normalisation rules claim a double array of {size} bytes in {}",
                rest.len()
            ));
        }
        let (array, replacements) = rest.split_at(size);
        let map = Self {
            units: array
                .chunks_exact(4)
                .map(|unit| Unit(u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]])))
                .collect(),
            replacements: String::from_utf8(replacements.to_vec()).map_err(|error| {
                format!(
                    "the replacements of the normalisation rules are not UTF-8 at byte {}",
                    error.utf8_error().valid_up_to()
                )
            })?,
        };
        map.check()?;
        Ok(map)
    }

    /// The longest rule that `text` starts with: its length in bytes and its
    /// replacement.
    ///
    /// The longest, where `tokenizers`' own `Precompiled` takes the shortest:
    /// the difference shows in decomposed Vietnamese.
    pub(super) fn longest_prefix(&self, text: &str) -> Option<(usize, &str)> {
        let mut position = self.units.first()?.offset();
        let mut longest = None;
        for (byte, length) in text.bytes().zip(1..) {
            position ^= usize::from(byte);
            let Some(unit) = self.units.get(position) else {
                break;
            };
            if unit.label() != u32::from(byte) {
                break;
            }
            position ^= unit.offset();
            // A rule for a part of a character is no rule for text.
            if unit.has_leaf() && text.is_char_boundary(length) {
                longest = Some((length, self.units.get(position)?.value()));
            }
        }
        let (length, value) = longest?;
        Some((length, self.replacement(value)?))
    }

    /// The replacement at `value`, up to its null byte.
    fn replacement(&self, value: usize) -> Option<&str> {
        let rest = self.replacements.get(value..)?;
        rest.split('\0').next()
    }

    /// Refuses rules that loop or are too long, and replacements that are out
    /// of range or too long.
    fn check(&self) -> Result<(), String> {
        let graph = Graph::new(&self.units);
        let reachable = graph.reachable();
        for edge in reachable.iter().flat_map(|&base| graph.from(base)) {
            self.check_leaf(edge.unit, edge.to)?;
        }
        graph.check_depth(&reachable)
    }

    fn check_leaf(&self, index: usize, base: usize) -> Result<(), String> {
        if !self.units[index].has_leaf() {
            return Ok(());
        }
        let at = format!("unit {index} of the normalisation rules");
        let leaf = self
            .units
            .get(base)
            .ok_or_else(|| format!("{at} points to unit {base}, past the end"))?;
        self.check_replacement(leaf.value())
            .map_err(|reason| format!("{at} has a replacement {reason}"))
    }

    fn check_replacement(&self, value: usize) -> Result<(), String> {
        let rest = self
            .replacements
            .get(value..)
            .ok_or_else(|| format!("at byte {value}, which is none"))?;
        match rest.bytes().take(MAX_RULE_BYTES + 1).position(|b| b == 0) {
            Some(_) => Ok(()),
            None => Err(format!(
                "at byte {value} that does not end within {MAX_RULE_BYTES} bytes"
            )),
        }
    }
}

/// A double array as a graph whose nodes are the positions at which the
/// children of a unit begin. Units share them: rules with the same end share
/// it. An edge is a unit, so that there are no more edges than units.
struct Graph {
    /// Sorted by `from`.
    edges: Vec<Edge>,
    root: usize,
}

#[derive(Clone, Copy)]
struct Edge {
    from: usize,
    unit: usize,
    to: usize,
}

impl Graph {
    fn new(units: &[Unit]) -> Self {
        let mut edges: Vec<Edge> = units
            .iter()
            .enumerate()
            // The root has no label and is nobody's child.
            .filter(|&(index, unit)| index != 0 && !unit.is_leaf())
            .map(|(index, unit)| Edge {
                from: index ^ unit.label() as usize,
                unit: index,
                to: index ^ unit.offset(),
            })
            .collect();
        edges.sort_unstable_by_key(|edge| (edge.from, edge.unit));
        Self {
            edges,
            root: units.first().map_or(0, |root| root.offset()),
        }
    }

    fn from(&self, node: usize) -> &[Edge] {
        let start = self.edges.partition_point(|edge| edge.from < node);
        let rest = &self.edges[start..];
        &rest[..rest.partition_point(|edge| edge.from == node)]
    }

    fn reachable(&self) -> Vec<usize> {
        let mut seen = HashSet::from([self.root]);
        let mut nodes = vec![self.root];
        let mut next = 0;
        while let Some(&node) = nodes.get(next) {
            let below = self.from(node).iter().map(|edge| edge.to);
            nodes.extend(below.filter(|&to| seen.insert(to)));
            next += 1;
        }
        nodes
    }

    /// Takes the nodes in topological order, after Kahn: a loop is what is
    /// left over.
    fn check_depth(&self, reachable: &[usize]) -> Result<(), String> {
        let mut missing: HashMap<usize, usize> = HashMap::new();
        for edge in reachable.iter().flat_map(|&node| self.from(node)) {
            *missing.entry(edge.to).or_default() += 1;
        }
        let mut depths: HashMap<usize, usize> = HashMap::new();
        let mut ready: Vec<usize> = Vec::new();
        if !missing.contains_key(&self.root) {
            ready.push(self.root);
        }
        while let Some(node) = ready.pop() {
            let depth = depths.get(&node).copied().unwrap_or_default() + 1;
            for edge in self.from(node) {
                if depth > MAX_RULE_BYTES {
                    return Err(format!(
                        "a normalisation rule is more than {MAX_RULE_BYTES} bytes long at unit {}",
                        edge.unit
                    ));
                }
                let deepest = depths.entry(edge.to).or_default();
                *deepest = depth.max(*deepest);
                let left = missing.entry(edge.to).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    ready.push(edge.to);
                }
            }
        }
        match missing.into_iter().filter(|&(_, left)| left > 0).min() {
            None => Ok(()),
            Some((node, _)) => Err(format!("the normalisation rules loop at unit {node}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit that `label` leads to, with its node's children at `offset`.
    fn unit(label: u8, offset: u32, has_leaf: bool) -> u32 {
        offset << 10 | u32::from(has_leaf) << 8 | u32::from(label)
    }

    fn leaf(value: u32) -> u32 {
        1 << 31 | value
    }

    /// Rules in an array of 1024 units, all unused but those given.
    fn charsmap(units: &[(usize, u32)], replacements: &[u8]) -> Result<Charsmap, String> {
        // An unused unit has a label that nothing leads to it with.
        let mut array = vec![leaf(0); 1024];
        for &(index, unit) in units {
            array[index] = unit;
        }
        let mut bytes = 4096_u32.to_le_bytes().to_vec();
        bytes.extend(array.into_iter().flat_map(u32::to_le_bytes));
        bytes.extend(replacements);
        Charsmap::parse(&bytes)
    }

    /// Where `a` leads from a root whose children are at 1.
    const A: usize = 1 ^ b'a' as usize;

    #[test]
    fn the_longest_rule_wins() {
        // Root's children at 1; those of `a` at 96 ^ 100 = 4, with its own
        // leaf there; `ab` at 4 ^ 98, its leaf at 4 ^ 98 ^ 7.
        let ab = 4 ^ b'b' as usize;
        let map = charsmap(
            &[
                (0, unit(0, 1, false)),
                (A, unit(b'a', 100, true)),
                (4, leaf(0)),
                (ab, unit(b'b', 7, true)),
                (ab ^ 7, leaf(2)),
            ],
            b"x\0yz\0",
        )
        .unwrap();
        for (text, expected) in [
            ("a", Some((1, "x"))),
            ("ac", Some((1, "x"))),
            ("abc", Some((2, "yz"))),
            ("b", None),
            ("", None),
            ("ä", None),
        ] {
            assert_eq!(map.longest_prefix(text), expected, "{text}");
        }
    }

    #[test]
    fn rules_that_loop_or_leave_the_file_are_refused_with_the_unit() {
        let root = (0, unit(0, 1, false));
        let long = [b'x'; 300];
        for (units, replacements, expected) in [
            (
                // `a` leads to itself.
                vec![root, (A, unit(b'a', (A ^ 1) as u32, false))],
                &b"\0"[..],
                "the normalisation rules loop at unit 1",
            ),
            (
                vec![root, (A, unit(b'a', 1024, true))],
                b"\0",
                "unit 96 of the normalisation rules points to unit 1120, past the end",
            ),
            (
                vec![root, (A, unit(b'a', 100, true)), (4, leaf(9))],
                b"x\0",
                "unit 96 of the normalisation rules has a replacement at byte 9, which is none",
            ),
            (
                vec![root, (A, unit(b'a', 100, true)), (4, leaf(1))],
                "ä\0".as_bytes(),
                "at byte 1, which is none",
            ),
            (
                vec![root, (A, unit(b'a', 100, true)), (4, leaf(0))],
                &long,
                "at byte 0 that does not end within 256 bytes",
            ),
            (
                vec![root],
                b"a\xff\0",
                "the replacements of the normalisation rules are not UTF-8 at byte 1",
            ),
        ] {
            let error = charsmap(&units, replacements).unwrap_err();
            assert!(error.ends_with(expected), "{error}");
        }
    }

    #[test]
    fn a_rule_without_end_is_refused_before_it_slows_the_text_down() {
        // Each unit leads from one even position to the next with byte 1.
        let chain = (1..400).map(|step| {
            (
                2 * step + 1,
                unit(1, (2 * step + 1) ^ (2 * step + 2), false),
            )
        });
        let units: Vec<(usize, u32)> = std::iter::once((0, unit(0, 2, false)))
            .chain(chain.map(|(index, unit)| (index as usize, unit)))
            .collect();
        let error = charsmap(&units, b"\0").unwrap_err();
        assert!(
            error.starts_with("a normalisation rule is more than 256 bytes long"),
            "{error}"
        );
    }

    #[test]
    fn a_size_that_the_file_does_not_have_is_refused() {
        for bytes in [
            &b"\x04\0"[..],
            b"\x08\0\0\0aaaa",
            b"\x03\0\0\0aaa",
            b"\0\0\0\0",
            b"\xff\xff\xff\xffaaaa",
        ] {
            assert!(Charsmap::parse(bytes).is_err(), "{bytes:?}");
        }
        assert!(Charsmap::parse(b"").is_ok());
    }
}
