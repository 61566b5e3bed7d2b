//! A server that is started for one session and ends with it: a program with a pipe to its standard input and one from its standard output.
//!
//! It has a process group of its own, so that Ctrl-C reaches bakery alone and what the server has started ends with it. It ends in three steps: its input
//! is closed, it is asked to end, it is killed. Should bakery itself be killed, its input is closed by the system, and on Linux it is killed at once.

use std::collections::VecDeque;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Notify, SetOnce};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::environment::Environment;
use crate::project::settings::McpCommand;

/// How long a server may take to end after its input is closed, and again after it is asked to end.
const GRACE: Duration = Duration::from_secs(1);
/// How long to wait for the last of what a server says, and for its exit status, when its output has ended.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// Lines of standard error that are kept for messages.
const KEPT_LINES: usize = 5;
/// Bytes of each that are kept.
const KEPT_BYTES: u64 = 200;

/// A server that was started.
pub(super) struct ServerProcess {
    status: Arc<SetOnce<Option<ExitStatus>>>,
    /// Asks the task that owns the process to kill it.
    kill: Arc<Notify>,
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
    stderr: Arc<Stderr>,
}

/// The end of what the server has said to people.
#[derive(Default)]
struct Stderr {
    lines: Mutex<VecDeque<String>>,
    ended: SetOnce<()>,
}

impl ServerProcess {
    /// Starts a server. Within a runtime.
    pub fn start(command: &McpCommand, env: &Environment) -> io::Result<(Self, ChildStdin, ChildStdout)> {
        let mut child = prepared(command, env).spawn()?;
        let missing = || io::Error::other("a standard stream is missing");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = Arc::new(Stderr::default());
        if let Some(pipe) = child.stderr.take() {
            tokio::spawn(Arc::clone(&stderr).read(pipe));
        }
        let process = ServerProcess {
            status: Arc::default(),
            kill: Arc::default(),
            #[cfg(unix)]
            group: child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)),
            stderr,
        };
        process.keep(child);
        Ok((process, stdin, stdout))
    }

    /// Waits for the process in a task of its own, so that no exited process stays behind.
    fn keep(&self, mut child: Child) -> JoinHandle<()> {
        let (status, kill) = (Arc::clone(&self.status), Arc::clone(&self.kill));
        #[cfg(unix)]
        let group = self.group;
        tokio::spawn(async move {
            let ended = tokio::select! {
                ended = child.wait() => ended,
                () = kill.notified() => {
                    // It may have ended meanwhile.
                    let _ = child.start_kill();
                    child.wait().await
                }
            };
            // What it has started does not outlive it.
            #[cfg(unix)]
            signal(group, rustix::process::Signal::KILL);
            let _ = status.set(ended.ok());
        })
    }

    /// What became of the process whose output has ended, for a message: "ended with exit code 3".
    pub async fn fate(&self) -> String {
        match timeout(LAST_WORDS, self.status.wait()).await {
            Ok(Some(status)) => how(*status),
            Ok(None) => "ended".to_owned(),
            Err(_) => "closed its standard output".to_owned(),
        }
    }

    /// The end of what it has written to standard error, as a clause of a message, or nothing. After its end, all of it is awaited.
    pub async fn last_words(&self) -> String {
        if self.status.initialized() {
            let _ = timeout(LAST_WORDS, self.stderr.ended.wait()).await;
        }
        let lines = self.stderr.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() {
            return String::new();
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        format!("; the end of its standard error: {}", lines.join(" | "))
    }

    /// Ends the process, whose input has been closed.
    pub async fn end(&self) {
        if timeout(GRACE, self.status.wait()).await.is_ok() {
            return;
        }
        #[cfg(unix)]
        {
            signal(self.group, rustix::process::Signal::TERM);
            if timeout(GRACE, self.status.wait()).await.is_ok() {
                return;
            }
        }
        self.kill().await;
    }

    /// Ends the process at once.
    pub async fn kill(&self) {
        self.kill.notify_one();
        // A killed process ends, but one that the kernel holds on to.
        let _ = timeout(GRACE, self.status.wait()).await;
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if !self.status.initialized() {
            self.kill.notify_one();
        }
    }
}

fn prepared(command: &McpCommand, env: &Environment) -> Command {
    let mut prepared = env.command(&command.program);
    prepared.args(&command.args).envs(&command.env).current_dir(&command.cwd);
    prepared.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    #[cfg(target_os = "linux")]
    end_with_bakery(&mut prepared);
    let mut prepared = Command::from(prepared);
    #[cfg(unix)]
    prepared.process_group(0);
    prepared.kill_on_drop(true);
    prepared
}

/// The kernel kills the program when the thread that starts it is gone. That is one of the runtime's, and they stay as long as the runtime.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "nothing but one system call happens between fork and exec")]
fn end_with_bakery(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let ask = || Ok(rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?);
    // SAFETY: the closure makes one system call. It allocates nothing, takes no lock, and touches no memory that is shared.
    unsafe { command.pre_exec(ask) };
}

#[cfg(unix)]
fn signal(group: Option<rustix::process::Pid>, signal: rustix::process::Signal) {
    if let Some(group) = group {
        // There may be nobody left in it.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

fn how(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was ended by signal {signal}");
    }
    match status.code() {
        Some(0) => "ended".to_owned(),
        Some(code) => format!("ended with exit code {code}"),
        None => "ended".to_owned(),
    }
}

impl Stderr {
    /// Keeps the last lines of what comes, and the beginning of each. The rest is read too, because a full pipe would hold the server up.
    async fn read(self: Arc<Self>, pipe: impl AsyncRead + Unpin) {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut reader).take(KEPT_BYTES).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => break,
                Ok(_) => self.keep(&line),
            }
            if !line.ends_with(b"\n") && !skip_line(&mut reader).await {
                break;
            }
        }
        let _ = self.ended.set(());
    }

    fn keep(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(on_one_line(line));
    }
}

/// Passes over the rest of a line; false at the end of the stream.
async fn skip_line(reader: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> bool {
    loop {
        let (used, found) = match reader.fill_buf().await {
            Ok([]) | Err(_) => return false,
            Ok(bytes) => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (bytes.len(), false),
            },
        };
        reader.consume(used);
        if found {
            return true;
        }
    }
}

/// Text from outside, fit for one line of a message.
pub(super) fn on_one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}
