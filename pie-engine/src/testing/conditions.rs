//! What a snapshot depends on besides the inferlet and its input, so that two of them can be told to be comparable or not.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::trace::Header;

/// How many digits of a digest are kept.
const DIGITS: usize = 16;

/// What the content of a snapshot depends on besides the inferlet and its input: names and values, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(pub Vec<(String, String)>);

impl Conditions {
    /// Those of a run.
    pub fn of(header: &Header) -> Conditions {
        let digest = |digest: &str| digest.chars().take(DIGITS).collect::<String>();
        let values = [
            ("format", header.format.to_string()),
            ("model", header.model.clone()),
            ("model-digest", digest(&header.model_digest)),
            ("tokenizer-digest", digest(&header.tokenizer_digest)),
            ("interface-digest", digest(&header.wit_digest)),
            ("kernel", header.kernel.clone()),
            ("seed", header.seed.to_string()),
        ];
        Conditions(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Why what was accepted under these cannot be compared with what was found under `now`.
    pub fn differ(&self, now: &Conditions) -> Option<String> {
        let value = |conditions: &Conditions, name: &str| {
            conditions.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
        };
        let names = now.0.iter().chain(&self.0).map(|(name, _)| name);
        let mut differing: Vec<String> = Vec::new();
        for name in names {
            let (before, after) = (value(self, name), value(now, name));
            let shown = |value: Option<String>| {
                value.map_or_else(|| "not said".to_owned(), |value| format!("`{value}`"))
            };
            let what = format!("{name} was {} and is {}", shown(before.clone()), shown(after.clone()));
            if before != after && !differing.contains(&what) {
                differing.push(what);
            }
        }
        (!differing.is_empty()).then(|| differing.join(", "))
    }
}

/// A map, as the metadata of a snapshot have it under `info`.
impl Serialize for Conditions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
