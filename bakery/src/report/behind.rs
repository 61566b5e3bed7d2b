//! Text on its way to a file, which another thread writes, so that a run does not wait for its own trace.
//!
//! The text is made at once and not on that thread: what an event consists of is still in this processor's memory then, and what the run gives back it takes again for
//! the next one. Kept until somebody else has read it, events would cost more than their text. Only what is large is made on the thread.
//!
//! What is pushed is in the file a moment later, whether more comes or not, so that a run which is killed leaves what it did until then. In between the thread
//! sleeps, and is woken once for all that comes in a moment: waking a thread costs as much as a dozen events.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long something waits for what comes after it, and so how much of its trace a run loses that is killed.
pub const PATIENCE: Duration = Duration::from_millis(5);
/// What takes more bytes than this is made text of on the thread.
pub const LARGE: u64 = 16 << 10;
/// Bytes that the thread may be behind. Then whoever pushes waits, so that memory is bounded.
const BEHIND: u64 = 1 << 20;

/// A file to which another thread writes.
pub struct Behind {
    shared: Arc<Shared>,
    /// Absent once it is finished.
    thread: Option<JoinHandle<io::Result<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Tells the thread that something came after nothing, that there is much, or that nothing more comes.
    came: Condvar,
    /// Tells whoever pushes that there is room.
    went: Condvar,
}

#[derive(Default)]
struct Queue {
    coming: Batch,
    /// What was written, empty again: there is room in it.
    written: Batch,
    /// Whether the thread waits for something to come.
    idle: bool,
    /// Whether nothing more comes.
    over: bool,
    /// Whether nothing more is written.
    stopped: bool,
}

/// What is written at once.
#[derive(Default)]
struct Batch {
    text: Vec<u8>,
    /// What belongs between two parts of the text, and where.
    large: Vec<(usize, Make)>,
    /// How much that is.
    large_bytes: u64,
}

/// Appends a text.
type Make = Box<dyn FnOnce(&mut Vec<u8>) -> io::Result<()> + Send>;

impl Batch {
    fn bytes(&self) -> u64 {
        self.text.len() as u64 + self.large_bytes
    }

    /// Writes it, and leaves nothing of it but room.
    fn write(&mut self, file: &mut impl Write) -> io::Result<()> {
        let (mut written, mut made) = (0, Vec::new());
        for (place, make) in self.large.drain(..) {
            file.write_all(&self.text[written..place])?;
            written = place;
            made.clear();
            make(&mut made)?;
            file.write_all(&made)?;
        }
        file.write_all(&self.text[written..])?;
        self.text.clear();
        self.large_bytes = 0;
        file.flush()
    }
}

impl Behind {
    /// Starts the thread. It writes much at a time, so the file needs no buffer.
    ///
    /// # Errors
    /// There can be no more threads.
    pub fn new(mut file: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Shared { queue: Mutex::default(), came: Condvar::new(), went: Condvar::new() };
        let shared = Arc::new(shared);
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("trace".to_owned()).spawn(move || {
            // Also where the writer panics: nobody is to wait for it then.
            let stopped = Stopped(&theirs);
            while let Some(mut batch) = stopped.0.next() {
                batch.write(&mut file)?;
                stopped.0.lock().written = batch;
            }
            Ok(())
        })?;
        Ok(Behind { shared, thread: Some(thread) })
    }
}

/// Says that the thread has ended, however it does.
struct Stopped<'a>(&'a Shared);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.went.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something, and a moment for more; none once nothing comes any more.
    fn next(&self) -> Option<Batch> {
        let mut queue = self.lock();
        while queue.coming.bytes() == 0 {
            if queue.over {
                return None;
            }
            queue.idle = true;
            queue = self.came.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.idle = false;
        let few = |queue: &mut Queue| !queue.over && queue.coming.bytes() < BEHIND / 2;
        let (mut queue, _) =
            self.came.wait_timeout_while(queue, PATIENCE, few).unwrap_or_else(PoisonError::into_inner);
        let room = std::mem::take(&mut queue.written);
        let batch = std::mem::replace(&mut queue.coming, room);
        drop(queue);
        self.went.notify_all();
        Some(batch)
    }
}

impl Behind {
    /// Adds a text, which `append` appends.
    ///
    /// # Errors
    /// It cannot be made, or an earlier one could not be written.
    pub fn push(&mut self, append: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
        self.add(|batch| {
            let before = batch.text.len();
            append(&mut batch.text).inspect_err(|_| batch.text.truncate(before))
        })
    }

    /// Adds a text which `append` is to make on the thread, out of so many bytes.
    ///
    /// # Errors
    /// An earlier one could not be made or written.
    pub fn push_large(
        &mut self,
        bytes: u64,
        append: impl FnOnce(&mut Vec<u8>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        self.add(|batch| {
            batch.large.push((batch.text.len(), Box::new(append)));
            // It is something, however small.
            batch.large_bytes += bytes.max(1);
            Ok(())
        })
    }

    fn add(&mut self, add: impl FnOnce(&mut Batch) -> io::Result<()>) -> io::Result<()> {
        if self.thread.is_none() {
            return Ok(());
        }
        let mut queue = self.shared.lock();
        while queue.coming.bytes() >= BEHIND && !queue.stopped {
            queue = self.shared.went.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.stopped {
            drop(queue);
            return self.finish();
        }
        let before = queue.coming.bytes();
        add(&mut queue.coming)?;
        let much = before < BEHIND / 2 && queue.coming.bytes() >= BEHIND / 2;
        let wake = std::mem::take(&mut queue.idle) || much;
        drop(queue);
        if wake {
            self.shared.came.notify_one();
        }
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

impl Drop for Behind {
    fn drop(&mut self) {
        // Nobody asked for its result.
        let _ = self.finish();
    }
}

#[cfg(test)]
mod tests {
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

    impl Write for Kept {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().0.extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            let mut kept = self.0.lock().unwrap();
            kept.1 = kept.0.len();
            Ok(())
        }
    }

    struct Full;

    impl Write for Full {
        fn write(&mut self, _text: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is full"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(number: u32) -> impl FnOnce(&mut Vec<u8>) -> io::Result<()> {
        move |text| writeln!(text, "{number}")
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
                7 | 8 | 50 => behind.push_large(LARGE, line(number)).unwrap(),
                _ => behind.push(line(number)).unwrap(),
            }
        }
        behind.finish().unwrap();
        behind.finish().unwrap();
        let expected: String = (0..100_000).map(|number| format!("{number}\n")).collect();
        assert!(kept.text() == expected);
        let mut behind = Behind::new(kept.clone()).unwrap();
        behind.push_large(0, line(7)).unwrap();
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
                    0 => behind.push(|text| writeln!(text, "{number:999}")).unwrap(),
                    _ => behind.push_large(1000, move |text| writeln!(text, "{number:999}")).unwrap(),
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
        let fails = |text: &mut Vec<u8>| {
            text.push(b'?');
            Err(io::Error::other("it is a test"))
        };
        behind.push(line(1)).unwrap();
        behind.push(fails).unwrap_err();
        behind.push(line(2)).unwrap();
        behind.push_large(LARGE, fails).unwrap();
        assert_eq!(behind.finish().unwrap_err().to_string(), "it is a test");
        assert_eq!(kept.text(), "1\n2\n");
    }

    #[test]
    fn a_writer_that_panics_makes_nobody_wait() {
        let mut behind = Behind::new(Kept::default()).unwrap();
        behind.push_large(LARGE, |_| panic!("it is a test")).unwrap();
        let error = (0..1_000_000).find_map(|number| {
            thread::sleep(Duration::from_millis(1));
            behind.push(line(number)).err()
        });
        assert_eq!(error.unwrap().to_string(), "the thread that writes has panicked");
    }
}
