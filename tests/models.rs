//! `bakery model`: random models, names, and downloads from a server of the tests' own.

use std::path::{Path, PathBuf};

use pie_engine::model::source::random::{Format, Recipe};
use pie_engine::model::source::{Architecture, Limits, Source};
use serde_json::Value;
use snapbox::cmd::Command;
use snapbox::str;

use crate::support::folder::{self, text};
use crate::support::hub::{Fault, Hub, checksum};
use crate::support::{World, javascript};

/// A Hugging Face folder as files of a repository, and what nobody needs.
fn folder() -> Vec<(&'static str, Vec<u8>)> {
    let made = tempfile::tempdir().unwrap();
    Recipe::new(Architecture::Llama).write(made.path()).unwrap();
    let read = |name| (name, std::fs::read(made.path().join(name)).unwrap());
    let names = [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
    ];
    names.map(read).into_iter().chain([("README.md", b"bread".to_vec())]).collect()
}

/// A GGUF file.
fn gguf() -> Vec<u8> {
    let made = tempfile::tempdir().unwrap();
    let format = Format::gguf("q8_0").unwrap();
    let path = made.path().join("x.gguf");
    Recipe { format, ..Recipe::new(Architecture::Qwen3) }.write(&path).unwrap();
    std::fs::read(path).unwrap()
}

/// `bakery` that knows the server.
fn with(world: &World, hub: &Hub, arguments: &[&str]) -> Command {
    world.bakery(arguments).env("HF_ENDPOINT", hub.endpoint())
}

fn repository(world: &World) -> PathBuf {
    world.work().join("../home/.cache/huggingface/hub/models--ada--bread")
}

/// The parts of files that are not whole, with their lengths.
fn parts(world: &World) -> Vec<u64> {
    let entries = std::fs::read_dir(repository(world).join("blobs")).into_iter().flatten().flatten();
    let parts = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "incomplete"));
    parts.map(|entry| entry.metadata().unwrap().len()).collect()
}

fn file_requests(hub: &Hub) -> Vec<String> {
    hub.asked().into_iter().filter(|asked| asked.starts_with("/large/")).collect()
}

#[test]
fn a_repository_is_fetched_once_listed_shown_and_removed() {
    let (world, hub) = (World::new(), Hub::start(folder()));
    world.bakery(["model", "list"]).assert().success().stderr_eq("").stdout_eq(str![[r#"
tiny  [..] MB, part of bakery

"#]]);
    with(&world, &hub, &["model", "pull", "hf:ada/bread", "--name", "rye"])
        .assert()
        .success()
        .stdout_eq("")
        .stderr_eq(str![[r#"
fetching tokenizer.json
fetching tokenizer_config.json
fetching generation_config.json
fetching config.json
fetching model.safetensors
       Named `hf:ada/bread`: `rye`

"#]]);
    let snapshot = repository(&world).join("snapshots").join(crate::support::hub::COMMIT);
    let mut names: Vec<_> =
        std::fs::read_dir(&snapshot).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json"
        ]
    );
    for (name, contents) in folder().iter().filter(|(name, _)| *name != "README.md") {
        assert_eq!(&std::fs::read(snapshot.join(name)).unwrap(), contents, "{name}");
        assert!(repository(&world).join("blobs").join(checksum(contents)).is_file(), "{name}");
    }
    hub.asked();
    with(&world, &hub, &["model", "pull", "hf:ada/bread"]).assert().success();
    assert_eq!(hub.asked(), ["/api/models/ada/bread/revision/main?blobs=true"]);
    // What is here needs no server.
    let shown = world.bakery(["model", "show", "rye", "--json"]).output().unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&shown["architecture"], &shown["layers"]), (&"llama".into(), &2.into()));
    assert!(shown["path"].as_str().unwrap().ends_with(crate::support::hub::COMMIT), "{shown}");
    world.bakery(["model", "list"]).assert().success().stderr_eq("").stdout_eq(str![[r#"
tiny          [..] MB, part of bakery
rye           hf:ada/bread
hf:ada/bread  [..] kB

"#]]);
    world.bakery(["model", "remove", "hf:ada/bread"]).assert().success().stderr_eq(str![[r#"
     Removed `hf:ada/bread`, [..] kB

"#]]);
    assert!(!repository(&world).exists());
    world.bakery(["model", "remove", "rye"]).assert().success().stderr_eq("     Removed the name `rye`\n");
    world.bakery(["model", "remove", "rye"]).assert().code(2).stderr_eq(str![[r#"
error: no model has the name `rye`
   hint: bakery model list

"#]]);
}

#[test]
fn a_download_that_breaks_off_is_gone_on_with_from_where_it_was() {
    let contents = gguf();
    let third = contents.len() / 3 + 1;
    let (world, hub) = (World::new(), Hub::start([("rye.gguf", contents)]));
    hub.fault(Fault::Cut(third));
    with(&world, &hub, &["model", "pull", "hf:ada/bread"]).assert().success();
    let twice = 2 * third;
    assert_eq!(
        file_requests(&hub),
        [
            "/large/rye.gguf".to_owned(),
            format!("/large/rye.gguf from {third}"),
            format!("/large/rye.gguf from {twice}")
        ]
    );
    assert_eq!(parts(&world), Vec::<u64>::new());
}

#[test]
fn a_server_that_gives_whole_files_only_is_asked_for_a_whole_one() {
    let contents = gguf();
    let (world, hub) = (World::new(), Hub::start([("rye.gguf", contents.clone())]));
    let blobs = repository(&world).join("blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(format!("{}.incomplete", checksum(&contents))), b"something else").unwrap();
    hub.fault(Fault::NoParts);
    with(&world, &hub, &["model", "pull", "hf:ada/bread"]).assert().success();
    assert_eq!(file_requests(&hub), ["/large/rye.gguf from 14"]);
}

#[test]
fn a_file_with_another_checksum_is_not_kept() {
    let (world, hub) = (World::new(), Hub::start([("rye.gguf", gguf())]));
    hub.fault(Fault::Wrong);
    with(&world, &hub, &["model", "pull", "hf:ada/bread"]).assert().code(3).stderr_eq(str![[r#"
fetching rye.gguf
error: `rye.gguf` of `hf:ada/bread` cannot be fetched
  cause: its checksum is [..], and the server says [..]
   hint: bakery model pull hf:ada/bread

"#]]);
    assert_eq!(std::fs::read_dir(repository(&world).join("blobs")).unwrap().count(), 0);
    hub.fault(Fault::None);
    with(&world, &hub, &["model", "pull", "hf:ada/bread"]).assert().success();
}

#[test]
fn a_server_that_stays_busy_is_given_up_after_some_attempts() {
    let (world, hub) = (World::new(), Hub::start([("rye.gguf", gguf())]));
    hub.fault(Fault::Busy);
    with(&world, &hub, &["model", "pull", "hf:ada/bread"]).assert().code(3).stderr_eq(str![[r#"
fetching rye.gguf
error: `rye.gguf` of `hf:ada/bread` cannot be fetched
  cause: the server answered 503 Service Unavailable
   hint: bakery model pull hf:ada/bread

"#]]);
    assert_eq!(file_requests(&hub).len(), 5);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_part_that_the_next_pull_goes_on_with() {
    let contents = gguf();
    let (world, hub) = (World::new(), Hub::start([("rye.gguf", contents)]));
    hub.fault(Fault::Stall(6000));
    let mut pull = std::process::Command::new(env!("CARGO_BIN_EXE_bakery"));
    pull.env_clear().env("HOME", world.work().join("../home")).env("HF_ENDPOINT", hub.endpoint());
    let mut pull = pull.args(["model", "pull", "hf:ada/bread"]).current_dir(world.work()).spawn().unwrap();
    let arrived = || parts(&world) == [6000];
    assert!((0..3000).any(|_| arrived() || {
        std::thread::sleep(std::time::Duration::from_millis(10));
        false
    }));
    let id = rustix::process::Pid::from_child(&pull);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(pull.wait().unwrap().code(), Some(130));
    assert_eq!(parts(&world), [6000]);
    // A part is no model.
    world.bakery(["model", "show", "hf:ada/bread", "--offline"]).assert().code(3);
    hub.asked();
    hub.fault(Fault::None);
    with(&world, &hub, &["model", "pull", "hf:ada/bread"]).assert().success();
    assert_eq!(file_requests(&hub), ["/large/rye.gguf from 6000"]);
}

#[test]
fn a_token_goes_to_the_server_and_not_to_where_it_sends_for_large_files() {
    let (world, hub) = (World::new(), Hub::start([("rye.gguf", gguf())]));
    hub.fault(Fault::Private);
    with(&world, &hub, &["model", "pull", "hf:ada/bread"]).assert().code(3).stderr_eq(str![[r#"
error: `hf:ada/bread` cannot be looked up
  cause: the server answered 401 Unauthorized: it is not there, or is not for everybody
   hint: if the repository is not public: export HF_TOKEN=…

"#]]);
    hub.fault(Fault::None);
    hub.asked();
    with(&world, &hub, &["model", "pull", "hf:ada/bread"]).env("HF_TOKEN", "crumbs").assert().success();
    let asked = hub.asked();
    let with_token: Vec<bool> = asked.iter().map(|asked| asked.ends_with(" as Bearer crumbs")).collect();
    assert_eq!(with_token, [true, true, false], "{asked:?}");
}

#[test]
fn nothing_is_fetched_offline_and_several_models_have_to_be_told_apart() {
    let files = [("rye-Q8_0.gguf", gguf()), ("rye-Q4_K.gguf", gguf())];
    let (world, hub) = (World::new(), Hub::start(files));
    with(&world, &hub, &["model", "show", "hf:ada/bread:rye-Q8_0.gguf", "--offline"])
        .assert()
        .code(3)
        .stderr_eq(str![[r#"
error: `hf:ada/bread:rye-Q8_0.gguf` is not here, and nothing may be fetched
   hint: bakery model pull hf:ada/bread:rye-Q8_0.gguf

"#]]);
    let show = |model: &str| with(&world, &hub, &["model", "show", model]);
    show("hf:ada/bread").env("HF_HUB_OFFLINE", "1").assert().code(3);
    assert_eq!(hub.asked(), Vec::<String>::new());
    show("hf:ada/bread").assert().code(2).stderr_eq(str![[r#"
error: `hf:ada/bread` has several models; say which
   hint: hf:ada/bread:rye-Q4_K.gguf
   hint: hf:ada/bread:rye-Q8_0.gguf

"#]]);
    show("hf:ada/bread:rye-Q8_0.gguf").assert().success();
    show("hf:ada/bread:rye-Q8_0.gguf").env("HF_HUB_OFFLINE", "1").assert().success();
    show("hf:ada/bread:rye").assert().code(2).stderr_eq(str![[r#"
error: `hf:ada/bread` has no `rye`

"#]]);
    show("hf:ada/cake").assert().code(3).stderr_eq(str![[r#"
error: `hf:ada/cake` cannot be looked up
  cause: the server answered 404 Not Found
   hint: if the repository is not public: export HF_TOKEN=…

"#]]);
    show("hf:ada").assert().code(2).stderr_eq(str![[r#"
error: `hf:ada` is no model of a server
  cause: expected `hf:owner/repo`, `hf:owner/repo:file` or `hf:owner/repo@revision`

"#]]);
}

#[test]
fn a_random_model_of_each_architecture_is_made_in_either_format_and_the_same_each_time() {
    let world = World::new();
    let open = |path: &str| Source::open(&world.work().join(path), "made", &Limits::default()).unwrap();
    for architecture in Architecture::ALL {
        let name = architecture.name();
        let make = |out: &str, more: &[&str]| {
            let out = out.to_owned();
            world
                .bakery(["model", "random", "--arch", name, "--out", &out, "--seed", "3"])
                .args(more)
                .assert()
                .success();
            out
        };
        let (one, other) = (make(&format!("{name}-1"), &[]), make(&format!("{name}-2"), &[]));
        assert_eq!(open(&one).digest, open(&other).digest, "{name}");
        let gguf = make(&format!("{name}.gguf"), &["--format", "gguf", "--type", "q8_0"]);
        let gguf = open(&gguf);
        assert_eq!(gguf.config.layers, open(&one).config.layers);
        assert_eq!(gguf.numbers()[0].kind, "Q8_0", "{name}");
    }
    world.bakery(["model", "show", "./qwen3_moe-1"]).assert().success().stderr_eq("").stdout_eq(str![[r#"
name         qwen3_moe-1
path         [..]
architecture qwen3_moe, 2 layers, 2 of 4 experts
shape        64 wide, 4 heads of 16, 2 for keys and values, MLP 128
weights      [..] in [..] MB, tensors [..] in F32
context      2048 tokens
vocabulary   320 of 320 rows
chat         messages
digest       [..]

"#]]);
}

#[test]
fn what_cannot_be_made_is_said_before_anything_is_written() {
    let world = World::new();
    let make = |arguments: &[&str]| {
        world.bakery(["model", "random", "--arch", "llama", "--out", "m"]).args(arguments).assert()
    };
    make(&["--type", "q4_0"]).code(2).stderr_eq(str![[r#"
error: there are no numbers of the type `q4_0` in such files; there are `f32`, `f16`, `bf16`

"#]]);
    make(&["--kv-heads", "3"]).code(2).stderr_eq(str![[r#"
error: such a model cannot be made
  cause: `the recipe`: `num_key_value_heads` is 3, which does not divide 4 heads

"#]]);
    make(&["--rope", "dynamic", "--format", "gguf"]).code(2).stderr_eq(str![[r#"
making m
error: such a model cannot be made
  cause: `the recipe`: `rope_scaling` `dynamic` cannot be said in GGUF

"#]]);
    assert_eq!(std::fs::read_dir(world.work()).unwrap().count(), 0);
    make(&[]).success().stdout_eq("").stderr_eq(str![[r#"
making m
        Made `m`, a `llama` of [..] weights

"#]]);
    make(&[]).code(2).stderr_eq(str![[r#"
error: `m` is there already
   hint: give `--out` another name

"#]]);
}

#[test]
fn a_path_gets_a_name_and_a_model_too_large_for_memory_is_refused() {
    let world = World::new();
    world.bakery(["model", "random", "--arch", "granite", "--out", "weights/m"]).assert().success();
    world.bakery(["model", "pull", "weights/m", "--name", "mine"]).assert().success().stderr_eq(str![[r#"
       Named `[..]/weights/m`: `mine`

"#]]);
    world.bakery(["model", "show", "mine"]).assert().success();
    world.bakery(["model", "show", "mine"]).env("BAKERY_MODEL_MEMORY", "100000").assert().code(3).stderr_eq(
        str![[r#"
error: the model `mine` cannot be opened
  cause: `mine` does not fit into memory: its weights take [..] bytes, and 100000 are available
   hint: BAKERY_MODEL_MEMORY=BYTES says how much it may take

"#]],
    );
    spoil(&world.work().join("weights/m/model.safetensors"));
    world.bakery(["model", "show", "mine"]).assert().code(2).stderr_eq(str![[r#"
error: the model `mine` cannot be opened
  cause: `[..]/weights/m/model.safetensors` is cut off: tensor `[..]` would end at byte [..], and the file has [..]

"#]]);
}

/// Cuts a file in half.
fn spoil(path: &Path) {
    let contents = std::fs::read(path).unwrap();
    std::fs::write(path, &contents[..contents.len() / 2]).unwrap();
}

/// An example that has several contexts at once, on a model with weights; its trace.
fn trace(world: &World, model: &str, threads: &str, pages: &str) -> String {
    javascript::prepare();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/parallel-generation-typescript");
    let trace = world.work().join("trace.jsonl");
    let output = javascript::bakery()
        .arg("run")
        .arg(example)
        .args(["--model", model, "--pages", pages, "--threads", threads, "--trace"])
        .arg(&trace)
        .current_dir(world.work())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read_to_string(trace).unwrap()
}

#[test]
fn a_run_on_weights_leaves_the_same_trace_on_any_number_of_threads() {
    let world = World::new();
    for (name, arguments) in [
        ("folder", &["--arch", "qwen3"][..]),
        ("blocks.gguf", &["--arch", "llama", "--format", "gguf", "--type", "q4_k", "--hidden", "256"][..]),
    ] {
        world.bakery(["model", "random", "--out", name].iter().chain(arguments)).assert().success();
        let model = format!("./{name}");
        let expected = trace(&world, &model, "1", "4096");
        assert!(expected.contains(r#""kernel":"cpu "#), "{}", &expected[..expected.len().min(2000)]);
        assert!(trace(&world, &model, "2", "4096") == expected, "{name} on two threads");
    }
}

/// An inferlet that generates eight tokens and answers with them.
fn generating() -> Vec<u8> {
    let text = include_str!("../pie-engine/tests/guests/generate.wat").replace("SAMPLES", "8");
    wat::parse_str(text).expect("the guest is valid")
}

#[test]
fn an_inferlet_runs_beside_weights_of_either_format_and_leaves_the_same_trace_each_time() {
    let world = World::new();
    world.write("generate.wasm", generating());
    let make = |out: &str, more: &[&str]| {
        world.bakery(["model", "random", "--arch", "qwen3", "--out", out]).args(more).assert().success();
    };
    make("folder", &[]);
    make("m.gguf", &["--format", "gguf", "--type", "f32"]);
    let run = |model: &str, trace: &str| {
        let arguments = ["run", "generate.wasm", "--model", model, "--trace", trace];
        let output = world.bakery(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: Vec<u32> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer.len(), 8);
        (answer, std::fs::read_to_string(world.work().join(trace)).unwrap())
    };
    let (one, again, gguf) = (run("./folder", "1"), run("./folder", "2"), run("m.gguf", "3"));
    assert_eq!(one, again);
    assert_eq!(one.0, gguf.0, "the numbers are the same");
    let header: Value = serde_json::from_str(one.1.lines().next().unwrap()).unwrap();
    assert!(header.to_string().contains("\"folder\""), "{header}");
    for (form, kernel) in
        [("auto", "cache f32"), ("f32", "cache f32"), ("f16", "cache f16"), ("int8", "cache int8")]
    {
        let arguments = ["run", "generate.wasm", "--model", "./folder", "--kv-cache", form, "--trace", "t"];
        world.bakery(arguments).assert().success();
        let trace = std::fs::read_to_string(world.work().join("t")).unwrap();
        assert!(trace.lines().next().is_some_and(|header| header.contains(kernel)), "{form}: {trace}");
    }
    let scripted = ["run", "generate.wasm", "--model", "./folder", "--script", "s.toml"];
    world.bakery(scripted).assert().code(2).stderr_eq(str![[r#"
error: `./folder` has weights, and takes no script of replies
   hint: --model dummy

"#]]);
}

#[test]
fn an_inferlet_runs_beside_several_models() {
    let folder = folder::Folder::<javascript::JavaScript>::new(&[(
        "main.ts",
        r#"
import { Context, Model, Sampler, runtime } from "inferlet";

async function say(name: string): Promise<string> {
  using context = new Context(Model.load(name));
  context.user("Hello");
  return await context.generate(Sampler.argmax(), { maxTokens: 4 }).collectText();
}

export async function main() {
  const together = await Promise.all(["default", "m"].map(say));
  const alone = [await say("dummy"), await say("m")];
  let refused = "";
  try {
    Model.load("n");
  } catch (error) {
    refused = String(error);
  }
  return { models: runtime.models(), same: together.join() === alone.join(), refused };
}
"#,
    )]);
    let made = folder.bakery(&["model", "random", "--arch", "qwen3", "--out", "m.gguf", "--format", "gguf"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let output = folder.bakery(&["run", "main.ts", "--with-model", "m.gguf", "--trace", "t.jsonl"]);
    assert_eq!(
        text(&output.stdout),
        concat!(
            r#"{"models":["dummy","m"],"same":true,"#,
            r#""refused":"InferletError: no model `n` is loaded; there are `default` and `dummy`, `m`"}"#,
            "\n"
        ),
        "{}",
        text(&output.stderr)
    );
    let trace = std::fs::read_to_string(folder.path("t.jsonl")).unwrap();
    let header: Value = serde_json::from_str(trace.lines().next().unwrap()).unwrap();
    assert_eq!(header["others"][0]["model"], "m", "{header}");
    let twice = folder.bakery(&["run", "main.ts", "--with-model", "dummy"]);
    assert_eq!(twice.status.code(), Some(3));
    assert_eq!(
        text(&twice.stderr),
        "error: the engine cannot start\n  cause: two models have the name `dummy`, and an inferlet could load only one of them\n"
    );
}
