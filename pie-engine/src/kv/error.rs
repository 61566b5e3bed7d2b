use super::TableId;

/// An operation on pages could not be done. It has changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The table was destroyed.
    #[error("{0} was used after it was destroyed")]
    Gone(TableId),
    /// The table is suspended: it has no pages until it is restored.
    #[error("{0} is suspended")]
    Suspended(TableId),
    /// The table is not suspended, so it cannot be restored.
    #[error("{0} is not suspended")]
    Resident(TableId),
    /// Fewer pages are free than are needed.
    #[error("{needed} pages are needed, but only {free} of {capacity} are free")]
    OutOfPages {
        /// Pages that would have been taken.
        needed: u32,
        /// Pages that are free now.
        free: u32,
        /// Pages there are.
        capacity: u32,
    },
    /// The input does not fit into the reserved pages.
    #[error("{needed} slots are needed, but {used} of the {reserved} reserved ones are used")]
    NotReserved {
        /// Slots in all pages of the table.
        reserved: u32,
        /// Slots that hold tokens.
        used: u32,
        /// Tokens of the input.
        needed: u64,
    },
    /// Fewer working pages are full than should be committed.
    #[error("{asked} working pages should be committed, but only {full} are full")]
    NotFull {
        /// Pages asked for.
        asked: u32,
        /// Working pages that are full.
        full: u32,
    },
    /// Slots are claimed and not yet written.
    #[error("{pending} tokens of passes under way are not written yet")]
    Busy {
        /// Slots that are claimed and not written.
        pending: u32,
    },
    /// The input has not as many positions as tokens.
    #[error("{tokens} tokens came with {positions} positions")]
    Positions {
        /// Tokens of the input.
        tokens: usize,
        /// Positions of the input.
        positions: usize,
    },
}
