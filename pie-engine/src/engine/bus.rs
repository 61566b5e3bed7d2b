//! Messages between inferlets of one user: for each topic a queue, whose messages reach one puller each, and an audience, whose members
//! each hear everything.
//!
//! Nothing here blocks, and everything happens in the order in which it is asked for: under the deterministic driver that order is the
//! same in every run. What is kept is bounded: a queue or a subscription keeps [`KEPT_BYTES`], and a user [`USER_BYTES`] in all, so that
//! who does not read cannot fill the memory of all.

use super::inbox::{Inbox, Ticket};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::SetOnce;

/// What a queue, or a subscription, keeps of messages that nobody has taken, in bytes.
pub const KEPT_BYTES: u64 = 16 << 20;
/// What all queues of a user keep, with the names of their topics, in bytes.
pub const USER_BYTES: u64 = 64 << 20;
/// What a message takes besides its text, and a topic besides its name, in bytes.
const ENTRY_BYTES: u64 = 64;
/// So many topics may be idle before they are looked for and forgotten.
const IDLE_TOPICS: usize = 64;

/// More messages than are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// Bytes that would have been kept.
    pub wanted: u64,
    /// Bytes that are kept at most.
    pub allowed: u64,
}

/// The topics of an engine. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Bus {
    users: Arc<Mutex<BTreeMap<Arc<str>, Topics>>>,
}

/// The topics of a user.
#[derive(Debug, Default)]
struct Topics {
    queues: BTreeMap<String, Queue>,
    audiences: BTreeMap<String, Vec<Weak<Mail>>>,
    /// Bytes in all queues.
    kept: Arc<AtomicU64>,
    /// How many topics there were when idle ones were last forgotten.
    swept: usize,
}

/// What was pushed to a topic.
#[derive(Debug, Default)]
struct Queue {
    inbox: Inbox<Letter>,
    /// Bytes in it.
    kept: Arc<AtomicU64>,
}

/// A message in a queue, or on its way to who took it.
#[derive(Debug)]
pub struct Letter {
    text: String,
    _room: [Room; 2],
}

impl Letter {
    /// The message.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Bytes that count until they are given back.
#[derive(Debug)]
struct Room {
    bytes: u64,
    kept: Arc<AtomicU64>,
}

impl Room {
    /// Takes so much room if there is as much. Who else takes room from the same count holds the lock of the topics as well.
    fn take(bytes: u64, kept: &Arc<AtomicU64>, allowed: u64) -> Result<Room, Full> {
        let wanted = kept.load(Ordering::Relaxed).saturating_add(bytes);
        if wanted > allowed {
            return Err(Full { wanted, allowed });
        }
        kept.fetch_add(bytes, Ordering::Relaxed);
        Ok(Room { bytes, kept: Arc::clone(kept) })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.kept.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Bus {
    fn of<T>(&self, user: &Arc<str>, act: impl FnOnce(&mut Topics) -> T) -> T {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        act(users.entry(Arc::clone(user)).or_default())
    }

    /// Appends a message to a topic's queue.
    pub fn push(&self, user: &Arc<str>, topic: &str, text: String) -> Result<(), Full> {
        self.of(user, |topics| {
            topics.sweep();
            // A topic lasts as long as its messages, so each pays for the name.
            let bytes = (text.len() + topic.len()) as u64 + ENTRY_BYTES;
            let all = Room::take(bytes, &topics.kept, USER_BYTES)?;
            let queue = topics.queues.entry(topic.to_owned()).or_default();
            let one = Room::take(bytes, &queue.kept, KEPT_BYTES)?;
            queue.inbox.push(Letter { text, _room: [all, one] });
            Ok(())
        })
    }

    /// Asks for the next message of a topic's queue.
    pub fn pull(&self, user: &Arc<str>, topic: &str) -> Ticket<Letter> {
        self.of(user, |topics| {
            topics.sweep();
            topics.queues.entry(topic.to_owned()).or_default().inbox.receive()
        })
    }

    /// Sends a message to all who subscribe now, and says to how many.
    pub fn broadcast(&self, user: &Arc<str>, topic: &str, message: &str) -> usize {
        self.of(user, |topics| {
            let audience = topics.audiences.get(topic).into_iter().flatten();
            audience.filter_map(Weak::upgrade).filter(|mail| mail.deliver(message)).count()
        })
    }

    /// Hears what is broadcast on a topic from now on.
    pub fn subscribe(&self, user: &Arc<str>, topic: &str) -> Subscription {
        let mail = Arc::new(Mail::default());
        self.of(user, |topics| {
            topics.sweep();
            let audience = topics.audiences.entry(topic.to_owned()).or_default();
            audience.retain(|mail| mail.strong_count() > 0);
            audience.push(Arc::downgrade(&mail));
        });
        Subscription { mail }
    }
}

impl Topics {
    /// Forgets topics that nobody uses, now and then: so seldom that it costs little, so often that they do not pile up.
    fn sweep(&mut self) {
        if self.queues.len() + self.audiences.len() < 2 * self.swept + IDLE_TOPICS {
            return;
        }
        self.queues.retain(|_, queue| !queue.inbox.is_idle());
        self.audiences.retain(|_, audience| audience.iter().any(|mail| mail.strong_count() > 0));
        self.swept = self.queues.len() + self.audiences.len();
    }
}

/// What a subscription has heard and not yet given.
#[derive(Debug, Default)]
struct Mail {
    letters: Mutex<Letters>,
}

#[derive(Debug, Default)]
struct Letters {
    messages: VecDeque<String>,
    bytes: u64,
    /// It missed a message: from then on it hears nothing.
    missed: Option<Full>,
    ended: bool,
    /// Set when there is something to get.
    ready: Arc<SetOnce<()>>,
}

impl Mail {
    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a message if there is room.
    fn deliver(&self, message: &str) -> bool {
        let mut letters = self.lock();
        if letters.ended || letters.missed.is_some() {
            return false;
        }
        let wanted = letters.bytes + message.len() as u64 + ENTRY_BYTES;
        let fits = wanted <= KEPT_BYTES;
        if fits {
            letters.bytes = wanted;
            letters.messages.push_back(message.to_owned());
        } else {
            letters.missed = Some(Full { wanted, allowed: KEPT_BYTES });
        }
        letters.wake();
        fits
    }
}

impl Letters {
    fn wake(&self) {
        // Who waits is woken once; what comes later is seen when it looks.
        let _ = self.ready.set(());
    }
}

/// A place in the audience of a topic. Dropping it gives the place up.
#[derive(Debug)]
pub struct Subscription {
    mail: Arc<Mail>,
}

impl Subscription {
    /// Becomes set when there is something to get. To be asked for again after each time that there was nothing.
    pub fn ready(&self) -> Arc<SetOnce<()>> {
        Arc::clone(&self.mail.lock().ready)
    }

    /// The oldest message, if there is one. Fails once all is given that was kept before one was missed.
    pub fn get(&self) -> Result<Option<String>, Full> {
        let mut letters = self.mail.lock();
        if let Some(message) = letters.messages.pop_front() {
            letters.bytes -= message.len() as u64 + ENTRY_BYTES;
            return Ok(Some(message));
        }
        match letters.missed {
            _ if letters.ended => Ok(None),
            Some(full) => Err(full),
            None => {
                letters.ready = Arc::default();
                Ok(None)
            }
        }
    }

    /// Whether it still hears.
    pub fn is_ended(&self) -> bool {
        self.mail.lock().ended
    }

    /// Hears nothing more, and forgets what was not got.
    pub fn end(&self) {
        let mut letters = self.mail.lock();
        letters.ended = true;
        letters.messages.clear();
        letters.bytes = 0;
        letters.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn user(name: &str) -> Arc<str> {
        name.into()
    }

    fn take(ticket: &mut Ticket<Letter>) -> Option<String> {
        ticket.take().map(|letter| letter.expect("topics are not closed").text().to_owned())
    }

    /// The text that just fills a queue for a topic whose name has one letter.
    fn most() -> String {
        "x".repeat((KEPT_BYTES - ENTRY_BYTES - 1) as usize)
    }

    #[test]
    fn a_pushed_message_reaches_one_puller_in_the_order_of_asking() {
        let (bus, ada) = (Bus::default(), user("ada"));
        let (mut first, mut second) = (bus.pull(&ada, "t"), bus.pull(&ada, "t"));
        for message in ["one", "two"] {
            bus.push(&ada, "t", message.to_owned()).unwrap();
        }
        assert_eq!(take(&mut second).as_deref(), Some("two"));
        assert_eq!(take(&mut first).as_deref(), Some("one"));
        assert_eq!(take(&mut bus.pull(&ada, "t")), None);
    }

    #[test]
    fn a_puller_that_gives_up_leaves_its_message_to_the_next() {
        let (bus, ada) = (Bus::default(), user("ada"));
        let waiting = bus.pull(&ada, "t");
        bus.push(&ada, "t", "one".to_owned()).unwrap();
        drop(waiting);
        // Nobody has the queue's name in hand now, and the message is still there.
        assert_eq!(take(&mut bus.pull(&ada, "t")).as_deref(), Some("one"));
    }

    #[test]
    fn every_subscriber_hears_what_is_broadcast_while_it_subscribes() {
        let (bus, ada) = (Bus::default(), user("ada"));
        assert_eq!(bus.broadcast(&ada, "t", "before"), 0);
        let (one, other) = (bus.subscribe(&ada, "t"), bus.subscribe(&ada, "t"));
        assert_eq!(bus.broadcast(&ada, "t", "a"), 2);
        drop(other);
        assert_eq!(bus.broadcast(&ada, "t", "b"), 1);
        one.end();
        assert_eq!(bus.broadcast(&ada, "t", "c"), 0);
        assert_eq!((one.get(), one.is_ended()), (Ok(None), true));
        assert!(one.ready().initialized());
    }

    #[test]
    fn users_and_topics_are_apart() {
        let (bus, ada, bob) = (Bus::default(), user("ada"), user("bob"));
        bus.push(&ada, "t", "for ada".to_owned()).unwrap();
        let heard = bus.subscribe(&ada, "t");
        assert_eq!(take(&mut bus.pull(&bob, "t")), None);
        assert_eq!(take(&mut bus.pull(&ada, "T")), None);
        assert_eq!(bus.broadcast(&bob, "t", "x"), 0);
        assert_eq!(heard.get(), Ok(None));
    }

    #[test]
    fn a_full_queue_refuses_until_something_is_taken() {
        let (bus, ada) = (Bus::default(), user("ada"));
        assert_eq!(bus.push(&ada, "t", most()), Ok(()));
        let full = Full { wanted: KEPT_BYTES + ENTRY_BYTES + 1, allowed: KEPT_BYTES };
        assert_eq!(bus.push(&ada, "t", String::new()), Err(full));
        assert_eq!(take(&mut bus.pull(&ada, "t")), Some(most()));
        assert_eq!(bus.push(&ada, "t", String::new()), Ok(()));
    }

    #[test]
    fn a_user_cannot_fill_topics_without_end() {
        let (bus, ada) = (Bus::default(), user("ada"));
        let results: Vec<_> =
            ["a", "b", "c", "d", "e"].iter().map(|topic| bus.push(&ada, topic, most())).collect();
        assert!(results[..4].iter().all(Result::is_ok));
        assert_eq!(results[4].map_err(|full| full.allowed), Err(USER_BYTES));
        // What was refused takes no room.
        take(&mut bus.pull(&ada, "a"));
        assert_eq!(bus.push(&ada, "e", most()), Ok(()));
    }

    #[test]
    fn a_slow_reader_gets_what_was_kept_and_then_an_error() {
        let (bus, ada) = (Bus::default(), user("ada"));
        let slow = bus.subscribe(&ada, "t");
        assert_eq!(bus.broadcast(&ada, "t", &most()), 1);
        assert_eq!(bus.broadcast(&ada, "t", "missed"), 0);
        assert_eq!(slow.get(), Ok(Some(most())));
        let full = Full { wanted: KEPT_BYTES - 1 + ENTRY_BYTES + 6, allowed: KEPT_BYTES };
        assert_eq!((slow.get(), slow.get()), (Err(full), Err(full)));
    }

    #[test]
    fn what_is_idle_is_forgotten() {
        let (bus, ada) = (Bus::default(), user("ada"));
        bus.push(&ada, "kept", "still here".to_owned()).unwrap();
        for topic in 0..1000 {
            drop((bus.pull(&ada, &topic.to_string()), bus.subscribe(&ada, &topic.to_string())));
        }
        assert!(bus.of(&ada, |topics| topics.queues.len() + topics.audiences.len()) < 200);
        assert_eq!(take(&mut bus.pull(&ada, "kept")).as_deref(), Some("still here"));
    }

    proptest! {
        /// Whatever is pulled, given up and pushed, each message is got once, in order.
        #[test]
        fn no_message_is_lost_or_doubled(steps in prop::collection::vec(0..4u8, 0..200)) {
            let (bus, ada) = (Bus::default(), user("ada"));
            let (mut waiting, mut pushed, mut got) = (VecDeque::new(), 0u32, Vec::new());
            for step in steps {
                match step {
                    0 | 1 => {
                        bus.push(&ada, "t", pushed.to_string()).unwrap();
                        pushed += 1;
                    }
                    2 => waiting.push_back(bus.pull(&ada, "t")),
                    _ => drop(waiting.pop_back()),
                }
                while let Some(message) = waiting.front_mut().and_then(take) {
                    waiting.pop_front();
                    got.push(message);
                }
            }
            drop(waiting);
            while let Some(message) = take(&mut bus.pull(&ada, "t")) {
                got.push(message);
            }
            prop_assert_eq!(got, (0..pushed).map(|number| number.to_string()).collect::<Vec<_>>());
        }
    }
}
