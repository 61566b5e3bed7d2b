//! Runs that are answered from their recordings, with no server anywhere.

use serde_json::json;

use super::Client;
use crate::support::server::Server;

/// A recorded run of two requests at once and one after them; the server has been asked three times.
fn recorded(server: &Server) -> (Client, serde_json::Value) {
    let client = Client::of(server);
    let secret = [("x-api-key", "abc"), ("accept", "text/plain")];
    let input = json!({ "requests": [
        { "url": server.url("/late"), "headers": secret },
        { "url": server.url("/bread") },
        { "url": server.url("/cut") },
    ], "at_once": true });
    let answers = client.ask(&input, &["--trace", "recorded.jsonl"]);
    assert_eq!((&answers[0]["body"], &answers[1]["body"]), (&json!("late\n"), &json!("rye\n")));
    assert!(answers[2]["error"].is_string(), "{answers:?}");
    (client, input)
}

#[test]
fn a_replayed_run_leaves_the_recorded_trace_and_asks_nobody() {
    let server = Server::start();
    let (client, input) = recorded(&server);
    let asked = server.asked().len();
    let first = client.ask(&input, &["--replay", "recorded.jsonl", "--trace", "again.jsonl"]);
    let second = client.ask(&input, &["--replay", "again.jsonl", "--trace", "third.jsonl"]);
    assert_eq!(first, second);
    assert_eq!(client.read("recorded.jsonl"), client.read("again.jsonl"));
    assert_eq!(client.read("recorded.jsonl"), client.read("third.jsonl"));
    assert_eq!(server.asked().len(), asked);
}

/// Fails to replay, and gives what is said about it.
fn fails(client: &Client, input: &serde_json::Value, code: i32, arguments: &[&str]) -> String {
    let output = client.command(input, arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_question_that_was_not_recorded_ends_the_run_with_the_first_difference() {
    let server = Server::start();
    let (client, input) = recorded(&server);
    let asked = server.asked().len();
    // The recording of one input under the name of another: what the inferlet would ask has changed, as after a change of its code.
    let other = input.to_string().replace("/bread", "/cake");
    let (before, after) = (json!(input.to_string()).to_string(), json!(other).to_string());
    let trace = client.read("recorded.jsonl").replacen(&before, &after, 1);
    client.world.write("other.jsonl", trace);
    let stderr = fails(&client, &serde_json::from_str(&other).unwrap(), 1, &["--replay", "other.jsonl"]);
    let (bread, cake) = (server.url("/bread"), server.url("/cake"));
    assert!(
        stderr.contains("the run is not the recorded one: instance 1 asks what was not recorded"),
        "{stderr}"
    );
    assert!(
        stderr.contains(&format!("the nearest is q2, in which `url` is \"{bread}\" and not \"{cake}\"")),
        "{stderr}"
    );
    assert!(stderr.contains("record it again"), "{stderr}");
    assert_eq!(server.asked().len(), asked, "nobody was asked");
}

#[test]
fn a_recording_of_another_run_is_refused_before_anything_runs() {
    let server = Server::start();
    let (client, input) = recorded(&server);
    let replay = ["--replay", "recorded.jsonl"];
    let stderr = fails(&client, &json!({ "requests": [] }), 2, &replay);
    assert!(stderr.contains("it was recorded with another input"), "{stderr}");
    let stderr = fails(&client, &input, 2, &["--replay", "recorded.jsonl", "--seed", "7"]);
    assert!(stderr.contains("it was recorded with another seed: 0"), "{stderr}");
    client.world.write("Pie.toml", client.read("Pie.toml").replace("http-client", "another"));
    let stderr = fails(&client, &input, 2, &replay);
    assert!(stderr.contains("it is a recording of `http-client`, and this is `another`"), "{stderr}");
}

#[test]
fn a_file_that_is_no_whole_recording_is_refused_with_a_reason() {
    let server = Server::start();
    let (client, input) = recorded(&server);
    let trace = client.read("recorded.jsonl");
    let lines: Vec<&str> = trace.split_inclusive('\n').collect();
    let cut = lines[..lines.len() - 1].concat();
    let newer = trace.replacen(r#""format":1"#, r#""format":99"#, 1);
    let answer = trace.find(r#""event":"answered""#).unwrap();
    let cases = [
        ("cut.jsonl", cut.as_str(), "the trace ends before the inferlet does"),
        ("half.jsonl", &trace[..answer], "is cut in line"),
        ("newer.jsonl", &newer, "the trace has format 99"),
        ("empty.jsonl", "", "the trace is empty"),
        ("other.jsonl", "hello\n", "is not the header of a trace"),
    ];
    for (name, text, expected) in cases {
        client.world.write(name, text);
        let stderr = fails(&client, &input, 2, &["--replay", name]);
        assert!(stderr.contains(expected), "{name}: {stderr}");
    }
    let stderr = fails(&client, &input, 2, &["--replay", "none.jsonl"]);
    assert!(stderr.contains("cannot open `none.jsonl`"), "{stderr}");
}

#[test]
fn a_run_that_asks_less_than_was_recorded_fails() {
    let server = Server::start();
    let (client, input) = recorded(&server);
    let trace = client.read("recorded.jsonl");
    let shorter = json!({ "requests": [input["requests"][0]], "at_once": true });
    let (before, after) = (json!(input.to_string()).to_string(), json!(shorter.to_string()).to_string());
    client.world.write("longer.jsonl", trace.replacen(&before, &after, 1));
    let stderr = fails(&client, &shorter, 1, &["--replay", "longer.jsonl"]);
    assert!(stderr.contains("it did not ask 2 questions that the recorded one asked"), "{stderr}");
}
