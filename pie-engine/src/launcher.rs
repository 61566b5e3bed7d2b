//! Makes instances: from a launch to a future that can be polled, and who launched whom.
//!
//! Numbers are given out in the order of launches, by one owner, so they are the same in every run.

use crate::adapter::Adapters;
use crate::child::{Child, Children, End, Ended, LaunchRequest};
use crate::clock::VirtualClock;
use crate::control::Control;
use crate::engine::bus::Bus;
use crate::engine::operation::{Envelope, Port};
use crate::host::budget::{HeldBudget, Limits};
use crate::host::component::Inferlet;
use crate::host::inference::Abandoned;
use crate::host::instance::{self, Call};
use crate::host::journal::Journal;
use crate::host::limits::{LimitExceeded, Limiter};
use crate::host::matcher::Walks;
use crate::host::state::State;
use crate::host::wasi::{Scratch, ScratchLimits, Wasi, WasiConfig, instance_seed};
use crate::host::ways_out::WaysOut;
use crate::host::work::WorkBudget;
use crate::ids::InstanceId;
use crate::launch::Launch;
use crate::loaded::Models;
use crate::outside::Permit;
use crate::outside::outbox::Outbox;
use crate::programs::{ProgramError, Wanted};
use crate::trace::{Event, Limit, Outcome, Recorder};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::mpsc;

/// An instance as a future of the way it ends.
pub type Instance = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What all instances of a run share.
pub struct Surroundings {
    /// The models.
    pub models: Models,
    /// Tokens in a page.
    pub page_size: u32,
    /// Messages between them.
    pub bus: Bus,
    /// Their adapters.
    pub adapters: Vec<Adapters>,
    /// What they have asked of the outside.
    pub outbox: Outbox,
    /// Their time.
    pub clock: Arc<VirtualClock>,
    /// The trace.
    pub recorder: Recorder,
    /// What their randomness follows from.
    pub seed: u64,
}

/// Starts the instances of a run.
pub struct Launcher {
    surroundings: Surroundings,
    operations: mpsc::Sender<Envelope>,
    requests: mpsc::UnboundedSender<LaunchRequest>,
    launched: u64,
    members: BTreeMap<InstanceId, Member>,
    trees: BTreeMap<InstanceId, Tree>,
}

/// An instance that has not ended.
struct Member {
    launch: Launch,
    /// The first of its tree: the launch that nobody asked for from inside.
    root: InstanceId,
    /// How many launches it is away from the first.
    depth: u32,
    ended: Ended,
}

/// A launch and all that goes back to it.
#[derive(Default)]
struct Tree {
    /// Those that have not ended, the first one too.
    alive: u32,
    /// Launches after the first one.
    launched: u32,
}

/// An instance that has not run yet.
pub struct Newcomer {
    /// Its number.
    pub instance: InstanceId,
    /// Who launches it, if an instance does.
    pub parent: Option<InstanceId>,
    /// How many generations there may be below it.
    pub generations: u32,
    /// Who launches it.
    pub user: Arc<str>,
    /// The seed of what it draws.
    pub draws: u64,
    /// Its way to the trace.
    pub recorder: Recorder,
    /// What reaches it from outside.
    pub control: Control,
    /// What is to be polled.
    pub future: Instance,
}

impl Launcher {
    /// The launcher of a run. Instances send their operations to `operations`, and what they want launched to `requests`.
    pub fn new(
        surroundings: Surroundings,
        operations: mpsc::Sender<Envelope>,
        requests: mpsc::UnboundedSender<LaunchRequest>,
    ) -> Self {
        let (members, trees) = (BTreeMap::new(), BTreeMap::new());
        Launcher { surroundings, operations, requests, launched: 0, members, trees }
    }

    /// What all instances share.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Starts an inferlet from outside. `ended` becomes set when it has ended.
    pub fn start(&mut self, inferlet: Inferlet, launch: Launch, ended: Ended) -> Newcomer {
        self.begin(inferlet, launch, ended, None)
    }

    /// Starts what an inferlet asks for, or says why not.
    pub fn start_child(
        &mut self,
        parent: InstanceId,
        program: &str,
        input: &str,
    ) -> Result<(Newcomer, Child), String> {
        let wanted = Wanted::parse(program, input).map_err(|error| error.to_string())?;
        self.allowed(parent).map_err(|exceeded| exceeded.to_string())?;
        let (inferlet, launch) = self.find(parent, &wanted).map_err(|error| error.to_string())?;
        let ended = Ended::default();
        let newcomer = self.begin(inferlet, launch, Arc::clone(&ended), Some(parent));
        let child = Child::new(newcomer.instance, newcomer.control.clone(), ended);
        Ok((newcomer, child))
    }

    /// An instance has ended.
    pub fn end(&mut self, instance: InstanceId, end: End) {
        let Some(member) = self.members.remove(&instance) else { return };
        if let Some(tree) = self.trees.get_mut(&member.root) {
            tree.alive -= 1;
            if tree.alive == 0 {
                self.trees.remove(&member.root);
            }
        }
        // An instance ends once.
        let _ = member.ended.set(end);
    }

    /// Whether the tree of `parent` may have one instance more below it.
    fn allowed(&self, parent: InstanceId) -> Result<(), LimitExceeded> {
        let Some(member) = self.members.get(&parent) else { return Ok(()) };
        let Some(tree) = self.trees.get(&member.root) else { return Ok(()) };
        let limits = &member.launch.limits;
        // The first one counts as alive and is no child.
        let counts = [
            (Limit::Depth, member.depth + 1, limits.depth),
            (Limit::Children, tree.alive, limits.children),
            (Limit::Launches, tree.launched + 1, limits.launches),
        ];
        match counts.into_iter().find(|(_, wanted, allowed)| wanted > allowed) {
            None => Ok(()),
            Some((limit, wanted, allowed)) => {
                Err(LimitExceeded { limit, wanted: wanted.into(), allowed: allowed.into() })
            }
        }
    }

    fn find(&self, parent: InstanceId, wanted: &Wanted<'_>) -> Result<(Inferlet, Launch), ProgramError> {
        let parent = self.members.get(&parent).ok_or(ProgramError::None)?;
        let programs = parent.launch.programs.clone().ok_or(ProgramError::None)?;
        let (inferlet, launch) = programs.find(wanted)?;
        Ok((inferlet, launch.within(&parent.launch)))
    }

    fn begin(
        &mut self,
        inferlet: Inferlet,
        launch: Launch,
        ended: Ended,
        parent: Option<InstanceId>,
    ) -> Newcomer {
        self.launched += 1;
        let instance = InstanceId(self.launched);
        let recorder = self.surroundings.recorder.counting_apart();
        let program = launch.name.clone().unwrap_or_else(|| inferlet.name().to_owned());
        let input = launch.input.clone();
        recorder.record(Event::Launched { instance, program, input: input.as_str().into(), parent });
        let draws = crate::sample::draw_seed(self.surroundings.seed, instance.0, 0, 0);
        let state = self.state(instance, &launch, recorder.clone());
        let call = match &launch.requested {
            Some(requested) => Call::Handle(requested.request.clone()),
            None => Call::Run(input),
        };
        let future = Box::pin(instance::run(inferlet, state, call, launch.limits.clone()));
        let (user, control) = (Arc::clone(&launch.user), launch.control.clone());
        let generations = self.join(instance, launch, parent, ended);
        Newcomer { instance, parent, generations, user, draws, recorder, control, future }
    }

    /// Notes an instance, and says how many generations there may be below it.
    fn join(
        &mut self,
        instance: InstanceId,
        launch: Launch,
        parent: Option<InstanceId>,
        ended: Ended,
    ) -> u32 {
        let parent = parent.and_then(|parent| self.members.get(&parent));
        let (root, depth) = parent.map_or((instance, 0), |parent| (parent.root, parent.depth + 1));
        let tree = self.trees.entry(root).or_default();
        tree.alive += 1;
        tree.launched += u32::from(depth > 0);
        let generations = launch.programs.as_ref().map_or(0, |_| launch.limits.depth.saturating_sub(depth));
        self.members.insert(instance, Member { launch, root, depth, ended });
        generations
    }

    fn state(&self, instance: InstanceId, launch: &Launch, recorder: Recorder) -> State {
        let Surroundings { models, page_size, bus, adapters, outbox, clock, seed, .. } = &self.surroundings;
        let Launch { limits, environment, stdin, user, control, outside, hosts, requested, uses, .. } =
            launch;
        let scratch = Scratch::new(Arc::clone(clock) as _, scratch_limits(limits));
        if let Some(kept) = &launch.scratch {
            // Of several instances of one launch, the first one's are kept.
            let _ = kept.set(scratch.clone());
        }
        let journal = Journal::new(instance, recorder, limits.trace_bytes, limits.output_bytes);
        State {
            table: State::handles(limits),
            wasi: Wasi::new(WasiConfig {
                scratch,
                clock: Arc::clone(clock) as _,
                seed: instance_seed(*seed, instance),
                environment: environment.clone(),
                stdin: stdin.clone(),
                output: Box::new(journal.clone()),
            }),
            limiter: Limiter::new(limits.instance()),
            port: Port::new(instance, self.operations.clone()),
            models: models.clone(),
            uses: uses.clone(),
            journal,
            held: HeldBudget::new(limits.memory_bytes),
            work: WorkBudget::new(limits.fuel),
            abandoned: Abandoned::default(),
            walks: Walks::default(),
            ways_out: WaysOut::default(),
            session: control.session(),
            bus: bus.clone(),
            outside: Arc::clone(outside),
            outbox: outbox.clone(),
            permit: Permit { hosts: Arc::clone(hosts), body_bytes: limits.body_bytes },
            responded: requested.as_ref().map(|requested| requested.responded.clone()),
            adapters: adapters.clone(),
            launches: self.requests.clone(),
            children: Children::default(),
            cancellation: control.cancellation(),
            user: Arc::clone(user),
            page_size: *page_size,
            preload: launch.preload.clone(),
        }
    }
}

fn scratch_limits(limits: &Limits) -> ScratchLimits {
    ScratchLimits { bytes: limits.scratch_bytes, ..ScratchLimits::default() }
}
