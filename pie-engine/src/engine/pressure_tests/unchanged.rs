//! Random programs see the same with ample pages and with few.

use super::super::operation::PassOutput;
use super::*;
use proptest::prelude::*;

/// Something that a program does with one of its contexts.
#[derive(Clone, Debug)]
enum Action {
    Create,
    Fill {
        on: usize,
        tokens: u32,
        masked: bool,
    },
    Draw {
        on: usize,
        tokens: u32,
    },
    /// A pass with two guesses, which are verified and seldom hold.
    Guess {
        on: usize,
    },
    /// Two passes under way at once.
    Both {
        on: usize,
    },
    Fork {
        on: usize,
    },
    Truncate {
        on: usize,
        tokens: u32,
    },
    Commit {
        on: usize,
    },
    Suspend {
        on: usize,
    },
    Bid {
        on: usize,
        value: f64,
    },
    Alone {
        tokens: u32,
    },
    Destroy {
        on: usize,
    },
}

fn action() -> impl Strategy<Value = Action> {
    use Action::*;
    let on = 0..4usize;
    prop_oneof![
        1 => Just(Create),
        4 => (on.clone(), 1..12u32, prop::bool::weighted(0.3))
            .prop_map(|(on, tokens, masked)| Fill { on, tokens, masked }),
        4 => (on.clone(), 1..6u32).prop_map(|(on, tokens)| Draw { on, tokens }),
        2 => on.clone().prop_map(|on| Both { on }),
        2 => on.clone().prop_map(|on| Guess { on }),
        2 => on.clone().prop_map(|on| Fork { on }),
        2 => (on.clone(), 1..6u32).prop_map(|(on, tokens)| Truncate { on, tokens }),
        1 => on.clone().prop_map(|on| Commit { on }),
        1 => on.clone().prop_map(|on| Suspend { on }),
        1 => (on.clone(), prop_oneof![Just(0.0), 0.0..3.0f64]).prop_map(|(on, value)| Bid { on, value }),
        1 => (1..9u32).prop_map(|tokens| Alone { tokens }),
        1 => on.prop_map(|on| Destroy { on }),
    ]
}

/// The longest that a context becomes: ten pages.
const LONGEST: u32 = 40;

/// A pass without a context.
async fn alone(guest: &Guest, step: u32, tokens: u32, ask: &Ask) -> Result<PassOutput, String> {
    let mut draft = Draft::default();
    draft.input(prompt(u64::from(step), tokens), (0..tokens).collect());
    draft.ask(vec![tokens - 1], ask.clone());
    let request = Box::new(draft.check(guest.vocabulary)?);
    let cell = request.cell.clone();
    guest.call(|reply| Operation::Execute { request, reply }).await?;
    cell.wait().await.clone()
}

/// A pass with one token and two guesses.
async fn guess(guest: &Guest, ctx: &mut Ctx, step: u32, ask: &Ask) -> Result<PassOutput, String> {
    guest.reserve_for(ctx, 3).await?;
    let mut draft = Draft { context: Some(Ok(ctx.id)), wants_guesses: true, ..Draft::default() };
    draft.input(vec![step], vec![ctx.len()]);
    draft.guess(prompt(u64::from(step % 3), 2), vec![ctx.len() + 1, ctx.len() + 2]);
    draft.ask(vec![0, 1, 2], ask.clone());
    let request = Box::new(draft.check(guest.vocabulary)?);
    let cell = request.cell.clone();
    guest.call(|reply| Operation::Execute { request, reply }).await?;
    let output = cell.wait().await.clone()?;
    // What did not hold is gone.
    guest.pages(ctx, PageOperation::Release, 0).await?;
    Ok(output)
}

/// Does what is asked for as far as there is room, and logs what came of it.
async fn act(guest: &Guest, contexts: &mut Vec<Ctx>, action: &Action, step: u32) -> Result<(), String> {
    use Action::*;
    let draw = [Ask::Sample(Sampler::Multinomial { temperature: 1.0, seed: 0 }), Ask::Probe(Probe::Entropy)];
    let count = contexts.len().max(1);
    let (on, grows) = match *action {
        Create if contexts.len() < 3 => {
            contexts.push(guest.create(Source::Empty).await?);
            return Ok(());
        }
        Alone { tokens } => {
            guest.log(format!("{:?}", alone(guest, step, tokens, &draw[1]).await?.answers));
            return Ok(());
        }
        Create => return Ok(()),
        Fill { on, tokens, .. } | Draw { on, tokens } => (on, tokens),
        Both { on } => (on, 2),
        Guess { on } => (on, 3),
        Fork { on }
        | Commit { on }
        | Suspend { on }
        | Bid { on, .. }
        | Truncate { on, .. }
        | Destroy { on } => (on, 0),
    };
    let on = on % count;
    let Some(mut ctx) = contexts.get(on).copied().filter(|ctx| ctx.len() + grows <= LONGEST) else {
        return Ok(());
    };
    match *action {
        Fill { tokens, masked, .. } => {
            let answers = guest.run(&mut ctx, &prompt(u64::from(step % 3), tokens), &draw, masked).await?;
            guest.log(format!("{answers:?}"));
        }
        Draw { tokens, .. } => {
            let drawn = guest.draw(&mut ctx, step, tokens).await?;
            guest.log(format!("{drawn:?}"));
        }
        Both { .. } => {
            let first = guest.submit(&mut ctx, &[step], &draw, false).await?;
            let second = guest.submit(&mut ctx, &[step + 1], &draw, false).await?;
            let (first, second) = (first.wait().await.clone()?, second.wait().await.clone()?);
            guest.log(format!("{:?} {:?}", first.answers, second.answers));
        }
        Guess { .. } => {
            let output = guess(guest, &mut ctx, step, &draw[0]).await?;
            guest.log(format!("{:?} {:?}", output.answers, output.guesses));
        }
        Fork { .. } if count < 3 => contexts.push(guest.create(Source::Fork(ctx.id)).await?),
        Truncate { tokens, .. } => guest.pages(&mut ctx, PageOperation::Truncate, tokens).await?,
        Commit { .. } if ctx.counts.tokens >= PAGE_SIZE => {
            guest.pages(&mut ctx, PageOperation::Commit, 1).await?
        }
        Suspend { .. } => guest.suspend(ctx).await?,
        Bid { value, .. } => guest.bid(ctx, value).await?,
        Destroy { .. } => {
            contexts.remove(on);
            return guest.destroy(ctx).await;
        }
        _ => {}
    }
    contexts[on] = ctx;
    guest.log(format!("{:?}", ctx.counts));
    Ok(())
}

fn run_actions(config: CoreConfig, programs: &[Vec<Action>]) -> Ran {
    run(dummy(config), programs.len() as u64, |number, guest| {
        let actions = programs[number as usize].clone();
        async move {
            let mut contexts = vec![guest.create(Source::Empty).await?];
            for (step, action) in (1..).zip(&actions) {
                act(&guest, &mut contexts, action, step).await?;
            }
            Ok(())
        }
    })
    .all_well()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whether pages are ample or short, and however content is brought back, each program sees the same, credits are conserved, and
    /// the page checker finds nothing after any operation.
    #[test]
    fn outputs_do_not_depend_on_how_many_pages_there_are(
        programs in prop::collection::vec(prop::collection::vec(action(), 1..24), 1..5),
    ) {
        let ample = run_actions(config(400), &programs);
        for recompute_tokens in [0, 9, u32::MAX] {
            let scarce = run_actions(CoreConfig { recompute_tokens, ..config(12) }, &programs);
            prop_assert_eq!(&scarce.logs, &ample.logs);
            prop_assert_eq!(scarce.core.kv.free_pages(), 12);
        }
    }
}
