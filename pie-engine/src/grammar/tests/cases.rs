//! The files in `cases`: a grammar with texts that it allows and texts that it does not, or what is wrong with it.

use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The grammar is one of these.
    schema: Option<String>,
    regex: Option<String>,
    ebnf: Option<String>,
    #[serde(default)]
    accepted: Vec<String>,
    #[serde(default)]
    rejected: Vec<String>,
    /// The message, if the grammar is wrong.
    error: Option<String>,
}

impl Case {
    fn source(&self) -> Source {
        let schema = self.schema.clone().map(Source::JsonSchema);
        let regex = self.regex.clone().map(Source::Regex);
        schema.or(regex).or(self.ebnf.clone().map(Source::Ebnf)).unwrap_or(Source::Json)
    }

    /// What is not as it says.
    fn check(&self) -> Vec<String> {
        let prototype = Grammar::new(self.source())
            .and_then(|grammar| Prototype::new(Arc::new(grammar), Arc::clone(&VOCABULARY)));
        let prototype = match (prototype, &self.error) {
            (Err(error), Some(expected)) if error.to_string() == *expected => return Vec::new(),
            (Err(error), _) => return vec![error.to_string()],
            (Ok(_), Some(_)) => return vec!["it compiles".to_owned()],
            (Ok(prototype), None) => prototype,
        };
        assert!(!self.accepted.is_empty(), "each grammar accepts something");
        assert_eq!(prototype.grammar().to_string(), self.source().text());
        let mut matcher = Matcher::new(&prototype);
        let texts = self.accepted.iter().map(|text| (text, true));
        let texts = texts.chain(self.rejected.iter().map(|text| (text, false)));
        let mut wrong = Vec::new();
        for (text, expected) in texts {
            // As single bytes, and as the longest tokens.
            for choose in [|_| 0, |count| count - 1] {
                matcher.reset();
                if accepts(&mut matcher, &cut(text, choose)) != expected {
                    wrong.push(format!("{text:?}"));
                }
            }
        }
        wrong
    }
}

#[test]
fn each_case_accepts_and_rejects_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/grammar/cases");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 4, "the cases are not where they were");
    let mut wrong = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let cases: BTreeMap<String, Case> =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for (name, case) in &cases {
            let found = case.check().into_iter();
            wrong.extend(found.map(|each| format!("{} {name}: {each}", file.file_name().unwrap().display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
