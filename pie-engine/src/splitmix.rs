//! The integer hash behind everything here that must look random and be the same on every machine.

/// A bijection of 64-bit numbers in which every output bit depends on every input bit: one step of the SplitMix64 generator
/// (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
pub const fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_the_published_sequence_from_seed_zero() {
        let step = 0x9e37_79b9_7f4a_7c15u64;
        let sequence = [0, step, step.wrapping_mul(2)].map(splitmix64);
        assert_eq!(sequence, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }
}
