//! Inferlets that ask by HTTP and respond to HTTP, over real connections on this machine: `tests/guests/http-client` sends the requests in its input.

mod probe;
mod replay;
#[cfg(unix)]
mod respond;
mod tls;

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::World;
use crate::support::rust::guest;
use crate::support::server::Server;

/// The component that asks, built once for all tests.
fn client() -> &'static [u8] {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    COMPONENT.get_or_init(|| guest("http-client"))
}

/// An inferlet that may reach some hosts.
struct Client {
    world: World,
}

impl Client {
    fn new(hosts: &[&str]) -> Client {
        let world = World::new();
        world.write("client.wasm", client());
        let hosts = hosts.iter().map(|host| format!("{host:?}")).collect::<Vec<_>>().join(", ");
        let manifest = format!(
            "[package]\nname = \"http-client\"\nversion = \"0.1.0\"\n[permissions]\nnetwork = [{hosts}]\n"
        );
        world.write("Pie.toml", manifest);
        Client { world }
    }

    /// One that may reach that server and nothing else.
    fn of(server: &Server) -> Client {
        Client::new(&[&server.authority()])
    }

    fn command(&self, input: &Value, arguments: &[&str]) -> snapbox::cmd::Command {
        let input = input.to_string();
        let run = ["run", "client.wasm", "--manifest", "Pie.toml", "--input", &input];
        self.world.bakery(run).args(arguments)
    }

    /// What it says of each answer.
    fn ask(&self, input: &Value, arguments: &[&str]) -> Vec<Value> {
        let output = self.command(input, arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {stderr}", output.status);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What it says of the answer to one request.
    fn get(&self, url: &str) -> Value {
        self.ask(&json!({ "requests": [{ "url": url }] }), &[]).remove(0)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.world.work().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }
}

#[test]
fn a_request_and_its_response_go_through_whole() {
    let server = Server::start();
    let client = Client::of(&server);
    let request = json!({
        "method": "POST", "url": server.url("/echo?rye=1&key=a%20b#crust"), "body": "a loaf, please: 🍞",
        "headers": [["X-Loaf", "one"], ["x-loaf", "two"], ["accept", "text/plain"]],
    });
    let answer = client.ask(&json!({ "requests": [request] }), &[]).remove(0);
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["body"], "POST /echo?rye=1&key=a%20b HTTP/1.1|a loaf, please: 🍞");
    let asked = &server.asked()[0];
    for header in
        ["x-loaf: one", "x-loaf: two", "accept: text/plain", &format!("host: {}", server.authority())]
    {
        assert!(asked.headers.iter().any(|line| line == header), "{header}: {asked:?}");
    }
}

#[test]
fn every_status_and_form_of_body_is_an_answer() {
    let server = Server::start();
    let client = Client::of(&server);
    for (path, status, body) in
        [("/bread", 200, "rye\n"), ("/missing", 404, "none"), ("/chunked", 200, "rye"), ("/unknown", 500, "")]
    {
        let answer = client.get(&server.url(path));
        assert_eq!((&answer["status"], &answer["body"]), (&json!(status), &json!(body)), "{path}");
    }
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = Server::start();
    let answer = Client::of(&server).get(&server.url("/redirect"));
    assert_eq!((&answer["status"], &answer["headers"][0]), (&json!(302), &json!(["location", "/bread"])));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn what_goes_wrong_on_the_way_is_an_error_and_the_inferlet_goes_on() {
    let server = Server::start();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    // What it says is no TLS.
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let outspoken = plain.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in plain.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
            open.push(stream);
        }
    });
    let client = Client::new(&[&server.authority(), &closed, &outspoken]);
    let cases = [
        (server.url("/cut"), "HttpResponseIncomplete"),
        (server.url("/cut-chunk"), "HttpResponseIncomplete"),
        (server.url("/garbage"), "HttpProtocolError"),
        (server.url("/nothing"), "HttpResponseIncomplete"),
        (server.url("/huge"), "too long"),
        (server.url("/endless"), "too long"),
        (server.url("/headers"), "HttpProtocolError"),
        (format!("http://{closed}/"), "refused the connection"),
        (format!("https://{outspoken}/"), "TlsProtocolError"),
    ];
    let requests: Vec<Value> = cases.iter().map(|(url, _)| json!({ "url": url })).collect();
    let bread = json!({ "url": server.url("/bread") });
    let requests: Vec<Value> = requests.into_iter().chain([bread]).collect();
    let answers = client.ask(&json!({ "requests": requests }), &[]);
    for ((url, expected), answer) in cases.iter().zip(&answers) {
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{url}: {answer}"));
        assert!(error.contains(expected), "{url}: {error}");
    }
    assert_eq!(answers.last().unwrap()["status"], 200);
}

#[test]
fn a_server_that_takes_too_long_is_given_up() {
    let server = Server::start();
    let request = json!({ "url": server.url("/slow"), "timeout_ms": 200 });
    let answer = Client::of(&server).ask(&json!({ "requests": [request] }), &[]).remove(0);
    assert!(answer["error"].as_str().unwrap().contains("took too long"), "{answer}");
}

#[test]
fn requests_that_are_joined_are_under_way_at_once_and_answered_in_their_order() {
    let server = Server::start();
    let urls = ["/late", "/bread", "/late", "/late"].map(|path| json!({ "url": server.url(path) }));
    let client = Client::of(&server);
    let answers = client.ask(&json!({ "requests": urls, "at_once": true }), &["--trace", "t.jsonl"]);
    let bodies: Vec<&str> = answers.iter().map(|answer| answer["body"].as_str().unwrap()).collect();
    assert_eq!(bodies, ["late\n", "rye\n", "late\n", "late\n"]);
    let events: Vec<Value> =
        client.read("t.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(
        kinds[1..9],
        ["asked", "asked", "asked", "asked", "answered", "answered", "answered", "answered"]
    );
    let answered = |event: &&Value| event["event"] == "answered";
    assert!(events.iter().filter(answered).all(|event| event["at"] == 10_000_000), "{events:?}");
}

#[test]
fn a_host_that_is_not_listed_is_not_asked_and_the_person_reads_why() {
    let server = Server::start();
    let client = Client::new(&["127.0.0.1:1", "*.example.com"]);
    let input = json!({ "requests": [{ "url": server.url("/bread?token=abc") }] });
    let output = client.command(&input, &["--trace", "t.jsonl"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let port = server.port();
    assert_eq!(
        stderr,
        format!(
            "warning: the inferlet was denied GET http://127.0.0.1:{port}/bread?token=(hidden): `127.0.0.1:{port}` is not among the hosts that `[permissions]` lists: `127.0.0.1:1`, `*.example.com`\n"
        )
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.contains("the host is not among those that `[permissions]` in `Pie.toml` lists"),
        "{stdout}"
    );
    assert_eq!(server.asked().len(), 0);
    let trace = client.read("t.jsonl");
    assert!(trace.contains(r#""event":"denied""#) && !trace.contains(r#""event":"asked""#), "{trace}");
}

#[test]
fn a_component_that_asks_without_any_permission_is_told_what_to_do() {
    let server = Server::start();
    let client = Client::new(&[]);
    let input = json!({ "requests": [{ "url": server.url("/bread") }] });
    let output = client.command(&input, &[]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("the inferlet's `[permissions]` list no hosts"), "{stderr}");
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn localhost_is_this_machine_when_it_is_listed() {
    let server = Server::start();
    let name = format!("localhost:{}", server.port());
    let answer = Client::new(&[&name]).get(&format!("http://{name}/bread"));
    assert_eq!(answer["body"], "rye\n");
}

#[test]
fn secrets_reach_the_server_and_stay_out_of_trace_and_terminal() {
    let server = Server::start();
    let client = Client::of(&server);
    let secrets = [
        ("authorization", "Bearer s3cr3t-a"),
        ("cookie", "s3cr3t-b"),
        ("x-api-key", "s3cr3t-c"),
        ("api-key", "s3cr3t-d"),
    ];
    let request = json!({ "url": server.url("/cookie?api_key=s3cr3t-e"), "headers": secrets });
    let input = json!({ "requests": [{ "url": server.url("/bread") }] });
    client.ask(&input, &[]);
    // The input is in a trace as it is, so the secrets come from elsewhere in earnest; here only what was asked and answered counts.
    let output = client
        .command(&json!({ "requests": [request] }), &["--trace", "t.jsonl", "--verbose"])
        .output()
        .unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(stdout.contains("crumbs-of-a-secret"), "the inferlet gets it: {stdout}");
    let asked = server.asked();
    let asked = asked.last().unwrap();
    for (name, value) in secrets {
        assert!(asked.headers.iter().any(|line| *line == format!("{name}: {value}")), "{asked:?}");
    }
    assert!(asked.line.contains("s3cr3t-e"), "{asked:?}");
    let is_ours = |line: &&str| line.contains(r#""event":"asked""#) || line.contains(r#""event":"answered""#);
    let trace = client.read("t.jsonl");
    let recorded: Vec<&str> = trace.lines().filter(is_ours).collect();
    assert_eq!(recorded.len(), 2);
    for line in recorded {
        assert!(!line.contains("s3cr3t") && !line.contains("crumbs") && line.contains("(hidden)"), "{line}");
        assert!(!line.contains("answered") || line.contains("x-plain"), "{line}");
    }
    let shown: Vec<&str> =
        stderr.lines().filter(|line| line.contains("asked GET") || line.contains("answered 200")).collect();
    assert!(shown.len() == 2 && shown.iter().all(|line| !line.contains("s3cr3t")), "{stderr}");
}

#[test]
fn bodies_that_are_no_text_are_recorded_whole() {
    let server = Server::start();
    let client = Client::of(&server);
    let input = json!({ "requests": [{ "url": server.url("/bytes"), "count": true }] });
    let answers = client.ask(&input, &["--trace", "t.jsonl"]);
    assert_eq!(answers[0]["body"], 4);
    assert!(client.read("t.jsonl").contains(r#""body":{"base64":"AJ+Slg=="}"#));
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_run_that_waits_for_a_server_at_once() {
    let server = Server::start();
    let client = Client::of(&server);
    let input = json!({ "requests": [{ "url": server.url("/slow") }] });
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bakery"));
    command.env_clear().env("HOME", client.file("home")).env("BAKERY_CACHE_DIR", client.file("cache"));
    command.current_dir(client.world.work()).stdin(std::process::Stdio::null());
    command.args(["run", "client.wasm", "--manifest", "Pie.toml", "--input", &input.to_string()]);
    let mut run = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    server.wait_for(1);
    let asked = std::time::Instant::now();
    let killed = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let status = run.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(asked.elapsed() < std::time::Duration::from_secs(20), "it took {:?}", asked.elapsed());
}
