//! An HTTP server on 127.0.0.1 that does what servers do, right and wrong, by the path that is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server. It goes on until the process ends; what it was asked can be looked at.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The first line.
    pub line: String,
    /// The lines after it, with names in lower case.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Server {
    /// Starts one at a free port.
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || {
                    // A client that goes away in the middle is what some tests are about.
                    let _ = answer(&stream, &log);
                });
            }
        });
        Server { address, asked }
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nobody panicked").clone()
    }

    /// Waits until it was asked so often.
    pub fn wait_for(&self, count: usize) {
        for _ in 0..6000 {
            if self.asked().len() >= count {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it was asked {} times, and not {count}", self.asked().len());
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Asked> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let lower = |line: String| match line.split_once(':') {
        Some((name, value)) => format!("{}:{value}", name.to_ascii_lowercase()),
        None => line,
    };
    let mut lines = lines.into_iter();
    let line = lines.next().unwrap_or_default();
    let headers: Vec<String> = lines.map(lower).collect();
    let length =
        headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Asked { line, headers, body })
}

fn ok(body: &[u8], headers: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn answer(mut stream: &TcpStream, log: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let asked = read(stream)?;
    log.lock().expect("nobody panicked").push(asked.clone());
    let path = asked.line.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    match path {
        "/bread" => stream.write_all(&ok(b"rye\n", "content-type: text/plain\r\n")),
        "/echo" => {
            let seen = [asked.line.as_bytes(), b"|", &asked.body].concat();
            stream.write_all(&ok(&seen, ""))
        }
        "/bytes" => stream.write_all(&ok(&[0, 159, 146, 150], "")),
        "/cookie" => stream.write_all(&ok(b"", "set-cookie: id=crumbs-of-a-secret\r\nx-plain: seen\r\n")),
        "/redirect" => stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: /bread\r\ncontent-length: 0\r\n\r\n"),
        "/missing" => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\nnone"),
        "/chunked" => stream.write_all(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nry\r\n1\r\ne\r\n0\r\nx-trailer: yes\r\n\r\n",
        ),
        "/slow" => {
            std::thread::sleep(Duration::from_secs(120));
            Ok(())
        }
        "/late" => {
            std::thread::sleep(Duration::from_millis(300));
            stream.write_all(&ok(b"late\n", ""))
        }
        "/cut" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"),
        "/cut-chunk" => stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nhalf"),
        "/garbage" => stream.write_all(b"\x00\x01garbage\r\n\r\n"),
        "/nothing" => Ok(()),
        "/huge" => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nx"),
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let chunk = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk)?;
            }
        }
        "/headers" => {
            let many: String = (0..1000).map(|index| format!("x-{index}: y\r\n")).collect();
            stream.write_all(&ok(b"", &many))
        }
        _ => stream.write_all(b"HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n"),
    }
}
