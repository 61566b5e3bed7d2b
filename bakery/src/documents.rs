//! What `--json` prints: one type for each document, with its schema. `bakery schema NAME` prints the schemas.
//!
//! A document is an enum with a tag, also where there is one variant: the schema of a struct would not say its `type`.

use schemars::{JsonSchema, Schema};
use serde::Serialize;

use crate::error::{Error, Kind};

/// The last document of any command that failed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "error")]
pub enum ErrorDocument {
    /// The command failed.
    Error {
        /// What went wrong in the broadest sense; it decides the exit code.
        kind: Kind,
        /// The exit code of the process.
        exit_code: u8,
        /// What went wrong.
        message: String,
        /// What caused it, outermost first.
        causes: Vec<String>,
        /// What to do next.
        hints: Vec<String>,
        /// Where in a file of the user's.
        #[serde(skip_serializing_if = "Option::is_none")]
        place: Option<PlaceDocument>,
    },
}

/// A place in a file of the user's.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlaceDocument {
    /// The file.
    pub file: String,
    /// Counts from 1.
    pub line: usize,
    /// Counts characters from 1.
    pub column: usize,
    /// What is said about it.
    pub label: String,
}

impl From<&Error> for ErrorDocument {
    fn from(error: &Error) -> Self {
        let place = error.place.as_ref().map(|place| {
            let (line, column) = place.line_and_column();
            PlaceDocument { file: place.file.clone(), line, column, label: place.label.clone() }
        });
        ErrorDocument::Error {
            kind: error.kind,
            exit_code: error.kind.exit_code(),
            message: error.message.clone(),
            causes: error.causes(),
            hints: error.hints.clone(),
            place,
        }
    }
}

/// A schema by name: what `bakery schema` can print.
pub struct Published {
    /// The name to ask for it by, mostly that of the command whose `--json` it describes.
    pub name: &'static str,
    /// What it describes.
    pub about: &'static str,
    /// Makes the schema.
    pub schema: fn() -> Schema,
}

/// Every published schema, in the order they are listed.
pub const PUBLISHED: &[Published] = &[
    Published {
        name: "run",
        about: "each line of `bakery run --json`, `bakery trace show --json` and `bakery trace fork --json`",
        schema: || schemars::schema_for!(crate::report::jsonl::RunDocument<'_>),
    },
    Published {
        name: "test",
        about: "each line of `bakery test --json`",
        schema: || schemars::schema_for!(crate::commands::test::TestDocument),
    },
    Published {
        name: "review",
        about: "each line of `bakery review --json`",
        schema: || schemars::schema_for!(crate::commands::review::ReviewDocument),
    },
    Published {
        name: "trace-diff",
        about: "`bakery trace diff --json`",
        schema: || schemars::schema_for!(crate::commands::trace::DiffDocument),
    },
    Published {
        name: "trace-stats",
        about: "`bakery trace stats --json`",
        schema: || schemars::schema_for!(crate::commands::trace::StatsDocument),
    },
    Published {
        name: "trace",
        about: "each line of the file that `bakery run --trace` writes",
        schema: || schemars::schema_for!(crate::report::trace_file::TraceLine),
    },
    Published {
        name: "new",
        about: "`bakery new --json`",
        schema: || schemars::schema_for!(crate::commands::new::NewDocument),
    },
    Published {
        name: "build",
        about: "`bakery build --json`",
        schema: || schemars::schema_for!(crate::commands::build::BuildDocument),
    },
    Published {
        name: "model",
        about: "`bakery model list`, `pull`, `show`, `remove` and `random`, each with `--json`",
        schema: || schemars::schema_for!(crate::commands::model::ModelDocument),
    },
    Published {
        name: "install",
        about: "`bakery install --json`",
        schema: || schemars::schema_for!(crate::commands::install::InstallDocument),
    },
    Published {
        name: "list",
        about: "`bakery list --json`",
        schema: || schemars::schema_for!(crate::commands::list::ListDocument),
    },
    Published {
        name: "uninstall",
        about: "`bakery uninstall --json`",
        schema: || schemars::schema_for!(crate::commands::uninstall::UninstallDocument),
    },
    Published {
        name: "manifest",
        about: "`Pie.toml`, for editors",
        schema: crate::project::Manifest::schema,
    },
    Published {
        name: "cases",
        about: "files of tests under `tests/`, for editors",
        schema: crate::project::case::schema,
    },
    Published {
        name: "settings",
        about: "`bakery.toml`, for editors",
        schema: crate::project::settings::Settings::schema,
    },
    Published {
        name: "models",
        about: "`models.toml`, for editors",
        schema: crate::project::models::ModelNames::schema,
    },
    Published {
        name: "inferlet",
        about: "`bakery run PATH --json -- --help`",
        schema: || schemars::schema_for!(crate::commands::run::InferletDocument),
    },
    Published {
        name: "version",
        about: "`bakery --version --json`",
        schema: || schemars::schema_for!(crate::commands::version::VersionDocument),
    },
    Published {
        name: "completions",
        about: "`bakery completions --json`",
        schema: || schemars::schema_for!(crate::commands::completions::CompletionsDocument),
    },
    Published {
        name: "schemas",
        about: "`bakery schema --json`",
        schema: || schemars::schema_for!(crate::commands::schema::SchemasDocument),
    },
    Published {
        name: "error",
        about: "the last document of any command that failed",
        schema: || schemars::schema_for!(ErrorDocument),
    },
];
