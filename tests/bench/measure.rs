//! What the benches of whole commands share: the programs, and the timing of pairs.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program to measure, of which `tests/bench/run` says where it is. The benches do not build `bakery` themselves, because they are
/// compiled without the optimization at link time that its release gets.
pub fn program(variable: &str) -> PathBuf {
    let Some(path) = std::env::var_os(variable) else {
        panic!("`{variable}` names a program to measure; `tests/bench/run` sets it");
    };
    path.into()
}

/// How long a command that has to succeed takes, from start to exit.
pub fn timed(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = Instant::now();
    let output = command.output().expect("the program can be started");
    let elapsed = started.elapsed();
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    elapsed
}

/// Times two commands in turn, after once each unmeasured.
pub fn pairs(
    name: &str,
    peer: &str,
    count: usize,
    mut ours: impl FnMut() -> Duration,
    mut theirs: impl FnMut() -> Duration,
) {
    let _warm = (ours(), theirs());
    report(name, peer, (0..count).map(|_| (ours(), theirs())).collect());
}

pub fn report(name: &str, peer: &str, times: Vec<(Duration, Duration)>) {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let ours = median(times.iter().map(|(ours, _)| milliseconds(*ours)).collect());
    let theirs = median(times.iter().map(|(_, theirs)| milliseconds(*theirs)).collect());
    let ratio =
        median(times.iter().map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64()).collect());
    let pairs = times.len();
    println!("{name}: {ours:.2} ms; {peer}: {theirs:.2} ms; ratio {ratio:.3} (medians of {pairs} pairs)");
}

/// The one in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
