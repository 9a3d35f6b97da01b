//! TER's search for shifts, as in sacreBLEU's `metrics/lib_ter.py`: the limits
//! and the order of preference are those of Tercom, as far as that has them.

/// The longest sequence of words that is moved.
const MAX_SHIFT_SIZE: usize = 10;
/// The farthest distance between a sequence and its place in the reference.
const MAX_SHIFT_DISTANCE: usize = 50;
/// After so many tries no more shifts are looked for.
const MAX_SHIFT_CANDIDATES: usize = 1000;
/// Half the width of the band of the edit distance matrix.
const BEAM_WIDTH: usize = 25;

/// The edits that turn a hypothesis into a reference: shifts, insertions,
/// deletions and substitutions of words.
pub(super) fn edits(hypothesis: &[u32], reference: &[u32]) -> usize {
    if reference.is_empty() {
        return hypothesis.len();
    }
    let mut matrix = Matrix::new(hypothesis.len(), reference);
    let mut words = hypothesis.to_vec();
    let mut shifts = 0;
    let mut candidates = 0;
    loop {
        let distance = matrix.distance(&words);
        let best = best_shift(&mut matrix, &words, distance, &mut candidates);
        match best {
            Some(shift) if shift.gain > 0 && candidates < MAX_SHIFT_CANDIDATES => {
                words = shift.apply(&words);
                shifts += 1;
            }
            _ => return shifts + distance as usize,
        }
    }
}

/// A sequence of words to be moved.
#[derive(Debug, Clone, Copy)]
struct Shift {
    start: usize,
    length: usize,
    target: usize,
    /// By how much the edit distance is less afterwards.
    gain: i64,
}

impl Shift {
    /// The first position that the shift changes.
    fn first_changed(self) -> usize {
        self.start.min(self.target)
    }

    fn apply(self, words: &[u32]) -> Vec<u32> {
        let Self {
            start,
            length,
            target,
            ..
        } = self;
        let end = start + length;
        let moved = &words[start..end];
        let rest = |from: usize, to: usize| &words[from.min(words.len())..to.min(words.len())];
        if target < start {
            [&words[..target], moved, rest(target, start), &words[end..]].concat()
        } else if target > end {
            [&words[..start], rest(end, target), moved, &words[target..]].concat()
        } else {
            let to = length + target;
            [&words[..start], rest(end, to), moved, rest(to, words.len())].concat()
        }
    }

    /// Whether this one is to be preferred: more gain, then longer, then from
    /// an earlier start, then to an earlier target.
    fn beats(self, other: Self) -> bool {
        let rank = |shift: Self| {
            (
                shift.gain,
                shift.length,
                std::cmp::Reverse(shift.start),
                std::cmp::Reverse(shift.target),
            )
        };
        rank(self) > rank(other)
    }
}

/// Looks for the shift that reduces the edit distance most. `matrix` holds that
/// of `words`, afterwards as well.
fn best_shift(
    matrix: &mut Matrix,
    words: &[u32],
    distance: u32,
    candidates: &mut usize,
) -> Option<Shift> {
    let path = matrix.path(words);
    let mut best: Option<Shift> = None;
    for (start, at, length) in matching_sequences(words, matrix.reference) {
        // Only a wrong word is moved, and only to where the reference has no
        // match, and not within itself.
        let aligned = path.aligned[at];
        if !path.hypothesis_errors[start..start + length].contains(&true)
            || !path.reference_errors[at..at + length].contains(&true)
            || (start < aligned && aligned <= start + length)
        {
            continue;
        }
        let mut previous = None;
        for place in at..=at + length {
            // Behind the word that the place's predecessor is aligned with.
            let target = match place.checked_sub(1) {
                None => 0,
                Some(before) => path.aligned[before],
            };
            if previous == Some(target) {
                continue;
            }
            previous = Some(target);
            let mut shift = Shift {
                start,
                length,
                target,
                gain: 0,
            };
            let shifted = matrix.distance_from(&shift.apply(words), shift.first_changed());
            shift.gain = i64::from(distance) - i64::from(shifted);
            *candidates += 1;
            if best.is_none_or(|best| shift.beats(best)) {
                best = Some(shift);
            }
        }
        if *candidates >= MAX_SHIFT_CANDIDATES {
            break;
        }
    }
    best
}

/// Starts in both texts, and length, of each sequence of words that both have,
/// within the limits.
fn matching_sequences<'a>(
    words: &'a [u32],
    reference: &'a [u32],
) -> impl Iterator<Item = (usize, usize, usize)> + 'a {
    (0..words.len()).flat_map(move |start| {
        let first = start.saturating_sub(MAX_SHIFT_DISTANCE);
        let last = (start + MAX_SHIFT_DISTANCE + 1).min(reference.len());
        (first..last).flat_map(move |at| {
            let longest = words[start..]
                .iter()
                .zip(&reference[at..])
                .take(MAX_SHIFT_SIZE)
                .take_while(|(word, other)| word == other)
                .count();
            (1..=longest).map(move |length| (start, at, length))
        })
    })
}

/// The cheapest way to turn the reference into a hypothesis.
struct Path {
    /// For each reference word the number of hypothesis words up to and
    /// including the one that it is aligned with.
    aligned: Vec<usize>,
    hypothesis_errors: Vec<bool>,
    reference_errors: Vec<bool>,
}

/// A cell that was not computed.
const UNREACHED: u32 = u32::MAX / 2;

/// The edit distance between prefixes of a hypothesis (rows) and of the
/// reference (columns), in a band around the diagonal.
struct Matrix<'r> {
    reference: &'r [u32],
    /// Columns of each row that are computed.
    bands: Vec<(usize, usize)>,
    /// The rows' cells, one behind the other; `starts[i]` is where row `i` is.
    cells: Vec<u32>,
    starts: Vec<usize>,
    /// The rows of a shifted hypothesis from the first changed one on, in the
    /// same places.
    scratch: Vec<u32>,
}

impl<'r> Matrix<'r> {
    fn new(rows: usize, reference: &'r [u32]) -> Self {
        let columns = reference.len();
        let ratio = if rows == 0 {
            1.0
        } else {
            columns as f64 / rows as f64
        };
        // Bands of rows that are far apart have to overlap.
        let width = if (BEAM_WIDTH as f64) < ratio / 2.0 {
            (ratio / 2.0 + BEAM_WIDTH as f64).ceil() as usize
        } else {
            BEAM_WIDTH
        };
        let mut bands = vec![(0, columns + 1)];
        for row in 1..=rows {
            let diagonal = (row as f64 * ratio).floor() as usize;
            let end = if row == rows {
                columns + 1
            } else {
                (diagonal + width).min(columns + 1)
            };
            bands.push((diagonal.saturating_sub(width), end));
        }
        let mut starts = Vec::with_capacity(bands.len());
        let mut total = 0;
        for (start, end) in &bands {
            starts.push(total);
            total += end - start;
        }
        let mut cells = vec![0; total];
        for (column, cell) in cells[..=columns].iter_mut().enumerate() {
            *cell = column as u32;
        }
        let scratch = cells.clone();
        Self {
            reference,
            bands,
            cells,
            starts,
            scratch,
        }
    }

    /// Computes all rows for `words`, and gives their distance.
    fn distance(&mut self, words: &[u32]) -> u32 {
        let mut cells = std::mem::take(&mut self.cells);
        for row in 1..=words.len() {
            self.fill_row(&mut cells, row, words[row - 1], None);
        }
        self.cells = cells;
        *self.cells.last().expect("the first row has a cell")
    }

    /// The distance of a hypothesis of the same length that differs from the
    /// one of [`Self::distance`] from word `first` on.
    fn distance_from(&mut self, words: &[u32], first: usize) -> u32 {
        let mut scratch = std::mem::take(&mut self.scratch);
        for row in first + 1..=words.len() {
            let before = (row == first + 1).then_some(&self.cells[..]);
            self.fill_row(&mut scratch, row, words[row - 1], before);
        }
        self.scratch = scratch;
        *self.scratch.last().expect("the first row has a cell")
    }

    /// Computes a row of `cells`, from the row before it there or in `before`.
    fn fill_row(&self, cells: &mut [u32], row: usize, word: u32, before: Option<&[u32]>) {
        let (start, end) = self.bands[row];
        let (above_start, above_end) = self.bands[row - 1];
        let (done, rest) = cells.split_at_mut(self.starts[row]);
        let above = &before.map_or(&*done, |cells| cells)[self.starts[row - 1]..];
        let mut left = UNREACHED;
        let mut diagonal = UNREACHED;
        if start > above_start && start <= above_end {
            diagonal = above[start - 1 - above_start];
        }
        for (column, cell) in (start..end).zip(rest) {
            let up = if column < above_end {
                above[column - above_start]
            } else {
                UNREACHED
            };
            let substitution = match column.checked_sub(1) {
                Some(index) => diagonal + u32::from(self.reference[index] != word),
                None => UNREACHED,
            };
            *cell = substitution.min(up + 1).min(left + 1);
            left = *cell;
            diagonal = up;
        }
    }

    fn cell(&self, row: usize, column: usize) -> u32 {
        let (start, end) = self.bands[row];
        if (start..end).contains(&column) {
            self.cells[self.starts[row] + column - start]
        } else {
            UNREACHED
        }
    }

    /// Traces the path back: a match or substitution is preferred, then a word
    /// that only the hypothesis has, then one that only the reference has.
    fn path(&self, words: &[u32]) -> Path {
        let (mut row, mut column) = (words.len(), self.reference.len());
        let mut path = Path {
            aligned: vec![0; column],
            hypothesis_errors: vec![true; row],
            reference_errors: vec![true; column],
        };
        while row > 0 || column > 0 {
            let cost = self.cell(row, column);
            if row > 0 && column > 0 {
                let differs = words[row - 1] != self.reference[column - 1];
                if cost == self.cell(row - 1, column - 1) + u32::from(differs) {
                    row -= 1;
                    column -= 1;
                    path.aligned[column] = row + 1;
                    path.hypothesis_errors[row] = differs;
                    path.reference_errors[column] = differs;
                    continue;
                }
            }
            if row > 0 && cost == self.cell(row - 1, column) + 1 {
                row -= 1;
            } else {
                column -= 1;
                path.aligned[column] = row;
            }
        }
        path
    }
}
