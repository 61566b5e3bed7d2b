//! How host functions ask the outside.

use super::limits::LimitExceeded;
use super::state::State;
use crate::outside::outbox::Ticket;
use crate::outside::{Answer, Asked, Question};
use crate::trace::Event;

impl State {
    /// Puts a question and records it.
    pub(crate) fn put(&mut self, question: Question) -> Result<Ticket, LimitExceeded> {
        let id = self.outbox.number();
        self.record(|instance| Event::Asked { instance, id, question: question.shown() })?;
        let asked = Asked { instance: self.port.instance(), id, question, permit: self.permit.clone() };
        Ok(self.outbox.ask(&*self.outside, asked, self.wasi.now()))
    }

    /// Records an answer that reaches the guest.
    pub(crate) fn reached(&self, ticket: &Ticket, answer: &Answer) -> Result<(), LimitExceeded> {
        self.record(|instance| Event::Answered { instance, id: ticket.id(), answer: answer.shown() })
    }

    /// Asks and waits for the answer.
    pub(crate) async fn consult(&mut self, question: Question) -> wasmtime::Result<Answer> {
        let ticket = self.put(question)?;
        let answer = ticket.answer().wait().await.clone();
        self.reached(&ticket, &answer)?;
        Ok(answer)
    }
}
