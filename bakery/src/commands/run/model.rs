//! `--model`: from a name to a model.

use std::path::Path;

use pie_engine::loaded::LoadedModel;

use crate::environment::Environment;
use crate::error::{Error, Result};

/// The model without weights.
pub(super) const DUMMY: &str = "dummy";

/// The models there are.
const MODELS: [&str; 1] = [DUMMY];

/// Loads the model that `spec` names, with a script of replies if one is given.
pub(super) fn load(spec: &str, script: Option<&Path>, _env: &Environment) -> Result<LoadedModel> {
    if !MODELS.contains(&spec) {
        let known = MODELS.map(|name| format!("`{name}`")).join(", ");
        return Err(Error::usage(format!("there is no model `{spec}`; there is {known}"))
            .hint(format!("--model {DUMMY}")));
    }
    match script {
        None => Ok(LoadedModel::dummy()),
        Some(script) => Err(Error::bug(format!("`{}`: scripts cannot be read yet", script.display()))),
    }
}
