//! `pie:core/adapter`: low-rank adapters.

use super::bindings::pie::core::adapter::{Host, HostAdapter};
use super::model::ModelHandle;
use super::state::State;
use super::wasi::SCRATCH_PATH;
use super::wasi::scratch::{Follow, Handle, OpenHow, ScratchError};
use super::work::ADAPTER_BYTE;
use crate::adapter::{Adapter, AdapterError};
use crate::ids::ModelNumber;
use crate::trace::{AdapterOperation, Event};
use wasmtime::Result;
use wasmtime::component::Resource;

/// A handle of an adapter.
pub struct AdapterHandle {
    /// The adapter; or why there is none, which is told when it is used.
    adapter: std::result::Result<Adapter, String>,
    /// The model whose weights it changes.
    model: ModelNumber,
}

impl State {
    /// The adapter of a handle.
    pub(super) fn adapter_of(
        &self,
        handle: &Resource<AdapterHandle>,
    ) -> Result<std::result::Result<Adapter, String>> {
        Ok(self.table.get(handle)?.adapter.clone())
    }

    /// The adapter of a handle, for a pass of a model.
    pub(super) fn adapter_for(
        &self,
        handle: &Resource<AdapterHandle>,
        model: ModelNumber,
    ) -> Result<std::result::Result<Adapter, String>> {
        let of = self.table.get(handle)?.model;
        if of == model {
            return self.adapter_of(handle);
        }
        let [of, model] = [of, model].map(|number| &self.models[number].info().name);
        Ok(Err(format!("the pass's adapter is one of the model `{of}`, and not of `{model}`")))
    }

    /// Records what was done with an adapter.
    pub(super) fn record_adapter(&self, adapter: &Adapter, operation: AdapterOperation) -> Result<()> {
        let name = adapter.name().to_owned();
        self.record(|instance| Event::Adapter { instance, name, operation })?;
        Ok(())
    }

    fn adapter_handle(
        &mut self,
        model: ModelNumber,
        adapter: std::result::Result<Adapter, String>,
    ) -> Result<Resource<AdapterHandle>> {
        Ok(self.table.push(AdapterHandle { adapter, model })?)
    }

    fn load_adapter(&mut self, adapter: &Adapter, path: &str) -> Result<std::result::Result<(), String>> {
        let file = match open(&self.wasi.scratch().root(), path, false) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let length = usize::try_from(file.stat().size).unwrap_or(usize::MAX);
        self.pay(length, ADAPTER_BYTE)?;
        let mut held = self.held.nothing();
        // The file, and the weights that are made of it.
        held.grow(2 * length as u64)?;
        let loaded = match file.read(0, length) {
            Ok(bytes) => adapter.load(&bytes).map_err(|error| error.to_string()),
            Err(error) => Err(at(path, error)),
        };
        if loaded.is_ok() {
            self.record_adapter(adapter, AdapterOperation::Load { path: path.into() })?;
        }
        Ok(loaded)
    }

    fn save_adapter(&mut self, adapter: &Adapter, path: &str) -> Result<std::result::Result<(), String>> {
        let length = 4 * adapter.numbers(None);
        self.pay(usize::try_from(length).unwrap_or(usize::MAX), ADAPTER_BYTE)?;
        let mut held = self.held.nothing();
        held.grow(length)?;
        let written = adapter.save().map_err(|error| error.to_string()).and_then(|bytes| {
            let file = open(&self.wasi.scratch().root(), path, true)?;
            file.write(0, &bytes).map_err(|error| at(path, error))
        });
        if written.is_ok() {
            self.record_adapter(adapter, AdapterOperation::Save { path: path.into() })?;
        }
        Ok(written)
    }
}

/// Opens a file of the scratch folder by the path that guests know it by.
fn open(root: &Handle, path: &str, write: bool) -> std::result::Result<Handle, String> {
    let inside = path.strip_prefix(SCRATCH_PATH).and_then(|rest| rest.strip_prefix('/'));
    let inside = inside.ok_or_else(|| format!("`{path}` is not under `{SCRATCH_PATH}`"))?;
    let how = OpenHow {
        follow: Follow::Always,
        create: write,
        exclusive: false,
        directory: false,
        truncate: write,
        write,
    };
    // The path may begin with further slashes, which mean nothing.
    root.open_at(inside.trim_start_matches('/'), how).map_err(|error| at(path, error))
}

fn at(path: &str, error: ScratchError) -> String {
    format!("`{path}`: {error}")
}

impl From<AdapterError> for String {
    fn from(error: AdapterError) -> String {
        error.to_string()
    }
}

impl Host for State {}

impl HostAdapter for State {
    fn create(
        &mut self,
        model: Resource<ModelHandle>,
        name: String,
    ) -> Result<std::result::Result<Resource<AdapterHandle>, String>> {
        self.called("adapter.create");
        let model = self.number_of(&model)?;
        let adapter = match self.adapters[model.0 as usize].create(&self.user, &name) {
            Ok(adapter) => adapter,
            Err(error) => return Ok(Err(error.into())),
        };
        self.record_adapter(&adapter, AdapterOperation::Create)?;
        Ok(Ok(self.adapter_handle(model, Ok(adapter))?))
    }

    fn open(
        &mut self,
        model: Resource<ModelHandle>,
        name: String,
    ) -> Result<Option<Resource<AdapterHandle>>> {
        self.called("adapter.open");
        let model = self.number_of(&model)?;
        let opened = self.adapters[model.0 as usize].open(&self.user, &name);
        let Some(adapter) = opened else { return Ok(None) };
        self.record_adapter(&adapter, AdapterOperation::Open)?;
        Ok(Some(self.adapter_handle(model, Ok(adapter))?))
    }

    fn destroy(&mut self, adapter: Resource<AdapterHandle>) -> Result<()> {
        self.called("adapter.destroy");
        // The interface has no error here: what is gone already stays so.
        if let Ok(adapter) = self.adapter_of(&adapter)?
            && adapter.destroy().is_ok()
        {
            self.record_adapter(&adapter, AdapterOperation::Destroy)?;
        }
        Ok(())
    }

    fn fork(&mut self, adapter: Resource<AdapterHandle>, name: String) -> Result<Resource<AdapterHandle>> {
        self.called("adapter.fork");
        let original = self.adapter_of(&adapter)?;
        if let Ok(original) = &original {
            self.pay(usize::try_from(4 * original.numbers(None)).unwrap_or(usize::MAX), ADAPTER_BYTE)?;
        }
        let fork = original.and_then(|original| {
            let fork = original.fork(&name).map_err(String::from)?;
            Ok((original, fork))
        });
        // The interface has no error here; a handle without an adapter tells it when it is used.
        let fork = match fork {
            Ok((original, fork)) => {
                self.record_adapter(&original, AdapterOperation::Fork { to: name })?;
                Ok(fork)
            }
            Err(error) => Err(format!("the adapter could not be forked: {error}")),
        };
        let model = self.table.get(&adapter)?.model;
        self.adapter_handle(model, fork)
    }

    fn load(
        &mut self,
        adapter: Resource<AdapterHandle>,
        path: String,
    ) -> Result<std::result::Result<(), String>> {
        self.called("adapter.load");
        match self.adapter_of(&adapter)? {
            Ok(adapter) => self.load_adapter(&adapter, &path),
            Err(error) => Ok(Err(error)),
        }
    }

    fn save(
        &mut self,
        adapter: Resource<AdapterHandle>,
        path: String,
    ) -> Result<std::result::Result<(), String>> {
        self.called("adapter.save");
        match self.adapter_of(&adapter)? {
            Ok(adapter) => self.save_adapter(&adapter, &path),
            Err(error) => Ok(Err(error)),
        }
    }

    fn drop(&mut self, adapter: Resource<AdapterHandle>) -> Result<()> {
        self.table.delete(adapter)?;
        Ok(())
    }
}
