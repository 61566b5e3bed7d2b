use super::layout::Artifact;
use super::*;
use crate::project::{Language, Manifest};
use crate::toolchain::{Origin, Version};

fn project(build: &str) -> Project {
    let text = format!("[package]\nname = \"hello\"\nversion = \"0.1.0\"\n[build]\n{build}");
    Project {
        root: "/w/hello".into(),
        manifest_path: "/w/hello/Pie.toml".into(),
        manifest: Manifest::parse(&text, "Pie.toml").unwrap(),
        manifest_text: text,
        language: Language::Rust,
        file: None,
    }
}

fn ground(sdk: Sdk, rustc: Option<&str>) -> Ground {
    let version = "rustc 1.96.0\ncommit-hash: abc\nhost: h\nrelease: 1.96.0\n";
    Ground {
        toolchain: Toolchain {
            cargo: "/rust/bin/cargo".into(),
            rustc: rustc.map(PathBuf::from),
            version: Version::parse(version).unwrap(),
            sysroot: "/rust/usr".into(),
            origin: Origin::Installed,
            witnesses: vec![],
        },
        layout: Layout {
            workspace: "/w".into(),
            target: "/w/target".into(),
            package: "path+file:///w/hello#0.1.0".into(),
            manifest: "/w/hello/Cargo.toml".into(),
            artifact: Artifact { kind: Kind::Library, name: "hello".into() },
            sdk,
            members: vec![],
        },
    }
}

fn plan(project: &Project, ground: &Ground, options: &Options, variables: &[(&str, &str)]) -> Recipe {
    let env = Environment::new(variables.iter().copied(), "/w");
    recipe(&env, project, ground, &Config::default(), options, Path::new("/cache"))
}

fn cargo(recipe: &Recipe) -> &Invocation {
    let run = recipe
        .steps
        .iter()
        .find_map(|step| if let Step::Run(invocation) = step { Some(invocation) } else { None });
    run.expect("cargo is run")
}

#[test]
fn a_plan_is_commands_that_can_be_pasted() {
    let recipe = plan(&project(""), &ground(Sdk::Carried, Some("/rust/bin/rustc")), &Options::default(), &[]);
    let sdk = sdk::digest().short();
    let text = recipe.to_string().replace(sdk, "DIGEST");
    insta::assert_snapshot!(text, @r#"
    1. put the SDK at `/w/target/inferlets/sdk-DIGEST`
       it is unpacked in `/cache/sdk/DIGEST`
    2. run in `/w/hello`
       RUSTC=/rust/bin/rustc \
       /rust/bin/cargo build --manifest-path /w/hello/Cargo.toml --package 'path+file:///w/hello#0.1.0' --lib --target wasm32-wasip2 --profile release --message-format json-render-diagnostics --config 'patch.crates-io.inferlet.path="/w/target/inferlets/sdk-DIGEST/inferlet"' --config 'target.wasm32-wasip2.rustflags=["--remap-path-prefix=/rust/usr/lib/rustlib/src/rust=/rustc/abc", "--remap-path-prefix=/w=.", "--remap-path-scope=object"]'
       makes `/w/target/wasm32-wasip2/release/hello.wasm`
    3. check `/w/target/wasm32-wasip2/release/hello.wasm`
       embed `/w/hello/Pie.toml` and write `/w/target/inferlets/hello.wasm`
    "#);
}

#[test]
fn a_project_that_says_where_the_sdk_is_is_left_alone() {
    let recipe = plan(&project(""), &ground(Sdk::Own, None), &Options::default(), &[]);
    assert_eq!(recipe.steps.len(), 2);
    assert!(!cargo(&recipe).arguments.iter().any(|argument| argument.contains("patch")));
    assert!(cargo(&recipe).variables.is_empty(), "the user's own compiler is not named");
}

#[test]
fn profiles_features_and_switches_reach_cargo() {
    let project = project("profile = \"small\"\nfeatures = [\"a\", \"b\"]\ndefault-features = false\n");
    let options = Options { locked: true, network: Network::Forbidden, quiet: true, ..Options::default() };
    let recipe = plan(&project, &ground(Sdk::Own, None), &options, &[]);
    let line = cargo(&recipe).arguments.join(" ");
    assert!(line.contains("--profile small --message-format"), "{line}");
    assert!(line.contains("--features a,b --no-default-features --locked --offline --quiet"), "{line}");
    assert_eq!(cargo(&recipe).outputs, [PathBuf::from("/w/target/wasm32-wasip2/small/hello.wasm")]);
}

#[test]
fn the_command_line_is_stronger_than_the_manifest() {
    let options =
        Options { profile: Some("dev".into()), output: Some("/out/x.wasm".into()), ..Options::default() };
    let recipe = plan(&project("profile = \"small\""), &ground(Sdk::Own, None), &options, &[]);
    assert!(cargo(&recipe).arguments.join(" ").contains("--profile dev "));
    assert_eq!(cargo(&recipe).outputs, [PathBuf::from("/w/target/wasm32-wasip2/debug/hello.wasm")]);
    assert_eq!(recipe.output, Path::new("/out/x.wasm"));
}

#[test]
fn flags_of_the_user_in_a_variable_are_passed_on_with_ours() {
    let recipe =
        plan(&project(""), &ground(Sdk::Own, None), &Options::default(), &[("RUSTFLAGS", "-Copt-level=1")]);
    let flags = &cargo(&recipe).variables["CARGO_ENCODED_RUSTFLAGS"];
    assert!(flags.starts_with("-Copt-level=1\u{1f}--remap-path-prefix="), "{flags}");
    assert!(!cargo(&recipe).arguments.iter().any(|argument| argument.contains("rustflags")));
}

#[test]
fn a_program_is_asked_for_by_its_name() {
    let mut ground = ground(Sdk::Own, None);
    ground.layout.artifact = Artifact { kind: Kind::Program, name: "my-tool".into() };
    let recipe = plan(&project(""), &ground, &Options::default(), &[]);
    assert!(cargo(&recipe).arguments.join(" ").contains("--bin my-tool --target"));
    assert_eq!(cargo(&recipe).outputs, [PathBuf::from("/w/target/wasm32-wasip2/release/my-tool.wasm")]);
}
