//! Cuts the fragments of a format out of a published chat template.
//!
//! A template renders whole conversations only. Here small conversations are rendered whose messages are known strings; what stands
//! around those strings are the fragments. Where a fragment ends and the next begins is found by comparing two conversations that
//! differ behind that point. Comparisons are of whole control tokens and lines, so that `<|end|>` and `<|endoftext|>` have
//! nothing in common.

use super::family::{REASONING, TOOLS, ToolFamily};
use super::format::ReasoningFormat;
use super::jinja::Jinja;
use super::shield::{QUOTED_VALUE, TOOL_NAME, USER, VALUE};
use super::template::{Part, Slot, Template};
use super::tool::{Equip, Rendered, ToolFormat, ToolWay};
use super::{ChatError, ChatFormat};
use crate::tokenizer::Tokenizer;
use serde_json::{Value, json};

/// Known messages. Private-use characters keep them apart from anything a template says.
const SYSTEM: &str = "\u{e000}system\u{e001}";
const ASSISTANT: &str = "\u{e000}assistant\u{e001}";
const USER_AGAIN: &str = "\u{e000}user again\u{e001}";

/// The format of a model, from its tokenizer and the contents of its `tokenizer_config.json`. The members of other files that may be
/// merged into it are `chat_template` (where it has a file of its own) and `eos_token_id` (of `generation_config.json`).
pub(super) fn from_hf(tokenizer: &Tokenizer, config: &Value) -> Result<ChatFormat, ChatError> {
    let model = config["name_or_path"].as_str().unwrap_or("unnamed").to_owned();
    let Some(source) = template_source(config) else { return Ok(plain(tokenizer, config, model)) };
    derive(tokenizer, config, source, &model).map_err(|reason| ChatError::Template { model, reason })
}

/// The template; of several, the default one.
fn template_source(config: &Value) -> Option<&str> {
    let template = config.get("chat_template")?;
    match template.as_array() {
        None => template.as_str(),
        Some(named) => {
            let default = named.iter().find(|entry| entry["name"] == "default").or(named.first())?;
            default["template"].as_str()
        }
    }
}

/// The format of a model without a chat template: text and nothing else.
fn plain(tokenizer: &Tokenizer, config: &Value, model: String) -> ChatFormat {
    let message = || Template(vec![Part::Slot(Slot::Message)]);
    ChatFormat {
        model,
        begin: special(config, "bos_token"),
        stop: end_tokens(tokenizer, config),
        system: message(),
        user: message(),
        assistant: message(),
        cue: Template::default(),
        seal: Template::default(),
        reasoning: None,
        tools: None,
    }
}

/// A special token of the configuration, which is a string or an object with its content.
fn special(config: &Value, key: &str) -> Option<String> {
    let token = &config[key];
    token.as_str().or(token["content"].as_str()).map(str::to_owned)
}

/// The end of text, by its spelling and by its ids.
fn end_tokens(tokenizer: &Tokenizer, config: &Value) -> Vec<String> {
    let mut stop: Vec<String> = special(config, "eos_token").into_iter().collect();
    let ids = &config["eos_token_id"];
    let ids = ids.as_array().map_or_else(|| vec![ids.clone()], Clone::clone);
    for id in ids.iter().filter_map(Value::as_u64).filter_map(|id| u32::try_from(id).ok()) {
        stop.extend(tokenizer.token_bytes(id).map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
    }
    stop
}

fn derive(tokenizer: &Tokenizer, config: &Value, source: &str, model: &str) -> Result<ChatFormat, String> {
    let jinja = Jinja::new(source)?;
    let base = json!({
        "bos_token": special(config, "bos_token").unwrap_or_default(),
        "eos_token": special(config, "eos_token").unwrap_or_default(),
    });
    let prober = Prober { tokenizer, jinja: &jinja, base: &base };
    let turns = prober.turns()?;
    let begin = special(config, "bos_token")
        .filter(|bos| turns.first.starts_with(bos.as_str()) && !turns.user.0.starts_with(bos.as_str()));
    let mut stop = end_tokens(tokenizer, config);
    stop.extend(first_control(tokenizer, &turns.assistant.1));
    let family = family(tokenizer, source);
    let tools = family.and_then(|family| prober.tools(family, &turns, begin.as_deref()));
    if let (Some(family), Some(_)) = (family, &tools) {
        stop.extend(family.stop.iter().map(|stop| (*stop).to_owned()));
    }
    Ok(ChatFormat {
        model: model.to_owned(),
        system: prober.system(&turns, begin.as_deref()),
        user: around(&turns.user),
        assistant: around(&turns.assistant),
        reasoning: reasoning(tokenizer, source, &turns.cue),
        cue: Template::cut(&turns.cue, &[]),
        seal: Template::cut(&turns.assistant.1, &[]),
        begin,
        stop,
        tools,
    })
}

/// A message between two texts.
fn around((before, after): &(String, String)) -> Template {
    Template::cut(&format!("{before}{USER}{after}"), &[(USER, Part::Slot(Slot::Message))])
}

fn first_control(tokenizer: &Tokenizer, text: &str) -> Option<String> {
    let (span, _) = tokenizer.control_spans(text).into_iter().next()?;
    Some(text[span].trim().to_owned())
}

fn reasoning(tokenizer: &Tokenizer, source: &str, cue: &str) -> Option<ReasoningFormat> {
    let known =
        |(open, close): &&(&str, &str)| source.contains(close) || tokenizer.special_id(open).is_some();
    let (open, close) = REASONING.iter().find(known)?;
    let opened_by_cue = cue.rfind(open).is_some_and(|at| !cue[at..].contains(close));
    Some(ReasoningFormat { open: (*open).into(), close: (*close).into(), opened_by_cue, trim: true })
}

fn family(tokenizer: &Tokenizer, source: &str) -> Option<&'static ToolFamily> {
    TOOLS.iter().find(|family| {
        let signed = source.contains(family.sign) || tokenizer.special_id(family.sign).is_some();
        signed && !family.unless.iter().any(|other| source.contains(other))
    })
}

/// The texts around messages.
struct Turns {
    /// Everything before the first message of the user.
    first: String,
    user: (String, String),
    assistant: (String, String),
    cue: String,
}

/// Renders small conversations.
struct Prober<'a> {
    tokenizer: &'a Tokenizer,
    jinja: &'a Jinja,
    base: &'a Value,
}

impl Prober<'_> {
    fn render(&self, messages: &[Value], more: &Value) -> Result<String, String> {
        self.jinja.render(&variables(self.base, messages, more))
    }

    fn turns(&self) -> Result<Turns, String> {
        let user = json!({"role": "user", "content": USER});
        let assistant = json!({"role": "assistant", "content": ASSISTANT});
        let again = json!({"role": "user", "content": USER_AGAIN});
        let none = json!({});
        let alone = self.render(std::slice::from_ref(&user), &none)?;
        let cued = self.render(std::slice::from_ref(&user), &json!({"add_generation_prompt": true}))?;
        let answered = self.render(&[user.clone(), assistant.clone()], &none)?;
        let whole = self.render(&[user, assistant, again], &none)?;

        let (first, after_user) = split(&alone, USER)?;
        let (_, to_assistant) = split(&whole, USER)?;
        let (to_assistant, after_assistant) = split(to_assistant, ASSISTANT)?;
        let (to_user, _) = split(after_assistant, USER_AGAIN)?;
        let (assistant_after, user_before) =
            to_user.split_at(self.end_of_turn(to_user, split(&answered, ASSISTANT)?.1, first));
        let (mut user_after, mut assistant_before) =
            to_assistant.split_at(self.common(to_assistant, after_user));
        if assistant_before.is_empty() && !assistant_after.is_empty() {
            // Some templates write the cue whether it is asked for or not. It comes after what ends any turn.
            if let Some(cue) = user_after.strip_prefix(assistant_after) {
                (user_after, assistant_before) = (assistant_after, cue);
            }
        }
        let cue = split(&cued, USER)?.1;
        Ok(Turns {
            first: first.to_owned(),
            cue: cue.strip_prefix(user_after).unwrap_or(assistant_before).to_owned(),
            user: (user_before.to_owned(), user_after.to_owned()),
            assistant: (assistant_before.to_owned(), assistant_after.to_owned()),
        })
    }

    /// Where, between an answer and the next message of the user, the answer's turn ends.
    ///
    /// Seen from the front, it ends where the text stops being like what follows a last answer; that is too late
    /// if a cue follows any answer. Seen from the back, it ends where the text stops being like what precedes a first message;
    /// that is too early if another turn precedes it, up to the whole text.
    fn end_of_turn(&self, to_user: &str, after_last: &str, before_first: &str) -> usize {
        let from_front = self.common(to_user, after_last);
        let back = self.atoms(to_user).into_iter().rev().zip(self.atoms(before_first).into_iter().rev());
        let same: usize = back.take_while(|(one, two)| one == two).map(|(atom, _)| atom.len()).sum();
        let from_back = to_user.len() - same;
        if from_back > 0 && from_back < from_front { from_back } else { from_front }
    }

    /// The length of the beginning that two texts have in common.
    fn common(&self, text: &str, other: &str) -> usize {
        let atoms = self.atoms(text).into_iter().zip(self.atoms(other));
        atoms.take_while(|(one, two)| one == two).map(|(atom, _)| atom.len()).sum()
    }

    /// A text as control tokens and the lines between them.
    fn atoms<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut atoms = Vec::new();
        let mut done = 0;
        for (span, _) in self.tokenizer.control_spans(text) {
            atoms.extend(text[done..span.start].split_inclusive('\n'));
            atoms.push(&text[span.clone()]);
            done = span.end;
        }
        atoms.extend(text[done..].split_inclusive('\n'));
        atoms
    }

    /// The fragment of a system message. Where a template puts it into the user's first message, it becomes a message of its own
    /// that looks the same; where it has no place for it at all, an ordinary message of the user.
    fn system(&self, turns: &Turns, begin: Option<&str>) -> Template {
        let messages =
            [json!({"role": "system", "content": SYSTEM}), json!({"role": "user", "content": USER})];
        let rendered = self.render(&messages, &json!({})).unwrap_or_default();
        let text =
            match split(&rendered, SYSTEM).and_then(|(before, rest)| Ok((before, split(rest, USER)?.0))) {
                Ok((before, between)) => match between.strip_suffix(turns.user.0.as_str()) {
                    Some(after) => format!("{before}{SYSTEM}{after}"),
                    None => format!("{before}{SYSTEM}{}{}", between.trim_end(), turns.user.1),
                },
                Err(_) => format!("{}{}{SYSTEM}{}", begin.unwrap_or_default(), turns.user.0, turns.user.1),
            };
        Template::cut(&text, &[(SYSTEM, Part::Slot(Slot::Message))])
    }

    /// How tools are described, called and answered; none if the template does not show the tools that it is given.
    fn tools(&self, family: &ToolFamily, turns: &Turns, begin: Option<&str>) -> Option<ToolFormat> {
        let rendered = |way| Rendered {
            jinja: self.jinja.clone(),
            base: self.base.clone(),
            way,
            begin: begin.map(str::to_owned),
            user_before: turns.user.0.clone(),
        };
        let ways = [ToolWay::Variable, ToolWay::SystemMessage].map(rendered);
        let equip = ways.into_iter().find(Rendered::shows_tools)?;
        let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Some(ToolFormat {
            equip: Equip::Rendered(Box::new(equip)),
            answer: self.answer(&turns.cue),
            open: strings(family.open),
            close: strings(family.close),
            bare: family.bare.map(str::to_owned),
            around: strings(family.around),
            shape: family.shape(),
        })
    }

    /// The turn of a tool: what a template adds for its result.
    fn answer(&self, cue: &str) -> Option<Template> {
        // Templates disagree about the content of a message that only calls.
        [json!(""), Value::Null].into_iter().find_map(|content| {
            let call = json!({"role": "assistant", "content": content, "tool_calls": [{
                // Mistral's templates insist on nine letters and digits.
                "id": "a1b2c3d4e",
                "type": "function",
                "function": {"name": TOOL_NAME, "arguments": {}},
            }]});
            let result =
                json!({"role": "tool", "name": TOOL_NAME, "tool_call_id": "a1b2c3d4e", "content": VALUE});
            let user = json!({"role": "user", "content": USER});
            let without = self.render(&[user.clone(), call.clone()], &json!({})).ok()?;
            let with = self.render(&[user, call, result], &json!({})).ok()?;
            let added = &with[self.common(&with, &without)..];
            let added = if cue.is_empty() { added } else { added.strip_suffix(cue).unwrap_or(added) };
            let spellings = [
                (VALUE, Part::Slot(Slot::Value)),
                (QUOTED_VALUE, Part::Quoted(Slot::Value)),
                (TOOL_NAME, Part::Slot(Slot::Name)),
            ];
            let template = Template::cut(added, &spellings);
            let has_value = |part: &Part| matches!(part, Part::Slot(Slot::Value) | Part::Quoted(Slot::Value));
            template.0.iter().any(has_value).then_some(template)
        })
    }
}

/// The variables of a rendering.
pub(super) fn variables(base: &Value, messages: &[Value], more: &Value) -> Value {
    let mut variables = base.clone();
    variables["messages"] = Value::from(messages);
    variables["add_generation_prompt"] = json!(false);
    for (name, value) in more.as_object().into_iter().flatten() {
        variables[name] = value.clone();
    }
    variables
}

fn split<'t>(text: &'t str, message: &str) -> Result<(&'t str, &'t str), String> {
    text.split_once(message).ok_or_else(|| {
        let role = message.trim_matches(|c: char| !c.is_ascii());
        format!("it leaves out the message of `{role}`")
    })
}
