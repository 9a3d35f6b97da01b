//! numpy's random numbers, number for number: `SeedSequence`, `PCG64` and the
//! bounded integers of `Generator` (numpy 2, `_bounded_integers.pyx`,
//! `distributions.c`, `bit_generator.pyx`).

/// `numpy.random.default_rng(seed)`
#[derive(Debug, Clone)]
pub(super) struct Generator {
    state: u128,
    increment: u128,
    /// The high half of the last 64 bits, when only the low one is used up.
    half: Option<u32>,
}

/// The multiplier of the 128-bit congruential generator in PCG64.
const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        let words = seed_words(seed);
        let wide = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
        let mut generator = Self {
            state: 0,
            increment: wide(words[2], words[3]) << 1 | 1,
            half: None,
        };
        generator.step();
        generator.state = generator.state.wrapping_add(wide(words[0], words[1]));
        generator.step();
        generator
    }

    fn step(&mut self) {
        self.state = self
            .state
            .wrapping_mul(MULTIPLIER)
            .wrapping_add(self.increment);
    }

    /// The output function XSL-RR.
    fn next_u64(&mut self) -> u64 {
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    fn next_u32(&mut self) -> u32 {
        self.half.take().unwrap_or_else(|| {
            let word = self.next_u64();
            self.half = Some((word >> 32) as u32);
            word as u32
        })
    }

    /// A number below `bound`, by Lemire's method; `bound` is at least 1.
    ///
    /// numpy draws nothing when there is but one such number.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        if bound <= 1 {
            return 0;
        }
        let mut product = u64::from(self.next_u32()) * u64::from(bound);
        if (product as u32) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }
}

/// The bits of `Generator.integers(2, dtype=bool)`: those of 32-bit words, the
/// lowest first.
#[derive(Debug, Clone)]
pub(super) struct Bits {
    generator: Generator,
    word: u32,
    left: u32,
}

impl Bits {
    pub(super) fn new(generator: Generator) -> Self {
        Self {
            generator,
            word: 0,
            left: 0,
        }
    }
}

impl Iterator for Bits {
    type Item = bool;

    fn next(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.word = self.generator.next_u32();
            self.left = 32;
        }
        let bit = self.word & 1 == 1;
        self.word >>= 1;
        self.left -= 1;
        Some(bit)
    }
}

/// `SeedSequence(seed).generate_state(4, uint64)`
fn seed_words(seed: u64) -> [u64; 4] {
    const MULTIPLIER: u32 = 0x58f3_8ded;
    let pool = seed_pool(seed);
    let mut constant: u32 = 0x8b51_f9dd;
    let mut word = |index: usize| {
        let value = pool[index % pool.len()] ^ constant;
        constant = constant.wrapping_mul(MULTIPLIER);
        let value = value.wrapping_mul(constant);
        u64::from(value ^ value >> 16)
    };
    std::array::from_fn(|index| {
        let low = word(2 * index);
        low | word(2 * index + 1) << 32
    })
}

/// The entropy pool of `SeedSequence(seed)`.
fn seed_pool(seed: u64) -> [u32; 4] {
    let mut constant: u32 = 0x43b0_d7e5;
    let mut hash = |value: u32| {
        let value = value ^ constant;
        constant = constant.wrapping_mul(0x931e_8875);
        let value = value.wrapping_mul(constant);
        value ^ value >> 16
    };
    let mix = |x: u32, y: u32| {
        let mixed = x
            .wrapping_mul(0xca01_f9dd)
            .wrapping_sub(y.wrapping_mul(0x4973_f715));
        mixed ^ mixed >> 16
    };
    let mut pool = [seed as u32, (seed >> 32) as u32, 0, 0].map(&mut hash);
    for source in 0..pool.len() {
        for target in 0..pool.len() {
            if source != target {
                pool[target] = mix(pool[target], hash(pool[source]));
            }
        }
    }
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.default_rng(seed).bit_generator.random_raw(2)` and
    /// `.choice(1000, 6)` of a new one, numpy 2.4.6.
    const NUMPY: [(u64, [u64; 2], [u32; 6]); 6] = [
        (
            0,
            [0xa30f_ebcf_d9c2_825f, 0x4510_bdf8_82d9_d721],
            [850, 636, 511, 269, 307, 40],
        ),
        (
            1,
            [0x8306_bdf3_7922_e4ff, 0xf351_96bb_c152_a866],
            [473, 511, 755, 950, 34, 144],
        ),
        (
            12_345,
            [0x3a32_b18d_b2ff_c19d, 0x5117_1315_c9e4_c4de],
            [699, 227, 788, 316, 204, 797],
        ),
        (
            0xffff_ffff,
            [0x407f_5fa9_30d8_fd9f, 0x3814_b22e_b968_4802],
            [190, 251, 724, 219, 909, 287],
        ),
        (
            0x1_0000_0007,
            [0xc527_f515_dec9_5ccd, 0x1ca7_438d_e038_1dec],
            [870, 770, 875, 111, 258, 189],
        ),
        (
            0xffff_ffff_ffff_ffff,
            [0xae16_3a7a_8c47_568f, 0xd866_59f5_f338_2359],
            [547, 680, 950, 845, 358, 7],
        ),
    ];

    #[test]
    fn numbers_are_those_of_numpy() {
        for (seed, raw, choice) in NUMPY {
            let mut generator = Generator::new(seed);
            assert_eq!([generator.next_u64(), generator.next_u64()], raw);
            let mut generator = Generator::new(seed);
            assert_eq!(std::array::from_fn(|_| generator.below(1000)), choice);
        }
    }

    /// A bound that rejects many draws: `default_rng(12345).choice(3_000_000_000, 5)`.
    #[test]
    fn rejected_draws_are_those_of_numpy() {
        let mut generator = Generator::new(12345);
        let drawn: [u32; 5] = std::array::from_fn(|_| generator.below(3_000_000_000));
        assert_eq!(
            drawn,
            [
                2_097_645_094,
                682_008_066,
                2_365_940_964,
                950_275_018,
                2_392_096_371
            ]
        );
    }

    /// `default_rng(12345).integers(2, size=70, dtype=bool)`
    #[test]
    fn bits_are_those_of_numpy() {
        let bits: String = Bits::new(Generator::new(12345))
            .take(70)
            .map(|bit| if bit { '1' } else { '0' })
            .collect();
        assert_eq!(
            bits,
            "1011100110000011111111110100110110110001100011010100110001011100011110"
        );
    }
}
