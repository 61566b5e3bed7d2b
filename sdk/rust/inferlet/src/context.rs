//! Contexts: token sequences whose keys and values the engine keeps in pages.
//!
//! A [`Context`] is the sequence that the model has seen, followed by a buffer of tokens that it has not seen yet. Filling
//! appends to the buffer; a pass (of [`Context::flush`], or the first step of a [`Generator`]) moves the buffer into the
//! model's sight. Pages are reserved before a pass, just enough of them, and committed after it when they are full.

#[cfg(test)]
mod tests;

use crate::executor::wait;
use crate::market::{self, Bidding};
use crate::model::Model;
use crate::pages::Extent;
use crate::pass::Pass;
use crate::pie::core::context::Context as RawContext;
use crate::pie::core::inference::{ForwardPass, FutureOutput, Output as RawOutput};
use crate::{Forward, Generator, Result, Sampler, chat, scheduling};

/// A token sequence and its KV pages. Dropping it frees the pages at once.
#[derive(Debug)]
pub struct Context {
    raw: RawContext,
    model: Model,
    page_size: u32,
    buffer: Vec<u32>,
    /// The last token that the model has seen, where it is known.
    tail: Option<Tail>,
    /// Slots at the end that are no part of the sequence: those of a pass that reads the last token once more.
    ghosts: u32,
    bidding: Bidding,
}

/// A token at the end of the sequence, valid as long as the sequence is this long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    pub token: u32,
    pub position: u32,
    seq_len: u32,
}

/// Construction and lifecycle.
impl Context {
    /// A fresh context without a name.
    pub fn new(model: &Model) -> Result<Context> {
        RawContext::create(model).map(|raw| Self::wrap(raw, model))
    }

    /// A copy of the snapshot saved as `name`, which stays.
    ///
    /// # Errors
    ///
    /// If there is no such snapshot for this model and user.
    pub fn open(model: &Model, name: &str) -> Result<Context> {
        RawContext::open(model, name).map(|raw| Self::wrap(raw, model))
    }

    /// The snapshot saved as `name` itself: it is no snapshot any more.
    ///
    /// # Errors
    ///
    /// If there is no such snapshot for this model and user.
    pub fn take(model: &Model, name: &str) -> Result<Context> {
        RawContext::take(model, name).map(|raw| Self::wrap(raw, model))
    }

    /// Removes the snapshot saved as `name`.
    ///
    /// # Errors
    ///
    /// If there is no such snapshot for this model and user.
    pub fn delete(model: &Model, name: &str) -> Result<()> {
        RawContext::delete(model, name)
    }

    /// Saves the sequence under a name of your choice, replacing an older snapshot of that name. It lives as long as the
    /// engine. Buffered tokens are flushed first, so that they are not lost; the whole program waits for that.
    pub fn save(&mut self, name: &str) -> Result<()> {
        self.flush_blocking()?;
        self.raw.save(name)
    }

    /// As [`Context::save`], under a name that the engine picks and this returns.
    pub fn snapshot(&mut self) -> Result<String> {
        self.flush_blocking()?;
        self.raw.snapshot()
    }

    /// A second context with the same sequence and the same buffer. Full pages are shared, so that it takes no longer for
    /// a long sequence than for a short one.
    pub fn fork(&self) -> Result<Context> {
        let mut fork = Self::wrap(self.raw.fork()?, &self.model);
        fork.buffer.clone_from(&self.buffer);
        fork.tail = self.tail;
        fork.ghosts = self.ghosts;
        fork.end_rerun();
        Ok(fork)
    }

    fn wrap(raw: RawContext, model: &Model) -> Context {
        let page_size = raw.tokens_per_page();
        Context {
            raw,
            model: model.clone(),
            page_size,
            buffer: Vec::new(),
            tail: None,
            ghosts: 0,
            bidding: Bidding::default(),
        }
    }
}

/// Filling.
impl Context {
    /// Appends a message with instructions for the model.
    pub fn system(&mut self, text: &str) -> &mut Context {
        let tokens = chat::system(&self.model, text);
        self.append(&tokens)
    }

    /// Appends a message of the user.
    pub fn user(&mut self, text: &str) -> &mut Context {
        let tokens = chat::user(&self.model, text);
        self.append(&tokens)
    }

    /// Appends a complete answer of the model, as an example or as history.
    pub fn assistant(&mut self, text: &str) -> &mut Context {
        let tokens = chat::assistant(&self.model, text);
        self.append(&tokens)
    }

    /// Appends the head of the model's turn, which makes it answer next. Does nothing if the buffer ends in it already.
    pub fn cue(&mut self) -> &mut Context {
        let tokens = chat::cue(&self.model);
        if !self.buffer.ends_with(&tokens) {
            self.append(&tokens);
        }
        self
    }

    /// Appends what closes the model's turn. A [`Generator`] leaves the turn open: its stop token is not appended.
    pub fn seal(&mut self) -> &mut Context {
        let tokens = chat::seal(&self.model);
        self.append(&tokens)
    }

    /// Appends tokens as they are.
    pub fn append(&mut self, tokens: &[u32]) -> &mut Context {
        self.buffer.extend_from_slice(tokens);
        self
    }

    /// Lets the model see the buffered tokens (prefill), and commits the pages that they fill. Nothing happens on an empty
    /// buffer.
    pub async fn flush(&mut self) -> Result<()> {
        if let Some((pending, extent)) = self.submit_buffer()? {
            self.receive(&pending).await?;
            self.commit_full_pages(extent)?;
        }
        Ok(())
    }

    /// Drops the last `n` tokens that the model has seen, to roll back. Buffered tokens are not affected.
    ///
    /// # Errors
    ///
    /// If fewer than `n` tokens are in working pages: those in committed pages stay. Nothing is dropped then.
    pub fn truncate(&mut self, n: u32) -> Result<()> {
        self.end_rerun();
        if n == 0 {
            return Ok(());
        }
        let available = self.raw.working_page_token_count();
        if n > available {
            return Err(format!(
                "cannot truncate {n} tokens: {available} are in working pages, the others are committed"
            ));
        }
        self.raw.truncate_working_page_tokens(n);
        Ok(())
    }

    /// Takes the buffered tokens out, to feed them to a [`Forward`] of your own.
    pub fn take_buffer(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.buffer)
    }
}

/// Inspection.
impl Context {
    /// The model the context was made for.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Tokens in one KV page.
    pub fn page_size(&self) -> u32 {
        self.page_size
    }

    /// Number of tokens in committed and working pages. Buffered tokens do not count.
    pub fn seq_len(&self) -> u32 {
        self.raw.committed_page_count() * self.page_size + self.raw.working_page_token_count() - self.ghosts
    }

    /// Tokens appended but not yet seen by the model.
    pub fn buffer(&self) -> &[u32] {
        &self.buffer
    }

    /// The resource underneath, for operations on pages: sliding windows, page-level eviction, rollback of drafts.
    pub fn inner(&self) -> &RawContext {
        &self.raw
    }
}

/// Running the model.
impl Context {
    /// Generates tokens with `sampler`. Nothing is appended before: call [`Context::cue`] to get an answer, and do not to
    /// have a text continued.
    pub fn generate(&mut self, sampler: Sampler) -> Generator<'_> {
        Generator::new(self, sampler)
    }

    /// One forward pass, to be described step by step.
    pub fn forward(&mut self) -> Forward<'_> {
        Forward::new(self)
    }
}

/// The market for KV pages.
impl Context {
    /// Overrides the bid for the next pass: `value` credits a page and step. The [`Generator`] bids by itself again on the
    /// step after.
    pub fn set_bid(&self, value: f64) {
        self.bidding.set_override(value);
        self.raw.bid(value);
    }

    /// Bids nothing until the guard is dropped, for the time in which this context waits for something else.
    pub fn idle(&self) -> Idle<'_> {
        self.raw.bid(0.0);
        Idle { ctx: self }
    }

    /// Returns all pages to the pool. The context is restored by itself, highest bid first, when there is room; passes
    /// wait for that.
    pub fn suspend(&self) -> Result<()> {
        self.raw.suspend()
    }

    pub(crate) fn bidding(&self) -> &Bidding {
        &self.bidding
    }

    /// Bids what the formula of [`market::sustainable_bid`] says for `steps` more steps.
    pub(crate) fn bid_for(&self, steps: u32) {
        self.raw.bid(market::sustainable_bid(&market::observe(self, steps)));
    }
}

/// Holds a context out of the auction; see [`Context::idle`].
#[derive(Debug)]
#[must_use = "the context bids again as soon as the guard is dropped"]
pub struct Idle<'ctx> {
    ctx: &'ctx Context,
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        match self.ctx.bidding.overridden() {
            Some(value) => self.ctx.raw.bid(value),
            None => self.ctx.bid_for(market::EXPECTED_STEPS),
        }
    }
}

/// What [`Forward`] and [`Generator`] share.
impl Context {
    /// Settles what an abandoned pass left behind, and reads how the pages are filled. Every pass begins with it.
    pub(crate) fn begin(&mut self) -> Extent {
        self.end_rerun();
        Extent {
            page_size: self.page_size,
            committed_pages: self.raw.committed_page_count(),
            working_pages: self.raw.working_page_count(),
            working_tokens: self.raw.working_page_token_count(),
        }
    }

    /// Reserves the pages that are missing and hands the pass to the engine. On an error the context is as it was.
    pub(crate) fn submit(&self, pass: &Pass, extent: Extent) -> Result<FutureOutput> {
        let missing = extent.missing_pages(pass.slot_count());
        if missing > 0 {
            self.raw.reserve_working_pages(missing)?;
        }
        let raw = ForwardPass::new(&self.model);
        raw.context(&self.raw);
        pass.describe(&raw);
        raw.execute().inspect_err(|_| self.raw.release_working_pages(missing))
    }

    /// How many of so many drafts a step is to verify behind the buffered tokens: all of them, or, while pages are short, those that need no page
    /// of their own. A guess is not worth waiting for a page, or taking it from somebody.
    pub(crate) fn affordable_drafts(&mut self, count: usize) -> usize {
        if count == 0 {
            return 0;
        }
        let room = self.begin().grown(self.buffer.len() as u32).room() as usize;
        // Rents are paid, and paid out, exactly while somebody waits for pages.
        if count > room && scheduling::dividend(&self.model) > 0.0 { room } else { count }
    }

    /// Submits the pass of a step: of the buffered tokens, or of the last token once more.
    pub(crate) fn submit_step(&mut self, pass: &Pass, extent: Extent, rerun: bool) -> Result<FutureOutput> {
        let pending = self.submit(pass, extent)?;
        if rerun {
            self.ghosts = pass.slot_count();
        } else {
            // The slots are claimed: from here on the tokens are in the sequence, even if nobody waits for the pass.
            self.buffer.clear();
            self.set_tail(pass, 0, extent);
        }
        Ok(pending)
    }

    /// Drops the slots of a pass that read the last token once more, if there are any.
    pub(crate) fn end_rerun(&mut self) {
        if self.ghosts > 0 {
            self.raw.truncate_working_page_tokens(std::mem::take(&mut self.ghosts));
        }
    }

    /// Waits for the output of a pass.
    pub(crate) async fn receive(&self, pending: &FutureOutput) -> Result<RawOutput> {
        wait(pending.pollable()).await;
        pending.get().ok_or_else(|| "the engine gave no output for this pass".to_owned())
    }

    /// Commits what is full after a pass.
    pub(crate) fn commit_full_pages(&self, extent: Extent) -> Result<()> {
        match extent.full_pages() {
            0 => Ok(()),
            full => self.raw.commit_working_pages(full),
        }
    }

    pub(crate) fn buffer_mut(&mut self) -> &mut Vec<u32> {
        &mut self.buffer
    }

    /// The last token that the model has seen; `None` when it is not known, as after [`Context::open`] or changes through
    /// [`Context::inner`].
    pub(crate) fn tail(&self, extent: Extent) -> Option<Tail> {
        self.tail.filter(|tail| tail.seq_len == extent.seq_len())
    }

    /// Remembers that the sequence ends with the input of `pass` and the first `drafts` of its drafts, `extent` being how
    /// it was before.
    pub(crate) fn set_tail(&mut self, pass: &Pass, drafts: usize, extent: Extent) {
        let seq_len = extent.grown((pass.tokens.len() + drafts) as u32).seq_len();
        let drafted = pass.drafts.iter().zip(&pass.draft_positions).take(drafts).next_back();
        let last = drafted.or(pass.tokens.iter().zip(&pass.positions).next_back());
        self.tail = last.map(|(&token, &position)| Tail { token, position, seq_len });
    }

    /// The buffer as a pass under way, and how the pages are filled once it is done.
    fn submit_buffer(&mut self) -> Result<Option<(FutureOutput, Extent)>> {
        let count = self.buffer.len() as u32;
        if count == 0 {
            return Ok(None);
        }
        let extent = self.begin();
        let positions = extent.positions(0, count);
        let pass = Pass { tokens: self.buffer.clone(), positions, ..Pass::default() };
        let pending = self.submit_step(&pass, extent, false)?;
        Ok(Some((pending, extent.grown(count))))
    }

    fn flush_blocking(&mut self) -> Result<()> {
        self.end_rerun();
        if let Some((pending, extent)) = self.submit_buffer()? {
            pending.pollable().block();
            self.commit_full_pages(extent)?;
        }
        Ok(())
    }
}
