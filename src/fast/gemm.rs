//! Products of a few rows of activations with a packed matrix.
//!
//! ```text
//! activations  blocks of up to TALLEST rows, each [group][row]
//! weights      panels of sixteen outputs, each [group] lines of [16][GROUP]
//! ```
//!
//! Where there is a matrix unit, many rows are kept one behind the other instead,
//! and multiplied in blocks.
//!
//! A tile, some rows by some panels, is summed in registers over the whole depth;
//! its numbers go to an [`Epilogue`] while they are in the first cache. Panels
//! are the outer loop: weights are read once, activations stay in the cache.

use std::ops::Range;

use bytemuck::Zeroable;

use super::precision::{Column, Precision, RowScale};
use super::simd::{BLOCK_ROWS, IntLanes, Kernel, LANES, Lanes, Simd};

/// Rows of the tallest tile of all instruction sets.
const TALLEST: usize = 12;

/// With fewer rows a matrix unit waits for the weights as any other does.
const FEWEST_BLOCK_ROWS: usize = 8;

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
    /// Whether a matrix unit multiplies them.
    in_blocks: bool,
}

impl<P: Precision> Activations<P> {
    pub(crate) const fn new() -> Self {
        Self {
            groups: Vec::new(),
            scales: Vec::new(),
            rows: 0,
            depth: 0,
            tallest: 1,
            in_blocks: false,
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
        self.in_blocks = S::HAS_BLOCKS && P::IN_BLOCKS && rows >= FEWEST_BLOCK_ROWS;
        let needed = rows.next_multiple_of(BLOCK_ROWS / 2) * depth;
        if self.groups.len() < needed {
            self.groups.resize(needed, P::Group::zeroed());
        }
        if self.scales.len() < rows {
            self.scales.resize(rows, RowScale::default());
        }
    }

    /// Takes in one row.
    #[inline(always)]
    pub(crate) fn write_row<S: Simd>(&mut self, s: S, index: usize, row: &[Lanes]) {
        let (first, end, step) = if self.in_blocks {
            (index * self.depth, (index + 1) * self.depth, 1)
        } else {
            let block = self.block_of(index);
            let first = block.start * self.depth + (index - block.start);
            (first, block.end * self.depth, block.len())
        };
        self.scales[index] = P::write_row(s, row, &mut self.groups[first..end], step);
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

/// What is done with the numbers.
pub(crate) trait Epilogue {
    /// `values` are those of a row by some panels, from `panel`.
    fn row<S: Simd, const PANELS: usize>(
        &mut self,
        s: S,
        row: usize,
        panel: usize,
        values: [S::F; PANELS],
    );
}

/// Multiplies all rows with a range of panels, an even one.
pub(crate) struct Gemm<'a, P: Precision, E> {
    pub(crate) activations: &'a Activations<P>,
    pub(crate) matrix: Matrix<'a, P>,
    pub(crate) panels: Range<usize>,
    pub(crate) epilogue: E,
}

impl<P: Precision, E: Epilogue> Kernel for Gemm<'_, P, E> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let activations = self.activations;
        debug_assert_eq!(activations.depth, self.matrix.depth);
        if activations.rows == 0 {
            return;
        }
        let mut panel = self.panels.start;
        if activations.in_blocks {
            s.begin_blocks();
            while panel < self.panels.end {
                self.multiply_blocks(s, panel);
                panel += 2;
            }
            s.end_blocks();
            return;
        }
        let at_once = S::panels_at_once(activations.block(0).len());
        while panel < self.panels.end {
            panel += match at_once.min(self.panels.end - panel) {
                4.. => self.multiply::<S, 4>(s, panel),
                2 | 3 => self.multiply::<S, 2>(s, panel),
                _ => self.multiply::<S, 1>(s, panel),
            };
        }
    }
}

impl<P: Precision, E: Epilogue> Gemm<'_, P, E> {
    /// All rows by `PANELS` panels.
    #[inline(always)]
    fn multiply<S: Simd, const PANELS: usize>(&mut self, s: S, panel: usize) -> usize {
        let (activations, matrix) = (self.activations, self.matrix);
        // What comes next, a part with each block: no prefetcher of a processor
        // looks beyond a page.
        let next = &matrix.lines[(panel + PANELS) * matrix.depth..];
        let next = &next[..next.len().min(PANELS * matrix.depth)];
        let blocks = activations.blocks();
        let part = next.len().div_ceil(blocks);
        let mut totals = [[P::Total::zeroed(); PANELS]; TALLEST];
        for index in 0..blocks {
            for line in next.iter().skip(index * part).take(part) {
                s.prefetch(line);
            }
            let rows = activations.block(index);
            let totals = &mut totals[..rows.len()];
            s.run(Tile {
                activations,
                matrix: &matrix,
                rows: rows.clone(),
                panel,
                totals: &mut *totals,
            });
            self.finish(s, rows, panel, totals);
        }
        PANELS
    }

    /// All rows by two panels, with the matrix unit.
    #[inline(always)]
    fn multiply_blocks<S: Simd>(&mut self, s: S, panel: usize) {
        let Activations {
            groups,
            rows,
            depth,
            ..
        } = self.activations;
        let lines = [self.matrix.panel(panel), self.matrix.panel(panel + 1)];
        let mut totals = [[P::Total::zeroed(); 2]; BLOCK_ROWS];
        for first in (0..*rows).step_by(BLOCK_ROWS) {
            let rows = first..*rows.min(&(first + BLOCK_ROWS));
            let padded = rows.len().next_multiple_of(BLOCK_ROWS / 2);
            P::block(
                s,
                &groups[first * depth..][..padded * depth],
                lines,
                &mut totals,
            );
            let totals = &totals[..rows.len()];
            self.finish(s, rows, panel, totals);
        }
    }

    /// Hands the numbers of some rows to the epilogue.
    #[inline(always)]
    fn finish<S: Simd, const PANELS: usize>(
        &mut self,
        s: S,
        rows: Range<usize>,
        panel: usize,
        totals: &[[P::Total; PANELS]],
    ) {
        let columns: [Column; PANELS] = std::array::from_fn(|i| self.matrix.column(panel + i));
        let scales = &self.activations.scales[rows.clone()];
        for ((row, totals), &scale) in rows.zip(totals).zip(scales) {
            let mut values = [s.splat(0.0); PANELS];
            for i in 0..PANELS {
                values[i] = P::finish(s, &totals[i], scale, columns[i]);
            }
            self.epilogue.row(s, row, panel, values);
        }
    }
}

/// The sums of some rows and panels.
struct Tile<'a, P: Precision, const PANELS: usize> {
    activations: &'a Activations<P>,
    matrix: &'a Matrix<'a, P>,
    rows: Range<usize>,
    panel: usize,
    totals: &'a mut [[P::Total; PANELS]],
}

impl<P: Precision, const PANELS: usize> Kernel for Tile<'_, P, PANELS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        macro_rules! of_rows {
            ($($rows:literal)+) => {
                match self.rows.len() {
                    $($rows if $rows <= S::TALLEST && PANELS <= S::panels_at_once($rows) => {
                        self.sum::<S, $rows>(s);
                    })+
                    rows => unreachable!("no tile of {rows} rows by {PANELS} panels"),
                }
            };
        }
        of_rows!(1 2 3 4 5 6 7 8 9 10 11 12);
    }
}

impl<P: Precision, const PANELS: usize> Tile<'_, P, PANELS> {
    #[inline(always)]
    fn sum<S: Simd, const ROWS: usize>(self, s: S) {
        let Activations { groups, depth, .. } = self.activations;
        let block = &groups[self.rows.start * depth..self.rows.end * depth];
        let lines: [&[P::Line]; PANELS] =
            std::array::from_fn(|panel| self.matrix.panel(self.panel + panel));
        let mut sums = [[P::zero(s); PANELS]; ROWS];
        for (index, groups) in block.as_chunks::<ROWS>().0.iter().enumerate() {
            // Rows outside: one activation at a time, so that no sum leaves its
            // register.
            for row in 0..ROWS {
                for panel in 0..PANELS {
                    let line = &lines[panel][index];
                    sums[row][panel] = P::accumulate(s, sums[row][panel], groups[row], line);
                }
            }
        }
        let Some(totals) = self.totals.first_chunk_mut::<ROWS>() else {
            unreachable!("a tile has as many totals as rows");
        };
        for row in 0..ROWS {
            for panel in 0..PANELS {
                P::total(s, sums[row][panel], &mut totals[row][panel]);
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
    fn row<S: Simd, const PANELS: usize>(
        &mut self,
        s: S,
        row: usize,
        panel: usize,
        values: [S::F; PANELS],
    ) {
        let out = part_of_row(self.out, self.width, row, panel);
        for (out, value) in out.iter_mut().zip(values) {
            s.store(value, out);
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
    fn row<S: Simd, const PANELS: usize>(
        &mut self,
        s: S,
        row: usize,
        panel: usize,
        values: [S::F; PANELS],
    ) {
        let out = part_of_row(self.out, self.width, row, panel);
        for (out, value) in out.iter_mut().zip(values) {
            let sum = s.add(s.load(out), value);
            s.store(sum, out);
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
    use super::super::simd::portable::Portable;
    use super::super::simd::{Codes, HalfLanes, float_work_of};
    use super::*;

    /// A matrix unit in plain Rust, since the machine that tests may have none.
    #[derive(Clone, Copy)]
    struct Blocks(Portable);

    impl Simd for Blocks {
        float_work_of!(Portable);
        type Sums = IntLanes;
        const TALLEST: usize = Portable::TALLEST;
        const HAS_BLOCKS: bool = true;

        fn run<K: Kernel>(self, kernel: K) -> K::Output {
            kernel.run(self)
        }

        fn panels_at_once(rows: usize) -> usize {
            Portable::panels_at_once(rows)
        }

        fn zero_sums(self) -> IntLanes {
            self.0.zero_sums()
        }

        fn dot(self, sums: IntLanes, activations: [u8; 4], weights: &Codes) -> IntLanes {
            self.0.dot(sums, activations, weights)
        }

        fn sums(self, sums: IntLanes) -> IntLanes {
            sums
        }

        fn block(
            self,
            rows: &[[u8; 4]],
            lines: [&[Codes]; 2],
            sums: &mut [[IntLanes; 2]; BLOCK_ROWS],
        ) {
            let rows = rows.chunks_exact(lines[0].len());
            assert!(rows.len() == BLOCK_ROWS || rows.len() == BLOCK_ROWS / 2);
            for (row, sums) in rows.zip(sums) {
                for (lines, sums) in lines.iter().zip(sums) {
                    *sums = row
                        .iter()
                        .zip(*lines)
                        .fold(self.zero_sums(), |sums, (&group, line)| {
                            self.dot(sums, group, line)
                        });
                }
            }
        }
    }

    /// Quantises the rows and multiplies them.
    #[derive(Clone, Copy)]
    struct Inputs<'a> {
        rows: &'a [Lanes],
        width: usize,
        matrix: Matrix<'a, Int8>,
        panels: usize,
    }

    struct Multiply<'a> {
        inputs: Inputs<'a>,
        out: &'a mut [Lanes],
    }

    impl Kernel for Multiply<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let Inputs {
                rows,
                width,
                matrix,
                panels,
            } = self.inputs;
            let mut activations = Activations::<Int8>::new();
            activations.write(s, rows, width, matrix.depth);
            s.run(Gemm {
                activations: &activations,
                matrix,
                panels: 0..panels,
                epilogue: Store {
                    out: self.out,
                    width: panels,
                },
            });
        }
    }

    proptest! {
        #[test]
        fn int8_products_are_exact_on_every_instruction_set(
            rows in 1_usize..80,
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
            let matrix = Matrix { lines: &lines, bias: &bias, scale: &scale, sums: &sums, depth };
            let inputs = Inputs { rows: &x_lanes, width, matrix, panels };
            let mut exact = vec![Lanes::ZERO; rows * panels];
            for (row, x) in x.iter().enumerate() {
                for (output, w) in w.iter().enumerate() {
                    let sum: i32 = x.iter().zip(w).map(|(x, w)| x * w).sum();
                    exact[row * panels + output / PANEL].0[output % PANEL] = sum as f32;
                }
            }
            let mut out = exact.clone();
            for isa in Isa::available() {
                out.fill(Lanes([f32::NAN; LANES]));
                isa.run(Multiply { inputs, out: &mut out });
                prop_assert_eq!(&out, &exact, "{}", isa);
            }
            out.fill(Lanes([f32::NAN; LANES]));
            Blocks(Portable).run(Multiply { inputs, out: &mut out });
            prop_assert_eq!(&out, &exact);
        }
    }
}
