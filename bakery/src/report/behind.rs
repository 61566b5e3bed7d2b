//! Writing on another thread, so that a run does not wait for its own trace: most of what it costs to write an event down is making text of it.

use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What is handed over at once: waking a thread costs as much as a dozen events.
const BATCH: usize = 256;
/// How long something waits for its batch to be full, at most, as long as more comes.
const PATIENCE: Duration = Duration::from_millis(50);
/// Batches that the thread may be behind. Then whoever pushes waits, so that memory is bounded.
const BEHIND: usize = 64;

/// Where things go that are written on another thread, in their order.
pub struct Behind<T> {
    batch: Vec<T>,
    handed_over: Instant,
    /// Absent once it is finished.
    thread: Option<Running<T>>,
}

/// What the thread is given, what it gives back, and the thread.
type Running<T> = (SyncSender<Vec<T>>, Receiver<Vec<T>>, JoinHandle<io::Result<()>>);

/// Writes things.
pub trait Writes<T>: Send + 'static {
    /// Writes one.
    ///
    /// # Errors
    /// Writing failed; nothing more will be written.
    fn write(&mut self, thing: &T) -> io::Result<()>;

    /// Sees to it that all of it is where it belongs.
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
        let (sender, receiver) = mpsc::sync_channel::<Vec<T>>(BEHIND);
        let (give_back, written) = mpsc::channel();
        let thread = thread::Builder::new().name("trace".to_owned()).spawn(move || {
            for batch in receiver {
                batch.iter().try_for_each(|thing| writer.write(thing))?;
                // Memory is freed where it came from: two threads would wait for each other over it. Nobody takes the last ones.
                let _ = give_back.send(batch);
            }
            writer.flush()
        })?;
        let batch = Vec::with_capacity(BATCH);
        Ok(Behind { batch, handed_over: Instant::now(), thread: Some((sender, written, thread)) })
    }
}

impl<T> Behind<T> {
    /// Adds one.
    ///
    /// # Errors
    /// An earlier one could not be written.
    pub fn push(&mut self, thing: T) -> io::Result<()> {
        self.batch.push(thing);
        if self.batch.len() < BATCH && self.handed_over.elapsed() < PATIENCE {
            return Ok(());
        }
        self.hand_over()
    }

    fn hand_over(&mut self) -> io::Result<()> {
        self.handed_over = Instant::now();
        let Some((sender, written, _)) = &self.thread else { return Ok(()) };
        let mut empty = written.try_recv().unwrap_or_else(|_| Vec::with_capacity(BATCH));
        empty.clear();
        if sender.send(std::mem::replace(&mut self.batch, empty)).is_ok() {
            return Ok(());
        }
        // It ends early when it cannot write.
        self.finish()
    }

    /// Writes what is left, and waits until all is written. Later calls do nothing.
    ///
    /// # Errors
    /// Something could not be written.
    pub fn finish(&mut self) -> io::Result<()> {
        let Some((sender, written, thread)) = self.thread.take() else { return Ok(()) };
        let batch = std::mem::take(&mut self.batch);
        // Where nobody receives it, the thread says why.
        let _ = sender.send(batch);
        drop((sender, written));
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
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Kept {
        all: Arc<Mutex<Vec<u32>>>,
        fails_at: u32,
    }

    impl Writes<u32> for Kept {
        fn write(&mut self, thing: &u32) -> io::Result<()> {
            if *thing == self.fails_at {
                return Err(io::Error::other("the disk is full"));
            }
            self.all.lock().unwrap().push(*thing);
            Ok(())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_is_written_in_order() {
        let all = Arc::<Mutex<Vec<u32>>>::default();
        let mut behind = Behind::new(Kept { all: Arc::clone(&all), fails_at: u32::MAX }).unwrap();
        (0..100_000).for_each(|number| behind.push(number).unwrap());
        behind.finish().unwrap();
        behind.finish().unwrap();
        assert_eq!(*all.lock().unwrap(), (0..100_000).collect::<Vec<_>>());
        let mut behind = Behind::new(Kept { all: Arc::clone(&all), fails_at: u32::MAX }).unwrap();
        behind.push(7).unwrap();
        drop(behind);
        assert_eq!(all.lock().unwrap().last(), Some(&7));
    }

    #[test]
    fn whoever_pushes_hears_that_something_could_not_be_written() {
        let mut behind = Behind::new(Kept { all: Arc::default(), fails_at: 10 }).unwrap();
        let error = (0..1_000_000).find_map(|number| behind.push(number).err()).unwrap();
        assert_eq!(error.to_string(), "the disk is full");
        let mut behind = Behind::new(Kept { all: Arc::default(), fails_at: 0 }).unwrap();
        behind.push(0).unwrap();
        assert_eq!(behind.finish().unwrap_err().to_string(), "the disk is full");
    }
}
