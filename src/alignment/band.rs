//! Dynamic programming in a band of a table.

use std::ops::Range;

/// How far a path may leave that of the coarser level, in blocks.
const BUFFER: usize = 10;

/// For each row of a table the columns that are searched. A table for `n` and
/// `m` sentences has `n + 1` rows and `m + 1` columns: its cells are the places
/// between sentences.
#[derive(Debug)]
pub(super) struct Band {
    columns: Vec<Range<usize>>,
    /// Cells before each row, and all cells.
    offsets: Vec<usize>,
}

impl Band {
    /// All cells.
    pub(super) fn full(sources: usize, targets: usize) -> Self {
        Self::new(vec![0..targets + 1; sources + 1])
    }

    /// The surroundings of a path through a table of blocks of two.
    pub(super) fn around(path: &[(usize, usize)], sources: usize, targets: usize) -> Self {
        let mut columns = vec![targets..0; sources + 1];
        for step in path.windows(2) {
            let [(first, left), (last, right)] = [step[0], step[1]];
            let left = (2 * left).saturating_sub(BUFFER);
            let end = (2 * right + BUFFER).min(targets) + 1;
            for row in &mut columns[2 * first..=(2 * last).min(sources)] {
                *row = row.start.min(left)..row.end.max(end);
            }
        }
        // Between two blocks that are a step apart.
        for row in 1..columns.len() {
            if columns[row].is_empty() {
                columns[row] = columns[row - 1].clone();
            }
        }
        Self::new(columns)
    }

    fn new(columns: Vec<Range<usize>>) -> Self {
        let mut offsets = vec![0];
        let mut cells = 0;
        for columns in &columns {
            cells += columns.len();
            offsets.push(cells);
        }
        Self { columns, offsets }
    }

    /// The columns of a row.
    pub(super) fn columns(&self, row: usize) -> Range<usize> {
        self.columns[row].clone()
    }
}

/// A value for each cell of a band.
#[derive(Debug)]
pub(super) struct Table<'b, V> {
    band: &'b Band,
    cells: Vec<V>,
}

impl<'b, V: Copy> Table<'b, V> {
    pub(super) fn new(band: &'b Band, value: V) -> Self {
        let cells = band.offsets[band.columns.len()];
        Self {
            band,
            cells: vec![value; cells],
        }
    }

    fn index(&self, row: usize, column: usize) -> Option<usize> {
        let columns = &self.band.columns[row];
        let inside = columns.contains(&column);
        inside.then(|| self.band.offsets[row] + column - columns.start)
    }

    /// The value of a cell of the band.
    pub(super) fn get(&self, row: usize, column: usize) -> Option<V> {
        self.index(row, column).map(|index| self.cells[index])
    }

    /// Sets a cell, if it is in the band.
    pub(super) fn set(&mut self, row: usize, column: usize, value: V) {
        if let Some(index) = self.index(row, column) {
            self.cells[index] = value;
        }
    }
}

/// The best way to a cell that is known.
#[derive(Clone, Copy)]
struct Way {
    total: f32,
    step: (usize, usize),
}

/// The cells of the cheapest path from the first to the last.
///
/// `steps_to(row, column, relax)` calls `relax((rows, columns), cost)` for each
/// step that ends in a cell, row by row; those that start outside the band are
/// passed over.
pub(super) fn shortest_path(
    band: &Band,
    mut steps_to: impl FnMut(usize, usize, &mut dyn FnMut((usize, usize), f32)),
) -> Vec<(usize, usize)> {
    let unreached = Way {
        total: f32::INFINITY,
        step: (0, 0),
    };
    let mut ways = Table::new(band, unreached);
    let last_row = band.columns.len() - 1;
    for row in 0..=last_row {
        for column in band.columns(row) {
            let mut best = unreached;
            if (row, column) == (0, 0) {
                best.total = 0.0;
            }
            steps_to(row, column, &mut |step, cost| {
                let before = row
                    .checked_sub(step.0)
                    .zip(column.checked_sub(step.1))
                    .and_then(|(row, column)| ways.get(row, column));
                if let Some(before) = before
                    && before.total + cost < best.total
                {
                    best = Way {
                        total: before.total + cost,
                        step,
                    };
                }
            });
            ways.set(row, column, best);
        }
    }
    let mut at = (last_row, band.columns[last_row].end - 1);
    let mut path = Vec::new();
    while let Some(way) = ways.get(at.0, at.1) {
        path.push(at);
        if way.step == (0, 0) {
            break;
        }
        at = (at.0 - way.step.0, at.1 - way.step.1);
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_path_is_found_and_stays_in_the_band() {
        // Diagonal steps cost what the cell says, others 1.
        let costs = [[0.0, 9.0, 9.0], [9.0, 0.5, 9.0], [9.0, 9.0, 5.0]];
        let steps = |row: usize, column: usize, relax: &mut dyn FnMut((usize, usize), f32)| {
            relax((1, 0), 1.0);
            relax((0, 1), 1.0);
            if row > 0 && column > 0 {
                relax((1, 1), costs[row][column]);
            }
        };
        let path = shortest_path(&Band::full(2, 2), steps);
        assert_eq!(path, [(0, 0), (1, 1), (1, 2), (2, 2)]);
        let narrow = Band::new(vec![0..1, 0..2, 1..3]);
        let path = shortest_path(&narrow, steps);
        assert_eq!(path, [(0, 0), (1, 1), (2, 1), (2, 2)]);
    }

    #[test]
    fn a_band_follows_the_coarser_path() {
        let path = [(0, 0), (0, 30), (1, 31), (20, 31), (21, 32)];
        let band = Band::around(&path, 42, 63);
        assert_eq!(
            band.columns(0),
            0..64,
            "a jump is inside, and both its ends"
        );
        assert_eq!(band.columns(10), 52..64);
        assert_eq!(band.columns(42), 52..64);
        assert_eq!(Band::around(&path, 41, 64).columns(41), 52..65);
    }
}
