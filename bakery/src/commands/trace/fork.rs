//! `bakery trace fork`: a recorded run once more, with something else at one of its events.

use std::path::PathBuf;

use pie_engine::clock::WallTime;
use pie_engine::loaded::LoadedModel;
use pie_engine::model::tape::Reply;
use pie_engine::outside::{Answer, HttpResponse, Question};
use pie_engine::trace::{Event, Slot, Whole};
use serde_json::Value;

use crate::commands::run::{self, model};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::models::hub::Network;
use crate::outside::branch::Branch;
use crate::outside::recording::Thing;
use crate::ui::Ui;

/// What is forked, and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file that `bakery run --trace` wrote, or the folder that `bakery run --record` wrote
    pub recorded: PathBuf,
    /// The inferlet that it is of: as for `bakery run`
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// The event from which on the run is another one: its number, `seq` in `bakery trace show --json`
    #[arg(long, value_name = "N")]
    pub at: u64,
    /// What is to be otherwise at the event; can be repeated. Which names there are follows from the event: see below
    #[arg(long, value_name = "NAME=VALUE", required = true)]
    pub set: Vec<String>,
    /// Where the new trace goes
    #[arg(short, long, value_name = "FILE", default_value = "fork.jsonl")]
    pub output: PathBuf,
    /// Use this manifest instead of the project's or the one in the component
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// The model that goes on from the event
    #[arg(long, value_name = "SPEC", default_value = model::DUMMY)]
    pub model: String,
    /// Replies that the dummy model gives to the prompts in this file
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Pages of the KV cache, if not as many as in the recording, or as `bakery run` has
    #[arg(long, value_name = "N")]
    pub pages: Option<u32>,
    /// A server of the Model Context Protocol, for what was not recorded; can be repeated
    #[arg(long, value_name = "NAME=COMMAND|URL")]
    pub mcp: Vec<String>,
    /// Build with the profile `dev`
    #[arg(long)]
    pub debug: bool,
    /// Fetch nothing: what the build needs must be here
    #[arg(long)]
    pub offline: bool,
}

/// Runs the inferlet again.
pub(super) fn run(args: &Args, env: &Environment, ui: &Ui) -> Result<()> {
    let mut branch = Branch::read(&args.recorded, args.at, env)?;
    let mut again = run::Args::new(&args.path);
    again.seed = branch.header.seed;
    again.input.clone_from(&branch.input);
    let network = Network::unless(args.offline);
    let source = model::Source::read(&args.model, args.script.as_deref(), network, env, &*ui.progress())?;
    let loaded = source.load(model::Computing::default())?;
    if loaded.tokenizer.digest() != branch.header.tokenizer_digest {
        return Err(Error::usage(format!("`{}` cannot be forked", args.recorded.display()))
            .caused_by("its tokenizer is not the one of the model that is here"));
    }
    for set in &args.set {
        let Some((name, value)) = set.split_once('=') else {
            return Err(Error::usage(format!("`{set}` sets nothing")).hint("--set NAME=VALUE"));
        };
        let setting = Setting { name, value, at: args.at, env };
        setting.apply(&mut branch, &mut again, &loaded)?;
        branch.fork.set.push(set.clone());
    }
    if again.input.is_none() {
        return Err(Error::usage(format!("`{}` cannot be forked", args.recorded.display()))
            .caused_by("the trace has only the beginning of what the inferlet was given")
            .hint("record the run with `bakery run --record`, and fork the recording"));
    }
    let run::Args { pages, .. } = again;
    let again = run::Args {
        manifest: args.manifest.clone(),
        model: args.model.clone(),
        script: args.script.clone(),
        mcp: args.mcp.clone(),
        debug: args.debug,
        offline: args.offline,
        fork: Some(args.output.clone()),
        pages: args.pages.or(branch.pages).unwrap_or(pages),
        ..again
    };
    run::go(&again, Some(&branch), env, ui)?;
    let (old, new) = (branch.file().display(), args.output.display());
    ui.status(
        "Forked",
        format_args!(
            "at event {} to `{new}`; `bakery trace diff {old} {new}` shows what came of it",
            args.at
        ),
    );
    Ok(())
}

/// One `--set`.
struct Setting<'a> {
    name: &'a str,
    value: &'a str,
    at: u64,
    env: &'a Environment,
}

impl Setting<'_> {
    fn apply(&self, branch: &mut Branch, again: &mut run::Args, model: &LoadedModel) -> Result<()> {
        match branch.event.clone() {
            Event::Launched { parent: None, .. } => self.launch(branch, again),
            Event::PassDone { instance, pass, slots, .. } => {
                let place = self.choice(&slots)?;
                let token = Reply::Token(self.token(model)?);
                let replies = branch.replies.entry((instance, pass)).or_default();
                match replies.get_mut(place) {
                    Some(reply) => *reply = token,
                    None => return Err(Error::bug("a recorded pass has fewer answers than its event")),
                }
                Ok(())
            }
            Event::Received { instance: pie_engine::ids::InstanceId(1), .. } => match self.name {
                "text" => {
                    branch.receive(Thing::Message(self.text()?));
                    Ok(())
                }
                _ => Err(self.unknown("text")),
            },
            Event::ReceivedFile { instance: pie_engine::ids::InstanceId(1), .. } => match self.name {
                "data" => {
                    branch.receive(Thing::file(&self.bytes()?));
                    Ok(())
                }
                _ => Err(self.unknown("data")),
            },
            Event::Answered { id, .. } => {
                let Some((question, answer)) = branch.questions.answer_mut(id) else {
                    return Err(Error::bug("an answer without its question"));
                };
                let question = question.clone();
                *answer = Some(self.answer(&question, answer.take())?);
                Ok(())
            }
            event => {
                let kind = serde_json::to_value(&event).ok();
                let kind = kind.as_ref().and_then(|event| event["event"].as_str()).unwrap_or_default();
                Err(Error::usage(format!("event {} is `{kind}`, of which nothing can be set", self.at)).hint(
                    "`launched` of the first inferlet, `pass-done`, `received`, `received-file` and `answered` can be",
                ))
            }
        }
    }

    /// What the run begins with.
    fn launch(&self, branch: &mut Branch, again: &mut run::Args) -> Result<()> {
        match self.name {
            "input" => {
                self.json("input")?;
                again.input = Some(self.text()?);
            }
            "seed" => {
                again.seed =
                    self.value.parse().map_err(|_| self.unfit("a number from 0 to 18446744073709551615"))?;
            }
            "clock" => {
                let seconds =
                    self.value.parse().map_err(|_| self.unfit("seconds since 1970-01-01 in UTC"))?;
                branch.start = Some(WallTime { seconds, nanoseconds: 0 });
            }
            name => {
                let Some(parameter) = name.strip_prefix("input.") else {
                    return Err(self.unknown("input, input.PARAMETER, seed, clock"));
                };
                let mut input = self.object(again)?;
                // Text needs no quotes.
                let value = serde_json::from_str(self.value).unwrap_or_else(|_| Value::from(self.value));
                input.insert(parameter.to_owned(), value);
                again.input = Some(Value::Object(input).to_string());
            }
        }
        Ok(())
    }

    fn object(&self, again: &run::Args) -> Result<serde_json::Map<String, Value>> {
        let input = again.input.as_deref().unwrap_or("{}");
        match serde_json::from_str(input) {
            Ok(Value::Object(input)) => Ok(input),
            _ => Err(Error::usage(format!("`{}` cannot be set: the input is no object", self.name))
                .hint("--set input=JSON")),
        }
    }

    /// Which of the answers of a pass is meant.
    fn choice(&self, slots: &[Slot]) -> Result<usize> {
        let tokens: Vec<usize> =
            (0..slots.len()).filter(|place| matches!(slots[*place], Slot::Token(_))).collect();
        let names: Vec<String> = match tokens.as_slice() {
            [] => {
                return Err(Error::usage(format!(
                    "the pass of event {} chose no token, so none can be set",
                    self.at
                )));
            }
            [_] => vec!["token".to_owned()],
            several => (1..=several.len()).map(|number| format!("token.{number}")).collect(),
        };
        match names.iter().position(|name| name == self.name) {
            Some(place) => Ok(tokens[place]),
            None => Err(self.unknown(&names.join(", "))),
        }
    }

    /// A number, or text in quotes that is one token.
    fn token(&self, model: &LoadedModel) -> Result<u32> {
        let size = model.info().vocab_size;
        if let Ok(token) = self.value.parse::<u32>() {
            if token < size {
                return Ok(token);
            }
            return Err(self.unfit(&format!("a token below {size}")));
        }
        let Ok(text) = serde_json::from_str::<String>(self.value) else {
            return Err(self.unfit("the number of a token, or text in quotes that is one token"));
        };
        match model.tokenizer.encode_text(&text).as_slice() {
            [token] => Ok(*token),
            several => {
                let ids: Vec<String> = several.iter().map(u32::to_string).collect();
                Err(self.unfit(&format!(
                    "one token, and this text is {}: [{}]",
                    several.len(),
                    ids.join(" ")
                )))
            }
        }
    }

    fn answer(&self, question: &Question, answer: Option<Answer>) -> Result<Answer> {
        match question {
            Question::HttpRequest(_) => self.response(answer),
            Question::McpCall { .. } => match self.name {
                "result" => {
                    self.json("result")?;
                    Ok(Answer::McpResult { result: Whole::from(self.text()?) })
                }
                "error" => Ok(Answer::McpFailed { code: -32000, message: self.text()?, data: None }),
                _ => Err(self.unknown("result, error")),
            },
            Question::McpServers | Question::McpConnect { .. } => Err(Error::usage(format!(
                "event {} says which MCP servers there are, of which nothing can be set",
                self.at
            ))),
        }
    }

    fn response(&self, answer: Option<Answer>) -> Result<Answer> {
        if self.name == "error" {
            return Ok(Answer::HttpFailed { code: "internal-error".to_owned(), message: self.text()? });
        }
        let mut response = match answer {
            Some(Answer::HttpResponse(response)) => response,
            _ => HttpResponse { status: 200, headers: Vec::new(), body: Whole::default() },
        };
        match self.name {
            "status" => {
                let status = self.value.parse().ok().filter(|status| (100..=999).contains(status));
                response.status = status.ok_or_else(|| self.unfit("a number from 100 to 999"))?;
            }
            "body" => {
                response.body = self.bytes()?.into();
                // It said how long the other body was.
                response.headers.retain(|(name, _)| name != "content-length");
            }
            name => {
                let Some(header) = name.strip_prefix("header.").filter(|header| !header.is_empty()) else {
                    return Err(self.unknown("status, body, header.NAME, error"));
                };
                let header = header.to_ascii_lowercase();
                response.headers.retain(|(name, _)| *name != header);
                response.headers.push((header, Whole::from(self.text()?)));
            }
        }
        Ok(Answer::HttpResponse(response))
    }

    /// The value, or what is in the file behind `@`.
    fn bytes(&self) -> Result<Vec<u8>> {
        match self.value.strip_prefix('@') {
            None => Ok(self.value.as_bytes().to_vec()),
            Some(path) => std::fs::read(self.env.current_dir.join(path))
                .map_err(|cause| Error::usage(format!("cannot read `{path}`")).caused_by(cause)),
        }
    }

    fn text(&self) -> Result<String> {
        String::from_utf8(self.bytes()?).map_err(|_| self.unfit("text in UTF-8"))
    }

    fn json(&self, what: &str) -> Result<()> {
        let text = self.text()?;
        serde_json::from_str::<Value>(&text)
            .map(drop)
            .map_err(|cause| self.unfit("JSON").caused_by(format!("`{what}`: {cause}")))
    }

    fn unfit(&self, wanted: &str) -> Error {
        Error::usage(format!("`{}` is to be {wanted}, and `{}` is not", self.name, self.value))
    }

    fn unknown(&self, names: &str) -> Error {
        Error::usage(format!("event {} has no `{}` that can be set", self.at, self.name))
            .hint(format!("what it has: {names}"))
    }
}
