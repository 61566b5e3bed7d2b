//! Functions as tools.

use crate::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::Pin;

/// A call under way: its result as JSON, or why it failed.
pub type ToolFuture<'a> = Pin<Box<dyn Future<Output = Result<String>> + 'a>>;

/// A function that the model can call. The [`crate::tool`] attribute implements it.
pub trait Tool {
    /// The name that the model calls it by.
    fn name(&self) -> &str;

    /// The description for [`super::equip_prefix`]: JSON with `name`, `description` and `parameters`.
    fn schema(&self) -> String;

    /// Calls it with arguments as a JSON object. Arguments that do not fit are an error that says what was expected, to be
    /// shown to the model.
    fn call<'a>(&'a self, arguments_json: &'a str) -> ToolFuture<'a>;
}

/// A set of tools, called by name.
///
/// ```
/// /// Adds two numbers.
/// #[inferlet::tool]
/// fn add(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// let tools = inferlet::tools::Tools::new().with(add);
/// assert_eq!(tools.names(), ["add"]);
/// ```
#[derive(Default)]
pub struct Tools<'t> {
    list: Vec<Box<dyn Tool + 't>>,
}

impl<'t> Tools<'t> {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool. It replaces one of the same name.
    pub fn with(mut self, tool: impl Tool + 't) -> Self {
        self.list.retain(|other| other.name() != tool.name());
        self.list.push(Box::new(tool));
        self
    }

    /// Names, in the order in which the tools were added.
    pub fn names(&self) -> Vec<&str> {
        self.list.iter().map(|tool| tool.name()).collect()
    }

    /// Descriptions for [`super::equip_prefix`], in the same order.
    pub fn schemas(&self) -> Vec<String> {
        self.list.iter().map(|tool| tool.schema()).collect()
    }

    /// Calls a tool by its name, with arguments as a JSON object; returns its result as JSON.
    ///
    /// # Errors
    ///
    /// If there is no such tool, if the arguments do not fit, or what the tool itself returns. All are worth showing to the
    /// model, with [`super::answer_prefix`].
    pub async fn call(&self, name: &str, arguments_json: &str) -> Result<String> {
        match self.list.iter().find(|tool| tool.name() == name) {
            Some(tool) => tool.call(arguments_json).await,
            None => Err(format!("no tool `{name}`; there are `{}`", self.names().join("`, `"))),
        }
    }
}

/// For the `tool` attribute: the description of a tool whose arguments are the fields of `A`.
pub fn describe<A: schemars::JsonSchema>(name: &str, description: &str) -> String {
    let parameters = super::schema_of::<A>();
    serde_json::json!({ "name": name, "description": description, "parameters": parameters }).to_string()
}

/// For the `tool` attribute: reads the arguments of a call. No text at all stands for no arguments.
pub fn parse_arguments<A: DeserializeOwned>(name: &str, arguments_json: &str) -> Result<A> {
    crate::entry::from_json(arguments_json)
        .map_err(|error| format!("arguments of `{name}` do not fit: {error}"))
}

/// For the `tool` attribute: writes the result of a call.
pub fn to_json(name: &str, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| format!("the result of `{name}` cannot be written as JSON: {error}"))
}
