//! What the JavaScript SDK puts in the place of what QuickJS lacks, inside of an inferlet: `tests/javascript/platform.ts` looks at it.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::javascript;

fn run() -> Output {
    javascript::prepare();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/javascript/platform.ts");
    let mut command = javascript::bakery();
    command.env_clear().env("BAKERY_CACHE_DIR", javascript::cache()).arg("run").arg(program);
    let output = command.stdin(Stdio::null()).output().expect("bakery is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn expected() -> Value {
    let permits =
        "the manifest permits no hosts: list them under `[permissions]` in `Pie.toml`, as `network`";
    json!({
        "timers": { "order": ["at once", "again", "early", "again", "late"], "elapsed": 29.5 },
        "giving_up": {
            "waited": "TimeoutError: the time is over",
            "given": "AbortError: it was aborted",
            "heard": ["first", "second"],
        },
        "values": {
            "url": "https://example.com/b?x=1&y=%20#top",
            "parameters": [["x", "1"], ["y", " "]],
            "copy": 5,
            "text": "é🍞",
            "base64": "abc",
            "isRandom": true,
            "isUuid": true,
            "words": 8,
        },
        "files": {
            "text": "bread 🍞",
            "size": 10,
            "names": [["er", true]],
            "missing": "Error: ENOENT: no such file or directory, open '/scratch/none'",
            "outside": "Error: EPERM: operation not permitted, open '/etc/passwd' (an inferlet has the files below `/scratch`)",
            "left": [],
        },
        "network": {
            "fetch": format!("TypeError: GET https://example.com/: {permits}"),
            "short": format!("TypeError: GET ftp://a/: {permits}"),
        },
        "many": "all",
        "engine": {
            "half": "a\u{fffd}b",
            "events": ["text", "text", "text", "text", "done"],
            "released": "InferletError: this context has been released: it cannot be used any more",
            "wrong": "InferletError: token ids are whole numbers from 0, not `1.5` (at index 0)",
            "sampler": "InferletError: `k` is a whole number from 0 to 2147483647, not `-1`",
        },
    })
}

#[test]
fn what_of_the_web_platform_is_promised_works_inside_an_inferlet() {
    let output = run();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let (printed, answer) = stdout.trim_end().rsplit_once('\n').expect("it prints and answers");
    assert_eq!(printed, "this has 7 parts { a: [ 1, 2n ] }\nno end");
    assert_eq!(serde_json::from_str::<Value>(answer).expect("the answer is JSON"), expected());
    assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), "Map(1) { \"a\" => Set(1) { 1 } }");
}

#[test]
fn a_program_that_waits_for_ever_is_told_the_line_in_which_it_waits() {
    javascript::prepare();
    let never = "const never = () => new Promise(() => {});\n";
    let cases = [
        ("export const main = () => new Promise(() => {});\n".to_owned(), 1),
        (format!("{never}async function inner() {{\n  const value = 1;\n  await never();\n  return value;\n}}\nexport async function main() {{\n  await inner();\n}}\n"), 4),
        (format!("{never}export async function main() {{\n  setTimeout(() => {{}}, 5);\n  await Promise.all([\n    1,\n    never(),\n  ]);\n}}\n"), 4),
        ("import { messaging } from 'inferlet';\n\nexport async function main() {\n  console.log(1);\n  await messaging.pull('x');\n}\n".to_owned(), 5),
    ];
    for (source, line) in cases {
        let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
        let program = folder.path().join("main.js");
        std::fs::write(&program, &source).expect("the folder is new");
        let built = folder.path().join("main.wasm");
        let build = javascript::bakery().arg("build").arg(&program).arg("-o").arg(&built).output();
        assert!(build.expect("bakery is there").status.success(), "{source}");
        for what in [&program, &built] {
            let output = javascript::bakery().arg("run").arg(what).stdin(Stdio::null()).output();
            let output = output.expect("bakery is there");
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{stderr}");
            let wanted = format!(
                "stuck: the inferlet waits for something that cannot happen; the program was at `main.js`, line {line}"
            );
            assert!(stderr.contains(&wanted), "{source}\n{stderr}");
        }
    }
}
