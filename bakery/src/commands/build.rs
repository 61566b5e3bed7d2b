//! `bakery build`

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::build::{self, Artifact, Checked, Digest, Options, Recipe};
use crate::environment::Environment;
use crate::error::Result;
use crate::project::{Interpreter, Project};
use crate::toolchain::Network;
use crate::ui::Ui;

/// Build an inferlet to a WebAssembly component
///
/// Compiles the project, checks that what comes out is an inferlet, and writes its manifest into it. The first build provides the compiler for
/// WebAssembly, if there is none. A build with nothing to do does nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bakery build                       The project in this folder
  bakery build hello -o hello.wasm   Another one, to this file
  bakery build --debug               With debug information, and quicker
  bakery build --plan                What would be done, as commands")]
pub struct Args {
    /// Folder of the project, its `Pie.toml`, or a program in Python (`.py`), TypeScript (`.ts`) or JavaScript (`.js`)
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Write the component to this file or into this folder [default: `target/inferlets/NAME.wasm`]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Build with the profile `dev`; in Python, JavaScript and TypeScript, errors then show lines of sources
    #[arg(long, conflicts_with = "profile")]
    pub debug: bool,
    /// Build with this cargo profile [default: that of `Pie.toml`, else `release`]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub plan: bool,
    /// Fail if `Cargo.lock` or `bakery.lock` would have to change
    #[arg(long)]
    pub locked: bool,
    /// Fetch nothing
    #[arg(long)]
    pub offline: bool,
    /// Build a program in TypeScript without checking its types
    #[arg(long)]
    pub no_check: bool,
    /// What runs JavaScript and TypeScript: `spidermonkey` needs Node.js to build [default: that of `Pie.toml`, else `quickjs`]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub engine: Option<Interpreter>,
}

/// What `bakery build --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "build")]
pub enum BuildDocument {
    /// The component is there.
    Built {
        /// Name of the inferlet.
        name: String,
        /// Where the component is, absolute.
        path: PathBuf,
        /// Whether there was nothing to do.
        fresh: bool,
        /// SHA-256 of the component.
        digest: Digest,
        /// Size of the component.
        size_bytes: u64,
        /// The profile it was built with.
        profile: String,
        /// What it exports and imports.
        component: Checked,
    },
    /// `--plan`.
    Plan {
        /// What would be done.
        recipe: Recipe,
    },
}

/// Builds a project, or says how it would.
///
/// # Errors
/// There is no project or no compiler, the project does not compile, or what comes out is no inferlet.
pub fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let project = Project::discover(&args.path, &env.current_dir)?;
    let options = options(args, &project, env, ui);
    if args.plan {
        let recipe = build::plan(&project, &options, env)?;
        return if ui.json() { ui.document(&BuildDocument::Plan { recipe }) } else { ui.line(recipe) };
    }
    let artifact = build::build(&project, &options, env, &*ui.progress())?;
    let name = project.manifest.package.name;
    if ui.json() {
        let Artifact { path, fresh, digest, size_bytes, profile, checked } = artifact;
        return ui.document(&BuildDocument::Built {
            name,
            path,
            fresh,
            digest,
            size_bytes,
            profile,
            component: checked,
        });
    }
    let verb = if artifact.fresh { "Fresh" } else { "Built" };
    let place = shortened(&artifact.path, &env.current_dir);
    ui.status(verb, format_args!("`{name}` in `{}` ({})", place.display(), size(artifact.size_bytes)));
    Ok(())
}

fn options(args: &Args, project: &Project, env: &Environment, ui: &Ui) -> Options {
    let output = args.output.as_ref().map(|output| {
        let output = env.current_dir.join(output);
        let file_name = format!("{}.wasm", project.manifest.package.name);
        if output.is_dir() { output.join(file_name) } else { output }
    });
    let network = if args.offline { Network::Forbidden } else { Network::Allowed };
    let profile = if args.debug { Some("dev".to_owned()) } else { args.profile.clone() };
    let Args { locked, no_check, engine, .. } = *args;
    Options { output, profile, locked, network, quiet: ui.quiet(), check_types: !no_check, engine }
}

/// A path as the user would type it.
fn shortened<'a>(path: &'a Path, current_dir: &Path) -> &'a Path {
    path.strip_prefix(current_dir).unwrap_or(path)
}

/// A size with three digits: `156 kB`.
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!([size(999), size(155_873), size(21_700_000)], ["999 B", "155 kB", "21.7 MB"]);
    }
}
