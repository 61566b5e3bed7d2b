//! `matrix`: one test with several values is several cases, one for each combination.

use serde_json::{Map, Value};

use super::super::parameters::Parameter;
use super::super::source::Item;
use super::read::accepted;
use crate::error::Result;

/// The most cases that one test can become.
const MOST_CASES: usize = 10_000;
/// A value longer than this is called by its number.
const LONGEST_VALUE: usize = 24;

/// What a test is multiplied by.
pub(super) struct Matrix {
    /// Parameters in the order of the file, each with its values.
    parameters: Vec<(String, Vec<Value>)>,
    seeds: Vec<u64>,
}

/// One combination.
pub(super) struct Choice {
    /// `name=Ada,seed=2`
    pub name: String,
    pub parameters: Map<String, Value>,
    pub seed: Option<u64>,
}

impl Matrix {
    /// Reads the table.
    pub fn read(item: &Item<'_>, parameters: Option<&[Parameter]>) -> Result<Matrix> {
        let table = item.table()?;
        table.allow(&["parameters", "seeds"])?;
        let mut matrix =
            Matrix { parameters: Vec::new(), seeds: table.read("seeds", seeds)?.unwrap_or_default() };
        if let Some(values) = table.get("parameters") {
            for (name, item) in values.table()?.items() {
                matrix.parameters.push((name.to_owned(), values_of(name, &item, parameters)?));
            }
        }
        if matrix.parameters.is_empty() && matrix.seeds.is_empty() {
            return Err(table.error("the matrix is empty", "neither `parameters` nor `seeds`"));
        }
        let count = matrix.parameters.iter().map(|(_, values)| values.len());
        let count = count.chain([matrix.seeds.len().max(1)]).try_fold(1usize, usize::checked_mul);
        match count {
            Some(..=MOST_CASES) => Ok(matrix),
            _ => {
                let label = format!("expected at most {MOST_CASES}");
                Err(table.error("the matrix makes too many cases", label))
            }
        }
    }

    /// All combinations; what is written last varies fastest.
    pub fn choices(&self) -> Vec<Choice> {
        let mut choices = vec![Choice { name: String::new(), parameters: Map::new(), seed: None }];
        for (name, values) in &self.parameters {
            let longer = |choice: &Choice, (number, value): (usize, &Value)| {
                let mut parameters = choice.parameters.clone();
                parameters.insert(name.clone(), value.clone());
                Choice { name: joined(&choice.name, name, &shown(number, value)), parameters, seed: None }
            };
            choices = choices
                .iter()
                .flat_map(|choice| {
                    values.iter().enumerate().map(|numbered| longer(choice, numbered)).collect::<Vec<_>>()
                })
                .collect();
        }
        if self.seeds.is_empty() {
            return choices;
        }
        let seeded = |choice: &Choice, seed: u64| Choice {
            name: joined(&choice.name, "seed", &seed.to_string()),
            parameters: choice.parameters.clone(),
            seed: Some(seed),
        };
        let all = choices
            .iter()
            .flat_map(|choice| self.seeds.iter().map(|seed| seeded(choice, *seed)).collect::<Vec<_>>());
        all.collect()
    }
}

fn joined(before: &str, name: &str, value: &str) -> String {
    let comma = if before.is_empty() { "" } else { "," };
    format!("{before}{comma}{name}={value}")
}

/// A short plain value stands for itself, any other for its number in the list.
fn shown(number: usize, value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let plain = text.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char));
    if plain && !text.is_empty() && text.len() <= LONGEST_VALUE { text } else { format!("#{}", number + 1) }
}

fn seeds(item: &Item<'_>) -> Result<Vec<u64>> {
    let mut seeds = Vec::new();
    for item in item.array("an array of whole numbers")? {
        let seed = item.unsigned()?;
        if seeds.contains(&seed) {
            return Err(item.error(format!("the seed {seed} is there twice"), "already in the list"));
        }
        seeds.push(seed);
    }
    Ok(seeds)
}

fn values_of(name: &str, item: &Item<'_>, parameters: Option<&[Parameter]>) -> Result<Vec<Value>> {
    let items = item.array("an array of values")?;
    if items.is_empty() {
        return Err(item.error(format!("`{name}` has no values"), "nothing here"));
    }
    let mut values = Vec::new();
    for item in items {
        let value = match parameters {
            Some(parameters) => accepted(parameters, name, &item)?,
            None => item.json()?,
        };
        if values.contains(&value) {
            return Err(item.error(format!("`{name}` has a value twice"), "already in the list"));
        }
        values.push(value);
    }
    Ok(values)
}
