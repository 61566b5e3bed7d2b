//! What happens when the model fails or loses content, and what the page checker finds then.

use super::*;
use crate::ids::{ModelNumber, PageId, SwapId};
use crate::model::{Batch, KvStore, Model, ModelError, ModelInfo, Outputs};
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};

/// The dummy with a store that loses what it should keep outside, or that fails when it is told to.
struct Faulty {
    inner: LoadedModel,
    loses_swaps: bool,
    fails: Arc<AtomicBool>,
}

struct FaultyStore {
    inner: Box<dyn KvStore>,
    loses_swaps: bool,
}

impl KvStore for FaultyStore {
    fn copy(&mut self, from: PageId, to: PageId, slots: u32) {
        self.inner.copy(from, to, slots);
    }
    fn clear(&mut self, page: PageId) {
        self.inner.clear(page);
    }
    fn swap_out(&mut self, page: PageId, slots: u32, to: SwapId) {
        self.inner.swap_out(page, slots, to);
    }
    fn swap_in(&mut self, from: SwapId, page: PageId) {
        if !self.loses_swaps {
            self.inner.swap_in(from, page);
        }
    }
    fn swap_drop(&mut self, swap: SwapId) {
        self.inner.swap_drop(swap);
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self.inner.as_any_mut()
    }
}

impl Model for Faulty {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }
    fn new_store(&self, pages: u32, page_size: u32) -> Box<dyn KvStore> {
        let inner = self.inner.model.new_store(pages, page_size);
        Box::new(FaultyStore { inner, loses_swaps: self.loses_swaps })
    }
    fn forward(
        &self,
        batch: &Batch<'_>,
        store: &mut dyn KvStore,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(ModelError::Failed("the device is lost".to_owned()));
        }
        self.inner.model.forward(batch, store, outputs)
    }
}

fn faulty(config: CoreConfig, loses_swaps: bool) -> (Core, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let mut model = LoadedModel::dummy();
    model.model = Arc::new(Faulty { inner: LoadedModel::dummy(), loses_swaps, fails: Arc::clone(&fails) });
    (Core::new(model.into(), config), fails)
}

#[test]
fn content_that_cannot_be_computed_again_is_an_error_and_the_context_stays_usable() {
    let (core, fails) = faulty(CoreConfig { recompute_tokens: u32::MAX, ..config(8) }, false);
    let program = |_, guest: Guest| {
        let fails = Arc::clone(&fails);
        async move {
            let mut ctx = guest.create(Source::Empty).await?;
            guest.run(&mut ctx, &prompt(0, 10), &[], false).await?;
            guest.suspend(ctx).await?;
            fails.store(true, Ordering::Relaxed);
            guest.log(guest.run(&mut ctx, &[7], &[], false).await.unwrap_err());
            guest.log(guest.create(Source::Fork(ctx.id)).await.unwrap_err());
            fails.store(false, Ordering::Relaxed);
            let fork = guest.create(Source::Fork(ctx.id)).await?;
            guest.log(fork.len().to_string());
            Ok(())
        }
    };
    let ran = run(core, 1, program).all_well();
    assert_eq!(ran.logs[0], ["the device is lost", "the device is lost", "10"]);
    assert_eq!(ran.suspensions()[1], (InstanceId(1), SuspendCause::Failed));
}

#[test]
fn a_read_of_a_slot_that_nobody_wrote_is_a_finding() {
    let (core, _) = faulty(CoreConfig { recompute_tokens: 0, checks: PageChecks::AtEnd, ..config(8) }, true);
    let program = |_, guest: Guest| async move {
        let mut ctx = guest.create(Source::Empty).await?;
        guest.run(&mut ctx, &prompt(0, 10), &[], false).await?;
        guest.suspend(ctx).await?;
        guest.run(&mut ctx, &[7], &[], false).await.map(drop)
    };
    let ran = run(core, 1, program);
    let finding = "slot 0 of page 0 was read before it was written";
    assert_eq!((ran.findings.clone(), ran.errors()), (vec![finding.to_owned()], vec![Some(finding)]));
    assert!(ran.events.contains(&Event::Finding { message: finding.to_owned() }));
}

/// A run in which pages are damaged after the first pass; what is found, and the events from there on.
fn damaged(checks: PageChecks, damage: impl Fn(&mut Core)) -> (Vec<String>, Vec<Event>) {
    let mut core = dummy(CoreConfig { checks, ..config(8) });
    let trace = Collected::default();
    let recorder = Recorder::new(Box::new(trace.clone()), &header());
    core.begin(recorder.clone());
    core.admit(InstanceId(1), "ada".into(), 0, recorder);
    let create = |core: &mut Core| {
        let (reply, _) = tokio::sync::oneshot::channel();
        let operation = Operation::Create { model: ModelNumber::default(), source: Source::Empty, reply };
        core.handle(Envelope { instance: InstanceId(1), operation });
    };
    create(&mut core);
    let table = core.instances[&InstanceId(1)].contexts[&ContextId(1)].table;
    core.kv.reserve(table, 2).unwrap();
    let before = trace.events().len();
    damage(&mut core);
    create(&mut core);
    create(&mut core);
    (core.finish(), trace.events().split_off(before))
}

#[test]
fn damage_is_found_after_the_operation_that_did_it_and_told_once() {
    type Damage = fn(&mut Core);
    let cases: [(Damage, &[&str]); 3] = [
        (
            |core| {
                core.kv.create();
            },
            &["table 1.0 was left behind with 0 pages"],
        ),
        (|core| core.kv.hold_for_nobody(PageId(1)), &["page 1 counts 2 holders, but 1 name it"]),
        (
            |core| core.kv.release_in_use(PageId(1)),
            &["table 0.0 uses page 1, which was released", "page 1 counts 0 holders, but 1 name it"],
        ),
    ];
    for (damage, expected) in cases {
        let (findings, events) = damaged(PageChecks::Always, damage);
        assert_eq!(findings, expected);
        let recorded: Vec<&Event> =
            events.iter().filter(|event| matches!(event, Event::Finding { .. })).collect();
        assert_eq!(recorded.len(), expected.len());
        // The first operation after the damage shows it.
        assert!(matches!(events[1], Event::Finding { .. }), "{events:?}");
        let (findings, events) = damaged(PageChecks::AtEnd, damage);
        assert_eq!(findings, expected);
        assert!(matches!(events.last(), Some(Event::Finding { .. })));
        assert!(!matches!(events[1], Event::Finding { .. }));
    }
}
