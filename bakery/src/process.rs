//! Runs other programs to their end: their output line by line, a limit on silence, and an error that says what they said.
//! Nothing is printed here.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::interrupt::Interrupt;

/// How often a waiting loop looks at what is not announced to it: a folder that grows, a limit that passes.
const TICK: Duration = Duration::from_millis(100);

/// Lines of standard error that are kept for the error message.
const KEPT_LINES: usize = 40;

/// Which stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What [`watch`] tells while the program runs.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The program wrote a line.
    Line(Stream, &'a str),
    /// A moment passed. The answer of the callback says whether there was any sign of life.
    Tick,
}

/// Whether the program shows signs of life; see [`Limits::silence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Something moved.
    Moving,
    /// Nothing to be seen.
    Silent,
}

/// What ends a program before it ends by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits<'a> {
    /// The user asks to stop.
    pub interrupt: Option<&'a Interrupt>,
    /// The longest time without a line of output and without a tick answered by [`Life::Moving`]; then it is ended.
    pub silence: Option<Duration>,
}

/// Runs `command` to its end and returns its standard output.
///
/// # Errors
/// It cannot be started, or it fails; the cause is what it wrote to standard error.
pub fn output(command: Command) -> Result<String> {
    let mut text = String::new();
    watch(command, Limits::default(), &mut |event| {
        if let Event::Line(Stream::Out, line) = event {
            text.push_str(line);
            text.push('\n');
        }
        Life::Silent
    })?;
    Ok(text)
}

/// Runs `command` to its end, telling `listen` what happens. It has no standard input.
///
/// # Errors
/// It cannot be started, it fails, or it is ended by `limits`; the cause is the end of what it wrote to standard error.
pub fn watch(mut command: Command, limits: Limits, listen: &mut dyn FnMut(Event<'_>) -> Life) -> Result<()> {
    let name = name_of(&command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(&name, error))?;
    let lines = lines_of(&mut child);
    let mut kept = Vec::new();
    let mut moved = Instant::now();
    loop {
        match lines.recv_timeout(TICK) {
            Ok((stream, line)) => {
                moved = Instant::now();
                listen(Event::Line(stream, &line));
                if stream == Stream::Err {
                    kept.push(line);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                if listen(Event::Tick) == Life::Moving {
                    moved = Instant::now();
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Some(Err(interrupted)) = limits.interrupt.map(Interrupt::check) {
            end(&mut child);
            return Err(interrupted);
        }
        if let Some(silence) = limits.silence.filter(|silence| moved.elapsed() > *silence) {
            end(&mut child);
            let message = format!("`{name}` did nothing for {} seconds and was ended", silence.as_secs());
            return Err(with_output(Error::environment(message), &kept));
        }
    }
    let status = child.wait().map_err(|error| cannot_start(&name, error))?;
    if status.success() { Ok(()) } else { Err(with_output(failed(&name, status), &kept)) }
}

/// Runs `from` and `to` at the same time, the output of the first being the input of the second.
///
/// # Errors
/// One of them cannot be started, or fails; the cause is what the second wrote to standard error.
pub fn pipe(mut from: Command, mut to: Command) -> Result<()> {
    let (from_name, to_name) = (name_of(&from), name_of(&to));
    from.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut first = from.spawn().map_err(|error| cannot_start(&from_name, error))?;
    let input = first.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let second = to.stdin(input).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    // The second has read all or is gone: the first ends too, whatever happened.
    let first = first.wait().map_err(|error| cannot_start(&from_name, error))?;
    let second = second.map_err(|error| cannot_start(&to_name, error))?;
    for (name, status) in [(to_name, second.status), (from_name, first)] {
        if !status.success() {
            let said = String::from_utf8_lossy(&second.stderr).into_owned();
            return Err(with_output(failed(&name, status), &[said]));
        }
    }
    Ok(())
}

/// The error of a program that cannot be started.
pub fn cannot_start(name: &str, error: std::io::Error) -> Error {
    Error::environment(format!("`{name}` cannot be started")).caused_by(error)
}

/// The program's name without its folder.
pub fn name_of(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

/// Both streams as one sequence of lines; it ends when both are closed.
fn lines_of(child: &mut Child) -> Receiver<(Stream, String)> {
    let (sender, receiver) = channel();
    if let Some(stdout) = child.stdout.take() {
        read_lines(stdout, Stream::Out, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        read_lines(stderr, Stream::Err, sender);
    }
    receiver
}

fn read_lines(from: impl Read + Send + 'static, stream: Stream, to: Sender<(Stream, String)>) {
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(|line| line.ok()) {
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if to.send((stream, line)).is_err() {
                return;
            }
        }
    });
}

/// Ends the program. What it started itself may live a little longer; its pipes are nobody's any more.
fn end(child: &mut Child) {
    // Both fail only when it has ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

fn failed(name: &str, status: ExitStatus) -> Error {
    match status.code() {
        Some(code) => Error::environment(format!("`{name}` failed with exit code {code}")),
        None => ended_by_signal(status, format!("`{name}` was ended by a signal")),
    }
}

/// The error of a program that a signal ended. Ctrl-C on a terminal is sent to all that run on it, and a helper may end before bakery has noticed.
pub fn ended_by_signal(status: ExitStatus, message: String) -> Error {
    if is_interrupt(status) {
        Error::new(Kind::Interrupted, "interrupted")
    } else {
        Error::environment(message)
    }
}

#[cfg(unix)]
fn is_interrupt(status: ExitStatus) -> bool {
    const SIGINT: i32 = 2;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGINT)
}

#[cfg(not(unix))]
fn is_interrupt(_status: ExitStatus) -> bool {
    false
}

fn with_output(error: Error, lines: &[String]) -> Error {
    let text = lines[lines.len().saturating_sub(KEPT_LINES)..].join("\n");
    let is_telling = error.kind != Kind::Interrupted && !text.trim().is_empty();
    if is_telling { error.caused_by(text) } else { error }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_that_ctrl_c_ended_was_interrupted_even_if_bakery_has_not_noticed() {
        // As `wait` has it. A shell that really sends itself the signal keeps running where whoever runs the tests ignores it, as shells have their jobs in the background do.
        let ended_by = |signal| {
            let status = std::os::unix::process::ExitStatusExt::from_raw(signal);
            ended_by_signal(status, "it was ended".to_owned()).kind
        };
        assert_eq!((ended_by(2), ended_by(9)), (Kind::Interrupted, Kind::Environment));
    }

    #[test]
    fn output_is_returned_line_by_line() {
        assert_eq!(output(shell("echo one; echo two; echo noise >&2")).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_failure_carries_the_exit_code_and_what_was_said() {
        let error = output(shell("echo out; echo 'no such thing' >&2; exit 7")).unwrap_err();
        assert_eq!(error.message, "`sh` failed with exit code 7");
        assert_eq!(error.source.unwrap().to_string(), "no such thing");
    }

    #[test]
    fn a_failure_at_either_end_of_a_pipe_is_noticed() {
        pipe(shell("echo data"), shell("grep -q data")).unwrap();
        assert_eq!(pipe(shell("exit 3"), shell("cat")).unwrap_err().message, "`sh` failed with exit code 3");
        let error = pipe(shell("echo data"), shell("echo no room >&2; exit 2")).unwrap_err();
        assert_eq!(error.source.unwrap().to_string().trim(), "no room");
        assert!(pipe(shell("echo data"), Command::new("/nowhere/tool")).is_err());
    }

    #[test]
    fn a_missing_program_is_an_error_not_a_panic() {
        let error = output(Command::new("/nowhere/tool")).unwrap_err();
        assert_eq!(error.message, "`tool` cannot be started");
    }

    #[test]
    fn silence_beyond_the_limit_ends_the_program() {
        let limits = Limits { silence: Some(Duration::from_millis(300)), ..Limits::default() };
        let started = Instant::now();
        let error =
            watch(shell("echo started >&2; exec sleep 60"), limits, &mut |_| Life::Silent).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
        assert!(error.message.contains("did nothing"), "{error}");
        assert_eq!(error.source.unwrap().to_string(), "started");
    }

    #[test]
    fn a_request_to_stop_ends_the_program() {
        let interrupt = Interrupt::default();
        let limits = Limits { interrupt: Some(&interrupt), ..Limits::default() };
        let error = watch(shell("echo ready; exec sleep 60"), limits, &mut |event| {
            if matches!(event, Event::Line(..)) {
                interrupt.request();
            }
            Life::Moving
        });
        assert_eq!(error.unwrap_err().kind, crate::error::Kind::Interrupted);
    }

    #[test]
    fn signs_of_life_keep_a_quiet_program_running() {
        let limits = Limits { silence: Some(Duration::from_millis(300)), ..Limits::default() };
        watch(shell("sleep 1"), limits, &mut |_| Life::Moving).unwrap();
    }
}
