//! What inferlets that are run may ask of the world: HTTP requests, in [`http`], and servers of the Model Context Protocol, in [`mcp`]; or the answers
//! that were recorded in an earlier run, in [`replay`], or written in a test, in [`replies`]. [`branch`] leaves a recorded run at an event.
//! What bakery itself sends are spans, in [`otlp`].
//!
//! A run that asks nothing starts nothing: threads, certificates and servers come with the first question.

pub mod branch;
pub mod http;
pub mod mcp;
pub mod otlp;
pub mod recording;
pub mod replay;
pub mod replies;

use std::sync::{Arc, Mutex, PoisonError};

use pie_engine::Outside;
use pie_engine::ids::QuestionId;
use pie_engine::outside::outbox::Reply;
use pie_engine::outside::{Answer, Asked, Question};
use tokio::runtime::{Builder, Handle, Runtime};

use http::Http;
use mcp::Mcp;

/// Asks the real world.
pub struct Live {
    /// Answers HTTP requests.
    pub http: Http,
    /// Answers what is asked of MCP servers.
    pub mcp: Mcp,
}

impl Outside for Live {
    fn ask(&self, asked: Asked, reply: Reply) {
        match asked.question {
            Question::HttpRequest(_) => self.http.ask(asked, reply),
            _ => self.mcp.ask(asked, reply),
        }
    }

    fn hang_up(&self, session: QuestionId) {
        self.mcp.hang_up(session);
    }
}

/// The thread on which connections live, started when it is first needed. Clones share it.
#[derive(Clone, Default)]
pub struct Background {
    runtime: Arc<Mutex<Option<Owned>>>,
}

/// A runtime that nobody waits for when it goes.
struct Owned(Option<Runtime>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // A name that is being looked up cannot be given up, and may take long.
            runtime.shutdown_background();
        }
    }
}

impl Background {
    /// A way to start work on it.
    ///
    /// # Errors
    /// The machine has no more threads or file descriptors.
    pub fn handle(&self) -> std::io::Result<Handle> {
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Owned(Some(runtime))) = &*runtime {
            return Ok(runtime.handle().clone());
        }
        let started =
            Builder::new_multi_thread().worker_threads(1).thread_name("outside").enable_all().build()?;
        let handle = started.handle().clone();
        *runtime = Some(Owned(Some(started)));
        Ok(handle)
    }

    /// Runs what answers a question; says so to who asked if there is no thread for it.
    pub fn answer(&self, reply: Reply, answer: impl Future<Output = Answer> + Send + 'static) {
        match self.handle() {
            Ok(handle) => drop(handle.spawn(async move { reply.answer(answer.await) })),
            Err(error) => {
                let message = format!("there is no thread to ask the outside with: {error}");
                reply.answer(Answer::Failed { message });
            }
        }
    }
}
