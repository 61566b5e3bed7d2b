//! `bakery trace export`: a trace in the formats of other programs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use pie_engine::ids::{ContextId, InstanceId, PassId};
use pie_engine::rounds::STEP_NANOSECONDS;
use pie_engine::trace::{Event, Record, Slot};
use serde_json::{Value, json};

use super::otel;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::report::otel::span::Encoding;
use crate::report::recorded::Trace;
use crate::report::vocabulary::Vocabulary;
use crate::ui::{Ui, output_error};

/// What is written where.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file that `bakery run --trace` wrote
    pub file: PathBuf,
    /// `perfetto`: Chrome's trace events; `otel`: spans of OpenTelemetry, as OTLP in JSON; `csv`: a table of forward passes; `jsonl`: the trace itself, checked
    #[arg(long, value_enum, value_name = "perfetto|otel|csv|jsonl", hide_possible_values = true)]
    pub format: Format,
    /// Where to; standard output if not given
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// With `otel`: send the spans to the collector at this URL, over HTTP
    #[arg(long, value_name = "URL", conflicts_with = "output")]
    pub endpoint: Option<String>,
    /// With `--endpoint`: the form in which spans travel; `http/protobuf` if not given, which every collector takes
    #[arg(
        long,
        value_enum,
        value_name = "http/protobuf|http/json",
        hide_possible_values = true,
        requires = "endpoint"
    )]
    pub protocol: Option<Protocol>,
    /// With `--endpoint`: a header that the collector wants; can be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "endpoint")]
    pub header: Vec<String>,
}

/// The formats there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Chrome's trace events, which Perfetto opens.
    Perfetto,
    /// Spans of OpenTelemetry.
    Otel,
    /// A line for each forward pass.
    Csv,
    /// The trace itself.
    Jsonl,
}

/// How spans go to a collector, with the names that OpenTelemetry has for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// Protocol buffers over HTTP.
    #[default]
    #[value(name = "http/protobuf")]
    Protobuf,
    /// JSON over HTTP.
    #[value(name = "http/json")]
    Json,
}

impl From<Protocol> for Encoding {
    fn from(protocol: Protocol) -> Encoding {
        match protocol {
            Protocol::Protobuf => Encoding::Protobuf,
            Protocol::Json => Encoding::Json,
        }
    }
}

/// Where an export goes.
pub(super) struct Target {
    out: Box<dyn Write>,
    /// The file, if it is one.
    shown: Option<String>,
}

impl Target {
    pub(super) fn open(args: &Args, env: &Environment, ui: &Ui) -> Result<Target> {
        let shown = args.output.as_ref().map(|path| path.display().to_string());
        let mut target = Target { out: Box::new(BufWriter::new(ui.stdout())), shown };
        if let Some(path) = &args.output {
            let file = File::create(env.current_dir.join(path)).map_err(|cause| target.unwritable(cause))?;
            target.out = Box::new(BufWriter::new(file));
        }
        Ok(target)
    }

    fn unwritable(&self, cause: io::Error) -> Error {
        match &self.shown {
            Some(shown) => Error::environment(format!("cannot write `{shown}`")).caused_by(cause),
            None => output_error(cause),
        }
    }

    pub(super) fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        let written = write(&mut *self.out);
        written.map_err(|cause| self.unwritable(cause))
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        self.write(|out| out.flush())
    }
}

/// Converts.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    if args.format == Format::Otel {
        return otel::run(args, env, ui);
    }
    if args.endpoint.is_some() {
        return Err(Error::usage("only spans can be sent to a collector").hint("--format otel"));
    }
    let mut trace = Trace::open(&args.file, env)?;
    let header = trace.header().clone();
    let mut target = Target::open(args, env, ui)?;
    let mut writer = Writer {
        format: args.format,
        vocabulary: Vocabulary::of(&header),
        open: BTreeMap::new(),
        first: true,
    };
    target.write(|out| writer.begin(out, &serde_json::to_value(&header).unwrap_or_default()))?;
    while let Some(record) = trace.next(env)? {
        target.write(|out| writer.record(out, &record))?;
    }
    target.write(|out| writer.end(out))?;
    target.finish()?;
    trace.end()
}

/// A pass that has not been answered.
struct Open {
    at: u64,
    context: Option<ContextId>,
    tokens: u64,
    text: Option<String>,
    allowed: Option<u32>,
}

struct Writer {
    format: Format,
    vocabulary: Vocabulary,
    open: BTreeMap<(InstanceId, PassId), Open>,
    first: bool,
}

impl Writer {
    fn begin(&mut self, out: &mut dyn Write, header: &Value) -> io::Result<()> {
        match self.format {
            Format::Jsonl => writeln!(out, "{header}"),
            Format::Csv => {
                writeln!(
                    out,
                    "instance,pass,context,asked_ms,answered_ms,input_tokens,allowed,chosen,text,margin"
                )
            }
            // Spans have a writer of their own.
            Format::Otel => Ok(()),
            Format::Perfetto => {
                write!(out, "{{\"displayTimeUnit\":\"ms\",\"otherData\":{header},\"traceEvents\":[")
            }
        }
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.format == Format::Perfetto { writeln!(out, "\n]}}") } else { Ok(()) }
    }

    fn record(&mut self, out: &mut dyn Write, record: &Record) -> io::Result<()> {
        if self.format == Format::Jsonl {
            return writeln!(out, "{}", serde_json::to_string(record)?);
        }
        match &record.event {
            Event::Pass { instance, pass, context, tokens, allowed, .. } => {
                let text = match tokens {
                    pie_engine::trace::Tokens::Full(tokens) => self.vocabulary.text(tokens),
                    pie_engine::trace::Tokens::Elided(_) => None,
                };
                let open = Open {
                    at: record.at,
                    context: *context,
                    tokens: tokens.count(),
                    text,
                    allowed: *allowed,
                };
                self.open.insert((*instance, *pass), open);
                Ok(())
            }
            Event::PassDone { instance, pass, slots, margin, .. } => {
                let Some(open) = self.open.remove(&(*instance, *pass)) else { return Ok(()) };
                self.pass(out, record.at, (*instance, *pass), &open, slots, *margin)
            }
            event if self.format == Format::Perfetto => self.other(out, record.at, event),
            _ => Ok(()),
        }
    }

    fn pass(
        &mut self,
        out: &mut dyn Write,
        at: u64,
        (instance, pass): (InstanceId, PassId),
        open: &Open,
        slots: &[Slot],
        margin: Option<f32>,
    ) -> io::Result<()> {
        let token = |slot: &Slot| if let Slot::Token(token) = slot { Some(*token) } else { None };
        let chosen: Vec<u32> = slots.iter().filter_map(token).collect();
        let text = self.vocabulary.text(&chosen).unwrap_or_default();
        if self.format == Format::Perfetto {
            let name = if text.is_empty() { format!("{pass}") } else { text };
            let lane = open.context.map_or(0, |context| context.0);
            // Time moves once a step is over, and the pass was in it until then.
            let event = json!({
                "name": name, "cat": "pass", "ph": "X", "pid": instance.0, "tid": lane,
                "ts": open.at as f64 / 1e3, "dur": (at - open.at + STEP_NANOSECONDS) as f64 / 1e3,
                "args": {
                    "pass": pass.0, "input_tokens": open.tokens, "input": open.text, "allowed": open.allowed,
                    "chosen": chosen, "margin": margin,
                },
            });
            return self.event(out, &event);
        }
        let or_nothing = |value: Option<String>| value.unwrap_or_default();
        let ids: Vec<String> = chosen.iter().map(u32::to_string).collect();
        let cells = [
            instance.0.to_string(),
            pass.0.to_string(),
            or_nothing(open.context.map(|context| context.0.to_string())),
            format!("{:.3}", open.at as f64 / 1e6),
            format!("{:.3}", at as f64 / 1e6),
            open.tokens.to_string(),
            or_nothing(open.allowed.map(|allowed| allowed.to_string())),
            ids.join(" "),
            text,
            or_nothing(margin.map(|margin| margin.to_string())),
        ];
        writeln!(out, "{}", cells.map(|cell| quoted(&cell)).join(","))
    }

    /// What is no pass: an instance is a process, a context a thread of it, and what happens at one moment an instant.
    fn other(&mut self, out: &mut dyn Write, at: u64, event: &Event) -> io::Result<()> {
        let fields = serde_json::to_value(event)?;
        let number = |name: &str| fields.get(name).and_then(Value::as_u64);
        let Some(instance) = number("instance") else { return Ok(()) };
        let lane = number("context").unwrap_or(0);
        match event {
            Event::Launched { program, .. } => {
                let name = json!({ "name": format!("i{instance} {program}") });
                self.event(
                    out,
                    &json!({ "name": "process_name", "ph": "M", "pid": instance, "args": name }),
                )?;
            }
            Event::ContextCreated { .. } => {
                let name = json!({ "name": format!("context c{lane}") });
                self.event(
                    out,
                    &json!({ "name": "thread_name", "ph": "M", "pid": instance, "tid": lane, "args": name }),
                )?;
            }
            _ => {}
        }
        let name = fields.get("event").cloned().unwrap_or_default();
        self.event(
            out,
            &json!({
                "name": name, "cat": "call", "ph": "i", "s": "t", "pid": instance, "tid": lane,
                "ts": at as f64 / 1e3, "args": fields,
            }),
        )
    }

    fn event(&mut self, out: &mut dyn Write, event: &Value) -> io::Result<()> {
        let comma = if std::mem::replace(&mut self.first, false) { "" } else { "," };
        write!(out, "{comma}\n{event}")
    }
}

/// A cell as RFC 4180 has it.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
