//! Progress on a terminal, as bars and spinners that vanish, and elsewhere, as lines that stay.

use std::io::Write;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Stream;
use crate::progress::{Progress, Task, Unit};

/// Draws tasks on the terminal behind standard error.
#[derive(Clone)]
pub(super) struct Bars {
    multi: MultiProgress,
    colour: bool,
}

impl Bars {
    pub(super) fn new(colour: bool) -> Bars {
        Bars { multi: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()), colour }
    }

    pub(super) fn multi(&self) -> MultiProgress {
        self.multi.clone()
    }

    fn style(&self, total: Option<u64>, unit: Unit) -> ProgressStyle {
        let bar = if self.colour { "{bar:24.cyan/dim}" } else { "{bar:24}" };
        let template = match (total, unit) {
            (Some(_), Unit::Bytes) => {
                format!("{{wide_msg}} {bar} {{bytes:>10}} of {{total_bytes:<10}} {{eta:>4}}")
            }
            (Some(_), Unit::Items) => format!("{{wide_msg}} {bar} {{pos:>4}} of {{len:<4}}"),
            (None, Unit::Bytes) => "{spinner} {wide_msg} {bytes:>10} {elapsed:>4}".to_owned(),
            (None, Unit::Items) => "{spinner} {wide_msg} {elapsed:>4}".to_owned(),
        };
        let style =
            if total.is_some() { ProgressStyle::default_bar() } else { ProgressStyle::default_spinner() };
        style.template(&template).expect("the templates above are well-formed").progress_chars("━╸─")
    }
}

impl Progress for Bars {
    fn start(&self, what: &str, total: Option<u64>, unit: Unit) -> Box<dyn Task> {
        let bar = self.multi.add(match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        });
        bar.set_style(self.style(total, unit));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Box::new(Bar { bar })
    }

    fn note(&self, line: &str) {
        // The terminal is gone; whatever goes on does not depend on it.
        let _ = self.multi.println(line);
    }
}

struct Bar {
    bar: ProgressBar,
}

impl Task for Bar {
    fn reached(&self, done: u64) {
        self.bar.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Writes one line when a task starts: for logs, where nothing can be drawn over.
pub(super) struct Lines {
    out: Stream,
}

impl Lines {
    pub(super) fn new(out: Stream) -> Lines {
        Lines { out }
    }
}

impl Progress for Lines {
    fn start(&self, what: &str, _total: Option<u64>, _unit: Unit) -> Box<dyn Task> {
        self.note(what);
        Box::new(crate::progress::Silent)
    }

    fn note(&self, line: &str) {
        // As above.
        let _ = writeln!(self.out.clone(), "{line}");
    }
}
