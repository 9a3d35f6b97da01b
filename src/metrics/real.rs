//! Numbers of either precision: numpy computes bootstrap scores in single,
//! Python all others in double precision.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// `f32` or `f64`.
pub(super) trait Real:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
{
    /// The nearest number to `value`, as numpy takes Python's own floats.
    fn of(value: f64) -> Self;

    /// The number in double precision.
    fn double(self) -> f64;
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as Self
    }

    fn double(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn double(self) -> f64 {
        self
    }
}

/// `numpy.sum` of a contiguous array: pairwise, in blocks of 128 with eight
/// accumulators (numpy, `loops_utils.h.src`).
pub(super) fn sum<R: Real>(values: &[R]) -> R {
    let len = values.len();
    if len < 8 {
        return values.iter().fold(R::of(0.0), |sum, &value| sum + value);
    }
    if len > 128 {
        let half = len / 2 - len / 2 % 8;
        return sum(&values[..half]) + sum(&values[half..]);
    }
    let (blocks, rest) = values.as_chunks::<8>();
    let mut lanes = blocks[0];
    for block in &blocks[1..] {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane += value;
        }
    }
    let of_four = |lanes: &[R]| (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    let of_blocks = of_four(&lanes[..4]) + of_four(&lanes[4..]);
    rest.iter().fold(of_blocks, |sum, &value| sum + value)
}

/// `numpy.mean`
pub(super) fn mean<R: Real>(values: &[R]) -> R {
    sum(values) / R::of(values.len() as f64)
}
