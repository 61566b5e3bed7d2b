//! `bakery run --http`: `tests/guests/http-responder` responds in each way that there is, also wrong ones.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::World;
use crate::support::rust::guest;

fn responder() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guest("http-responder"))
}

/// A running `bakery run --http`.
struct Serving {
    world: World,
    process: Child,
    address: String,
}

impl Serving {
    fn start(arguments: &[&str]) -> Serving {
        Serving::start_in(World::new(), arguments)
    }

    fn start_in(world: World, arguments: &[&str]) -> Serving {
        world.write("responder.wasm", responder());
        let mut command = Command::new(env!("CARGO_BIN_EXE_bakery"));
        command.env_clear().env("HOME", world.work().join("home"));
        command.env("BAKERY_CACHE_DIR", world.work().join("cache")).current_dir(world.work());
        command.args(["run", "responder.wasm", "--http", "127.0.0.1:0"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim_end().strip_prefix("listening at http://").unwrap_or_else(|| panic!("{line}"));
        Serving { address: address.to_owned(), world, process }
    }

    /// Sends bytes, and reads all that comes until the connection is closed.
    fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        String::from_utf8(response).unwrap()
    }

    fn get(&self, path: &str) -> String {
        self.raw(format!("GET {path} HTTP/1.1\r\nhost: bakery\r\nconnection: close\r\n\r\n").as_bytes())
    }

    fn interrupt(&self) {
        let killed = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Ends it with Ctrl-C. Gives the world, and what it wrote to standard error.
    fn end(mut self) -> (World, String) {
        self.interrupt();
        let mut stderr = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}: {stderr}");
        (std::mem::replace(&mut self.world, World::new()), stderr)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or(response)
}

fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn an_inferlet_gets_the_request_and_the_client_its_response() {
    let serving = Serving::start(&[]);
    let request = "POST /echo?rye=1 HTTP/1.1\r\nHost: bakery.example\r\nX-Loaf: one\r\nx-loaf: two\r\nconnection: close\r\ncontent-length: 5\r\n\r\nbread";
    let response = serving.raw(request.as_bytes());
    assert_eq!(status(&response), "200", "{response}");
    assert!(response.contains("content-type: application/json\r\n"), "{response}");
    let expected = json!({
        "method": "POST", "authority": "bakery.example", "query": "rye=1", "body": "bread",
        "headers": [["x-loaf", "one"], ["x-loaf", "two"], ["content-length", "5"]],
    });
    assert_eq!(serde_json::from_str::<Value>(body(&response)).unwrap(), expected);
    let teapot = serving.get("/teapot");
    assert!(teapot.starts_with("HTTP/1.1 418 ") && teapot.contains("x-pot: tea\r\n"), "{teapot}");
    let (_, stderr) = serving.end();
    assert!(stderr.contains("POST http://bakery.example/echo?rye=1 200\n"), "{stderr}");
}

#[test]
fn a_client_reads_a_response_while_it_is_written() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gate = listener.local_addr().unwrap();
    let (open, opened) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        opened.recv().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nthird\n").unwrap();
    });
    let world = World::new();
    let manifest = format!(
        "[package]\nname = \"http-responder\"\nversion = \"0.1.0\"\n[permissions]\nnetwork = [\"{gate}\"]\n"
    );
    world.write("Pie.toml", manifest);
    let serving = Serving::start_in(world, &["--manifest", "Pie.toml", "--trace", "t.jsonl"]);
    let mut stream = TcpStream::connect(&serving.address).unwrap();
    let request = format!("GET /stream?http://{gate}/ HTTP/1.1\r\nhost: bakery\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let (mut response, mut piece) = (String::new(), [0; 1024]);
    while !response.contains("second\n") {
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "it ended before: {response}");
        response += std::str::from_utf8(&piece[..length]).unwrap();
    }
    assert!(status(&response) == "200" && response.contains("transfer-encoding: chunked\r\n"), "{response}");
    open.send(()).unwrap();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.contains("third\n") && response.ends_with("\r\n0\r\n\r\n"), "{response}");
    let (world, _) = serving.end();
    let trace = std::fs::read_to_string(world.work().join("t.jsonl")).unwrap();
    assert!(trace.contains(r#""body":"first\nsecond\nthird\n""#), "it is recorded whole: {trace}");
}

#[test]
fn a_response_that_its_inferlet_does_not_finish_is_cut_off() {
    let serving = Serving::start(&[]);
    let response = serving.get("/cut");
    assert!(status(&response) == "200" && response.contains("first\n"), "{response}");
    assert!(!response.ends_with("\r\n0\r\n\r\n"), "{response}");
    assert_eq!(body(&serving.get("/hello")), "hello\n");
    let (_, stderr) = serving.end();
    assert!(stderr.contains("the oven went out"), "{stderr}");
}

#[test]
fn a_real_client_gets_responses_over_one_connection() {
    let serving = Serving::start(&[]);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for round in 0..5 {
            let request =
                client.post(format!("http://{}/echo", serving.address)).body(format!("loaf {round}"));
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200);
            let text: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
            assert_eq!(text["body"], format!("loaf {round}"));
        }
        let head = client.head(format!("http://{}/hello", serving.address)).send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.bytes().await.unwrap().len()), (200, 0));
    });
    serving.end();
}

#[test]
fn many_clients_at_once_each_get_their_own_response() {
    let serving = Serving::start(&[]);
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..40)
            .map(|number| {
                let serving = &serving;
                scope.spawn(move || {
                    let response = serving.get(&format!("/echo?{number}"));
                    let text: Value = serde_json::from_str(body(&response)).unwrap();
                    assert_eq!(text["query"], number.to_string());
                })
            })
            .collect();
        for thread in asked {
            thread.join().unwrap();
        }
    });
    serving.end();
}

#[test]
fn what_an_inferlet_does_wrong_is_an_error_of_the_server_and_the_next_request_is_answered() {
    let serving = Serving::start(&["--timeout", "3"]);
    for (path, expected, text) in [
        ("/error", "500", "there is no bread\n"),
        ("/panic", "500", "the inferlet trapped\n"),
        ("/status", "500", "the inferlet has no response"),
        ("/forbidden", "500", "the inferlet has no response"),
        ("/loop", "50", "the inferlet"),
        ("/wait", "504", "the inferlet took too long\n"),
        ("/none", "404", ""),
    ] {
        let response = serving.get(path);
        assert!(
            status(&response).starts_with(expected) && body(&response).contains(text),
            "{path}: {response}"
        );
    }
    assert_eq!(body(&serving.get("/hello")), "hello\n");
    let (_, stderr) = serving.end();
    assert!(stderr.contains("GET http://bakery/panic no response: it trapped: panicked at"), "{stderr}");
}

#[test]
fn requests_that_are_none_are_refused() {
    let serving = Serving::start(&[]);
    assert_eq!(status(&serving.raw(b"garbage\r\n\r\n")), "400");
    let huge = b"POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 100000000\r\n\r\nx";
    assert_eq!(status(&serving.raw(huge)), "413");
    assert_eq!(body(&serving.get("/hello")), "hello\n");
    serving.end();
}

#[test]
fn sleeping_takes_no_time_and_the_trace_has_requests_and_responses() {
    let serving = Serving::start(&["--trace", "t.jsonl"]);
    let begun = Instant::now();
    assert_eq!(body(&serving.get("/sleep")), "an hour later\n");
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert!(!body(&serving.get("/generate")).is_empty());
    let (world, _) = serving.end();
    let trace = std::fs::read_to_string(world.work().join("t.jsonl")).unwrap();
    let events: Vec<Value> = trace.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).cloned().collect::<Vec<_>>();
    let urls: Vec<Value> = of("requested").iter().map(|event| event["request"]["url"].clone()).collect();
    assert_eq!(urls, ["http://bakery/sleep", "http://bakery/generate"]);
    assert_eq!(of("responded")[0]["response"]["body"], "an hour later\n");
    let instances: Vec<u64> =
        of("finished").iter().map(|event| event["instance"].as_u64().unwrap()).collect();
    assert_eq!(instances, [1, 2], "each request is an instance of its own");
    world.bakery(["trace", "show", "t.jsonl"]).assert().success();
}

#[test]
fn ctrl_c_lets_a_response_come_to_its_end() {
    let serving = Serving::start(&["--timeout", "2"]);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| serving.get("/wait"));
        std::thread::sleep(Duration::from_millis(700));
        serving.interrupt();
        let response = waiting.join().unwrap();
        assert_eq!(status(&response), "504", "{response}");
    });
    assert!(TcpStream::connect(&serving.address).is_err(), "nobody listens any more");
}

#[test]
fn a_client_that_goes_away_takes_its_instance_with_it() {
    let serving = Serving::start(&["--trace", "t.jsonl"]);
    {
        let mut stream = TcpStream::connect(&serving.address).unwrap();
        stream.write_all(b"GET /wait HTTP/1.1\r\nhost: bakery\r\n\r\n").unwrap();
        std::thread::sleep(Duration::from_millis(700));
    }
    assert_eq!(body(&serving.get("/hello")), "hello\n");
    let (world, stderr) = serving.end();
    assert!(stderr.contains("GET http://bakery/wait no response: the client has gone"), "{stderr}");
    let trace = std::fs::read_to_string(world.work().join("t.jsonl")).unwrap();
    assert!(trace.contains("the client has gone"), "{trace}");
}

#[test]
fn an_inferlet_that_is_called_otherwise_than_the_user_means_is_told_apart() {
    let world = World::new();
    world.write("responder.wasm", responder());
    let output = world.bakery(["run", "responder.wasm"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("bakery run --http 127.0.0.1:8080 responder.wasm"), "{stderr}");
    world.write("guest.wasm", crate::support::guest::echoing());
    let output = world.bakery(["run", "guest.wasm", "--http", "127.0.0.1:0"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("`guest.wasm` does not respond to HTTP requests"), "{stderr}");
}

#[test]
fn an_address_in_use_is_an_error() {
    let serving = Serving::start(&[]);
    let output =
        serving.world.bakery(["run", "responder.wasm", "--http", &serving.address]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains(&format!("cannot listen at `{}`", serving.address)), "{stderr}");
    serving.end();
}
