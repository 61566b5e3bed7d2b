use super::queue::{Queue, Queued};

/// How much goes into one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tokens computed in a step. The oldest pass goes over it where it cannot be cut.
    pub step_tokens: u32,
    /// Passes in a step; 0 counts as 1.
    pub step_sequences: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { step_tokens: 2048, step_sequences: 256 }
    }
}

/// What of a pass runs in a step: its next `tokens` tokens that are not computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The number of the pass.
    pub pass: u64,
    /// How many tokens; at least one.
    pub tokens: u32,
}

/// The passes of the next step: decode, then prefill, each oldest first. Empty only if the queue is. The [module's page](super) states
/// the rules.
///
/// # Panics
/// If `page_size` is 0.
pub fn plan(queue: &Queue, page_size: u32, limits: &Limits) -> Vec<Planned> {
    let Some(oldest) = queue.oldest() else { return Vec::new() };
    let limits = Limits { step_sequences: limits.step_sequences.max(1), ..*limits };
    let share = prefill_share(queue, page_size, &limits);
    let mut step = Step::default();
    for pass in queue.decode() {
        let tokens = step.tokens.saturating_add(pass.tokens).saturating_add(share.step_tokens);
        let fits =
            tokens <= limits.step_tokens && step.sequences() + share.step_sequences < limits.step_sequences;
        if !fits && pass.pass != oldest {
            break;
        }
        step.add(pass, pass.tokens);
    }
    for pass in queue.prefill() {
        if step.sequences() == limits.step_sequences {
            break;
        }
        let room = limits.step_tokens.saturating_sub(step.tokens);
        let least = if pass.pass == oldest { least(pass, page_size) } else { 0 };
        let tokens = fitting(pass, room, page_size).max(least);
        if tokens > 0 {
            step.add(pass, tokens);
        }
        if tokens < pass.tokens {
            break;
        }
    }
    debug_assert!(step.planned.iter().any(|planned| planned.pass == oldest));
    step.planned
}

/// A step in the making.
#[derive(Default)]
struct Step {
    planned: Vec<Planned>,
    tokens: u32,
}

impl Step {
    fn add(&mut self, pass: &Queued, tokens: u32) {
        self.planned.push(Planned { pass: pass.pass, tokens });
        self.tokens = self.tokens.saturating_add(tokens);
    }

    fn sequences(&self) -> u32 {
        self.planned.len() as u32
    }
}

/// What decode leaves of a step to prefill.
fn prefill_share(queue: &Queue, page_size: u32, limits: &Limits) -> Limits {
    let Some(first) = queue.prefill().next() else { return Limits { step_tokens: 0, step_sequences: 0 } };
    let quarter =
        Limits { step_tokens: limits.step_tokens / 4, step_sequences: (limits.step_sequences / 4).max(1) };
    let mut demand = Limits { step_tokens: 0, step_sequences: 0 };
    for pass in queue.prefill().take(quarter.step_sequences as usize) {
        demand.step_tokens = demand.step_tokens.saturating_add(pass.tokens);
        demand.step_sequences += 1;
    }
    let tokens = quarter.step_tokens.min(demand.step_tokens);
    Limits { step_tokens: tokens.max(least(first, page_size)), step_sequences: demand.step_sequences }
}

/// The fewest tokens a pass can be computed by: all, or those up to the end of the page it stands in.
fn least(pass: &Queued, page_size: u32) -> u32 {
    if pass.splittable { pass.tokens.min(page_size - pass.slot % page_size) } else { pass.tokens }
}

/// The most tokens of a pass that have room: all, or those up to the end of a page, or none.
fn fitting(pass: &Queued, room: u32, page_size: u32) -> u32 {
    if pass.tokens <= room {
        return pass.tokens;
    }
    if !pass.splittable {
        return 0;
    }
    let past_page_end = (pass.slot % page_size + room % page_size) % page_size;
    room.saturating_sub(past_page_end)
}
