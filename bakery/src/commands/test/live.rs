//! The caller of a case: sends what the case says, when it says so. It lives in the run and not beside it, so what is sent when depends on the run alone.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use pie_engine::Control;
use pie_engine::ids::InstanceId;
use pie_engine::outside::HttpRequest;
use pie_engine::trace::{Event, Header, Record, Sink, Whole};

use crate::project::case::{Case, Request, Sent, When};

/// The host of a request that a case makes up.
const HOST: &str = "inferlet.test";

/// Something to send, whole.
#[derive(Clone)]
pub(super) enum Thing {
    Message(String),
    File(Vec<u8>),
}

impl Thing {
    fn send(self, control: &Control) {
        match self {
            Thing::Message(text) => control.send(text),
            Thing::File(bytes) => control.send_file(bytes),
        }
    }
}

/// What a case sends, with the files read; why they cannot be read, in words.
pub(super) fn sent(case: &Case, root: &Path) -> Result<Vec<(Thing, When)>, String> {
    let thing = |what: &Sent| match what {
        Sent::Message(text) => Ok(Thing::Message(text.clone())),
        Sent::File(file) => std::fs::read(root.join(file))
            .map(Thing::File)
            .map_err(|cause| format!("cannot read `{file}`: {cause}")),
    };
    case.send.iter().map(|sending| Ok((thing(&sending.what)?, sending.when))).collect()
}

/// The request of a case.
pub(super) fn request(request: &Request) -> HttpRequest {
    let mut headers: Vec<(String, Whole)> = vec![("host".to_owned(), HOST.into())];
    headers.extend(
        request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().into())),
    );
    HttpRequest {
        method: request.method.clone(),
        url: format!("http://{HOST}{}", request.url),
        headers,
        body: request.body.as_str().into(),
        timeout_ms: None,
    }
}

/// Passes a trace on, and sends what is due after so many messages of the inferlet's.
pub(super) struct Attended {
    sink: Box<dyn Sink>,
    control: Control,
    messages: u64,
    /// Ordered by the number of messages.
    after: VecDeque<(u64, Thing)>,
}

impl Attended {
    /// Sends what is due at once, and sees to the rest.
    pub fn new(sink: Box<dyn Sink>, control: &Control, sending: Vec<(Thing, When)>) -> Attended {
        let mut awaited = VecDeque::new();
        let mut after: Vec<(u64, Thing)> = Vec::new();
        for (thing, when) in sending {
            match when {
                When::Start | When::After(0) => thing.send(control),
                When::Awaited => awaited.push_back(thing),
                When::After(count) => after.push((count, thing)),
            }
        }
        after.sort_by_key(|(count, _)| *count);
        control.attend(move |control| match awaited.pop_front() {
            Some(thing) => {
                thing.send(control);
                true
            }
            // Nothing more will come.
            None => false,
        });
        Attended { sink, control: control.clone(), messages: 0, after: after.into() }
    }
}

impl Sink for Attended {
    fn begin(&mut self, header: &Header) {
        self.sink.begin(header);
    }

    fn record(&mut self, record: &Arc<Record>) {
        self.sink.record(record);
        if !matches!(record.event, Event::Message { instance: InstanceId(1), .. }) {
            return;
        }
        self.messages += 1;
        while let Some((_, thing)) = self.after.pop_front_if(|(count, _)| *count <= self.messages) {
            thing.send(&self.control);
        }
    }
}
