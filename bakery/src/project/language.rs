//! What an inferlet is written in, told from the files of its project.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};

/// A language that inferlets are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// A `Cargo.toml`.
    Rust,
    /// A `main.py` or a `pyproject.toml`.
    Python,
    /// A `main.js` or a `package.json`.
    JavaScript,
    /// A `main.ts` or a `tsconfig.json`.
    TypeScript,
}

/// The files that tell a language. TypeScript comes before JavaScript, because its projects have a `package.json` too.
const MARKS: [(Language, &[&str]); 4] = [
    (Language::Rust, &["Cargo.toml"]),
    (Language::Python, &["pyproject.toml", "main.py"]),
    (Language::TypeScript, &["tsconfig.json", "main.ts"]),
    (Language::JavaScript, &["package.json", "main.js"]),
];

impl Language {
    /// Every language.
    pub const ALL: [Language; 4] =
        [Language::Rust, Language::Python, Language::JavaScript, Language::TypeScript];

    /// The name in manifests, on command lines and in template folders.
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Python => "python",
            Language::JavaScript => "javascript",
            Language::TypeScript => "typescript",
        }
    }

    /// The language of this [`Language::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// Tells the language of a project folder from its files.
    ///
    /// # Errors
    /// No file tells it, or files of two languages do.
    pub fn detect(root: &Path) -> Result<Self> {
        let is_there = |file: &&&str| root.join(file).is_file();
        let mut found =
            MARKS.iter().filter_map(|(language, files)| Some((*language, *files.iter().find(is_there)?)));
        match (found.next(), found.next()) {
            (Some((language, _)), None)
            | (Some((language @ Language::TypeScript, _)), Some((Language::JavaScript, _))) => Ok(language),
            (None, _) => {
                let files: Vec<_> = MARKS.iter().map(|(_, files)| format!("`{}`", files[0])).collect();
                Err(Error::usage(format!("cannot tell the language of `{}`", root.display()))
                    .hint(format!("add one of {}", files.join(", "))))
            }
            (Some((_, first)), Some((_, second))) => {
                Err(Error::usage(format!("`{}` has both `{first}` and `{second}`", root.display()))
                    .hint("say which is meant in `Pie.toml`:\n[build]\nlanguage = \"rust\""))
            }
        }
    }
}
