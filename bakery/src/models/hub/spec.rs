//! What is asked for of a server.

use std::fmt;
use std::str::FromStr;

/// What such names begin with.
pub const PREFIX: &str = "hf:";
/// The revision that is meant if none is said.
pub const MAIN: &str = "main";

/// `hf:owner/repo`, with `@revision` and `:file` behind it or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSpec {
    /// Whose it is.
    pub owner: String,
    /// The repository.
    pub repo: String,
    /// A branch, tag or commit.
    pub revision: String,
    /// The file, of a repository with several models.
    pub file: Option<String>,
}

impl FromStr for HubSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<HubSpec, String> {
        const FORM: &str = "expected `hf:owner/repo`, `hf:owner/repo:file` or `hf:owner/repo@revision`";
        let rest = text.strip_prefix(PREFIX).ok_or(FORM)?;
        let (rest, file) = match rest.split_once(':') {
            Some((rest, file)) => (rest, Some(file)),
            None => (rest, None),
        };
        let (rest, revision) = rest.split_once('@').unwrap_or((rest, MAIN));
        let (owner, repo) = rest.split_once('/').ok_or(FORM)?;
        if !is_name(owner) || !is_name(repo) {
            return Err(format!("{FORM}, where names have letters, digits, `-`, `_` and `.`"));
        }
        if !is_path(revision) {
            return Err(format!("`{revision}` is no revision"));
        }
        if let Some(file) = file.filter(|file| !is_path(file)) {
            return Err(format!("`{file}` is no file in a repository"));
        }
        let file = file.map(str::to_owned);
        Ok(HubSpec { owner: owner.to_owned(), repo: repo.to_owned(), revision: revision.to_owned(), file })
    }
}

impl HubSpec {
    /// `owner/repo`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.repo)
    }

    /// The name that inferlets load it by: the repository's, or the file's without what says its format.
    pub fn model_name(&self) -> String {
        let file = self.file.as_deref().and_then(|file| file.rsplit('/').next());
        file.map_or(self.repo.clone(), |file| file.trim_end_matches(".gguf").to_owned())
    }
}

impl fmt::Display for HubSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}/{}", self.owner, self.repo)?;
        if self.revision != MAIN {
            write!(f, "@{}", self.revision)?;
        }
        self.file.as_ref().map_or(Ok(()), |file| write!(f, ":{file}"))
    }
}

/// A name without anything that means something in a path.
fn is_name(text: &str) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    !text.is_empty()
        && text.len() <= 96
        && !text.starts_with('.')
        && !text.contains("--")
        && text.chars().all(plain)
}

/// A path of names that stays below where it begins, on any system.
pub fn is_path(text: &str) -> bool {
    let odd = |char: char| char.is_control() || "\\:?*\"<>|".contains(char);
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    text.len() <= 1024 && !text.contains(odd) && text.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_a_revision_and_a_file_are_read_and_written_back() {
        let spec: HubSpec = "hf:ada/bread@v1.0:sub/rye.Q4_K.gguf".parse().unwrap();
        assert_eq!((spec.owner.as_str(), spec.repo.as_str()), ("ada", "bread"));
        assert_eq!((spec.revision.as_str(), spec.file.as_deref()), ("v1.0", Some("sub/rye.Q4_K.gguf")));
        assert_eq!(spec.model_name(), "rye.Q4_K");
        for text in ["hf:ada/bread@v1.0:sub/rye.Q4_K.gguf", "hf:ada/bread", "hf:ada/bread:x.gguf"] {
            assert_eq!(text.parse::<HubSpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for text in [
            "hf:ada",
            "hf:/x",
            "hf:ada/",
            "hf:../x",
            "hf:a/..",
            "hf:a/b:../x",
            "hf:a/b:/x",
            "hf:a/b@",
            "hf:a/b:x\\y",
            "a/b",
            "hf:a/b/c",
        ] {
            assert!(text.parse::<HubSpec>().is_err(), "{text}");
        }
    }
}
