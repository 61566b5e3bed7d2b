//! Work divided among candle's threads: the pool that its matrix products use, so that there is one.

use candle_core::utils::barrier_pool;
use std::marker::PhantomData;
use std::ops::Range;

/// A slice whose parts several threads write at once.
struct Parts<'a, T> {
    start: *mut T,
    len: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: a `Parts` gives out disjoint parts of a slice that it borrows exclusively, so it may be used wherever the elements may go.
#[expect(
    unsafe_code,
    reason = "threads write to different parts of one slice, which the borrow checker cannot see"
)]
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'a, T> Parts<'a, T> {
    fn new(slice: &'a mut [T]) -> Self {
        Parts { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// A part of the slice, cut off at its end.
    ///
    /// # Safety
    /// No two parts that are in use at the same time may overlap.
    #[expect(unsafe_code, reason = "see `Parts`")]
    #[expect(clippy::mut_from_ref, reason = "the caller sees to it that parts are disjoint")]
    unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        let (start, end) = (range.start.min(self.len), range.end.min(self.len));
        // SAFETY: both ends lie in the slice, whose exclusive borrow lasts as long as `self`; the caller keeps parts disjoint.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), end - start) }
    }
}

/// Multiplications and additions that one thread does itself: about as long as it takes to wake another.
const ALONE: usize = 1 << 17;

/// Calls `work` for each piece of `data` of that length (the last one may be shorter), with the number of the piece, on all threads if all of it takes
/// so many `operations` that it pays. Which thread does what is not determined, and must not matter.
pub(super) fn for_each_piece<T: Send>(
    data: &mut [T],
    length: usize,
    operations: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let pieces = data.len().div_ceil(length.max(1));
    if pieces <= 1 || operations < ALONE {
        data.chunks_mut(length.max(1)).enumerate().for_each(|(index, piece)| work(index, piece));
        return;
    }
    let parts = Parts::new(data);
    barrier_pool().execute_chunked(pieces, |range| {
        for index in range {
            // SAFETY: the pool gives each index to one thread once, and pieces of different indices do not overlap.
            #[expect(unsafe_code, reason = "see `Parts`")]
            let piece = unsafe { parts.part(index * length..(index + 1) * length) };
            work(index, piece);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_is_worked_on_once() {
        let sizes = [(0, 3), (1, 3), (1000, 7), (1000, 1000), (1000, 2000), (64, 1)];
        for ((len, length), operations) in sizes.into_iter().flat_map(|size| [(size, 0), (size, ALONE)]) {
            let mut data = vec![0usize; len];
            for_each_piece(&mut data, length, operations, |index, piece| {
                for (offset, number) in piece.iter_mut().enumerate() {
                    *number += index * length + offset + 1;
                }
            });
            assert_eq!(data, (1..=len).collect::<Vec<_>>(), "{len} numbers in pieces of {length}");
        }
    }
}
