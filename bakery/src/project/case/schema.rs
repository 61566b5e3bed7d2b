//! The schema of `[[test]]`, for editors. The types here are written for it alone; `read.rs` reads, and a test holds the keys of the two together.

#![allow(dead_code, reason = "only their schemas are used")]

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use super::super::manifest::schema_without_null;
use super::super::settings::WrittenServer;
use super::{Ending, Layer};

/// Tests of an inferlet, in a file under `tests/`. Paths are relative to the manifest.
#[derive(JsonSchema)]
#[schemars(title = "tests/*.toml", deny_unknown_fields)]
struct WrittenFile {
    /// The tests.
    test: Option<Vec<WrittenTest>>,
}

/// The JSON Schema of `tests/*.toml`.
pub fn schema() -> Schema {
    schema_without_null::<WrittenFile>()
}

/// One run, and what is expected of it: in so many words (`expect`), or as it was accepted before (`snapshot`).
#[derive(JsonSchema)]
#[schemars(rename = "Test", rename_all = "kebab-case", deny_unknown_fields)]
pub struct WrittenTest {
    /// Its name, unique in the project; spelled like the name of an inferlet.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z]([-_]?[A-Za-z0-9])*$"))]
    name: String,
    /// Words to choose tests by, with `bakery test --tag`.
    tags: Option<Vec<String>>,
    /// The parameters of the run.
    parameters: Option<Map<String, Value>>,
    /// The model it runs beside; `dummy` unless given. `tiny` has weights and is there on every machine.
    model: Option<String>,
    /// A file of scripted replies for the dummy.
    script: Option<String>,
    /// The environment variables that it sees; those of the machine it does not.
    environment: Option<BTreeMap<String, String>>,
    /// The seed of the run; 0 unless given.
    seed: Option<u64>,
    /// Pages of the KV cache, of 16 tokens each.
    #[schemars(range(min = 1, max = 1048576))]
    pages: Option<u32>,
    /// What the inferlet is sent, in order: messages, or tables that say more.
    send: Option<Vec<WrittenSending>>,
    /// The MCP servers there are, by name: real ones, or replies.
    mcp: Option<BTreeMap<String, WrittenCaseServer>>,
    /// Replies to HTTP requests. What is not here is refused.
    http: Option<Vec<WrittenHttpReply>>,
    /// The HTTP request that the inferlet is to respond to.
    request: Option<WrittenRequest>,
    /// A recording that answers instead of the world and the model: what `bakery run --record` wrote.
    replay: Option<String>,
    /// Limits that are not the usual ones.
    limits: Option<WrittenLimits>,
    /// What is expected in so many words.
    expect: Option<WrittenExpect>,
    /// What is compared with what was accepted before.
    snapshot: Option<Vec<Layer>>,
    /// What is left out of snapshots, or put into other words.
    redact: Option<Vec<WrittenRedaction>>,
    /// How far numbers may be from the accepted ones, absolutely or in proportion; 0.0001 unless given.
    #[schemars(range(min = 0))]
    tolerance: Option<f64>,
    /// Values for each combination of which there is a case.
    matrix: Option<WrittenMatrix>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum WrittenSending {
    /// A message, sent before the inferlet begins.
    Message(String),
    /// More than that.
    Table(WrittenSent),
}

/// A message or a file.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenSent {
    /// A message.
    message: Option<String>,
    /// A file, relative to the manifest.
    file: Option<String>,
    /// `start`: before the inferlet begins; `awaited`: once it waits for it and nothing else can happen.
    when: Option<WrittenMoment>,
    /// Once the inferlet has sent so many messages.
    after: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum WrittenMoment {
    Start,
    Awaited,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum WrittenCaseServer {
    /// One that answers as is written here.
    Replies(WrittenReplies),
    /// A real one.
    Real(WrittenServer),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenReplies {
    /// Its tools, as the protocol has them: `name`, `description`, `inputSchema`.
    tools: Option<Vec<Map<String, Value>>>,
    /// Its answers. Of several that fit, each is used once, and the last one again and again.
    replies: Option<Vec<WrittenReply>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenReply {
    /// The tool that is called.
    tool: Option<String>,
    /// With these arguments; with any unless given.
    arguments: Option<Map<String, Value>>,
    /// The method of the protocol that is called, where it is no tool.
    method: Option<String>,
    /// With these parameters; with any unless given.
    params: Option<Map<String, Value>>,
    /// The result: of a tool, a text or what the protocol has.
    result: Option<Value>,
    /// The message of an error instead of a result.
    error: Option<String>,
    /// The error's code; -32000 unless given.
    code: Option<i32>,
}

/// A reply to HTTP requests. Of several that fit, each is used once, and the last one again and again.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenHttpReply {
    /// To requests of this method; of any unless given.
    method: Option<String>,
    /// To requests of this URL.
    url: String,
    /// To requests with this body; with any unless given.
    request_body: Option<String>,
    /// The status; 200 unless given.
    #[schemars(range(min = 100, max = 999))]
    status: Option<u16>,
    /// The headers.
    headers: Option<BTreeMap<String, String>>,
    /// The body.
    body: Option<String>,
    /// The body as a value.
    json: Option<Value>,
    /// There is no response: `connection-refused` or another case of `error-code` in `wasi:http/types`.
    error: Option<String>,
}

/// An HTTP request.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenRequest {
    /// `GET`, or with a body `POST`, unless given.
    method: Option<String>,
    /// The path, with its query.
    path: String,
    /// The headers.
    headers: Option<BTreeMap<String, String>>,
    /// The body.
    body: Option<String>,
    /// The body as a value.
    json: Option<Value>,
}

/// Limits that are not the usual ones.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenLimits {
    /// Linear memory, such as `16 MiB`.
    memory: Option<String>,
    /// Units of fuel, about one for each instruction.
    fuel: Option<u64>,
    /// All that it prints and sends.
    output: Option<String>,
    /// All that is recorded of it.
    trace: Option<String>,
    /// Files under `/scratch`.
    scratch: Option<String>,
    /// Inferlets alive at once below it.
    children: Option<u32>,
    /// Inferlets launched below it in all.
    launches: Option<u32>,
}

/// What is expected in so many words.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct WrittenExpect {
    /// How the run ends; with an answer unless given.
    outcome: Option<Ending>,
    /// It returns an error that contains this.
    error: Option<String>,
    /// It traps with a message that contains this.
    trap: Option<String>,
    /// The answer.
    equals: Option<Value>,
    /// The answer, or the error, contains this, or all of these.
    contains: Option<OneOrMore>,
    /// In the answer, or the error, this pattern is found, or all of these.
    regex: Option<OneOrMore>,
    /// The answer is JSON: a value that is no text, or a text that is JSON.
    json: Option<bool>,
    /// What stands at a JSON path in the answer.
    json_path: Option<BTreeMap<String, Value>>,
    /// The answer is as this JSON Schema says, or the one in this file.
    schema: Option<WrittenSchema>,
    /// The messages that it sends, in order.
    messages: Option<Vec<String>>,
    /// How many tokens samplers choose.
    tokens: Option<Count>,
    /// How many passes there are.
    passes: Option<Count>,
    /// The least that the margin between first and second logit may be.
    #[schemars(range(min = 0))]
    least_margin: Option<f64>,
    /// The status of its HTTP response.
    #[schemars(range(min = 100, max = 999))]
    status: Option<u16>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum WrittenSchema {
    File(String),
    Here(Map<String, Value>),
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Count {
    Exactly(u64),
    Between(Range),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Range {
    /// The least.
    min: Option<u64>,
    /// The most.
    max: Option<u64>,
}

/// What is not compared.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenRedaction {
    /// The kind of event, as a trace calls it; the answer and what was sent unless given.
    event: Option<String>,
    /// What of it; events of the kind are left out unless given.
    path: Option<String>,
    /// What stands there instead; `[redacted]` unless given.
    with: Option<String>,
}

/// Values for each combination of which there is a case.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct WrittenMatrix {
    /// Values for parameters.
    parameters: Option<BTreeMap<String, Vec<Value>>>,
    /// Seeds.
    seeds: Option<Vec<u64>>,
}
