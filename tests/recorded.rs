//! A recording of all that comes to a run from outside: model, HTTP, an MCP server, messages, a file, children. It is played back with no network, no server and no
//! model; and an inferlet that does something else gets no answer, and is told what the nearest recorded thing was.

use serde_json::{Value, json};

use crate::book::repository;
use crate::support::folder::{self, text};
use crate::support::server::Server;
use crate::support::{node, python};

/// A folder with a program.
type Folder = folder::Folder<python::Python>;

/// Asks everybody that an inferlet can ask.
const SOURCE: &str = r#"import asyncio
import os
import random
import time
from inferlet import Context, Model, Sampler, http, launch, mcp, session


async def main(url: str = "", child: str = "") -> object:
    ctx = Context(Model.load("default"))
    ctx.user(child or "Say something.")
    said = await ctx.generate(Sampler.top_p(0.8, 0.9), max_tokens=5).collect_text()
    if child:
        return [child, said, os.environ.get("OVEN")]
    names = ["ada", "bob"]
    children = await asyncio.gather(*(launch("errand", {"child": name}).answer() for name in names))
    page = (await http.get(url)).text()
    with mcp.connect("bakery") as bakery:
        stock = bakery.call_tool("stock", {"ingredient": "salt"})
    message, file = await session.receive(), await session.receive_file()
    later = await session.receive()
    session.send(f"{message}, {later}")
    drawn, now = random.random(), time.time()
    return [said, children, page, stock, message, file.decode(), later, drawn, now, os.environ.get("OVEN")]
"#;

fn manifest(server: &Server, name: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n[permissions]\nnetwork = [\"{}\"]\n\
         environment = [\"OVEN\", \"OVEN_TOKEN\"]\n[parameters]\n\
         url = {{ type = \"string\", default = \"\" }}\nchild = {{ type = \"string\", default = \"\" }}\n\
         [dependencies]\nerrand = {{ path = \".\" }}\n",
        server.authority()
    )
}

/// A recording in `kept`, and what the run has printed.
fn recorded(server: &Server) -> (Folder, String) {
    let folder = Folder::new(&[("Pie.toml", &manifest(server, "errand")), ("main.py", SOURCE)]);
    folder.write("note.txt", "a note");
    let server_file = repository().join("examples/mcp-agent-rust/server.mjs");
    let mcp = format!("bakery={}", node::command(&server_file, &[]));
    let url = server.url("/text?today");
    let arguments = [
        "run", ".", "--record", "kept", "--seed", "5", "--mcp", &mcp, "--send", "hello", "--file", "note.txt",
    ];
    let mut command = <python::Python as folder::Language>::bakery();
    command.current_dir(folder.root()).args(arguments).args(["--", "--url", &url]);
    command.env("OVEN", "hot").env("OVEN_TOKEN", "s3cr3t");
    let (mut theirs, ours) = std::io::pipe().map(|(read, write)| (write, read)).unwrap();
    // A message that comes later.
    std::io::Write::write_all(&mut theirs, b"and later\n").unwrap();
    drop(theirs);
    let output = command.stdin(ours).output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    (folder, text(&output.stdout))
}

/// The run again: with nothing of the machine but bakery's cache.
fn replayed(folder: &Folder) -> (Option<i32>, String, String) {
    let output = folder.bakery(&["run", ".", "--replay", "kept", "--trace", "again.jsonl"]);
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn read(folder: &Folder, name: &str) -> String {
    std::fs::read_to_string(folder.path(name)).unwrap()
}

#[test]
fn a_run_that_has_asked_everybody_comes_again_with_nobody_there() {
    let server = Server::start();
    let (folder, said) = recorded(&server);
    let answer: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&answer[1][0][0], &answer[4], &answer[5], &answer[6]),
        (&json!("ada"), &json!("hello"), &json!("a note"), &json!("and later"))
    );
    assert!(answer[3].as_str().unwrap().contains("500 g of salt"), "{answer}");
    assert_eq!((&answer[1][0][2], &answer[9]), (&json!("hot"), &json!("hot")));
    let begun: Value = serde_json::from_str(&read(&folder, "kept/run.json")).unwrap();
    assert_eq!(begun["environment"], json!([["OVEN", "hot"], ["OVEN_TOKEN", "(hidden)"]]));
    let asked = server.asked().len();
    assert_eq!(asked, 1);
    let (code, again, stderr) = replayed(&folder);
    assert_eq!((code, &again), (Some(0), &said), "{stderr}");
    assert_eq!(server.asked().len(), asked, "the server was asked once more");
    assert_eq!(read(&folder, "again.jsonl"), read(&folder, "kept/trace.jsonl"));
    // And as a test, which is the same without what the run was given.
    folder.write("Pie.toml", &format!("{}\n[[test]]\nname = \"as-recorded\"\nreplay = \"kept\"\nsnapshot = [\"output\", \"events\", \"numbers\"]\n", manifest(&server, "errand")));
    let accepted = folder.bakery(&["test", ".", "--update", "new"]);
    assert!(accepted.status.success(), "{}{}", text(&accepted.stdout), text(&accepted.stderr));
    assert!(read(&folder, "snapshots/as-recorded.output.snap").contains("500 g of salt"));
    assert!(folder.bakery(&["test", ".", "--update", "none"]).status.success());
}

#[test]
fn who_does_something_else_than_was_recorded_gets_no_answer_and_the_first_difference() {
    let server = Server::start();
    let (folder, _) = recorded(&server);
    let differs = |from: &str, to: &str, said: &[&str]| {
        assert!(SOURCE.contains(from), "{from}");
        folder.write("main.py", &SOURCE.replacen(from, to, 1));
        let (code, _, stderr) = replayed(&folder);
        assert_eq!(code, Some(1), "{stderr}");
        for part in said {
            assert!(stderr.contains(part), "`{part}` is not in\n{stderr}");
        }
    };
    differs(
        "http.get(url)",
        "http.get(url + '&x')",
        &["instance 1 asks what was not recorded", "the nearest is", "in which `url` is", "&x"],
    );
    differs("\"salt\"", "\"rye flour\"", &["the nearest is", "in which `params` is", "rye flour"]);
    differs("\"ada\"", "\"eve\"", &["pass 1 of instance 2 is not the recorded one: its `tokens` is"]);
    differs(
        "[\"ada\", \"bob\"]",
        "[\"ada\", \"bob\", \"cleo\"]",
        &["instance 4 runs pass 1, and 0 of it were recorded"],
    );
    differs(
        "Sampler.top_p(0.8, 0.9)",
        "Sampler.argmax()",
        &["pass 1 of instance 1 is not the recorded one: its `samplers` is"],
    );
    assert_eq!(server.asked().len(), 1);
    // Another inferlet, which takes something else: what is wrong is not what it is given.
    folder.write(
        "Pie.toml",
        "[package]\nname = \"oven\"\nversion = \"0.1.0\"\n[parameters]\nshelf = \"int\"\n",
    );
    let (code, _, stderr) = replayed(&folder);
    assert!(
        code == Some(2) && stderr.contains("it is a recording of `errand`, and this is `oven`"),
        "{stderr}"
    );
}
