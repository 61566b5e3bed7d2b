//! The layer `numbers`: what a kernel rounds. It is compared with a tolerance, number by number.

use std::collections::BTreeMap;

use crate::ids::{InstanceId, PassId};
use crate::model::tape::{Numbers, Reply, Take};
use crate::trace::{AdapterOperation, Bytes, Event, Slot, sha256_hex};

use super::line::Written;
use super::redact;
use crate::testing::{Observed, Redaction};

/// How many of the highest logits are kept of a row.
const HIGHEST: usize = 5;
/// How many numbers of an embedding are kept.
const EMBEDDED: usize = 8;

/// Makes the layer.
pub fn numbers(observed: &Observed, redactions: &[Redaction]) -> String {
    let takes: Takes<'_> = observed.takes.iter().filter_map(|take| Some((take.key()?, take))).collect();
    let lines = observed.events.iter().flat_map(|event| of_event(event, redactions, &takes));
    lines.collect::<Vec<_>>().join("\n")
}

/// Passes with all of their answers, where they were kept.
pub type Takes<'a> = BTreeMap<(InstanceId, PassId), &'a Take>;

/// The lines of an event.
pub fn of_event(event: &Event, redactions: &[Redaction], takes: &Takes<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    match event {
        Event::PassDone { instance, pass, slots, margin, .. }
            if !redact::leaves_out(redactions, "pass-done") =>
        {
            let line = |what: &str| Written::new(Some(instance), what).about(pass);
            lines.extend(margin.map(|margin| line("margin").json("value", &fixed(margin)).finish()));
            let take = takes.get(&(*instance, *pass));
            for (at, slot) in slots.iter().enumerate() {
                lines.extend(of_slot(slot, line, take.and_then(|take| take.replies.get(at))));
            }
        }
        Event::Bid { instance, context, credits } if !redact::leaves_out(redactions, "bid") => {
            lines.push(Written::new(Some(instance), "bid").about(context).json("credits", credits).finish());
        }
        Event::Adapter { instance, operation: AdapterOperation::Update { best, mean, sigma }, .. } => {
            let line = Written::new(Some(instance), "update").json("best", &fixed(*best));
            lines.push(line.json("mean", &fixed(*mean)).json("sigma", &fixed(*sigma)).finish());
        }
        Event::Finished { instance, usage, .. } => {
            let line =
                |margin| Written::new(Some(instance), "least-margin").json("value", &fixed(margin)).finish();
            lines.extend(usage.least_margin.map(line));
        }
        _ => {}
    }
    lines
}

fn of_slot(slot: &Slot, line: impl Fn(&str) -> Written, whole: Option<&Reply>) -> Option<String> {
    Some(match (slot, whole) {
        (Slot::Token(_), _) => return None,
        (Slot::Distribution { ids, probabilities, .. }, _) => {
            let pairs: Vec<(u32, f64)> =
                ids.iter().copied().zip(probabilities.iter().copied().map(fixed)).collect();
            line("distribution").json("likeliest", &pairs).finish()
        }
        (Slot::Logprobs(values), _) => {
            line("logprobs").json("values", &values.iter().copied().map(fixed).collect::<Vec<_>>()).finish()
        }
        (Slot::Entropy(nats), _) => line("entropy").json("nats", &fixed(*nats)).finish(),
        (_, Some(Reply::Logits(Numbers(row)))) => {
            let mut numbered: Vec<(usize, f32)> = row.iter().copied().enumerate().collect();
            numbered.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
            numbered.truncate(HIGHEST);
            let highest: Vec<(usize, f64)> =
                numbered.into_iter().map(|(id, logit)| (id, fixed(logit))).collect();
            line("logits").json("count", &row.len()).json("highest", &highest).finish()
        }
        (_, Some(Reply::Embedding(Numbers(values)))) => {
            let norm = values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            let head: Vec<f64> = values.iter().take(EMBEDDED).copied().map(fixed).collect();
            line("embedding")
                .json("count", &values.len())
                .json("norm", &rounded(norm))
                .json("head", &head)
                .finish()
        }
        (Slot::Logits(bytes), _) => line("logits").json("sha256", &digest(bytes)).finish(),
        (Slot::Embedding(bytes), _) => line("embedding").json("sha256", &digest(bytes)).finish(),
    })
}

/// All that is left of numbers of which nobody has kept the whole.
fn digest(bytes: &Bytes) -> String {
    match bytes {
        Bytes::Full(bytes) => sha256_hex(bytes),
        Bytes::Elided(elided) => elided.sha256.clone(),
    }
}

/// Seven digits, which is what there is in single precision.
fn fixed(number: f32) -> f64 {
    rounded(f64::from(number))
}

fn rounded(number: f64) -> f64 {
    format!("{number:.6e}").parse().unwrap_or(number)
}
