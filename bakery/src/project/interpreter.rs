//! What runs JavaScript inside of a component.

use schemars::JsonSchema;
use serde::Serialize;

/// An engine for JavaScript and TypeScript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Interpreter {
    /// Small, built with no Node.js.
    #[default]
    #[value(name = "quickjs")]
    QuickJs,
    /// That of Firefox, built with componentize-js, which needs Node.js.
    #[value(name = "spidermonkey")]
    SpiderMonkey,
}

impl Interpreter {
    /// Every engine.
    pub const ALL: [Interpreter; 2] = [Interpreter::QuickJs, Interpreter::SpiderMonkey];

    /// The name in manifests and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Interpreter::QuickJs => "quickjs",
            Interpreter::SpiderMonkey => "spidermonkey",
        }
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Interpreter::QuickJs => "QuickJS",
            Interpreter::SpiderMonkey => "SpiderMonkey",
        }
    }

    /// The engine of this [`Interpreter::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }
}
