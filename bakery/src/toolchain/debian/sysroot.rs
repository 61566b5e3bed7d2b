//! Puts unpacked packages and the built library together into a compiler that works where it lies.
//!
//! `bin/` holds small scripts that find the packages' shared libraries by their own place, so the folder can be moved and nothing has to be set for whoever
//! calls them; `usr/` is the compiler's sysroot.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process;
use crate::progress::{Progress, Unit};
use crate::toolchain::TARGET;

/// Programs that get a script.
const PROGRAMS: [&str; 3] = ["cargo", "rustc", "rustdoc"];

/// Parts of the packages that no build needs; the source and the documentation are most of what they unpack to.
const NOT_NEEDED: [&str; 3] = ["usr/src", "usr/share", "usr/lib/debug"];

/// Parts of the packages that are not even unpacked: documentation, and of the compiler's source all but its libraries, some 40,000 files.
pub const NOT_UNPACKED: [&str; 2] = ["./usr/share", "./usr/src/*/[!l]*"];

/// A program for [`check`]: it needs the standard library, the C library and the linker.
const PROBE: &str = "#[unsafe(no_mangle)] pub extern \"C\" fn probe(n: u32) -> usize { println!(\"{n}\"); format!(\"{n:?}\").len() }\n";

/// Unpacks every package of a folder, but for what has one of the patterns in `without`.
///
/// # Errors
/// A package is damaged or the disk is full.
pub fn unpack(
    env: &Environment,
    debs: &Path,
    into: &Path,
    without: &[&str],
    progress: &dyn Progress,
) -> Result<()> {
    let entries = debs.read_dir().map_err(|error| unreadable(debs, error))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "deb"));
    files.sort();
    let task = progress.start("unpacking packages", Some(files.len() as u64), Unit::Items);
    for (done, file) in files.iter().enumerate() {
        let mut archive = env.command("dpkg-deb");
        archive.arg("--fsys-tarfile").arg(file);
        let mut tar = env.command("tar");
        tar.args(["-x", "--no-wildcards-match-slash"]);
        tar.args(without.iter().map(|pattern| format!("--exclude={pattern}"))).arg("-C").arg(into);
        process::pipe(archive, tar)?;
        task.reached(done as u64 + 1);
    }
    Ok(())
}

/// Writes the scripts of `bin/` and returns that folder.
///
/// # Errors
/// The folder cannot be written, or the packages have no compiler.
pub fn write_wrappers(toolchain: &Path) -> Result<PathBuf> {
    let bin = toolchain.join("bin");
    std::fs::create_dir_all(&bin).map_err(|error| unwritable(&bin, error))?;
    let libraries = shared_libraries(toolchain)?;
    for program in PROGRAMS {
        let script = bin.join(program);
        std::fs::write(&script, wrapper(program, std::slice::from_ref(&libraries)))
            .map_err(|error| unwritable(&script, error))?;
        make_executable(&script)?;
    }
    Ok(bin)
}

/// A script that starts `usr/bin/PROGRAM` with the packages' libraries, which are in these folders. It finds its place without starting another program.
pub fn wrapper(program: &str, libraries: &[String]) -> String {
    let libraries: Vec<String> = libraries.iter().map(|folder| format!("${{0%/*}}/../{folder}")).collect();
    let libraries = libraries.join(":");
    format!(
        "#!/bin/sh\n\
         # Written by bakery: starts a program of the packages in ../usr with their own libraries.\n\
         LD_LIBRARY_PATH=\"{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}\" exec \"${{0%/*}}/../usr/bin/{program}\" \"$@\"\n"
    )
}

/// The folder of shared libraries, relative to the toolchain: `usr/lib/x86_64-linux-gnu`.
fn shared_libraries(toolchain: &Path) -> Result<String> {
    let usr_lib = toolchain.join("usr/lib");
    let entries = usr_lib.read_dir().map_err(|error| unreadable(&usr_lib, error))?;
    let has_compiler = |folder: &Path| {
        let names = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.into_iter().any(|name| name.to_string_lossy().starts_with("librustc_driver-"))
    };
    let folder = entries.flatten().find(|entry| has_compiler(&entry.path()));
    folder
        .map(|folder| format!("usr/lib/{}", folder.file_name().to_string_lossy()))
        .ok_or_else(|| Error::environment(format!("no compiler in `{}`", usr_lib.display())))
}

/// Adds the target to the sysroot: the Rust libraries, the C library, and the linker under the name that the compiler looks for. Then removes what is not needed.
///
/// # Errors
/// A file is missing from the packages, or the disk is full.
pub fn add_target(toolchain: &Path, libraries: &Path, host: &str) -> Result<()> {
    let usr = toolchain.join("usr");
    let place = usr.join("lib/rustlib").join(TARGET).join("lib");
    let own = place.join("self-contained");
    std::fs::create_dir_all(&own).map_err(|error| unwritable(&own, error))?;
    let is_library = |name: &str| name.ends_with(".rlib") && !name.starts_with("libsysroot-");
    copy_files(libraries, &place, is_library)?;
    copy_files(&usr.join("lib").join(TARGET), &own, |name| name.ends_with(".o") || name.ends_with(".a"))?;
    link_linker(&usr, host)?;
    for folder in NOT_NEEDED {
        let folder = toolchain.join(folder);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| unwritable(&folder, error))?;
        }
    }
    Ok(())
}

fn copy_files(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let mut copied = 0;
    for entry in from.read_dir().map_err(|error| unreadable(from, error))?.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(&wanted) {
            std::fs::copy(entry.path(), to.join(&name)).map_err(|error| unwritable(to, error))?;
            copied += 1;
        }
    }
    if copied == 0 {
        return Err(Error::environment(format!(
            "`{}` has none of the files that are needed",
            from.display()
        )));
    }
    Ok(())
}

/// The component linker starts `rust-lld` from the compiler's own folder of tools.
fn link_linker(usr: &Path, host: &str) -> Result<()> {
    let lib = usr.join("lib");
    let entries = lib.read_dir().map_err(|error| unreadable(&lib, error))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut with_lld: Vec<String> =
        names.filter(|name| name.starts_with("llvm-") && lib.join(name).join("bin/lld").is_file()).collect();
    with_lld.sort();
    let newest =
        with_lld.pop().ok_or_else(|| Error::environment("the packages have no linker for WebAssembly"))?;
    let tools = lib.join("rustlib").join(host).join("bin");
    let link = tools.join("rust-lld");
    if link.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(&tools).map_err(|error| unwritable(&tools, error))?;
    symlink(&format!("../../../{newest}/bin/lld"), &link)
}

/// Compiles a small program for the target: what has been put together works, or nobody gets to see it.
///
/// # Errors
/// It does not compile; the cause is what the compiler said.
pub fn check(env: &Environment, bin: &Path, scratch: &Path) -> Result<()> {
    let source = scratch.join("probe.rs");
    std::fs::write(&source, PROBE).map_err(|error| unwritable(&source, error))?;
    let mut command = env.command(bin.join("rustc"));
    command.current_dir(scratch).args([
        "--edition=2024",
        "--crate-type=cdylib",
        "-Clto",
        "--target",
        TARGET,
        "probe.rs",
    ]);
    process::output(command)?;
    Ok(())
}

/// What cargo says of itself.
///
/// # Errors
/// It cannot be started: a shared library is missing.
pub fn cargo_version(env: &Environment, bin: &Path) -> Result<String> {
    let mut command = env.command(bin.join("cargo"));
    command.arg("--version");
    Ok(process::output(command)?.trim().to_owned())
}

/// Lets everybody run a file.
///
/// # Errors
/// It is not there, or somebody else's.
#[cfg(unix)]
pub fn make_executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
        .map_err(|error| unwritable(file, error))
}

#[cfg(unix)]
fn symlink(target: &str, link: &Path) -> Result<()> {
    std::os::unix::fs::symlink(target, link).map_err(|error| unwritable(link, error))
}

// Debian has no other kind of file system; the rest of bakery compiles anywhere.
#[cfg(not(unix))]
pub fn make_executable(_file: &Path) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn symlink(_target: &str, link: &Path) -> Result<()> {
    Err(unwritable(link, std::io::ErrorKind::Unsupported.into()))
}

pub fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::environment(format!("cannot write `{}`", path.display())).caused_by(error)
}

pub fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::environment(format!("cannot read `{}`", path.display())).caused_by(error)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A toolchain folder with these files, all empty.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        dir
    }

    #[test]
    fn a_wrapper_works_wherever_the_folder_is_moved_and_keeps_the_callers_libraries() {
        let dir = folder(&["a/usr/lib/arch/librustc_driver-1.so", "a/usr/bin/x"]);
        write_wrappers(&dir.path().join("a")).unwrap();
        let program = dir.path().join("a/usr/bin/rustc");
        std::fs::write(&program, "#!/bin/sh\necho \"$LD_LIBRARY_PATH\" \"$@\"\n").unwrap();
        make_executable(&program).unwrap();
        let moved = dir.path().join("moved here");
        std::fs::rename(dir.path().join("a"), &moved).unwrap();
        let env = Environment::new([("PATH", "/usr/bin:/bin"), ("LD_LIBRARY_PATH", "/theirs")], "/");
        let mut command = env.command(moved.join("bin/rustc"));
        command.arg("two words");
        let said = process::output(command).unwrap();
        assert_eq!(said, format!("{0}/bin/../usr/lib/arch:/theirs two words\n", moved.display()));
    }

    #[test]
    fn packages_without_a_compiler_are_an_error() {
        let dir = folder(&["usr/lib/arch/libfoo.so"]);
        assert!(write_wrappers(dir.path()).unwrap_err().message.contains("no compiler"));
    }

    #[test]
    fn the_target_is_put_where_the_compiler_looks_and_the_source_is_dropped() {
        let dir = folder(&[
            "usr/lib/wasm32-wasip2/libc.a",
            "usr/lib/wasm32-wasip2/crt1-command.o",
            "usr/lib/wasm32-wasip2/libc.imports",
            "usr/lib/llvm-22/bin/lld",
            "usr/src/rustc-1.96.0/library/Cargo.toml",
            "deps/libstd-1.rlib",
            "deps/libsysroot-1.rlib",
            "deps/libstd-1.rmeta",
        ]);
        add_target(dir.path(), &dir.path().join("deps"), "host").unwrap();
        let lib = dir.path().join("usr/lib/rustlib/wasm32-wasip2/lib");
        let names = |folder: &Path| {
            let mut names: Vec<_> =
                folder.read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&lib), ["libstd-1.rlib", "self-contained"]);
        assert_eq!(names(&lib.join("self-contained")), ["crt1-command.o", "libc.a"]);
        assert!(
            dir.path().join("usr/lib/rustlib/host/bin/rust-lld").is_file(),
            "the link leads to the linker"
        );
        assert!(!dir.path().join("usr/src").exists());
    }

    #[test]
    fn a_library_that_was_not_built_is_noticed() {
        let dir = folder(&["usr/lib/wasm32-wasip2/libc.a", "usr/lib/llvm-22/bin/lld", "deps/notes.txt"]);
        assert!(add_target(dir.path(), &dir.path().join("deps"), "host").is_err());
    }
}
