//! Greets a person without a model. Another runtime runs it in the benchmarks, as the least that a process with a component of this size
//! has to do.

use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

#[derive(Deserialize)]
struct Input {
    name: String,
    /// What it says after the greeting, in any form.
    #[serde(flatten)]
    more: HashMap<String, Value>,
}

fn main() {
    let input = std::env::args().nth(1).unwrap_or_else(|| r#"{"name":"World"}"#.to_owned());
    match serde_json::from_str::<Input>(&input) {
        Ok(Input { name, more }) => {
            println!("Hello, {name}! It is good to meet you. What would you like to talk about?");
            let mut more: Vec<_> = more.into_iter().collect();
            more.sort_by(|(one, _), (other, _)| one.cmp(other));
            for (key, value) in more {
                println!("{key:?}: {value:#}");
            }
        }
        Err(error) => {
            eprintln!("{error:?}");
            std::process::exit(1);
        }
    }
}
