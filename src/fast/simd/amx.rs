//! AMX: a matrix unit for int8 products of many rows. All other work is that of
//! AVX-512, which every processor with AMX has.
//!
//! Rust's intrinsics of AMX are not stable, so its instructions are written in
//! assembly ("Intel 64 and IA-32 Architectures Software Developer's Manual",
//! volume 1, chapter 18). Linux wants to be asked before they are used. Before
//! its first use a small product is compared with plain arithmetic.
#![expect(
    unsafe_code,
    reason = "inline assembly; an `Amx` exists only where the processor has the instructions"
)]

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

use super::avx512::Avx512;
use super::{BLOCK_ROWS, Codes, HalfLanes, IntLanes, Kernel, LANES, Lanes, Simd, float_work_of};

/// Rows of a tile.
const TILE_ROWS: usize = 16;
/// Bytes of a row of a tile.
const TILE_BYTES: usize = 64;
/// Groups of four inputs that one product of tiles takes.
const TILE_GROUPS: usize = TILE_BYTES / 4;

/// AMX-TILE and AMX-INT8, with AVX-512.
#[derive(Debug, Clone, Copy)]
pub struct Amx(Avx512);

impl Amx {
    /// The proof that this processor has the instructions, that the system allows
    /// them, and that they compute what they should.
    pub fn detect() -> Option<Self> {
        static USABLE: OnceLock<bool> = OnceLock::new();
        let amx = Self(Avx512::detect()?);
        let usable = USABLE.get_or_init(|| {
            let permitted = has_instructions() && is_permitted();
            if permitted && !amx.computes_right() {
                tracing::warn!("this processor's AMX computes wrong sums; it is not used");
                return false;
            }
            permitted
        });
        usable.then_some(amx)
    }

    /// Compares a block whose inputs reach both ends of their ranges.
    fn computes_right(self) -> bool {
        const DEPTH: usize = 2 * TILE_GROUPS;
        let code = |place: usize| ((place * 167 + place / 7 * 31) % 256) as u8;
        let rows: Vec<[u8; 4]> = (0..BLOCK_ROWS * DEPTH)
            .map(|group| std::array::from_fn(|i| code(4 * group + i)))
            .collect();
        let panels: [Vec<Codes>; 2] = [5, 11].map(|shift| {
            (0..DEPTH)
                .map(|line| Codes(std::array::from_fn(|i| code(shift + 64 * line + i) as i8)))
                .collect()
        });
        let mut sums = [[IntLanes([0; LANES]); 2]; BLOCK_ROWS];
        self.begin_blocks();
        self.block(&rows, [&panels[0], &panels[1]], &mut sums);
        self.end_blocks();
        sums.iter().zip(rows.chunks(DEPTH)).all(|(sums, row)| {
            sums.iter().zip(&panels).all(|(sums, panel)| {
                sums.0.iter().enumerate().all(|(lane, &sum)| {
                    let products = row.iter().zip(panel).flat_map(|(group, line)| {
                        let weights = &line.0[4 * lane..];
                        group
                            .iter()
                            .zip(weights)
                            .map(|(&a, &w)| i32::from(a) * i32::from(w))
                    });
                    sum == products.sum::<i32>()
                })
            })
        })
    }
}

/// Whether the processor has AMX-TILE and AMX-INT8 (CPUID leaf 7, EDX bits 24
/// and 25).
fn has_instructions() -> bool {
    let features = __cpuid_count(7, 0).edx;
    features & (1 << 24) != 0 && features & (1 << 25) != 0
}

/// Asks Linux for the tiles' registers (`Documentation/arch/x86/xstate.rst`):
/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const ARCH_PRCTL: usize = 158;
    const REQUEST_PERMISSION: usize = 0x1023;
    const TILE_DATA: usize = 18;
    let answer: isize;
    // SAFETY: the call changes no memory; the kernel overwrites rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// What `ldtilecfg` reads: palette 1, every tile of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static TILES: TileConfig = TileConfig {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

impl Simd for Amx {
    float_work_of!(Avx512);

    fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
        fn with_features<K: Kernel>(simd: Amx, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` proves that the processor has these.
        unsafe { with_features(self, kernel) }
    }

    const TALLEST: usize = Avx512::TALLEST;
    const HAS_BLOCKS: bool = true;

    #[inline(always)]
    fn panels_at_once(rows: usize) -> usize {
        Avx512::panels_at_once(rows)
    }

    type Sums = <Avx512 as Simd>::Sums;

    #[inline(always)]
    fn zero_sums(self) -> Self::Sums {
        self.0.zero_sums()
    }

    #[inline(always)]
    fn dot(self, sums: Self::Sums, activations: [u8; 4], weights: &Codes) -> Self::Sums {
        self.0.dot(sums, activations, weights)
    }

    #[inline(always)]
    fn sums(self, sums: Self::Sums) -> Self::I {
        self.0.sums(sums)
    }

    #[inline(always)]
    fn begin_blocks(self) {
        // SAFETY: the configuration is valid and 64 bytes long.
        unsafe {
            asm!(
                "ldtilecfg [{config}]",
                config = in(reg) &raw const TILES,
                options(nostack, readonly, preserves_flags),
            );
        }
    }

    #[inline(always)]
    fn end_blocks(self) {
        // SAFETY: nothing is kept in tiles between two blocks.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) }
    }

    /// Two tiles of rows by two panels, summed over the whole depth; or one.
    #[inline(always)]
    fn block(self, rows: &[[u8; 4]], lines: [&[Codes]; 2], sums: &mut [[IntLanes; 2]; BLOCK_ROWS]) {
        let depth = lines[0].len();
        let steps = depth / TILE_GROUPS;
        let tiles = rows.len() / (TILE_ROWS * depth);
        assert!(
            steps > 0
                && depth.is_multiple_of(TILE_GROUPS)
                && lines[1].len() == depth
                && (1..=2).contains(&tiles)
                && rows.len() == tiles * TILE_ROWS * depth
        );
        let (rows, sums) = (rows.as_ptr(), sums.as_mut_ptr());
        // SAFETY: by the assertion, `tiles` tiles of 16 rows of `4 * depth` bytes
        // can be read from `rows`, `depth` lines of 64 bytes from each panel, and
        // 16 rows of two vectors of 64 bytes for each tile can be written to `sums`.
        // Tiles 4 and 5 hold activations, 6 and 7 weights, 0 to 3 the sums.
        unsafe {
            if tiles == 2 {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    "tileloadd tmm4, [{a} + {row_stride}]",
                    "tileloadd tmm6, [{w} + {line_stride}]",
                    "tileloadd tmm7, [{v} + {line_stride}]",
                    "tdpbusd tmm0, tmm4, tmm6",
                    "tileloadd tmm5, [{b} + {row_stride}]",
                    "tdpbusd tmm1, tmm4, tmm7",
                    "tdpbusd tmm2, tmm5, tmm6",
                    "tdpbusd tmm3, tmm5, tmm7",
                    "add {a}, 64",
                    "add {b}, 64",
                    "add {w}, 1024",
                    "add {v}, 1024",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{sums} + {sum_stride}], tmm0",
                    "tilestored [{sums} + {sum_stride} + 64], tmm1",
                    "tilestored [{sums} + {sum_stride} + 2048], tmm2",
                    "tilestored [{sums} + {sum_stride} + 2112], tmm3",
                    a = inout(reg) rows => _,
                    b = inout(reg) rows.add(TILE_ROWS * depth) => _,
                    w = inout(reg) lines[0].as_ptr() => _,
                    v = inout(reg) lines[1].as_ptr() => _,
                    steps = inout(reg) steps => _,
                    sums = in(reg) sums,
                    row_stride = in(reg) 4 * depth,
                    line_stride = in(reg) TILE_BYTES,
                    sum_stride = in(reg) 2 * TILE_BYTES,
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            } else {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "2:",
                    "tileloadd tmm4, [{a} + {row_stride}]",
                    "tileloadd tmm6, [{w} + {line_stride}]",
                    "tileloadd tmm7, [{v} + {line_stride}]",
                    "tdpbusd tmm0, tmm4, tmm6",
                    "tdpbusd tmm1, tmm4, tmm7",
                    "add {a}, 64",
                    "add {w}, 1024",
                    "add {v}, 1024",
                    "dec {steps}",
                    "jnz 2b",
                    "tilestored [{sums} + {sum_stride}], tmm0",
                    "tilestored [{sums} + {sum_stride} + 64], tmm1",
                    a = inout(reg) rows => _,
                    w = inout(reg) lines[0].as_ptr() => _,
                    v = inout(reg) lines[1].as_ptr() => _,
                    steps = inout(reg) steps => _,
                    sums = in(reg) sums,
                    row_stride = in(reg) 4 * depth,
                    line_stride = in(reg) TILE_BYTES,
                    sum_stride = in(reg) 2 * TILE_BYTES,
                    out("tmm0") _, out("tmm1") _,
                    out("tmm4") _, out("tmm6") _, out("tmm7") _,
                    options(nostack),
                );
            }
        }
    }
}
