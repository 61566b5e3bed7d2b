//! What the engine relies on in a model, as a test that runs on every backend.
//!
//! Prefix sharing, continuous batching, forks and speculation are sound only if a row's bits are a function of what the row sees.
//! [`check`] computes the same rows along different ways and compares them bit for bit, and it computes different rows and
//! sees that they differ.

use super::{Batch, KvStore, LowRank, Model, Outputs, Overlay, Sequence, Target};
use crate::brle::Brle;
use crate::ids::{PageId, SwapId};
use crate::splitmix::splitmix64;

/// Slots in a page: few, so that every way crosses pages.
const PAGE_SIZE: u32 = 4;
/// Pages in the store.
const PAGES: u32 = 64;
/// Tokens in the prompt: not a multiple of the page size.
const LENGTH: usize = 22;

/// A property that a model lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model fails `{property}`: {detail}")]
pub struct Failure {
    /// What should hold, as a sentence.
    pub property: &'static str,
    /// What was seen.
    pub detail: String,
}

/// What a check may assume.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How much a logit may differ between a slot that is hidden and one that never was. Zero for a model whose sums do not
    /// depend on where in memory a slot is.
    pub removal_tolerance: f32,
}

/// Checks a model. Takes a few hundred passes of at most 22 tokens.
pub fn check(model: &dyn Model, options: Options) -> Result<(), Failure> {
    let suite = Suite::new(model, options)?;
    properties()
        .iter()
        .try_for_each(|(property, holds)| holds(&suite).map_err(|detail| Failure { property, detail }))
}

/// A property and the test of it; an error says what was seen.
type Property<'a> = (&'static str, fn(&Suite<'a>) -> Result<(), String>);

fn properties<'a>() -> [Property<'a>; 15] {
    [
        ("rows have the length of the vocabulary and hold numbers", Suite::rows_are_numbers),
        ("chunks of a prompt give the rows of the whole", Suite::chunks),
        ("other rows asked for change nothing", Suite::row_choice),
        ("other sequences in a batch and their order change nothing", Suite::batches),
        ("the numbers of pages change nothing", Suite::page_numbers),
        ("a fork goes on as its original would, and neither disturbs the other", Suite::forks),
        ("a truncated context goes on as if the rest had never been", Suite::truncation),
        ("content that was swapped out and in again, elsewhere, is the same", Suite::swapping),
        ("pages shared by two sequences serve both", Suite::shared_pages),
        ("a mask that hides nothing changes nothing", Suite::causal_masks),
        ("what all later tokens do not see might as well not be there", Suite::removal),
        ("every part of what is seen counts", Suite::sensitivity),
        ("adapters apply to the sequences that have them, in any batch", Suite::adapters_in_batches),
        ("slots keep what they were made with, whatever adapter reads them", Suite::adapters_in_turn),
        ("embeddings have the announced length and follow their row", Suite::embeddings),
    ]
}

/// A model, a prompt and its rows, computed at once.
struct Suite<'a> {
    model: &'a dyn Model,
    options: Options,
    tokens: Vec<u32>,
    expected: Vec<Vec<f32>>,
}

/// A context under construction: a list of pages and how far they are filled.
#[derive(Clone)]
struct Context {
    pages: Vec<PageId>,
    filled: u32,
}

/// What to compute of a sequence besides the obvious.
#[derive(Clone, Default)]
struct Extras<'a> {
    positions: Option<Vec<u32>>,
    masks: Option<&'a [Brle]>,
    adapter: Option<&'a Overlay>,
}

impl Context {
    /// A context on all pages of the store from one on.
    fn new(first_page: u32) -> Self {
        Context { pages: (first_page..PAGES).map(PageId).collect(), filled: 0 }
    }
}

impl<'a> Suite<'a> {
    fn new(model: &'a dyn Model, options: Options) -> Result<Self, Failure> {
        let vocab = model.info().vocab_size;
        // Ids all over the vocabulary, some of them repeated.
        let tokens = (0..LENGTH as u32).map(|index| (index * index * 37 + index % 3) % vocab).collect();
        let mut suite = Suite { model, options, tokens, expected: Vec::new() };
        let whole = suite.fresh(&suite.tokens.clone(), &Extras::default());
        suite.expected = whole.map_err(|detail| Failure { property: "a prompt can be computed", detail })?;
        Ok(suite)
    }

    fn store(&self) -> Box<dyn KvStore> {
        self.model.new_store(PAGES, PAGE_SIZE)
    }

    /// All rows of some tokens in a new context.
    fn fresh(&self, tokens: &[u32], extras: &Extras<'_>) -> Result<Vec<Vec<f32>>, String> {
        self.extend(&mut *self.store(), &mut Context::new(0), tokens, extras)
    }

    /// Computes more tokens of a context and returns all their rows.
    fn extend(
        &self,
        store: &mut dyn KvStore,
        context: &mut Context,
        tokens: &[u32],
        extras: &Extras<'_>,
    ) -> Result<Vec<Vec<f32>>, String> {
        let rows: Vec<u32> = (0..tokens.len() as u32).collect();
        let outputs = self.extend_rows(store, context, tokens, extras, &rows)?;
        Ok(self.split(&outputs))
    }

    fn extend_rows(
        &self,
        store: &mut dyn KvStore,
        context: &mut Context,
        tokens: &[u32],
        extras: &Extras<'_>,
        rows: &[u32],
    ) -> Result<Outputs, String> {
        let start = context.filled;
        let positions = (start..start + tokens.len() as u32).collect();
        let sequence = Sequence {
            tokens,
            positions: extras.positions.as_ref().unwrap_or(&positions),
            pages: &context.pages,
            start,
            masks: extras.masks,
            adapter: extras.adapter,
            rows,
            embeddings: self.model.info().embedding_size.is_some(),
        };
        let outputs = self.run(store, vec![sequence])?;
        context.filled += tokens.len() as u32;
        Ok(outputs)
    }

    fn run(&self, store: &mut dyn KvStore, sequences: Vec<Sequence<'_>>) -> Result<Outputs, String> {
        let mut outputs = Outputs::default();
        let batch = Batch { sequences, page_size: PAGE_SIZE };
        self.model.forward(&batch, store, &mut outputs).map_err(|error| error.to_string())?;
        Ok(outputs)
    }

    fn split(&self, outputs: &Outputs) -> Vec<Vec<f32>> {
        outputs.logits.chunks(self.model.info().vocab_size as usize).map(<[f32]>::to_vec).collect()
    }

    fn rows_are_numbers(&self) -> Result<(), String> {
        let vocab = self.model.info().vocab_size as usize;
        if self.expected.len() != LENGTH || self.expected.iter().any(|row| row.len() != vocab) {
            return Err(format!("{} rows for {LENGTH} tokens", self.expected.len()));
        }
        let bad = self
            .expected
            .iter()
            .position(|row| row.iter().any(|logit| logit.is_nan() || *logit == f32::INFINITY));
        bad.map_or(Ok(()), |row| Err(format!("row {row} has a logit that is none")))
    }

    fn chunks(&self) -> Result<(), String> {
        for size in [1, 3, PAGE_SIZE as usize, 7, LENGTH - 1] {
            let (mut store, mut context) = (self.store(), Context::new(0));
            let mut rows = Vec::new();
            for chunk in self.tokens.chunks(size) {
                rows.extend(self.extend(&mut *store, &mut context, chunk, &Extras::default())?);
            }
            same(&rows, &self.expected, &format!("chunks of {size}"))?;
        }
        Ok(())
    }

    fn row_choice(&self) -> Result<(), String> {
        for rows in [vec![LENGTH as u32 - 1], vec![0, 5, 6], vec![]] {
            let (mut store, mut context) = (self.store(), Context::new(0));
            let outputs =
                self.extend_rows(&mut *store, &mut context, &self.tokens, &Extras::default(), &rows)?;
            let expected: Vec<_> = rows.iter().map(|&row| self.expected[row as usize].clone()).collect();
            same(&self.split(&outputs), &expected, &format!("only rows {rows:?}"))?;
        }
        Ok(())
    }

    fn batches(&self) -> Result<(), String> {
        let others: Vec<u32> = self.tokens.iter().rev().copied().collect();
        let contexts = [0, 20, 40].map(Context::new);
        let prompts: [&[u32]; 3] = [&self.tokens, &others, &others[..5]];
        for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
            let positions: Vec<u32> = (0..LENGTH as u32).collect();
            let sequence = |which: usize| Sequence {
                tokens: prompts[which],
                positions: &positions[..prompts[which].len()],
                pages: &contexts[which].pages,
                start: 0,
                masks: None,
                adapter: None,
                rows: &positions[..prompts[which].len()],
                embeddings: false,
            };
            let outputs = self.run(&mut *self.store(), order.map(sequence).to_vec())?;
            let before =
                order.iter().take_while(|&&which| which != 0).map(|&which| prompts[which].len()).sum();
            let rows: Vec<_> = self.split(&outputs).into_iter().skip(before).take(LENGTH).collect();
            same(&rows, &self.expected, &format!("batched in the order {order:?}"))?;
        }
        Ok(())
    }

    fn page_numbers(&self) -> Result<(), String> {
        let mut context = Context::new(0);
        context.pages.reverse();
        context.pages.swap(1, 3);
        let rows = self.extend(&mut *self.store(), &mut context, &self.tokens, &Extras::default())?;
        same(&rows, &self.expected, "other pages")
    }

    fn forks(&self) -> Result<(), String> {
        let (mut store, mut original) = (self.store(), Context::new(0));
        let (before, after) = self.tokens.split_at(10);
        self.extend(&mut *store, &mut original, before, &Extras::default())?;
        // Ten slots: two pages are shared, the third is copied as far as it is filled.
        let mut fork = original.clone();
        let copied = PageId(PAGES - 1);
        store.copy(original.pages[2], copied, 2);
        fork.pages.splice(2.., (30..PAGES).map(PageId));
        fork.pages[2] = copied;
        let elsewhere: Vec<u32> = after.iter().rev().copied().collect();
        self.extend(&mut *store, &mut fork.clone(), &elsewhere, &Extras::default())?;
        let rows = self.extend(&mut *store, &mut original, after, &Extras::default())?;
        same(&rows, &self.expected[10..], "the original after its fork went elsewhere")?;
        // The fork's pages now hold other tokens; it starts again from where it was forked.
        let rows = self.extend(&mut *store, &mut fork, after, &Extras::default())?;
        same(&rows, &self.expected[10..], "the fork")
    }

    fn truncation(&self) -> Result<(), String> {
        for kept in [0, 3, 8, 13] {
            let (mut store, mut context) = (self.store(), Context::new(0));
            let wrong: Vec<u32> =
                self.tokens[..kept].iter().chain(self.tokens.iter().rev()).copied().collect();
            self.extend(&mut *store, &mut context, &wrong, &Extras::default())?;
            context.filled = kept as u32;
            let rows = self.extend(&mut *store, &mut context, &self.tokens[kept..], &Extras::default())?;
            same(&rows, &self.expected[kept..], &format!("after a truncation to {kept}"))?;
        }
        Ok(())
    }

    fn swapping(&self) -> Result<(), String> {
        let (mut store, mut context) = (self.store(), Context::new(0));
        let (before, after) = self.tokens.split_at(10);
        self.extend(&mut *store, &mut context, before, &Extras::default())?;
        for (index, slots) in [(0, 4), (1, 4), (2, 2)] {
            store.swap_out(context.pages[index], slots, SwapId(index as u64));
            store.clear(context.pages[index]);
        }
        // What takes the pages in the meantime must not show.
        let others: Vec<u32> = self.tokens.iter().rev().copied().collect();
        self.extend(&mut *store, &mut Context::new(0), &others, &Extras::default())?;
        context.pages = (20..PAGES).map(PageId).collect();
        for index in 0..3 {
            store.swap_in(SwapId(index), context.pages[index as usize]);
        }
        let rows = self.extend(&mut *store, &mut context, after, &Extras::default())?;
        same(&rows, &self.expected[10..], "after swapping")
    }

    fn shared_pages(&self) -> Result<(), String> {
        let (mut store, mut first) = (self.store(), Context::new(0));
        let (prefix, rest) = self.tokens.split_at(2 * PAGE_SIZE as usize);
        self.extend(&mut *store, &mut first, prefix, &Extras::default())?;
        let mut second = first.clone();
        second.pages.splice(2.., (30..PAGES).map(PageId));
        let positions: Vec<u32> = (prefix.len() as u32..LENGTH as u32).collect();
        let rows: Vec<u32> = (0..rest.len() as u32).collect();
        let sequences = [&first, &second].map(|context| Sequence {
            tokens: rest,
            positions: &positions,
            pages: &context.pages,
            start: prefix.len() as u32,
            masks: None,
            adapter: None,
            rows: &rows,
            embeddings: false,
        });
        let outputs = self.run(&mut *store, sequences.to_vec())?;
        let expected = [&self.expected[prefix.len()..], &self.expected[prefix.len()..]].concat();
        same(&self.split(&outputs), &expected, "both sequences on a shared prefix")
    }

    fn causal_masks(&self) -> Result<(), String> {
        let own: Vec<Brle> = (0..LENGTH as u32).map(|token| Brle(vec![0, token + 1])).collect();
        let all: Vec<Brle> =
            (0..LENGTH as u32).map(|token| Brle(vec![0, token + 1, LENGTH as u32 - token - 1])).collect();
        for (masks, what) in [(&own, "masks up to each token"), (&all, "masks over all tokens")] {
            let rows = self.fresh(&self.tokens, &Extras { masks: Some(masks), ..Extras::default() })?;
            same(&rows, &self.expected, what)?;
        }
        Ok(())
    }

    fn removal(&self) -> Result<(), String> {
        // Slots 5 to 8 are seen by themselves only.
        let hidden = 5..9;
        let mask = |token: usize| match token {
            0..9 => Brle(vec![0, token as u32 + 1]),
            _ => Brle(vec![0, 5, 4, token as u32 + 1 - 9]),
        };
        let masks: Vec<Brle> = (0..LENGTH).map(mask).collect();
        let rows = self.fresh(&self.tokens, &Extras { masks: Some(&masks), ..Extras::default() })?;
        let left = |index: &usize| !hidden.contains(index);
        let tokens: Vec<u32> = (0..LENGTH).filter(left).map(|index| self.tokens[index]).collect();
        let positions = (0..LENGTH).filter(left).map(|index| index as u32).collect();
        let removed = self.fresh(&tokens, &Extras { positions: Some(positions), ..Extras::default() })?;
        let worst = rows[hidden.end..].iter().flatten().zip(removed[hidden.start..].iter().flatten());
        let worst = worst.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        if worst <= self.options.removal_tolerance {
            return Ok(());
        }
        Err(format!("hidden and absent slots differ by {worst}"))
    }

    fn sensitivity(&self) -> Result<(), String> {
        let last = |rows: Vec<Vec<f32>>| rows.into_iter().next_back().unwrap_or_default();
        let expected = last(self.expected.clone());
        let in_order: Vec<u32> = (0..LENGTH as u32).collect();
        let mut other_token = self.tokens.clone();
        other_token[2] = (other_token[2] + 1) % self.model.info().vocab_size;
        let mut swapped = in_order.clone();
        swapped.swap(2, 3);
        let mut moved = in_order.clone();
        moved[LENGTH - 1] += 1;
        let mut masks: Vec<Brle> = in_order.iter().map(|token| Brle(vec![0, token + 1])).collect();
        masks[LENGTH - 1] = Brle(vec![0, 2, 1, LENGTH as u32 - 3]);
        let positions = |positions| Extras { positions: Some(positions), ..Extras::default() };
        let mut cases = vec![
            ("another token", other_token, Extras::default()),
            ("two positions swapped", self.tokens.clone(), positions(swapped)),
            ("its own position moved", self.tokens.clone(), positions(moved)),
            ("a slot hidden", self.tokens.clone(), Extras { masks: Some(&masks), ..Extras::default() }),
        ];
        let [adapter, _] = self.adapters();
        if adapter.is_some() {
            let extras = Extras { adapter: adapter.as_ref(), ..Extras::default() };
            cases.push(("an adapter", self.tokens.clone(), extras));
        }
        for (what, tokens, extras) in cases {
            if last(self.fresh(&tokens, &extras)?) == expected {
                return Err(format!("{what} gives the same logits"));
            }
        }
        Ok(())
    }

    /// Two adapters that differ, or none where the model takes none.
    fn adapters(&self) -> [Option<Overlay>; 2] {
        [1, 2].map(|seed| {
            let mut counter = seed << 32;
            let mut number = || {
                counter += 1;
                (splitmix64(counter) >> 40) as f32 / (1u64 << 24) as f32 - 0.5
            };
            let layer = |target: &Target| {
                let mut side = |length: u32| (0..2 * length).map(|_| number()).collect();
                LowRank { down: side(target.inputs), up: side(target.outputs) }
            };
            Overlay::new(2, 1.0, self.model.info().adapter_targets.iter().map(layer).collect())
        })
    }

    fn adapters_in_batches(&self) -> Result<(), String> {
        let [Some(one), Some(other)] = &self.adapters() else { return Ok(()) };
        let overlays = [None, Some(one), Some(other)];
        let with = |adapter| Extras { adapter, ..Extras::default() };
        let alone = overlays.map(|adapter| self.fresh(&self.tokens, &with(adapter)));
        let [plain, with_one, with_other] = alone;
        let alone = [plain?, with_one?, with_other?];
        same(&alone[0], &self.expected, "without an adapter")?;
        if alone[1] == alone[2] {
            return Err("two adapters give the same logits".to_owned());
        }
        let positions: Vec<u32> = (0..LENGTH as u32).collect();
        let contexts = [0, 20, 40].map(Context::new);
        for order in [[0, 1, 2], [2, 0, 1]] {
            let sequences = order.map(|which: usize| Sequence {
                tokens: &self.tokens,
                positions: &positions,
                pages: &contexts[which].pages,
                start: 0,
                masks: None,
                adapter: overlays[which],
                rows: &positions,
                embeddings: false,
            });
            let outputs = self.run(&mut *self.store(), sequences.to_vec())?;
            let expected: Vec<_> = order.iter().flat_map(|&which| alone[which].clone()).collect();
            same(&self.split(&outputs), &expected, &format!("adapters batched in the order {order:?}"))?;
        }
        Ok(())
    }

    fn adapters_in_turn(&self) -> Result<(), String> {
        let [Some(one), Some(other)] = &self.adapters() else { return Ok(()) };
        let (before, after) = self.tokens.split_at(10);
        let ends = |first: Option<&Overlay>, chunk: usize| {
            let (mut store, mut context) = (self.store(), Context::new(0));
            let with = |adapter| Extras { adapter, ..Extras::default() };
            self.extend(&mut *store, &mut context, before, &with(first))?;
            let mut rows = Vec::new();
            for tokens in after.chunks(chunk) {
                rows.extend(self.extend(&mut *store, &mut context, tokens, &with(Some(one)))?);
            }
            Ok::<_, String>(rows)
        };
        let kept = ends(Some(other), LENGTH)?;
        same(&ends(Some(other), 3)?, &kept, "chunks behind another adapter's slots")?;
        for first in [None, Some(one)] {
            if ends(first, LENGTH)? == kept {
                return Err("what wrote the earlier slots does not count".to_owned());
            }
        }
        Ok(())
    }

    fn embeddings(&self) -> Result<(), String> {
        let Some(size) = self.model.info().embedding_size else { return Ok(()) };
        let (mut store, mut context) = (self.store(), Context::new(0));
        let rows = [3, LENGTH as u32 - 1];
        let outputs = self.extend_rows(&mut *store, &mut context, &self.tokens, &Extras::default(), &rows)?;
        if outputs.embeddings.len() != rows.len() * size as usize {
            return Err(format!(
                "{} numbers for {} embeddings of {size}",
                outputs.embeddings.len(),
                rows.len()
            ));
        }
        let (mut store, mut context) = (self.store(), Context::new(8));
        let alone =
            self.extend_rows(&mut *store, &mut context, &self.tokens[..4], &Extras::default(), &[3])?;
        if alone.embeddings[..] != outputs.embeddings[..size as usize] {
            return Err("an embedding depends on what comes after its row".to_owned());
        }
        Ok(())
    }
}

/// Compares rows bit for bit.
fn same(rows: &[Vec<f32>], expected: &[Vec<f32>], what: &str) -> Result<(), String> {
    if rows.len() != expected.len() {
        return Err(format!("{what}: {} rows instead of {}", rows.len(), expected.len()));
    }
    for (index, (row, expected)) in rows.iter().zip(expected).enumerate() {
        let differs = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits();
        if let Some(token) = row.iter().zip(expected).position(differs) {
            return Err(format!("{what}: row {index} differs at token {token}"));
        }
    }
    Ok(())
}
