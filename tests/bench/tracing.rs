//! What it costs to write down all that a run does: `bakery run` with `--trace` and `--record`, against the same run without them, in turn. The inferlet does 10,000 passes of one
//! token, as short as passes can be, so that what is written weighs as much as it can.
//!
//! The script `tests/bench/run` provides the release of bakery and the inferlet. Nothing here passes or fails: the numbers are for people. Asked: a ratio of at most 1.05.

#[path = "measure.rs"]
mod measure;

use std::path::PathBuf;
use std::process::Command;

use measure::{pairs, program, timed};

/// Pairs of commands.
const PAIRS: usize = 41;
/// Passes of a run.
const PASSES: u32 = 10_000;

fn main() {
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let (bakery, meter) = (program("BAKERY"), program("METER"));
    let run = |more: &[&str]| {
        let mut command = Command::new(&bakery);
        let input = format!("{{\"passes\":{PASSES}}}");
        command.arg("run").arg(&meter).args(["--input", &input]).args(more).current_dir(folder.path());
        timed(&mut command)
    };
    let ways: [(&str, &[&str]); 3] = [
        ("with --trace", &["--trace", "t.jsonl"]),
        ("with --record", &["--record", "kept"]),
        ("with --trace and --record", &["--trace", "t.jsonl", "--record", "kept"]),
    ];
    for (name, more) in ways {
        pairs(&format!("10,000 tokens {name}"), "without", PAIRS, || run(more), || run(&[]));
    }
    let size = |file: PathBuf| std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let (trace, passes) = (folder.path().join("t.jsonl"), folder.path().join("kept/passes.jsonl"));
    println!("the trace has {} bytes, the recorded passes {}", size(trace), size(passes));
}
