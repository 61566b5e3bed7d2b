//! The rules on random queues, and the files in `cases`: a queue, and below it the steps it is worked off in.

use super::{DECODE_TOKENS, Limits, Planned, Queue, Queued, plan};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One file of `cases`:
///
/// ```text
/// # A comment.
/// limits tokens=64 sequences=4 page=16
/// 1 table=7 tokens=100 slot=5 whole      a pass that waits; `slot` is 0 and it may be cut unless stated
/// ----
/// 1:64                                   a step: numbers of passes, and how many tokens of each
/// + 2 table=8 tokens=1                   a pass that comes after that step
/// 2:1 1:36
/// ```
struct Case<'a> {
    limits: Limits,
    page_size: u32,
    queue: Queue,
    script: Vec<&'a str>,
}

impl<'a> Case<'a> {
    fn parse(text: &'a str) -> Self {
        let (head, script) = text.split_once("----\n").expect("a line of four dashes");
        let mut lines = head.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let fields = fields(lines.next().expect("a line of limits"));
        let limits = Limits { step_tokens: fields["tokens"], step_sequences: fields["sequences"] };
        let mut queue = Queue::default();
        lines.map(queued).for_each(|queued| queue.push(queued));
        Self { limits, page_size: fields["page"], queue, script: script.lines().collect() }
    }

    /// The script as it comes out.
    fn run(mut self) -> String {
        let mut out = String::new();
        for line in std::mem::take(&mut self.script) {
            match line.strip_prefix("+ ") {
                Some(arrival) => {
                    self.queue.push(queued(arrival));
                    out += line;
                }
                None => out += &self.step(),
            }
            out.push('\n');
        }
        if !self.queue.is_empty() {
            out += "and more\n";
        }
        out
    }

    fn step(&mut self) -> String {
        let step = plan(&self.queue, self.page_size, &self.limits);
        for planned in &step {
            self.queue.advance(planned.pass, planned.tokens);
        }
        step.iter().map(|Planned { pass, tokens }| format!("{pass}:{tokens}")).collect::<Vec<_>>().join(" ")
    }
}

fn fields(line: &str) -> BTreeMap<&str, u32> {
    let pairs = line.split_whitespace().filter_map(|field| field.split_once('='));
    pairs.map(|(key, value)| (key, value.parse().expect("a number"))).collect()
}

fn queued(line: &str) -> Queued {
    let pass = line.split_whitespace().next().expect("a number").parse().expect("a number");
    let fields = fields(line);
    Queued {
        pass,
        table: fields["table"].into(),
        slot: fields.get("slot").copied().unwrap_or(0),
        tokens: fields["tokens"],
        splittable: !line.ends_with("whole"),
    }
}

#[test]
fn every_case_is_worked_off_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sched/cases");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, expected) = text.split_once("----\n").unwrap();
        assert_eq!(Case::parse(&text).run(), expected, "{}", path.display());
        count += 1;
    }
    assert!(count >= 8, "{count} cases were found");
}

const PAGE_SIZE: u32 = 4;
const LONGEST: u32 = 60;

/// Table, slot, tokens, whether it may be cut.
type Arrival = (u64, u32, u32, bool);

fn arrival() -> impl Strategy<Value = Arrival> {
    let tokens = prop_oneof![3 => 1..=DECODE_TOKENS, 2 => 1..=LONGEST];
    (0..6u64, 0..9u32, tokens, prop::bool::weighted(0.8))
}

/// For each step, who arrives before it.
fn arrivals() -> impl Strategy<Value = Vec<Vec<Arrival>>> {
    prop::collection::vec(prop::collection::vec(arrival(), 0..6), 1..30)
}

fn limits() -> impl Strategy<Value = Limits> {
    (0..40u32, 0..9u32).prop_map(|(step_tokens, step_sequences)| Limits { step_tokens, step_sequences })
}

/// Works off the arrivals, and shows each step with the passes that waited before it, oldest first.
fn simulate(
    arrivals: &[Vec<Arrival>],
    limits: &Limits,
    mut inspect: impl FnMut(&[Queued], &[Planned]) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut queue = Queue::default();
    let mut waiting: Vec<Queued> = Vec::new();
    let mut arrivals = arrivals.iter();
    let mut submitted = 0;
    loop {
        let now = arrivals.next();
        for &(table, slot, tokens, splittable) in now.into_iter().flatten() {
            submitted += 1;
            let queued = Queued { pass: submitted, table, slot, tokens, splittable };
            queue.push(queued);
            waiting.push(queued);
        }
        prop_assert_eq!(queue.len(), waiting.len());
        if now.is_none() && waiting.is_empty() {
            return Ok(());
        }
        let step = plan(&queue, PAGE_SIZE, limits);
        inspect(&waiting, &step)?;
        for planned in &step {
            queue.advance(planned.pass, planned.tokens);
            let queued = waiting.iter_mut().find(|queued| queued.pass == planned.pass).unwrap();
            queued.tokens -= planned.tokens;
            queued.slot += planned.tokens;
        }
        waiting.retain(|queued| queued.tokens > 0);
    }
}

fn find(waiting: &[Queued], planned: &Planned) -> Queued {
    *waiting.iter().find(|queued| queued.pass == planned.pass).unwrap()
}

/// In how many steps a pass is done if it is in each of them.
fn parts(queued: &Queued) -> u64 {
    match queued.splittable {
        true => ((queued.slot + queued.tokens).div_ceil(PAGE_SIZE) - queued.slot / PAGE_SIZE).into(),
        false => 1,
    }
}

/// The most that a pass must have of a step to get on.
fn least(queued: &Queued) -> u32 {
    match queued.splittable && queued.tokens > DECODE_TOKENS {
        true => queued.tokens.min(PAGE_SIZE - queued.slot % PAGE_SIZE),
        false => queued.tokens,
    }
}

proptest! {
    #[test]
    fn the_oldest_pass_is_in_every_step(arrivals in arrivals(), limits in limits()) {
        simulate(&arrivals, &limits, |waiting, step| {
            let oldest = waiting.first().map(|queued| queued.pass);
            prop_assert_eq!(oldest.is_some(), step.iter().any(|planned| Some(planned.pass) == oldest));
            Ok(())
        })?;
    }

    #[test]
    fn no_pass_waits_longer_than_those_before_it_take(arrivals in arrivals(), limits in limits()) {
        // For each pass, the steps left in which it must be done.
        let mut deadlines: BTreeMap<u64, u64> = BTreeMap::new();
        simulate(&arrivals, &limits, |waiting, _| {
            let mut before = 0;
            for queued in waiting {
                before += parts(queued);
                let deadline = deadlines.entry(queued.pass).or_insert(before);
                prop_assert!(*deadline > 0, "pass {} is late", queued.pass);
                *deadline -= 1;
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_step_keeps_its_limits_unless_its_oldest_pass_cannot(arrivals in arrivals(), limits in limits()) {
        simulate(&arrivals, &limits, |waiting, step| {
            let tokens: u32 = step.iter().map(|planned| planned.tokens).sum();
            prop_assert!(tokens <= limits.step_tokens.max(waiting.first().map_or(0, least)));
            prop_assert!(step.len() <= limits.step_sequences.max(1) as usize);
            Ok(())
        })?;
    }

    #[test]
    fn the_passes_of_a_table_run_in_order_and_one_in_a_step(arrivals in arrivals(), limits in limits()) {
        simulate(&arrivals, &limits, |waiting, step| {
            for planned in step {
                let table = find(waiting, planned).table;
                let first = waiting.iter().find(|queued| queued.table == table).unwrap();
                prop_assert_eq!(first.pass, planned.pass);
                prop_assert_eq!(step.iter().filter(|other| find(waiting, other).table == table).count(), 1);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_pass_is_cut_only_where_it_may_be_and_a_page_ends(arrivals in arrivals(), limits in limits()) {
        simulate(&arrivals, &limits, |waiting, step| {
            for planned in step {
                let queued = find(waiting, planned);
                prop_assert!(planned.tokens > 0 && planned.tokens <= queued.tokens);
                if planned.tokens < queued.tokens {
                    prop_assert!(queued.splittable);
                    prop_assert_eq!((queued.slot + planned.tokens) % PAGE_SIZE, 0);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn what_fits_into_one_step_is_done_in_one(arrivals in arrivals(), limits in limits()) {
        simulate(&arrivals, &limits, |waiting, step| {
            let mut ready: Vec<&Queued> = Vec::new();
            for queued in waiting {
                if !ready.iter().any(|other| other.table == queued.table) {
                    ready.push(queued);
                }
            }
            let tokens: u32 = ready.iter().map(|queued| queued.tokens).sum();
            if tokens <= limits.step_tokens && ready.len() <= limits.step_sequences as usize {
                prop_assert_eq!(step.len(), ready.len());
                prop_assert_eq!(step.iter().map(|planned| planned.tokens).sum::<u32>(), tokens);
            }
            Ok(())
        })?;
    }

    #[test]
    fn decode_and_prefill_both_go_on_where_there_is_room_for_both(arrivals in arrivals(), limits in limits()) {
        // Room for a decode pass beside any prefill, even one that cannot be cut.
        let step_tokens = limits.step_tokens + DECODE_TOKENS + LONGEST;
        let limits = Limits { step_tokens, step_sequences: limits.step_sequences + 2 };
        let mut long = BTreeSet::new();
        simulate(&arrivals, &limits, |waiting, step| {
            long.extend(waiting.iter().filter(|queued| queued.tokens > DECODE_TOKENS).map(|queued| queued.pass));
            let mut ready: BTreeMap<u64, u64> = BTreeMap::new();
            for queued in waiting.iter().rev() {
                ready.insert(queued.table, queued.pass);
            }
            for kind in [true, false] {
                let waits = ready.values().any(|pass| long.contains(pass) == kind);
                let runs = step.iter().any(|planned| long.contains(&planned.pass) == kind);
                prop_assert_eq!(waits, runs, "prefill: {}", kind);
            }
            Ok(())
        })?;
    }
}
