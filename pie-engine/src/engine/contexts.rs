//! Operations on contexts and snapshots.

use super::operation::{Counts, Envelope, Operation, Source};
use super::{Context, Core};
use crate::ids::{ContextId, InstanceId, ModelNumber};
use crate::kv::{KvError, TableId};
use crate::trace::{Event, Origin, PageOperation};
use std::sync::Arc;

/// What passes in flight are told when their context ends.
pub(super) const ENDED: &str = "the context ended before the pass was computed";

/// The longest name of a snapshot, in bytes.
const LONGEST_NAME: usize = 256;
/// The most contexts that a user may have saved at once.
pub(super) const MOST_SNAPSHOTS: usize = 4096;

impl Core {
    /// Whether an operation touches tokens that a pass has claimed and the model has not computed, or content that is away. It then waits,
    /// so that operations on a context happen in the order in which they were asked for.
    pub(super) fn must_wait(&self, envelope: &Envelope) -> bool {
        let (context, needs_content) = match &envelope.operation {
            Operation::Create { source: Source::Fork(context), .. } | Operation::Save { context, .. } => {
                (context, true)
            }
            Operation::Suspend { context, .. } => (context, false),
            Operation::Pages { context, operation, .. } => match operation {
                PageOperation::Reserve => return false,
                PageOperation::Truncate => (context, true),
                PageOperation::Commit | PageOperation::Release => (context, false),
            },
            Operation::Execute { request, .. } => {
                let context =
                    request.context.and_then(|context| self.find_context(envelope.instance, context));
                return context.is_some_and(|context| context.verifying);
            }
            _ => return false,
        };
        let Some(context) = self.find_context(envelope.instance, *context) else { return false };
        context.in_flight > 0 || (needs_content && self.kv.is_ready(context.table) == Ok(false))
    }

    /// Carries out what waited, in order, as far as it can now.
    pub(super) fn retry_deferred(&mut self) {
        for envelope in std::mem::take(&mut self.deferred) {
            self.handle(envelope);
        }
    }

    pub(super) fn create(
        &mut self,
        instance: InstanceId,
        model: ModelNumber,
        source: Source,
    ) -> Result<(ContextId, Counts), String> {
        let user = Arc::clone(&self.entry(instance)?.user);
        let mut parent = (0, None);
        let (table, origin) = match source {
            Source::Empty => (self.kv.create_for(model), Origin::New),
            Source::Fork(from) => {
                let context = self.context(instance, from)?;
                let table = context.table;
                parent = (context.draws, context.drafter.clone());
                (self.fork_table(table)?, Origin::Fork { from })
            }
            Source::Open(name) => {
                let table = *self.snapshot(&user, &name)?;
                self.require_model(table, model, || format!("the context saved under `{name}`"))?;
                (self.fork_table(table)?, Origin::Open { name })
            }
            Source::Take(name) => {
                let table = *self.snapshot(&user, &name)?;
                self.require_model(table, model, || format!("the context saved under `{name}`"))?;
                self.snapshots.remove(&(user, name.clone()));
                (table, Origin::Take { name })
            }
        };
        let counts = self.counts(table);
        let entry = self.entry(instance)?;
        entry.created += 1;
        let context = ContextId(entry.created);
        let (draws, drafter) = parent;
        let made = Context { table, draws, in_flight: 0, verifying: false, rejected: 0, drafter };
        entry.contexts.insert(context, made);
        entry.adjust(Counts::default(), counts);
        self.join(table, instance, Some(context));
        self.record(instance, Event::ContextCreated { instance, context, origin });
        Ok((context, counts))
    }

    /// Fails if what is in a table was computed by another model than this one.
    pub(super) fn require_model(
        &self,
        table: TableId,
        model: ModelNumber,
        what: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let of = self.kv.model(table).map_err(text)?;
        if of == model {
            return Ok(());
        }
        let [of, model] = [of, model].map(|number| &self.models[number].info().name);
        Err(format!("{} is one of the model `{of}`, and not of `{model}`", what()))
    }

    fn fork_table(&mut self, table: TableId) -> Result<TableId, String> {
        self.kv.fork(table).map_err(text)
    }

    fn find_context(&self, instance: InstanceId, context: ContextId) -> Option<&Context> {
        self.instances.get(&instance).and_then(|entry| entry.contexts.get(&context))
    }

    pub(super) fn snapshot(&self, user: &Arc<str>, name: &str) -> Result<&TableId, String> {
        let found = self.snapshots.get(&(Arc::clone(user), name.to_owned()));
        found.ok_or_else(|| format!("no context is saved under `{name}`"))
    }

    pub(super) fn save(
        &mut self,
        instance: InstanceId,
        context: ContextId,
        name: Option<String>,
    ) -> Result<String, String> {
        let table = self.context(instance, context)?.table;
        let user = Arc::clone(&self.entry(instance)?.user);
        let name = match name {
            Some(name) => check_name(name)?,
            None => self.generate_name(&user),
        };
        self.check_room(&user, &name)?;
        let saved = self.fork_table(table)?;
        // As with files, saving under a name that is taken replaces what was there.
        if let Some(replaced) = self.snapshots.insert((user, name.clone()), saved) {
            self.free_table(replaced);
        }
        self.record(instance, Event::ContextSaved { instance, context, name: name.clone() });
        Ok(name)
    }

    /// Empty contexts hold no pages, so pages alone do not bound how many are saved.
    fn check_room(&self, user: &Arc<str>, name: &str) -> Result<(), String> {
        let first = (Arc::clone(user), String::new());
        let saved = self.snapshots.range(first..).take_while(|((owner, _), _)| owner == user);
        if saved.count() < MOST_SNAPSHOTS || self.snapshots.contains_key(&(Arc::clone(user), name.to_owned()))
        {
            return Ok(());
        }
        Err(format!("{MOST_SNAPSHOTS} contexts are saved, and more are not allowed; delete one first"))
    }

    fn generate_name(&mut self, user: &Arc<str>) -> String {
        loop {
            self.generated_names += 1;
            let name = format!("snapshot-{}", self.generated_names);
            if !self.snapshots.contains_key(&(Arc::clone(user), name.clone())) {
                return name;
            }
        }
    }

    pub(super) fn delete(&mut self, instance: InstanceId, name: String) -> Result<(), String> {
        let user = Arc::clone(&self.entry(instance)?.user);
        let table = *self.snapshot(&user, &name)?;
        self.snapshots.remove(&(user, name.clone()));
        self.free_table(table);
        self.record(instance, Event::SnapshotDeleted { instance, name });
        Ok(())
    }

    pub(super) fn destroy(&mut self, instance: InstanceId, context: ContextId) -> Result<(), String> {
        let table = self.context(instance, context)?.table;
        self.forget_passes(ENDED, |pending| pending.table == table);
        self.free_context(instance, context);
        self.record(instance, Event::ContextDestroyed { instance, context });
        Ok(())
    }

    /// Gives back the pages of a context that has no passes in flight.
    pub(super) fn free_context(&mut self, instance: InstanceId, context: ContextId) {
        let Some(entry) = self.instances.get_mut(&instance) else { return };
        let Some(Context { table, .. }) = entry.contexts.remove(&context) else { return };
        let before = self.counts(table);
        self.free_table(table);
        if let Some(entry) = self.instances.get_mut(&instance) {
            entry.adjust(before, Counts::default());
        }
    }

    pub(super) fn pages(
        &mut self,
        instance: InstanceId,
        context: ContextId,
        operation: PageOperation,
        count: u32,
    ) -> Result<Counts, String> {
        let table = self.context(instance, context)?.table;
        let before = self.counts(table);
        self.apply(table, operation, count)?;
        let now = self.counts(table);
        let tokens = self.kv.counts(table).map_err(text)?.tokens;
        let owner = self.context(instance, context)?;
        let after = Counts { rejected: owner.rejected, ..now };
        if let Some(drafter) = &mut owner.drafter {
            drafter.cut(tokens);
        }
        self.entry(instance)?.adjust(before, after);
        self.record(instance, Event::Pages { instance, context, operation, count });
        Ok(after)
    }

    fn apply(&mut self, table: TableId, operation: PageOperation, count: u32) -> Result<(), String> {
        match operation {
            PageOperation::Reserve => self.kv.reserve(table, count),
            PageOperation::Commit => self.kv.commit(table, count),
            PageOperation::Release => self.kv.release(table, count).map(drop),
            PageOperation::Truncate => self.kv.truncate(table, count).map(drop),
        }
        .map_err(text)
    }
}

pub(super) fn text(error: KvError) -> String {
    error.to_string()
}

fn check_name(name: String) -> Result<String, String> {
    match name.len() {
        0 => Err("a snapshot needs a name that is not empty".to_owned()),
        1..=LONGEST_NAME => Ok(name),
        length => Err(format!("the snapshot's name has {length} bytes, and {LONGEST_NAME} are allowed")),
    }
}
