//! What a docstring says about a function and its parameters, in Google's and Sphinx's style, as the SDK reads it.

use std::collections::BTreeMap;

/// A docstring, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docstring {
    /// Its first paragraph, on one line.
    pub summary: Option<String>,
    /// What is said about parameters.
    pub parameters: BTreeMap<String, Described>,
}

/// What is said about a parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// The type in brackets: `int` of `count (int): How often.`
    pub kind: Option<String>,
    /// The text.
    pub text: String,
}

/// Titles of the part on parameters.
const TITLES: [&str; 4] = ["args", "arguments", "parameters", "params"];

/// Takes a docstring apart.
pub fn parse(text: &str) -> Docstring {
    let mut docstring = Docstring::default();
    let first = text.trim_start().lines().map(str::trim);
    let summary: Vec<&str> =
        first.take_while(|line| !line.is_empty() && !is_title(line) && !line.starts_with(':')).collect();
    docstring.summary = Some(summary.join(" ")).filter(|summary| !summary.is_empty());
    let mut inside: Option<usize> = None;
    let mut last: Option<(String, usize)> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if let Some((name, described)) = sphinx(trimmed) {
            docstring.parameters.insert(name, described);
            continue;
        }
        if is_title(trimmed) {
            inside = Some(indent);
            last = None;
            continue;
        }
        let Some(title) = inside else { continue };
        if indent <= title {
            inside = None;
            continue;
        }
        match (&last, google(trimmed)) {
            (Some((name, depth)), _) if indent > *depth => {
                let text = &mut docstring.parameters.entry(name.clone()).or_default().text;
                text.push(' ');
                text.push_str(trimmed);
            }
            (_, Some((name, described))) => {
                last = Some((name.clone(), indent));
                docstring.parameters.insert(name, described);
            }
            _ => {}
        }
    }
    docstring
}

fn is_title(line: &str) -> bool {
    line.strip_suffix(':')
        .is_some_and(|title| TITLES.iter().any(|known| title.trim().eq_ignore_ascii_case(known)))
}

/// `name (type): text`
fn google(line: &str) -> Option<(String, Described)> {
    let (head, text) = line.split_once(':')?;
    let (name, kind) = match head.split_once('(') {
        Some((name, kind)) => (name, Some(kind.trim_end().strip_suffix(')')?.trim().to_owned())),
        None => (head, None),
    };
    let name = name.trim().trim_start_matches('*');
    is_name(name).then(|| (name.to_owned(), Described { kind, text: text.trim().to_owned() }))
}

/// `:param type name: text`
fn sphinx(line: &str) -> Option<(String, Described)> {
    let (head, text) = line.strip_prefix(":param ")?.split_once(':')?;
    let (kind, name) = match head.trim().rsplit_once(' ') {
        Some((kind, name)) => (Some(kind.trim().to_owned()), name),
        None => (None, head.trim()),
    };
    is_name(name).then(|| (name.to_owned(), Described { kind, text: text.trim().to_owned() }))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_styles_are_read() {
        let google = parse(
            "Greets.\n\n    More.\n\n    Args:\n        name: Whom\n            to greet.\n        n (int): How often.\n    Returns:\n        text: no parameter\n",
        );
        assert_eq!(google.summary.as_deref(), Some("Greets."));
        assert_eq!(google.parameters["name"].text, "Whom to greet.");
        assert_eq!(google.parameters["n"], Described { kind: Some("int".into()), text: "How often.".into() });
        assert!(!google.parameters.contains_key("text"));
        let sphinx = parse("Greets\nwarmly.\n\n:param str name: Whom.\n:param n: How often.\n");
        assert_eq!(sphinx.summary.as_deref(), Some("Greets warmly."));
        assert_eq!(sphinx.parameters["name"].kind.as_deref(), Some("str"));
        assert_eq!(sphinx.parameters["n"].text, "How often.");
    }
}
