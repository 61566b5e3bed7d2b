//! Several models in one engine.

use super::*;
use crate::ids::ModelNumber;
use crate::model::candle::{Cache, Device};
use crate::model::source::random::Recipe;
use crate::model::source::{Architecture, Limits, Source as Checkpoint};

const FIRST: ModelNumber = ModelNumber(0);
const SECOND: ModelNumber = ModelNumber(1);

/// A model with random weights.
fn random() -> LoadedModel {
    let folder = tempfile::tempdir().unwrap();
    Recipe::new(Architecture::Llama).write(folder.path()).unwrap();
    let checkpoint = Checkpoint::open(folder.path(), "random", &Limits::default()).unwrap();
    LoadedModel::from_source(&checkpoint, Cache::AsWeights, Device::Cpu).unwrap()
}

impl Bench {
    fn create_for(
        &mut self,
        instance: InstanceId,
        model: ModelNumber,
        source: Source,
    ) -> Result<ContextId, String> {
        self.ask(instance, |reply| Operation::Create { model, source, reply }).map(|(context, _)| context)
    }

    /// Has a pass wait for steps.
    fn queue(&mut self, instance: InstanceId, model: ModelNumber, draft: Draft) -> PassCell {
        let mut request = draft.check(self.core.models[model].info().vocab_size).unwrap();
        request.model = model;
        let cell = request.cell.clone();
        let request = Box::new(request);
        self.ask(instance, |reply| Operation::Execute { request, reply }).unwrap();
        cell
    }

    fn context_of(&mut self, instance: InstanceId, model: ModelNumber) -> ContextId {
        let context = self.create_for(instance, model, Source::Empty).unwrap();
        self.pages(instance, context, PageOperation::Reserve, 3).unwrap();
        context
    }
}

fn rows(cell: &PassCell) -> Vec<Answer> {
    cell.get().cloned().expect("no step is left to do").unwrap().answers
}

/// What a model alone says of these tokens.
fn alone(model: LoadedModel, tokens: &[u32]) -> Vec<Answer> {
    let mut bench = Bench::with(model.into());
    let instance = bench.admit(1);
    let context = bench.context_of(instance, FIRST);
    bench.run(instance, logits(context, 0, tokens)).unwrap()
}

#[test]
fn each_model_says_in_one_engine_what_it_says_alone() {
    let tokens = tokens(5, 33);
    let (dummy, weights) = (LoadedModel::dummy(), random());
    let expected = [alone(dummy.clone(), &tokens), alone(weights.clone(), &tokens)];
    let mut bench = Bench::with(Models::new(dummy, vec![weights]).unwrap());
    let instance = bench.admit(1);
    let contexts = [FIRST, SECOND, FIRST, SECOND].map(|model| (model, bench.context_of(instance, model)));
    // All in one step, and none finds the pages that the other model has filled with the same tokens.
    let cells = contexts.map(|(model, context)| bench.queue(instance, model, logits(context, 0, &tokens)));
    while bench.core.step() {}
    assert_eq!(cells.each_ref().map(rows), [0, 1, 0, 1].map(|model: usize| expected[model].clone()));
    assert_eq!(bench.core.steps, 1);
    // Forks, pages that were copied in part, and content that was away.
    for (model, context) in [contexts[0], contexts[1]] {
        let fork = bench.create_for(instance, FIRST, Source::Fork(context)).unwrap();
        bench.ask(instance, |reply| Operation::Suspend { context, reply }).unwrap();
        let cells = [context, fork].map(|of| bench.queue(instance, model, logits(of, 33, &[7])));
        while bench.core.step() {}
        let [again, of_fork] = cells.each_ref().map(rows);
        assert_eq!(again, of_fork);
        let whole: Vec<u32> = tokens.iter().copied().chain([7]).collect();
        assert_eq!(again, alone(bench.core.models[model].clone(), &whole));
    }
}

#[test]
fn what_belongs_to_one_model_is_refused_for_another() {
    let mut bench = Bench::with(Models::new(LoadedModel::dummy(), vec![random()]).unwrap());
    let instance = bench.admit(1);
    let context = bench.context_of(instance, SECOND);
    let request = Box::new(logits(context, 0, &[1]).check(1024).unwrap());
    let refused = bench.ask(instance, |reply| Operation::Execute { request, reply }).unwrap_err();
    assert_eq!(refused, "the pass's context is one of the model `random`, and not of `dummy`");
    bench.ask(instance, |reply| Operation::Save { context, name: Some("kept".to_owned()), reply }).unwrap();
    for source in [Source::Open("kept".to_owned()), Source::Take("kept".to_owned())] {
        let refused = bench.create_for(instance, FIRST, source).unwrap_err();
        assert_eq!(
            refused,
            "the context saved under `kept` is one of the model `random`, and not of `dummy`"
        );
    }
    bench.create_for(instance, SECOND, Source::Take("kept".to_owned())).unwrap();
}

#[test]
fn models_have_names_of_their_own() {
    let models = Models::new(LoadedModel::dummy(), vec![random()]).unwrap();
    let number = |name| models.named(name).map(|number| number.0);
    assert_eq!(
        [number("default"), number("dummy"), number("random"), number("x")],
        [Some(0), Some(0), Some(1), None]
    );
    assert_eq!(Models::new(LoadedModel::dummy(), vec![LoadedModel::dummy()]).err().unwrap(), "dummy");
}
