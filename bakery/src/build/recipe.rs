//! What a build does, as data: a pure function makes a [`Recipe`] for each language, `bakery build --plan` prints it, and one function
//! ([`run`](super::run)) follows it. So the decisions are tested without a toolchain.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::toolchain::TARGET;

/// The steps of a build, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Recipe {
    /// The inferlet's name.
    pub name: String,
    /// What to do.
    pub steps: Vec<Step>,
    /// What comes out.
    pub output: PathBuf,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Step {
    /// Provide a Rust compiler: none is here yet. Only in plans; a build has done it by the time it has a recipe.
    ProvideCompiler,
    /// Provide componentize-py: it is not here yet. Only in plans, as before.
    ProvidePython,
    /// Provide QuickJS: it is not here yet. Only in plans, as before.
    ProvideQuickJs {
        /// The release.
        version: String,
    },
    /// Provide SpiderMonkey and what makes components with it: it is not here yet. Only in plans, as before.
    ProvideSpiderMonkey {
        /// The release of componentize-js.
        version: String,
    },
    /// Make one script of a program and what it imports, and give it to the engine.
    Bundle {
        /// The file that it begins with.
        entry: PathBuf,
        /// Whether its types are checked.
        check_types: bool,
    },
    /// Choose and install the packages that the program depends on, as far as that is not done.
    InstallDependencies {
        /// What it depends on.
        dependencies: Vec<String>,
        /// The file that says which versions were chosen.
        lock: PathBuf,
    },
    /// Start the component of the language, import the program in it, and make a component of its memory.
    Preload {
        /// The file that the program begins with, by the name it has inside.
        entry: String,
        /// Its files.
        files: Vec<PathBuf>,
        /// The component of the language.
        runtime: PathBuf,
    },
    /// Put the SDK that bakery carries where the project can name it.
    PlaceSdk {
        /// Where it is unpacked.
        unpacked: PathBuf,
        /// The place inside the project's target folder that leads there.
        link: PathBuf,
    },
    /// Run a program.
    Run(Invocation),
    /// Check the component, write the manifest and the provenance into it, and put it where it belongs.
    Finish {
        /// What the steps before have made.
        component: PathBuf,
        /// The manifest that goes inside.
        manifest: PathBuf,
        /// The file to write.
        output: PathBuf,
    },
}

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Invocation {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables that are set on top of the user's.
    pub variables: BTreeMap<String, String>,
    /// The folder it starts in.
    pub folder: PathBuf,
    /// What it says on standard output.
    pub messages: Messages,
    /// What it reads, as far as that is known before: folders stand for all in them.
    pub inputs: Vec<PathBuf>,
    /// What it makes.
    pub outputs: Vec<PathBuf>,
}

/// What a program says on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Messages {
    /// Nothing of interest.
    Ignored,
    /// Cargo's JSON messages.
    Cargo,
}

/// As a list for people, with commands that can be pasted into a shell.
impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}. {step}", index + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::ProvideCompiler => write!(f, "provide a Rust compiler for `{TARGET}`"),
            Step::ProvidePython => write!(f, "provide componentize-py"),
            Step::ProvideQuickJs { version } => write!(f, "provide QuickJS (componentize-qjs {version})"),
            Step::ProvideSpiderMonkey { version } => {
                write!(f, "provide SpiderMonkey (componentize-js {version})")
            }
            Step::Bundle { entry, check_types } => {
                write!(f, "bundle `{}` with what it imports", entry.display())?;
                if *check_types { write!(f, "\n   check its types") } else { Ok(()) }
            }
            Step::InstallDependencies { dependencies, lock } => write!(
                f,
                "install `{}`\n   as `{}` says, which is made if it is missing or old",
                dependencies.join("`, `"),
                lock.display()
            ),
            Step::Preload { entry, files, runtime } => {
                write!(
                    f,
                    "start `{}`, import `{entry}` in it, of these files, and keep its memory:",
                    runtime.display()
                )?;
                files.iter().try_for_each(|file| write!(f, "\n   {}", quoted(&file.to_string_lossy())))
            }
            Step::PlaceSdk { unpacked, link } => {
                write!(
                    f,
                    "put the SDK at `{}`\n   it is unpacked in `{}`",
                    link.display(),
                    unpacked.display()
                )
            }
            Step::Run(invocation) => invocation.fmt(f),
            Step::Finish { component, manifest, output } => write!(
                f,
                "check `{}`\n   embed `{}` and write `{}`",
                component.display(),
                manifest.display(),
                output.display()
            ),
        }
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run in `{}`", self.folder.display())?;
        for (name, value) in &self.variables {
            write!(f, "\n   {name}={} \\", quoted(value))?;
        }
        write!(f, "\n   {}", quoted(&self.program.to_string_lossy()))?;
        for argument in &self.arguments {
            write!(f, " {}", quoted(argument))?;
        }
        for output in &self.outputs {
            write!(f, "\n   makes `{}`", output.display())?;
        }
        Ok(())
    }
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("--config=a.b"), "--config=a.b");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
