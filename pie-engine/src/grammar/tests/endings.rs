//! Ways to the end of a text.

use super::*;

/// The text that a matcher is led to from behind another, and the end.
fn rest_of(source: Source, begun: &str) -> String {
    let mut matcher = matcher(source);
    matcher.accept(&cut(begun, |_| 0)).unwrap();
    let rest = matcher.rest().unwrap_or_else(|| panic!("there is no way on from {begun:?}"));
    matcher.accept(&rest).unwrap();
    assert!(matcher.can_end().unwrap(), "{begun:?} does not end with {rest:?}");
    String::from_utf8(VOCABULARY.trie().decode_raw(&rest)).unwrap()
}

fn schema(text: &str) -> Source {
    Source::JsonSchema(text.to_owned())
}

#[test]
fn the_shortest_way_closes_what_is_open() {
    let tree = r##"{"$defs":{"t":{"type":"object","properties":{"v":{"type":"integer"},"c":{"type":"array","items":{"$ref":"#/$defs/t"}}},"required":["v","c"],"additionalProperties":false}},"$ref":"#/$defs/t"}"##;
    let cases = [
        (Source::Regex("[^x]*x".to_owned()), "abc", "x"),
        (Source::Regex(r"(\w+ )*end".to_owned()), "some wor", " end"),
        (Source::Regex(r"(\w+ )*end".to_owned()), "en", "d"),
        (Source::Regex("(?s:.)*</html>".to_owned()), "<p></ht", "ml>"),
        (Source::Regex("é{3}".to_owned()), "é", "éé"),
        (Source::Ebnf("start: /[^<]*/ \"</end>\"".to_owned()), "free text", "</end>"),
        (Source::Ebnf("start: \"(\" start \")\" | \"x\"".to_owned()), "(((((", "x)))))"),
        (
            Source::Ebnf("start: list \"END\" /[0-9]{5}/\nlist: list \",\" /[a-z]/ | /[a-z]/".to_owned()),
            "a,b,",
            "END",
        ),
        (Source::Ebnf("e ::= e \"+\" e | [0-9]+ | \"(\" e \")\"".to_owned()), "((1+(2", ")))"),
        (Source::Json, "[[{\"a\":[[", "]]}]]"),
        (Source::Json, "{\"a\": \"te\\", "\"}"),
        (Source::Json, "[1, -", "]"),
        (schema(tree), "{\"v\":1,\"c\":[{\"v\":2,\"c\":[", "]}]}"),
        (schema(r#"{"type":"array","items":{"type":"string","minLength":3},"minItems":3}"#), "[\"ab", ""),
        (schema(r#"{"type":"string","format":"email"}"#), "\"someone", "\""),
    ];
    for (source, begun, expected) in cases {
        let shown = format!("{source:?} from {begun:?}");
        let rest = rest_of(source, begun);
        // Letters that are made up may be any.
        assert!(rest.ends_with(expected) || rest.contains(expected), "{shown}: {rest:?}");
        assert!(rest.len() <= expected.len() + 24, "{shown}: {rest:?}");
    }
}

/// The shortest rest in tokens, found by trying all of them, up to so many.
fn least_by_search(matcher: &Matcher, limit: usize) -> Option<usize> {
    let mut level = vec![matcher.fork()];
    for length in 0..=limit {
        if level.iter_mut().any(|matcher| matcher.can_end().unwrap()) {
            return Some(length);
        }
        let mut next = Vec::new();
        for matcher in &mut level {
            let Ok(mask) = matcher.mask() else { continue };
            for token in mask.into_bitset().ones().take(24) {
                let mut fork = matcher.fork();
                fork.accept(&[token as u32]).unwrap();
                next.push(fork);
            }
        }
        next.truncate(600);
        level = next;
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn from_wherever_a_walk_comes_there_is_a_way_out(source in sources(), choices in prop::collection::vec(any::<u32>(), 0..40)) {
        let mut matcher = matcher(source);
        walk(&mut matcher, &choices);
        prop_assume!(!matcher.ended);
        let rest = matcher.rest();
        prop_assert!(rest.is_some(), "{:?}", matcher.tokens());
        let rest = rest.unwrap_or_default();
        let short = least_by_search(&matcher, 2);
        prop_assert!(short.is_none_or(|short| rest.len() <= short + 4), "{:?} where {:?} are enough", rest, short);
        matcher.accept(&rest).unwrap();
        prop_assert!(matcher.can_end().unwrap());
    }

    #[test]
    fn the_way_out_follows_from_the_tokens_however_they_came(source in sources(), choices in prop::collection::vec(any::<u32>(), 0..30), more in prop::collection::vec(any::<u32>(), 0..9)) {
        let mut matcher = matcher(source).leading(16);
        let tokens = walk(&mut matcher, &choices);
        let way = matcher.way_out();
        let mut at_once = Matcher::new(matcher.prototype()).leading(16);
        at_once.accept(&tokens).unwrap();
        prop_assert_eq!(at_once.way_out(), way.clone());
        prop_assert_eq!(matcher.fork().way_out(), way.clone());
        let further = walk(&mut matcher, &more).len();
        matcher.roll_back(further).unwrap();
        // The way may be another as short as the first, if it had to be found again.
        prop_assert_eq!(matcher.way_out().map(|way| way.tokens.len()), way.map(|way| way.tokens.len()));
    }
}

#[test]
fn a_text_that_follows_its_way_out_ends_within_the_limit() {
    for source in [
        Source::Regex("[^x]*x".to_owned()),
        Source::Json,
        schema(r#"{"type":"array","items":{"type":"integer"},"minItems":20}"#),
    ] {
        let mut matcher = matcher(source.clone()).leading(64);
        let mut state = 1_u32;
        while !matcher.ended {
            let mask = matcher.mask().unwrap();
            let next = matcher.way_out().map(|way| way.at(0).to_vec()).unwrap_or_default();
            let possible: Vec<u32> = mask.into_bitset().ones().map(|token| token as u32).collect();
            // The end comes only where nothing else can, or where the way out leads to it.
            let (text, end): (Vec<u32>, Vec<u32>) = possible.into_iter().partition(|token| *token != END);
            let others = if text.is_empty() { end } else { text };
            state = state.wrapping_mul(747_796_405).wrapping_add(12_345);
            let token = next.first().copied().unwrap_or_else(|| others[state as usize % others.len()]);
            matcher.accept(&[token]).unwrap();
            assert!(matcher.tokens().len() <= 64, "{source:?} goes on and on");
        }
    }
}

#[test]
fn special_tokens_are_a_way_out_too() {
    let mut matcher = ebnf("start: \"a\" /[a-z]*/ <|tool|> \"b\"");
    matcher.accept(&cut("aqrs", |_| 0)).unwrap();
    let rest = matcher.rest().unwrap();
    assert_eq!(rest, [TOOL, u32::from(b'b')]);
}

/// The rest that two texts have in common, and whether both end behind it.
fn rest_together(sources: [Source; 2], begun: &str) -> Option<String> {
    let mut matchers = sources.map(matcher);
    matchers.iter_mut().for_each(|matcher| matcher.accept(&cut(begun, |_| 0)).unwrap());
    let way = way_out_together(&matchers.each_ref())?;
    for matcher in &mut matchers {
        matcher.accept(&way.tokens).unwrap();
        assert!(matcher.can_end().unwrap(), "{way:?}");
    }
    assert_eq!(way.ends, [END]);
    Some(String::from_utf8(VOCABULARY.trie().decode_raw(&way.tokens)).unwrap())
}

#[test]
fn several_grammars_have_a_way_out_together() {
    let regex = |text: &str| Source::Regex(text.to_owned());
    let named = schema(
        r#"{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],"additionalProperties":false}"#,
    );
    let word = regex(r#"\{"name": ?"[a-z]{3,9}"\}"#);
    let cases = [
        // Each of them alone leads away from the end of the other.
        (regex("[ab]*a"), regex("[ab]*bba"), "ab", 2, "ba"),
        (regex("(aa)*"), regex("(aaa)*"), "a", 5, "a"),
        (named, word, "{\"name\":\"a", 5, "\"}"),
        (regex("(cat|dog|zebra)!"), regex(".*zebra!?"), "", 6, "zebra!"),
    ];
    for (first, second, begun, most, end) in cases {
        let shown = format!("{first:?} and {second:?}");
        for sources in [[first.clone(), second.clone()], [second, first]] {
            let rest = rest_together(sources, begun).unwrap_or_else(|| panic!("{shown}: no way"));
            assert!(rest.ends_with(end) && rest.len() <= most, "{shown}: {rest:?}");
        }
    }
}

#[test]
fn where_several_grammars_have_no_end_in_common_no_way_is_found() {
    let sources = ["[ab]*aab", "[ab]*bba"].map(|text| Source::Regex(text.to_owned()));
    assert_eq!(rest_together(sources, "abab"), None);
}
