//! What an adapter does to the dummy: it moves the logits of text tokens, smoothly.
//!
//! The state, which is a hash, tells only that there is an adapter and which. So that a training has something to find, adapters also
//! change a small network that stands beside the tables:
//!
//! ```text
//! x       = signs of the current token, a vector of length 1
//! h       = x + change 0 (x)
//! logit_t = logit_t + GAIN * (signs of t * change 0 (x) + other signs of t * change 1 (h))
//! ```
//!
//! Without an adapter both changes are zero, and the network says nothing. The result is bounded, because no weights may keep a
//! conversation from its form and end.

use super::vocabulary::FIRST_TEXT;
use crate::model::{Overlay, Target};
use crate::splitmix::splitmix64;

/// Length of what stands for the current token.
const WIDTH: usize = 16;
/// Length of what the second target gives.
const WIDE: usize = 32;
/// How strong the network is.
const GAIN: f32 = 4.0;
/// How far it moves a logit at most.
const BOUND: f32 = 6.0;

/// The matrices that adapters change.
pub(super) fn targets() -> Vec<Target> {
    let target = |name: &str, inputs: usize, outputs: usize| Target {
        name: name.to_owned(),
        inputs: inputs as u32,
        outputs: outputs as u32,
    };
    vec![
        target("model.layers.0.self_attn.o_proj", WIDTH, WIDTH),
        target("model.layers.1.mlp.up_proj", WIDTH, WIDE),
    ]
}

/// Moves the logits of a row behind `token`.
pub(super) fn move_logits(overlay: &Overlay, token: u32, logits: &mut [f32]) {
    let mut hidden = [0f32; WIDTH];
    let (signs, _) = features(token);
    let mut change = [0f32; WIDTH];
    overlay.add(0, &signs, &mut change);
    for ((hidden, sign), change) in hidden.iter_mut().zip(signs).zip(change) {
        *hidden = sign + change;
    }
    let mut wide = [0f32; WIDE];
    overlay.add(1, &hidden, &mut wide);
    for (logit, token) in logits.iter_mut().zip(0u32..).skip(FIRST_TEXT.into()) {
        let (signs, other) = features(token);
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let moved = GAIN * (product(&signs, &change) + product(&other, &wide));
        // Weights that are too large for the arithmetic say nothing.
        *logit += if moved.is_nan() { 0.0 } else { moved.clamp(-BOUND, BOUND) };
    }
}

/// Two vectors of length 1 that stand for a token, made of signs.
fn features(token: u32) -> ([f32; WIDTH], [f32; WIDE]) {
    let signs = splitmix64(u64::from(token) ^ 0xada9_7e25);
    let sign = |bit: usize, length: f32| if signs >> bit & 1 == 1 { length } else { -length };
    (std::array::from_fn(|bit| sign(bit, 0.25)), std::array::from_fn(|bit| sign(WIDTH + bit, 0.176_776_7)))
}
