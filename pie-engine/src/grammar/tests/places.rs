//! How much of a grammar texts have come by.

use super::*;
use std::collections::BTreeSet;

/// The places that texts have come by, each of which is a whole one, and how many there are.
fn places(source: &Source, texts: &[&str]) -> (BTreeSet<usize>, usize) {
    let mut matcher = matcher(source.clone());
    let mut all = (BTreeSet::new(), 0);
    for text in texts {
        assert!(accepts_text(&mut matcher, text), "{text}");
        let (places, of) =
            matcher.prototype().places(matcher.tokens()).expect("the grammar can be looked through");
        assert!(places.iter().all(|place| *place < of));
        all.0.extend(places);
        all.1 = of;
    }
    all
}

#[test]
fn each_case_of_a_rule_has_places_of_its_own_and_texts_of_all_cases_come_by_all() {
    let grammars = [
        (Source::Ebnf("start: \"a\" x | \"b\" y\nx: \"1\"\ny: \"2\" \"3\"".to_owned()), ["a1", "b23"]),
        (Source::Ebnf("start: \"(\" start \")\" | \"x\"".to_owned()), ["x", "(x)"]),
        (
            Source::JsonSchema(r#"{"type":"object","properties":{"a":{"anyOf":[{"type":"null"},{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":2}]}},"required":["a"],"additionalProperties":false}"#.to_owned()),
            [r#"{"a":null}"#, r#"{"a":[true,false]}"#],
        ),
    ];
    for (source, [one, other]) in &grammars {
        let (first, of) = places(source, &[one]);
        let (second, _) = places(source, &[other]);
        assert_ne!(first, second, "{source:?}");
        let (both, _) = places(source, &[one, other]);
        assert!(first.len() < of && both.len() > first.len(), "{source:?}: {first:?} of {of}");
        assert_eq!(both.len(), of, "{source:?}: {both:?}");
    }
}

#[test]
fn a_property_that_is_left_out_leaves_places_unvisited() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"boolean"},"b":{"type":"boolean"}},"required":["a"],"additionalProperties":false}"#;
    let source = Source::JsonSchema(schema.to_owned());
    let (without, of) = places(&source, &[r#"{"a":true}"#]);
    let (with, _) = places(&source, &[r#"{"a":true,"b":false}"#]);
    assert!(without.len() < with.len() && with.len() <= of, "{without:?} {with:?} {of}");
}

#[test]
fn the_beginning_of_a_text_has_come_by_no_more_than_the_text() {
    let source = Source::Ebnf("start: \"a\" \"b\" \"c\" \"d\"".to_owned());
    let matcher = matcher(source);
    let count =
        |text: &str| matcher.prototype().places(&cut(text, |_| 0)).map(|(places, of)| (places.len(), of));
    let counts = ["", "a", "ab", "abc", "abcd"].map(count);
    let of = counts[0].expect("it can be looked through").1;
    let visited: Vec<usize> = counts.iter().map(|count| count.expect("it can be looked through").0).collect();
    assert!(visited.is_sorted() && visited[0] == 0 && visited[4] == of, "{visited:?} of {of}");
    // A text that does not go like this has come by nothing that is known.
    assert_eq!(count("ax"), None);
}
