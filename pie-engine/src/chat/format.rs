//! The format of one model.

use super::scan::{Marks, Span};
use super::template::{Slot, Template};
use super::tool::{self, ToolFormat};
use super::{ChatDecoder, ChatError, ReasoningDecoder, ToolDecoder, call_grammar, derive};
use crate::tokenizer::Tokenizer;
use serde::Deserialize;
use std::sync::Arc;

/// How the dummy writes conversations.
const DUMMY: &str = include_str!("../model/dummy/assets/chat.toml");

/// Everything about one model's conversations.
///
/// Fragments are meant to be put one after the other: `system`, then `user`, `cue`, what the model generates, `seal`, then `user` again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatFormat {
    /// For error messages.
    pub(super) model: String,
    /// The control token at the start of every conversation, if there is one. It is part of `system`.
    #[serde(default)]
    pub(super) begin: Option<String>,
    /// Spellings of the tokens that end a turn.
    pub(super) stop: Vec<String>,
    pub(super) system: Template,
    pub(super) user: Template,
    pub(super) assistant: Template,
    pub(super) cue: Template,
    pub(super) seal: Template,
    #[serde(default)]
    pub(super) reasoning: Option<ReasoningFormat>,
    #[serde(default)]
    pub(super) tools: Option<ToolFormat>,
}

/// The marks around reasoning.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasoningFormat {
    pub(super) open: String,
    pub(super) close: String,
    /// Whether the cue has opened it already, so that the model begins inside.
    #[serde(default)]
    pub(super) opened_by_cue: bool,
    /// Whether white space next to the marks belongs to them.
    #[serde(default)]
    pub(super) trim: bool,
}

impl ChatFormat {
    /// The format of the dummy model.
    pub fn dummy() -> ChatFormat {
        toml::from_str(DUMMY).expect("the embedded format is tested to parse")
    }

    /// The format of a model that is published in the way of Hugging Face, from its tokenizer and the contents of its
    /// `tokenizer_config.json`.
    ///
    /// Newer models keep the template in a file of its own: put its text into the member `chat_template`. The ids of
    /// `generation_config.json` that end a text may be put into `eos_token_id`. A model without a template
    /// gets a format that is text and nothing else.
    ///
    /// Default system messages are left out: they belong to the program, which calls [`system`](Self::system) if it wants one.
    pub fn from_hf(tokenizer: &Tokenizer, config: &serde_json::Value) -> Result<ChatFormat, ChatError> {
        derive::from_hf(tokenizer, config)
    }

    /// The same format under another model's name, for error messages.
    pub fn named(self, model: &str) -> ChatFormat {
        ChatFormat { model: model.to_owned(), ..self }
    }

    /// The token at the start of every conversation, which [`system`](Self::system) includes. A conversation without a system message
    /// has to begin with it.
    pub fn begin(&self, tokenizer: &Tokenizer) -> Option<u32> {
        tokenizer.special_id(self.begin.as_deref()?)
    }

    /// A message with instructions, which comes first. Models that have no such role get it as a message of the user.
    pub fn system(&self, tokenizer: &Tokenizer, message: &str) -> Vec<u32> {
        self.system.tokens(tokenizer, &[(Slot::Message, message)])
    }

    /// A message of the user.
    pub fn user(&self, tokenizer: &Tokenizer, message: &str) -> Vec<u32> {
        self.user.tokens(tokenizer, &[(Slot::Message, message)])
    }

    /// A complete turn of the model.
    pub fn assistant(&self, tokenizer: &Tokenizer, message: &str) -> Vec<u32> {
        self.assistant.tokens(tokenizer, &[(Slot::Message, message)])
    }

    /// The head of the model's turn, after which it writes.
    pub fn cue(&self, tokenizer: &Tokenizer) -> Vec<u32> {
        self.cue.tokens(tokenizer, &[])
    }

    /// What closes the model's turn.
    pub fn seal(&self, tokenizer: &Tokenizer) -> Vec<u32> {
        self.seal.tokens(tokenizer, &[])
    }

    /// The tokens that end the model's turn, in ascending order: those of the template and the end of text.
    pub fn stop_tokens(&self, tokenizer: &Tokenizer) -> Vec<u32> {
        let mut ids: Vec<u32> = self.stop.iter().filter_map(|stop| tokenizer.special_id(stop)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Whether the model marks its reasoning; if not, the reason as an error.
    pub fn check_reasoning(&self) -> Result<(), ChatError> {
        self.reasoning.as_ref().map(|_| ()).ok_or_else(|| self.unsupported("reasoning"))
    }

    /// Whether the model can call tools; if not, the reason as an error.
    pub fn check_tools(&self) -> Result<(), ChatError> {
        self.tools.as_ref().map(|_| ()).ok_or_else(|| self.unsupported("tools"))
    }

    /// Tells the model about tools. Each is a JSON object with `name`, `description` and `parameters` (a JSON Schema), or
    /// the same as `{"type": "function", "function": {…}}`.
    pub fn equip(&self, tokenizer: &Tokenizer, tools: &[String]) -> Result<Vec<u32>, ChatError> {
        let format = self.tools.as_ref().ok_or_else(|| self.unsupported("tools"))?;
        let tokens = format.equip.tokens(tokenizer, &tool::parse_all(tools)?);
        tokens.map_err(|reason| ChatError::Template { model: self.model.clone(), reason })
    }

    /// A grammar of calls to these tools, in Lark's notation; none if the model has no format for them. Fails on descriptions that
    /// [`equip`](Self::equip) fails on, on parameters that cannot be enforced, and without tools.
    pub fn call_grammar(&self, tokenizer: &Tokenizer, tools: &[String]) -> Result<Option<String>, ChatError> {
        let Some(format) = &self.tools else { return Ok(None) };
        let tools = tool::parse_all(tools)?;
        if tools.is_empty() {
            return Err(ChatError::Tool { number: 1, reason: "there is none".to_owned() });
        }
        let written = call_grammar::write(format, tokenizer, &tools);
        written.map(Some).map_err(|(number, error)| ChatError::Tool { number, reason: error.to_string() })
    }

    /// Gives the model the result of a call. A model that has no role for results gets it as a message of the user.
    pub fn answer(&self, tokenizer: &Tokenizer, name: &str, value: &str) -> Vec<u32> {
        match self.tools.as_ref().and_then(|tools| tools.answer.as_ref()) {
            Some(answer) => answer.tokens(tokenizer, &[(Slot::Name, name), (Slot::Value, value)]),
            None => self.user(tokenizer, value),
        }
    }

    /// A decoder of visible text for one turn of the model.
    pub fn chat_decoder(&self, tokenizer: &Arc<Tokenizer>) -> ChatDecoder {
        ChatDecoder::new(Arc::clone(tokenizer), self.marks(tokenizer))
    }

    /// A decoder of reasoning for one turn of the model.
    pub fn reasoning_decoder(&self, tokenizer: &Arc<Tokenizer>) -> ReasoningDecoder {
        ReasoningDecoder::new(Arc::clone(tokenizer), self.marks(tokenizer))
    }

    /// A decoder of tool calls for one turn of the model.
    pub fn tool_decoder(&self, tokenizer: &Arc<Tokenizer>) -> ToolDecoder {
        let shape = self.tools.as_ref().map(|tools| tools.shape.clone()).unwrap_or_default();
        ToolDecoder::new(Arc::clone(tokenizer), self.marks(tokenizer), shape)
    }

    fn unsupported(&self, feature: &'static str) -> ChatError {
        ChatError::Unsupported { feature, model: self.model.clone() }
    }

    fn marks(&self, tokenizer: &Tokenizer) -> Marks {
        let mut marks = Marks::new(self.stop_tokens(tokenizer));
        if let Some(reasoning) = &self.reasoning {
            marks.open(tokenizer, &reasoning.open, Span::Reasoning);
            marks.close(tokenizer, &reasoning.close, Span::Reasoning);
            marks.begins_in_reasoning = reasoning.opened_by_cue;
            marks.trims_reasoning = reasoning.trim;
        }
        if let Some(tools) = &self.tools {
            tools.open.iter().for_each(|open| marks.open(tokenizer, open, Span::Call));
            tools.close.iter().for_each(|close| marks.close(tokenizer, close, Span::Call));
            marks.bare_call.clone_from(&tools.bare);
            marks.calls_close_themselves = tools.close.is_empty();
            marks.ignored = tools.around.iter().filter_map(|mark| tokenizer.special_id(mark)).collect();
        }
        marks
    }
}
