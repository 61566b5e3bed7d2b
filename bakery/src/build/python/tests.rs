use super::*;

fn world(files: &[(&str, &str)]) -> (tempfile::TempDir, Environment) {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        run::write_atomically(&root.path().join("p").join(name), text.as_bytes()).unwrap();
    }
    let cache = root.path().join("cache");
    let env = Environment::new([("BAKERY_CACHE_DIR", cache.as_os_str())], root.path());
    (root, env)
}

const MAIN: (&str, &str) = ("main.py", "async def main(name: str): return name\n");

#[test]
fn a_plan_names_every_step_before_anything_is_there() {
    let (root, env) = world(&[
        MAIN,
        (
            "pyproject.toml",
            "[project]\nname = \"my-agent\"\nversion = \"1.0\"\ndependencies = [\"attrs\", \"inferlet\"]\n",
        ),
    ]);
    let project = Project::discover(Path::new("p"), root.path()).unwrap();
    let recipe = plan(&project, &Options::default(), &env).unwrap();
    let shown = recipe.to_string();
    for part in [
        "provide componentize-py",
        "`attrs`",
        "bakery.lock",
        "main.py",
        "--world pie:python/program",
        "my-agent.wasm",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert!(!shown.contains("`inferlet`"), "{shown}");
    assert!(!root.path().join("cache").exists(), "a plan writes nothing");
}

#[test]
fn profiles_outputs_and_manifests_are_remembered_apart() {
    let (root, env) = world(&[MAIN]);
    let mut project = Project::discover(Path::new("p"), root.path()).unwrap();
    let key = |project: &Project, options: &Options| Build::new(project, options, &env).unwrap().key;
    let plain = key(&project, &Options::default());
    assert_ne!(key(&project, &Options { profile: Some("dev".into()), ..Options::default() }), plain);
    assert_ne!(key(&project, &Options { output: Some("/o".into()), ..Options::default() }), plain);
    assert_eq!(key(&project, &Options { quiet: true, ..Options::default() }), plain);
    project.manifest_text.push_str("\n# other");
    assert_ne!(key(&project, &Options::default()), plain);
}
