//! Queues of which each item is received once, in order: what a client sends to an instance, and what instances push for each other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::SetOnce;

/// A queue whose receivers are served in the order in which they asked. Clones share it.
#[derive(Debug)]
pub struct Inbox<T> {
    shared: Arc<Mutex<Shared<T>>>,
}

#[derive(Debug)]
struct Shared<T> {
    queue: VecDeque<T>,
    /// Receivers that wait, oldest first.
    waiting: VecDeque<(u64, Arc<SetOnce<()>>)>,
    /// What has been assigned to a receiver and not yet been taken.
    assigned: BTreeMap<u64, T>,
    next_ticket: u64,
    closed: bool,
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Inbox { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        let shared = Shared {
            queue: VecDeque::new(),
            waiting: VecDeque::new(),
            assigned: BTreeMap::new(),
            next_ticket: 0,
            closed: false,
        };
        Inbox { shared: Arc::new(Mutex::new(shared)) }
    }
}

impl<T> Inbox<T> {
    fn lock(&self) -> MutexGuard<'_, Shared<T>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers an item; after [`Inbox::close`] it is dropped and the answer is false.
    pub fn push(&self, item: T) -> bool {
        let mut shared = self.lock();
        if shared.closed {
            return false;
        }
        shared.queue.push_back(item);
        shared.assign();
        true
    }

    /// Nothing more will come: waiting receivers get nothing.
    pub fn close(&self) {
        let mut shared = self.lock();
        shared.closed = true;
        shared.assign();
    }

    /// Asks for the next item.
    pub fn receive(&self) -> Ticket<T> {
        let mut shared = self.lock();
        let number = shared.next_ticket;
        shared.next_ticket += 1;
        let ready = Arc::new(SetOnce::new());
        shared.waiting.push_back((number, Arc::clone(&ready)));
        shared.assign();
        Ticket { inbox: self.clone(), number, ready, taken: false }
    }

    /// Whether nothing is in it, nobody waits, and nothing is on its way.
    pub fn is_idle(&self) -> bool {
        let shared = self.lock();
        shared.queue.is_empty() && shared.waiting.is_empty() && shared.assigned.is_empty()
    }

    /// Whether somebody waits for an item that has not come.
    pub fn is_awaited(&self) -> bool {
        !self.lock().waiting.is_empty()
    }
}

impl<T> Shared<T> {
    fn assign(&mut self) {
        while !self.queue.is_empty() || self.closed {
            let Some((number, ready)) = self.waiting.pop_front() else { break };
            if let Some(item) = self.queue.pop_front() {
                self.assigned.insert(number, item);
            }
            // A ticket waits once, so nobody has set it before.
            let _ = ready.set(());
        }
    }
}

/// A place in the line of receivers. Dropping it gives back what was assigned to it.
#[derive(Debug)]
pub struct Ticket<T> {
    inbox: Inbox<T>,
    number: u64,
    ready: Arc<SetOnce<()>>,
    taken: bool,
}

impl<T> Ticket<T> {
    /// Becomes set when [`Ticket::take`] will answer.
    pub fn ready(&self) -> Arc<SetOnce<()>> {
        Arc::clone(&self.ready)
    }

    /// None while the item has not come; then once the item, or `Some(None)` when the sender has closed.
    pub fn take(&mut self) -> Option<Option<T>> {
        if self.taken || !self.ready.initialized() {
            return None;
        }
        self.taken = true;
        Some(self.inbox.lock().assigned.remove(&self.number))
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        let mut shared = self.inbox.lock();
        shared.waiting.retain(|(number, _)| *number != self.number);
        if let Some(item) = shared.assigned.remove(&self.number) {
            shared.queue.push_front(item);
            shared.assign();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_served_in_the_order_they_asked() {
        let inbox = Inbox::default();
        let (mut first, mut second) = (inbox.receive(), inbox.receive());
        assert_eq!(first.take(), None);
        inbox.push(1);
        inbox.push(2);
        assert_eq!((second.take(), first.take()), (Some(Some(2)), Some(Some(1))));
    }

    #[test]
    fn an_item_of_a_dropped_receiver_goes_to_the_next_one() {
        let inbox = Inbox::default();
        let first = inbox.receive();
        inbox.push(1);
        inbox.push(2);
        drop(first);
        assert_eq!((inbox.receive().take(), inbox.receive().take()), (Some(Some(1)), Some(Some(2))));
    }

    #[test]
    fn a_closed_inbox_gives_what_it_has_and_then_nothing() {
        let inbox = Inbox::default();
        inbox.push(1);
        inbox.close();
        assert!(!inbox.push(2));
        assert_eq!((inbox.receive().take(), inbox.receive().take()), (Some(Some(1)), Some(None)));
    }

    #[test]
    fn an_item_is_taken_once() {
        let inbox = Inbox::default();
        inbox.push(1);
        let mut ticket = inbox.receive();
        assert_eq!((ticket.take(), ticket.take()), (Some(Some(1)), None));
    }
}
