//! Installed inferlets: `bakery install`, `list`, `uninstall`, and what is launched by name.

use bakery::build::sections::{MANIFEST, embed};
use snapbox::str;

use crate::build;
use crate::support::{World, guest};

/// A component with a manifest in it.
fn with_manifest(wasm: &[u8], name: &str, version: &str, more: &str) -> Vec<u8> {
    let manifest = format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\n{more}");
    embed(wasm, &[(MANIFEST, manifest.as_bytes())])
}

/// `worker`, which answers with its input.
fn worker(version: &str, more: &str) -> Vec<u8> {
    with_manifest(&guest::echoing_as("worker"), "worker", version, more)
}

/// `boss`, which launches a program.
fn boss(program: &str, input: &str, more: &str) -> Vec<u8> {
    with_manifest(&guest::launching("boss", program, input), "boss", "0.1.0", more)
}

#[test]
fn an_installed_inferlet_is_listed_run_by_its_name_and_removed() {
    let world = World::new();
    world.write("worker.wasm", worker("1.2.0", ""));
    world.write("newer.wasm", worker("1.10.0", "[parameters]\n"));
    world.bakery(["list"]).assert().success().stdout_eq("").stderr_eq(str![[r#"
       Empty nothing is installed; `bakery install` does it

"#]]);
    world.bakery(["install", "worker.wasm"]).assert().success().stdout_eq("").stderr_eq(str![[r#"
   Installed `worker` 1.2.0

"#]]);
    world.bakery(["install", "worker.wasm"]).assert().success().stderr_eq(str![[r#"
       Fresh `worker` 1.2.0

"#]]);
    world.bakery(["install", "newer.wasm"]).assert().success();
    world.bakery(["list"]).assert().success().stderr_eq("").stdout_eq(str![[r#"
worker  1.2.0
worker  1.10.0

"#]]);
    // The newest takes nothing, the older one anything.
    world.bakery(["run", "worker"]).assert().success().stdout_eq("{}\n");
    world.bakery(["run", "worker@=1.2.0", "--", "--a", "1"]).assert().success().stdout_eq("{\"a\":1}\n");
    world.bakery(["uninstall", "worker@<1.5"]).assert().success().stderr_eq(str![[r#"
     Removed `worker` 1.2.0

"#]]);
    world.bakery(["uninstall", "worker@1.2.0"]).assert().success();
    world.bakery(["uninstall", "workers"]).assert().code(2).stderr_eq(str![[r#"
error: no `workers` is installed
   hint: bakery list

"#]]);
}

#[test]
fn other_bytes_of_an_installed_version_are_refused_unless_forced() {
    let world = World::new();
    world.write("one.wasm", worker("1.0.0", ""));
    world.write("other.wasm", worker("1.0.0", "[parameters]\n"));
    world.bakery(["install", "one.wasm"]).assert().success();
    world.bakery(["install", "other.wasm"]).assert().code(2).stderr_eq(str![[r#"
error: `worker` 1.0.0 is installed, and is not the same
   hint: give it another version in `Pie.toml`, or replace it with `--force`

"#]]);
    world.bakery(["install", "other.wasm", "--force"]).assert().success();
    world.bakery(["uninstall", "worker@2"]).assert().code(2).stderr_eq(str![[r#"
error: no `worker` of version `^2` is installed, only `1.0.0`

"#]]);
}

#[test]
fn what_is_no_inferlet_is_not_installed() {
    let world = World::new();
    world.write("bare.wasm", guest::echoing());
    world.write("misnamed.wasm", with_manifest(&guest::echoing(), "worker", "1.0.0", ""));
    world.write("garbage.wasm", "garbage");
    world.bakery(["install", "bare.wasm"]).assert().code(2).stderr_eq(str![[r#"
error: `bare.wasm` has no manifest, which says its name and version
   hint: components that `bakery build` makes have one

"#]]);
    for file in ["misnamed.wasm", "garbage.wasm", "absent.wasm"] {
        world.bakery(["install", file]).assert().code(2);
    }
    world.bakery(["list", "--json"]).assert().success().stdout_eq(str![[r#"
{"type":"inferlets","inferlets":[]}

"#]]);
}

#[test]
fn a_dependency_is_launched_from_the_store_with_its_input_checked_and_completed() {
    let world = World::new();
    let takes = "[parameters]\nn = { type = \"int\", max = 9 }\nby = { type = \"int\", default = 2 }\n";
    world.write("worker.wasm", worker("1.0.0", takes));
    let depends = "[dependencies]\nworker = \"1\"\n";
    world.write("good.wasm", boss("worker", r#"{"n": 1}"#, depends));
    world.write("wrong.wasm", boss("worker@1", r#"{"n": 10}"#, depends));
    world.write("late.wasm", boss("worker@2", "{}", depends));
    world.write("foreign.wasm", boss("baker", "{}", depends));
    world.write("lonely.wasm", boss("worker", "{}", ""));
    world.bakery(["run", "good.wasm"]).assert().code(2).stderr_eq(str![[r#"
error: `boss` depends on `worker`, which cannot be launched
  cause: there is no inferlet `worker` in the store
   hint: put its folder beside this one, or install it: `bakery install PATH/TO/worker`

"#]]);
    world.bakery(["install", "worker.wasm"]).assert().success();
    world.bakery(["run", "good.wasm"]).assert().success().stdout_eq("{\"n\":1,\"by\":2}\n").stderr_eq("");
    let fails = |file: &str| {
        let output = world.bakery(["run", file]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    snapbox::assert_data_eq!(
        fails("wrong.wasm"),
        str![[r#"
error: the inferlet returned an error: `worker` does not take this input: the parameter `n` must be a whole number of at most 9, not `10`

"#]]
    );
    snapbox::assert_data_eq!(
        fails("late.wasm"),
        str![[r#"
error: the inferlet returned an error: there is no `worker` of version `^2` to launch; there is `1.0.0`

"#]]
    );
    snapbox::assert_data_eq!(
        fails("foreign.wasm"),
        str![[r#"
error: the inferlet returned an error: there is no `baker` to launch; `[dependencies]` in its manifest has `worker`

"#]]
    );
    snapbox::assert_data_eq!(
        fails("lonely.wasm"),
        str![[r#"
error: the inferlet returned an error: this inferlet may launch no others: its manifest has no `[dependencies]`

"#]]
    );
}

#[test]
fn the_failure_of_a_child_that_nobody_waits_for_is_told() {
    let world = World::new();
    world
        .write("worker.wasm", with_manifest(&guest::failing_as("worker", "no flour"), "worker", "1.0.0", ""));
    world.bakery(["install", "worker.wasm"]).assert().success();
    let depends = "[dependencies]\nworker = \"1\"\n";
    let boss = |component: &[u8]| with_manifest(component, "boss", "0.1.0", depends);
    world.write("leaves.wasm", boss(&guest::leaving("boss", "worker")));
    world.bakery(["run", "leaves.wasm"]).assert().success().stdout_eq("").stderr_eq(str![[r#"
[worker i2] failed, and nobody waited for it: no flour

"#]]);
    // Who waits is told, and says what it likes.
    world.write("waits.wasm", boss(&guest::launching("boss", "worker", "{}")));
    world.bakery(["run", "waits.wasm"]).assert().code(1).stderr_eq(str![[r#"
error: the inferlet returned an error: no flour

"#]]);
}

#[test]
fn a_component_may_launch_itself_and_stops_at_the_limit_of_depth() {
    let world = World::new();
    let depends = "[dependencies]\nboss = \"0.1\"\n";
    world.write("boss.wasm", boss("boss", "{}", depends));
    world.bakery(["run", "boss.wasm"]).assert().code(1).stderr_eq(str![[r#"
error: the inferlet returned an error: over the `depth` limit: 9 generations wanted, 8 allowed

"#]]);
}

/// What a run of a project with this dependency says.
fn says(world: &World, dependency: &str) -> String {
    let manifest = format!("[package]\nname = \"tiny\"\nversion = \"0.1.0\"\n[dependencies]\n{dependency}\n");
    world.write("shop/tiny/Pie.toml", manifest);
    let output = build::bakery(world, &["run", "shop/tiny", "--quiet"]).output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_dependency_is_at_its_path_or_beside_the_project_and_may_be_the_project_itself() {
    let world = World::new();
    build::tiny(&world, "shop/tiny");
    // What this project answers is no JSON; that it runs at all says that its dependencies were found.
    let runs = "error: the inferlet returned an error: the inferlet answered with text that is not JSON";
    for found in ["tiny = \"0.1\"", "tiny = { version = \"0.1\", path = \".\" }"] {
        let said = says(&world, found);
        assert!(said.starts_with(runs), "{found}: {said}");
    }
    world.write(
        "elsewhere/Pie.toml",
        "[package]\nname = \"worker\"\nversion = \"2.0.0\"\n[build]\nlanguage = \"rust\"\n",
    );
    let cases = [
        ("tiny = \"2\"", "  cause: `tiny` is there as `0.1.0`, and `^2` is wanted\n"),
        ("baker = \"1\"", "  cause: there is no inferlet `baker` beside it or in the store\n"),
        (
            "worker = { version = \"1\", path = \"../../elsewhere\" }",
            "  cause: the inferlet in `../../elsewhere` is 2.0.0, not `^1`\n",
        ),
        (
            "baker = { version = \"2\", path = \"../../elsewhere\" }",
            "  cause: the inferlet in `../../elsewhere` is `worker`, not `baker`\n",
        ),
        ("baker = { version = \"2\", path = \"../none\" }", "  cause: there is no `../none`\n"),
    ];
    for (dependency, cause) in cases {
        let said = says(&world, dependency);
        assert!(said.contains(cause), "{dependency}: {said}");
    }
    build::tiny(&world, "shop/twin");
    let said = says(&world, "tiny = \"0.1\"");
    assert!(said.contains("there are two of this name: "), "{said}");
}
