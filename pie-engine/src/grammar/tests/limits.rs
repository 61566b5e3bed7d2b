use super::*;
use std::fmt::Write;
use std::sync::mpsc;
use std::time::Duration;

fn error(source: Source) -> GrammarError {
    Grammar::new(source).expect_err("the grammar is refused")
}

#[test]
fn an_empty_source_is_named() {
    for (source, name) in [
        (Source::JsonSchema(" \n".to_owned()), "JSON schema"),
        (Source::Ebnf(String::new()), "Lark grammar"),
        (Source::Ebnf("\n# nothing\n// at all".to_owned()), "Lark grammar"),
    ] {
        assert_eq!(error(source).to_string(), format!("the {name} is empty"));
    }
    assert!(accepts_text(&mut matcher(Source::Regex(String::new())), ""));
}

#[test]
fn a_source_over_the_limit_is_refused_before_it_is_read() {
    let long = "x".repeat(MAX_SOURCE_BYTES + 1);
    for source in [Source::JsonSchema(long.clone()), Source::Regex(long.clone()), Source::Ebnf(long)] {
        assert!(
            matches!(error(source), GrammarError::TooLong { bytes, .. } if bytes == MAX_SOURCE_BYTES + 1)
        );
    }
}

#[test]
fn left_recursion_and_ambiguity_are_no_obstacle() {
    for text in ["e ::= e \"+\" e | \"1\"", "start: start start | \"1\" | \"+\"", "start: (\"1\"* \"+\"*)*"] {
        let mut matcher = ebnf(text);
        assert!(accepts_text(&mut matcher, "1+1+1+1+1"), "{text}");
    }
}

#[test]
fn a_grammar_that_is_too_ambiguous_fails_and_can_be_rolled_back() {
    // Each text of n letters has more than 2^n derivations of each of many rules.
    let mut text = String::from("start: a0\n");
    for rule in 0..60 {
        let next = (rule + 1) % 60;
        writeln!(text, "a{rule}: a{rule} a{next} a{rule} | a{next} a{next} | \"a\" | \"a\" a{rule}").unwrap();
    }
    let mut matcher = ebnf(&text);
    let mut steps = 0;
    let failed = loop {
        if let Err(error) = matcher.mask().map(drop).and_then(|()| matcher.accept(&[u32::from(b'a')])) {
            break error;
        }
        steps += 1;
        assert!(steps < 2000, "it never gets too complex");
    };
    assert!(matches!(failed, MatcherError::TooComplex(_)), "{failed}");
    matcher.roll_back(steps).unwrap();
    matcher.accept(&[u32::from(b'a')]).unwrap();
}

#[test]
fn a_lexer_that_gets_too_complex_harms_nobody_else() {
    // Each state remembers which of the last characters were which.
    let text = "start: A\nA: /(?s:.)*a(?s:.){100}/ & /(?s:.)*b(?s:.){90}/";
    let grammar = Arc::new(Grammar::new(Source::Ebnf(text.to_owned())).unwrap());
    let prototype = Prototype::new(Arc::clone(&grammar), Arc::clone(&VOCABULARY)).unwrap();
    let (mut matcher, mut other) = (Matcher::new(&prototype), Matcher::new(&prototype));
    let letter = |step: usize| [u32::from(b"aab"[step % 3])];
    let (failed, steps) = (0..100)
        .find_map(|step| {
            matcher.mask().map(drop).and_then(|()| matcher.accept(&letter(step))).err().zip(Some(step))
        })
        .unwrap();
    assert!(matches!(failed, MatcherError::TooComplex(_)) && prototype.is_broken(), "{failed}");
    other.accept(&letter(0)).unwrap();
    other.mask().unwrap();
    matcher.roll_back(steps).unwrap();
    matcher.accept(&letter(0)).unwrap();
    assert_eq!(state(&mut matcher), state(&mut other));
}

#[test]
fn a_grammar_without_a_text_is_refused() {
    for (source, expected) in [
        ("start: start \"a\"", "no token of this vocabulary can begin a text"),
        ("s ::= \"a\" s2\ns2 ::= s2", ""),
    ] {
        let result = Grammar::new(Source::Ebnf(source.to_owned()))
            .and_then(|grammar| Prototype::new(Arc::new(grammar), Arc::clone(&VOCABULARY)).map(drop));
        match result {
            Err(error) => assert!(error.to_string().contains(expected), "{error}"),
            // A dead end further on shows when it is reached.
            Ok(()) => {
                let mut matcher = ebnf(source);
                matcher.accept(&[u32::from(b'a')]).unwrap();
                assert!(matches!(matcher.mask(), Err(MatcherError::NothingAllowed(_))));
            }
        }
    }
    let never = error(Source::JsonSchema(r#"{"type":"string","const":1}"#.to_owned()));
    assert!(matches!(never, GrammarError::Unsatisfiable { .. }), "{never}");
    assert!(matches!(error(Source::JsonSchema("false".to_owned())), GrammarError::Unsatisfiable { .. }));
}

#[test]
fn long_chains_of_rules_neither_overflow_nor_hang() {
    let chain = |rule: fn(usize) -> String, last: &str| {
        let mut text = String::from("start: a0\n");
        let mut number = 0;
        while text.len() + 40 < MAX_SOURCE_BYTES {
            text += &rule(number);
            number += 1;
        }
        text + &format!("a{number}: {last}\nA{number}: {last}\n")
    };
    let rules = chain(|n| format!("a{n}: a{}\n", n + 1), "\"x\"");
    let nested = chain(|n| format!("a{n}: \"x\" a{} \"y\"\n", n + 1), "\"x\"");
    let terminals =
        chain(|n| format!("A{n}: \"x\" A{}?\n", n + 1), "\"x\"").replace("start: a0", "start: A0");
    for text in [rules, nested, terminals] {
        // On a stack as small as those of fibers: only compiling may recurse.
        let small = std::thread::Builder::new().stack_size(256 << 10);
        let walk = small.spawn(move || match Grammar::new(Source::Ebnf(text)) {
            Ok(grammar) => match Prototype::new(Arc::new(grammar), Arc::clone(&VOCABULARY)) {
                Ok(prototype) => {
                    let mut matcher = Matcher::new(&prototype);
                    for _ in 0..100 {
                        if matcher.mask().is_err() || matcher.accept(&[u32::from(b'x')]).is_err() {
                            break;
                        }
                    }
                }
                Err(error) => assert!(matches!(error, GrammarError::TooComplex { .. }), "{error}"),
            },
            Err(error) => assert!(matches!(error, GrammarError::TooComplex { .. }), "{error}"),
        });
        walk.unwrap().join().unwrap();
    }
}

#[test]
fn long_chains_of_references_neither_overflow_nor_hang() {
    let mut text = String::from(r##"{"$ref":"#/$defs/a0","$defs":{"##);
    let mut number = 0;
    while text.len() + 200 < MAX_SOURCE_BYTES {
        write!(text, r##""a{number}":{{"items":{{"$ref":"#/$defs/a{}"}}}},"##, number + 1).unwrap();
        number += 1;
    }
    write!(text, r#""a{number}":true}}}}"#).unwrap();
    let small = std::thread::Builder::new().stack_size(256 << 10);
    small.spawn(move || drop(Grammar::new(Source::JsonSchema(text)))).unwrap().join().unwrap();
}

#[test]
fn nesting_has_a_limit_that_errors_name() {
    let deep = |levels: usize| format!("s ::= {}\"a\" s{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Grammar::new(Source::Ebnf(deep(MAX_NESTING))).is_ok());
    let place = Place::new(1, 7 + MAX_NESTING as u32);
    let notation = Notation::Ebnf;
    assert_eq!(error(Source::Ebnf(deep(MAX_NESTING + 1))), GrammarError::TooDeep { notation, place });
    let stars = format!("s ::= \"a\"{}", "*".repeat(100));
    assert!(matches!(error(Source::Ebnf(stars)), GrammarError::TooDeep { .. }));
    let arrays = format!("{}true{}", r#"{"items":"#.repeat(200), "}".repeat(200));
    let message = error(Source::JsonSchema(arrays)).to_string();
    assert_eq!(message, "the schema is nested deeper than 127 levels");
}

#[test]
fn expressions_that_nobody_could_write_out_are_cheap() {
    for pattern in ["((a{1000}){1000}){1000}", "[ab]*a[ab]{1000}", "(a?){1000}a{1000}"] {
        let mut matcher = matcher(Source::Regex(pattern.to_owned()));
        for _ in 0..50 {
            matcher.accept(&[u32::from(b'a')]).unwrap();
        }
        assert!(matcher.mask().unwrap().allows(u32::from(b'a')), "{pattern}");
    }
}

/// The most expensive sources of so many bytes that anybody has found, by name.
fn expensive(bytes: usize) -> Vec<(&'static str, Source)> {
    let fill = |part: &dyn Fn(usize) -> String, room: usize| {
        let mut text = String::new();
        for number in 0.. {
            let part = part(number);
            if text.len() + part.len() > room {
                return text;
            }
            text += &part;
        }
        text
    };
    let room = bytes - 200;
    let words = fill(&|number| format!("{number:x}word{number}|"), room);
    let stars = fill(&|number| format!("(?:.*{number:x})?"), room);
    let counts = fill(&|number| format!("(?:a|b{number:x}){{1,1000}}"), room);
    let both = fill(&|number| format!(" & /(?s:.)*{number:x}(?s:.){{100}}/"), room);
    let values = fill(&|number| format!("\"v{number:x}\","), room);
    let keys = fill(&|number| format!("\"k{number:x}\":{{\"pattern\":\"^.*{number:x}.*$\"}},"), room);
    let names = fill(&|number| format!("\"^{number:x}.*x$\":true,"), room);
    let all = fill(&|number| format!("{{\"pattern\":\"{number:x}.*x\"}},"), room);
    let any =
        fill(&|number| format!("{{\"properties\":{{\"p{number:x}\":{{\"maxLength\":99999}}}}}},"), room);
    let rules = fill(&|number| format!("a{number}: a{}+ | \"{number:x}\"?\n", number + 1), room / 2);
    let last = rules.lines().count();
    vec![
        ("words", Source::Regex(format!("{words}end"))),
        ("stars", Source::Regex(stars)),
        ("counts", Source::Regex(counts)),
        ("conjunction", Source::Ebnf(format!("start: A\nA: /.*/{both}\n"))),
        ("values", Source::JsonSchema(format!("{{\"enum\":[{values}\"\"]}}"))),
        ("keys", Source::JsonSchema(format!("{{\"properties\":{{{keys}\"k\":true}}}}"))),
        ("all", Source::JsonSchema(format!("{{\"type\":\"string\",\"allOf\":[{all}true]}}"))),
        ("any", Source::JsonSchema(format!("{{\"anyOf\":[{any}{{\"type\":\"null\"}}]}}"))),
        ("names", Source::JsonSchema(format!("{{\"patternProperties\":{{{names}\"^y$\":true}}}}"))),
        ("rules", Source::Ebnf(format!("start: a0\n{rules}a{last}: \"z\"\n"))),
    ]
}

#[test]
fn the_limits_bound_the_time_that_compiling_takes() {
    for (name, source) in [1 << 10, 1 << 13, MAX_SOURCE_BYTES].into_iter().flat_map(expensive) {
        let (bytes, (done, ended)) = (source.bytes(), mpsc::channel());
        std::thread::spawn(move || {
            let made = Grammar::new(source)
                .and_then(|grammar| Prototype::new(Arc::new(grammar), Arc::clone(&VOCABULARY)));
            let masked = made.map(|prototype| Matcher::new(&prototype).mask().map(drop));
            let _ = done.send(masked.is_ok_and(|mask| mask.is_ok()));
        });
        // Ten times what the slowest takes without optimization and beside other work.
        let ended = ended.recv_timeout(Duration::from_secs(30));
        assert!(ended.is_ok(), "{name} with {bytes} bytes takes longer than 30 seconds");
    }
}

#[test]
fn what_would_keep_the_compiler_busy_is_named_with_its_limit() {
    let told = |source| error(source).to_string();
    let stars = "(?:a*)?".repeat(501);
    assert_eq!(
        told(Source::Regex(stars.clone())),
        "the regular expression is too complex: it repeats 1002 parts, the limit is 1000"
    );
    // What is in a class or escaped repeats nothing.
    let plain = Source::Regex(r"[*+?]\*\?(?:\{)".repeat(300));
    assert!(Grammar::new(plain).is_ok());
    for (notation, text) in [
        ("Lark grammar", format!("start: A // ****\nA: /{stars}/ \"***\"\n")),
        ("EBNF grammar", format!("s ::= {} '***' [*+]", "'a'* ".repeat(1002))),
    ] {
        let expected = format!("the {notation} is too complex: it repeats 1002 parts, the limit is 1000");
        assert_eq!(told(Source::Ebnf(text)), expected);
    }
    let both = format!("start: A\nA: /.*/{}\n", " & /.*a.*/".repeat(17));
    assert!(told(Source::Ebnf(both)).ends_with("it has 17 times `&` or `~`, the limit is 16"));
    let schema = |text: &str| Source::JsonSchema(text.to_owned());
    let part = r##"{"properties":{"a":{"$ref":"#/$defs/x"}}},"##.repeat(17);
    let led = format!(
        r#"{{"$defs":{{"x":{{"pattern":"x"}}}},"allOf":[{part}{{"properties":{{"b":{{"pattern":"y"}}}}}}]}}"#
    );
    assert_eq!(
        told(schema(&led)),
        "the JSON schema is too complex: the same text of `a` has to match 17 expressions by `allOf`, the limit is 16"
    );
    let doubled = |n: usize| {
        format!(r##""d{n}":{{"allOf":[{{"$ref":"#/$defs/d{0}"}},{{"$ref":"#/$defs/d{0}"}}]}},"##, n + 1)
    };
    let doubled: String = (0..40).map(doubled).collect();
    let told = told(schema(&format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{doubled}"d40":true}}}}"##)));
    assert!(told.contains("leads to more than 20000 schemas"), "{told}");
}
