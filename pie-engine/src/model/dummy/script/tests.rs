use super::*;
use crate::bitset::Bitset;
use crate::chat::{ChatEvent, ChatFormat, ReasoningEvent, ToolEvent};
use crate::model::dummy::tests::Session;
use crate::model::dummy::{Dummy, DummyConfig};
use crate::sample::{Sampler, Scratch, sample};
use std::sync::Arc;

const SCRIPT: &str = r#"
[[reply]]
when = { contains = "weather", turn = 1 }
reasoning = "They ask about the weather. I have a tool for it."
tool-calls = [{ name = "get_weather", arguments = { city = "Zürich", days = 2 } }]

[[reply]]
when = { regex = '^get_weather\n\{' }
text = "It will be cloudy.\nTake a coat – or <|turn|> two."

[[reply]]
when = { exact = "Ping" }
text = "Pong"
"#;

fn scripted() -> (Dummy, Arc<Tokenizer>) {
    let tokenizer = Tokenizer::dummy();
    let script = Some(Script::parse(SCRIPT).unwrap().encode(&tokenizer));
    (Dummy::new(DummyConfig { name: "dummy".into(), script }), Arc::new(tokenizer))
}

const GREEDY: Sampler = Sampler::TopK { temperature: 0.0, k: 0 };

#[test]
fn a_reply_comes_out_as_the_decoders_read_it() {
    let (dummy, tokenizer) = scripted();
    let format = ChatFormat::dummy();
    let mut session = Session::new(&dummy, "<|begin|><|user|>How is the weather?<|turn|><|assistant|>");
    let tokens = session.generate(Sampler::Multinomial { temperature: 1.0, seed: 0 }, 3, 200);

    let thought = format.reasoning_decoder(&tokenizer).feed(&tokens).unwrap();
    assert_eq!(thought, ReasoningEvent::Complete("They ask about the weather. I have a tool for it.".into()));
    let call = format.tool_decoder(&tokenizer).feed(&tokens).unwrap();
    assert_eq!(
        call,
        ToolEvent::Call { name: "get_weather".into(), arguments: r#"{"city":"Zürich","days":2}"#.into() }
    );
    assert_eq!(tokens.last(), Some(&6));

    session.feed(&format.answer(&tokenizer, "get_weather", "{\"sky\":\"cloudy\"}"));
    session.feed(&format.cue(&tokenizer));
    let tokens = session.generate(GREEDY, 0, 200);
    let said = format.chat_decoder(&tokenizer).feed(&tokens).unwrap();
    assert_eq!(said, ChatEvent::Done("It will be cloudy.\nTake a coat – or <|turn|> two.".into()));
}

#[test]
fn conditions_must_all_hold_and_exact_means_exactly() {
    let (dummy, tokenizer) = scripted();
    let answer = |prompt: &str| {
        let tokens = Session::new(&dummy, &format!("{prompt}<|assistant|>")).generate(GREEDY, 0, 250);
        tokenizer.decode(&tokens).unwrap()
    };
    assert_eq!(answer("<|begin|><|user|>Ping<|turn|>"), "Pong<|turn|>");
    assert_eq!(answer("<|begin|><|system|>Be brief.<|turn|><|user|>Ping<|turn|>"), "Pong<|turn|>");
    assert_ne!(answer("<|begin|><|user|>Ping!<|turn|>"), "Pong<|turn|>");
    let second =
        answer("<|begin|><|user|>Ping<|turn|><|assistant|>Pong<|turn|><|user|>And the weather?<|turn|>");
    assert!(!second.contains("get_weather"), "only in the first turn: {second}");
    let again = answer("<|begin|><|user|>Hi<|turn|><|assistant|>Hi<|turn|><|user|>Ping<|turn|>");
    assert_eq!(again, "Pong<|turn|>", "what was said before the last turn does not count");
}

#[test]
fn the_place_in_a_reply_survives_other_spellings_and_is_lost_only_to_other_text() {
    let (dummy, tokenizer) = scripted();
    let prompt = "<|begin|><|user|>Ping<|turn|><|assistant|>";
    // One byte at a time, as no tokenizer would cut it.
    let bytes: Vec<u32> = [b"P", b"o"].iter().map(|byte| token_of(&tokenizer, *byte)).collect();
    let mut session = Session::new(&dummy, prompt);
    session.feed(&bytes);
    assert_eq!(tokenizer.decode(&session.generate(GREEDY, 0, 9)).unwrap(), "ng<|turn|>");
    let mut session = Session::new(&dummy, &format!("{prompt}Pa"));
    assert_ne!(tokenizer.decode(&session.generate(GREEDY, 0, 2)).unwrap(), "ng<|turn|>");
}

#[test]
fn a_mask_still_has_the_last_word() {
    let tokenizer = Tokenizer::dummy();
    let script = Script::parse("[[reply]]\ntext = \"The weather\"\n").unwrap().encode(&tokenizer);
    let dummy = Dummy::new(DummyConfig { name: "dummy".into(), script: Some(script) });
    let mut session = Session::new(&dummy, "<|begin|><|user|>Go on.<|turn|><|assistant|>");
    let the = tokenizer.encode("The")[0];
    assert_eq!(sample(&session.row, None, &GREEDY, 0, &mut Scratch::default()).unwrap().token, the);
    let mut mask = Bitset::new(session.row.len());
    mask.insert_range(0..the as usize);
    mask.insert_range(the as usize + 1..session.row.len());
    let token = sample(&session.row, Some(&mask), &GREEDY, 0, &mut Scratch::default()).unwrap().token;
    let text = tokenizer.decode(&[token]).unwrap();
    assert!("Th".starts_with(&text), "the script goes on with fewer letters at once: {text}");
    session.feed(&[token]);
    let rest = tokenizer.decode(&session.generate(GREEDY, 0, 9)).unwrap();
    assert_eq!(text + &rest, "The weather<|turn|>");
}

#[test]
fn the_script_is_part_of_the_digest() {
    let plain = Dummy::new(DummyConfig { name: "dummy".into(), script: None });
    let digest = |dummy: &Dummy| crate::model::Model::info(dummy).digest.clone();
    assert_ne!(digest(&plain), digest(&scripted().0));
    assert_eq!(digest(&scripted().0), digest(&scripted().0));
}

#[test]
fn mistakes_are_reported_with_their_line() {
    let cases = [
        ("", 1, "the script has no `[[reply]]`"),
        ("[[reply]]\ntext = 1\n", 2, "invalid type: integer `1`, expected a string"),
        (
            "\n[[reply]]\nwhen = { contains = \"a\" }\n",
            2,
            "the reply has no `text`, `reasoning` or `tool-calls`",
        ),
        ("[[reply]]\ntext = \"a\"\nwhen = { turn = 0 }\n", 3, "turns are counted from 1"),
        (
            "[[reply]]\ntext = \"a\"\nsay = \"b\"\n",
            3,
            "unknown field `say`, expected one of `when`, `reasoning`, `text`, `tool-calls`",
        ),
        ("[[reply]]\ntext = \"a\n", 2, "invalid basic string"),
    ];
    for (source, line, message) in cases {
        let error = Script::parse(source).unwrap_err();
        assert_eq!(error.line, line, "{source}: {error}");
        assert!(error.message.starts_with(message), "{source}: {error}");
    }
    let error = Script::parse("[[reply]]\ntext = \"a\"\nwhen.regex = '(' # open\n").unwrap_err();
    assert_eq!(error.line, 3);
    assert!(error.to_string().starts_with("line 3: the regular expression cannot be used"), "{error}");
}

fn token_of(tokenizer: &Tokenizer, bytes: &[u8]) -> u32 {
    let (ids, texts) = tokenizer.vocabs();
    ids[texts.iter().position(|text| text == bytes).unwrap()]
}
