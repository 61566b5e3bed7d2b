//! Every reporter over one small trace that has every kind of event.

use pie_engine::ids::{ContextId, InstanceId, PassId, QuestionId};
use pie_engine::outside::{Answer, HttpRequest, HttpResponse, Question};
use pie_engine::trace::{
    AdapterOperation, AppliedAdapter, Elided, Event, GrammarKind, Header, Limit, Origin, Outcome,
    PageOperation, Record, SamplerCall, Slot, SuspendCause, Text, Tokens, Usage, Whole,
};
use snapbox::{IntoData, assert_data_eq, file, str};

use super::Reporter;
use super::jsonl::JsonLines;
use super::live::{Guard, Guarded, Live};
use super::received_files::ReceivedFiles;
use super::request_log::RequestLog;
use super::terminal::Timeline;
use super::trace_file::TraceFile;
use crate::ui::Theme;

const MAIN: InstanceId = InstanceId(1);
const CHILD: InstanceId = InstanceId(2);
const CONTEXT: ContextId = ContextId(1);

fn header() -> Header {
    Header {
        format: 1,
        model: "dummy".into(),
        model_digest: "m".repeat(64),
        tokenizer_digest: "t".repeat(64),
        wit_digest: "w".repeat(64),
        kernel: "scalar".into(),
        seed: 7,
        engine: "0.1.0".into(),
        fork: None,
        others: Vec::new(),
    }
}

fn text(text: &str) -> Text {
    text.into()
}

fn contexts() -> Vec<Event> {
    let created =
        |context, origin| Event::ContextCreated { instance: MAIN, context: ContextId(context), origin };
    let pages = |operation, count| Event::Pages { instance: MAIN, context: CONTEXT, operation, count };
    let suspended = |cause, swapped| Event::Suspended {
        instance: MAIN,
        context: CONTEXT,
        cause,
        pages: 3,
        freed: 2,
        swapped,
    };
    let restored = |shared, swapped, recompute| Event::Restored {
        instance: MAIN,
        context: CONTEXT,
        pages: 3,
        shared,
        swapped,
        recompute,
    };
    vec![
        Event::ModelLoaded { instance: MAIN, name: "default".into() },
        created(1, Origin::New),
        created(2, Origin::Fork { from: CONTEXT }),
        created(3, Origin::Open { name: "start".into() }),
        created(4, Origin::Take { name: "start".into() }),
        Event::ContextSaved { instance: MAIN, context: CONTEXT, name: "start".into() },
        Event::SnapshotDeleted { instance: MAIN, name: "start".into() },
        pages(PageOperation::Reserve, 2),
        pages(PageOperation::Commit, 1),
        pages(PageOperation::Release, 1),
        pages(PageOperation::Truncate, 3),
        Event::Bid { instance: MAIN, context: CONTEXT, credits: 2.5 },
        suspended(SuspendCause::Asked, 0),
        suspended(SuspendCause::Short, 2),
        suspended(SuspendCause::Failed, 0),
        restored(1, 2, 0),
        restored(0, 0, 40),
        Event::Granted { instance: MAIN, context: Some(CONTEXT), pages: 1, waited: 3 },
        Event::Granted { instance: MAIN, context: None, pages: 2, waited: 1 },
        Event::ContextDestroyed { instance: MAIN, context: ContextId(4) },
    ]
}

/// A pass over the context.
fn pass(pass: u64, tokens: Tokens) -> Event {
    Event::Pass {
        instance: MAIN,
        pass: PassId(pass),
        context: Some(CONTEXT),
        tokens,
        guesses: None,
        positions: None,
        reused: 0,
        attention_mask: None,
        adapter: None,
        allowed: None,
        shown: None,
        samplers: vec![SamplerCall { indices: vec![2], sampler: "top-p 0.6 0.95".into() }],
    }
}

fn passes() -> Vec<Event> {
    let mut masked = pass(2, (0..20).collect::<Vec<u32>>().into());
    if let Event::Pass { context, positions, reused, attention_mask, allowed, shown, samplers, .. } =
        &mut masked
    {
        (*context, *reused, *allowed, *shown) = (None, 16, Some(1), Some(3));
        *positions = Some((100..120).collect::<Vec<u32>>().into());
        *attention_mask = Some("digest".into());
        samplers.push(SamplerCall { indices: (0..20).collect(), sampler: "entropy".into() });
    }
    let mut guessing = pass(5, vec![11].into());
    if let Event::Pass { guesses, adapter, .. } = &mut guessing {
        *adapter = Some(AppliedAdapter { name: "mine".into(), seed: Some(-7), digest: None });
        *guesses = Some(vec![12, 13].into());
    }
    let done = |pass, slots, margin| Event::PassDone {
        instance: MAIN,
        pass: PassId(pass),
        slots,
        held: None,
        guesses: None,
        margin,
    };
    let verified = Event::PassDone {
        instance: MAIN,
        pass: PassId(5),
        slots: vec![Slot::Token(12), Slot::Token(17), Slot::Token(17)],
        held: Some(1),
        guesses: Some(vec![11, 12].into()),
        margin: None,
    };
    vec![
        pass(1, vec![11, 12, 13].into()),
        masked,
        Event::Step {
            step: 1,
            passes: vec![(MAIN, PassId(1)), (MAIN, PassId(2))],
            rows: 7,
            recomputed: 0,
            price: 0.0,
        },
        Event::Step { step: 2, passes: vec![(MAIN, PassId(2))], rows: 40, recomputed: 39, price: 0.5 },
        done(1, vec![Slot::Token(17)], Some(0.5)),
        done(
            2,
            vec![
                Slot::Distribution { count: 100, ids: vec![5, 6], probabilities: vec![0.75, 0.125] },
                Slot::Logits(vec![0; 8].into()),
                Slot::Logprobs(vec![-0.5, -1.0, -1.5, -2.0, -2.5]),
                Slot::Entropy(1.25),
                Slot::Embedding(vec![1, 2].into()),
            ],
            None,
        ),
        done(3, vec![], None),
        guessing,
        verified,
        Event::PassFailed { instance: MAIN, pass: PassId(4), error: "page 3 was read\nunwritten".into() },
    ]
}

fn adapted(operation: AdapterOperation) -> Event {
    Event::Adapter { instance: MAIN, name: "mine".into(), operation }
}

fn session() -> Vec<Event> {
    vec![
        Event::Stdout { instance: MAIN, text: text("half a ") },
        Event::Stdout { instance: MAIN, text: text("line") },
        Event::Message { instance: MAIN, text: text("a \"message\"") },
        Event::Stderr { instance: MAIN, text: text("beware\n") },
        Event::File { instance: MAIN, data: vec![1, 2, 3].into() },
        Event::Received { instance: MAIN, text: Some(text("hi")) },
        Event::Received { instance: MAIN, text: None },
        Event::ReceivedFile { instance: MAIN, data: Some(vec![0; 1].into()) },
        Event::ReceivedFile { instance: MAIN, data: None },
        adapted(AdapterOperation::Create),
        adapted(AdapterOperation::Open),
        adapted(AdapterOperation::Fork { to: "other".into() }),
        adapted(AdapterOperation::Load { path: text("/scratch/a") }),
        adapted(AdapterOperation::Save { path: text("/scratch/b") }),
        adapted(AdapterOperation::Initialize { rank: 4, alpha: 8.0, population: 16, sigma: 0.5 }),
        adapted(AdapterOperation::Update { best: 2.0, mean: 0.5, sigma: 0.25 }),
        adapted(AdapterOperation::Destroy),
        Event::Subscribed { instance: MAIN, topic: text("news") },
        Event::Broadcast { instance: MAIN, topic: text("news"), text: text("hear"), subscriptions: 1 },
        Event::Heard { instance: MAIN, topic: text("news"), text: text("hear") },
        Event::Pushed { instance: MAIN, topic: text("work"), text: text("do") },
        Event::Pulled { instance: MAIN, topic: text("work"), text: text("do") },
        Event::Stdout { instance: MAIN, text: text("clear \u{1b}[2J screen") },
    ]
}

fn ends() -> Vec<Event> {
    let usage = Usage {
        passes: 3,
        input_tokens: 23,
        reused_tokens: 16,
        sampled_tokens: 1,
        drafted_tokens: 2,
        accepted_tokens: 1,
        peak_pages: 2,
        least_margin: Some(0.5),
    };
    let finished = |instance, outcome| Event::Finished { instance, outcome, usage };
    let long = Text::Elided(Elided { len: 9000, sha256: "0".repeat(64), head: "\"It was".into() });
    let trap = Outcome::Trap {
        message: "wasm `unreachable` executed".into(),
        backtrace: vec!["hello::inner at src/lib.rs:7".into(), "hello::run".into()],
    };
    let limit = Outcome::Limit { limit: Limit::Memory, message: "300 MiB of 256 MiB".into() };
    vec![
        finished(CHILD, Outcome::Ok(long)),
        finished(CHILD, Outcome::Error(text("no such city"))),
        finished(CHILD, trap),
        finished(CHILD, limit),
        finished(CHILD, Outcome::Stuck("nothing will be sent".into())),
        finished(CHILD, Outcome::Cancelled("interrupted".into())),
        Event::Detached { instance: MAIN, child: CHILD },
        finished(MAIN, Outcome::Ok(text(r#"{"greeting":"Hello, Ada!"}"#))),
        Event::Finding { message: "page 3 leaked".into() },
        Event::Forced { instance: MAIN, tokens: vec![2, 3].into() },
        Event::MatcherCreated { instance: MAIN, kind: GrammarKind::Regex, source: Elided::of("[a-z]+") },
        Event::MatcherCreated {
            instance: MAIN,
            kind: GrammarKind::JsonSchema,
            source: Elided::of(&format!("{{\"enum\":[{:?}]}}", "x".repeat(90))),
        },
    ]
}

fn http() -> Vec<Event> {
    let asked = |id, question| Event::Asked { instance: MAIN, id: QuestionId(id), question };
    let answered = |id, answer| Event::Answered { instance: MAIN, id: QuestionId(id), answer };
    let failed =
        |code: &str, message: &str| Answer::HttpFailed { code: code.into(), message: message.into() };
    let request = |method: &str, body: &str| HttpRequest {
        method: method.into(),
        url: "http://bakery.example/bread?key=(hidden)".into(),
        headers: vec![("accept".into(), "text/plain".into()), ("cookie".into(), "(hidden)".into())],
        body: body.into(),
        timeout_ms: Some(500),
    };
    let response = |body: Whole| HttpResponse { status: 200, headers: Vec::new(), body };
    vec![
        asked(1, Question::HttpRequest(request("GET", ""))),
        asked(2, Question::HttpRequest(request("POST", &"rye ".repeat(20)))),
        answered(1, Answer::HttpResponse(response("rye\n".into()))),
        answered(2, Answer::HttpResponse(response(vec![0, 255].into()))),
        answered(3, failed("connection-refused", "tcp connect error\u{1b}[2J")),
        answered(4, failed("destination-IP-prohibited", "`a.example` leads to 10.0.0.1, which is private")),
        answered(5, Answer::Failed { message: "nobody answered".into() }),
        Event::Denied {
            instance: MAIN,
            method: "GET".into(),
            url: text("http://a.com/"),
            message: "`a.com` is not among the hosts".into(),
        },
        Event::Requested { instance: CHILD, request: request("GET", "") },
        Event::Responded { instance: CHILD, response: response("fresh\n".into()) },
    ]
}

/// What is asked of MCP servers.
fn servers() -> Vec<Event> {
    let asked = |id, question| Event::Asked { instance: MAIN, id: QuestionId(id), question };
    let answered = |id, answer| Event::Answered { instance: MAIN, id: QuestionId(id), answer };
    let session = QuestionId(2);
    let call = |method: &str, params: &str| Question::McpCall {
        session,
        method: method.to_owned(),
        params: params.into(),
    };
    vec![
        asked(1, Question::McpServers),
        answered(1, Answer::McpServers { names: vec!["oven".into(), "shelf".into()] }),
        asked(2, Question::McpConnect { server: "oven".into() }),
        answered(2, Answer::McpConnected),
        asked(3, call("tools/list", "{}")),
        answered(3, Answer::McpResult { result: r#"{"tools":[]}"#.into() }),
        asked(4, call("tools/call", r#"{"name":"bake","arguments":{"bread":"rye"}}"#)),
        answered(
            4,
            Answer::McpFailed {
                code: -32602,
                message: "no\nrye".into(),
                data: Some(r#"{"flour":0}"#.into()),
            },
        ),
    ]
}

fn trace() -> Vec<Record> {
    let launched = |instance, parent| Event::Launched {
        instance,
        program: "hello".into(),
        input: text(r#"{"name":"Ada"}"#),
        parent,
    };
    let begin = vec![launched(MAIN, None), launched(CHILD, Some(MAIN))];
    let events =
        begin.into_iter().chain(contexts()).chain(passes()).chain(session()).chain(ends()).chain(http());
    let events = events.chain(servers());
    let at = |seq: u64| if seq < 17 { 0 } else { 1_000_000 + 1500 * seq };
    (0..).zip(events).map(|(seq, event)| Record { seq, at: at(seq), event }).collect()
}

fn show(reporter: &mut dyn Reporter) {
    reporter.begin(&header()).unwrap();
    for record in trace() {
        reporter.report(&record).unwrap();
    }
    reporter.finish().unwrap();
}

fn timeline(theme: Theme, width: Option<usize>) -> String {
    let mut out = Vec::new();
    show(&mut Timeline::new(&mut out, theme, width));
    String::from_utf8(out).unwrap()
}

#[test]
fn the_timeline_has_a_line_for_every_kind_of_event() {
    assert_data_eq!(timeline(Theme::new(false), None), file!["timeline.txt"].raw());
}

#[test]
fn tokens_are_shown_as_text_where_the_tokenizer_is_known() {
    let tokenizer = pie_engine::tokenizer::Tokenizer::dummy();
    let words = tokenizer.encode("Hello, world");
    let mut header = header();
    header.tokenizer_digest = tokenizer.digest().to_owned();
    let pass = Event::Pass {
        instance: MAIN,
        pass: PassId(1),
        context: Some(CONTEXT),
        tokens: words.clone().into(),
        guesses: None,
        positions: None,
        reused: 0,
        attention_mask: None,
        adapter: None,
        allowed: None,
        shown: None,
        samplers: vec![],
    };
    let slots = vec![
        Slot::Token(words[0]),
        Slot::Distribution { count: 1, ids: vec![words[1]], probabilities: vec![1.0] },
        Slot::Token(u32::MAX),
    ];
    let done =
        Event::PassDone { instance: MAIN, pass: PassId(1), slots, held: None, guesses: None, margin: None };
    let mut out = Vec::new();
    let mut timeline = Timeline::new(&mut out, Theme::new(false), None);
    timeline.begin(&header).unwrap();
    for (seq, event) in (0..).zip([pass, done]) {
        timeline.report(&Record { seq, at: 0, event }).unwrap();
    }
    let [first, second] =
        [words[0], words[1]].map(|id| format!("{id} {:?}", tokenizer.decode(&[id]).unwrap()));
    let expected = format!(
        "model dummy (scalar), seed 7, engine 0.1.0
   0.000 ms i1   p1   pass over c1: {} tokens \"Hello, world\"
   0.000 ms i1   p1   gave token {first}, distribution of 1 [{second}: 1.000], token 4294967295
",
        words.len()
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn the_timeline_stays_within_the_width() {
    let narrow = timeline(Theme::new(false), Some(60));
    let longest = narrow.lines().map(|line| line.chars().count()).max();
    assert_eq!(longest, Some(60), "{narrow}");
}

#[test]
fn colour_changes_nothing_of_the_timeline_but_colour() {
    let coloured = timeline(Theme::new(true), None);
    assert!(coloured.contains("\u{1b}["), "{coloured}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), timeline(Theme::new(false), None));
}

#[test]
fn a_live_run_shows_what_the_inferlet_prints_and_sends() {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    show(&mut Live::new(Guarded::new(&mut out, Guard::Off), Guarded::new(&mut err, Guard::Off)));
    assert_data_eq!(
        // An editor would not show the escape.
        String::from_utf8(out).unwrap().replace('\u{1b}', "ESC"),
        str![[r#"
half a line
a "message"
clear ESC[2J screen

"#]]
        .raw()
    );
    assert_data_eq!(
        String::from_utf8(err).unwrap(),
        str![[r#"
beware
warning: `a.example` leads to 10.0.0.1, which is private
warning: the inferlet was denied GET http://a.com/: `a.com` is not among the hosts

"#]]
        .raw()
    );
}

#[test]
fn lines_of_children_begin_with_who_prints_them() {
    let launched = Event::Launched {
        instance: CHILD,
        program: "worker".into(),
        input: text("null"),
        parent: Some(MAIN),
    };
    let stdout = |instance, printed: &str| Event::Stdout { instance, text: text(printed) };
    let events = [
        launched,
        stdout(MAIN, "half "),
        stdout(CHILD, "one\ntwo, "),
        stdout(CHILD, "three"),
        Event::Message { instance: CHILD, text: text("done\nnow") },
        Event::Stderr { instance: CHILD, text: text("beware\n") },
        stdout(MAIN, "whole\n"),
    ];
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut live = Live::new(Guarded::new(&mut out, Guard::Off), Guarded::new(&mut err, Guard::Off));
    for (seq, event) in (0..).zip(events) {
        live.report(&Record { seq, at: 0, event }).unwrap();
    }
    live.finish().unwrap();
    drop(live);
    let lines = [
        "half ",
        "[worker i2] one",
        "[worker i2] two, three",
        "[worker i2] done",
        "[worker i2] now",
        "whole\n",
    ];
    assert_eq!(String::from_utf8(out).unwrap(), lines.join("\n"));
    assert_eq!(String::from_utf8(err).unwrap(), "[worker i2] beware\n");
}

#[test]
fn who_failed_and_was_not_waited_for_is_told_once_and_others_are_not() {
    let launched = |child| Event::Launched {
        instance: InstanceId(child),
        program: "worker".into(),
        input: text("null"),
        parent: Some(MAIN),
    };
    let detached = |child| Event::Detached { instance: MAIN, child: InstanceId(child) };
    let ended =
        |child, outcome| Event::Finished { instance: InstanceId(child), outcome, usage: Usage::default() };
    let error = || Outcome::Error(text("no\nflour"));
    let trap = || Outcome::Trap { message: "out of dough".into(), backtrace: Vec::new() };
    let events = [
        // One is let go before it fails, one after, and one is waited for.
        vec![launched(2), launched(3), launched(4), detached(2), ended(2, error())],
        vec![ended(3, trap()), ended(4, error()), detached(3)],
        // One ends well, one is ended because somebody wants it to.
        vec![launched(5), launched(6), detached(5), detached(6), ended(5, Outcome::Ok(text("1")))],
        vec![ended(6, Outcome::Cancelled("enough".into())), ended(1, error())],
    ];
    let mut err = Vec::new();
    let mut live = Live::new(Guarded::new(std::io::sink(), Guard::Off), Guarded::new(&mut err, Guard::Off));
    for (seq, event) in (0..).zip(events.concat()) {
        live.report(&Record { seq, at: 0, event }).unwrap();
    }
    drop(live);
    let lines = [
        "[worker i2] failed, and nobody waited for it: no\\nflour\n",
        "[worker i3] failed, and nobody waited for it: it trapped: out of dough\n",
    ];
    assert_eq!(String::from_utf8(err).unwrap(), lines.concat());
}

#[test]
fn an_inferlet_cannot_clear_a_terminal() {
    let mut out = Vec::new();
    let err = Guarded::new(std::io::sink(), Guard::Terminal);
    show(&mut Live::new(Guarded::new(&mut out, Guard::Terminal), err));
    let out = String::from_utf8(out).unwrap();
    assert!(out.ends_with("clear \\u{1b}[2J screen\n"), "{out:?}");
}

#[test]
fn json_lines_are_the_header_and_then_an_event_a_line() {
    let mut out = Vec::new();
    show(&mut JsonLines::new(&mut out));
    let out = String::from_utf8(out).unwrap();
    assert_data_eq!(out.lines().take(4).collect::<Vec<_>>().join("\n"), str![[r#"
{"type":"header","format":1,"model":"dummy","model_digest":"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm","tokenizer_digest":"tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt","wit_digest":"wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww","kernel":"scalar","seed":7,"engine":"0.1.0"}
{"type":"event","seq":0,"at":0,"event":"launched","instance":1,"program":"hello","input":"{\"name\":\"Ada\"}"}
{"type":"event","seq":1,"at":0,"event":"launched","instance":2,"program":"hello","input":"{\"name\":\"Ada\"}","parent":1}
{"type":"event","seq":2,"at":0,"event":"model-loaded","instance":1,"name":"default"}
"#]].raw());
    assert_eq!(out.lines().count(), trace().len() + 1);
}

#[test]
fn a_trace_file_is_read_back_as_it_was_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.jsonl");
    show(&mut TraceFile::create(&path).unwrap());
    let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
    let reader = pie_engine::trace::jsonl::Reader::new(file).unwrap();
    assert_eq!(*reader.header(), header());
    let mut again = Vec::new();
    let mut shown = Timeline::new(&mut again, Theme::new(false), None);
    shown.begin(&header()).unwrap();
    reader.for_each(|record| shown.report(&record.unwrap()).unwrap());
    assert_eq!(String::from_utf8(again).unwrap(), timeline(Theme::new(false), None));
}

#[test]
fn sent_files_are_written_under_names_of_our_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = ReceivedFiles::new(Some("new".into()), folder.path());
    let received = files.received();
    show(&mut files);
    assert_eq!(received.written(), [std::path::Path::new("new/file-1.bin")]);
    assert_eq!(std::fs::read(folder.path().join("new/file-1.bin")).unwrap(), [1, 2, 3]);
}

#[test]
fn each_request_that_is_answered_has_a_line() {
    let finished = |instance, outcome| Event::Finished { instance, outcome, usage: Usage::default() };
    let requested = |instance, line: &str| {
        let (method, url) = line.split_once(' ').unwrap();
        let (headers, body) = (Vec::new(), Whole::default());
        let request = HttpRequest { method: method.into(), url: url.into(), headers, body, timeout_ms: None };
        Event::Requested { instance, request }
    };
    let response = HttpResponse { status: 201, headers: Vec::new(), body: Whole::default() };
    let events = [
        requested(MAIN, "GET http://a/"),
        requested(CHILD, "POST http://a/\u{1b}"),
        Event::Responded { instance: MAIN, response },
        finished(CHILD, Outcome::Trap { message: "on fire".into(), backtrace: Vec::new() }),
        finished(MAIN, Outcome::Ok(text("null"))),
        finished(InstanceId(3), Outcome::Ok(text("null"))),
    ];
    let mut out = Vec::new();
    let mut log = RequestLog::new(&mut out);
    for (seq, event) in (0..).zip(events) {
        log.report(&Record { seq, at: 0, event }).unwrap();
    }
    let expected = "POST http://a/\\u{1b} no response: it trapped: on fire\nGET http://a/ 201\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn without_a_folder_sent_files_are_counted() {
    let mut files = ReceivedFiles::new(None, "/".as_ref());
    let received = files.received();
    show(&mut files);
    assert_eq!((received.count(), received.written().len()), (1, 0));
}
