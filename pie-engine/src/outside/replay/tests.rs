use super::*;
use crate::control::Bell;
use crate::outside::outbox::{Delivery, Order, Outbox};
use crate::outside::{ANSWER_NANOSECONDS, HttpRequest, HttpResponse, Permit};
use crate::trace::{Outcome, Usage, Whole};
use std::sync::Arc;

const FIRST: InstanceId = InstanceId(1);

fn header() -> Header {
    let text = r#"{"format":1,"model":"m","model_digest":"","tokenizer_digest":"","wit_digest":"","kernel":"","seed":0,"engine":""}"#;
    serde_json::from_str(text).unwrap()
}

fn get(url: &str) -> Question {
    let headers =
        vec![("accept".to_owned(), Whole::from("text/plain")), ("x-api-key".to_owned(), "xyz".into())];
    let (method, url) = ("GET".to_owned(), url.to_owned());
    Question::HttpRequest(HttpRequest { method, url, headers, body: Whole::default(), timeout_ms: None })
}

fn ok(body: &str) -> Answer {
    Answer::HttpResponse(HttpResponse { status: 200, headers: Vec::new(), body: body.into() })
}

fn launched() -> Event {
    Event::Launched { instance: FIRST, program: "p".to_owned(), input: "null".into(), parent: None }
}

fn finished() -> Event {
    Event::Finished { instance: FIRST, outcome: Outcome::Ok("1".into()), usage: Usage::default() }
}

fn asked(id: u64, question: &Question) -> Event {
    Event::Asked { instance: FIRST, id: QuestionId(id), question: question.shown() }
}

fn answered(id: u64, answer: Answer) -> Event {
    Event::Answered { instance: FIRST, id: QuestionId(id), answer }
}

fn recording(events: Vec<Event>) -> Result<Recording, RecordingError> {
    let records =
        events.into_iter().enumerate().map(|(seq, event)| Ok(Record { seq: seq as u64, at: 0, event }));
    Recording::new(header(), records)
}

/// What a replay answers to questions one after another.
fn answers(replay: &Replay, questions: &[Question]) -> Vec<Answer> {
    let outbox = Outbox::new(Bell::default());
    let ask = |question: &Question| {
        let (id, permit) = (outbox.number(), Permit::default());
        let ticket = outbox.ask(replay, Asked { instance: FIRST, id, question: question.clone(), permit }, 0);
        assert_eq!(outbox.deliver(ANSWER_NANOSECONDS, Order::OfQuestions), Delivery::Delivered);
        ticket.answer().get().unwrap().clone()
    };
    questions.iter().map(ask).collect()
}

#[test]
fn questions_get_their_recorded_answers_in_order_also_if_they_were_answered_in_another() {
    let (bread, cake) = (get("http://a/bread"), get("http://a/cake"));
    let events = vec![
        launched(),
        asked(1, &bread),
        asked(2, &cake),
        asked(3, &bread),
        answered(3, ok("third")),
        answered(1, ok("first")),
        finished(),
    ];
    let replay = Replay::new(recording(events).unwrap(), |difference| panic!("{difference}"));
    assert_eq!(replay.left(), 3);
    let given = answers(&replay, &[bread.clone(), cake, bread]);
    assert_eq!((&given[0], &given[2]), (&ok("first"), &ok("third")));
    assert!(
        matches!(&given[1], Answer::Failed { message } if message.contains("nobody took it")),
        "{given:?}"
    );
    assert_eq!((replay.left(), replay.difference()), (0, None));
}

#[test]
fn another_question_gets_no_answer_and_is_told_with_the_nearest_and_the_first_difference() {
    let events = vec![
        launched(),
        asked(1, &Question::McpServers),
        asked(2, &get("http://a/bread")),
        answered(2, ok("bread")),
        finished(),
    ];
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    let replay = Replay::new(recording(events).unwrap(), move |difference| {
        teller.lock().unwrap().push(difference.to_string())
    });
    let given = answers(&replay, &[get("http://a/cake"), Question::McpServers]);
    assert!(given.iter().all(|answer| matches!(answer, Answer::Failed { .. })), "{given:?}");
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "the first counts");
    assert!(
        told[0]
            .ends_with(r#"; the nearest is q2, in which `url` is "http://a/bread" and not "http://a/cake""#),
        "{}",
        told[0]
    );
    assert!(!told[0].contains("xyz"), "secrets stay hidden: {}", told[0]);
    let first = replay.difference().unwrap().first().unwrap();
    assert_eq!(first.0, "url");
}

#[test]
fn a_question_too_many_is_a_difference() {
    let bread = get("http://a/bread");
    let events = vec![launched(), asked(1, &bread), answered(1, ok("bread")), finished()];
    let replay = Replay::new(recording(events).unwrap(), |_| {});
    answers(&replay, &[bread.clone(), bread]);
    let difference = replay.difference().unwrap();
    assert!(
        difference.to_string().ends_with("q1 was the same, and it has been asked already"),
        "{difference}"
    );
}

#[test]
fn a_header_that_differs_is_named() {
    let mut other = get("http://a/bread");
    let Question::HttpRequest(request) = &mut other else { unreachable!() };
    request.headers[0].1 = "text/html".into();
    let events = vec![launched(), asked(1, &get("http://a/bread")), finished()];
    let replay = Replay::new(recording(events).unwrap(), |_| {});
    answers(&replay, &[other]);
    let (name, recorded, now) = replay.difference().unwrap().first().unwrap();
    assert_eq!((&*name, &*recorded, &*now), ("header 1 (accept)", "\"text/plain\"", "\"text/html\""));
}

#[test]
fn secrets_do_not_count() {
    let mut other = get("http://a/bread");
    let Question::HttpRequest(request) = &mut other else { unreachable!() };
    request.headers[1].1 = "another key".into();
    let events = vec![launched(), asked(1, &get("http://a/bread")), answered(1, ok("bread")), finished()];
    let replay = Replay::new(recording(events).unwrap(), |_| {});
    assert_eq!(answers(&replay, &[other]), [ok("bread")]);
}

#[test]
fn what_cannot_be_replayed_is_told() {
    let bread = get("http://a/bread");
    assert_eq!(recording(vec![]), Err(RecordingError::Empty));
    assert_eq!(recording(vec![launched(), asked(1, &bread)]), Err(RecordingError::Cut));
    let unasked = RecordingError::Unasked { seq: 1, id: QuestionId(1) };
    assert_eq!(recording(vec![launched(), answered(1, ok("")), finished()]), Err(unasked));
    let twice = vec![launched(), finished(), launched(), finished()];
    assert_eq!(recording(twice), Err(RecordingError::SeveralLaunches));
}
