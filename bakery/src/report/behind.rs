//! Writing on another thread, so that a run does not wait for its own trace: most of what it costs to write an event down is making text of it.
//!
//! What is pushed is in the file a moment later, whether more comes or not, so that a run which is killed leaves what it did until then. In between the thread
//! sleeps, and is woken once for all that comes in a moment: waking a thread costs as much as a dozen events.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long something waits for what comes after it, and so how much of its trace a run loses that is killed.
pub const PATIENCE: Duration = Duration::from_millis(20);
/// Things that the thread may be behind. Then whoever pushes waits, so that memory is bounded.
const BEHIND: usize = 16_384;

/// Where things go that are written on another thread, in their order.
pub struct Behind<T> {
    shared: Arc<Shared<T>>,
    /// Absent once it is finished.
    thread: Option<JoinHandle<io::Result<()>>>,
}

struct Shared<T> {
    queue: Mutex<Queue<T>>,
    /// Tells the thread that something came after nothing, that there is much, or that nothing more comes.
    came: Condvar,
    /// Tells whoever pushes that there is room.
    went: Condvar,
}

struct Queue<T> {
    coming: Vec<T>,
    /// What is written. It is dropped where it came from: memory that one thread takes and another gives back has them wait for each other.
    written: Vec<T>,
    /// Whether the thread waits for something to come.
    idle: bool,
    /// Whether nothing more comes.
    over: bool,
    /// Whether nothing more is written.
    stopped: bool,
}

/// Writes things.
pub trait Writes<T>: Send + 'static {
    /// Writes one.
    ///
    /// # Errors
    /// Writing failed; nothing more will be written.
    fn write(&mut self, thing: &T) -> io::Result<()>;

    /// Sees to it that all of it is where it belongs. Called whenever nothing is left to write, and at the end.
    ///
    /// # Errors
    /// Writing failed.
    fn flush(&mut self) -> io::Result<()>;
}

impl<T: Send + 'static> Behind<T> {
    /// Starts the thread.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn new(mut writer: impl Writes<T>) -> io::Result<Self> {
        let queue =
            Queue { coming: Vec::new(), written: Vec::new(), idle: false, over: false, stopped: false };
        let shared =
            Arc::new(Shared { queue: Mutex::new(queue), came: Condvar::new(), went: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("trace".to_owned()).spawn(move || {
            // Also where the writer panics: nobody is to wait for it then.
            let stopped = Stopped(&theirs);
            while let Some(batch) = stopped.0.next() {
                batch.iter().try_for_each(|thing| writer.write(thing))?;
                writer.flush()?;
                stopped.0.give_back(batch);
            }
            Ok(())
        })?;
        Ok(Behind { shared, thread: Some(thread) })
    }
}

/// Says that the thread has ended, however it does.
struct Stopped<'a, T>(&'a Shared<T>);

impl<T> Drop for Stopped<'_, T> {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.went.notify_all();
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something, and a moment for more; none once nothing comes any more.
    fn next(&self) -> Option<Vec<T>> {
        let mut queue = self.lock();
        while queue.coming.is_empty() {
            if queue.over {
                return None;
            }
            queue.idle = true;
            queue = self.came.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.idle = false;
        let few = |queue: &mut Queue<T>| !queue.over && queue.coming.len() < BEHIND / 2;
        let (mut queue, _) =
            self.came.wait_timeout_while(queue, PATIENCE, few).unwrap_or_else(PoisonError::into_inner);
        let batch = std::mem::take(&mut queue.coming);
        drop(queue);
        self.went.notify_all();
        Some(batch)
    }

    fn give_back(&self, mut batch: Vec<T>) {
        self.lock().written.append(&mut batch);
    }
}

impl<T> Behind<T> {
    /// Adds one.
    ///
    /// # Errors
    /// An earlier one could not be written.
    pub fn push(&mut self, thing: T) -> io::Result<()> {
        if self.thread.is_none() {
            return Ok(());
        }
        let mut queue = self.shared.lock();
        while queue.coming.len() >= BEHIND && !queue.stopped {
            queue = self.shared.went.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.stopped {
            drop(queue);
            return self.finish();
        }
        queue.coming.push(thing);
        let much = queue.coming.len() == BEHIND / 2;
        let wake = std::mem::take(&mut queue.idle) || much;
        let written = std::mem::take(&mut queue.written);
        drop(queue);
        if wake {
            self.shared.came.notify_one();
        }
        drop(written);
        Ok(())
    }

    /// Writes what is left, and waits until all is written. Later calls do nothing.
    ///
    /// # Errors
    /// Something could not be written.
    pub fn finish(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.shared.lock().over = true;
        self.shared.came.notify_one();
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes has panicked")))
    }
}

impl<T> Drop for Behind<T> {
    fn drop(&mut self) {
        // Nobody asked for its result.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept {
        all: Arc<Mutex<Vec<u32>>>,
        flushed: Arc<AtomicUsize>,
        fails_at: Option<u32>,
    }

    impl Writes<u32> for Kept {
        fn write(&mut self, thing: &u32) -> io::Result<()> {
            if Some(*thing) == self.fails_at {
                return Err(io::Error::other("the disk is full"));
            }
            self.all.lock().unwrap().push(*thing);
            Ok(())
        }

        fn flush(&mut self) -> io::Result<()> {
            self.flushed.store(self.all.lock().unwrap().len(), Ordering::SeqCst);
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
    fn all_is_written_in_order() {
        let kept = Kept::default();
        let mut behind = Behind::new(kept.clone()).unwrap();
        (0..100_000).for_each(|number| behind.push(number).unwrap());
        behind.finish().unwrap();
        behind.finish().unwrap();
        assert_eq!(*kept.all.lock().unwrap(), (0..100_000).collect::<Vec<_>>());
        let mut behind = Behind::new(kept.clone()).unwrap();
        behind.push(7).unwrap();
        drop(behind);
        assert_eq!(kept.all.lock().unwrap().last(), Some(&7));
    }

    #[test]
    fn what_is_pushed_is_in_the_file_a_moment_later_though_nothing_follows() {
        let kept = Kept::default();
        let mut behind = Behind::new(kept.clone()).unwrap();
        for count in 1..=3 {
            behind.push(0).unwrap();
            until(|| kept.flushed.load(Ordering::SeqCst) == count);
        }
        behind.finish().unwrap();
    }

    #[test]
    fn whoever_pushes_waits_for_a_thread_that_is_far_behind() {
        let kept = Kept::default();
        let (mut behind, pushed) = (Behind::new(kept.clone()).unwrap(), Arc::new(AtomicUsize::new(0)));
        let slow = kept.all.lock().unwrap();
        let count = Arc::clone(&pushed);
        let pushing = thread::spawn(move || {
            for number in 0..100_000 {
                behind.push(number).unwrap();
                count.fetch_add(1, Ordering::SeqCst);
            }
            behind.finish().unwrap();
        });
        until(|| pushed.load(Ordering::SeqCst) >= BEHIND);
        thread::sleep(PATIENCE * 5);
        // What waits, and what the thread has already taken.
        assert!(pushed.load(Ordering::SeqCst) <= 2 * BEHIND);
        drop(slow);
        pushing.join().unwrap();
        assert_eq!(kept.all.lock().unwrap().len(), 100_000);
    }

    #[test]
    fn whoever_pushes_hears_that_something_could_not_be_written() {
        let mut behind = Behind::new(Kept { fails_at: Some(10), ..Kept::default() }).unwrap();
        let error = (0..1_000_000).find_map(|number| behind.push(number).err()).unwrap();
        assert_eq!(error.to_string(), "the disk is full");
        let mut behind = Behind::new(Kept { fails_at: Some(0), ..Kept::default() }).unwrap();
        behind.push(0).unwrap();
        assert_eq!(behind.finish().unwrap_err().to_string(), "the disk is full");
    }

    #[test]
    fn a_writer_that_panics_makes_nobody_wait() {
        struct Panics;
        impl Writes<u32> for Panics {
            fn write(&mut self, _thing: &u32) -> io::Result<()> {
                panic!("it is a test");
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut behind = Behind::new(Panics).unwrap();
        let error = (0..1_000_000).find_map(|number| behind.push(number).err()).unwrap();
        assert_eq!(error.to_string(), "the thread that writes has panicked");
    }
}
