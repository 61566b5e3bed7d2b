//! The order of tokens by likelihood: greater logits first, equal ones by rising id.

/// A logit and its token as one number, which is greater for what ranks earlier. Keys of different tokens differ, so selecting
/// and sorting by them has one possible result whatever the algorithm.
#[inline(always)]
pub(super) fn key(logit: f32, token: u32) -> u64 {
    // Adding zero turns -0 into 0, which is equal to it and must rank so.
    let bits = (logit + 0.0).to_bits();
    // Flipping makes the order of the bits, taken as an unsigned number, the order of the numbers.
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(!token)
}

/// The token of a key.
#[inline(always)]
pub(super) fn token(key: u64) -> u32 {
    !(key as u32)
}

/// Keeps the `k` that rank first, first things first. 0 keeps all.
pub(super) fn keep_first(keys: &mut Vec<u64>, k: u32) {
    let k = k as usize;
    if k > 0 && k < keys.len() {
        keys.select_nth_unstable_by(k - 1, |a, b| b.cmp(a));
        keys.truncate(k);
    }
    keys.sort_unstable_by(|a, b| b.cmp(a));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_rank_by_logit_and_then_by_rising_id() {
        let ranked = [
            (f32::MAX, 9),
            (1.5, 0),
            (1.5, 7),
            (1e-40, 3),
            (-0.0, 1),
            (0.0, 2),
            (-0.0, 5),
            (-1.0, 4),
            (-2.0, 0),
            (f32::NEG_INFINITY, 8),
        ];
        let keys: Vec<u64> = ranked.iter().map(|(logit, token)| key(*logit, *token)).collect();
        assert!(keys.windows(2).all(|pair| pair[0] > pair[1]), "{keys:x?}");
        assert!(keys.iter().zip(ranked).all(|(key, (_, id))| token(*key) == id));
    }
}
