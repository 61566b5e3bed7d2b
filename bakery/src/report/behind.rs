//! What is on its way to a file, which another thread makes text of and writes, so that a run does not wait for its own trace.
//!
//! Bytes are handed over, and not what they say: what an event consists of is still in this processor's memory then, and what the run gives back it takes again for
//! the next one. Kept until somebody else has read it, events would cost more than their text. Only what is large is handed over as it is.
//!
//! What is pushed is in the file a moment later, whether more comes or not, so that a run which is killed leaves what it did until then. In between the thread
//! sleeps, and is woken once for all that comes in a moment: waking a thread costs as much as a dozen events.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long something waits for what comes after it, and so how much of its trace a run loses that is killed.
pub const PATIENCE: Duration = Duration::from_millis(5);
/// What takes more bytes than this is handed over as it is.
pub const LARGE: u64 = 16 << 10;
/// Bytes that the thread may be behind. Then whoever pushes waits, so that memory is bounded.
const BEHIND: u64 = 1 << 20;

/// Who makes text of what was pushed, on the thread.
pub trait Scribe: Send + Sized + 'static {
    /// Takes what was pushed, in its order: one piece or several, and none in parts.
    ///
    /// # Errors
    /// It cannot be made text, or not be written.
    fn take(&mut self, pushed: &[u8]) -> io::Result<()>;

    /// Writes what it has taken.
    ///
    /// # Errors
    /// It cannot be written.
    fn write(&mut self) -> io::Result<()>;
}

/// A file, or several, to which another thread writes.
pub struct Behind<S: Scribe> {
    pusher: Pusher<S>,
    /// Absent once it is finished.
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Pushes to a thread that somebody else has, who hears what goes wrong.
pub struct Pusher<S>(Arc<Shared<S>>);

struct Shared<S> {
    queue: Mutex<Queue<S>>,
    /// Tells the thread that something came after nothing, that there is much, or that nothing more comes.
    came: Condvar,
    /// Tells whoever pushes that there is room.
    went: Condvar,
}

struct Queue<S> {
    coming: Batch<S>,
    /// What was written, empty again: there is room in it.
    written: Batch<S>,
    /// Whether the thread waits for something to come.
    idle: bool,
    /// Whether nothing more comes.
    over: bool,
    /// Whether nothing more is written.
    stopped: bool,
}

/// What is written at once.
pub struct Batch<S> {
    /// Pieces that are pushed are appended to these.
    pub bytes: Vec<u8>,
    /// What belongs between two pieces, and where.
    large: Vec<(usize, Make<S>)>,
    /// How much that is.
    large_bytes: u64,
}

/// Hands over something that is large.
type Make<S> = Box<dyn FnOnce(&mut S) -> io::Result<()> + Send>;

impl<S: Scribe> Batch<S> {
    fn new() -> Self {
        Batch { bytes: Vec::new(), large: Vec::new(), large_bytes: 0 }
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64 + self.large_bytes
    }

    /// Adds what takes so many bytes and is large, which `make` is to hand to the scribe.
    pub fn add(&mut self, bytes: u64, make: impl FnOnce(&mut S) -> io::Result<()> + Send + 'static) {
        self.large.push((self.bytes.len(), Box::new(make)));
        // It is something, however small.
        self.large_bytes += bytes.max(1);
    }

    /// Has it written, up to what cannot be made text, and leaves nothing of it but room.
    fn write(&mut self, scribe: &mut S) -> io::Result<()> {
        let taken = self.hand_over(scribe);
        let written = scribe.write();
        self.bytes.clear();
        self.large_bytes = 0;
        taken.and(written)
    }

    fn hand_over(&mut self, scribe: &mut S) -> io::Result<()> {
        let mut taken = 0;
        for (place, make) in self.large.drain(..) {
            scribe.take(&self.bytes[taken..place])?;
            taken = place;
            make(scribe)?;
        }
        scribe.take(&self.bytes[taken..])
    }
}

impl<S: Scribe> Behind<S> {
    /// Starts the thread. It writes much at a time, so files need no buffers.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn new(mut scribe: S) -> io::Result<Self> {
        let (coming, written) = (Batch::new(), Batch::new());
        let queue = Queue { coming, written, idle: false, over: false, stopped: false };
        let shared =
            Arc::new(Shared { queue: Mutex::new(queue), came: Condvar::new(), went: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("trace".to_owned()).spawn(move || {
            // Also where the scribe panics: nobody is to wait for it then.
            let stopped = Stopped(&theirs);
            while let Some(mut batch) = stopped.0.next() {
                batch.write(&mut scribe)?;
                stopped.0.lock().written = batch;
            }
            Ok(())
        })?;
        Ok(Behind { pusher: Pusher(shared), thread: Some(thread) })
    }
}

/// Says that the thread has ended, however it does.
struct Stopped<'a, S>(&'a Shared<S>);

impl<S> Drop for Stopped<'_, S> {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.went.notify_all();
    }
}

impl<S> Shared<S> {
    fn lock(&self) -> MutexGuard<'_, Queue<S>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Scribe> Shared<S> {
    /// Waits until there is something, and a moment for more; none once nothing comes any more.
    fn next(&self) -> Option<Batch<S>> {
        let mut queue = self.lock();
        while queue.coming.size() == 0 {
            if queue.over {
                return None;
            }
            queue.idle = true;
            queue = self.came.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.idle = false;
        let few = |queue: &mut Queue<S>| !queue.over && queue.coming.size() < BEHIND / 2;
        let (mut queue, _) =
            self.came.wait_timeout_while(queue, PATIENCE, few).unwrap_or_else(PoisonError::into_inner);
        let room = std::mem::replace(&mut queue.written, Batch::new());
        let batch = std::mem::replace(&mut queue.coming, room);
        drop(queue);
        self.went.notify_all();
        Some(batch)
    }
}

impl<S: Scribe> Pusher<S> {
    /// Has a piece or something large added; whether anybody takes it. If it cannot be made, nothing is added.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn push(&self, add: impl FnOnce(&mut Batch<S>) -> io::Result<()>) -> io::Result<bool> {
        let mut queue = self.0.lock();
        while queue.coming.size() >= BEHIND && !queue.stopped {
            queue = self.0.went.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.stopped {
            return Ok(false);
        }
        let (before, length) = (queue.coming.size(), queue.coming.bytes.len());
        add(&mut queue.coming).inspect_err(|_| queue.coming.bytes.truncate(length))?;
        let much = before < BEHIND / 2 && queue.coming.size() >= BEHIND / 2;
        let wake = std::mem::take(&mut queue.idle) || much;
        drop(queue);
        if wake {
            self.0.came.notify_one();
        }
        Ok(true)
    }
}

impl<S: Scribe> Behind<S> {
    /// Has a piece or something large added.
    ///
    /// # Errors
    /// It cannot be made, or something earlier could not be written.
    pub fn push(&mut self, add: impl FnOnce(&mut Batch<S>) -> io::Result<()>) -> io::Result<()> {
        if self.thread.is_none() || self.pusher.push(add)? { Ok(()) } else { self.finish() }
    }

    /// Whoever else pushes.
    pub fn pusher(&self) -> Pusher<S> {
        Pusher(Arc::clone(&self.pusher.0))
    }

    /// Has the rest written, and waits until all is. Later calls do nothing.
    ///
    /// # Errors
    /// Something could not be written.
    pub fn finish(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.pusher.0.lock().over = true;
        self.pusher.0.came.notify_one();
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes has panicked")))
    }
}

impl<S: Scribe> Drop for Behind<S> {
    fn drop(&mut self) {
        // Nobody asked for its result.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Instant;

    use super::*;

    /// What has been written, and how much of it at the last flush.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap()
        }
    }

    impl Scribe for Kept {
        fn take(&mut self, pushed: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().0.extend_from_slice(pushed);
            Ok(())
        }

        fn write(&mut self) -> io::Result<()> {
            let mut kept = self.0.lock().unwrap();
            kept.1 = kept.0.len();
            Ok(())
        }
    }

    struct Full;

    impl Scribe for Full {
        fn take(&mut self, _pushed: &[u8]) -> io::Result<()> {
            Ok(())
        }

        fn write(&mut self) -> io::Result<()> {
            Err(io::Error::other("the disk is full"))
        }
    }

    fn line<S: Scribe>(number: u32) -> impl FnOnce(&mut Batch<S>) -> io::Result<()> {
        move |batch| writeln!(batch.bytes, "{number}")
    }

    /// A line that is handed over as if it were large.
    fn large<S: Scribe>(number: u32) -> impl FnOnce(&mut Batch<S>) -> io::Result<()> {
        move |batch| {
            batch.add(LARGE, move |scribe: &mut S| scribe.take(format!("{number}\n").as_bytes()));
            Ok(())
        }
    }

    fn until(what: impl Fn() -> bool) {
        let begun = Instant::now();
        while !what() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not happen");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn all_is_written_in_order_whichever_thread_makes_it() {
        let kept = Kept::default();
        let mut behind = Behind::new(kept.clone()).unwrap();
        for number in 0..100_000 {
            match number % 100 {
                7 | 8 | 50 => behind.push(large(number)).unwrap(),
                _ => behind.push(line(number)).unwrap(),
            }
        }
        behind.finish().unwrap();
        behind.finish().unwrap();
        let expected: String = (0..100_000).map(|number| format!("{number}\n")).collect();
        assert!(kept.text() == expected);
        let mut behind = Behind::new(kept.clone()).unwrap();
        behind.push(large(7)).unwrap();
        drop(behind);
        assert!(kept.text() == expected + "7\n");
    }

    #[test]
    fn what_is_pushed_is_in_the_file_a_moment_later_though_nothing_follows() {
        let kept = Kept::default();
        let mut behind = Behind::new(kept.clone()).unwrap();
        for count in 1..=3 {
            behind.push(line(0)).unwrap();
            until(|| kept.0.lock().unwrap().1 == 2 * count);
        }
        behind.finish().unwrap();
    }

    #[test]
    fn whoever_pushes_waits_for_a_thread_that_is_far_behind() {
        let (kept, lines) = (Kept::default(), 20_000);
        let (mut behind, pushed) = (Behind::new(kept.clone()).unwrap(), Arc::new(Mutex::new(0)));
        let slow = kept.0.lock().unwrap();
        let count = Arc::clone(&pushed);
        let pushing = thread::spawn(move || {
            for number in 0..lines {
                match number % 2 {
                    0 => behind.push(|batch| writeln!(batch.bytes, "{number:999}")).unwrap(),
                    _ => {
                        let make = move |kept: &mut Kept| kept.take(format!("{number:999}\n").as_bytes());
                        let add = |batch: &mut Batch<Kept>| {
                            batch.add(1000, make);
                            Ok(())
                        };
                        behind.push(add).unwrap();
                    }
                }
                *count.lock().unwrap() += 1000;
            }
            behind.finish().unwrap();
        });
        until(|| *pushed.lock().unwrap() >= BEHIND);
        thread::sleep(PATIENCE * 20);
        // What waits, and what the thread has already taken.
        assert!(*pushed.lock().unwrap() <= 2 * BEHIND + 2000);
        drop(slow);
        pushing.join().unwrap();
        assert_eq!(kept.text().lines().count(), lines);
    }

    #[test]
    fn whoever_pushes_hears_that_something_could_not_be_written() {
        let mut behind = Behind::new(Full).unwrap();
        let error = (0..1_000_000).find_map(|number| behind.push(line(number)).err()).unwrap();
        assert_eq!(error.to_string(), "the disk is full");
        let mut behind = Behind::new(Full).unwrap();
        behind.push(line(0)).unwrap();
        assert_eq!(behind.finish().unwrap_err().to_string(), "the disk is full");
    }

    #[test]
    fn a_text_that_cannot_be_made_leaves_nothing() {
        let kept = Kept::default();
        let mut behind = Behind::new(kept.clone()).unwrap();
        let fails = |batch: &mut Batch<Kept>| {
            batch.bytes.push(b'?');
            Err(io::Error::other("it is a test"))
        };
        let fails_behind = |batch: &mut Batch<Kept>| {
            batch.add(LARGE, |_| Err(io::Error::other("it is a test")));
            Ok(())
        };
        behind.push(line(1)).unwrap();
        behind.push(fails).unwrap_err();
        behind.push(line(2)).unwrap();
        behind.push(fails_behind).unwrap();
        assert_eq!(behind.finish().unwrap_err().to_string(), "it is a test");
        assert_eq!(kept.text(), "1\n2\n");
    }

    #[test]
    fn a_writer_that_panics_makes_nobody_wait() {
        let mut behind = Behind::new(Kept::default()).unwrap();
        let panics = |batch: &mut Batch<Kept>| {
            batch.add(LARGE, |_| panic!("it is a test"));
            Ok(())
        };
        behind.push(panics).unwrap();
        let error = (0..1_000_000).find_map(|number| {
            thread::sleep(Duration::from_millis(1));
            behind.push(line(number)).err()
        });
        assert_eq!(error.unwrap().to_string(), "the thread that writes has panicked");
    }
}
