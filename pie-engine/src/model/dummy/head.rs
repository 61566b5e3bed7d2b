//! From a state and a text to a row of logits.
//!
//! A row is a base that all tokens share, on which stand the candidates of the prior, far enough above that sampling at
//! temperature 1 still gives text. The state moves every logit a little, and candidates by more, so that contexts with
//! different histories go on differently. A few rules then see to it that conversations have their form and come to an end.

use super::conversation::Conversation;
use super::prior::{Prior, Symbol};
use super::rules::{Closers, Rules};
use super::scratch::Scratch;
use super::vocabulary::FIRST_TEXT;

/// The base of text tokens: a thousand of them together are about a ten-thousandth as likely as a candidate.
const BASE: f32 = -16.0;
/// What less the base is for tokens that are not in the texts, such as single bytes.
const UNSEEN: f32 = 4.0;
/// The base of control tokens.
const BASE_CONTROL: f32 = -26.0;
/// How far the state moves the logits of all tokens.
const JITTER: f32 = 0.5;
/// How far it moves those of candidates, up and down.
const CHOICE: f32 = 1.0;
/// What it adds to a candidate that the message has said already.
const REPEATED: f32 = 1.0;
/// A token that occurs less often than this in the texts is worth repeating.
const RARE: u16 = 12;

/// Makes rows of logits.
pub(super) struct Head {
    pub(super) prior: Prior,
    base: Vec<f32>,
    closers: Closers,
}

impl Head {
    pub(super) fn new(prior: Prior) -> Self {
        let base = |token: Symbol| match token {
            0..FIRST_TEXT => BASE_CONTROL,
            _ => match prior.count(token) {
                0 => BASE - UNSEEN,
                count => BASE + 0.3 * count.ilog2() as f32,
            },
        };
        Head {
            base: (0..prior.vocab_size() as Symbol).map(base).collect(),
            closers: Closers::new(&prior),
            prior,
        }
    }

    /// Appends the logits for what comes after the text in `scratch`.
    pub(super) fn append_row(&self, state: u64, scratch: &mut Scratch, logits: &mut Vec<f32>) {
        let noise = Noise::new(state);
        let start = logits.len();
        logits.extend(self.base.iter().zip(0..).map(|(base, token)| base + JITTER * noise.unit(token)));
        let row = &mut logits[start..];

        let Scratch { text, candidates } = scratch;
        let conversation = &Conversation::read(&self.prior, text);
        let rules = Rules { prior: &self.prior, closers: &self.closers, conversation, state };
        let noise = Noise::new(!state);
        for candidate in candidates.collect(&self.prior, conversation, |symbol| rules.admit(symbol)) {
            let token = candidate.token;
            let rare = self.prior.count(token) < RARE;
            let repeated = if rare && conversation.message().contains(&token) { REPEATED } else { 0.0 };
            let choice = CHOICE * (2.0 * noise.unit(token.into()) - 1.0);
            let logit = &mut row[usize::from(token)];
            *logit = logit.max(candidate.logit() + repeated + choice);
        }
        rules.end(candidates.followed, row);
    }
}

/// Numbers from 0 to less than 1 for all tokens, different for each state.
struct Noise {
    low: u32,
    high: u32,
}

impl Noise {
    fn new(state: u64) -> Self {
        Noise { low: state as u32, high: (state >> 32) as u32 }
    }

    /// A multiple of 2^-24. The constants are those of an integer hash found by Wellons (`lowbias32`), keyed at both ends.
    #[inline(always)]
    fn unit(&self, token: u32) -> f32 {
        let mut x = token.wrapping_mul(0x9e37_79b9) ^ self.low;
        x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d) ^ self.high;
        x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        x ^= x >> 16;
        // Through `i32`, for which processors have an instruction; the number has 24 bits.
        (x >> 8) as i32 as f32 * (1.0 / 16_777_216.0)
    }
}
