//! What an inferlet and its parameters may be called.

/// The longest name of an inferlet, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// Why a name will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Said under the caret: "starts with `7`; a name starts with a letter".
    pub reason: String,
    /// A name like it that would do.
    pub suggestion: Option<String>,
}

/// Checks the name of an inferlet: an ASCII letter, then letters, digits, `-` and `_`, not two of these in a row and none at the end, at most
/// [`MAX_NAME_BYTES`]. Such a name is a crate's name, a file's name and, in kebab case, a WIT package's name.
///
/// # Errors
/// The first flaw, and a name like it that would do.
pub fn check_package_name(name: &str) -> Result<(), Flaw> {
    check_word(name).map_err(|reason| {
        let suggestion = slug(name);
        Flaw { reason, suggestion: (check_word(&suggestion).is_ok()).then_some(suggestion) }
    })
}

/// Checks the name of a parameter: as for an inferlet, and not `help`, which shows the parameters.
///
/// # Errors
/// The flaw.
pub fn check_parameter_name(name: &str) -> Result<(), Flaw> {
    if matches!(name, "help" | "h") {
        return Err(Flaw {
            reason: format!("`--{name}` shows the parameters of the inferlet"),
            suggestion: None,
        });
    }
    check_package_name(name)
}

fn check_word(name: &str) -> Result<(), String> {
    let first = name.chars().next().ok_or("a name has at least one letter")?;
    if !first.is_ascii_alphabetic() {
        return Err(format!("starts with `{first}`; a name starts with a letter from a to z"));
    }
    if let Some(odd) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')) {
        let odd = if odd == ' ' { "a space".to_owned() } else { format!("`{}`", odd.escape_debug()) };
        return Err(format!("has {odd}; a name is letters from a to z, digits, `-` and `_`"));
    }
    let is_separator = |byte: u8| matches!(byte, b'-' | b'_');
    if name.as_bytes().windows(2).any(|pair| is_separator(pair[0]) && is_separator(pair[1])) {
        return Err("has two separators in a row".to_owned());
    }
    if name.ends_with(['-', '_']) {
        return Err("ends with a separator; a name ends with a letter or a digit".to_owned());
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(format!("has {} characters; a name has at most {MAX_NAME_BYTES}", name.len()));
    }
    Ok(())
}

/// A name that says the same: every run of other characters becomes one `-`. It need not pass: a digit in front stays.
pub fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-");
    joined[..joined.len().min(MAX_NAME_BYTES)].trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{check_package_name, check_parameter_name};

    #[test]
    fn ordinary_names_pass() {
        for name in ["a", "hello", "hello-world", "Beam_Search", "gpt2", "my-2nd-try", &"x".repeat(64)] {
            assert_eq!(check_package_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_bad_name_is_explained_and_a_good_one_like_it_suggested() {
        let flaw = |name: &str| check_package_name(name).expect_err(name);
        assert_eq!(flaw("my app!").suggestion.as_deref(), Some("my-app"));
        assert_eq!(flaw("7up").suggestion, None);
        assert_eq!(flaw("a--b").suggestion.as_deref(), Some("a-b"));
        assert_eq!(flaw("@scope/name").suggestion.as_deref(), Some("scope-name"));
        assert_eq!(flaw("a-").suggestion.as_deref(), Some("a"));
        assert_eq!(flaw("日本").suggestion, None);
        assert_eq!(flaw("").suggestion, None);
        assert!(flaw("new\nline").reason.contains(r"`\n`"));
        assert_eq!(flaw(&"x".repeat(65)).suggestion, Some("x".repeat(64)));
    }

    #[test]
    fn a_parameter_is_not_called_help() {
        assert!(check_parameter_name("help").is_err());
        assert!(check_parameter_name("helpful").is_ok());
    }
}
