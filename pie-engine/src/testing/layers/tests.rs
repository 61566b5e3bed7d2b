//! Layers of runs that are made up, event by event.

use crate::Finished;
use crate::ids::{ContextId, InstanceId, PassId};
use crate::trace::{Event, Header, Origin, Outcome, SamplerCall, Slot, Usage};

use super::line::Line;
use super::*;

const ONE: InstanceId = InstanceId(1);

fn observed(mut events: Vec<Event>, outcome: Outcome) -> Observed {
    let usage =
        Usage { passes: 1, input_tokens: 3, sampled_tokens: 1, least_margin: Some(0.25), ..Usage::default() };
    events.push(Event::Finished { instance: ONE, outcome: outcome.clone(), usage });
    let header = Header {
        format: 1,
        model: "dummy".into(),
        model_digest: "a".into(),
        tokenizer_digest: "b".into(),
        wit_digest: "c".into(),
        kernel: "scalar".into(),
        seed: 0,
        engine: "0.1.0".into(),
        fork: None,
        others: Vec::new(),
    };
    let finished = Finished { outcome, usage, findings: Vec::new() };
    Observed { header, events, finished, takes: Vec::new(), uses: Default::default() }
}

fn output_of(events: Vec<Event>, outcome: Outcome) -> String {
    layer(Layer::Output, &observed(events, outcome), &[], &Vocabulary::default())
}

fn stdout(text: &str) -> Event {
    Event::Stdout { instance: ONE, text: text.into() }
}

#[test]
fn output_is_what_the_caller_got_in_its_order() {
    let events = vec![
        stdout("one "),
        stdout("line\ntwo\n"),
        Event::Message { instance: ONE, text: "hi\n\nthere".into() },
        Event::Stderr { instance: InstanceId(2), text: "no end".into() },
        Event::File { instance: ONE, data: b"\x00\x01".to_vec().into() },
    ];
    insta::assert_snapshot!(output_of(events, Outcome::Ok(r#"{"b":1,"a":[2]}"#.into())), @r#"
    stdout
      one line
      two

    message
      hi

      there

    i2 stderr (no line feed at its end)
      no end

    file
      "\u0000\u0001"

    answer (JSON)
      {
        "b": 1,
        "a": [
          2
        ]
      }
    "#);
}

#[test]
fn two_texts_that_differ_are_never_written_alike() {
    let texts =
        ["a", "a\n", "a ", "\"a\"", "\"a", "a\\n", "a\u{7}", "", "\n", "a\r", "  a", "a\n\nb", "a\nb"];
    let written: std::collections::BTreeSet<String> =
        texts.iter().map(|text| output_of(Vec::new(), Outcome::Error((*text).into()))).collect();
    assert_eq!(written.len(), texts.len(), "{written:#?}");
}

#[test]
fn a_text_is_no_other_value_that_looks_like_it() {
    let answers = [r#""[1]""#, "[1]", r#""null""#, "null", "not JSON"];
    let written: std::collections::BTreeSet<String> =
        answers.iter().map(|answer| output_of(Vec::new(), Outcome::Ok((*answer).into()))).collect();
    assert_eq!(written.len(), answers.len(), "{written:#?}");
}

#[test]
fn what_is_large_is_a_digest_and_a_head() {
    let text = output_of(Vec::new(), Outcome::Error("x".repeat(20_000).into()));
    assert!(text.len() < 400 && text.starts_with("error, 20000 bytes, sha256 "), "{text}");
}

fn passes() -> Vec<Event> {
    let pass = Event::Pass {
        instance: ONE,
        pass: PassId(1),
        context: Some(ContextId(1)),
        tokens: vec![5, 6, 7].into(),
        guesses: None,
        positions: None,
        reused: 2,
        attention_mask: None,
        adapter: None,
        allowed: Some(18),
        shown: None,
        samplers: vec![SamplerCall { indices: vec![2], sampler: "argmax".into() }],
    };
    let done = Event::PassDone {
        instance: ONE,
        pass: PassId(1),
        slots: vec![Slot::Token(9), Slot::Logprobs(vec![-0.5, -1.25]), Slot::Entropy(1.5)],
        held: None,
        guesses: None,
        margin: Some(0.25),
    };
    let created = Event::ContextCreated { instance: ONE, context: ContextId(1), origin: Origin::New };
    let sent = Event::Message { instance: ONE, text: "{\"id\": 7}".into() };
    vec![created, pass, done, Event::Bid { instance: ONE, context: ContextId(1), credits: 0.5 }, sent]
}

#[test]
fn events_are_calls_with_tokens_and_without_what_is_rounded() {
    let observed = observed(passes(), Outcome::Ok("1".into()));
    insta::assert_snapshot!(layer(Layer::Events, &observed, &[], &Vocabulary::default()), @r#"
    i1 context-created c1 origin="new"
    i1 pass p1 context=c1 tokens=[5,6,7] allowed=18 sampler="argmax" rows=[2]
    i1 pass-done p1 tokens=[9] logprobs=2 entropy
    i1 bid c1
    i1 message text="{\"id\": 7}"
    i1 finished outcome=ok passes=1 input_tokens=3 sampled_tokens=1
    "#);
    insta::assert_snapshot!(layer(Layer::Numbers, &observed, &[], &Vocabulary::default()), @r#"
    i1 margin p1 value=0.25
    i1 logprobs p1 values=[-0.5,-1.25]
    i1 entropy p1 nats=1.5
    i1 bid c1 credits=0.5
    i1 least-margin value=0.25
    "#);
}

#[test]
fn what_is_redacted_is_neither_in_the_output_nor_in_the_events() {
    let redaction = |event: Option<&str>, path: Option<&str>| Redaction {
        event: event.map(str::to_owned),
        path: path.map(|path| serde_json_path::JsonPath::parse(path).unwrap()),
        with: "[id]".into(),
    };
    let redactions = [
        redaction(None, Some("$..id")),
        redaction(Some("bid"), None),
        redaction(Some("message"), Some("$.text")),
    ];
    let observed = observed(passes(), Outcome::Ok(r#"{"id": 5, "kept": [{"id": 6}]}"#.into()));
    let both = [Layer::Output, Layer::Events]
        .map(|layer| super::layer(layer, &observed, &redactions, &Vocabulary::default()));
    insta::assert_snapshot!(both.join("\n----------\n"), @r#"
    message
      {"id":"[id]"}

    answer (JSON)
      {
        "id": "[id]",
        "kept": [
          {
            "id": "[id]"
          }
        ]
      }
    ----------
    i1 context-created c1 origin="new"
    i1 pass p1 context=c1 tokens=[5,6,7] allowed=18 sampler="argmax" rows=[2]
    i1 pass-done p1 tokens=[9] logprobs=2 entropy
    i1 message text="[id]"
    i1 finished outcome=ok passes=1 input_tokens=3 sampled_tokens=1
    "#);
}

#[test]
fn a_line_is_read_as_it_was_written() {
    let text = r#"i1 pass p3 context=c1 tokens=[1,2] text=" a \"b\" =c" sampler="top-p 0.6 0.95" rows=[0]"#;
    let line = Line::read(text);
    assert_eq!((line.who, line.what, line.about), (Some("i1"), "pass", Some("p3")));
    assert_eq!(line.tokens("tokens"), Some(vec![1, 2]));
    assert_eq!(line.value("text"), Some(serde_json::json!(" a \"b\" =c")));
    assert_eq!(line.fields.len(), 5);
}

proptest::proptest! {
    #[test]
    fn no_line_makes_the_reader_panic(text in "\\PC*") {
        Line::read(&text);
    }
}
