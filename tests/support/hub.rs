//! A server with one repository of models, `ada/bread`, that speaks as the Hugging Face Hub does: a list of files with checksums, contents by commit, redirects to
//! another host for large ones, and parts of them. And what goes wrong with such servers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::Digest;

/// The commit of `main`.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Files from this length on are kept elsewhere, and known by SHA-256.
const LARGE: usize = 5000;

/// What a server does wrong with large files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection ends after so many bytes, each time.
    Cut(usize),
    /// Nothing comes any more after so many bytes.
    Stall(usize),
    /// It gives whole files only.
    NoParts,
    /// One byte is another.
    Wrong,
    /// It has no time.
    Busy,
    /// It wants to know who asks.
    Private,
}

/// The server. It goes on until the process ends.
pub struct Hub {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    files: BTreeMap<String, Vec<u8>>,
    /// Where large files are.
    elsewhere: SocketAddr,
    fault: Mutex<Fault>,
    asked: Mutex<Vec<String>>,
}

impl Hub {
    /// Starts one with these files.
    pub fn start<'a>(files: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Hub {
        let [front, back] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("there is a free port"));
        let address = front.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            files: files.into_iter().map(|(name, contents)| (name.to_owned(), contents)).collect(),
            elsewhere: back.local_addr().expect("it is bound"),
            fault: Mutex::new(Fault::None),
            asked: Mutex::default(),
        });
        for listener in [front, back] {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let shared = Arc::clone(&shared);
                    // A client that goes away in the middle is what some tests are about.
                    std::thread::spawn(move || drop(shared.answer(&stream)));
                }
            });
        }
        Hub { address, shared }
    }

    /// What `HF_ENDPOINT` has to be.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it does this.
    pub fn fault(&self, fault: Fault) {
        *self.shared.fault.lock().expect("nobody panicked") = fault;
    }

    /// What it was asked since the last time: `METHOD PATH`, with the range and whether there was a token.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().expect("nobody panicked"))
    }
}

impl Shared {
    fn answer(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let header = |name: &str| {
            headers.iter().find_map(|line| {
                let (key, value) = line.split_once(": ")?;
                key.eq_ignore_ascii_case(name).then(|| value.to_owned())
            })
        };
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let from =
            header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let mut entry = path.clone();
        if let Some(from) = from {
            entry += &format!(" from {from}");
        }
        if let Some(token) = header("authorization") {
            entry += &format!(" as {token}");
        }
        self.asked.lock().expect("nobody panicked").push(entry);
        let fault = *self.fault.lock().expect("nobody panicked");
        if fault == Fault::Private && header("authorization").is_none() {
            return stream
                .write_all(b"HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        }
        if path == "/api/models/ada/bread/revision/main?blobs=true" {
            return whole(stream, self.listing().to_string().as_bytes());
        }
        if let Some(name) = path.strip_prefix(&format!("/ada/bread/resolve/{COMMIT}/"))
            && let Some(contents) = self.files.get(name)
        {
            if contents.len() < LARGE {
                return whole(stream, contents);
            }
            let head = format!(
                "HTTP/1.1 302 Found\r\nconnection: close\r\nx-repo-commit: {COMMIT}\r\nx-linked-size: {}\r\nx-linked-etag: \"{}\"\r\nlocation: http://{}/large/{name}\r\ncontent-length: 0\r\n\r\n",
                contents.len(),
                checksum(contents),
                self.elsewhere
            );
            return stream.write_all(head.as_bytes());
        }
        match path.strip_prefix("/large/").and_then(|name| self.files.get(name)) {
            Some(contents) => large(stream, contents, from, fault),
            None => {
                stream.write_all(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            }
        }
    }

    fn listing(&self) -> Value {
        let file = |(name, contents): (&String, &Vec<u8>)| match contents.len() < LARGE {
            true => json!({"rfilename": name, "blobId": checksum(contents), "size": contents.len()}),
            false => json!({
                "rfilename": name, "blobId": "f".repeat(40), "size": contents.len(),
                "lfs": {"sha256": checksum(contents), "size": contents.len(), "pointerSize": 130},
            }),
        };
        json!({"id": "ada/bread", "sha": COMMIT, "siblings": self.files.iter().map(file).collect::<Vec<Value>>()})
    }
}

/// SHA-256 of what is large, and what git calls the rest.
pub fn checksum(contents: &[u8]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if contents.len() >= LARGE {
        return hex(&sha2::Sha256::digest(contents));
    }
    hex(&sha1::Sha1::digest([format!("blob {}\0", contents.len()).as_bytes(), contents].concat()))
}

fn whole(mut stream: &TcpStream, contents: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", contents.len());
    stream.write_all(&[head.as_bytes(), contents].concat())
}

fn large(mut stream: &TcpStream, contents: &[u8], from: Option<usize>, fault: Fault) -> std::io::Result<()> {
    let mut contents = contents.to_vec();
    if fault == Fault::Busy {
        return stream.write_all(
            b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        );
    }
    if fault == Fault::Wrong {
        contents[LARGE / 2] ^= 1;
    }
    let (status, from) = match from.filter(|_| fault != Fault::NoParts) {
        Some(from) => ("206 Partial Content", from.min(contents.len())),
        None => ("200 OK", 0),
    };
    let (total, rest) = (contents.len(), &contents[from..]);
    let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n", rest.len());
    if from > 0 {
        head += &format!("content-range: bytes {from}-{}/{total}\r\n", total - 1);
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    match fault {
        Fault::Cut(after) => stream.write_all(&rest[..after.min(rest.len())]),
        Fault::Stall(after) => {
            stream.write_all(&rest[..after.min(rest.len())])?;
            std::thread::sleep(Duration::from_secs(120));
            Ok(())
        }
        _ => stream.write_all(rest),
    }
}
