//! `pie:core/runtime`: what an inferlet can know about where it runs, and launching others.

use super::bindings::pie::core::runtime::{Host, HostChild};
use super::state::State;
use super::work::{LAUNCHED, LAUNCHED_BYTE};
use crate::child::{Child, Ended, LaunchRequest};
use crate::trace::Event;
use std::sync::Arc;
use tokio::sync::oneshot;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::DynPollable;

/// An inferlet launched by this one.
pub struct ChildHandle {
    child: Child,
    taken: bool,
}

impl State {
    /// The signal that a child has ended.
    pub(super) fn child_ended(&self, child: &Resource<ChildHandle>) -> Result<Ended> {
        Ok(Arc::clone(self.table.get(child)?.child.ended()))
    }
}

impl Host for State {
    fn version(&mut self) -> Result<String> {
        self.called("runtime.version");
        Ok(crate::VERSION.to_owned())
    }

    fn instance_id(&mut self) -> Result<String> {
        self.called("runtime.instance-id");
        Ok(self.port.instance().to_string())
    }

    fn username(&mut self) -> Result<String> {
        self.called("runtime.username");
        Ok(self.user.to_string())
    }

    fn models(&mut self) -> Result<Vec<String>> {
        self.called("runtime.models");
        Ok(self.models.iter().map(|model| model.info().name.clone()).collect())
    }

    async fn launch(
        &mut self,
        program: String,
        input: String,
    ) -> Result<Result<Resource<ChildHandle>, String>> {
        self.called("runtime.launch");
        self.pay(1, LAUNCHED)?;
        self.pay(input.len(), LAUNCHED_BYTE)?;
        self.journal.check()?;
        let (reply, answer) = oneshot::channel();
        let parent = self.port.instance();
        // Whoever is not there to take the request drops it, and the channel with it.
        let _ = self.launches.send(LaunchRequest { parent, program, input, reply });
        let launched = answer.await.unwrap_or_else(|_| Err("the engine has stopped".to_owned()));
        let child = match launched {
            Ok(child) => child,
            Err(error) => return Ok(Err(error)),
        };
        self.children.hold(&child);
        Ok(Ok(self.table.push(ChildHandle { child, taken: false })?))
    }
}

impl HostChild for State {
    fn pollable(&mut self, child: Resource<ChildHandle>) -> Result<Resource<DynPollable>> {
        self.called("child.pollable");
        let ended = self.child_ended(&child)?;
        self.pollable(ended)
    }

    fn get(&mut self, child: Resource<ChildHandle>) -> Result<Option<Result<String, String>>> {
        self.called("child.get");
        let handle = self.table.get_mut(&child)?;
        if handle.taken {
            return Ok(None);
        }
        let answer = handle.child.answer();
        if answer.is_some() {
            handle.taken = true;
            self.children.let_go(&handle.child);
        }
        Ok(answer)
    }

    fn pid(&mut self, child: Resource<ChildHandle>) -> Result<String> {
        self.called("child.pid");
        Ok(self.table.get(&child)?.child.instance().to_string())
    }

    fn cancel(&mut self, child: Resource<ChildHandle>) -> Result<()> {
        self.called("child.cancel");
        self.table.get(&child)?.child.cancel("the inferlet that launched it has cancelled it");
        Ok(())
    }

    fn drop(&mut self, child: Resource<ChildHandle>) -> Result<()> {
        let child = self.table.delete(child)?.child;
        if self.children.let_go(&child) {
            self.record(|instance| Event::Detached { instance, child: child.instance() })?;
        }
        Ok(())
    }
}
