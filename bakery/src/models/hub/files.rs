//! Which files of a repository a model consists of.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::spec::{self, HubSpec};
use crate::error::{Error, Result};

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Its name in the repository.
    pub name: String,
    /// SHA-256 of a large file, SHA-1 of a small one as git has it, in hexadecimal.
    pub checksum: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The files of one commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    pub commit: String,
    pub files: Vec<File>,
}

const CONFIG: &str = "config.json";
const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const TOKENIZER: &str = "tokenizer.json";
/// What belongs to a model besides, where there is it.
const SMALL: [&str; 5] = [
    TOKENIZER,
    "tokenizer_config.json",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
];
const GGUF: &str = ".gguf";

impl Listing {
    /// Reads what the server says about a commit.
    pub(super) fn read(document: &Value) -> Result<Listing, String> {
        let commit = document["sha"].as_str().filter(|sha| is_checksum(sha)).ok_or("it names no commit")?;
        let listed = document["siblings"].as_array().ok_or("it lists no files")?;
        let mut files = Vec::new();
        for file in listed {
            let name = file["rfilename"].as_str().ok_or("a file has no name")?;
            // Such a name is of no use here, and might lead out of the folder.
            if !spec::is_path(name) {
                continue;
            }
            let checksum = file["lfs"]["sha256"].as_str().or(file["blobId"].as_str());
            let bytes = file["lfs"]["size"].as_u64().or(file["size"].as_u64());
            let (Some(checksum), Some(bytes)) = (checksum.filter(|sum| is_checksum(sum)), bytes) else {
                continue;
            };
            files.push(File { name: name.to_owned(), checksum: checksum.to_ascii_lowercase(), bytes });
        }
        files.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Listing { commit: commit.to_owned(), files })
    }

    fn get(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }

    /// GGUF files, the first part of each that is split.
    fn ggufs(&self) -> Vec<&File> {
        let is_first = |file: &&File| {
            file.name.ends_with(GGUF) && part(&file.name).is_none_or(|(_, number, _)| number == 1)
        };
        // Those with the weights of what sees pictures are no models.
        self.files.iter().filter(is_first).filter(|file| !file.name.contains("mmproj")).collect()
    }
}

/// Whether this is a checksum or commit: SHA-1 or SHA-256 in hexadecimal.
pub(super) fn is_checksum(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `x-00002-of-00003.gguf`: what stands before, the number, and how many there are.
fn part(name: &str) -> Option<(&str, u32, u32)> {
    let (rest, count) = name.strip_suffix(GGUF)?.rsplit_once("-of-")?;
    let (rest, number) = rest.rsplit_once('-')?;
    let read = |digits: &str| (digits.len() == 5).then(|| digits.parse::<u32>().ok()).flatten();
    Some((rest, read(number)?, read(count)?))
}

/// A file with the others that it was split from.
fn parts(name: &str) -> Vec<String> {
    match part(name) {
        Some((rest, number, count)) if (1..=count.min(1000)).contains(&number) => {
            (1..=count).map(|number| format!("{rest}-{number:05}-of-{count:05}{GGUF}")).collect()
        }
        _ => vec![name.to_owned()],
    }
}

/// The files to begin with.
pub(super) fn first(listing: &Listing, spec: &HubSpec) -> Result<Vec<File>> {
    if let Some(file) = &spec.file {
        return parts(file).iter().map(|name| require(listing, spec, name)).collect();
    }
    let weights = listing.get(INDEX).or(listing.get(SINGLE));
    if let (Some(config), Some(weights)) = (listing.get(CONFIG), weights) {
        require(listing, spec, TOKENIZER)?;
        let small = SMALL.iter().filter_map(|name| listing.get(name));
        return Ok(small.chain([config, weights]).cloned().collect());
    }
    match listing.ggufs().as_slice() {
        [one] => parts(&one.name).iter().map(|name| require(listing, spec, name)).collect(),
        [] => Err(Error::usage(format!("`{spec}` has no model that is read"))
            .hint("a model is a `config.json` with `model.safetensors`, or a `.gguf` file")),
        several => {
            let error = Error::usage(format!("`{spec}` has several models; say which"));
            let spec = HubSpec { file: None, ..spec.clone() };
            Ok(several.iter().take(20).fold(error, |error, file| error.hint(format!("{spec}:{}", file.name))))
                .and_then(Err)
        }
    }
}

fn require(listing: &Listing, spec: &HubSpec, name: &str) -> Result<File> {
    if let Some(file) = listing.get(name) {
        return Ok(file.clone());
    }
    let error = Error::usage(format!("`{}` has no `{name}`", HubSpec { file: None, ..spec.clone() }));
    let near = crate::suggest::did_you_mean(name, listing.files.iter().map(|file| file.name.as_str()));
    Err(match near {
        Some(near) => error.hint(near),
        None => error,
    })
}

/// The shards that an index names, once it is here.
pub(super) fn more(listing: &Listing, snapshot: &Path, spec: &HubSpec, have: &[File]) -> Result<Vec<File>> {
    if !have.iter().any(|file| file.name == INDEX) {
        return Ok(Vec::new());
    }
    let shards = shards(&snapshot.join(INDEX))
        .ok_or_else(|| Error::environment(format!("the `{INDEX}` of `{spec}` names no files")))?;
    let missing = shards.iter().filter(|name| have.iter().all(|file| file.name != **name));
    missing.map(|name| require(listing, spec, name)).collect()
}

/// The files that an index names.
fn shards(index: &Path) -> Option<BTreeSet<String>> {
    let index: Value = serde_json::from_slice(&fs::read(index).ok()?).ok()?;
    let names = index["weight_map"].as_object()?.values().map(|name| name.as_str().map(str::to_owned));
    names.collect()
}

/// Where the model is in a commit's folder, if all of it is there: the folder, or a file.
pub(super) fn whole(snapshot: &Path, spec: &HubSpec) -> Option<PathBuf> {
    let has = |name: &str| snapshot.join(name).is_file();
    if let Some(file) = &spec.file {
        return parts(file).iter().all(|name| has(name)).then(|| snapshot.join(file));
    }
    if has(CONFIG) && has(TOKENIZER) {
        let all = if has(INDEX) {
            shards(&snapshot.join(INDEX))?.iter().all(|name| has(name))
        } else {
            has(SINGLE)
        };
        if all {
            return Some(snapshot.to_owned());
        }
    }
    let entries = fs::read_dir(snapshot).ok()?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_first =
        |name: &String| name.ends_with(GGUF) && part(name).is_none_or(|(_, number, _)| number == 1);
    let names: Vec<String> = names.filter(is_first).collect();
    match names.as_slice() {
        [one] => parts(one).iter().all(|name| has(name)).then(|| snapshot.join(one)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listing(names: &[&str]) -> Listing {
        let files: Vec<Value> = names
            .iter()
            .map(|name| json!({"rfilename": name, "blobId": "0".repeat(40), "size": 3}))
            .collect();
        Listing::read(&json!({"sha": "1".repeat(40), "siblings": files})).unwrap()
    }

    fn chosen(names: &[&str], spec: &str) -> Result<Vec<String>, String> {
        let files = first(&listing(names), &spec.parse().unwrap());
        files.map(|files| files.into_iter().map(|file| file.name).collect()).map_err(|error| error.message)
    }

    #[test]
    fn a_folder_is_taken_without_what_nobody_reads() {
        let names = ["README.md", "config.json", "model.safetensors", "pytorch_model.bin", "tokenizer.json"];
        assert_eq!(chosen(&names, "hf:a/b").unwrap(), ["tokenizer.json", "config.json", "model.safetensors"]);
        let without = chosen(&["config.json", "model.safetensors"], "hf:a/b").unwrap_err();
        assert_eq!(without, "`hf:a/b` has no `tokenizer.json`");
    }

    #[test]
    fn one_of_several_gguf_files_has_to_be_named_and_parts_come_together() {
        let names =
            ["x-Q4_K.gguf", "x-Q8_0-00001-of-00002.gguf", "x-Q8_0-00002-of-00002.gguf", "mmproj-x.gguf"];
        assert_eq!(chosen(&names, "hf:a/b").unwrap_err(), "`hf:a/b` has several models; say which");
        assert_eq!(chosen(&names[..1], "hf:a/b").unwrap(), ["x-Q4_K.gguf"]);
        assert_eq!(chosen(&names, "hf:a/b:x-Q8_0-00002-of-00002.gguf").unwrap(), names[1..3]);
        assert_eq!(chosen(&names[1..], "hf:a/b").unwrap(), names[1..3]);
        assert_eq!(chosen(&["README.md"], "hf:a/b").unwrap_err(), "`hf:a/b` has no model that is read");
    }

    #[test]
    fn names_and_checksums_that_are_none_do_not_count() {
        let document = json!({"sha": "1".repeat(40), "siblings": [
            {"rfilename": "../x", "blobId": "0".repeat(40), "size": 3},
            {"rfilename": "x", "blobId": "../../x", "size": 3},
            {"rfilename": "y", "blobId": "0".repeat(40), "size": 3, "lfs": {"sha256": "A".repeat(64), "size": 9}},
        ]});
        let files = Listing::read(&document).unwrap().files;
        assert_eq!(files, [File { name: "y".into(), checksum: "a".repeat(64), bytes: 9 }]);
        assert!(Listing::read(&json!({"sha": "../..", "siblings": []})).is_err());
    }
}
