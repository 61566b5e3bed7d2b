//! How a component was made, written into it. It holds no time, no path and nothing of the machine: the same sources built with the same tools
//! have the same provenance.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// Changes when a field changes its meaning.
const FORMAT: u32 = 1;

/// How a component was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// [`FORMAT`].
    pub format: u32,
    /// `bakery 0.1.0`
    pub builder: String,
    /// `rust`
    pub language: String,
    /// `rustc 1.96.0 (ac68faa20 2026-05-25)`
    pub compiler: String,
    /// `wasm32-wasip2`
    pub target: String,
    /// `release`
    pub profile: String,
    /// The SDK that bakery carries, if it was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdk: Option<Digest>,
    /// Of the sources: their paths relative to the project, and their contents. Absent if the compiler does not say what it read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources: Option<Digest>,
}

impl Provenance {
    /// The provenance of a component in Python, made by this version of componentize-py.
    pub fn of_python(maker: &str, profile: &str, sdk: Digest, sources: Option<Digest>) -> Provenance {
        Provenance { language: "python".to_owned(), ..Self::of_rust(maker, profile, Some(sdk), sources) }
    }

    /// The provenance of a component in JavaScript or TypeScript.
    pub fn of_javascript(
        language: &str,
        maker: &str,
        profile: &str,
        sdk: Digest,
        sources: Digest,
    ) -> Provenance {
        Provenance {
            language: language.to_owned(),
            ..Self::of_rust(maker, profile, Some(sdk), Some(sources))
        }
    }

    /// The provenance of a component in Rust.
    pub fn of_rust(
        compiler: &str,
        profile: &str,
        sdk: Option<Digest>,
        sources: Option<Digest>,
    ) -> Provenance {
        Provenance {
            format: FORMAT,
            builder: format!("bakery {}", env!("CARGO_PKG_VERSION")),
            language: "rust".to_owned(),
            compiler: compiler.to_owned(),
            target: crate::toolchain::TARGET.to_owned(),
            profile: profile.to_owned(),
            sdk,
            sources,
        }
    }
}

/// One digest for files, by their paths relative to `root` and their contents. In which order they come does not matter.
pub fn digest_of_sources<'a>(root: &Path, files: impl Iterator<Item = (&'a Path, &'a Digest)>) -> Digest {
    let mut parts: Vec<(String, &str)> =
        files.map(|(path, digest)| (relative(root, path), digest.as_str())).collect();
    parts.sort();
    Digest::of_parts(parts.iter().flat_map(|(path, digest)| [path.as_str(), *digest]))
}

/// The way from `root` to `path`, with `..` and `/`.
fn relative(root: &Path, path: &Path) -> String {
    let (root, path) = (normal(root), normal(path));
    let common = root.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    let up = root.components().skip(common).map(|_| "..".to_owned());
    let down = path.components().skip(common).map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// Without `.` and `..`, by the text alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(root: &str, files: &[(&str, &str)]) -> Digest {
        let files: Vec<_> =
            files.iter().map(|(path, text)| (PathBuf::from(path), Digest::of(text.as_bytes()))).collect();
        digest_of_sources(Path::new(root), files.iter().map(|(path, digest)| (path.as_path(), digest)))
    }

    #[test]
    fn the_place_of_a_project_does_not_matter() {
        let here = digest("/home/ada/p", &[("/home/ada/p/src/lib.rs", "a"), ("/home/ada/shared/x.rs", "b")]);
        let there = digest("/work/q/p", &[("/work/q/shared/x.rs", "b"), ("/work/q/p/src/lib.rs", "a")]);
        assert_eq!(here, there);
    }

    #[test]
    fn the_place_in_the_project_and_the_content_do() {
        let one = digest("/p", &[("/p/src/lib.rs", "a")]);
        assert_ne!(one, digest("/p", &[("/p/src/main.rs", "a")]));
        assert_ne!(one, digest("/p", &[("/p/src/lib.rs", "b")]));
    }

    #[test]
    fn ways_are_relative_and_plain() {
        assert_eq!(relative(Path::new("/a/b"), Path::new("/a/b/src/lib.rs")), "src/lib.rs");
        assert_eq!(relative(Path::new("/a/b"), Path::new("/a/c/./d")), "../c/d");
        assert_eq!(relative(Path::new("/a/x/../b"), Path::new("/a/b/c")), "c");
    }
}
