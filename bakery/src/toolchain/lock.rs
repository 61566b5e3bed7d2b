//! One bakery at a time: a lock file in a folder of the cache.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::{Progress, Unit};

/// How long to sleep between two looks at a lock that another process holds.
const PAUSE: Duration = Duration::from_millis(100);

/// Held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until this process is the only one that holds the lock of `folder`, which is made if it is missing. `waiting_for` says what the other one does.
    ///
    /// # Errors
    /// The folder cannot be written, or the user stops waiting.
    pub fn take(
        folder: &Path,
        waiting_for: &str,
        interrupt: &Interrupt,
        progress: &dyn Progress,
    ) -> Result<Lock> {
        let broken =
            |error| Error::environment(format!("`{}` cannot be locked", folder.display())).caused_by(error);
        std::fs::create_dir_all(folder).map_err(broken)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))
            .map_err(broken)?;
        let mut task = None;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) => {
                    task.get_or_insert_with(|| {
                        progress.start(
                            &format!("waiting for another bakery {waiting_for}"),
                            None,
                            Unit::Items,
                        )
                    });
                    interrupt.check()?;
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::Error(error)) => return Err(broken(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn the_second_waits_until_the_first_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let done = AtomicBool::new(false);
        let first = Lock::take(dir.path(), "", &Interrupt::default(), &Silent).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let _lock = Lock::take(dir.path(), "", &Interrupt::default(), &Silent).unwrap();
                assert!(done.load(Ordering::SeqCst), "the lock was taken while it was held");
            });
            std::thread::sleep(PAUSE * 3);
            done.store(true, Ordering::SeqCst);
            drop(first);
            second.join().unwrap();
        });
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let error =
            Lock::take(&dir.path().join("file/folder"), "", &Interrupt::default(), &Silent).unwrap_err();
        assert!(error.message.contains("cannot be locked"), "{error}");
    }
}
