//! The processes of servers end with the run, however it ends.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{component, misbehaving, pid_file, run, with_variable};
use crate::support::{World, node};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The server and what it has started, as it has written them down.
fn pids(file: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.split(' ').filter_map(|pid| pid.parse().ok()).collect()
}

/// Whether there is such a process that has not ended.
fn runs(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The state follows the name, which is in parentheses.
    !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'))
}

#[test]
fn a_server_that_does_not_want_to_end_is_ended_with_what_it_has_started() {
    for steps in [
        json!([{ "connect": "it" }]),
        json!([{ "connect": "it" }, "trap"]),
        json!([{ "connect": "it" }, "hang-up"]),
    ] {
        let (_folder, file) = pid_file();
        let path = file.to_str().expect("the path is UTF-8");
        run(&[("it", with_variable(misbehaving("stubborn"), "PID_FILE", path))], &steps);
        let pids = pids(&file);
        assert_eq!(pids.len(), 2, "the server was not started");
        // What is killed takes a moment to be gone.
        wait_until("the processes are gone", || !pids.iter().any(|pid| runs(*pid)));
    }
}

/// `bakery run` of an inferlet that waits for a server, which writes its number to a file.
fn waiting(world: &World, mode: &str) -> (Child, Vec<u32>) {
    world.write("guest.wasm", component());
    let pid_file = world.work().join("pid");
    let server = node::command(&node::folder().join("misbehave.mjs"), &[mode]);
    let steps = json!([{ "connect": "it" }, { "call-tool": ["hang", "{}"] }]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bakery"));
    command.env_clear().env("HOME", world.work()).env("PID_FILE", &pid_file).current_dir(world.work());
    command.args([
        "run",
        "guest.wasm",
        "--verbose",
        "--mcp",
        &format!("it={server}"),
        "--input",
        &steps.to_string(),
    ]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("bakery starts");
    let mut watched = std::io::BufReader::new(child.stderr.take().expect("it is a pipe"));
    let mut line = String::new();
    while !line.contains("tools/call") {
        line.clear();
        let bytes = std::io::BufRead::read_line(&mut watched, &mut line).expect("it is text");
        assert!(bytes > 0, "bakery has ended before the inferlet called the server");
    }
    thread::spawn(move || std::io::copy(&mut watched, &mut std::io::sink()));
    let pids = pids(&pid_file);
    assert!(pids.iter().all(|pid| runs(*pid)), "the server does not run");
    (child, pids)
}

#[test]
fn ctrl_c_ends_the_run_and_its_servers() {
    for mode in ["polite", "stubborn"] {
        let world = World::new();
        let (mut bakery, pids) = waiting(&world, mode);
        let pid = rustix::process::Pid::from_raw(bakery.id().cast_signed()).expect("it is a process");
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("bakery runs");
        assert_eq!(bakery.wait().expect("bakery ends").code(), Some(130));
        wait_until("the processes are gone", || !pids.iter().any(|pid| runs(*pid)));
    }
}

#[test]
fn a_server_does_not_outlive_a_bakery_that_was_killed() {
    for mode in ["polite", "stubborn"] {
        let world = World::new();
        let (mut bakery, pids) = waiting(&world, mode);
        bakery.kill().expect("bakery runs");
        bakery.wait().expect("bakery ends");
        wait_until("the server is gone", || !runs(pids[0]));
        // What a server has started that pays no heed to anybody is beyond reach.
        for pid in pids.into_iter().skip(1).filter(|pid| runs(*pid)) {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("it is a process");
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}
