//! The text of a snapshot: metadata between two lines of dashes, then the content.
//!
//! The metadata is the part of YAML that insta writes: `key: value` with plain or quoted scalars, and one map, `info`. What it holds is what the
//! content depends on besides the inferlet and its input, so that two snapshots can be told to be comparable or not.

use std::fmt;

pub use pie_engine::testing::Conditions;

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The file that the case is written in, relative to the project.
    pub source: String,
    /// The case.
    pub case: String,
    /// What it depends on.
    pub conditions: Conditions,
    /// What is compared: text without a line feed at its end.
    pub content: String,
}

/// What is in a file, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// There is no file.
    Missing,
    /// A snapshot.
    Snapshot(Snapshot),
    /// A merge has left its marks: nobody has decided what is accepted. The line of the first one, from 1.
    Conflict(usize),
    /// It is no snapshot.
    Broken {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "---")?;
        writeln!(f, "source: {}", scalar(&self.source))?;
        writeln!(f, "expression: {}", scalar(&self.case))?;
        if !self.conditions.0.is_empty() {
            writeln!(f, "info:")?;
            for (name, value) in &self.conditions.0 {
                writeln!(f, "  {name}: {}", scalar(value))?;
            }
        }
        writeln!(f, "---")?;
        writeln!(f, "{}", self.content)
    }
}

/// A value in YAML. Everything that could be taken for something else than a text is quoted; numbers are meant as such.
fn scalar(value: &str) -> String {
    let starts_well = value.starts_with(|char: char| char.is_ascii_alphabetic() || char == '/');
    let plain = value.chars().all(|char| char.is_ascii_alphanumeric() || "-_./".contains(char));
    let word = matches!(
        value.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    let number = !value.is_empty()
        && value.len() < 19
        && value.bytes().all(|byte| byte.is_ascii_digit())
        && (value == "0" || !value.starts_with('0'));
    if (starts_well && plain && !word) || number {
        value.to_owned()
    } else {
        serde_json::Value::String(value.to_owned()).to_string()
    }
}

/// Reads a file.
pub(super) fn parse(bytes: Vec<u8>) -> Parsed {
    let text = match String::from_utf8(bytes) {
        Ok(text) if text.contains('\r') => text.replace("\r\n", "\n"),
        Ok(text) => text,
        Err(_) => return Parsed::Broken { line: 1, why: "it is not UTF-8 text".to_owned() },
    };
    if let Some(line) = conflict(&text) {
        return Parsed::Conflict(line);
    }
    let mut lines = text.split_inclusive('\n');
    if lines.next().map(str::trim_end) != Some("---") {
        return Parsed::Broken { line: 1, why: "it does not begin with `---`".to_owned() };
    }
    let mut snapshot = Snapshot {
        source: String::new(),
        case: String::new(),
        conditions: Conditions::default(),
        content: String::new(),
    };
    let (mut read, mut number, mut in_info) = (4, 1, false);
    for line in lines {
        number += 1;
        read += line.len();
        let line = line.trim_end();
        if line == "---" {
            let content = text.get(read..).unwrap_or_default();
            snapshot.content = content.trim_end().to_owned();
            return Parsed::Snapshot(snapshot);
        }
        if let Err(why) = metadata(line, &mut in_info, &mut snapshot) {
            return Parsed::Broken { line: number, why };
        }
    }
    Parsed::Broken { line: number, why: "its head has no end".to_owned() }
}

/// Reads a line of the metadata. Keys that insta may add are passed over.
fn metadata(line: &str, in_info: &mut bool, snapshot: &mut Snapshot) -> Result<(), String> {
    if line.is_empty() {
        return Ok(());
    }
    let (name, value) = line.split_once(':').ok_or("it is no `key: value`")?;
    let value = unquoted(value.trim()).ok_or("a quote is not closed")?;
    match name.strip_prefix("  ") {
        Some(name) if *in_info => {
            let name = unquoted(name.trim()).unwrap_or_else(|| name.to_owned());
            snapshot.conditions.0.push((name, value));
        }
        Some(_) => {}
        None => {
            *in_info = name == "info";
            match name {
                "source" => snapshot.source = value,
                "expression" => snapshot.case = value,
                _ => {}
            }
        }
    }
    Ok(())
}

fn unquoted(value: &str) -> Option<String> {
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str(value).ok(),
        Some(b'\'') => Some(value.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'")),
        _ => Some(value.to_owned()),
    }
}

/// The line of the first mark that a merge has left. The two outer ones have to be there, as content may have a line of equals signs.
fn conflict(text: &str) -> Option<usize> {
    let mark = |mark: &str| text.lines().position(|line| line.starts_with(mark));
    let (begin, end) = (mark("<<<<<<< ")?, mark(">>>>>>> ")?);
    (begin < end).then_some(begin + 1)
}
