//! Products of a few rows of activations with a packed matrix.
//!
//! ```text
//! activations  blocks of up to TALLEST rows, each [group][row]
//! weights      panels of sixteen outputs, each [group] lines of [16][GROUP]
//! ```
//!
//! A tile, some rows by some panels, is summed in registers over the whole depth;
//! its numbers go to an [`Epilogue`] while they are in the first cache. Panels
//! are the outer loop: weights are read once, activations stay in the cache.

use std::ops::Range;

use bytemuck::Zeroable;

use super::precision::{Column, Precision, RowScale};
use super::simd::{IntLanes, Kernel, LANES, Lanes, Simd};

/// Numbers of the largest tile: 12 rows by 2 panels.
const LARGEST_TILE: usize = 24;

/// Rows of activations, ready to be multiplied.
#[derive(Debug)]
pub(crate) struct Activations<P: Precision> {
    groups: Vec<P::Group>,
    scales: Vec<RowScale>,
    rows: usize,
    /// Groups in a row.
    depth: usize,
    /// Rows of the tallest block.
    tallest: usize,
}

impl<P: Precision> Activations<P> {
    pub(crate) const fn new() -> Self {
        Self {
            groups: Vec::new(),
            scales: Vec::new(),
            rows: 0,
            depth: 0,
            tallest: 1,
        }
    }

    /// Takes in `rows`, each of `width` vectors, for matrices of `depth` groups.
    #[inline(always)]
    pub(crate) fn write<S: Simd>(&mut self, s: S, rows: &[Lanes], width: usize, depth: usize) {
        self.begin::<S>(rows.len() / width, depth);
        for (index, row) in rows.chunks_exact(width).enumerate() {
            self.write_row(s, index, row);
        }
    }

    /// Makes room for `rows` rows.
    #[inline(always)]
    pub(crate) fn begin<S: Simd>(&mut self, rows: usize, depth: usize) {
        self.rows = rows;
        self.depth = depth;
        self.tallest = S::TALLEST;
        if self.groups.len() < rows * depth {
            self.groups.resize(rows * depth, P::Group::zeroed());
        }
        if self.scales.len() < rows {
            self.scales.resize(rows, RowScale::default());
        }
    }

    /// Takes in one row.
    #[inline(always)]
    pub(crate) fn write_row<S: Simd>(&mut self, s: S, index: usize, row: &[Lanes]) {
        let block = self.block_of(index);
        let first = block.start * self.depth + (index - block.start);
        let end = block.end * self.depth;
        self.scales[index] = P::write_row(s, row, &mut self.groups[first..end], block.len());
    }

    /// Blocks differ by at most one row, so that none is much less efficient.
    fn blocks(&self) -> usize {
        self.rows.div_ceil(self.tallest)
    }

    fn block(&self, index: usize) -> Range<usize> {
        let (height, taller) = (self.rows / self.blocks(), self.rows % self.blocks());
        let start = index * height + index.min(taller);
        start..start + height + usize::from(index < taller)
    }

    fn block_of(&self, row: usize) -> Range<usize> {
        let (height, taller) = (self.rows / self.blocks(), self.rows % self.blocks());
        let in_taller = taller * (height + 1);
        self.block(if row < in_taller {
            row / (height + 1)
        } else {
            taller + (row - in_taller) / height
        })
    }
}

/// A packed matrix and bias: `[panels * 16 outputs, depth groups]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a, P: Precision> {
    pub(crate) lines: &'a [P::Line],
    pub(crate) bias: &'a [Lanes],
    pub(crate) scale: &'a [Lanes],
    /// Sums of the weights of each output.
    pub(crate) sums: &'a [IntLanes],
    /// Groups of inputs.
    pub(crate) depth: usize,
}

impl<'a, P: Precision> Matrix<'a, P> {
    fn panel(&self, panel: usize) -> &'a [P::Line] {
        &self.lines[panel * self.depth..][..self.depth]
    }

    fn column(&self, panel: usize) -> Column<'a> {
        Column {
            bias: &self.bias[panel],
            scale: &self.scale[panel],
            sum: &self.sums[panel],
        }
    }
}

/// What is done with the numbers of a tile.
pub(crate) trait Epilogue {
    /// `values` are those of rows from `row` by `panels` panels from `panel`:
    /// `[rows][panels]`.
    fn tile<S: Simd>(&mut self, s: S, row: usize, panel: usize, panels: usize, values: &[Lanes]);
}

/// Multiplies all rows with a range of panels; an even one, unless it ends
/// where the matrix ends.
pub(crate) struct Gemm<'a, P: Precision, E> {
    pub(crate) activations: &'a Activations<P>,
    pub(crate) matrix: Matrix<'a, P>,
    pub(crate) panels: Range<usize>,
    pub(crate) epilogue: E,
}

impl<P: Precision, E: Epilogue> Kernel for Gemm<'_, P, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self {
            activations,
            matrix,
            panels: range,
            mut epilogue,
        } = self;
        debug_assert_eq!(activations.depth, matrix.depth);
        if activations.rows == 0 {
            return;
        }
        let mut values = [Lanes::ZERO; LARGEST_TILE];
        let at_once = S::panels_at_once(activations.block(0).len());
        let mut panel = range.start;
        while panel < range.end {
            let left = range.end - panel;
            let panels = [4, 2, 1].into_iter().find(|&n| n <= at_once.min(left));
            let panels = panels.unwrap_or(1);
            for index in 0..activations.blocks() {
                let block = activations.block(index);
                let values = &mut values[..block.len() * panels];
                s.run(Tile {
                    activations,
                    matrix: &matrix,
                    rows: block.clone(),
                    panel,
                    panels,
                    values: &mut *values,
                });
                epilogue.tile(s, block.start, panel, panels, values);
            }
            panel += panels;
        }
    }
}

/// The numbers of some rows and panels.
struct Tile<'a, P: Precision> {
    activations: &'a Activations<P>,
    matrix: &'a Matrix<'a, P>,
    rows: Range<usize>,
    panel: usize,
    panels: usize,
    values: &'a mut [Lanes],
}

impl<P: Precision> Kernel for Tile<'_, P> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        macro_rules! sized {
            ($($rows:literal x $panels:literal),+) => {
                match (self.rows.len(), self.panels) {
                    $(($rows, $panels) if $rows <= S::TALLEST => self.sum::<S, $rows, $panels>(s),)+
                    shape => unreachable!("no tile of {shape:?}"),
                }
            };
        }
        sized!(
            1 x 1, 2 x 1, 3 x 1, 4 x 1,
            1 x 2, 2 x 2, 3 x 2, 4 x 2, 5 x 2, 6 x 2, 7 x 2, 8 x 2, 9 x 2, 10 x 2, 11 x 2, 12 x 2,
            1 x 4, 2 x 4, 3 x 4, 4 x 4
        );
    }
}

impl<P: Precision> Tile<'_, P> {
    #[inline(always)]
    fn sum<S: Simd, const ROWS: usize, const PANELS: usize>(self, s: S) {
        let Activations { groups, depth, .. } = self.activations;
        let block = &groups[self.rows.start * depth..self.rows.end * depth];
        let lines: [&[P::Line]; PANELS] =
            std::array::from_fn(|panel| self.matrix.panel(self.panel + panel));
        let mut sums = [[P::zero(s); PANELS]; ROWS];
        for (index, groups) in block.as_chunks::<ROWS>().0.iter().enumerate() {
            for panel in 0..PANELS {
                let line = &lines[panel][index];
                for row in 0..ROWS {
                    sums[row][panel] = P::accumulate(s, sums[row][panel], groups[row], line);
                }
            }
        }
        let columns: [Column; PANELS] =
            std::array::from_fn(|panel| self.matrix.column(self.panel + panel));
        let scales = &self.activations.scales[self.rows.clone()];
        let (values, _) = self.values.as_chunks_mut::<PANELS>();
        for row in 0..ROWS {
            for panel in 0..PANELS {
                let value = P::finish(s, sums[row][panel], scales[row], columns[panel]);
                s.store(value, &mut values[row][panel]);
            }
        }
    }
}

/// Writes the numbers into rows of `width` vectors.
pub(crate) struct Store<'a> {
    pub(crate) out: &'a mut [Lanes],
    pub(crate) width: usize,
}

impl Epilogue for Store<'_> {
    #[inline(always)]
    fn tile<S: Simd>(&mut self, _s: S, row: usize, panel: usize, panels: usize, values: &[Lanes]) {
        for (row, values) in (row..).zip(values.chunks_exact(panels)) {
            let out = part_of_row(self.out, self.width, row, panel);
            for (out, value) in out.iter_mut().zip(values) {
                *out = *value;
            }
        }
    }
}

/// Adds the numbers to rows of `width` vectors.
pub(crate) struct AddTo<'a> {
    pub(crate) out: &'a mut [Lanes],
    pub(crate) width: usize,
}

impl Epilogue for AddTo<'_> {
    #[inline(always)]
    fn tile<S: Simd>(&mut self, s: S, row: usize, panel: usize, panels: usize, values: &[Lanes]) {
        for (row, values) in (row..).zip(values.chunks_exact(panels)) {
            let out = part_of_row(self.out, self.width, row, panel);
            for (out, value) in out.iter_mut().zip(values) {
                let sum = s.add(s.load(out), s.load(value));
                s.store(sum, out);
            }
        }
    }
}

/// Where the numbers of a row from a panel on belong, in rows of `width` vectors;
/// panels beyond the width are padding. (No closures here: the compiler would
/// not give them the kernel's instructions.)
#[inline(always)]
pub(crate) fn part_of_row(
    out: &mut [Lanes],
    width: usize,
    row: usize,
    panel: usize,
) -> &mut [Lanes] {
    &mut out[row * width + panel.min(width)..(row + 1) * width]
}

/// Columns of a panel.
pub(crate) const PANEL: usize = LANES;

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the numbers are exact")]
mod tests {
    use proptest::prelude::*;

    use super::super::isa::Isa;
    use super::super::precision::Int8;
    use super::*;

    /// Quantises the rows and multiplies them.
    struct Multiply<'a> {
        rows: &'a [Lanes],
        width: usize,
        matrix: Matrix<'a, Int8>,
        panels: usize,
        out: &'a mut [Lanes],
    }

    impl Kernel for Multiply<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let mut activations = Activations::<Int8>::new();
            activations.write(s, self.rows, self.width, self.matrix.depth);
            s.run(Gemm {
                activations: &activations,
                matrix: self.matrix,
                panels: 0..self.panels,
                epilogue: Store {
                    out: self.out,
                    width: self.panels,
                },
            });
        }
    }

    proptest! {
        #[test]
        fn int8_products_are_exact_on_every_instruction_set(
            rows in 1_usize..30,
            width in 1_usize..7,
            pairs in 1_usize..4,
            seed: u64,
        ) {
            let mut seed = seed | 1;
            let mut integer = |low: i32, high: i32| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                low + ((seed >> 20) % (high - low + 1) as u64) as i32
            };
            let (inputs, panels) = (width * LANES, 2 * pairs);
            let depth = inputs.next_multiple_of(64) / 4;
            // The ends of the range make every scale exactly 1: codes are the integers.
            let x: Vec<Vec<i32>> = (0..rows)
                .map(|_| [vec![127, -127], (2..inputs).map(|_| integer(-127, 127)).collect()].concat())
                .collect();
            let w: Vec<Vec<i32>> = (0..panels * PANEL)
                .map(|_| [vec![-127], (1..inputs).map(|_| integer(-127, 127)).collect()].concat())
                .collect();
            let flat: Vec<f32> = x.iter().flatten().map(|&x| x as f32).collect();
            let x_lanes: Vec<Lanes> =
                flat.chunks(LANES).map(|x| Lanes(x.try_into().unwrap())).collect();
            let mut lines = vec![Zeroable::zeroed(); panels * depth];
            let mut sums = vec![IntLanes([0; LANES]); panels];
            for (output, w) in w.iter().enumerate() {
                let (panel, lane) = (output / PANEL, output % PANEL);
                let w: Vec<f32> = w.iter().map(|&w| w as f32).collect();
                let (scale, sum) =
                    Int8::write_column(&w, &mut lines[panel * depth..][..depth], lane);
                prop_assert_eq!(scale, 1.0);
                sums[panel].0[lane] = sum;
            }
            let (bias, scale) = (vec![Lanes::ZERO; panels], vec![Lanes([1.0; LANES]); panels]);
            for isa in Isa::available() {
                let mut out = vec![Lanes::ZERO; rows * panels];
                let matrix = Matrix { lines: &lines, bias: &bias, scale: &scale, sums: &sums, depth };
                isa.run(Multiply { rows: &x_lanes, width, matrix, panels, out: &mut out });
                for (row, x) in x.iter().enumerate() {
                    for (output, w) in w.iter().enumerate() {
                        let exact: i32 = x.iter().zip(w).map(|(x, w)| x * w).sum();
                        let lanes = out[row * panels + output / PANEL];
                        prop_assert_eq!(lanes.0[output % PANEL], exact as f32, "{} {} {}", isa, row, output);
                    }
                }
            }
        }
    }
}
