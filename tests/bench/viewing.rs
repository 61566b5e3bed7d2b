//! A trace of 100 MB: how long it takes to look at it and to compare it, and in how much memory.
//!
//! The trace is made of one that a run has left, whose generation is repeated until it is long enough; a second one differs in its last token. The script `tests/bench/run` provides
//! the release of bakery. Nothing here passes or fails: the numbers are for people. Asked: seconds, and memory that does not grow with the trace.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Bytes of the traces: the second shows whether memory grows.
const SIZES: [usize; 2] = [10 << 20, 100 << 20];
/// Contexts that live at the same time.
const WIDTH: u64 = 8;
/// Tokens of a context.
const TOKENS: u64 = 200;

fn main() {
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let bakery: PathBuf =
        std::env::var_os("BAKERY").expect("`tests/bench/run` names the program to measure").into();
    for size in SIZES {
        let (old, new) = (folder.path().join("old.jsonl"), folder.path().join("new.jsonl"));
        let records = write(&old, size, 27);
        write(&new, size, 28);
        println!("{} MB, {records} events", size >> 20);
        let show = |more: &[&'static str]| [&["trace", "show", "old.jsonl"], more].concat();
        let ways: [(&str, Vec<&str>); 7] = [
            ("show", show(&[])),
            ("show --lanes", show(&["--lanes"])),
            ("show --html", show(&["--html", "t.html"])),
            ("stats", vec!["trace", "stats", "old.jsonl"]),
            ("export --format otel", vec!["trace", "export", "old.jsonl", "--format", "otel"]),
            ("diff, the same", vec!["trace", "diff", "old.jsonl", "old.jsonl"]),
            ("diff, the last token", vec!["trace", "diff", "old.jsonl", "new.jsonl"]),
        ];
        for (name, arguments) in ways {
            measure(&bakery, folder.path(), name, &arguments);
        }
    }
    println!("t.html: {} MB", size(&folder.path().join("t.html")) >> 20);
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |metadata| metadata.len())
}

/// Runs bakery, and prints how long it took and the most memory that it had.
fn measure(bakery: &PathBuf, folder: &Path, name: &str, arguments: &[&str]) {
    let started = Instant::now();
    let mut child = Command::new(bakery)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started");
    // The kernel forgets it with the process, so it is asked for all the time. It is a maximum, so only the last moments are missed.
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("it is our child") {
            break ended;
        }
        most = most.max(peak_kilobytes(&status).unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    let seconds = started.elapsed().as_secs_f64();
    println!("  {name}: {seconds:.2} s, {} MB at most, {ended}", most >> 10);
}

fn peak_kilobytes(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Writes a trace of about so many bytes, whose last token is `last`. How many events it has.
fn write(file: &Path, size: usize, last: u32) -> u64 {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/examples/hello-rust.jsonl");
    let example = std::fs::read_to_string(example).expect("it is part of the repository");
    let header = example.lines().next().expect("a trace has a header");
    let mut trace = Trace {
        out: BufWriter::new(std::fs::File::create(file).expect("the folder can be written")),
        seq: 0,
        at: 0,
        bytes: 0,
    };
    writeln!(trace.out, "{header}").expect("there is room");
    trace.event(r#""event":"launched","instance":1,"program":"long","input":"{}""#);
    let (mut context, mut pass, mut step) = (1, 1, 1);
    while trace.bytes < size {
        let contexts = context..context + WIDTH;
        for context in contexts.clone() {
            let origin = if context == contexts.start {
                r#""origin":"new""#.to_owned()
            } else {
                format!(r#""origin":"fork","from":{}"#, contexts.start)
            };
            trace.event(&format!(r#""event":"context-created","instance":1,"context":{context},{origin}"#));
            trace.event(&format!(
                r#""event":"pages","instance":1,"context":{context},"operation":"reserve","count":1"#
            ));
        }
        for token in 0..TOKENS {
            let passes = pass..pass + WIDTH;
            for (pass, context) in passes.clone().zip(contexts.clone()) {
                trace.event(&format!(
                    r#""event":"pass","instance":1,"pass":{pass},"context":{context},"tokens":[{}],"samplers":[{{"indices":[0],"sampler":"multinomial 0 0"}}]"#,
                    60 + token % 900
                ));
            }
            let mut list = String::new();
            for pass in passes.clone() {
                let _ = write!(list, "{}[1,{pass}]", if list.is_empty() { "" } else { "," });
            }
            trace.event(&format!(r#""event":"step","step":{step},"passes":[{list}],"rows":{WIDTH}"#));
            for pass in passes {
                let margin = f64::from(u32::try_from(pass % 50).unwrap_or(0)) / 10.0 + 0.05;
                trace.event(&format!(
                    r#""event":"pass-done","instance":1,"pass":{pass},"slots":[{{"token":{}}}],"margin":{margin}"#,
                    61 + token % 900
                ));
            }
            trace.at += 1_000_000;
            (pass, step) = (pass + WIDTH, step + 1);
        }
        for context in contexts {
            trace.event(&format!(r#""event":"context-destroyed","instance":1,"context":{context}"#));
        }
        context += WIDTH;
    }
    trace.event(&format!(r#""event":"message","instance":1,"text":"{last}""#));
    trace.event(r#""event":"finished","instance":1,"outcome":{"ok":"null"},"usage":{"passes":1,"input_tokens":1,"sampled_tokens":1,"peak_pages":8}"#);
    trace.out.flush().expect("there is room");
    trace.seq
}

struct Trace {
    out: BufWriter<std::fs::File>,
    seq: u64,
    at: u64,
    bytes: usize,
}

impl Trace {
    fn event(&mut self, fields: &str) {
        let line = format!(r#"{{"seq":{},"at":{},{fields}}}"#, self.seq, self.at);
        writeln!(self.out, "{line}").expect("there is room");
        self.seq += 1;
        self.bytes += line.len() + 1;
    }
}
