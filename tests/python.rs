//! Programs in Python: run as they are, built, and what is said about their mistakes.

use std::path::Path;
use std::process::Output;

use bakery::environment::Environment;
use bakery::progress::Silent;
use bakery::toolchain::Network;

use crate::support::folder::{self, text};
use crate::support::python;

/// A folder with a program.
type Folder = folder::Folder<python::Python>;

/// What `main.py` answers.
#[track_caller]
fn answers(source: &str, arguments: &[&str], expected: &str) {
    let folder = Folder::new(&[("main.py", source)]);
    let output = folder.bakery(&[&["run", "main.py"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).trim_end(), expected);
}

/// `main.py` fails, with this exit code and all of these on standard error.
#[track_caller]
fn fails(source: &str, arguments: &[&str], code: i32, said: &[&str]) {
    let folder = Folder::new(&[("main.py", source)]);
    let output = folder.bakery(&[&["run", "main.py"], arguments].concat());
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for part in said {
        assert!(stderr.contains(part), "`{part}` is not in\n{stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// Runs a program of `tests/programs` in the dummy engine, with a message for it.
fn program(name: &str) -> Output {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs").join(name);
    let folder = Folder::new(&[("main.py", &std::fs::read_to_string(source).unwrap())]);
    folder.bakery(&["run", "main.py", "--send", "first"])
}

#[test]
fn every_row_of_the_reference_page_works_on_the_engine() {
    let output = program("reference.py");
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", text(&output.stderr));
    assert!(stdout.contains(r#"["about_contexts","about_generators","about_passes","about_grammars","about_adapters","about_formats","about_the_world"]"#), "{stdout}");
}

#[test]
fn every_row_of_the_older_readme_works_on_the_engine() {
    let output = program("older.py");
    let stdout = text(&output.stdout);
    assert!(output.status.success() && stdout.contains("done"), "{stdout}{}", text(&output.stderr));
}

const GREETER: &str = "from inferlet import Model\n\nasync def main(name: str, times: int = 2) -> dict:\n    return {'hello': [name] * times}\n";

#[test]
fn a_file_runs_with_parameters_from_its_type_hints() {
    answers(GREETER, &["--", "--name", "Ada"], r#"{"hello":["Ada","Ada"]}"#);
    answers(GREETER, &["--", "--name", "Ada", "--times", "1"], r#"{"hello":["Ada"]}"#);
    let line = ["main.py:3:15", "async def main(name: str, times: int = 2) -> dict:"];
    fails(GREETER, &["--", "--name", "Ada", "--times", "x"], 2, &["`times`", line[0], line[1]]);
    fails(GREETER, &[], 2, &["the parameter `name` is missing", line[0]]);
    fails(GREETER, &["--input", "{\"name\": 3}"], 2, &["`name`", line[0], line[1]]);
}

#[test]
fn a_changed_file_runs_as_it_is_now() {
    let folder = Folder::new(&[("main.py", "async def main(): return 1\n")]);
    assert_eq!(text(&folder.bakery(&["run", "main.py"]).stdout), "1\n");
    folder.write("main.py", "async def main(): return 2\n");
    assert_eq!(text(&folder.bakery(&["run", "main.py"]).stdout), "2\n");
}

#[test]
fn a_file_imports_from_beside_it_and_reads_data_of_its_packages() {
    let folder = Folder::new(&[
        (
            "main.py",
            "import words\nfrom pkg.inner import load\nasync def main(): return [words.GREETING, load()]\n",
        ),
        ("words.py", "GREETING = 'hello'\n"),
        ("pkg/__init__.py", ""),
        ("pkg/inner.py", "import pkgutil\ndef load(): return pkgutil.get_data('pkg', 'data.txt').decode()\n"),
        ("pkg/data.txt", "some data"),
    ]);
    let output = folder.bakery(&["run", "main.py"]);
    assert_eq!(text(&output.stdout), "[\"hello\",\"some data\"]\n", "{}", text(&output.stderr));
}

#[test]
fn a_project_with_a_src_folder_runs_and_names_its_entry() {
    let folder = Folder::new(&[
        (
            "pyproject.toml",
            "[project]\nname = \"my-agent\"\nversion = \"1.2\"\n[tool.bakery]\nentry = \"src/my_agent/app.py\"\n",
        ),
        ("src/my_agent/__init__.py", "VERSION = 3\n"),
        ("src/my_agent/app.py", "from . import VERSION\nasync def main(): return VERSION\n"),
    ]);
    let output = folder.bakery(&["run", ".", "--json"]);
    let stdout = text(&output.stdout);
    assert!(stdout.contains(r#""program":"my-agent""#), "{stdout}{}", text(&output.stderr));
    assert!(stdout.contains(r#""ok":"3""#) || stdout.contains("3"), "{stdout}");
}

#[test]
fn a_program_without_a_main_is_told_what_to_define() {
    fails("import json\n", &[], 1, &["`main.py`", "async def main(input)"]);
    fails("def helper():\n    pass\n", &[], 1, &["`main.py`, line 1", "`helper`"]);
}

#[test]
fn a_main_that_is_not_async_is_named_with_its_line() {
    fails("\n\ndef main(input):\n    return 1\n", &[], 1, &["`main.py`, line 3", "async def"]);
}

#[test]
fn a_result_that_is_no_json_is_named_with_its_place() {
    fails("async def main():\n    return {'a': [object()]}\n", &[], 1, &["`main.py`, line 1", "`a[0]`"]);
    fails("async def main():\n    return float('nan')\n", &[], 1, &["nan"]);
}

#[test]
fn a_syntax_error_has_its_line() {
    fails("async def main():\n    x = = 1\n", &[], 1, &["`main.py`, line 2"]);
}

#[test]
fn an_import_that_is_not_there_has_its_line() {
    fails(
        "import json\nimport no_such_thing\nasync def main(): pass\n",
        &[],
        1,
        &["line 2", "no_such_thing"],
    );
}

#[test]
fn an_exception_is_the_error_and_its_traceback_is_shown() {
    fails(
        "async def main():\n    raise ValueError('no flour')\n",
        &[],
        1,
        &["File \"main.py\", line 2, in main", "raise ValueError('no flour')", "no flour"],
    );
}

#[test]
fn an_endless_loop_ends_at_the_limit_of_fuel() {
    fails("async def main():\n    while True: pass\n", &[], 1, &["fuel", "`main.py`, line 2, in `main`"]);
    let source = "import json\n\ndef spin(n):\n    while n:\n        n = json.loads(str(n + 1))\n\nasync def main():\n    spin(1)\n";
    fails(source, &[], 1, &["fuel", "`main.py`, line 5, in `spin`"]);
}

#[test]
fn a_list_that_is_too_large_is_an_error_of_the_program() {
    fails(
        "async def main():\n    return len([0] * 10**9)\n",
        &[],
        1,
        &["error", "`main.py`, line 2: MemoryError"],
    );
    let source =
        "async def main():\n    parts = []\n    while True:\n        parts.append([0] * 1_000_000)\n";
    fails(source, &[], 1, &["error", "`main.py`, line 4: MemoryError"]);
}

#[test]
fn a_program_asks_hosts_that_its_manifest_lists_and_no_others() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut buffer = [0; 4096];
        while !asked.ends_with(b"{\"loaves\":2}") {
            let count = std::io::Read::read(&mut stream, &mut buffer).unwrap();
            assert!(count > 0, "the request is cut off: {}", text(&asked));
            asked.extend_from_slice(&buffer[..count]);
        }
        let response =
            "HTTP/1.1 201 Created\r\nx-oven: hot\r\ncontent-length: 8\r\nconnection: close\r\n\r\n{\"ok\":1}";
        std::io::Write::write_all(&mut stream, response.as_bytes()).unwrap();
        text(&asked)
    });
    let manifest = format!(
        "[package]\nname = \"baker\"\nversion = \"0.1.0\"\n[permissions]\nnetwork = [\"{address}\"]\n[parameters]\nurl = \"string\"\n"
    );
    let source = "from inferlet import InferletError, http\n\nasync def main(url: str):\n    \
                  made = (await http.post(url, json={'loaves': 2}, headers={'x-shop': 'a'}, timeout=5)).success()\n    \
                  try:\n        await http.get('http://elsewhere.example/')\n    except InferletError as error:\n        refused = str(error)\n    \
                  return [made.status, made.header('X-Oven'), made.json(), refused]\n";
    let folder = Folder::new(&[("Pie.toml", &manifest), ("main.py", source)]);
    let output =
        folder.bakery_with_tools(&["run", ".", "--", "--url", &format!("http://{address}/orders?today")]);
    let stdout = text(&output.stdout);
    assert!(
        stdout.starts_with("[201,\"hot\",{\"ok\":1},\"GET http://elsewhere.example/: "),
        "{stdout}{}",
        text(&output.stderr)
    );
    assert!(stdout.contains("`network`"), "{stdout}");
    let asked = server.join().unwrap();
    assert!(asked.starts_with("POST /orders?today HTTP/1.1\r\n") && asked.contains("x-shop: a"), "{asked}");
    fails(
        "from inferlet import http\nasync def main():\n    await http.get('http://a.example/')\n",
        &[],
        1,
        &["main.py\", line 3", "`[permissions]`"],
    );
}

#[test]
fn a_value_that_does_not_fit_the_interface_is_an_error_that_a_program_can_catch() {
    let source = "from inferlet import Context, InferletError, Model, Sampler, messaging\n\nasync def main():\n    \
                  model = Model.load('default')\n    said = []\n    for attempt in [\n        \
                  lambda: model.tokenizer().decode([-5]),\n        \
                  lambda: Context(model).user('\\ud800'),\n        \
                  lambda: messaging.push(7, 'a'),\n        \
                  lambda: Context(model).user('a').cue().generate(Sampler.top_k(1.0, 2**40), max_tokens=1).collect_text(),\n    \
                  ]:\n        try:\n            await attempt()\n        except InferletError as error:\n            said.append(str(error))\n    \
                  return said\n";
    let expected = [
        "`tokens` of `Tokenizer.decode` takes an integer from 0 to 4294967295, and not `-5`",
        r"`message` of `user` takes a text without halves of characters, and not `'\\ud800'`",
        "`topic` of `push` takes a text, and not `7`",
        "`sampler` of `ForwardPass.sampler` takes an integer from 0 to 4294967295, and not `1099511627776`",
    ];
    let expected = format!("[{}]", expected.map(|text| format!("\"{text}\"")).join(","));
    answers(source, &[], &expected);
}

#[test]
fn a_program_responds_to_requests_at_once_or_piece_by_piece_and_its_mistakes_are_responses() {
    let manifest = r#"
[package]
name = "oven"
version = "0.1.0"

[[test]]
name = "value"
request = { path = "/value?a=1", headers = { x-shop = "mill" } }
expect = { status = 200, equals = '["GET","/value","a=1","mill"]' }

[[test]]
name = "pieces"
request = { path = "/pieces", body = '["rye","spelt"]' }
expect = { status = 200, equals = "rye;spelt;" }

[[test]]
name = "mistake"
request = { path = "/mistake" }
expect = { status = 500, contains = "`main.py`, line 13: ZeroDivisionError" }

[[test]]
name = "said"
request = { path = "/said" }
expect = { status = 500, equals = "no flour\n" }

[[test]]
name = "status"
request = { path = "/status" }
expect = { status = 500 }
"#;
    let source = r#"from inferlet import http

@http.handler
async def handle(request: http.IncomingRequest):
    if request.path == "/value":
        return [request.method, request.path, request.query, request.header("X-Shop")]
    if request.path == "/pieces":
        async def write(body: http.BodyWriter) -> None:
            for piece in request.json(list[str]):
                await body.write(piece + ";")
        return http.OutgoingResponse(write=write)
    if request.path == "/mistake":
        return 1 / 0
    if request.path == "/status":
        return http.OutgoingResponse(99999)
    raise ValueError("no flour")
"#;
    let folder = Folder::new(&[("Pie.toml", manifest), ("main.py", source)]);
    let output = folder.bakery(&["test"]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    let output = folder.bakery(&["run", "."]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("responds to HTTP requests"), "{}", text(&output.stderr));
    let both = "from inferlet import http\n@http.handler\nasync def f(request): ...\nasync def main(): ...\n";
    let folder = Folder::new(&[("main.py", both)]);
    let output = folder.bakery(&["build", "main.py"]);
    assert!(
        text(&output.stderr).contains("line 4: there are `main` and a handler"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_program_launches_many_of_its_own_kind() {
    let manifest = "[package]\nname = \"many\"\nversion = \"0.1.0\"\n[parameters]\nn = \"int\"\n[dependencies]\nmany = { path = \".\" }\n";
    let source = "import asyncio\nfrom inferlet import launch\nasync def main(n: int) -> int:\n    if n == 0:\n        \
                  await asyncio.sleep(1)\n        return 1\n    \
                  return sum(await asyncio.gather(*(launch('many', {'n': 0}).answer() for _ in range(n))))\n";
    let folder = Folder::new(&[("Pie.toml", manifest), ("main.py", source)]);
    // More than there are places for at once: the others stand in line.
    let output = folder.bakery(&["run", ".", "--", "--n", "100"]);
    assert_eq!(text(&output.stdout), "100\n", "{}", text(&output.stderr));
}

#[test]
fn a_build_has_manifest_and_provenance_and_does_nothing_twice() {
    let folder = Folder::new(&[("main.py", GREETER)]);
    let built = folder.bakery_with_tools(&["build", "main.py", "--json"]);
    assert!(built.status.success(), "{}", text(&built.stderr));
    let document: serde_json::Value = serde_json::from_slice(&built.stdout).unwrap();
    assert_eq!((&document["fresh"], &document["name"]), (&false.into(), &"main".into()));
    let again = folder.bakery_with_tools(&["build", "main.py", "--json"]);
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&again["fresh"], &again["digest"]), (&true.into(), &document["digest"]));
    let wasm = std::fs::read(document["path"].as_str().unwrap()).unwrap();
    let manifest = bakery::build::embedded_manifest(&wasm).unwrap().unwrap();
    assert!(manifest.contains("times = { type = \"int\", default = 2 }"), "{manifest}");
    let provenance = bakery::build::sections::find(&wasm, bakery::build::sections::PROVENANCE).unwrap();
    assert!(text(provenance).contains("componentize-py"), "{}", text(provenance));

    let elsewhere = Folder::new(&[("main.py", GREETER)]);
    let other = elsewhere.bakery_with_tools(&["build", "main.py", "--json"]);
    let other: serde_json::Value = serde_json::from_slice(&other.stdout).unwrap();
    assert_eq!(other["digest"], document["digest"], "the same sources in another folder give the same bytes");
}

#[test]
fn a_runtime_and_sources_give_the_same_bytes_in_every_cache_and_share_the_code_of_the_interpreter() {
    let source = "import random, time\nNAMES = list({'Ada', 'Grace', 'Alan'})\nLUCK = random.random(), time.time()\n\
                  async def main(): return [NAMES, LUCK]\n";
    let build = |folder: &Folder, cache: &Path| -> serde_json::Value {
        let mut command = python::bakery();
        let output = folder.finished(command.env("BAKERY_CACHE_DIR", cache), &["build", "main.py", "--json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    python::prepare();
    let first = build(&Folder::new(&[("main.py", source)]), &python::cache());
    // A cache that has the runtime, and nothing that was built with it.
    let other = tempfile::tempdir().unwrap();
    for part in ["languages", "code"] {
        let copy = other.path().join(part);
        std::fs::create_dir(&copy).unwrap();
        let entries = python::cache().join(part).read_dir().unwrap().map(Result::unwrap);
        for entry in entries.filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    let folder = Folder::new(&[("main.py", source)]);
    let second = build(&folder, other.path());
    assert_eq!((&second["fresh"], &second["digest"]), (&false.into(), &first["digest"]));
    let codes = || other.path().join("code").read_dir().unwrap().count();
    let before = codes();
    let mut command = python::bakery();
    let ran = folder.finished(
        command.env_clear().env("BAKERY_CACHE_DIR", other.path()),
        &["run", second["path"].as_str().unwrap()],
    );
    assert!(text(&ran.stdout).contains("Grace"), "{}", text(&ran.stderr));
    assert_eq!(codes(), before + 1, "the libraries that the component is linked from were compiled before");
}

#[test]
fn two_runtimes_that_were_made_from_nothing_at_different_times_and_places_are_the_same_bytes() {
    use bakery::build::python::shared;
    use bakery::build::python::wrapper::World;
    python::prepare();
    let world = World { network: false, responds: false };
    let provide = |env: &Environment| {
        let shared = shared::provide(env, world, Network::Allowed, &Silent).expect("it can be made");
        std::fs::read(shared.path).expect("it has been made")
    };
    let first = provide(&python::environment());
    // Another file system too, where there is one: its folders have another order and other sizes.
    let elsewhere = ["/dev/shm", "/tmp"].map(Path::new).into_iter().find(|path| path.is_dir());
    let elsewhere = elsewhere.map_or_else(std::env::temp_dir, Path::to_owned);
    let cache = tempfile::tempdir_in(elsewhere).unwrap();
    std::fs::create_dir(cache.path().join("toolchains")).unwrap();
    std::fs::create_dir(cache.path().join("tmp")).unwrap();
    // What it is made with is pinned by its digest, and need not be fetched again.
    let toolchain = "toolchains/python";
    #[cfg(unix)]
    std::os::unix::fs::symlink(python::cache().join(toolchain), cache.path().join(toolchain)).unwrap();
    let env = python::environment()
        .with_variable("BAKERY_CACHE_DIR", cache.path())
        .with_variable("TMPDIR", cache.path().join("tmp"));
    let second = provide(&env);
    assert!(first.len() > 10 << 20, "{} bytes", first.len());
    let different = first.iter().zip(&second).filter(|(one, other)| one != other).count();
    assert_eq!((first.len(), different), (second.len(), 0));
}

#[test]
fn a_program_that_does_not_build_shows_the_line() {
    let folder = Folder::new(&[("main.py", "import json\nimport no_such_thing\n\nasync def main(): pass\n")]);
    let output = folder.bakery_with_tools(&["build", "main.py"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for part in ["main.py:2:1", "import no_such_thing", "pyproject.toml"] {
        assert!(stderr.contains(part), "`{part}` is not in\n{stderr}");
    }
}
