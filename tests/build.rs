//! `bakery build` with a real compiler: what it makes, that it does nothing twice, that it misses nothing, and what it says when it cannot.
//!
//! The compiler is the one that bakery finds or provides for the person who runs the tests, in their own cache; everything else is the test's own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use snapbox::cmd::Command;

use crate::support::World;
use bakery::build::{check, embedded_manifest, sections};
use bakery::environment::Environment;

/// Variables that a compiler and its downloads may need.
const KEPT: [&str; 8] = [
    "PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
    "NO_PROXY",
];

/// The surroundings of the tests themselves.
static SURROUNDINGS: LazyLock<Environment> = LazyLock::new(|| Environment::read().unwrap());

/// A cache of the tests' own, but for the compilers.
static CACHE: LazyLock<PathBuf> = LazyLock::new(|| {
    let toolchains = SURROUNDINGS.cache_dir().unwrap().join("toolchains");
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    for folder in [&toolchains, &cache] {
        fs::create_dir_all(folder).unwrap();
    }
    let link = cache.join("toolchains");
    if fs::read_link(&link).ok().as_deref() != Some(&*toolchains) {
        let _ = fs::remove_file(&link);
        #[cfg(unix)]
        std::os::unix::fs::symlink(&toolchains, &link).unwrap();
    }
    cache
});

/// The section in which a core module says what component it is to become, for the interface of inferlets.
static COMPONENT_TYPE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut resolve = wit_parser::Resolve::default();
    let text = "package pie:tiny;\ninterface run { run: func(input: string) -> result<string, string>; }\nworld w { export run; }";
    let package = resolve.push_source("tiny.wit", text).unwrap();
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    wit_component::metadata::encode(&resolve, world, wit_component::StringEncoding::UTF8, None).unwrap()
});

/// `bakery` with these arguments and a compiler at hand.
pub fn bakery(world: &World, arguments: &[&str]) -> Command {
    world.bakery(arguments).envs(variables())
}

/// The variables with which bakery finds or provides a compiler.
pub fn variables() -> Vec<(&'static str, OsString)> {
    let home = |name: &str, folder: &str| {
        let named = SURROUNDINGS.variable(name).map(OsString::from);
        named.or_else(|| Some(SURROUNDINGS.home()?.join(folder).into()))
    };
    let kept = KEPT.iter().filter_map(|name| Some((*name, SURROUNDINGS.variable(name)?.into())));
    let homes = [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")];
    let homes = homes.into_iter().filter_map(|(name, folder)| Some((name, home(name, folder)?)));
    kept.chain(homes).chain([("BAKERY_CACHE_DIR", CACHE.as_os_str().to_owned())]).collect()
}

/// What a build that succeeds says of its component.
#[track_caller]
fn built(command: Command) -> Value {
    let output = command.args(["--json", "--quiet"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&[output.stdout, output.stderr].concat()));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a build that fails says, and its exit code.
#[track_caller]
fn refused(command: Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn is_fresh(document: &Value) -> bool {
    document["fresh"].as_bool().unwrap()
}

fn component(document: &Value) -> Vec<u8> {
    fs::read(document["path"].as_str().unwrap()).unwrap()
}

/// An inferlet without the SDK and without a single dependency, so that it compiles in a moment.
pub fn tiny(world: &World, folder: &str) {
    let manifest = "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    [lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n";
    world.write(&format!("{folder}/Cargo.toml"), manifest);
    world.write(&format!("{folder}/Pie.toml"), "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\n");
    world.write(&format!("{folder}/src/lib.rs"), tiny_source("\"hello\""));
}

/// Its source, with an expression that it prints.
fn tiny_source(greeting: &str) -> String {
    let bytes = &*COMPONENT_TYPE;
    format!(
        "#[unsafe(link_section = \"component-type:tiny\")]\n#[used]\nstatic WORLD: [u8; {length}] = {bytes:?};\n\n\
         #[unsafe(export_name = \"pie:tiny/run#run\")]\n\
         pub extern \"C\" fn run(_input: *mut u8, _length: usize) -> *const usize {{\n    \
         static OK: [usize; 3] = [0; 3];\n    println!(\"{{}}\", {greeting});\n    OK.as_ptr()\n}}\n",
        length = bytes.len(),
    )
}

/// One thing that happens to a project between two builds.
struct Event {
    what: &'static str,
    happen: fn(&World),
    is_fresh: bool,
}

const fn leaves_nothing_to_do(what: &'static str, happen: fn(&World)) -> Event {
    Event { what, happen, is_fresh: true }
}

const fn is_noticed(what: &'static str, happen: fn(&World)) -> Event {
    Event { what, happen, is_fresh: false }
}

/// In this order: what is written stays.
const EVENTS: [Event; 15] = [
    is_noticed("the first build", |_| {}),
    leaves_nothing_to_do("nothing", |_| {}),
    leaves_nothing_to_do("a touch", |world| {
        let file = fs::File::options().write(true).open(world.work().join("tiny/src/lib.rs")).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(5)).unwrap();
    }),
    leaves_nothing_to_do("a file that nobody asked for", |world| {
        drop(world.write("tiny/src/unused.rs", "!"))
    }),
    is_noticed("a changed line", |world| drop(world.write("tiny/src/lib.rs", tiny_source("\"HELLO\"")))),
    is_noticed("a new module", |world| {
        world.write("tiny/src/lib.rs", tiny_source("words::GREETING") + "mod words;\n");
        world.write("tiny/src/words.rs", "pub const GREETING: &str = \"good day\";\n");
    }),
    is_noticed("a change in the module", |world| {
        drop(world.write("tiny/src/words.rs", "pub const GREETING: &str = \"good night\";\n"));
    }),
    is_noticed("a component that was deleted", |world| {
        fs::remove_file(world.work().join("tiny/target/inferlets/tiny.wasm")).unwrap();
    }),
    is_noticed("a component that was overwritten", |world| {
        drop(world.write("tiny/target/inferlets/tiny.wasm", "not ours"));
    }),
    is_noticed("a manifest that says more", |world| {
        let text = "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\ndescription = \"small\"\n";
        drop(world.write("tiny/Pie.toml", text));
    }),
    is_noticed("settings of cargo's in a folder above", |world| {
        drop(world.write(".cargo/config.toml", "[profile.release]\nopt-level = 1\n"));
    }),
    is_noticed("a lock file that is gone", |world| {
        fs::remove_file(world.work().join("tiny/Cargo.lock")).unwrap()
    }),
    is_noticed("a build script that appears", |world| drop(world.write("tiny/build.rs", "fn main() {}\n"))),
    is_noticed("any file at all, since the build script does not say what it reads", |world| {
        drop(world.write("tiny/data.txt", "1"));
    }),
    leaves_nothing_to_do("nothing, to the end", |_| {}),
];

#[test]
fn a_build_does_nothing_twice_and_misses_nothing() {
    let world = World::new();
    tiny(&world, "tiny");
    for Event { what, happen, is_fresh: expected } in EVENTS {
        happen(&world);
        let document = built(bakery(&world, &["build", "tiny"]));
        assert_eq!(is_fresh(&document), expected, "after {what}");
        check(&component(&document), None).unwrap();
    }
}

#[test]
fn a_variable_that_the_program_was_compiled_with_is_noticed() {
    let world = World::new();
    tiny(&world, "tiny");
    world
        .write("tiny/src/lib.rs", tiny_source("option_env!(\"GREETING\").unwrap_or(\"nobody said a word\")"));
    let build = |greeting: &str| built(bakery(&world, &["build", "tiny"]).env("GREETING", greeting));
    let silent = build("");
    let loud = build("HELLO THERE");
    assert!(!is_fresh(&loud));
    assert_ne!(silent["digest"], loud["digest"]);
    assert!(is_fresh(&build("HELLO THERE")));
}

#[test]
fn a_component_carries_its_manifest_and_how_it_was_made() {
    let world = World::new();
    tiny(&world, "tiny");
    let document = built(bakery(&world, &["build", "tiny", "-o", "out/other.wasm"]));
    assert_eq!(document["path"].as_str().unwrap(), world.work().join("out/other.wasm").to_str().unwrap());
    let wasm = component(&document);
    let manifest = embedded_manifest(&wasm).unwrap().unwrap();
    assert_eq!(manifest, fs::read_to_string(world.work().join("tiny/Pie.toml")).unwrap());
    let provenance: Value =
        serde_json::from_slice(sections::find(&wasm, sections::PROVENANCE).unwrap()).unwrap();
    assert_eq!(provenance["target"], "wasm32-wasip2");
    assert_eq!(provenance["profile"], "release");
    assert!(provenance["compiler"].as_str().unwrap().starts_with("rustc 1."), "{provenance}");
    assert_eq!(provenance["sources"].as_str().unwrap().len(), 64, "{provenance}");
}

/// A project as `bakery new` makes it: the SDK comes from the registry as far as cargo is told.
fn with_the_sdk(world: &World, folder: &str) {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello-rust");
    let read = |name: &str| fs::read_to_string(example.join(name)).unwrap();
    let manifest = "[package]\nname = \"hello-rust\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    [lib]\ncrate-type = [\"cdylib\"]\n\
                    [dependencies]\ninferlet = \"0.1\"\nserde = { version = \"1\", features = [\"derive\"] }\n\
                    words = { path = \"words\" }\n\
                    [workspace]\nmembers = [\"words\"]\n\
                    [profile.release]\nopt-level = 1\n";
    world.write(&format!("{folder}/Cargo.toml"), manifest);
    world.write(
        &format!("{folder}/words/Cargo.toml"),
        "[package]\nname = \"words\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    let words = "pub fn here() -> &'static str { std::panic::Location::caller().file() }\n";
    world.write(&format!("{folder}/words/src/lib.rs"), words);
    world.write(&format!("{folder}/Pie.toml"), read("Pie.toml"));
    let source = read("src/lib.rs").replace("ctx.cue()", "ctx.user(words::here()).cue()");
    world.write(&format!("{folder}/src/lib.rs"), source);
}

#[test]
fn two_clones_give_the_same_component_wherever_they_and_the_cache_lie() {
    let build = |folder: &str, cache: &Path| {
        let world = World::new();
        with_the_sdk(&world, folder);
        let document = built(bakery(&world, &["build", folder]).env("BAKERY_CACHE_DIR", cache));
        let wasm = component(&document);
        for path in [&*world.work(), cache, SURROUNDINGS.home().unwrap()] {
            let path = path.to_str().unwrap().as_bytes();
            assert!(
                !wasm.windows(path.len()).any(|bytes| bytes == path),
                "{}",
                String::from_utf8_lossy(path)
            );
        }
        wasm
    };
    let elsewhere = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(CACHE.join("toolchains"), elsewhere.path().join("toolchains")).unwrap();
    let one = build("one", &CACHE);
    let two = build("somewhere/else entirely", elsewhere.path());
    assert!(one == two, "{} and {} bytes differ", one.len(), two.len());
}

#[test]
fn workspaces_programs_features_profiles_and_target_folders_are_the_projects_own() {
    let world = World::new();
    let source = tiny_source("GREETING")
        + "#[cfg(not(feature = \"loud\"))]\ncompile_error!(\"not loud\");\nconst GREETING: &str = \"LOUD\";\nfn main() {}\n";
    world.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"a\", \"b\"]\n[profile.small]\ninherits = \"release\"\n",
    );
    world.write(
        "a/Cargo.toml",
        "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[features]\nloud = []\n",
    );
    world.write("a/src/main.rs", source);
    world.write("b/Cargo.toml", "[package]\nname = \"b\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    world.write("b/src/lib.rs", "compile_error!(\"nobody asked for b\");\n");
    let manifest = "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\n[build]\nfeatures = [\"loud\"]\nprofile = \"small\"\n";
    world.write("a/Pie.toml", manifest);
    world.write(".cargo/config.toml", "[build]\ntarget-dir = \"made\"\n");
    let document = built(bakery(&world, &["build", "a"]));
    assert_eq!(
        document["path"].as_str().unwrap(),
        world.work().join("made/inferlets/tiny.wasm").to_str().unwrap()
    );
    assert_eq!(document["profile"], "small");
    assert!(world.work().join("made/wasm32-wasip2/small/tiny.wasm").is_file());
}

#[test]
fn a_program_that_does_not_compile_gets_what_cargo_says() {
    let world = World::new();
    tiny(&world, "tiny");
    world.write("tiny/src/lib.rs", "pub fn broken( {\n");
    let (code, text) = refused(bakery(&world, &["build", "tiny"]));
    assert_eq!(code, 1);
    assert!(text.contains("error: this file contains an unclosed delimiter\n --> src/lib.rs:"), "{text}");
    assert!(text.ends_with("error: `tiny` does not build\n"), "{text}");
    assert!(!world.work().join("tiny/target/inferlets/tiny.wasm").exists());
}

#[test]
fn a_program_without_an_entry_point_is_told_how_to_get_one() {
    let world = World::new();
    tiny(&world, "tiny");
    world.write("tiny/src/lib.rs", "#[unsafe(no_mangle)]\npub extern \"C\" fn other() { println!(\"x\") }\n");
    let (code, text) = refused(bakery(&world, &["build", "tiny"]));
    assert_eq!(code, 2);
    assert!(text.contains("the component is no inferlet: it does not export `run`"), "{text}");
    assert!(text.contains("#[inferlet::main]"), "{text}");
}

#[test]
fn a_manifest_of_another_inferlet_is_refused_and_the_old_component_stays() {
    let world = World::new();
    tiny(&world, "tiny");
    let before = component(&built(bakery(&world, &["build", "tiny"])));
    world.write("tiny/Pie.toml", "[package]\nname = \"other\"\nversion = \"0.1.0\"\n");
    let (code, text) = refused(bakery(&world, &["build", "tiny", "-o", "tiny/target/inferlets/tiny.wasm"]));
    assert_eq!(code, 2);
    assert!(text.contains("the manifest is of `other`, and the component is `tiny`"), "{text}");
    assert_eq!(fs::read(world.work().join("tiny/target/inferlets/tiny.wasm")).unwrap(), before);
}

#[test]
fn a_cargo_manifest_that_cannot_be_read_is_shown_as_cargo_shows_it() {
    let world = World::new();
    tiny(&world, "tiny");
    world.write("tiny/Cargo.toml", "[package]\nname = 1\n");
    let (code, text) = refused(bakery(&world, &["build", "tiny"]));
    assert_eq!(code, 2);
    assert!(text.contains("cargo cannot read `") && text.contains("name = 1"), "{text}");
}

#[test]
fn locked_and_offline_are_taken_at_their_word() {
    let world = World::new();
    tiny(&world, "tiny");
    let (code, text) = refused(bakery(&world, &["build", "tiny", "--locked"]));
    assert_eq!(code, 1);
    assert!(text.contains("--locked"), "{text}");
    built(bakery(&world, &["build", "tiny", "--offline"]));
    assert!(is_fresh(&built(bakery(&world, &["build", "tiny", "--locked"]))));
}

#[test]
fn several_bakeries_build_one_project_at_once() {
    let world = World::new();
    tiny(&world, "tiny");
    let digests: Vec<Value> = std::thread::scope(|scope| {
        let builds: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| built(bakery(&world, &["build", "tiny"]))["digest"].take()))
            .collect();
        builds.into_iter().map(|build| build.join().unwrap()).collect()
    });
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[test]
fn a_plan_is_printed_and_nothing_is_done() {
    let world = World::new();
    tiny(&world, "tiny");
    let output = bakery(&world, &["build", "tiny", "--plan"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(" build --manifest-path ") && text.contains("--target wasm32-wasip2"), "{text}");
    assert!(text.trim_end().ends_with("tiny/target/inferlets/tiny.wasm`"), "{text}");
    assert!(!world.work().join("tiny/target").exists());
}

#[test]
fn without_any_compiler_and_offline_the_error_says_what_to_type() {
    let world = World::new();
    tiny(&world, "tiny");
    let command = || world.bakery(["build", "tiny", "--offline"]).env("PATH", "/nowhere");
    let (code, text) = refused(command());
    assert_eq!(code, 3);
    assert!(text.contains("there is no Rust compiler for `wasm32-wasip2`"), "{text}");
    assert!(text.contains("rustup target add wasm32-wasip2"), "{text}");
    let plan = command().arg("--plan").output().unwrap();
    assert!(String::from_utf8(plan.stdout).unwrap().starts_with("1. provide a Rust compiler"));
}
