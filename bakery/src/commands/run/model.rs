//! `--model`: from a name to a model.

use std::ops::Range;
use std::path::Path;

use pie_engine::loaded::LoadedModel;
use pie_engine::model::dummy::Script;

use crate::environment::Environment;
use crate::error::{Error, Place, Result};

/// The model without weights.
pub(in crate::commands) const DUMMY: &str = "dummy";

/// The models there are.
const MODELS: [&str; 1] = [DUMMY];

/// What a model is loaded from.
pub(in crate::commands) enum Source {
    /// The dummy, with replies of its own if there is a script.
    Dummy(Option<Script>),
}

impl Source {
    /// Finds the model that `spec` names, and reads the script of replies if one is given.
    pub(in crate::commands) fn read(spec: &str, script: Option<&Path>, env: &Environment) -> Result<Source> {
        if !MODELS.contains(&spec) {
            let known = MODELS.map(|name| format!("`{name}`")).join(", ");
            return Err(Error::usage(format!("there is no model `{spec}`; there is {known}"))
                .hint(format!("--model {DUMMY}")));
        }
        Ok(Source::Dummy(script.map(|path| read_script(path, env)).transpose()?))
    }

    /// Loads the model, which may take a while.
    pub(in crate::commands) fn load(&self) -> LoadedModel {
        match self {
            Source::Dummy(None) => LoadedModel::dummy(),
            Source::Dummy(Some(script)) => LoadedModel::scripted(script),
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
