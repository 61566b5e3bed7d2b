//! `wasi:http` as `tests/guests/http-probe` uses it, which is as no library would.

use std::sync::{Arc, OnceLock};

use bakery::outside::Background;
use bakery::outside::http::Http;
use pie_engine::outside::Asked;
use pie_engine::outside::hosts::Hosts;
use pie_engine::outside::outbox::Reply;
use pie_engine::trace::{Collected, Limit, Outcome};
use pie_engine::{Engine, EngineConfig, Inferlet, Launch, Limits, Outside};

use crate::support::rust::guest;
use crate::support::server::Server;

/// HTTP and nothing else.
struct Web(Http);

impl Outside for Web {
    fn ask(&self, asked: Asked, reply: Reply) {
        self.0.ask(asked, reply);
    }
}

fn engine() -> &'static (Engine, Inferlet) {
    static ENGINE: OnceLock<(Engine, Inferlet)> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let engine = Engine::new(EngineConfig::dummy()).unwrap();
        let inferlet = engine.compile(&guest("http-probe")).unwrap();
        (engine, inferlet)
    })
}

fn probe(what: &str, server: &Server, limits: Limits) -> Outcome {
    let (engine, inferlet) = engine();
    let hosts = [server.authority(), "127.0.0.1:1".to_owned(), "a.com".to_owned(), "127.0.0.1".to_owned()];
    let hosts = Hosts::new(hosts.iter().map(|host| host.parse().unwrap()).collect());
    let launch = Launch::new(format!("{what:?}"))
        .limits(limits)
        .hosts(hosts)
        .outside(Arc::new(Web(Http::new(Background::default()))))
        .environment(vec![("SERVER".to_owned(), server.authority())]);
    let finished = engine.run(inferlet, launch, Box::new(Collected::default()));
    assert_eq!(finished.findings, [""; 0]);
    finished.outcome
}

#[track_caller]
fn sees(what: &str, expected: &[&str]) {
    let outcome = probe(what, &Server::start(), Limits::default());
    let Outcome::Ok(text) = outcome else { panic!("{outcome:?}") };
    let seen: Vec<String> = serde_json::from_str(text.as_str()).unwrap();
    assert_eq!(seen, expected);
}

#[test]
fn fields_keep_to_the_rules_of_wasi() {
    sees(
        "fields",
        &[
            "Ok(())",
            "Ok(())",
            "[[114, 121, 101], [119, 104, 101, 97, 116]]",
            "true false",
            "Err(HeaderError::Forbidden)",
            "Err(HeaderError::Forbidden)",
            "Err(HeaderError::InvalidSyntax)",
            "Err(HeaderError::InvalidSyntax)",
            "Ok(())",
            "Err(HeaderError::Forbidden)",
            "[(\"x-bread\", [99, 111, 114, 110])]",
            "Ok(())",
            "0 1",
            "Err(HeaderError::Immutable)",
            "Ok(())",
            "Some(HeaderError::Forbidden)",
        ],
    );
}

#[test]
fn a_request_that_cannot_be_is_refused_with_its_code() {
    sees(
        "requests",
        &[
            "Err(())",
            "Err(())",
            "Err(())",
            "Err(())",
            "Some(ErrorCode::HttpRequestUriInvalid)",
            "Some(ErrorCode::HttpRequestUriInvalid)",
            "Some(ErrorCode::HttpRequestUriInvalid)",
            "Some(ErrorCode::HttpRequestDenied)",
            "Some(ErrorCode::HttpRequestMethodInvalid)",
            "Some(ErrorCode::HttpProtocolError)",
            "Some(ErrorCode::HttpRequestUriTooLong)",
            "Some(ErrorCode::HttpRequestHeaderSectionSize(Some(201300)))",
            "Some(5) None",
        ],
    );
}

#[test]
fn a_body_counts_only_if_it_was_finished_as_announced() {
    sees(
        "bodies",
        &[
            "true",
            "true",
            "Ok(())",
            "200 \"POST /echo HTTP/1.1|bread\" true true true true Err(HeaderError::Immutable)",
            "Err(ErrorCode::HttpRequestBodySize(Some(0)))",
            "ErrorCode::HttpRequestBodySize(Some(0))",
            "ErrorCode::HttpProtocolError",
            "Err(ErrorCode::InternalError(Some(\"trailers cannot be sent\")))",
            "ErrorCode::InternalError(Some(\"trailers cannot be sent\"))",
        ],
    );
}

#[test]
fn a_body_may_be_finished_before_its_request_is_handed_over() {
    let answer = "200 \"POST /echo HTTP/1.1|early\" true true true true Err(HeaderError::Immutable)";
    sees("late body", &[answer]);
}

#[test]
fn responses_that_nobody_waits_for_are_in_nobodys_way() {
    let answer = "200 \"POST /echo HTTP/1.1|\" true true true true Err(HeaderError::Immutable)";
    sees("abandoned", &[answer]);
}

#[test]
fn who_waits_for_a_response_before_the_body_is_finished_is_stuck() {
    let outcome = probe("waiting before the body", &Server::start(), Limits::default());
    assert!(matches!(outcome, Outcome::Stuck(_)), "{outcome:?}");
}

#[test]
fn a_body_over_the_limit_ends_the_instance_with_the_numbers() {
    let limits = Limits { body_bytes: 1 << 20, ..Limits::default() };
    let outcome = probe("long body", &Server::start(), limits);
    let message = "over the `body` limit: 1052672 bytes wanted, 1048576 allowed".to_owned();
    assert_eq!(outcome, Outcome::Limit { limit: Limit::Body, message });
}

#[test]
fn headers_without_end_go_over_the_memory_limit() {
    let limits = Limits { memory_bytes: 4 << 20, ..Limits::default() };
    let outcome = probe("many fields", &Server::start(), limits);
    assert!(matches!(outcome, Outcome::Limit { limit: Limit::Memory, .. }), "{outcome:?}");
}
