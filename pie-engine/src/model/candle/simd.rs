//! What kernels need of a processor, sixteen lanes at once.
//!
//! A kernel is written once over a [`Level`] and runs on the best one there is. All levels give the same bits: products of whole numbers are exact, and everything else is one
//! IEEE operation for each lane.

use super::store::{Element, Half};
use pulp::{Arch, Simd, WithSimd};

/// Lanes of numbers with 32 bits.
pub(super) const LANES: usize = 16;

/// A level of vector instructions.
pub(super) trait Level: Copy {
    /// Sixty-four whole numbers of 8 bits, four to a lane.
    type Bytes: Copy;
    /// A whole number in each lane.
    type Ints: Copy;
    /// A number in each lane.
    type Floats: Copy;

    /// Reads bytes.
    fn bytes(self, bytes: &[u8; 64]) -> Self::Bytes;
    /// Each byte moved down by some bits, and `mask` of it.
    fn field(self, bytes: Self::Bytes, shift: u32, mask: u8) -> Self::Bytes;
    /// `low + (high << shift)` of each byte; the two have no bits in common, and none is lost.
    fn join(self, low: Self::Bytes, high: Self::Bytes, shift: u32) -> Self::Bytes;
    /// Adds to each lane the products of its four bytes, which are not negative, with four signed ones, the same for all lanes.
    fn dot(self, sums: Self::Ints, bytes: Self::Bytes, with: [i8; 4]) -> Self::Ints;
    /// Zeros.
    fn zeros(self) -> Self::Ints;
    /// As numbers, exactly up to 2^24.
    fn numbers(self, ints: Self::Ints) -> Self::Floats;
    /// The same number in all lanes.
    fn splat(self, number: f32) -> Self::Floats;
    /// Numbers of 16 bits (IEEE 754 binary16), little-endian.
    fn halves(self, bytes: &[u8; 2 * LANES]) -> Self::Floats;
    /// Numbers of 16 bits as the cache keeps them, none of which is infinite.
    fn kept(self, halves: &[Half; LANES]) -> Self::Floats;
    /// Numbers of 32 bits.
    fn load(self, numbers: &[f32; LANES]) -> Self::Floats;
    /// Signed whole numbers of 8 bits.
    fn small(self, bytes: &[u8; LANES]) -> Self::Floats;
    /// `a + b`.
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a * b`.
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// Asks for memory that is going to be read. It need not be there.
    fn prefetch<T>(self, numbers: &[T]);
    /// The lanes.
    fn lanes(self, floats: Self::Floats) -> [f32; LANES];
}

/// Something to compute at some level.
pub(super) trait Kernel {
    /// Computes it. Has to be inlined, or it is compiled without the level's instructions.
    fn run<L: Level>(self, level: L);
}

/// Computes something at the best level that this processor has.
pub(super) fn dispatch(kernel: impl Kernel) {
    #[cfg(test)]
    if PORTABLE.get() {
        return dispatch_portable(kernel);
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(vnni) = vnni::Vnni::detect() {
        return vnni.run(kernel);
    }
    dispatch_portable(kernel);
}

#[cfg(test)]
thread_local! {
    /// Whether this thread computes without what only some processors have.
    pub(super) static PORTABLE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Computes it without what only some processors have; the compiler uses the vector instructions that it finds for itself.
fn dispatch_portable(kernel: impl Kernel) {
    struct Wrapped<K>(K);
    impl<K: Kernel> WithSimd for Wrapped<K> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, _simd: S) {
            self.0.run(Portable);
        }
    }
    Arch::new().dispatch(Wrapped(kernel));
}

/// Arrays.
#[derive(Clone, Copy)]
struct Portable;

impl Level for Portable {
    type Bytes = [u8; 64];
    type Ints = [i32; LANES];
    type Floats = [f32; LANES];

    #[inline(always)]
    fn bytes(self, bytes: &[u8; 64]) -> [u8; 64] {
        *bytes
    }

    #[inline(always)]
    fn field(self, bytes: [u8; 64], shift: u32, mask: u8) -> [u8; 64] {
        bytes.map(|byte| byte >> shift & mask)
    }

    #[inline(always)]
    fn join(self, low: [u8; 64], high: [u8; 64], shift: u32) -> [u8; 64] {
        std::array::from_fn(|at| low[at] | high[at] << shift)
    }

    #[inline(always)]
    fn dot(self, sums: [i32; LANES], bytes: [u8; 64], with: [i8; 4]) -> [i32; LANES] {
        std::array::from_fn(|lane| {
            let products = (0..4).map(|at| i32::from(bytes[4 * lane + at]) * i32::from(with[at]));
            sums[lane] + products.sum::<i32>()
        })
    }

    #[inline(always)]
    fn zeros(self) -> [i32; LANES] {
        [0; LANES]
    }

    #[inline(always)]
    fn numbers(self, ints: [i32; LANES]) -> [f32; LANES] {
        ints.map(|int| int as f32)
    }

    #[inline(always)]
    fn splat(self, number: f32) -> [f32; LANES] {
        [number; LANES]
    }

    #[inline(always)]
    fn halves(self, bytes: &[u8; 2 * LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| half::f16::from_le_bytes([bytes[2 * lane], bytes[2 * lane + 1]]).to_f32())
    }

    #[inline(always)]
    fn kept(self, halves: &[Half; LANES]) -> [f32; LANES] {
        halves.map(Half::number)
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; LANES]) -> [f32; LANES] {
        *numbers
    }

    #[inline(always)]
    fn small(self, bytes: &[u8; LANES]) -> [f32; LANES] {
        bytes.map(|byte| f32::from(byte as i8))
    }

    #[inline(always)]
    fn add(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn mul(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn mul_add(self, a: [f32; LANES], b: [f32; LANES], c: [f32; LANES]) -> [f32; LANES] {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }

    #[inline(always)]
    fn prefetch<T>(self, _numbers: &[T]) {}

    #[inline(always)]
    fn lanes(self, floats: [f32; LANES]) -> [f32; LANES] {
        floats
    }
}

#[cfg(target_arch = "x86_64")]
mod vnni {
    //! AVX-512 with its products of whole numbers (VNNI): Intel since Ice Lake, AMD since Zen 4.
    #![expect(
        unsafe_code,
        reason = "one instruction multiplies and adds 64 numbers of 8 bits, twenty times faster than what the compiler makes of the portable level"
    )]

    use super::{Half, Kernel, LANES, Level};
    use std::arch::x86_64::{
        __m512, __m512i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_loadu_si256, _mm512_add_ps,
        _mm512_and_si512, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtph_ps, _mm512_dpbusd_epi32,
        _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mul_ps, _mm512_or_si512,
        _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_slli_epi16,
        _mm512_srli_epi16, _mm512_storeu_ps,
    };

    /// Proof that the processor has the instructions: only [`Vnni::detect`] makes one.
    #[derive(Clone, Copy)]
    pub(super) struct Vnni(());

    impl Vnni {
        pub(super) fn detect() -> Option<Vnni> {
            let there = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vnni");
            there.then_some(Vnni(()))
        }

        pub(super) fn run(self, kernel: impl Kernel) {
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
            fn with_features<K: Kernel>(vnni: Vnni, kernel: K) {
                kernel.run(vnni);
            }
            // SAFETY: `detect` has found all of these features.
            unsafe { with_features(self, kernel) }
        }
    }

    // SAFETY of all blocks below: a `Vnni` exists only where the processor has these instructions, and what is read or written is a whole array behind a reference.
    impl Level for Vnni {
        type Bytes = __m512i;
        type Ints = __m512i;
        type Floats = __m512;

        #[inline(always)]
        fn bytes(self, bytes: &[u8; 64]) -> __m512i {
            unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
        }

        #[inline(always)]
        fn field(self, bytes: __m512i, shift: u32, mask: u8) -> __m512i {
            // Shifts move pairs of bytes; what comes from the neighbour is outside the mask.
            debug_assert!(u32::from(mask) << shift <= 0xff);
            unsafe {
                let moved = match shift {
                    0 => bytes,
                    1 => _mm512_srli_epi16::<1>(bytes),
                    2 => _mm512_srli_epi16::<2>(bytes),
                    3 => _mm512_srli_epi16::<3>(bytes),
                    4 => _mm512_srli_epi16::<4>(bytes),
                    5 => _mm512_srli_epi16::<5>(bytes),
                    6 => _mm512_srli_epi16::<6>(bytes),
                    _ => _mm512_srli_epi16::<7>(bytes),
                };
                if mask == 0xff { moved } else { _mm512_and_si512(moved, _mm512_set1_epi8(mask as i8)) }
            }
        }

        #[inline(always)]
        fn join(self, low: __m512i, high: __m512i, shift: u32) -> __m512i {
            unsafe {
                let moved = match shift {
                    2 => _mm512_slli_epi16::<2>(high),
                    _ => _mm512_slli_epi16::<4>(high),
                };
                _mm512_or_si512(low, moved)
            }
        }

        #[inline(always)]
        fn dot(self, sums: __m512i, bytes: __m512i, with: [i8; 4]) -> __m512i {
            let with = i32::from_le_bytes(with.map(|number| number as u8));
            unsafe { _mm512_dpbusd_epi32(sums, bytes, _mm512_set1_epi32(with)) }
        }

        #[inline(always)]
        fn zeros(self) -> __m512i {
            unsafe { _mm512_setzero_si512() }
        }

        #[inline(always)]
        fn numbers(self, ints: __m512i) -> __m512 {
            unsafe { _mm512_cvtepi32_ps(ints) }
        }

        #[inline(always)]
        fn splat(self, number: f32) -> __m512 {
            unsafe { _mm512_set1_ps(number) }
        }

        #[inline(always)]
        fn halves(self, bytes: &[u8; 2 * LANES]) -> __m512 {
            unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(bytes.as_ptr().cast())) }
        }

        #[inline(always)]
        fn kept(self, halves: &[Half; LANES]) -> __m512 {
            unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(halves.as_ptr().cast())) }
        }

        #[inline(always)]
        fn load(self, numbers: &[f32; LANES]) -> __m512 {
            unsafe { _mm512_loadu_ps(numbers.as_ptr()) }
        }

        #[inline(always)]
        fn small(self, bytes: &[u8; LANES]) -> __m512 {
            unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(bytes.as_ptr().cast()))) }
        }

        #[inline(always)]
        fn add(self, a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }

        #[inline(always)]
        fn mul(self, a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_mul_ps(a, b) }
        }

        #[inline(always)]
        fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        fn prefetch<T>(self, numbers: &[T]) {
            // Lines of the cache have 64 bytes.
            for line in numbers.chunks(64 / size_of::<T>()) {
                unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
            }
        }

        #[inline(always)]
        fn lanes(self, floats: __m512) -> [f32; LANES] {
            let mut lanes = [0.0; LANES];
            unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), floats) }
            lanes
        }
    }
}
