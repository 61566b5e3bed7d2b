//! `bakery trace export --format otel`: spans in a file, or to a collector.

use super::export::{Args, Target};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::outside::otlp::Collector;
use crate::report::otel::span::{Encoding, Resource, Span};
use crate::report::otel::{Spans, resource};
use crate::report::recorded::Trace;
use crate::ui::Ui;

/// Spans that are written or sent together.
const BATCH: usize = 512;

/// Exports spans.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let mut trace = Trace::open(&args.file, env)?;
    let header = trace.header().clone();
    let mut way = Way::open(args, env, ui)?;
    let mut batch = Batch { resource: resource(&header), spans: Vec::new(), count: 0 };
    let mut spans = Spans::new(&header);
    while let Some(record) = trace.next(env)? {
        batch.spans.extend(spans.record(&record));
        if batch.spans.len() >= BATCH {
            batch.out(&mut way)?;
        }
    }
    batch.spans.extend(spans.finish());
    batch.out(&mut way)?;
    let count = batch.count;
    match way {
        Way::Written(mut target) => target.finish()?,
        Way::Sent(_, _, endpoint) => {
            ui.status("Sent", format_args!("{count} spans to `{endpoint}`"));
        }
    }
    trace.end()
}

/// Where spans go.
enum Way {
    Written(Target),
    Sent(Collector, Encoding, String),
}

impl Way {
    fn open(args: &Args, env: &Environment, ui: &Ui) -> Result<Way> {
        let Some(endpoint) = &args.endpoint else { return Ok(Way::Written(Target::open(args, env, ui)?)) };
        let headers = args.header.iter().map(|header| match header.split_once('=') {
            Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
            None => Err(Error::usage(format!("`{header}` is not a header")).hint("--header NAME=VALUE")),
        });
        let headers: Vec<(String, String)> = headers.collect::<Result<_>>()?;
        let encoding = args.protocol.unwrap_or_default().into();
        Ok(Way::Sent(Collector::at(endpoint, encoding, &headers)?, encoding, endpoint.clone()))
    }
}

struct Batch {
    resource: Resource,
    spans: Vec<Span>,
    count: usize,
}

impl Batch {
    /// A line of a file, as collectors write and read them, or a request.
    fn out(&mut self, way: &mut Way) -> Result<()> {
        if self.spans.is_empty() {
            return Ok(());
        }
        self.count += self.spans.len();
        let spans = std::mem::take(&mut self.spans);
        let unfit = |cause| Error::bug("there is no JSON for spans").caused_by(cause);
        match way {
            Way::Written(target) => {
                let mut line = Encoding::Json.write(&self.resource, spans).map_err(unfit)?;
                line.push(b'\n');
                target.write(|out| out.write_all(&line))
            }
            Way::Sent(collector, encoding, _) => {
                collector.send(&encoding.write(&self.resource, spans).map_err(unfit)?)
            }
        }
    }
}
