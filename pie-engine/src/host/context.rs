//! `pie:core/context`: token sequences and their pages.

use super::bindings::pie::core::context::{Host, HostContext};
use super::model::ModelHandle;
use super::state::State;
use crate::engine::operation::{Counts, Operation, PassCell, Source};
use crate::ids::{ContextId, ModelNumber};
use crate::trace::PageOperation;
use wasmtime::Result;
use wasmtime::component::Resource;

/// A context of this instance. The counts are a copy of the engine's, brought up to date by every answer, so reading them
/// does not cross to the engine.
pub struct ContextHandle {
    pub(crate) id: ContextId,
    /// The model that computes it.
    model: ModelNumber,
    pub(crate) counts: Counts,
    /// The last pass with guesses. Those that do not hold leave the context when it is done, and `counts` may be older than that.
    guessing: Option<PassCell>,
    alive: bool,
}

impl ContextHandle {
    /// Tokens in the working pages.
    fn tokens(&self) -> u32 {
        let output = self.guessing.as_ref().and_then(|cell| cell.get()?.as_ref().ok());
        let rejected = output.map_or(0, |output| output.rejected.saturating_sub(self.counts.rejected));
        self.counts.tokens.saturating_sub(rejected as u32)
    }
}

const DESTROYED: &str = "the context has been destroyed";

impl State {
    async fn create_context(
        &mut self,
        model: ModelNumber,
        source: Source,
    ) -> Result<Result<Resource<ContextHandle>, String>> {
        match self.ask(|reply| Operation::Create { model, source, reply }).await? {
            Ok((id, counts)) => {
                Ok(Ok(self.table.push(ContextHandle { id, model, counts, guessing: None, alive: true })?))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// The id of a context that has not been destroyed.
    pub(crate) fn context_id(&self, context: &Resource<ContextHandle>) -> Result<Result<ContextId, String>> {
        let handle = self.table.get(context)?;
        Ok(if handle.alive { Ok(handle.id) } else { Err(DESTROYED.to_owned()) })
    }

    /// Brings the counts of a context up to date. Its handle may be gone by then.
    pub(crate) fn set_counts(&mut self, rep: u32, counts: Counts) {
        if let Ok(handle) = self.table.get_mut(&Resource::<ContextHandle>::new_borrow(rep)) {
            handle.counts = counts;
        }
    }

    /// A pass with guesses was accepted: some of its tokens may leave the context again.
    pub(crate) fn expect_rejections(&mut self, rep: u32, pass: PassCell) {
        if let Ok(handle) = self.table.get_mut(&Resource::<ContextHandle>::new_borrow(rep)) {
            handle.guessing = Some(pass);
        }
    }

    async fn pages(
        &mut self,
        context: Resource<ContextHandle>,
        operation: PageOperation,
        count: u32,
    ) -> Result<Result<(), String>> {
        let id = match self.context_id(&context)? {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let answer = self.ask(|reply| Operation::Pages { context: id, operation, count, reply }).await?;
        Ok(answer.map(|counts| self.set_counts(context.rep(), counts)))
    }

    async fn save_context(
        &mut self,
        context: Resource<ContextHandle>,
        name: Option<String>,
    ) -> Result<Result<String, String>> {
        match self.context_id(&context)? {
            Ok(context) => self.ask(|reply| Operation::Save { context, name, reply }).await,
            Err(error) => Ok(Err(error)),
        }
    }

    async fn end_context(&mut self, context: &Resource<ContextHandle>) -> Result<()> {
        let handle = self.table.get_mut(context)?;
        if std::mem::replace(&mut handle.alive, false) {
            handle.counts = Counts::default();
            handle.guessing = None;
            let context = handle.id;
            let ended = self.ask(|reply| Operation::Destroy { context, reply }).await?;
            ended.map_err(wasmtime::Error::msg)?;
        }
        Ok(())
    }
}

impl Host for State {}

impl HostContext for State {
    async fn create(
        &mut self,
        model: Resource<ModelHandle>,
    ) -> Result<Result<Resource<ContextHandle>, String>> {
        self.called("context.create");
        let model = self.number_of(&model)?;
        self.create_context(model, Source::Empty).await
    }

    async fn open(
        &mut self,
        model: Resource<ModelHandle>,
        name: String,
    ) -> Result<Result<Resource<ContextHandle>, String>> {
        self.called("context.open");
        let model = self.number_of(&model)?;
        self.create_context(model, Source::Open(name)).await
    }

    async fn take(
        &mut self,
        model: Resource<ModelHandle>,
        name: String,
    ) -> Result<Result<Resource<ContextHandle>, String>> {
        self.called("context.take");
        let model = self.number_of(&model)?;
        self.create_context(model, Source::Take(name)).await
    }

    async fn delete(&mut self, _model: Resource<ModelHandle>, name: String) -> Result<Result<(), String>> {
        self.called("context.delete");
        self.ask(|reply| Operation::Delete { name, reply }).await
    }

    async fn fork(
        &mut self,
        context: Resource<ContextHandle>,
    ) -> Result<Result<Resource<ContextHandle>, String>> {
        self.called("context.fork");
        match self.context_id(&context)? {
            Ok(id) => {
                let model = self.table.get(&context)?.model;
                self.create_context(model, Source::Fork(id)).await
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn save(&mut self, context: Resource<ContextHandle>, name: String) -> Result<Result<(), String>> {
        self.called("context.save");
        Ok(self.save_context(context, Some(name)).await?.map(|_name| ()))
    }

    async fn snapshot(&mut self, context: Resource<ContextHandle>) -> Result<Result<String, String>> {
        self.called("context.snapshot");
        self.save_context(context, None).await
    }

    async fn destroy(&mut self, context: Resource<ContextHandle>) -> Result<()> {
        self.called("context.destroy");
        self.end_context(&context).await
    }

    fn tokens_per_page(&mut self, _context: Resource<ContextHandle>) -> Result<u32> {
        self.called("context.tokens-per-page");
        Ok(self.page_size)
    }

    fn model(&mut self, context: Resource<ContextHandle>) -> Result<Resource<ModelHandle>> {
        self.called("context.model");
        let model = self.table.get(&context)?.model;
        Ok(self.table.push(ModelHandle(model))?)
    }

    fn committed_page_count(&mut self, context: Resource<ContextHandle>) -> Result<u32> {
        self.called("context.committed-page-count");
        Ok(self.table.get(&context)?.counts.committed)
    }

    fn working_page_count(&mut self, context: Resource<ContextHandle>) -> Result<u32> {
        self.called("context.working-page-count");
        Ok(self.table.get(&context)?.counts.working)
    }

    async fn commit_working_pages(
        &mut self,
        context: Resource<ContextHandle>,
        pages: u32,
    ) -> Result<Result<(), String>> {
        self.called("context.commit-working-pages");
        self.pages(context, PageOperation::Commit, pages).await
    }

    async fn reserve_working_pages(
        &mut self,
        context: Resource<ContextHandle>,
        pages: u32,
    ) -> Result<Result<(), String>> {
        self.called("context.reserve-working-pages");
        self.pages(context, PageOperation::Reserve, pages).await
    }

    async fn release_working_pages(&mut self, context: Resource<ContextHandle>, pages: u32) -> Result<()> {
        self.called("context.release-working-pages");
        // The interface has no error here: releasing more than is there releases what is there, and a destroyed context has none.
        let _ = self.pages(context, PageOperation::Release, pages).await?;
        Ok(())
    }

    fn working_page_token_count(&mut self, context: Resource<ContextHandle>) -> Result<u32> {
        self.called("context.working-page-token-count");
        Ok(self.table.get(&context)?.tokens())
    }

    async fn truncate_working_page_tokens(
        &mut self,
        context: Resource<ContextHandle>,
        tokens: u32,
    ) -> Result<()> {
        self.called("context.truncate-working-page-tokens");
        // As with release: what is not there cannot be dropped.
        let _ = self.pages(context, PageOperation::Truncate, tokens).await?;
        Ok(())
    }

    async fn suspend(&mut self, context: Resource<ContextHandle>) -> Result<Result<(), String>> {
        self.called("context.suspend");
        match self.context_id(&context)? {
            Ok(context) => self.ask(|reply| Operation::Suspend { context, reply }).await,
            Err(error) => Ok(Err(error)),
        }
    }

    async fn bid(&mut self, context: Resource<ContextHandle>, value: f64) -> Result<()> {
        self.called("context.bid");
        if let Ok(context) = self.context_id(&context)? {
            // The interface has no error here, and a context that is alive has none to give.
            let _ = self.ask(|reply| Operation::Bid { context, value, reply }).await?;
        }
        Ok(())
    }

    async fn drop(&mut self, context: Resource<ContextHandle>) -> Result<()> {
        self.end_context(&context).await?;
        self.table.delete(context)?;
        Ok(())
    }
}
