//! The rows of the tables: every name, with the types that the row gives.

use inferlet::adapter::Adapter;
use inferlet::inference::{Grammar, Matcher};
use inferlet::pie::core::types::{FutureBlob, FutureString};
use inferlet::prelude::*;
use inferlet::sample::{Distribution, Entropy, Logits, Logprob, Logprobs};
use inferlet::{
    AnyJson, Constrain, Ebnf, GrammarConstraint, Idle, JsonSchema, RawContext, RawOutput, Regex, Tokenizer,
};
use serde::Deserialize;

/// Every name that the prelude is said to bring.
mod brought {
    mod by_the_prelude {
        pub use inferlet::prelude::*;
    }
    use by_the_prelude::{
        Adapter, Context, Forward, ForwardPassExt, FutureStringExt, GenStep, Generator, Model, Output, Probe,
        ProbeHandle, Result, SampleHandle, Sampler, Schema, Speculator, SubscriptionExt, chat, main,
        messaging, reasoning, runtime, tools,
    };
}

/// The error of an inferlet is a string, and nothing but that.
const ALIAS: fn(String) -> std::result::Result<(), String> = inferlet::Result::<()>::Err;

/// Calls what only reads.
pub fn inspect() -> Result<()> {
    let _: Vec<String> = runtime::models();
    let _: String = runtime::version();
    let _: String = runtime::instance_id();
    let _: String = runtime::username();
    let model: Model = Model::load("default")?;
    tokenizer(model.tokenizer())
}

fn tokenizer(tok: &Tokenizer) -> Result<()> {
    let ids: Vec<u32> = tok.encode("text");
    let _: String = tok.decode(&ids)?;
    let _: (Vec<u32>, Vec<Vec<u8>>) = tok.vocabs();
    let _: (Vec<u32>, Vec<Vec<u8>>) = tok.special_tokens();
    let _: &str = tok.split_regex();
    Ok(())
}

async fn context(model: &Model) -> Result<()> {
    let mut ctx: Context = Context::new(model)?;
    let _: Context = Context::open(model, "name")?;
    let _: Context = Context::take(model, "name")?;
    let _: () = Context::delete(model, "name")?;
    let _: () = ctx.save("name")?;
    let _: String = ctx.snapshot()?;
    let _: Context = ctx.fork()?;

    let _: &mut Context = ctx.system("text").user("text").assistant("text").cue().seal().append(&[1, 2]);
    let _: () = ctx.flush().await?;
    let _: () = ctx.truncate(1)?;

    let _: &Model = ctx.model();
    let _: u32 = ctx.page_size();
    let _: u32 = ctx.seq_len();
    let _: &[u32] = ctx.buffer();
    let raw: &RawContext = ctx.inner();

    let _: () = raw.reserve_working_pages(1)?;
    let _: () = raw.commit_working_pages(1)?;
    let _: () = raw.release_working_pages(1);
    let _: () = raw.truncate_working_page_tokens(1);
    let _: u32 = raw.committed_page_count();
    let _: u32 = raw.working_page_count();
    let _: u32 = raw.working_page_token_count();

    let _: () = ctx.set_bid(1.0);
    let _: Idle<'_> = ctx.idle();
    let _: () = ctx.suspend()?;
    Ok(())
}

#[derive(Deserialize, inferlet::schemars::JsonSchema)]
#[schemars(crate = "inferlet::schemars")]
struct Answer {
    value: i32,
}

async fn generator(ctx: &mut Context, adapter: &Adapter, spec: Guess, grammar: &Grammar) -> Result<()> {
    let _: String = ctx.generate(Sampler::Argmax).collect_text().await?;
    let _: Vec<u32> = ctx.generate(Sampler::Argmax).collect_tokens().await?;
    let _: Answer = ctx.generate(Sampler::Argmax).collect_json::<Answer>().await?;

    let mut g: Generator<'_> = ctx
        .generate(Sampler::Argmax)
        .max_tokens(8)
        .stop(&[1, 2])
        .add_stop(&[3])
        .constrain(Even::default())
        .constrain_with(AnyJson)?
        .constrain_with(JsonSchema("{}"))?
        .constrain_with(Regex("a*"))?
        .constrain_with(Ebnf("start: \"a\""))?
        .constrain_with(grammar)?
        .speculator(spec)
        .adapter(adapter)
        .zo_seed(7i64)
        .horizon(8);
    let entropy: ProbeHandle<Entropy> = g.probe_each_step(0, Entropy);
    let _: bool = g.is_done();
    let _: usize = g.tokens_generated();

    let next: Result<Option<GenStep>> = g.next();
    if let Some(mut step) = next? {
        step.clear_sampler();
        let distribution = step.probe(0, Distribution { temperature: 1.0, k: 4 });
        let out: Output = step.execute().await?;
        let _: Option<(&[u32], &[f32])> = out.distribution(distribution);
        let _: Option<f32> = out.entropy(entropy);
        let _: &[u32] = &out.tokens;
        let _: Option<SampleHandle> = out.auto_sampler();
        let _: &RawOutput = out.raw();
        g.accept(&[1]);
    }
    let _ = ctx.generate(Sampler::Argmax).system_speculation();
    Ok(())
}

async fn forward(ctx: &mut Context, adapter: &Adapter) -> Result<()> {
    let mut fwd: Forward<'_> = ctx.forward();
    let _: u32 = fwd.start_position();
    let _: u32 = fwd.page_size();
    fwd.input(&[1, 2]);
    fwd.input_at(&[3], &[2]);
    fwd.attention_mask(&[vec![0, 1], vec![0, 2], vec![0, 3]]);
    fwd.mask(&[0, 10]);
    fwd.adapter(adapter);
    fwd.zo_seed(7i64);
    let one: SampleHandle = fwd.sample(&[0], Sampler::Argmax);
    let several: SampleHandle = fwd.sample(&[0, 1], Sampler::top_k(1.0, 4));
    let logits: ProbeHandle<Logits> = fwd.probe(0, Logits);
    let distribution: ProbeHandle<Distribution> = fwd.probe(0, Distribution { temperature: 1.0, k: 0 });
    let logprob: ProbeHandle<Logprob> = fwd.probe(1, Logprob(5));
    let logprobs: ProbeHandle<Logprobs> = fwd.probe(1, Logprobs(vec![5, 6]));
    let entropy: ProbeHandle<Entropy> = fwd.probe(1, Entropy);
    let out: Output = fwd.execute().await?;
    let _: Option<u32> = out.token(one);
    let _: Vec<u32> = out.tokens_at(several);
    let _: Option<(&[u32], &[f32])> = out.distribution(distribution);
    let _: Option<&[u8]> = out.logits(logits);
    let _: Option<&[f32]> = out.logprobs(logprob);
    let _: Option<&[f32]> = out.logprobs(logprobs);
    let _: Option<f32> = out.entropy(entropy);
    // A handle of the wrong kind is no compile error; it reads nothing.
    let _: Option<f32> = out.entropy(one);
    let _: Option<u32> = out.token(entropy);
    Ok(())
}

const SAMPLERS: [(Sampler, Sampler); 5] = [
    (Sampler::TopP { temperature: 0.6, p: 0.9 }, Sampler::top_p(0.6, 0.9)),
    (Sampler::TopK { temperature: 0.6, k: 4 }, Sampler::top_k(0.6, 4)),
    (Sampler::MinP { temperature: 0.6, p: 0.9 }, Sampler::min_p(0.6, 0.9)),
    (Sampler::TopKTopP { temperature: 0.6, k: 4, p: 0.9 }, Sampler::top_k_top_p(0.6, 4, 0.9)),
    (Sampler::Multinomial { temperature: 0.6, draws: 1 }, Sampler::multinomial(0.6, 1)),
];

#[derive(Default)]
struct Even(Vec<u32>);

impl Constrain for Even {
    fn step(&mut self, accepted: &[u32]) -> &[u32] {
        &self.0
    }
}

struct Digits;

impl Schema for Digits {
    fn build_constraint(&self, model: &Model) -> Result<GrammarConstraint> {
        GrammarConstraint::from_regex("[0-9]+", model)
    }
}

fn constraints(model: &Model, grammar: &Grammar) -> Result<[GrammarConstraint; 5]> {
    Ok([
        GrammarConstraint::json(model),
        GrammarConstraint::from_grammar(grammar, model),
        GrammarConstraint::from_json_schema("{}", model)?,
        GrammarConstraint::from_regex("a*", model)?,
        GrammarConstraint::from_ebnf("start: \"a\"", model)?,
    ])
}

fn grammars() -> Result<[Grammar; 4]> {
    Ok([
        Grammar::from_json_schema("{}")?,
        Grammar::json(),
        Grammar::from_regex("a*")?,
        Grammar::from_ebnf("start: \"a\"")?,
    ])
}

struct Guess;

impl Speculator for Guess {
    fn draft(&mut self) -> (Vec<u32>, Vec<u32>) {
        (Vec::new(), Vec::new())
    }

    fn accept(&mut self, accepted: &[u32]) {}
}

/// What can be plugged into a generator can be sent to another thread.
fn plugs_are_send<C: Constrain, S: Speculator>(constrain: C, speculator: S) -> (impl Send, impl Send) {
    (constrain, speculator)
}

fn defaults_of_the_speculator(mut guess: Guess) {
    guess.rollback(1);
    guess.reset();
}

fn adapters(model: &Model) -> Result<()> {
    let adapter: Adapter = Adapter::create(model, "name")?;
    let _: Option<Adapter> = Adapter::open(model, "name");
    let _: Adapter = adapter.fork("other");
    let _: () = adapter.save("/scratch/a.safetensors")?;
    let _: () = adapter.load("/scratch/a.safetensors")?;
    adapter.destroy();
    Ok(())
}

fn decoders(model: &Model, tokens: &[u32]) -> Result<()> {
    let mut reasoning = reasoning::Decoder::new(model);
    match reasoning.feed(tokens)? {
        reasoning::Event::Idle | reasoning::Event::Start => {}
        reasoning::Event::Delta(text) | reasoning::Event::End(text) => drop::<String>(text),
    }
    reasoning.reset();
    let mut calls = tools::Decoder::new(model);
    match calls.feed(tokens)? {
        tools::Event::Start => {}
        tools::Event::Call(name, args_json) => drop::<(String, String)>((name, args_json)),
    }
    calls.reset();
    chat::Decoder::new(model).reset();

    let schemas = [String::from("{}")];
    let _: Vec<u32> = tools::equip_prefix(model, &schemas)?;
    let _: Vec<u32> = tools::equip_prefix(model, &["{}", "{}"])?;
    let _: Vec<u32> = tools::answer_prefix(model, "name", "{}");
    let _: Option<(String, String)> = tools::parse_call(model, "text");
    let _: Option<Grammar> = tools::native_grammar(model, &schemas);
    let matcher: Option<Matcher> = tools::native_matcher(model, &schemas);
    let _: Option<GrammarConstraint> = matcher.map(GrammarConstraint::new);
    Ok(())
}

fn market(ctx: &Context, model: &Model) -> [f64; 5] {
    use inferlet::scheduling;
    [
        scheduling::price(),
        scheduling::rent(&ctx),
        scheduling::dividend(&model),
        scheduling::latency(&ctx),
        scheduling::balance(&model),
    ]
}

/// Current weather in a city.
#[inferlet::tool]
async fn weather(
    /// Name of the city.
    city: String,
) -> Result<String> {
    Ok(format!("sunny in {city}"))
}

/// A tool is described to the model as the helpers take it.
fn tool(model: &Model) -> Result<Vec<u32>> {
    use inferlet::tools::Tool;
    tools::equip_prefix(model, &[weather.schema()])
}

async fn session() {
    use inferlet::pie::core::session;
    let _: () = session::send("msg");
    let _: () = session::send_file(&[1, 2]);
    let text: FutureString = session::receive();
    let blob: FutureBlob = session::receive_file();
    let _: Option<String> = text.wait_async().await;
    let _: Option<Vec<u8>> = blob.wait_async().await;
}

async fn topics() {
    messaging::broadcast("topic", "msg");
    messaging::push("topic", "msg");
    let pulled: FutureString = messaging::pull("topic");
    let sub = messaging::subscribe("topic");
    let _: inferlet::pie::core::types::Pollable = sub.pollable();
    let _: Option<String> = sub.get();
    let _: Option<String> = sub.get_async().await;
    sub.unsubscribe();
}

fn mcp() -> Result<()> {
    use inferlet::mcp;
    let _: Vec<String> = mcp::client::available_servers();
    let s: mcp::client::Session = mcp::client::connect("name")?;
    let _: String = s.list_tools()?;
    let _: String = s.call_tool("name", "{}")?;
    let _: String = s.list_resources()?;
    let _: String = s.read_resource("uri")?;
    let _: String = s.list_prompts()?;
    let _: String = s.get_prompt("name", "{}")?;
    Ok(())
}
