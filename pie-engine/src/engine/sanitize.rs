//! The page checker at work: garbage must not pass.
//!
//! [`Kv::check`](crate::kv::Kv::check) counts everything again. That is done once at the end of a run, and with [`PageChecks::Always`] after
//! each operation and step, so that the first one that breaks something is the one that is found. A model that reads a slot which nobody
//! wrote is a finding in any case. What is found is recorded where it was found, and fails the run.

use super::Core;
use crate::kv::TableId;
use crate::trace::Event;

/// When the page checker looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageChecks {
    /// At the end of a run.
    #[default]
    AtEnd,
    /// Also after each operation and each step, which takes a time that grows with the pages in use.
    Always,
}

impl Core {
    /// Ends a trace, and gives all that was found in it. With no instance left, every page that no snapshot holds has leaked.
    pub fn finish(&mut self) -> Vec<String> {
        self.look();
        self.recorder = None;
        std::mem::take(&mut self.findings)
    }

    /// Looks, if it is to be done always.
    pub(super) fn inspect(&mut self) {
        if self.config.checks == PageChecks::Always {
            self.look();
        }
    }

    /// Keeps and records a finding.
    pub(super) fn found(&mut self, message: String) {
        if let Some(recorder) = &self.recorder {
            recorder.record(Event::Finding { message: message.clone() });
        }
        self.findings.push(message);
    }

    /// Pages that are wrong stay wrong, and make others so: what comes after the first finding says nothing new.
    fn look(&mut self) {
        if !self.findings.is_empty() {
            return;
        }
        let mut alive: Vec<TableId> = self.snapshots.values().copied().collect();
        for entry in self.instances.values() {
            alive.extend(entry.contexts.values().map(|context| context.table));
        }
        alive.extend(self.passes.values().map(|pending| pending.table));
        alive.extend(self.pressure.stand_ins());
        let findings = self.kv.check().into_iter().chain(self.kv.leaks(alive));
        let messages: Vec<String> = findings.map(|finding| finding.to_string()).collect();
        messages.into_iter().for_each(|message| self.found(message));
    }
}
