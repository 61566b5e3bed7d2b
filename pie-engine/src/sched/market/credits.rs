use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// Credits in a fixed-point credit.
const UNIT: u128 = 1_000_000;

/// An amount of credits, never negative, in whole millionths. Integers, so that what one account pays is what others get, to the last
/// digit and on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credits(u128);

impl Credits {
    /// Nothing.
    pub const ZERO: Credits = Credits(0);
    /// One credit.
    pub const ONE: Credits = Credits(UNIT);
    /// The most that a bid or an endowment may be: 10^9 credits. So sums over all there could ever be do not overflow.
    pub const MOST: Credits = Credits(1_000_000_000 * UNIT);

    /// Whole credits, at most [`Credits::MOST`].
    pub fn whole(credits: u64) -> Self {
        Credits(u128::from(credits) * UNIT).min(Self::MOST)
    }

    /// The amount that an inferlet names, rounded down to a millionth. What is negative or no number counts as nothing, and what is
    /// more than [`Credits::MOST`] as that.
    pub fn from_f64(credits: f64) -> Self {
        // A cast of a float saturates, and makes 0 of what is no number.
        Credits((credits * UNIT as f64) as u128).min(Self::MOST)
    }

    /// The amount as an inferlet reads it.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / UNIT as f64
    }

    /// The amount in millionths of a credit.
    pub const fn millionths(self) -> u128 {
        self.0
    }

    /// An amount in millionths of a credit.
    pub const fn from_millionths(millionths: u128) -> Self {
        Credits(millionths)
    }

    /// What is left after taking away, or nothing.
    pub fn saturating_sub(self, other: Credits) -> Credits {
        Credits(self.0.saturating_sub(other.0))
    }

    /// So many times the amount.
    pub fn times(self, count: u64) -> Credits {
        Credits(self.0.saturating_mul(u128::from(count)))
    }

    /// `self * part / whole`, rounded down, and nothing if `whole` is.
    pub fn share(self, part: Credits, whole: Credits) -> Credits {
        if whole == Credits::ZERO {
            return Credits::ZERO;
        }
        match self.0.checked_mul(part.0) {
            Some(product) => Credits(product / whole.0),
            // Only amounts that no engine will see come here. Rounding first loses digits and never gives out more than there is.
            None => Credits((self.0 / whole.0).saturating_mul(part.0)),
        }
    }
}

impl Add for Credits {
    type Output = Credits;
    fn add(self, other: Credits) -> Credits {
        Credits(self.0 + other.0)
    }
}

impl AddAssign for Credits {
    fn add_assign(&mut self, other: Credits) {
        self.0 += other.0;
    }
}

impl Sub for Credits {
    type Output = Credits;
    fn sub(self, other: Credits) -> Credits {
        Credits(self.0 - other.0)
    }
}

impl SubAssign for Credits {
    fn sub_assign(&mut self, other: Credits) {
        self.0 -= other.0;
    }
}

impl Sum for Credits {
    fn sum<I: Iterator<Item = Credits>>(amounts: I) -> Credits {
        amounts.fold(Credits::ZERO, Add::add)
    }
}

impl fmt::Display for Credits {
    /// As a decimal number without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / UNIT, self.0 % UNIT);
        if part == 0 {
            return write!(f, "{whole}");
        }
        let part = format!("{part:06}");
        write!(f, "{whole}.{}", part.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bid_that_is_no_amount_counts_as_the_nearest_one() {
        for nothing in [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY, 1e-300] {
            assert_eq!(Credits::from_f64(nothing), Credits::ZERO);
        }
        for all in [1e9, 1e30, f64::MAX, f64::INFINITY] {
            assert_eq!(Credits::from_f64(all), Credits::MOST);
        }
        assert_eq!(Credits::from_f64(2.5), Credits::from_millionths(2_500_000));
        assert_eq!(Credits::from_f64(0.000_001_9), Credits::from_millionths(1));
        assert_eq!(Credits::from_f64(2.5).as_f64(), 2.5);
    }

    #[test]
    fn amounts_are_written_as_decimal_numbers() {
        let texts = [0, 1, 500_000, 1_000_000, 12_340_000].map(|n| Credits::from_millionths(n).to_string());
        assert_eq!(texts, ["0", "0.000001", "0.5", "1", "12.34"]);
    }

    #[test]
    fn shares_are_rounded_down_and_never_add_up_to_more() {
        let (one, three) = (Credits::from_millionths(1), Credits::from_millionths(3));
        assert_eq!(Credits::ONE.share(one, three), Credits::from_millionths(333_333));
        assert_eq!(Credits::ONE.share(one, Credits::ZERO), Credits::ZERO);
        let huge = Credits::from_millionths(u128::MAX);
        assert!(huge.share(one, three) <= huge);
        assert_eq!(huge.share(three, three), Credits::from_millionths(u128::MAX / 3 * 3));
    }
}
