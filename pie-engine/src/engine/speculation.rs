//! Guesses: which of those that came with a pass hold, and what the drafter guesses comes next.
//!
//! A pass with guesses has claimed slots that may be given back, and may have drawn less often than it seems. So passes of its context
//! that come later wait for it, and everything after it is as if the guesses that hold had been computed one by one.

use super::Core;
use super::operation::{Answer, PassRequest};
use super::passes::Pending;
use crate::kv::{Kv, KvError, TableId};
use crate::spec::{Drafter, Lookup, MOST_DRAFTS, held};

/// A drafter that follows the tokens of a table.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    drafter: Drafter,
    /// How many tokens of the table it has been told.
    told: u32,
}

impl Follower {
    /// A drafter for a table of so many tokens. It is told only those that it can remember.
    fn new(tokens: u32) -> Follower {
        let lookup = Lookup::default();
        Follower { drafter: Drafter::new(lookup), told: tokens.saturating_sub(lookup.window as u32) }
    }

    /// Tells it the tokens of the table up to `end`.
    fn follow(&mut self, kv: &Kv, table: TableId, end: u32) -> Result<(), KvError> {
        let mut tokens = kv.tokens(table, self.told)?;
        tokens.truncate(end.saturating_sub(self.told) as usize);
        self.drafter.extend(&tokens);
        self.told += tokens.len() as u32;
        Ok(())
    }

    /// The table has only so many tokens now.
    pub(super) fn cut(&mut self, tokens: u32) {
        let gone = self.told.saturating_sub(tokens);
        self.drafter.truncate(gone as usize);
        self.told -= gone;
    }

    /// Guesses at what comes after `token`, which the table does not have yet.
    fn guess(&mut self, token: u32) -> Vec<u32> {
        self.drafter.extend(&[token]);
        let guesses = self.drafter.draft(MOST_DRAFTS);
        self.drafter.truncate(1);
        guesses
    }
}

impl Core {
    /// Keeps the guesses of a pass that hold, and gives back the slots of the others. All its tokens have been computed.
    pub(super) fn verify(&mut self, pending: &mut Pending) {
        let request = &pending.request;
        if request.guesses == 0 {
            return;
        }
        let input = request.input_len();
        let held = match pending.error {
            Some(_) => 0,
            None => held(&chosen(pending), &request.tokens[input as usize..]) as u32,
        };
        let kept = pending.claim.start + input + held;
        let settled =
            self.kv.abandon(pending.table, kept).and_then(|()| self.kv.written(pending.table, kept));
        debug_assert!(settled.is_ok(), "a pass in flight has a table: {settled:?}");
        pending.held = Some(held);
        let Some(entry) = self.instances.get_mut(&pending.instance) else { return };
        // The last choice that counts is the one at the last token that is kept.
        let end = input + held;
        entry.usage.accepted_tokens += u64::from(held);
        entry.usage.sampled_tokens += request.choices_before(end) - request.choices_before(input);
        let draws = request.draws_before(end) - request.draws_before(input);
        match request.context.and_then(|context| entry.contexts.get_mut(&context)) {
            Some(context) => {
                context.draws += draws;
                context.rejected += u64::from(request.guesses - held);
            }
            None => entry.draws += draws,
        }
    }

    /// Asks the drafter of the context, if the pass wants it, what comes after the token that was chosen last.
    pub(super) fn draft(&mut self, pending: &mut Pending) {
        let last = pending.request.input_len() + pending.held.unwrap_or(0) - 1;
        let Some(token) = choice(pending, last).filter(|_| pending.request.wants_guesses) else { return };
        let end = pending.claim.start + last + 1;
        let mut made = None;
        let entry = self.instances.get_mut(&pending.instance);
        let context = pending.request.context;
        let follower = match context.and_then(|context| entry?.contexts.get_mut(&context)) {
            Some(context) => &mut context.drafter,
            None => &mut made,
        };
        let follower = follower.get_or_insert_with(|| Follower::new(end));
        let followed = follower.follow(&self.kv, pending.table, end);
        debug_assert!(followed.is_ok(), "a pass in flight has a table: {followed:?}");
        let position = u64::from(pending.request.positions[last as usize]);
        let room =
            u64::from(self.models[pending.request.model].info().max_positions).saturating_sub(position + 2);
        pending.guesses = follower.guess(token);
        pending.guesses.truncate(room as usize);
    }
}

/// What was chosen at the last token of the input and at each guess but the last.
fn chosen(pending: &Pending) -> Vec<u32> {
    let input = pending.request.input_len();
    (input - 1..input - 1 + pending.request.guesses).map_while(|index| choice(pending, index)).collect()
}

/// What the first sampler that chooses at a token has chosen there.
fn choice(pending: &Pending, index: u32) -> Option<u32> {
    let questions = pending.request.questions.iter().zip(&pending.answers);
    questions.filter(|(question, _)| question.index == index).find_map(|(_, answer)| match answer {
        Some(Answer::Token(token)) => Some(*token),
        _ => None,
    })
}

/// The positions of the drafter's guesses: the token that was chosen last comes behind the last one that was kept, they behind it.
pub(super) fn guess_positions(request: &PassRequest, held: Option<u32>, guesses: usize) -> Vec<u32> {
    let last = request.input_len() + held.unwrap_or(0) - 1;
    let position = request.positions[last as usize];
    (1..=guesses as u32).map(|guess| position + 1 + guess).collect()
}
