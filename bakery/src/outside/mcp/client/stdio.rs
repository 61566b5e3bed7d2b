//! A server behind the standard streams of its process.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use rmcp::model::{ClientJsonRpcMessage, JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::service::RoleClient;
use rmcp::transport::Transport;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::message::{message, number_of, replied, shown};
use super::{CONNECTION_CLOSED, Failure, MOST_MESSAGE, PARSE_ERROR, Subject};

/// Lines that are no messages which may come before the first message: some launchers greet people there.
const MOST_GREETINGS: usize = 100;

/// The library's side of it.
pub(super) struct Stdio {
    subject: Arc<Subject>,
    stdin: Arc<tokio::sync::Mutex<Option<ChildStdin>>>,
    incoming: mpsc::Receiver<Result<ServerJsonRpcMessage, Failure>>,
    sent: Arc<Sent>,
}

/// Which requests were sent. The library counts them up.
#[derive(Default)]
struct Sent {
    handshake: OnceLock<i64>,
    last: AtomicI64,
}

impl Sent {
    fn add(&self, id: &RequestId) {
        let number = number_of(id).unwrap_or_default();
        self.handshake.get_or_init(|| number);
        self.last.fetch_max(number, Ordering::SeqCst);
    }

    fn has(&self, id: &RequestId) -> bool {
        let first = self.handshake.get().copied();
        let last = self.last.load(Ordering::SeqCst);
        number_of(id).zip(first).is_some_and(|(number, first)| (first..=last).contains(&number))
    }
}

impl Stdio {
    /// Speaks to the server through these. Within a runtime.
    pub fn new(subject: Arc<Subject>, stdin: ChildStdin, stdout: ChildStdout) -> Self {
        let (to_library, incoming) = mpsc::channel(16);
        let sent = Arc::<Sent>::default();
        tokio::spawn(read(stdout, Arc::clone(&subject), Arc::clone(&sent), to_library));
        Stdio { subject, stdin: Arc::new(Some(stdin).into()), incoming, sent }
    }
}

impl Transport<RoleClient> for Stdio {
    type Error = io::Error;

    fn send(&mut self, item: ClientJsonRpcMessage) -> impl Future<Output = io::Result<()>> + Send + 'static {
        if let JsonRpcMessage::Request(request) = &item {
            self.sent.add(&request.id);
        }
        let stdin = Arc::clone(&self.stdin);
        async move {
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            match &mut *stdin.lock().await {
                Some(stdin) => {
                    stdin.write_all(&line).await?;
                    stdin.flush().await
                }
                None => Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        match self.incoming.recv().await? {
            Ok(message) => Some(message),
            Err(trouble) => {
                let _ = self.subject.trouble.set(trouble);
                None
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // A server that reads nothing may hold a write up; then it does not learn that there will be no more, and is ended all the same.
        if let Ok(mut stdin) = timeout(Duration::from_millis(100), self.stdin.lock()).await {
            stdin.take();
        }
        if let Some(process) = &self.subject.process {
            process.end().await;
        }
        Ok(())
    }
}

/// Reads a server's standard output to its end, or to the first thing that should not be there.
async fn read(
    stdout: ChildStdout,
    subject: Arc<Subject>,
    sent: Arc<Sent>,
    to_library: mpsc::Sender<Result<ServerJsonRpcMessage, Failure>>,
) {
    let mut reader = BufReader::new(stdout);
    let (mut line, mut messages, mut greetings) = (Vec::new(), 0_u64, 0);
    let trouble = loop {
        line.clear();
        let most = MOST_MESSAGE as u64 + 1;
        match (&mut reader).take(most).read_until(b'\n', &mut line).await {
            Ok(0) => {
                let fate = match &subject.process {
                    Some(process) => process.fate().await,
                    None => "ended".to_owned(),
                };
                break subject.failure(CONNECTION_CLOSED, fate).await;
            }
            Ok(_) if line.len() > MOST_MESSAGE => {
                let what = format!("has sent a message of more than {} MiB", MOST_MESSAGE >> 20);
                break subject.failure(PARSE_ERROR, what).await;
            }
            Ok(_) => {}
            Err(cause) => {
                let what = format!("cannot be read: {cause}");
                break subject.failure(CONNECTION_CLOSED, what).await;
            }
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match checked(&line, &sent) {
            Ok(message) => {
                messages += 1;
                subject.greeting.lock().unwrap_or_else(PoisonError::into_inner).take();
                if to_library.send(Ok(message)).await.is_err() {
                    return;
                }
            }
            Err(_) if messages == 0 && greetings < MOST_GREETINGS && !line.starts_with(b"{") => {
                greetings += 1;
                let line = shown(&String::from_utf8_lossy(&line));
                *subject.greeting.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
            }
            Err(what) => break subject.failure(PARSE_ERROR, what).await,
        }
    };
    // Nobody may be there any more to hear of it.
    let _ = to_library.send(Err(trouble)).await;
}

/// A line as a message that may come now; else what the server did, for a sentence with it.
fn checked(line: &[u8], sent: &Sent) -> Result<ServerJsonRpcMessage, String> {
    let unfit = |cause: &str| {
        let line = shown(&String::from_utf8_lossy(line));
        format!("has written what is no message of JSON-RPC: {line} ({cause})")
    };
    let text = std::str::from_utf8(line).map_err(|_| unfit("it is not UTF-8"))?;
    let is_handshake = sent.handshake.get().is_some_and(|first| *first == sent.last.load(Ordering::SeqCst));
    let message = message(text, is_handshake).map_err(|cause| unfit(&cause))?;
    match (replied(&message), &message) {
        (Some(None), JsonRpcMessage::Error(error)) => {
            Err(format!("reports an error that belongs to no request: {}", shown(&error.error.message)))
        }
        (Some(Some(id)), _) if !sent.has(id) => {
            let id = shown(&id.to_string());
            Err(format!("has answered a request that was not made: the id of its answer is {id}"))
        }
        _ => Ok(message),
    }
}
