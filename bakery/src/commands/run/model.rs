//! `--model`: from a name to a model.

use std::ops::Range;
use std::path::Path;

use pie_engine::loaded::LoadedModel;
use pie_engine::model::candle::{Cache, Device};
use pie_engine::model::dummy::Script;
use pie_engine::model::source;

use crate::environment::Environment;
use crate::error::{Error, Place, Result};
use crate::models;
use crate::models::hub::Network;
use crate::progress::Progress;

/// The model without weights.
pub(in crate::commands) const DUMMY: &str = "dummy";

/// The models that have no weights.
const MODELS: [&str; 1] = [DUMMY];

/// How keys and values are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum KvCache {
    /// As the weights are: 32 bits beside weights of 32 bits, and 16 otherwise
    #[default]
    Auto,
    /// Numbers of 32 bits
    F32,
    /// Numbers of 16 bits
    F16,
    /// Whole numbers of 8 bits with a scale for each key and each value: half of the memory, a little less exact
    Int8,
}

impl From<KvCache> for Cache {
    fn from(cache: KvCache) -> Cache {
        match cache {
            KvCache::Auto => Cache::AsWeights,
            KvCache::F32 => Cache::F32,
            KvCache::F16 => Cache::F16,
            KvCache::Int8 => Cache::Int8,
        }
    }
}

/// How a model with weights is computed.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::commands) struct Computing {
    /// How keys and values are kept.
    pub cache: KvCache,
    /// What computes.
    pub device: Device,
}

/// Reads `cpu`, `cuda` or `cuda:N`.
pub(super) fn parse_device(text: &str) -> std::result::Result<Device, String> {
    match text.split_once(':') {
        None if text == "cpu" => Ok(Device::Cpu),
        None if text == "cuda" => Ok(Device::Cuda(0)),
        Some(("cuda", number)) => number.parse().map(Device::Cuda).map_err(|error| error.to_string()),
        _ => Err("not `cpu`, `cuda` or `cuda:N`".to_owned()),
    }
}

/// What a model is loaded from.
pub(in crate::commands) enum Source {
    /// The dummy, with replies of its own if there is a script.
    Dummy(Option<Script>),
    /// Weights, opened and checked.
    Weights(Box<source::Source>),
}

/// A model cannot be loaded.
#[derive(Clone, Debug)]
pub(in crate::commands) struct NotLoaded {
    name: String,
    reason: String,
}

impl From<NotLoaded> for Error {
    fn from(NotLoaded { name, reason }: NotLoaded) -> Error {
        Error::environment(format!("the model `{name}` cannot be loaded")).caused_by(reason)
    }
}

impl Source {
    /// Finds the model that `spec` names, fetches it if need be, and reads the script of replies if one is given.
    pub(in crate::commands) fn read(
        spec: &str,
        script: Option<&Path>,
        network: Network,
        env: &Environment,
        progress: &dyn Progress,
    ) -> Result<Source> {
        if spec == DUMMY {
            return Ok(Source::Dummy(script.map(|path| read_script(path, env)).transpose()?));
        }
        // Looked up first, so that a name that means nothing is what is said.
        models::meaning(spec, &MODELS, env)?;
        if script.is_some() {
            return Err(Error::usage(format!("`{spec}` has weights, and takes no script of replies"))
                .hint(format!("--model {DUMMY}")));
        }
        let found = models::find(spec, &MODELS, network, env, progress)?;
        models::open(&found, env).map(|source| Source::Weights(Box::new(source)))
    }

    /// Loads the model, which may take a while.
    pub(in crate::commands) fn load(&self, how: Computing) -> std::result::Result<LoadedModel, NotLoaded> {
        match self {
            Source::Dummy(None) => Ok(LoadedModel::dummy()),
            Source::Dummy(Some(script)) => Ok(LoadedModel::scripted(script)),
            Source::Weights(source) => LoadedModel::from_source(source, how.cache.into(), how.device)
                .map_err(|error| NotLoaded { name: source.name.clone(), reason: error.to_string() }),
        }
    }
}

fn read_script(path: &Path, env: &Environment) -> Result<Script> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(env.current_dir.join(path))
        .map_err(|error| Error::usage(format!("cannot read `{shown}`")).caused_by(error))?;
    Script::parse(&text).map_err(|mistake| {
        let span = line(&text, mistake.line);
        let place = Place { file: shown.clone(), text: text.clone(), span, label: mistake.message };
        Error::usage(format!("`{shown}` is not a script of replies")).at(place)
    })
}

/// The bytes of a line, which counts from 1, without the white space around it.
fn line(text: &str, number: usize) -> Range<usize> {
    let mut lines = text.split_inclusive('\n');
    let start: usize = lines.by_ref().take(number.saturating_sub(1)).map(str::len).sum();
    let line = lines.next().unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    start + indent..start + line.trim_end().len().max(indent)
}
