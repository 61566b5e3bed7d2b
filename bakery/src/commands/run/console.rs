//! What can happen to a run from outside: a line on standard input, Ctrl-C, a deadline.

use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pie_engine::Control;
use pie_engine::trace::{Limit, Outcome};

use crate::environment::Environment;
use crate::interrupt::Waiting;
use crate::ui::Ui;

/// Makes lines on standard input messages, and its end the end of the session.
///
/// A line is read when the inferlet waits for one and nothing else can happen, not when it arrives. So the trace does not depend on
/// when it arrives, and what is typed for the next program is left to it.
pub(super) fn listen(control: &Control, ui: &Ui) {
    let control = control.clone();
    let mut lines = ui.input();
    let mut prompt = ui.prompts().then(|| ui.stderr());
    // The thread ends with the run, or, while it waits for a line that nobody types, with the process.
    thread::spawn(move || {
        while control.awaited() {
            // Without its prompt the question still stands.
            let mut show = |text: &[u8]| prompt.as_mut().map(|prompt| prompt.write_all(text));
            show(b"> ");
            let Some(line) = lines.next_line() else {
                show(b"\n");
                return control.close();
            };
            control.send(line);
        }
    });
}

/// Ends the run when the user presses Ctrl-C.
pub(super) fn cancel_on_interrupt(control: &Control, env: &Environment) -> Waiting {
    let control = control.clone();
    env.interrupt.on_request(move || control.cancel(Outcome::Cancelled(super::answer::INTERRUPTED.into())))
}

/// Ends the run after a while, unless what is returned is dropped before.
pub(super) fn cancel_after(timeout: Option<Duration>, control: &Control) -> mpsc::Sender<()> {
    let (alive, ended) = mpsc::channel();
    if let Some(timeout) = timeout {
        let control = control.clone();
        thread::spawn(move || {
            if ended.recv_timeout(timeout) == Err(mpsc::RecvTimeoutError::Timeout) {
                let message = format!("the run took longer than {} s", timeout.as_secs_f64());
                control.cancel(Outcome::Limit { limit: Limit::Time, message });
            }
        });
    }
    alive
}

/// Reads the value of `--timeout`.
pub(super) fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a number of seconds above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_positive_number_of_seconds() {
        assert_eq!(parse_seconds("1.5"), Ok(Duration::from_millis(1500)));
        for wrong in ["", "soon", "0", "-1", "NaN", "inf", "1e300"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }
}
