//! Who waits, who gives way, who comes back, and what is told to whom.

use super::*;
use crate::ids::ModelNumber;
use crate::sched::market::Credits;

/// A context with a prompt of its own that draws so many tokens, and logs them.
async fn generate(number: u64, guest: Guest, length: u32, draws: u32) -> Result<(), String> {
    let mut ctx = guest.create(Source::Empty).await?;
    guest.run(&mut ctx, &prompt(number, length), &[], false).await?;
    let drawn = guest.draw(&mut ctx, 7, draws).await?;
    guest.log(format!("{drawn:?}"));
    Ok(())
}

#[test]
fn two_hundred_contexts_on_pages_for_twenty_all_finish_with_the_same_tokens() {
    // Each grows to 48 tokens, which are 12 pages.
    let run = |pages, recompute_tokens| {
        let config = CoreConfig { recompute_tokens, ..CoreConfig::new(pages, PAGE_SIZE) };
        run(dummy(config), 200, |number, guest| generate(number, guest, 20, 28)).all_well()
    };
    let ample = run(200 * 12, 0);
    assert_eq!(ample.suspensions(), []);
    for recompute_tokens in [0, u32::MAX] {
        let scarce = run(20 * 12, recompute_tokens);
        assert!(scarce.suspensions().len() >= 180, "{}", scarce.suspensions().len());
        let (tokens, pages) = scarce.brought_back();
        assert_eq!((tokens > 0, pages > 0), (recompute_tokens > 0, recompute_tokens == 0));
        assert_eq!(scarce.logs, ample.logs);
        assert_eq!(scarce.core.kv.free_pages(), 20 * 12);
    }
}

#[test]
fn one_instance_can_have_more_contexts_than_there_are_pages_for() {
    let program = |_, guest: Guest| async move {
        let guest = &guest;
        let write = |number| async move {
            let mut ctx = guest.create(Source::Empty).await?;
            guest.run(&mut ctx, &prompt(number, 9), &[], false).await?;
            let drawn = guest.draw(&mut ctx, 7, 24).await?;
            guest.log(format!("{number}: {drawn:?}"));
            guest.destroy(ctx).await
        };
        join((0..30).map(write)).await
    };
    let sorted = |mut ran: Ran| {
        ran.logs[0].sort();
        ran
    };
    let ample = sorted(run(dummy(config(30 * 9)), 1, program).all_well());
    let scarce = sorted(run(dummy(config(3 * 9)), 1, program).all_well());
    assert_eq!(ample.logs, scarce.logs);
    // Passes of a context that is away do not hold up the others, so it is not brought back for each token.
    let (suspensions, passes) = (scarce.suspensions().len(), 30 * 25);
    assert!(suspensions < passes / 3, "{suspensions} suspensions for {passes} passes");
}

#[test]
fn who_bids_least_gives_way() {
    let program = |number, guest: Guest| async move {
        let mut ctx = guest.create(Source::Empty).await?;
        guest.bid(ctx, [2.0, 0.5, 1.0][number as usize]).await?;
        guest.run(&mut ctx, &prompt(number, 16), &[], false).await?;
        let drawn = guest.draw(&mut ctx, 7, 8).await?;
        guest.log(format!("{drawn:?}"));
        // Rent is paid by whoever stays, and paid out to all.
        let rent = guest.quote(Quote::Rent(ctx.id)).await?;
        let balance = guest.quote(Quote::Balance).await?;
        guest.log(format!("{} {}", rent > 0.0, balance < 1000.0 - f64::from(ctx.pages())));
        Ok(())
    };
    // Room for two of 6 pages.
    let ran = run(dummy(config(12)), 3, program).all_well();
    let loser = InstanceId(2);
    assert!(!ran.suspensions().is_empty());
    assert!(
        ran.suspensions().iter().all(|&suspended| suspended == (loser, SuspendCause::Short)),
        "{:?}",
        ran.suspensions()
    );
    let prices: Vec<f64> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Step { price, .. } => Some(*price),
            _ => None,
        })
        .collect();
    assert!(prices.iter().all(|&price| price <= 1.0), "the price is the lowest winning bid: {prices:?}");
    assert!(prices.contains(&1.0), "{prices:?}");
    let granted = |event: &Event| matches!(event, Event::Granted { context: Some(_), .. });
    assert!(ran.events.iter().any(granted));
    let ends: Vec<&InstanceId> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Finished { instance, .. } => Some(instance),
            _ => None,
        })
        .collect();
    assert_eq!(ends.last(), Some(&&loser));
}

#[test]
fn a_bid_that_is_no_amount_counts_as_the_nearest_one() {
    let program = |_, guest: Guest| async move {
        let ctx = guest.create(Source::Empty).await?;
        for value in [2.5, -1.0, f64::NAN, f64::INFINITY] {
            guest.bid(ctx, value).await?;
        }
        Ok(())
    };
    let ran = run(dummy(config(4)), 1, program).all_well();
    let bids = ran.events.iter().filter_map(|event| match event {
        Event::Bid { credits, .. } => Some(*credits),
        _ => None,
    });
    assert_eq!(bids.collect::<Vec<f64>>(), [2.5, 0.0, 0.0, 1e9]);
}

#[test]
fn a_family_has_the_credits_of_one_instance() {
    let mut core = dummy(config(16));
    let recorder = Recorder::new(Box::new(Collected::default()), &header());
    let (parent, child, grandchild) = (InstanceId(1), InstanceId(2), InstanceId(3));
    core.admit(parent, "ada".into(), 0, recorder.clone());
    core.admit_child(parent, child, "ada".into(), 0, recorder.clone());
    core.admit_child(child, grandchild, "ada".into(), 0, recorder);
    let context = core.create(grandchild, ModelNumber::default(), Source::Empty).unwrap().0;
    let (reply, _) = tokio::sync::oneshot::channel();
    let operation = Operation::Pages { context, operation: PageOperation::Reserve, count: 3, reply };
    core.handle(Envelope { instance: grandchild, operation });
    for instance in [parent, child, grandchild] {
        assert_eq!(core.quote(instance, Quote::Balance), Ok(997.0));
    }
    core.release(parent, Outcome::Ok("null".into()));
    assert_eq!(core.quote(child, Quote::Balance), Ok(997.0));
    core.release(child, Outcome::Ok("null".into()));
    core.release(grandchild, Outcome::Ok("null".into()));
    let sums = core.sums();
    assert!(sums.is_conserved());
    assert_eq!((sums.endowed, sums.withdrawn), (Credits::whole(1000), Credits::whole(997)));
}

#[test]
fn the_market_can_be_read() {
    let program = |_, guest: Guest| async move {
        let mut ctx = guest.create(Source::Empty).await?;
        guest.run(&mut ctx, &prompt(0, 10), &[], false).await?;
        guest.draw(&mut ctx, 7, 3).await?;
        for quote in
            [Quote::Price, Quote::Rent(ctx.id), Quote::Dividend, Quote::Latency(ctx.id), Quote::Balance]
        {
            guest.log(guest.quote(quote).await?.to_string());
        }
        guest.log(guest.quote(Quote::Rent(ContextId(9))).await.unwrap_err());
        Ok(())
    };
    let ran = run(dummy(config(8)), 1, program).all_well();
    assert_eq!(ran.logs[0], ["1", "0", "0", "0.001", "996", "context c9 has ended"]);
}

#[test]
fn a_context_that_was_suspended_is_back_when_it_is_used() {
    for recompute_tokens in [0, u32::MAX] {
        let program = |_, guest: Guest| async move {
            let mut ctx = guest.create(Source::Empty).await?;
            guest.run(&mut ctx, &prompt(0, 10), &[], false).await?;
            let ask = [Ask::Probe(Probe::Entropy)];
            let expected = guest.run(&mut ctx, &[7], &ask, false).await?;
            guest.pages(&mut ctx, PageOperation::Truncate, 1).await?;
            guest.suspend(ctx).await?;
            guest.suspend(ctx).await?;
            guest.give_way().await?;
            // What the context has is counted as if it were there.
            assert_eq!((ctx.len(), ctx.pages()), (10, 3));
            let fork = guest.create(Source::Fork(ctx.id)).await?;
            guest.destroy(fork).await?;
            guest.suspend(ctx).await?;
            let again = guest.run(&mut ctx, &[7], &ask, false).await?;
            assert_eq!(again, expected);
            guest.suspend(ctx).await?;
            guest.destroy(ctx).await
        };
        let config = CoreConfig { recompute_tokens, ..config(8) };
        let ran = run(dummy(config), 1, program).all_well();
        assert_eq!(ran.suspensions(), [(InstanceId(1), SuspendCause::Asked); 3]);
        assert_eq!(ran.brought_back(), if recompute_tokens == 0 { (0, 6) } else { (20, 0) });
        assert_eq!(ran.core.kv.free_pages(), 8);
    }
}

#[test]
fn a_pass_without_a_context_and_an_opened_snapshot_wait_for_pages_too() {
    let program = |number, guest: Guest| async move {
        let mut ctx = guest.create(Source::Empty).await?;
        if number == 0 {
            guest.run(&mut ctx, &prompt(0, 6), &[], false).await?;
            guest.save(ctx, "page").await?;
            guest.destroy(ctx).await?;
            for _ in 0..12 {
                guest.give_way().await?;
                let opened = guest.create(Source::Open("page".to_owned())).await?;
                guest.log(opened.len().to_string());
                guest.destroy(opened).await?;
            }
            return guest.delete("page").await;
        }
        let mut contexts = [ctx, guest.create(Source::Empty).await?, guest.create(Source::Empty).await?];
        for turn in 0..24 {
            let ctx = &mut contexts[turn % 3];
            // Each has two pages, and with the snapshot's two there is none left.
            let count = if ctx.len() == 0 { 7 } else { 1 };
            guest.run(ctx, &prompt(turn as u64 % 3 + 1, count), &[], false).await?;
            guest.pages(ctx, PageOperation::Truncate, 1).await?;
        }
        Ok(())
    };
    let ran = run(dummy(config(8)), 2, program).all_well();
    assert_eq!(ran.logs[0], ["6"; 12]);
    let granted = |event: &Event| matches!(event, Event::Granted { context: None, .. });
    assert!(ran.events.iter().any(granted));
}

#[test]
fn who_wants_what_saved_contexts_hold_is_told_so_and_can_go_on_when_they_are_gone() {
    let program = |_, guest: Guest| async move {
        let mut ctx = guest.create(Source::Empty).await?;
        guest.run(&mut ctx, &prompt(0, 20), &[], false).await?;
        guest.save(ctx, "held").await?;
        guest.destroy(ctx).await?;
        let mut ctx = guest.create(Source::Empty).await?;
        guest.log(guest.pages(&mut ctx, PageOperation::Reserve, 9).await.unwrap_err());
        guest.log(guest.pages(&mut ctx, PageOperation::Reserve, 4).await.unwrap_err());
        guest.run(&mut ctx, &prompt(1, 12), &[], false).await?;
        // A context that is away when its pages are taken for good.
        guest.suspend(ctx).await?;
        let mut other = guest.create(Source::Open("held".to_owned())).await?;
        guest.run(&mut other, &prompt(2, 4), &[], false).await?;
        guest.save(other, "more").await?;
        guest.destroy(other).await?;
        guest.log(guest.run(&mut ctx, &[7], &[], false).await.unwrap_err());
        guest.log(guest.create(Source::Fork(ctx.id)).await.unwrap_err());
        guest.delete("more").await?;
        guest.delete("held").await?;
        let fork = guest.create(Source::Fork(ctx.id)).await?;
        guest.log(fork.len().to_string());
        Ok(())
    };
    let ran = run(dummy(config(8)), 1, program).all_well();
    let held = |pages| {
        format!(
            "{pages} pages are needed, and saved contexts hold too many of the 8 there are; delete one to go on"
        )
    };
    let never = "9 pages are needed, but only 3 of 8 are free".to_owned();
    assert_eq!(ran.logs[0], [never, held(4), held(4), held(4), "12".to_owned()]);
}

#[test]
fn an_instance_that_ends_while_it_waits_for_pages_leaves_nothing_behind() {
    let program = |number, guest: Guest| async move {
        let mut ctx = guest.create(Source::Empty).await?;
        guest.run(&mut ctx, &prompt(number, 16), &[], false).await?;
        if number == 0 {
            return guest.draw(&mut ctx, 7, 12).await.map(drop);
        }
        // Asks, and does not wait for the answer.
        let mut more = std::pin::pin!(guest.pages(&mut ctx, PageOperation::Reserve, 4));
        std::future::poll_fn(|cx| {
            assert!(more.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        Err("had enough".to_owned())
    };
    let ran = run(dummy(config(8)), 2, program);
    assert_eq!((ran.errors(), &ran.findings), (vec![None, Some("had enough")], &vec![]));
    assert_eq!(ran.core.kv.free_pages(), 8);
}

#[test]
fn a_thousand_forks_of_a_long_context_cost_no_page_but_their_partial_ones() {
    let config = CoreConfig::new(100_000 / 16 + 1 + 1000, 16);
    let program = |_, guest: Guest| async move {
        let mut long = guest.create(Source::Empty).await?;
        // In pages of 16 tokens; `Context` counts in smaller ones.
        guest.pages(&mut long, PageOperation::Reserve, 100_000 / 16 + 1).await?;
        let mut draft = Draft { context: Some(Ok(long.id)), ..Draft::default() };
        draft.input((0..100_005).map(|at| 100 + at % 900).collect(), (0..100_005).collect());
        let request = draft.check(guest.vocabulary)?;
        let cell = request.cell.clone();
        let request = Box::new(request);
        guest.call(|reply| Operation::Execute { request, reply }).await?;
        cell.wait().await.clone()?;
        for _ in 0..1000 {
            guest.create(Source::Fork(long.id)).await?;
        }
        guest.log(guest.quote(Quote::Balance).await?.to_string());
        Ok(())
    };
    let config = CoreConfig { endowment: Credits::whole(10_000), ..config };
    let ran = run(dummy(config), 1, program).all_well();
    let expected = 10_000 - (100_000 / 16 + 1) - 1000;
    assert_eq!((ran.logs[0][0].clone(), ran.suspensions()), (expected.to_string(), vec![]));
}
