//! What contexts hold and say, followed through a trace: which tokens each was given, which were chosen and how surely, and how many pages it has. Timelines are made
//! of this; it keeps what is open and nothing else, so the length of a trace does not matter.

use std::collections::BTreeMap;

use pie_engine::ids::{ContextId, InstanceId, PassId};
use pie_engine::trace::{Event, Origin, PageOperation, SamplerCall, Slot, Tokens};

/// A context by its owner and number.
pub type Name = (InstanceId, ContextId);

/// Something that an event means for a context.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It was given tokens that are not the ones that were chosen last.
    Read {
        /// The context.
        context: Name,
        /// The tokens.
        tokens: Tokens,
        /// How many of them were found in the prefix table.
        reused: u32,
    },
    /// Tokens were chosen for it.
    Chose {
        /// The context.
        context: Name,
        /// When the pass was asked for.
        since: u64,
        /// The tokens.
        tokens: Vec<Chosen>,
    },
    /// It has so many pages now.
    Pages {
        /// The context.
        context: Name,
        /// How many, shared ones among them.
        pages: u32,
    },
}

/// A token that was chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chosen {
    /// The token.
    pub id: u32,
    /// How sure the model was of it, where the trace says so.
    pub sure: Option<Sure>,
}

/// How sure a model was of a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sure {
    /// Its probability.
    Probability(f32),
    /// How far its logit is ahead of the second.
    Margin(f32),
}

impl Sure {
    /// From 1, a toss-up, to 4, certain. A margin of `m` is a probability of `1 / (1 + exp(-m))` if there are two candidates.
    pub fn level(self) -> u8 {
        let (value, steps) = match self {
            Sure::Probability(value) => (value, [0.4, 0.65, 0.9]),
            Sure::Margin(value) => (value, [0.2, 0.8, 2.2]),
        };
        1 + steps.iter().map(|step| u8::from(value >= *step)).sum::<u8>()
    }
}

#[derive(Default)]
struct Context {
    pages: u32,
    /// Pages that it had when it was suspended.
    suspended: Option<u32>,
    /// What was chosen for it and not yet given back to it.
    chosen: Vec<u32>,
    /// The likeliest tokens behind its last one, where the inferlet asked for them instead of for a choice.
    likely: Vec<(u32, f32)>,
}

struct Open {
    at: u64,
    context: Option<ContextId>,
    tokens: u64,
    samplers: Vec<SamplerCall>,
}

/// Follows a trace.
#[derive(Default)]
pub struct Follower {
    contexts: BTreeMap<Name, Context>,
    passes: BTreeMap<(InstanceId, PassId), Open>,
    /// Pages of saved contexts.
    saved: BTreeMap<String, u32>,
}

impl Follower {
    /// What an event at this time means. Events come in their order.
    pub fn follow(&mut self, at: u64, event: &Event) -> Vec<Change> {
        match event {
            Event::ContextCreated { instance, context, origin } => {
                self.created((*instance, *context), origin)
            }
            Event::ContextSaved { instance, context, name } => {
                let pages = self.contexts.get(&(*instance, *context)).map_or(0, |context| context.pages);
                self.saved.insert(name.clone(), pages);
                Vec::new()
            }
            Event::SnapshotDeleted { name, .. } => {
                self.saved.remove(name);
                Vec::new()
            }
            Event::ContextDestroyed { instance, context } => {
                self.contexts.remove(&(*instance, *context));
                Vec::new()
            }
            Event::Finished { instance, .. } => {
                self.contexts.retain(|(owner, _), _| owner != instance);
                self.passes.retain(|(owner, _), _| owner != instance);
                Vec::new()
            }
            Event::Pages { instance, context, operation, count } => {
                self.pages((*instance, *context), *operation, *count)
            }
            Event::Suspended { instance, context, .. } => self.set((*instance, *context), |context| {
                context.suspended = Some(context.pages);
                context.pages = 0;
            }),
            Event::Restored { instance, context, pages, .. } => self.set((*instance, *context), |context| {
                context.suspended = None;
                context.pages = *pages;
            }),
            Event::Pass { instance, pass, context, tokens, samplers, reused, .. } => {
                let open = Open { at, context: *context, tokens: tokens.count(), samplers: samplers.clone() };
                self.passes.insert((*instance, *pass), open);
                context.map_or_else(Vec::new, |context| self.given((*instance, context), at, tokens, *reused))
            }
            Event::PassDone { instance, pass, slots, held, margin, .. } => {
                self.answered(*instance, *pass, slots, *held, *margin)
            }
            Event::PassFailed { instance, pass, .. } => {
                self.passes.remove(&(*instance, *pass));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn set(&mut self, name: Name, set: impl FnOnce(&mut Context)) -> Vec<Change> {
        let context = self.contexts.entry(name).or_default();
        set(context);
        vec![Change::Pages { context: name, pages: context.pages }]
    }

    fn created(&mut self, name: Name, origin: &Origin) -> Vec<Change> {
        let context = match origin {
            Origin::New => Context::default(),
            Origin::Fork { from } => {
                self.contexts.get(&(name.0, *from)).map_or_else(Context::default, |from| Context {
                    pages: from.suspended.unwrap_or(from.pages),
                    ..Context::default()
                })
            }
            Origin::Open { name } => {
                Context { pages: self.saved.get(name).copied().unwrap_or(0), ..Context::default() }
            }
            Origin::Take { name } => {
                Context { pages: self.saved.remove(name).unwrap_or(0), ..Context::default() }
            }
        };
        let pages = context.pages;
        self.contexts.insert(name, context);
        vec![Change::Pages { context: name, pages }]
    }

    fn pages(&mut self, name: Name, operation: PageOperation, count: u32) -> Vec<Change> {
        self.set(name, |context| match operation {
            PageOperation::Reserve => context.pages = context.pages.saturating_add(count),
            PageOperation::Release => context.pages = context.pages.saturating_sub(count),
            // Both leave the pages where they are.
            PageOperation::Commit | PageOperation::Truncate => {}
        })
    }

    /// Tokens that a pass is given. Those that were chosen last are no news; one that the inferlet chose from what was likely is a choice of its own.
    fn given(&mut self, name: Name, at: u64, tokens: &Tokens, reused: u32) -> Vec<Change> {
        let Some(context) = self.contexts.get_mut(&name) else { return Vec::new() };
        let chosen = std::mem::take(&mut context.chosen);
        let likely = std::mem::take(&mut context.likely);
        let Tokens::Full(given) = tokens else {
            return vec![Change::Read { context: name, tokens: tokens.clone(), reused }];
        };
        if !chosen.is_empty() && chosen.ends_with(given) {
            return Vec::new();
        }
        if let ([id], false) = (given.as_slice(), likely.is_empty()) {
            // A trace has the likeliest ones only.
            let found = likely.iter().find(|(candidate, _)| candidate == id);
            let sure = found.map(|(_, probability)| Sure::Probability(*probability));
            return vec![Change::Chose { context: name, since: at, tokens: vec![Chosen { id: *id, sure }] }];
        }
        vec![Change::Read { context: name, tokens: tokens.clone(), reused }]
    }

    fn answered(
        &mut self,
        instance: InstanceId,
        pass: PassId,
        slots: &[Slot],
        held: Option<u32>,
        margin: Option<f32>,
    ) -> Vec<Change> {
        let Some(Open { at, context, tokens, samplers }) = self.passes.remove(&(instance, pass)) else {
            return Vec::new();
        };
        let Some(context) = context else { return Vec::new() };
        // Behind the last guess that holds the answers mean nothing.
        let end = held.map_or(u64::MAX, |held| tokens + u64::from(held));
        let indices = samplers.iter().flat_map(|call| call.indices.iter().copied());
        let answers: Vec<(u32, &Slot)> =
            indices.zip(slots).filter(|(index, _)| u64::from(*index) < end).collect();
        let likely = |wanted: u32| {
            answers.iter().filter(move |(index, _)| *index == wanted).find_map(|(_, slot)| match slot {
                Slot::Distribution { ids, probabilities, .. } => Some((ids, probabilities)),
                _ => None,
            })
        };
        let choices = answers.iter().filter(|(_, slot)| matches!(slot, Slot::Token(_))).count();
        let chosen = answers.iter().filter_map(|(index, slot)| {
            let Slot::Token(id) = slot else { return None };
            let probability = likely(*index).and_then(|(ids, probabilities)| {
                let at = ids.iter().position(|candidate| candidate == id)?;
                probabilities.get(at).copied()
            });
            // The margin is the least of all choices of the pass, so of one it is its own.
            let margin = margin.filter(|_| choices == 1).map(Sure::Margin);
            Some(Chosen { id: *id, sure: probability.map(Sure::Probability).or(margin) })
        });
        let chosen: Vec<Chosen> = chosen.collect();
        let last = answers.iter().map(|(index, _)| *index).max();
        let likely = last.and_then(likely).map(|(ids, probabilities)| {
            ids.iter().copied().zip(probabilities.iter().copied()).collect::<Vec<_>>()
        });
        if let Some(context) = self.contexts.get_mut(&(instance, context)) {
            context.chosen = chosen.iter().map(|chosen| chosen.id).collect();
            context.likely = if chosen.is_empty() { likely.unwrap_or_default() } else { Vec::new() };
        }
        if chosen.is_empty() {
            return Vec::new();
        }
        vec![Change::Chose { context: (instance, context), since: at, tokens: chosen }]
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use pie_engine::trace::jsonl::Reader;

    use super::*;

    fn records(text: &str) -> Vec<pie_engine::trace::Record> {
        Reader::new(text.as_bytes()).unwrap().map(Result::unwrap).collect()
    }

    /// The most pages that the contexts of an instance had at once.
    fn most_pages(text: &str) -> BTreeMap<InstanceId, u32> {
        let (mut follower, mut most) = (Follower::default(), BTreeMap::new());
        for record in records(text) {
            follower.follow(record.at, &record.event);
            let mut now: BTreeMap<InstanceId, u32> = BTreeMap::new();
            for ((instance, _), context) in &follower.contexts {
                // The engine counts those of a suspended one too, as it will need them again.
                *now.entry(*instance).or_default() += context.suspended.unwrap_or(context.pages);
            }
            for (instance, pages) in now {
                let most: &mut u32 = most.entry(instance).or_default();
                *most = (*most).max(pages);
            }
        }
        most
    }

    #[test]
    fn pages_that_are_followed_are_those_that_the_engine_counted() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/examples");
        let mut compared = 0;
        for file in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_none_or(|extension| extension != "jsonl") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let most = most_pages(&text);
            for record in records(&text) {
                if let Event::Finished { instance, usage, .. } = record.event {
                    let followed = most.get(&instance).copied().unwrap_or(0);
                    assert_eq!(followed, usage.peak_pages, "{instance} in {}", file.display());
                    compared += 1;
                }
            }
        }
        assert!(compared > 60, "{compared}");
    }

    #[test]
    fn a_probability_that_was_asked_for_counts_more_than_the_margin_and_a_margin_of_several_for_none() {
        let sampler = |sampler: &str| SamplerCall { indices: vec![0], sampler: sampler.to_owned() };
        let (instance, context) = (InstanceId(1), ContextId(1));
        let distribution = Slot::Distribution { count: 2, ids: vec![7, 9], probabilities: vec![0.75, 0.25] };
        let sure = |samplers: Vec<SamplerCall>, slots: Vec<Slot>| {
            let mut follower = Follower::default();
            follower.created((instance, context), &Origin::New);
            let open = Open { at: 5, context: Some(context), tokens: 1, samplers };
            follower.passes.insert((instance, PassId(1)), open);
            match follower.answered(instance, PassId(1), &slots, None, Some(1.0)).as_slice() {
                [Change::Chose { tokens, since: 5, .. }] => {
                    tokens.iter().map(|chosen| chosen.sure).collect::<Vec<_>>()
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(sure(vec![sampler("a")], vec![Slot::Token(9)]), [Some(Sure::Margin(1.0))]);
        assert_eq!(
            sure(vec![sampler("a"), sampler("b")], vec![Slot::Token(9), distribution]),
            [Some(Sure::Probability(0.25))]
        );
        let two = sure(vec![sampler("a"), sampler("b")], vec![Slot::Token(9), Slot::Token(7)]);
        assert_eq!(two, [None, None]);
    }

    #[test]
    fn levels_go_from_a_toss_up_to_certain() {
        let levels = |sure: fn(f32) -> Sure, values: [f32; 4]| values.map(|value| sure(value).level());
        assert_eq!(levels(Sure::Probability, [0.1, 0.5, 0.7, 1.0]), [1, 2, 3, 4]);
        assert_eq!(levels(Sure::Margin, [0.0, 0.5, 1.0, 9.0]), [1, 2, 3, 4]);
        assert_eq!(Sure::Margin(f32::NAN).level(), 1);
    }
}
