//! `bakery new` from outside.

use snapbox::str;

use crate::support::World;

#[test]
fn a_project_is_made_and_the_next_commands_are_shown() {
    let world = World::new();
    world.bakery(["new", "my-agent", "--template", "chat"]).assert().success().stdout_eq("").stderr_eq(str![[]]);
    for file in ["Pie.toml", "Cargo.toml", "src/lib.rs", "README.md", "AGENTS.md", ".gitignore", ".vscode/settings.json"] {
        assert!(world.work().join("my-agent").join(file).is_file(), "{file} is missing");
    }
    assert_eq!(std::fs::read_dir(world.work()).unwrap().count(), 1, "something was left beside the project");
}

#[test]
fn the_first_template_is_taken_where_nobody_can_be_asked() {
    let world = World::new();
    world.bakery(["new", "x", "--quiet"]).assert().success().stdout_eq("").stderr_eq("");
    let manifest = std::fs::read_to_string(world.work().join("x/Pie.toml")).unwrap();
    assert!(manifest.contains("Greets somebody"), "{manifest}");
}

#[test]
fn an_empty_current_folder_can_become_the_project() {
    let world = World::new();
    world.bakery(["new", "--path", "."]).assert().success().stderr_eq(str![[]]);
    assert!(world.work().join("Pie.toml").is_file());
    world.bakery(["new", "--path", "."]).assert().code(2).stderr_eq(str![[]]);
}

#[test]
fn mistakes_are_explained_and_leave_nothing() {
    let world = World::new();
    world.bakery(["new"]).assert().code(2).stderr_eq(str![[]]);
    world.bakery(["new", "My Agent"]).assert().code(2).stderr_eq(str![[]]);
    world.bakery(["new", "agents/one"]).assert().code(2).stderr_eq(str![[]]);
    world.bakery(["new", "serde"]).assert().code(2).stderr_eq(str![[]]);
    world.bakery(["new", "x", "--template", "caht"]).assert().code(2).stderr_eq(str![[]]);
    world.bakery(["new", "x", "--lang", "python"]).assert().code(2).stderr_eq(str![[]]);
    world.write("taken/file", "mine");
    world.bakery(["new", "taken"]).assert().code(2).stderr_eq(str![[]]);
    assert_eq!(std::fs::read_dir(world.work()).unwrap().count(), 1);
}

#[test]
fn the_templates_are_listed() {
    World::new().bakery(["new", "--list"]).assert().success().stdout_eq(str![[]]).stderr_eq("");
}

#[test]
fn a_script_gets_documents() {
    let world = World::new();
    world.bakery(["new", "x", "--json"]).assert().success().stdout_eq(str![[]]).stderr_eq("");
    world.bakery(["new", "--list", "--json"]).assert().success().stdout_eq(str![[]]).stderr_eq("");
    world.bakery(["new", "x", "--json"]).assert().code(2).stdout_eq(str![[]]).stderr_eq("");
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_written_is_the_environments_fault() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.write("locked/inner/file", "");
    let locked = world.work().join("locked");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    let is_root = std::fs::write(locked.join("probe"), "").is_ok();
    if !is_root {
        world.bakery(["new", "x", "--path", "locked/x"]).assert().code(3);
    }
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
}
