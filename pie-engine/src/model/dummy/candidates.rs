//! The tokens that the learned texts suggest to come next.

use super::conversation::Conversation;
use super::prior::{MAX_ORDER, Matches, Prior, Symbol, WORD};
use super::vocabulary::TURN;

/// What a shorter history costs, in logits, by order: a continuation found for order 2 stands so much lower than one for order 3.
/// Long histories cost about the same, so that texts cross over where they share several tokens.
const COST: [f32; MAX_ORDER + 1] = [24.0, 12.0, 7.5, 4.5, 2.5, 1.2, 0.6, 0.3, 0.2, 0.1, 0.0];
/// Continuations that stand lower than this are left to the base of the row.
const LOWEST: f32 = -8.0;
/// How far the next token of the learned reply that fits best stands above what the longest history suggests,
const FOLLOWED: f32 = 4.0;
/// and how much lower that of one that fits worse, by the point.
const WORSE: f32 = 1.2;
/// The same for the next token of a topic that was begun.
const CONTINUED: f32 = 9.0;
/// How many places are looked at for one order.
const PLACES_PER_ORDER: usize = 48;
/// More candidates than this are not collected.
const ENOUGH: usize = 64;

/// A token that came next somewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) token: Symbol,
    /// How far it stands above what the longest history suggests; mostly 0 or less.
    level: f32,
    /// How often it came next at that level.
    count: u32,
}

impl Candidate {
    /// Its logit, but for everything that depends on the state.
    pub(super) fn logit(&self) -> f32 {
        self.level + 0.7 * self.count.ilog2() as f32
    }
}

/// The candidates of one row.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates {
    found: Vec<Candidate>,
    /// For each token, its index in `found` plus one; 0 for the others.
    index: Vec<u8>,
    /// The next symbol of the learned reply that fits best, if this one has followed it so far.
    pub(super) followed: Option<Symbol>,
}

impl Candidates {
    /// Collects what may come after a text. `admit` gives the token for a symbol that makes sense there.
    pub(super) fn collect(
        &mut self,
        prior: &Prior,
        conversation: &Conversation<'_>,
        admit: impl Fn(Symbol) -> Option<Symbol>,
    ) -> &[Candidate] {
        self.clear(prior);
        self.add_learned(prior, conversation);
        // Where a reply begins, every beginning would do; only those that fit the message are good.
        if self.followed.is_none() || !conversation.reply().is_empty() {
            self.add_followers(prior, &find(prior, conversation.symbols), &admit);
        }
        if self.followed.is_none()
            && let Some(next) = continued_topic(prior, conversation)
        {
            self.add(next, CONTINUED);
        }
        &self.found
    }

    /// Adds what comes next in the learned replies to messages like this one, as far as the reply has followed them so far; at the
    /// end of one, the end of the turn.
    fn add_learned(&mut self, prior: &Prior, conversation: &Conversation<'_>) {
        self.followed = None;
        if conversation.message().is_empty() {
            return;
        }
        for (learned, gap) in
            prior.closest_replies(conversation.message(), conversation.topic, conversation.digest)
        {
            let Some(next) = follow(learned, conversation) else { continue };
            let level = if next.inside_topic { CONTINUED } else { FOLLOWED };
            self.add(next.token, level - WORSE * gap as f32);
            self.followed.get_or_insert(next.symbol);
        }
    }

    /// Adds what came after the same symbols, levels counting from the longest history that suggests anything.
    fn add_followers(&mut self, prior: &Prior, matches: &Matches, admit: impl Fn(Symbol) -> Option<Symbol>) {
        // A learned reply is like a history of the longest order.
        let mut longest = self.followed.map(|_| MAX_ORDER);
        for order in (1..=matches.order).rev() {
            let level = COST[longest.unwrap_or(order)] - COST[order];
            if level < LOWEST || self.found.len() >= ENOUGH {
                break;
            }
            for token in prior.followers(matches, order, PLACES_PER_ORDER).filter_map(&admit) {
                // One symbol is too little to know how a word goes on.
                if order == 1 && longest.is_some() && prior.traits(token).is_letters() {
                    continue;
                }
                self.add(token, level);
                longest.get_or_insert(order);
            }
        }
    }

    fn clear(&mut self, prior: &Prior) {
        for candidate in self.found.drain(..) {
            self.index[usize::from(candidate.token)] = 0;
        }
        self.index.resize(prior.vocab_size(), 0);
    }

    fn add(&mut self, token: Symbol, level: f32) {
        let index = &mut self.index[usize::from(token)];
        match index.checked_sub(1) {
            None => {
                self.found.push(Candidate { token, level, count: 1 });
                // `ENOUGH` and the places of one order together stay below 255.
                *index = self.found.len() as u8;
            }
            Some(at) => {
                let candidate = &mut self.found[usize::from(at)];
                candidate.count += u32::from(candidate.level == level);
                candidate.level = candidate.level.max(level);
            }
        }
    }
}

/// Looks the last symbols up in the texts.
fn find(prior: &Prior, symbols: &[Symbol]) -> Matches {
    let mut history = [0; MAX_ORDER];
    let length = history.iter_mut().zip(symbols.iter().rev()).map(|(to, from)| *to = *from).count();
    prior.find(&history[..length])
}

/// In the middle of a topic of several tokens, the next of them, if a topic was to be expected where it began.
fn continued_topic(prior: &Prior, conversation: &Conversation<'_>) -> Option<Symbol> {
    let Conversation { topic, symbols, .. } = *conversation;
    let written =
        (1..topic.len()).rev().find(|&written| conversation.reply().ends_with(&topic[..written]))?;
    let matches = find(prior, &symbols[..symbols.len() - written]);
    let mut followers =
        (1..=matches.order).rev().flat_map(|order| prior.followers(&matches, order, PLACES_PER_ORDER));
    followers.any(|symbol| symbol == conversation.topic_symbol).then(|| topic[written])
}

/// How a learned reply goes on.
struct Next {
    symbol: Symbol,
    /// The same, or the first token of the topic that it stands for.
    token: Symbol,
    /// Whether a topic of several tokens was begun.
    inside_topic: bool,
}

/// What comes next in a learned reply, if the reply under way has followed it so far.
fn follow(learned: &[Symbol], conversation: &Conversation<'_>) -> Option<Next> {
    let (reply, topic) = (conversation.reply(), conversation.topic);
    let same = learned.iter().zip(reply).take_while(|(a, b)| a == b).count();
    let rest = &reply[same..];
    let symbol = learned.get(same).copied().unwrap_or(TURN);
    if symbol >= WORD {
        // What was written of the topic must be its beginning, and something must be left.
        let left = topic.strip_prefix(rest).filter(|_| symbol == conversation.topic_symbol)?;
        return left.first().map(|&token| Next { symbol, token, inside_topic: !rest.is_empty() });
    }
    rest.is_empty().then_some(Next { symbol, token: symbol, inside_topic: false })
}
