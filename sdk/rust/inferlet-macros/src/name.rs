//! Names of Cargo packages as names of WIT packages.

/// Packages of the interface itself. An export of one of these names would be taken for a part of them.
const RESERVED: [&str; 6] = ["core", "instruct", "mcp", "zo", "inferlet", "sdk-rust"];

/// Makes a package name a kebab-case name of the component model: words of lower-case letters and digits that begin with a
/// letter, joined by single hyphens. Different names may become the same one, which does no harm: the engine finds the
/// export by its shape.
pub fn kebab(package: &str) -> String {
    let mut name = String::new();
    for word in package.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        match (name.is_empty(), word.starts_with(|c: char| c.is_ascii_digit())) {
            (true, true) => name.push('n'),
            (true, false) => {}
            // A word cannot begin with a digit, so it is joined to the one before.
            (false, true) => {}
            (false, false) => name.push('-'),
        }
        name.push_str(&word.to_ascii_lowercase());
    }
    if name.is_empty() || RESERVED.contains(&name.as_str()) {
        name.push_str(if name.is_empty() { "unnamed" } else { "-program" });
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn valid_names_stay_as_they_are() {
        assert_eq!(kebab("hello-rust"), "hello-rust");
        assert_eq!(kebab("a1-b2"), "a1-b2");
    }

    #[test]
    fn underscores_upper_case_and_digits_become_valid() {
        assert_eq!(kebab("My_Agent"), "my-agent");
        assert_eq!(kebab("gpt-4o"), "gpt4o");
        assert_eq!(kebab("beam__search-2"), "beam-search2");
        assert_eq!(kebab("_x_"), "x");
        assert_eq!(kebab("7up"), "n7up");
        assert_eq!(kebab("größe"), "gr-e");
        assert_eq!(kebab(""), "unnamed");
    }

    #[test]
    fn names_of_the_interface_are_avoided() {
        assert_eq!(kebab("mcp"), "mcp-program");
        assert_eq!(kebab("Core"), "core-program");
        assert_eq!(kebab("core2"), "core2");
    }

    proptest! {
        #[test]
        fn every_name_becomes_words_that_begin_with_a_letter(package in "\\PC{0,20}") {
            let name = kebab(&package);
            for word in name.split('-') {
                prop_assert!(word.starts_with(|c: char| c.is_ascii_lowercase()), "{name}");
                prop_assert!(word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{name}");
            }
        }
    }
}
