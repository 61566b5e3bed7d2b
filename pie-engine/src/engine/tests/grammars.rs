//! Replies of the dummy that are held to a grammar come to their end: the loop of an inferlet, over the core.

use super::*;
use crate::grammar::{Matcher, Source as Text};

/// What an inferlet would give as the limit.
const MAX_TOKENS: usize = 256;
/// Greedy, and from the whole distribution.
const SAMPLERS: [Sampler; 2] = [GREEDY, Sampler::Multinomial { temperature: 1.0, seed: 0 }];
const MESSAGES: [&str; 2] = ["Tell me about bread, as JSON.", "How many loaves are there?"];

const SCHEMAS: [&str; 31] = [
    "{}",
    r#"{"type":"string"}"#,
    r#"{"type":"number"}"#,
    r#"{"type":"integer","minimum":1000}"#,
    r#"{"type":"array"}"#,
    r#"{"type":"object"}"#,
    r#"{"type":"boolean"}"#,
    r#"{"enum":["red","green",null,[1,2]]}"#,
    r#"{"type":"array","items":{"type":"integer"},"minItems":3}"#,
    r#"{"type":"array","items":{"type":"string","minLength":2,"maxLength":30},"maxItems":20}"#,
    r#"{"type":"array","items":{"type":"array","items":{"type":"array"}}}"#,
    r#"{"type":"object","additionalProperties":{"type":"number"}}"#,
    r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["a","b"]}"#,
    r#"{"type":"object","properties":{"a":{},"b":{},"c":{}},"required":["a","b","c"],"additionalProperties":false}"#,
    r#"{"type":"object","patternProperties":{"^x":{"type":"string"}},"additionalProperties":false}"#,
    r#"{"type":"string","pattern":"^[a-z]+-[0-9]{4}$"}"#,
    r#"{"type":"string","format":"date-time"}"#,
    r#"{"type":"string","minLength":40}"#,
    r#"{"anyOf":[{"type":"string","maxLength":5},{"type":"object","properties":{"k":{"const":"v"}},"required":["k"]}]}"#,
    r##"{"$defs":{"tree":{"type":"object","properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["name","children"],"additionalProperties":false}},"$ref":"#/$defs/tree"}"##,
    r##"{"$defs":{"list":{"anyOf":[{"type":"null"},{"type":"array","prefixItems":[{"type":"integer"},{"$ref":"#/$defs/list"}],"items":false,"minItems":2}]}},"$ref":"#/$defs/list"}"##,
    r#"{"type":"object","properties":{"name":{"type":"string"},"price":{"type":"number"},"tags":{"type":"array","items":{"type":"string"}},"stock":{"type":"object","properties":{"shop":{"type":"integer"},"store":{"type":"integer"}},"required":["shop","store"]}},"required":["name","price","tags","stock"],"additionalProperties":false}"#,
    r#"{"type":["string","null","integer"]}"#,
    r#"{"type":"string","format":"email"}"#,
    r#"{"type":"string","format":"uri"}"#,
    r#"{"type":"string","format":"ipv6"}"#,
    r#"{"type":"array","items":{"type":"string","format":"email"},"minItems":2}"#,
    r#"{"type":"array","items":{"type":"object","properties":{"mail":{"type":"string","format":"email"},"id":{"type":"string","format":"uuid"},"note":{"type":"string","pattern":"^[^#]*#[0-9]{3}$"}},"required":["mail","id","note"],"additionalProperties":false},"minItems":1}"#,
    r#"{"type":"string","minLength":100}"#,
    r#"{"type":"array","items":{"type":"array","items":{"type":"integer"},"minItems":4},"minItems":6}"#,
    r#"{"type":"object","properties":{"the first of several properties":{"type":"number"},"the second of several properties":{"type":"number"},"the third of several properties":{"type":"string"},"the fourth of several properties":{"type":"object","properties":{"the innermost property of all":{"type":"string","minLength":20}},"required":["the innermost property of all"]}},"required":["the first of several properties","the second of several properties","the third of several properties","the fourth of several properties"]}"#,
];

const EXPRESSIONS: [&str; 21] = [
    "[a-z]+",
    "[a-z]+[0-9]{3}!",
    "[0-9]+ apples",
    "(a|b)*c",
    "[01]+",
    r"\s*\w+\s*=\s*\w+;",
    "(ab|ba){20}",
    r"[A-Z][a-z]* [A-Z]\. [A-Z][a-z]*",
    "\"[^\"]*\"(, \"[^\"]*\")*",
    r"\(([0-9]+\+)*[0-9]+\)",
    "((yes|no) )*done",
    r"(\w+ )*end",
    "[^x]*x",
    "(?s:.)*@(?s:.)*",
    "(?s:.*)</html>",
    "[a-z ]*[0-9]{4}[a-z ]*Q",
    "(([a-f]+,)*[a-f]+;)*\\|",
    "(日|本)*語",
    "([^ ]+ ){30}stop",
    "(a|b|c)*(aaa|bbb)(a|b|c)*!",
    r"[\w.]+@[\w.]+\.(com|org)",
];

const GRAMMARS: [&str; 17] = [
    "start: sum\nsum: product ((\"+\" | \"-\") product)*\nproduct: factor (\"*\" factor)*\nfactor: NUMBER | \"(\" sum \")\"\nNUMBER: /[1-9][0-9]{0,3}/",
    "start: \"(\" start \")\" | \"x\"",
    "start: \"[\" [start (\",\" start)*] \"]\" | /[0-9]+/",
    "start: (\"go \" | \"stop \")* \"end\"",
    "start: statement+ \"halt\"\nstatement: \"let \" NAME \" = \" value \";\\n\"\nvalue: NAME | /[0-9]+/ | \"(\" value \" + \" value \")\"\nNAME: /[a-z]{1,8}/",
    "start: \"SELECT \" columns \" FROM \" NAME (\" WHERE \" condition)?\ncolumns: \"*\" | NAME (\", \" NAME)*\ncondition: NAME \" = \" NAME (\" AND \" condition)?\nNAME: /[a-z_]+/",
    "e ::= e \"+\" e | [0-9]+ | \"(\" e \")\"",
    "root ::= \"if \" name \" then \" root \" else \" root | name\nname ::= [a-z]+",
    "root ::= \"{\" pair (\";\" pair)* \"}\"\npair ::= [a-z]+ \":\" (root | [0-9]+)",
    "root ::= (\"a\" root \"b\")?",
    "start: TEXT \"</end>\"\nTEXT: /[^<]*/",
    "start: list \"END OF THE LIST\" /[0-9]{5}/\nlist: list \",\" word | word\nword: /[a-z]+/",
    "start: element\nelement: \"<a>\" (element | /[^<>]+/)* \"</a>\"",
    "start: (WORD \" \")* \"end\"\nWORD: /[a-z]+/",
    "start: \"data: \" %json {\"type\":\"array\",\"items\":{\"type\":\"string\",\"format\":\"email\"},\"minItems\":1} \";\"",
    "root ::= block+ \"~\"\nblock ::= \"{\" (block | stmt)* \"}\"\nstmt ::= [a-z]+ \"=\" [^;]* \";\"",
    "doc ::= (line \"\\n\")* \"EOF\"\nline ::= key \": \" value\nkey ::= [A-Z] [a-z-]*\nvalue ::= [ -~]*",
];

/// What the dummy says to a message when it is held to a grammar, and whether that is all.
fn said(
    bench: &mut Bench,
    instance: InstanceId,
    message: &str,
    mut matcher: Matcher,
    sampler: Sampler,
) -> (String, bool) {
    let model = bench.core.models.first().clone();
    let mut input = model.tokenizer.encode(&format!("<|begin|><|user|>{message}<|turn|><|assistant|>"));
    let context = bench.create(instance, Source::Empty).unwrap();
    let pages = (input.len() + MAX_TOKENS).div_ceil(PAGE_SIZE as usize) as u32;
    bench.pages(instance, context, PageOperation::Reserve, pages).unwrap();
    let (mut fed, mut ended) = (0, false);
    while matcher.tokens().len() < MAX_TOKENS && !ended {
        let mask = matcher.mask().unwrap();
        let token = match mask.only() {
            Some(token) => token,
            None => {
                let mut draft = asking(context, fed, &input, Ask::Sample(sampler));
                draft.allow(mask.into_brle());
                draft.way_out = matcher.way_out();
                fed += input.len() as u32;
                input.clear();
                match bench.run(instance, draft).unwrap()[..] {
                    [Answer::Token(token)] => token,
                    ref other => panic!("{other:?}"),
                }
            }
        };
        matcher.accept(&[token]).unwrap();
        input.push(token);
        ended = matcher.vocabulary().is_end(token);
    }
    bench.ask(instance, |reply| Operation::Destroy { context, reply }).unwrap();
    (model.tokenizer.decode(matcher.tokens()).unwrap(), ended)
}

/// Fails with all replies to these grammars that did not end.
fn all_end(sources: impl Iterator<Item = Text>) {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let model = bench.core.models.first().clone();
    let mut open = Vec::new();
    for source in sources {
        let grammar = model.grammars.grammar(source.clone()).unwrap();
        for message in MESSAGES {
            for sampler in SAMPLERS {
                let matcher = model.grammars.matcher(&grammar, model.vocabulary().unwrap()).unwrap();
                let matcher = matcher.leading(model.model.needs_showing().unwrap());
                let (text, ended) = said(&mut bench, instance, message, matcher, sampler);
                if !ended {
                    open.push(format!("{}\n  {sampler:?}: {text}", source.text()));
                }
            }
        }
    }
    assert!(open.is_empty(), "{} replies did not end:\n{}", open.len(), open.join("\n"));
}

#[test]
fn several_masks_of_a_pass_all_hold() {
    let mut bench = Bench::new();
    let instance = bench.admit(1);
    let context = bench.create(instance, Source::Empty).unwrap();
    bench.pages(instance, context, PageOperation::Reserve, 2).unwrap();
    let size = bench.core.models.first().info().vocab_size;
    let mut choose = |fed: u32, masks: &[Vec<u32>]| {
        let mut draft = asking(context, fed, &[50], Ask::Sample(GREEDY));
        masks.iter().for_each(|mask| draft.allow(Brle(mask.clone())));
        bench.run(instance, draft)
    };
    let range = |from: u32, to: u32| vec![from, to - from, size - to];
    let both = choose(0, &[range(100, 201), range(200, 300)]).unwrap();
    assert!(matches!(both[..], [Answer::Token(200)]), "{both:?}");
    let none = choose(1, &[range(100, 200), range(200, 300)]).unwrap_err();
    assert!(none.contains("allows no token"), "{none}");
    let short = choose(1, &[range(100, 200), vec![3, 4]]).unwrap_err();
    assert!(short.contains("does not fit the one before it"), "{short}");
    assert!(choose(1, &[]).is_ok(), "the context is as it was");
}

#[test]
fn every_json_comes_to_its_end() {
    all_end(SCHEMAS.iter().map(|schema| Text::JsonSchema((*schema).to_owned())));
}

#[test]
fn every_expression_comes_to_its_end() {
    all_end(EXPRESSIONS.iter().map(|pattern| Text::Regex((*pattern).to_owned())));
}

#[test]
fn every_text_of_a_grammar_comes_to_its_end() {
    all_end(GRAMMARS.iter().map(|grammar| Text::Ebnf((*grammar).to_owned())));
}
