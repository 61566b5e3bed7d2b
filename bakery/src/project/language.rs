//! What an inferlet is written in, told from the files of its project.

/// A language that inferlets are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// `Cargo.toml`.
    Rust,
    /// `main.py`, `app.py` or `pyproject.toml`.
    Python,
    /// `main.js` or `package.json`.
    JavaScript,
    /// `main.ts` or `tsconfig.json`.
    TypeScript,
}
