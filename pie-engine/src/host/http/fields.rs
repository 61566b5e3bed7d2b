//! Headers: `fields` of `wasi:http/types`.

use super::bindings::wasi::http::types::{HeaderError, HostFields};
use crate::host::budget::Held;
use crate::host::limits::LimitExceeded;
use crate::host::state::State;
use crate::outside::is_of_the_connection;
use crate::trace::Whole;
use http::header::{HeaderName, HeaderValue};
use std::sync::Arc;
use wasmtime::Result;
use wasmtime::component::Resource;

/// Names in lower case and values, in the order in which they were added.
pub type Entries = Vec<(String, Vec<u8>)>;

/// Headers, and the room they take.
pub struct Fields {
    entries: Arc<Entries>,
    /// Those of a message that exists cannot be changed.
    immutable: bool,
    held: Held,
}

/// What every header takes besides its name and value, in bytes.
const ENTRY_BYTES: u64 = 64;

/// The room that headers take.
pub(super) fn bytes_of(entries: &Entries) -> u64 {
    entries.iter().map(|(name, value)| (name.len() + value.len()) as u64 + ENTRY_BYTES).sum()
}

/// Headers as the seam to the outside has them.
pub(super) fn wholes(entries: &Entries) -> Vec<(String, Whole)> {
    entries.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect()
}

/// Headers as a guest has them.
pub(super) fn entries(headers: &[(String, Whole)]) -> Entries {
    headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_bytes().to_vec())).collect()
}

/// The name in the form in which it is kept, if it is one and may be set.
fn name(name: &str) -> Result<String, HeaderError> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::InvalidSyntax)?;
    let name = name.as_str().to_owned();
    // Where a request goes is said with its authority.
    if name == "host" || is_of_the_connection(&name) { Err(HeaderError::Forbidden) } else { Ok(name) }
}

fn value(value: Vec<u8>) -> Result<Vec<u8>, HeaderError> {
    match HeaderValue::from_bytes(&value) {
        Ok(_) => Ok(value),
        Err(_) => Err(HeaderError::InvalidSyntax),
    }
}

fn pair((key, it): (String, Vec<u8>)) -> Result<(String, Vec<u8>), HeaderError> {
    Ok((name(&key)?, value(it)?))
}

impl Fields {
    /// The headers.
    pub(super) fn entries(&self) -> &Arc<Entries> {
        &self.entries
    }

    /// The one value of `content-length`, if it is a number.
    pub(super) fn content_length(&self) -> Option<u64> {
        let (_, value) = self.entries.iter().find(|(name, _)| name == "content-length")?;
        std::str::from_utf8(value).ok()?.trim().parse().ok()
    }

    fn change(
        &mut self,
        change: impl FnOnce(&mut Entries),
    ) -> Result<Result<(), HeaderError>, LimitExceeded> {
        if self.immutable {
            return Ok(Err(HeaderError::Immutable));
        }
        change(Arc::make_mut(&mut self.entries));
        self.held.resize(bytes_of(&self.entries)).map(Ok)
    }
}

impl State {
    /// Headers that nobody has a handle of.
    pub(super) fn fields(&self, entries: Arc<Entries>, immutable: bool) -> Result<Fields, LimitExceeded> {
        let mut held = self.held.nothing();
        held.grow(bytes_of(&entries))?;
        Ok(Fields { entries, immutable, held })
    }

    /// A handle of the headers of a message, which cannot be changed.
    pub(super) fn headers_of(&mut self, entries: &Arc<Entries>) -> Result<Resource<Fields>> {
        let fields = self.fields(Arc::clone(entries), true)?;
        Ok(self.table.push(fields)?)
    }

    fn new_fields(&mut self, entries: Entries) -> Result<Resource<Fields>> {
        let fields = self.fields(Arc::new(entries), false)?;
        Ok(self.table.push(fields)?)
    }

    /// Takes headers from the guest; they are not changed any more.
    pub(super) fn take_fields(&mut self, fields: Resource<Fields>) -> Result<Fields> {
        Ok(Fields { immutable: true, ..self.table.delete(fields)? })
    }
}

impl HostFields for State {
    fn new(&mut self) -> Result<Resource<Fields>> {
        self.new_fields(Entries::new())
    }

    fn from_list(&mut self, list: Vec<(String, Vec<u8>)>) -> Result<Result<Resource<Fields>, HeaderError>> {
        match list.into_iter().map(pair).collect() {
            Ok(entries) => self.new_fields(entries).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    fn get(&mut self, fields: Resource<Fields>, name: String) -> Result<Vec<Vec<u8>>> {
        let name = name.to_ascii_lowercase();
        let entries = self.table.get(&fields)?.entries.iter();
        Ok(entries.filter(|(key, _)| *key == name).map(|(_, value)| value.clone()).collect())
    }

    fn has(&mut self, fields: Resource<Fields>, name: String) -> Result<bool> {
        let name = name.to_ascii_lowercase();
        Ok(self.table.get(&fields)?.entries.iter().any(|(key, _)| *key == name))
    }

    fn set(
        &mut self,
        fields: Resource<Fields>,
        key: String,
        values: Vec<Vec<u8>>,
    ) -> Result<Result<(), HeaderError>> {
        let pairs = values.into_iter().map(|value| pair((key.clone(), value)));
        let (name, pairs) =
            match name(&key).and_then(|name| Ok((name, pairs.collect::<Result<Entries, _>>()?))) {
                Ok(it) => it,
                Err(error) => return Ok(Err(error)),
            };
        let fields = self.table.get_mut(&fields)?;
        Ok(fields.change(|entries| {
            // The new values stand where the first old one was.
            let place = entries.iter().position(|(key, _)| *key == name).unwrap_or(entries.len());
            entries.retain(|(key, _)| *key != name);
            entries.splice(place..place, pairs);
        })?)
    }

    fn delete(&mut self, fields: Resource<Fields>, key: String) -> Result<Result<(), HeaderError>> {
        let name = match name(&key) {
            Ok(name) => name,
            Err(error) => return Ok(Err(error)),
        };
        Ok(self.table.get_mut(&fields)?.change(|entries| entries.retain(|(key, _)| *key != name))?)
    }

    fn append(
        &mut self,
        fields: Resource<Fields>,
        key: String,
        value: Vec<u8>,
    ) -> Result<Result<(), HeaderError>> {
        let entry = match pair((key, value)) {
            Ok(entry) => entry,
            Err(error) => return Ok(Err(error)),
        };
        Ok(self.table.get_mut(&fields)?.change(|entries| entries.push(entry))?)
    }

    fn entries(&mut self, fields: Resource<Fields>) -> Result<Vec<(String, Vec<u8>)>> {
        Ok(self.table.get(&fields)?.entries.to_vec())
    }

    fn clone(&mut self, fields: Resource<Fields>) -> Result<Resource<Fields>> {
        let entries = self.table.get(&fields)?.entries.to_vec();
        self.new_fields(entries)
    }

    fn drop(&mut self, fields: Resource<Fields>) -> Result<()> {
        self.table.delete(fields)?;
        Ok(())
    }
}
