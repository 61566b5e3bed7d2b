//! The layer `numbers`: what a kernel rounds. It is compared with a tolerance, number by number.

use pie_engine::trace::{AdapterOperation, Bytes, Event, Slot};

use super::line::Written;
use super::redact;
use crate::project::case::Redaction;
use crate::snapshot::Observed;

/// How many of the highest logits are kept of a row.
const HIGHEST: usize = 5;
/// How many numbers of an embedding are kept.
const EMBEDDED: usize = 8;

/// Makes the layer.
pub fn numbers(observed: &Observed, redactions: &[Redaction]) -> String {
    let mut lines = Vec::new();
    for event in &observed.events {
        match event {
            Event::PassDone { instance, pass, slots, margin, .. }
                if !redact::leaves_out(redactions, "pass-done") =>
            {
                if let Some(margin) = margin {
                    lines.push(
                        Written::new(Some(instance), "margin")
                            .about(pass)
                            .json("value", &fixed(*margin))
                            .finish(),
                    );
                }
                for slot in slots {
                    let line = |what: &str| Written::new(Some(instance), what).about(pass);
                    lines.extend(of_slot(slot, line));
                }
            }
            Event::Bid { instance, context, credits } if !redact::leaves_out(redactions, "bid") => {
                lines.push(
                    Written::new(Some(instance), "bid").about(context).json("credits", credits).finish(),
                );
            }
            Event::Adapter {
                instance, operation: AdapterOperation::Update { best, mean, sigma }, ..
            } => {
                let line = Written::new(Some(instance), "update").json("best", &fixed(*best));
                lines.push(line.json("mean", &fixed(*mean)).json("sigma", &fixed(*sigma)).finish());
            }
            Event::Finished { instance, usage, .. } => {
                if let Some(margin) = usage.least_margin {
                    lines.push(
                        Written::new(Some(instance), "least-margin").json("value", &fixed(margin)).finish(),
                    );
                }
            }
            _ => {}
        }
    }
    lines.join("\n")
}

fn of_slot(slot: &Slot, line: impl Fn(&str) -> Written) -> Option<String> {
    Some(match slot {
        Slot::Token(_) => return None,
        Slot::Distribution { ids, probabilities, .. } => {
            let pairs: Vec<(u32, f64)> =
                ids.iter().copied().zip(probabilities.iter().copied().map(fixed)).collect();
            line("distribution").json("likeliest", &pairs).finish()
        }
        Slot::Logprobs(values) => {
            line("logprobs").json("values", &values.iter().copied().map(fixed).collect::<Vec<_>>()).finish()
        }
        Slot::Entropy(nats) => line("entropy").json("nats", &fixed(*nats)).finish(),
        Slot::Logits(Bytes::Full(bytes)) => {
            let mut row: Vec<(usize, f32)> = floats(bytes).enumerate().collect();
            let count = row.len();
            row.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
            row.truncate(HIGHEST);
            let highest: Vec<(usize, f64)> = row.into_iter().map(|(id, logit)| (id, fixed(logit))).collect();
            line("logits").json("count", &count).json("highest", &highest).finish()
        }
        Slot::Embedding(Bytes::Full(bytes)) => {
            let all: Vec<f64> = floats(bytes).map(f64::from).collect();
            let norm = all.iter().map(|number| number * number).sum::<f64>().sqrt();
            let head: Vec<f64> = all.iter().take(EMBEDDED).map(|number| rounded(*number)).collect();
            line("embedding")
                .json("count", &all.len())
                .json("norm", &rounded(norm))
                .json("head", &head)
                .finish()
        }
        Slot::Logits(Bytes::Elided(elided)) => line("logits").json("sha256", &elided.sha256).finish(),
        Slot::Embedding(Bytes::Elided(elided)) => line("embedding").json("sha256", &elided.sha256).finish(),
    })
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_ne_bytes(*chunk))
}

/// Seven digits, which is what there is in single precision.
fn fixed(number: f32) -> f64 {
    rounded(f64::from(number))
}

fn rounded(number: f64) -> f64 {
    format!("{number:.6e}").parse().unwrap_or(number)
}
