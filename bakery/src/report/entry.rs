//! What the timeline says about each kind of event: one small function for each.

use pie_engine::ids::{ContextId, InstanceId, PassId};
use pie_engine::trace::{
    AdapterOperation, AppliedAdapter, Bytes, Elided, Event, GrammarKind, Origin, Outcome, PageOperation,
    SamplerCall, Slot, SuspendCause, Text, Tokens, Usage,
};

use super::vocabulary::Vocabulary;
use super::{outside, visible};

/// How many tokens of a list are shown as ids.
const SHOWN_TOKENS: usize = 16;
/// How many columns of tokens are shown as text.
const SHOWN_TEXT: usize = 64;
/// How many entries of a distribution and numbers of a list are shown.
const SHOWN_NUMBERS: usize = 4;

/// One line of the timeline, without its time.
pub(super) struct Entry {
    /// Who did it.
    pub instance: Option<InstanceId>,
    /// The context, pass or step it is about.
    pub subject: String,
    /// What happened.
    pub text: String,
    /// How much it matters.
    pub tone: Tone,
    /// Lines below it.
    pub details: Vec<String>,
}

/// How much an entry matters.
#[derive(Clone, Copy)]
pub(super) enum Tone {
    Plain,
    Background,
    Good,
    Bad,
}

impl Entry {
    fn of(instance: InstanceId, text: impl Into<String>) -> Entry {
        Entry {
            instance: Some(instance),
            subject: String::new(),
            text: text.into(),
            tone: Tone::Plain,
            details: Vec::new(),
        }
    }

    fn about(mut self, subject: impl ToString) -> Entry {
        self.subject = subject.to_string();
        self
    }

    fn toned(mut self, tone: Tone) -> Entry {
        self.tone = tone;
        self
    }

    fn with(mut self, details: Vec<String>) -> Entry {
        self.details = details;
        self
    }
}

/// What is said about an event. The compiler sees to it that no kind is left out.
pub(super) fn entry(event: &Event, vocabulary: &Vocabulary) -> Entry {
    match event {
        Event::Launched { instance, program, input, parent } => launched(*instance, program, input, *parent),
        Event::Detached { instance, child } => background(*instance, format!("let go of {child}")),
        Event::Stdout { instance, text } => Entry::of(*instance, format!("stdout {}", quoted(text))),
        Event::Stderr { instance, text } => Entry::of(*instance, format!("stderr {}", quoted(text))),
        Event::Message { instance, text } => Entry::of(*instance, format!("sent {}", quoted(text))),
        Event::File { instance, data } => Entry::of(*instance, format!("sent a file of {}", blob(data))),
        Event::Received { instance, text } => Entry::of(*instance, received(text.as_ref())),
        Event::ReceivedFile { instance, data } => Entry::of(*instance, received_file(data.as_ref())),
        Event::Pushed { instance, topic, text } => on_topic(*instance, "pushed", text, "to", topic),
        Event::Pulled { instance, topic, text } => on_topic(*instance, "pulled", text, "from", topic),
        Event::Broadcast { instance, topic, text, subscriptions } => {
            broadcast(*instance, topic, text, *subscriptions)
        }
        Event::Subscribed { instance, topic } => subscribed(*instance, topic),
        Event::Heard { instance, topic, text } => on_topic(*instance, "heard", text, "on", topic),
        Event::Asked { instance, id, question } => {
            Entry::of(*instance, outside::question(question)).about(id)
        }
        Event::Answered { instance, id, answer } => Entry::of(*instance, outside::answer(answer)).about(id),
        Event::Denied { instance, method, url, message } => {
            Entry::of(*instance, outside::denied(method, url.as_str(), message)).toned(Tone::Bad)
        }
        Event::Requested { instance, request } => Entry::of(*instance, outside::request("got", request)),
        Event::Responded { instance, response } => {
            Entry::of(*instance, outside::response("responded", response))
        }
        Event::Adapter { instance, name, operation } => adapted(*instance, name, operation),
        Event::MatcherCreated { instance, kind, source } => background(*instance, following(*kind, source)),
        Event::Forced { instance, tokens } => forced(*instance, tokens, vocabulary),
        Event::ModelLoaded { instance, name } => background(*instance, format!("loaded model {name:?}")),
        Event::ContextCreated { instance, context, origin } => context_created(*instance, *context, origin),
        Event::ContextSaved { instance, context, name } => saved(*instance, *context, name),
        Event::SnapshotDeleted { instance, name } => deleted(*instance, name),
        Event::ContextDestroyed { instance, context } => background(*instance, "destroyed").about(context),
        Event::Pages { instance, context, operation, count } => {
            background(*instance, pages(*operation, *count)).about(context)
        }
        Event::Bid { instance, context, credits } => {
            background(*instance, format!("bids {credits}")).about(context)
        }
        Event::Suspended { instance, context, cause, pages, freed, swapped } => {
            Entry::of(*instance, suspended(*cause, *pages, *freed, *swapped)).about(context)
        }
        Event::Restored { instance, context, pages, shared, swapped, recompute } => {
            Entry::of(*instance, restored(*pages, *shared, *swapped, *recompute)).about(context)
        }
        Event::Granted { instance, context, pages, waited } => granted(*instance, *context, *pages, *waited),
        Event::Pass { instance, pass, .. } => {
            let (text, details) = passed(event, vocabulary);
            Entry::of(*instance, text).about(pass).with(details)
        }
        Event::Step { step, passes, rows, recomputed, price } => {
            stepped(*step, passes, *rows, *recomputed, *price)
        }
        Event::PassDone { instance, pass, slots, held, guesses, margin } => {
            let text = answers(slots, vocabulary) + &verified(*held, guesses.as_ref(), *margin, vocabulary);
            Entry::of(*instance, text).about(pass)
        }
        Event::PassFailed { instance, pass, error } => failed(*instance, *pass, error),
        Event::Finished { instance, outcome, usage } => finished(*instance, outcome, usage),
        Event::Finding { message } => finding(message),
    }
}

fn background(instance: InstanceId, text: impl Into<String>) -> Entry {
    Entry::of(instance, text).toned(Tone::Background)
}

fn launched(instance: InstanceId, program: &str, input: &Text, parent: Option<InstanceId>) -> Entry {
    let parent = parent.map(|parent| format!(" by {parent}")).unwrap_or_default();
    let program = visible::on_one_line(program);
    Entry::of(instance, format!("launched `{program}`{parent} with {}", json(input))).toned(Tone::Good)
}

fn on_topic(instance: InstanceId, what: &str, text: &Text, way: &str, topic: &Text) -> Entry {
    Entry::of(instance, format!("{what} {} {way} {}", quoted(text), quoted(topic)))
}

fn broadcast(instance: InstanceId, topic: &Text, text: &Text, subscriptions: u32) -> Entry {
    let heard = counted(subscriptions, "subscription");
    Entry::of(instance, format!("broadcast {} on {} to {heard}", quoted(text), quoted(topic)))
}

fn subscribed(instance: InstanceId, topic: &Text) -> Entry {
    Entry::of(instance, format!("subscribed to {}", quoted(topic)))
}

fn adapted(instance: InstanceId, name: &str, operation: &AdapterOperation) -> Entry {
    let text = match operation {
        AdapterOperation::Create => "created".to_owned(),
        AdapterOperation::Open => "opened".to_owned(),
        AdapterOperation::Fork { to } => format!("forked to {to:?}"),
        AdapterOperation::Destroy => "destroyed".to_owned(),
        AdapterOperation::Load { path } => format!("loaded from {}", quoted(path)),
        AdapterOperation::Save { path } => format!("saved to {}", quoted(path)),
        AdapterOperation::Initialize { rank, alpha, population, sigma } => {
            format!("to be trained with rank {rank}, alpha {alpha}, {population} candidates, sigma {sigma}")
        }
        AdapterOperation::Update { best, mean, sigma } => {
            format!("updated from scores of {mean:.3} in the mean, {best:.3} at best; sigma {sigma:.3}")
        }
    };
    Entry::of(instance, format!("adapter {name:?}: {text}"))
}

fn forced(instance: InstanceId, tokens: &Tokens, vocabulary: &Vocabulary) -> Entry {
    Entry::of(instance, format!("forced by a grammar: {}", token_list(tokens, vocabulary)))
}

fn following(kind: GrammarKind, source: &Elided<String>) -> String {
    let kind = match kind {
        GrammarKind::JsonSchema => "JSON schema",
        GrammarKind::Regex => "regular expression",
        GrammarKind::Lark => "Lark grammar",
        GrammarKind::Ebnf => "EBNF grammar",
    };
    let Elided { len, sha256, head } = source;
    let more = if head.len() as u64 == *len { String::new() } else { format!("… ({len} bytes)") };
    let digest: String = sha256.chars().take(12).collect();
    format!("follows the {kind} {digest}: {}{more}", visible::on_one_line(head))
}

fn received(text: Option<&Text>) -> String {
    text.map_or("found the session closed".into(), |text| format!("received {}", quoted(text)))
}

fn received_file(data: Option<&Bytes>) -> String {
    data.map_or("found the session closed".into(), |data| format!("received a file of {}", blob(data)))
}

fn context_created(instance: InstanceId, context: ContextId, origin: &Origin) -> Entry {
    let text = match origin {
        Origin::New => "created".to_owned(),
        Origin::Fork { from } => format!("forked from {from}"),
        Origin::Open { name } => format!("opened from {name:?}"),
        Origin::Take { name } => format!("taken from {name:?}"),
    };
    Entry::of(instance, text).about(context)
}

fn saved(instance: InstanceId, context: ContextId, name: &str) -> Entry {
    Entry::of(instance, format!("saved as {name:?}")).about(context)
}

fn deleted(instance: InstanceId, name: &str) -> Entry {
    Entry::of(instance, format!("deleted the snapshot {name:?}"))
}

fn pages(operation: PageOperation, count: u32) -> String {
    match operation {
        PageOperation::Reserve => format!("reserved {}", counted(count, "page")),
        PageOperation::Commit => format!("committed {}", counted(count, "page")),
        PageOperation::Release => format!("released {}", counted(count, "page")),
        PageOperation::Truncate => format!("truncated {}", counted(count, "token")),
    }
}

fn suspended(cause: SuspendCause, pages: u32, freed: u32, swapped: u32) -> String {
    let cause = match cause {
        SuspendCause::Asked => "",
        SuspendCause::Short => ", because pages are short",
        SuspendCause::Failed => ", because it could not be computed again",
    };
    let kept = if swapped > 0 { format!(", {swapped} kept outside") } else { String::new() };
    format!("suspended{cause}: {} given back, {freed} of them free{kept}", counted(pages, "page"))
}

fn restored(pages: u32, shared: u32, swapped: u32, recompute: u32) -> String {
    let parts = [
        (shared > 0).then(|| format!("{shared} shared")),
        (swapped > 0).then(|| format!("{swapped} copied back")),
        (recompute > 0).then(|| format!("{} to compute again", counted(recompute, "token"))),
    ];
    let parts: Vec<String> =
        std::iter::once(counted(pages, "page")).chain(parts.into_iter().flatten()).collect();
    format!("restored: {}", parts.join(", "))
}

fn granted(instance: InstanceId, context: Option<ContextId>, pages: u32, waited: u64) -> Entry {
    let subject = context.map(|context| context.to_string()).unwrap_or_default();
    let text = format!("got {} after {}", counted(pages, "page"), counted(waited, "step"));
    background(instance, text).about(subject)
}

/// A pass, and what stands below it.
fn passed(event: &Event, vocabulary: &Vocabulary) -> (String, Vec<String>) {
    let Event::Pass {
        context,
        tokens,
        guesses,
        positions,
        reused,
        attention_mask,
        adapter,
        allowed,
        shown,
        samplers,
        ..
    } = event
    else {
        return Default::default();
    };
    let over = context.map(|context| format!(" over {context}")).unwrap_or_default();
    let at = positions.as_ref().map(|positions| format!(" at {}", id_list(positions))).unwrap_or_default();
    let guessed = guessed(", guessed", guesses.as_ref(), vocabulary);
    let input = format!("pass{over}: {}{guessed}{at}", token_list(tokens, vocabulary));
    let allowed = pass_allowed(*allowed, *shown);
    let conditions = pass_conditions(*reused, attention_mask.is_some(), adapter.as_ref(), &allowed);
    let (question, details) = questions(samplers);
    (input + &conditions + &question, details)
}

fn pass_conditions(reused: u32, masked: bool, adapter: Option<&AppliedAdapter>, allowed: &str) -> String {
    let reused = if reused > 0 { format!(", {reused} reused") } else { String::new() };
    let masked = if masked { ", masked" } else { "" };
    let adapter = adapter.map(|AppliedAdapter { name, seed, .. }| {
        let seed = seed.map(|seed| format!(" with seed {seed}")).unwrap_or_default();
        format!(", adapter {name:?}{seed}")
    });
    format!("{reused}{masked}{}{allowed}", adapter.unwrap_or_default())
}

fn pass_allowed(allowed: Option<u32>, shown: Option<u32>) -> String {
    let allowed = allowed.map(|count| format!(", {} allowed", counted(count, "token"))).unwrap_or_default();
    let shown =
        shown.map(|left| format!(", shown the end in {}", counted(left, "token"))).unwrap_or_default();
    allowed + &shown
}

/// One sampler stands behind its pass, several below it.
fn questions(samplers: &[SamplerCall]) -> (String, Vec<String>) {
    match samplers {
        [one] => (format!("; {}", sampler_call(one)), Vec::new()),
        several => (String::new(), several.iter().map(sampler_call).collect()),
    }
}

fn sampler_call(SamplerCall { indices, sampler }: &SamplerCall) -> String {
    let shown: Vec<String> = indices.iter().take(SHOWN_TOKENS).map(u32::to_string).collect();
    let more = if indices.len() > SHOWN_TOKENS { " …" } else { "" };
    let rows = if indices.len() == 1 { "row" } else { "rows" };
    format!("{} of {rows} {}{more}", visible::on_one_line(sampler), shown.join(" "))
}

fn stepped(step: u64, passes: &[(InstanceId, PassId)], rows: u32, recomputed: u32, price: f64) -> Entry {
    let shown: Vec<String> =
        passes.iter().take(SHOWN_TOKENS).map(|(instance, pass)| format!("{instance}:{pass}")).collect();
    let more = passes.len().saturating_sub(SHOWN_TOKENS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let recomputed = if recomputed > 0 { format!(", {recomputed} computed again") } else { String::new() };
    let price = if price > 0.0 { format!(", {price} a page") } else { String::new() };
    let rows = counted(rows, "row");
    Entry {
        instance: None,
        subject: format!("s{step}"),
        text: format!("step of {rows}{recomputed}{price}: {}{more}", shown.join(" ")),
        tone: Tone::Background,
        details: Vec::new(),
    }
}

fn answers(slots: &[Slot], vocabulary: &Vocabulary) -> String {
    if slots.is_empty() {
        return "done".to_owned();
    }
    let answers: Vec<String> = slots.iter().map(|answer| slot(answer, vocabulary)).collect();
    format!("gave {}", answers.join(", "))
}

/// What a pass found out besides its answers.
fn verified(
    held: Option<u32>,
    next: Option<&Tokens>,
    margin: Option<f32>,
    vocabulary: &Vocabulary,
) -> String {
    let held = held.map(|held| format!(", {} held", counted(held, "guess"))).unwrap_or_default();
    let margin = margin.map(|margin| format!(" (margin {margin:.3})")).unwrap_or_default();
    held + &guessed(", next guessed", next, vocabulary) + &margin
}

fn failed(instance: InstanceId, pass: PassId, error: &str) -> Entry {
    let text = format!("failed: {}", visible::on_one_line(error));
    Entry::of(instance, text).about(pass).toned(Tone::Bad)
}

/// Guessed tokens, if there are any.
fn guessed(what: &str, guesses: Option<&Tokens>, vocabulary: &Vocabulary) -> String {
    guesses.map(|guesses| format!("{what} {}", token_list(guesses, vocabulary))).unwrap_or_default()
}

fn slot(slot: &Slot, vocabulary: &Vocabulary) -> String {
    match slot {
        Slot::Token(token) => format!("token {}", token_name(*token, vocabulary)),
        Slot::Distribution { count, ids, probabilities } => {
            distribution(*count, ids, probabilities, vocabulary)
        }
        Slot::Logits(data) => format!("logits of {}", blob(data)),
        Slot::Logprobs(values) => format!("log-probabilities {}", numbers(values)),
        Slot::Entropy(nats) => format!("entropy {nats:.3}"),
        Slot::Embedding(data) => format!("embedding of {}", blob(data)),
    }
}

fn distribution(count: u32, ids: &[u32], probabilities: &[f32], vocabulary: &Vocabulary) -> String {
    let entries = ids.iter().zip(probabilities).take(SHOWN_NUMBERS);
    let entry =
        |(id, probability): (&u32, &f32)| format!("{}: {probability:.3}", token_name(*id, vocabulary));
    let shown: Vec<String> = entries.map(entry).collect();
    format!("distribution of {count} [{}{}]", shown.join(", "), ellipsis(count as usize, shown.len()))
}

fn numbers(values: &[f32]) -> String {
    let shown: Vec<String> = values.iter().take(SHOWN_NUMBERS).map(|value| format!("{value:.3}")).collect();
    format!("[{}{}]", shown.join(" "), ellipsis(values.len(), shown.len()))
}

fn finished(instance: InstanceId, outcome: &Outcome, usage: &Usage) -> Entry {
    let (text, tone, backtrace) = match outcome {
        Outcome::Ok(answer) => (format!("answered {}", json(answer)), Tone::Good, &[][..]),
        Outcome::Error(error) => (format!("returned the error {}", quoted(error)), Tone::Bad, &[][..]),
        Outcome::Trap { message, backtrace } => {
            (format!("trapped: {}", visible::on_one_line(message)), Tone::Bad, &backtrace[..])
        }
        Outcome::Limit { limit, message } => {
            let message = visible::on_one_line(message);
            (format!("went over the {} limit: {message}", limit.name()), Tone::Bad, &[][..])
        }
        Outcome::Stuck(why) => (format!("got stuck: {}", visible::on_one_line(why)), Tone::Bad, &[][..]),
        Outcome::Cancelled(why) => {
            (format!("was cancelled: {}", visible::on_one_line(why)), Tone::Bad, &[][..])
        }
    };
    let frames = backtrace.iter().map(|frame| format!("in {}", visible::on_one_line(frame)));
    let details = frames.chain([usage_line(usage)]).collect();
    Entry::of(instance, text).toned(tone).with(details)
}

fn usage_line(usage: &Usage) -> String {
    let Usage { passes, input_tokens, reused_tokens, sampled_tokens, peak_pages, least_margin, .. } = *usage;
    let guessed = match (usage.accepted_tokens, usage.drafted_tokens) {
        (_, 0) => String::new(),
        (accepted, drafted) => format!(", {accepted} of {} held", counted(drafted, "guess")),
    };
    let reused = if reused_tokens > 0 { format!(" ({reused_tokens} reused)") } else { String::new() };
    let margin = least_margin.map(|margin| format!(", least margin {margin:.3}")).unwrap_or_default();
    format!(
        "{}, {}{reused}, {sampled_tokens} sampled{guessed}, at most {}{margin}",
        counted(passes, "pass"),
        counted(input_tokens, "input token"),
        counted(peak_pages, "page"),
    )
}

fn finding(message: &str) -> Entry {
    Entry {
        instance: None,
        subject: String::new(),
        text: format!("finding: {}", visible::on_one_line(message)),
        tone: Tone::Bad,
        details: Vec::new(),
    }
}

fn counted(count: impl Into<u64>, thing: &str) -> String {
    match count.into() {
        1 => format!("1 {thing}"),
        count if thing.ends_with('s') => format!("{count} {thing}es"),
        count => format!("{count} {thing}s"),
    }
}

fn ellipsis(all: usize, shown: usize) -> &'static str {
    if all > shown { " …" } else { "" }
}

/// Text in quotes, with escapes.
fn quoted(text: &Text) -> String {
    match text {
        Text::Full(text) => format!("{text:?}"),
        Text::Elided(Elided { len, head, .. }) => format!("{head:?}… ({len} bytes)"),
    }
}

/// JSON text, which carries its own quotes.
fn json(text: &Text) -> String {
    match text {
        Text::Full(text) => visible::on_one_line(text),
        Text::Elided(Elided { len, head, .. }) => format!("{}… ({len} bytes)", visible::on_one_line(head)),
    }
}

fn blob(data: &Bytes) -> String {
    let (len, sha256) = match data {
        Bytes::Full(bytes) => (bytes.len() as u64, Bytes::elide(bytes).sha256),
        Bytes::Elided(Elided { len, sha256, .. }) => (*len, sha256.clone()),
    };
    let digest: String = sha256.chars().take(12).collect();
    format!("{} ({digest})", counted(len, "byte"))
}

fn token_name(token: u32, vocabulary: &Vocabulary) -> String {
    vocabulary.text(&[token]).map_or_else(|| token.to_string(), |text| format!("{token} {text:?}"))
}

/// Tokens as text where it is known, as ids elsewhere.
fn token_list(tokens: &Tokens, vocabulary: &Vocabulary) -> String {
    let count = counted(tokens.count(), "token");
    let head = head(tokens);
    let Some(text) = vocabulary.text(head) else { return format!("{count} {}", id_list(tokens)) };
    let quoted = format!("{text:?}");
    let shown = visible::cut(&quoted, SHOWN_TEXT);
    let more = if tokens.count() > head.len() as u64 && shown == quoted { "…" } else { "" };
    format!("{count} {shown}{more}")
}

fn id_list(tokens: &Tokens) -> String {
    let shown: Vec<String> = head(tokens).iter().take(SHOWN_TOKENS).map(u32::to_string).collect();
    format!("[{}{}]", shown.join(" "), if tokens.count() > shown.len() as u64 { " …" } else { "" })
}

/// All tokens, or those that a trace file keeps.
fn head(tokens: &Tokens) -> &[u32] {
    match tokens {
        Tokens::Full(ids) => ids,
        Tokens::Elided(elided) => &elided.head,
    }
}
