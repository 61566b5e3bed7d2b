//! What was computed with an adapter is shared with nobody, and read by all of its context.

use super::*;
use crate::engine::operation::Applied;
use crate::model::{LowRank, Overlay};
use std::sync::Arc;

fn overlay(bench: &Bench, weight: f32) -> Arc<Overlay> {
    let targets = bench.core.models.first().info().adapter_targets.iter();
    let layers = targets.map(|target| LowRank {
        down: vec![weight; target.inputs as usize],
        up: vec![weight; target.outputs as usize],
    });
    Arc::new(Overlay::new(1, 1.0, layers.collect()).unwrap())
}

impl Bench {
    /// Runs a pass with an adapter, and says how many of its tokens were reused besides the answers.
    fn adapted(&mut self, draft: Draft, overlay: Option<Arc<Overlay>>) -> (Vec<Answer>, u32) {
        let mut request = draft.check(self.core.models.first().info().vocab_size).unwrap();
        request.adapter = Some(Applied { name: "mine".to_owned(), seed: None, overlay });
        let cell = request.cell.clone();
        let request = Box::new(request);
        self.ask(InstanceId(1), |reply| Operation::Execute { request, reply }).unwrap();
        while self.core.step() {}
        let reused = self.events().into_iter().rev().find_map(|event| match event {
            Event::Pass { reused, .. } => Some(reused),
            _ => None,
        });
        (cell.get().unwrap().clone().unwrap().answers, reused.unwrap())
    }

    fn empty(&mut self) -> ContextId {
        let context = self.create(InstanceId(1), Source::Empty).unwrap();
        self.pages(InstanceId(1), context, PageOperation::Reserve, 4).unwrap();
        context
    }
}

#[test]
fn pages_of_an_adapter_are_found_by_nobody_and_nobody_elses_by_it() {
    let mut bench = Bench::new();
    bench.admit(1);
    let prompt = tokens(100, 40);
    let one = overlay(&bench, 0.5);
    let draft = |bench: &mut Bench| logits(bench.empty(), 0, &prompt);
    let first = draft(&mut bench);
    let (with, reused) = bench.adapted(first, Some(one.clone()));
    assert_eq!(reused, 0);
    let second = draft(&mut bench);
    let (plain, reused) = bench.adapted(second, None);
    assert_eq!(reused, 0, "what was computed with an adapter is not for passes without");
    assert_ne!(plain, with);
    let third = draft(&mut bench);
    assert_eq!(bench.adapted(third, None), (plain, 32), "an adapter that changes nothing is none");
    let fourth = draft(&mut bench);
    assert_eq!(bench.adapted(fourth, Some(one)), (with.clone(), 0));
    let fifth = draft(&mut bench);
    let other = overlay(&bench, 0.25);
    assert_ne!(bench.adapted(fifth, Some(other)).0, with);
}

#[test]
fn later_passes_read_what_an_earlier_adapter_has_written() {
    let mut bench = Bench::new();
    bench.admit(1);
    let one = overlay(&bench, 0.5);
    let behind = |bench: &mut Bench, first: Option<Arc<Overlay>>| {
        let context = bench.empty();
        bench.adapted(pass(context, 0, &tokens(100, 20)), first);
        bench.adapted(logits(context, 20, &[7]), None).0
    };
    let (with, without) = (behind(&mut bench, Some(one.clone())), behind(&mut bench, None));
    assert_ne!(with, without);
    assert_eq!(behind(&mut bench, Some(one)), with);
}
