//! Components with SpiderMonkey in them, made by componentize-js in a process of its own (`toolchain/javascript/spidermonkey`).
//!
//! It has no async functions of the component model, so `pie:core/wait` is not in its world: the SDK waits through pollables there. It starts the engine with the
//! clock and the random numbers of the machine, so the same sources do not give the same bytes; what a program sees of both comes from the run all the same.

use std::fs;
use std::path::Path;

use include_dir::Dir;

use super::link::World;
use crate::build::check::WIT;
use crate::build::run::write_atomically;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Life, Limits};
use crate::toolchain::javascript::spidermonkey::SpiderMonkey;

/// A component that begins with `script`.
///
/// # Errors
/// componentize-js refuses it.
pub fn make(
    spidermonkey: &SpiderMonkey,
    script: &str,
    world: World,
    env: &Environment,
    cache: &Path,
) -> Result<Vec<u8>> {
    let parent = cache.join("builds");
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", parent.display())).caused_by(error);
    fs::create_dir_all(&parent).map_err(unwritable)?;
    let work = tempfile::Builder::new().prefix(".spidermonkey-").tempdir_in(&parent).map_err(unwritable)?;
    let folder = work.path();
    write_interface(folder, world)?;
    write_atomically(&folder.join("program.js"), script.as_bytes())?;
    let limits = Limits { interrupt: Some(&env.interrupt), ..Limits::default() };
    process::watch(spidermonkey.command(env, folder), limits, &mut |_| Life::Moving).map_err(|error| {
        Error::failed("componentize-js cannot make a component of the program").caused_by(error)
    })?;
    fs::read(folder.join("program.wasm"))
        .map_err(|error| Error::bug("componentize-js has made nothing").caused_by(error))
}

/// Writes the interface of a program below a folder, with that of the engine as its dependencies.
fn write_interface(folder: &Path, world: World) -> Result<()> {
    write_atomically(&folder.join("wit/program.wit"), interface(world).as_bytes())?;
    let deps = folder.join("wit/deps");
    let packages = WIT.get_dir("deps").into_iter().flat_map(Dir::dirs);
    let files = packages.flat_map(Dir::files).map(|file| (file.path().to_owned(), file.contents()));
    // What lies in the folder itself is a package like the others.
    let own = WIT.files().filter(|file| file.path().extension().is_some_and(|extension| extension == "wit"));
    let own = own.map(|file| (Path::new("deps/pie-inferlet").join(file.path()), file.contents()));
    for (path, contents) in files.chain(own) {
        let below = path.strip_prefix("deps").unwrap_or(&path);
        write_atomically(&deps.join(below), contents)?;
    }
    Ok(())
}

/// The world of a program, as WIT.
fn interface(world: World) -> String {
    let network = if world.network { "include pie:inferlet/network;" } else { "" };
    let (own, export) = if world.responds {
        ("", "import wasi:http/types@0.2.12; export wasi:http/incoming-handler@0.2.12;")
    } else {
        ("interface run { run: func(input: string) -> result<string, string>; }\n", "export run;")
    };
    format!(
        "package pie:program;\n{own}world program {{ include pie:inferlet/inferlet; {network} {export} }}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_of_each_world_can_be_read() {
        for (network, responds) in [(false, false), (false, true), (true, false), (true, true)] {
            let folder = tempfile::tempdir().unwrap();
            write_interface(folder.path(), World { network, responds }).unwrap();
            let mut resolve = wit_parser::Resolve::default();
            let (package, _) = resolve.push_dir(folder.path().join("wit")).unwrap();
            let world = resolve.select_world(&[package], Some("program")).unwrap();
            let imports = &resolve.worlds[world].imports;
            let has = |name: &str| imports.keys().any(|key| resolve.name_world_key(key).starts_with(name));
            assert_eq!(has("wasi:http/outgoing-handler"), network);
            assert_eq!(has("wasi:http/types"), network || responds);
            assert!(has("pie:core/context") && !has("pie:core/wait"));
        }
    }
}
