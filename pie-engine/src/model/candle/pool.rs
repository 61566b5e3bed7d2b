//! Work divided among candle's threads: the pool that its matrix products use, so that there is one.

use candle_core::utils::barrier_pool;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Threads that compute; 0 for all there are.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Lets at most so many threads compute, for all models of the process; 0 for as many as there are processors.
pub fn use_threads(threads: usize) {
    THREADS.store(threads, Ordering::Relaxed);
}

/// Hands out the numbers of pieces to the threads.
fn share(pieces: usize, operations: usize, work: impl Fn(Range<usize>) + Sync) {
    let threads = THREADS.load(Ordering::Relaxed);
    if pieces <= 1 || operations < ALONE || threads == 1 {
        return work(0..pieces);
    }
    if threads == 0 {
        return barrier_pool().execute_chunked(pieces, work);
    }
    let chunk = pieces.div_ceil(threads * 8);
    let (come, next) = (AtomicUsize::new(0), AtomicUsize::new(0));
    barrier_pool().execute(|_| {
        if come.fetch_add(1, Ordering::Relaxed) < threads {
            loop {
                let start = next.fetch_add(chunk, Ordering::Relaxed);
                if start >= pieces {
                    break;
                }
                work(start..pieces.min(start + chunk));
            }
        }
    });
}

/// Calls `work` for each piece of `data` of that length (the last one may be shorter), with the number of the piece, on all threads if all of it takes
/// so many `operations` that it pays. Which thread does what is not determined, and must not matter.
pub(super) fn for_each_piece<T: Send>(
    data: &mut [T],
    length: usize,
    operations: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let pieces = data.len().div_ceil(length.max(1));
    let parts = Parts::new(data);
    share(pieces, operations, |range| {
        for index in range {
            // SAFETY: each index is given to one thread once, and pieces of different indices do not overlap.
            #[expect(unsafe_code, reason = "see `Parts`")]
            let piece = unsafe { parts.part(index * length..(index + 1) * length) };
            work(index, piece);
        }
    });
}

/// A matrix of results, whose columns are worked on some at a time.
pub(super) struct Results<'a> {
    parts: Parts<'a, f32>,
    /// Numbers in a row.
    row: usize,
    /// Columns in a piece.
    width: usize,
}

impl<'a> Results<'a> {
    /// A matrix with rows of so many numbers, in pieces of so many columns (the last one may have fewer).
    pub fn new(data: &'a mut [f32], row: usize, width: usize) -> Results<'a> {
        Results { parts: Parts::new(data), row, width }
    }

    fn pieces(&self) -> usize {
        self.row.div_ceil(self.width)
    }
}

/// Some columns of a matrix of results.
pub(super) struct Columns<'a> {
    results: &'a Results<'a>,
    /// Which.
    pub range: Range<usize>,
}

impl Columns<'_> {
    /// Their part of a row.
    pub fn row(&mut self, row: usize) -> &mut [f32] {
        let start = row * self.results.row;
        // SAFETY: no other `Columns` of the matrix has these columns, and this one gives out one part at a time.
        #[expect(unsafe_code, reason = "see `Parts`")]
        unsafe {
            self.results.parts.part(start + self.range.start..start + self.range.end)
        }
    }
}

/// Calls `work` for all pieces of all matrices, with the number of the matrix, on all threads if all of it takes so many `operations` that it pays. Which
/// thread does what is not determined, and must not matter.
pub(super) fn for_each_columns(
    matrices: &[Results<'_>],
    operations: usize,
    work: impl Fn(usize, &mut Columns<'_>) + Sync,
) {
    share(matrices.iter().map(Results::pieces).sum(), operations, |range| {
        for mut piece in range {
            for (number, results) in matrices.iter().enumerate() {
                if piece < results.pieces() {
                    let first = piece * results.width;
                    let range = first..(first + results.width).min(results.row);
                    work(number, &mut Columns { results, range });
                    break;
                }
                piece -= results.pieces();
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_is_worked_on_once() {
        for (rows, row, width) in [(1, 1, 4), (3, 10, 4), (2, 64, 16), (5, 7, 100)] {
            for operations in [0, ALONE] {
                let (mut data, mut other) = (vec![0.0; rows * row], vec![0.0; rows]);
                let results = [Results::new(&mut other, 1, 1), Results::new(&mut data, row, width)];
                for_each_columns(&results, operations, |number, columns| {
                    let first = columns.range.start;
                    for at in 0..rows {
                        for (offset, result) in columns.row(at).iter_mut().enumerate() {
                            *result += (number * (at * row + first + offset + 1)) as f32;
                        }
                    }
                });
                let expected: Vec<f32> = (1..=rows * row).map(|number| number as f32).collect();
                assert_eq!(data, expected, "{rows} rows of {row}, {width} columns at once");
                assert_eq!(other, vec![0.0; rows]);
            }
        }
    }

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
