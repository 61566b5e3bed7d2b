//! One start of an inferlet: its input, its name, and what it may have.

use crate::clock::{VirtualClock, WallTime};
use crate::control::Control;
use crate::host::budget::Limits;
use crate::host::preload::Preload;
use crate::host::wasi::Scratch;
use crate::outside::hosts::Hosts;
use crate::outside::{HttpRequest, Nowhere, Outside};
use crate::programs::Programs;
use crate::respond::Responded;
use crate::uses::Uses;
use bytes::Bytes;
use std::sync::{Arc, OnceLock};

/// The files of an instance, once it has been launched. Clones share them.
pub type KeptScratch = Arc<OnceLock<Scratch>>;

/// The request that an inferlet is launched with, and where its response goes.
#[derive(Clone)]
pub(crate) struct Requested {
    pub request: HttpRequest,
    pub responded: Responded,
}

/// One start of an inferlet.
#[derive(Clone)]
pub struct Launch {
    pub(crate) input: String,
    pub(crate) name: Option<String>,
    pub(crate) seed: u64,
    pub(crate) interleaving: u64,
    pub(crate) start: WallTime,
    pub(crate) limits: Limits,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) stdin: Bytes,
    pub(crate) user: Arc<str>,
    pub(crate) control: Control,
    pub(crate) programs: Option<Arc<dyn Programs>>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) requested: Option<Requested>,
    pub(crate) scratch: Option<KeptScratch>,
    pub(crate) preload: Option<Arc<Preload>>,
    pub(crate) uses: Option<Uses>,
}

impl Launch {
    /// A start with this input, JSON text.
    pub fn new(input: impl Into<String>) -> Self {
        Launch {
            input: input.into(),
            name: None,
            seed: 0,
            interleaving: 0,
            start: VirtualClock::START,
            limits: Limits::default(),
            environment: Vec::new(),
            stdin: Bytes::new(),
            user: "user".into(),
            control: Control::default(),
            programs: None,
            outside: Arc::new(Nowhere),
            hosts: Arc::default(),
            requested: None,
            scratch: None,
            preload: None,
            uses: None,
        }
    }

    /// The input, JSON text, where a start is made ready for several.
    #[must_use]
    pub fn input(mut self, input: impl Into<String>) -> Self {
        self.input = input.into();
        self
    }

    /// The name the trace gives the inferlet; without one, that of its export.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The seed of everything random. In [`Engine::run_all`](crate::Engine::run_all) that of the first launch counts.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Which of the possible orders things happen in that nothing puts in order: 0 is the natural one, any other number one that differs. In
    /// [`Engine::run_all`](crate::Engine::run_all) that of the first launch counts.
    #[must_use]
    pub fn interleaving(mut self, number: u64) -> Self {
        self.interleaving = number;
        self
    }

    /// The date and time at which the run begins, if not at [`VirtualClock::START`]. In [`Engine::run_all`](crate::Engine::run_all) that of the first
    /// launch counts.
    #[must_use]
    pub fn start(mut self, start: WallTime) -> Self {
        self.start = start;
        self
    }

    /// What the instance may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The environment variables it sees.
    #[must_use]
    pub fn environment(mut self, environment: Vec<(String, String)>) -> Self {
        self.environment = environment;
        self
    }

    /// What it reads from standard input. It is not recorded: it is meant for interpreters, which get their program so.
    #[must_use]
    pub fn stdin(mut self, stdin: impl Into<Bytes>) -> Self {
        self.stdin = stdin.into();
        self
    }

    /// Who launches it; saved contexts belong to a user.
    #[must_use]
    pub fn user(mut self, user: impl Into<Arc<str>>) -> Self {
        self.user = user.into();
        self
    }

    /// The inferlets that it may launch; without them it may launch none.
    #[must_use]
    pub fn programs(mut self, programs: Arc<dyn Programs>) -> Self {
        self.programs = Some(programs);
        self
    }

    /// Who answers what it asks of the outside; without one, nobody does.
    #[must_use]
    pub fn outside(mut self, outside: Arc<dyn Outside>) -> Self {
        self.outside = outside;
        self
    }

    /// The hosts that it may reach by HTTP; none if nothing is said.
    #[must_use]
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = Arc::new(hosts);
        self
    }

    /// The request that it is to respond to, for an inferlet that exports `wasi:http/incoming-handler`.
    #[must_use]
    pub fn request(mut self, request: HttpRequest) -> (Self, Responded) {
        let responded = Responded::default();
        self.requested = Some(Requested { request, responded: responded.clone() });
        (self, responded)
    }

    /// Gives its files under `/scratch` to whoever asks, during the run and after it.
    #[must_use]
    pub fn scratch(mut self, kept: KeptScratch) -> Self {
        self.scratch = Some(kept);
        self
    }

    /// Has the state of the instance kept once it has answered. The component has to be an [`observable`](crate::host::preload::observable) one.
    #[must_use]
    pub fn preload(mut self, preload: Arc<Preload>) -> Self {
        self.preload = Some(preload);
        self
    }

    /// Tells somebody what it makes use of, and what those do that it launches.
    #[must_use]
    pub fn uses(mut self, uses: Uses) -> Self {
        self.uses = Some(uses);
        self
    }

    /// The same start once more, with a control of its own.
    #[must_use]
    pub fn again(&self) -> Self {
        Launch { control: Control::default(), ..self.clone() }
    }

    /// The same start for an inferlet that another one launches: it has no more than that one, of its environment variables those that the other one has, as that
    /// one has them, and its control is not the caller's.
    pub(crate) fn within(mut self, parent: &Launch) -> Launch {
        self.limits = self.limits.within(&parent.limits);
        self.environment = self.environment.iter().filter_map(|(name, _)| parent.variable(name)).collect();
        self.user = Arc::clone(&parent.user);
        self.control = parent.control.for_child();
        self.outside = Arc::clone(&parent.outside);
        self.hosts = Arc::new(self.hosts.within(&parent.hosts));
        self.uses.clone_from(&parent.uses);
        self
    }

    fn variable(&self, name: &str) -> Option<(String, String)> {
        self.environment.iter().find(|(known, _)| known == name).cloned()
    }

    /// Sends messages and files to the instance and ends it, from any thread.
    pub fn control(&self) -> Control {
        self.control.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_has_no_more_than_its_parent() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let limits = Limits { fuel: 10, scratch_bytes: 100, depth: 1, ..Limits::default() };
        let environment = vec![variable("OVEN", "hot"), variable("SHELF", "full")];
        let parent = Launch::new("null").limits(limits).environment(environment).user("ada");
        let limits = Limits { fuel: 20, scratch_bytes: 50, depth: 9, ..Limits::default() };
        let environment = vec![variable("OVEN", "hot"), variable("SHELF", "empty"), variable("KEY", "k")];
        let child = Launch::new("1").limits(limits).environment(environment).user("bob").within(&parent);
        assert_eq!((child.limits.fuel, child.limits.scratch_bytes, child.limits.depth), (10, 50, 1));
        let expected = vec![variable("OVEN", "hot"), variable("SHELF", "full")];
        assert_eq!((child.environment, &*child.user), (expected, "ada"));
    }
}
