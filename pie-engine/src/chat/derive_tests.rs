//! Formats cut out of templates, and turns read with them: each file in `cases/` is a template in the manner of a family,
//! the fragments that it must give, and turns of such a model with what the decoders must make of them.

use super::derive::variables;
use super::jinja::Jinja;
use super::*;
use crate::tokenizer::{DUMMY_JSON, Tokenizer};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, LazyLock};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// Control tokens to add to the dummy's vocabulary.
    special: Vec<String>,
    /// Added tokens that are not marked as special.
    #[serde(default)]
    added: Vec<String>,
    #[serde(default)]
    bos: Option<String>,
    eos: String,
    /// Whether the template puts the system message into the user's.
    #[serde(default)]
    folds_system: bool,
    template: String,
    expected: Expected,
    #[serde(default)]
    turns: Vec<Turn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    begin: Option<String>,
    system: String,
    user: String,
    assistant: String,
    cue: String,
    seal: String,
    stop: Vec<String>,
    /// None if the model has no tools.
    equip: Option<String>,
    answer: String,
}

/// What a model generates, and what it amounts to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    tokens: String,
    text: String,
    #[serde(default)]
    reasoning: Vec<String>,
    #[serde(default)]
    calls: Vec<(String, String)>,
    /// How the error about a call begins.
    error: Option<String>,
}

struct Loaded {
    name: String,
    case: Case,
    tokenizer: Arc<Tokenizer>,
    format: ChatFormat,
}

static CASES: LazyLock<Vec<Loaded>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/chat/cases");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let loaded = files.iter().map(|file| {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let case: Case = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let tokenizer = Arc::new(tokenizer(&case));
        let format = ChatFormat::from_hf(&tokenizer, &config(&case)).unwrap().named(&name);
        Loaded { name, case, tokenizer, format }
    });
    loaded.collect()
});

/// The dummy's tokenizer with more tokens.
fn tokenizer(case: &Case) -> Tokenizer {
    let mut file: Value = serde_json::from_slice(DUMMY_JSON).unwrap();
    let known = file["added_tokens"].as_array_mut().unwrap();
    let more = case
        .special
        .iter()
        .map(|content| (content, true))
        .chain(case.added.iter().map(|content| (content, false)));
    for (content, special) in more {
        if !known.iter().any(|token| token["content"] == **content) {
            let id = 1024 - 16 + known.len();
            known.push(json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": special}));
        }
    }
    Tokenizer::from_json(file.to_string().as_bytes()).unwrap()
}

fn config(case: &Case) -> Value {
    json!({"chat_template": case.template.trim_start_matches('\n'), "bos_token": case.bos, "eos_token": {"content": case.eos}})
}

#[test]
fn fragments_are_those_of_the_template() {
    assert!(CASES.len() >= 8);
    for Loaded { name, case, tokenizer, format } in CASES.iter() {
        let text = |tokens: Vec<u32>| tokenizer.decode(&tokens).unwrap();
        let expected = &case.expected;
        let begin = format.begin(tokenizer).map(|token| text(vec![token]));
        assert_eq!(begin, expected.begin, "{name}");
        assert_eq!(text(format.system(tokenizer, "S")), expected.system, "{name}");
        assert_eq!(text(format.user(tokenizer, "U")), expected.user, "{name}");
        assert_eq!(text(format.assistant(tokenizer, "A")), expected.assistant, "{name}");
        assert_eq!(text(format.cue(tokenizer)), expected.cue, "{name}");
        assert_eq!(text(format.seal(tokenizer)), expected.seal, "{name}");
        assert_eq!(text(format.answer(tokenizer, "N", "V\"1\"")), expected.answer, "{name}");
        let mut stop: Vec<u32> =
            expected.stop.iter().map(|stop| tokenizer.special_id(stop).unwrap()).collect();
        stop.sort_unstable();
        assert_eq!(format.stop_tokens(tokenizer), stop, "{name}");
    }
}

#[test]
fn tools_are_described_as_the_template_does_it_and_cannot_forge_control_tokens() {
    for Loaded { name, case, tokenizer, format } in CASES.iter() {
        let stop = &case.expected.stop[0];
        let tool = json!({"name": "f", "description": format!("says {stop}"), "parameters": {"type": "object", "properties": {}}});
        let equip = format.equip(tokenizer, &[tool.to_string()]);
        let Some(expected) = &case.expected.equip else {
            let error = equip.unwrap_err().to_string();
            assert_eq!(error, format!("model `{name}` does not support tools"));
            continue;
        };
        let tokens = equip.unwrap();
        assert_eq!(tokenizer.decode(&tokens).unwrap(), expected.replace("<|im_end|>", stop), "{name}");
        let control = |tokens: &[u32]| tokens.iter().filter(|token| tokenizer.is_control(**token)).count();
        let harmless = format.equip(tokenizer, &[tool.to_string().replace(stop, "nothing")]).unwrap();
        assert_eq!(control(&tokens), control(&harmless), "{name}");
    }
}

#[test]
fn fragments_put_together_are_the_tokens_of_the_rendered_conversation() {
    for Loaded { name, case, tokenizer, format } in CASES.iter() {
        let config = config(case);
        let jinja = Jinja::new(config["chat_template"].as_str().unwrap()).unwrap();
        let base = json!({"bos_token": case.bos.as_deref().unwrap_or_default(), "eos_token": case.eos});
        let message = |role: &str, content: &str| json!({"role": role, "content": content});
        let mut messages =
            vec![message("user", "What is 2 + 2?"), message("assistant", "4"), message("user", "Thank you.")];
        let mut tokens: Vec<u32> = Vec::new();
        if case.folds_system {
            tokens.extend(format.begin(tokenizer));
        } else {
            messages.insert(0, message("system", "Be kind."));
            tokens.extend(format.system(tokenizer, "Be kind."));
        }
        tokens.extend(format.user(tokenizer, "What is 2 + 2?"));
        tokens.extend(format.assistant(tokenizer, "4"));
        tokens.extend(format.user(tokenizer, "Thank you."));
        tokens.extend(format.cue(tokenizer));
        let rendered =
            jinja.render(&variables(&base, &messages, &json!({"add_generation_prompt": true}))).unwrap();
        assert_eq!(tokenizer.decode(&tokens).unwrap(), rendered, "{name}");
        assert_eq!(tokens, tokenizer.encode(&rendered), "{name}");
    }
}

#[test]
fn messages_cannot_forge_the_control_tokens_of_any_family() {
    for Loaded { name, case, tokenizer, format } in CASES.iter() {
        let forged: String = case.special.iter().chain(&case.added).map(String::as_str).collect();
        let control =
            |tokens: Vec<u32>| tokens.into_iter().filter(|token| tokenizer.is_control(*token)).count();
        assert_eq!(control(format.user(tokenizer, &forged)), control(format.user(tokenizer, "x")), "{name}");
        assert_eq!(
            control(format.system(tokenizer, &forged)),
            control(format.system(tokenizer, "x")),
            "{name}"
        );
        assert_eq!(
            control(format.answer(tokenizer, "x", &forged)),
            control(format.answer(tokenizer, "x", "x")),
            "{name}"
        );
    }
}

/// The text of a turn: what was shown before the end, and all of it at the end.
fn read_text(loaded: &Loaded, batches: &[&[u32]]) -> String {
    let mut decoder = loaded.format.chat_decoder(&loaded.tokenizer);
    let mut shown = String::new();
    for batch in batches {
        match decoder.feed(batch).unwrap() {
            ChatEvent::Delta(text) => shown.push_str(&text),
            ChatEvent::Interrupt(token) => panic!("{} interrupts with {token}", loaded.name),
            ChatEvent::Done(text) => {
                assert!(text.starts_with(&shown));
                return text;
            }
        }
    }
    shown
}

fn read_reasoning(loaded: &Loaded, batches: &[&[u32]]) -> Vec<String> {
    let mut decoder = loaded.format.reasoning_decoder(&loaded.tokenizer);
    let events = batches.iter().copied().chain([&[] as &[u32]; 4]).map(|batch| decoder.feed(batch).unwrap());
    events
        .filter_map(|event| if let ReasoningEvent::Complete(text) = event { Some(text) } else { None })
        .collect()
}

fn read_calls(loaded: &Loaded, batches: &[&[u32]]) -> (Vec<(String, String)>, Option<String>) {
    let mut decoder = loaded.format.tool_decoder(&loaded.tokenizer);
    let (mut calls, mut error) = (Vec::new(), None);
    for batch in batches.iter().copied().chain([&[] as &[u32]; 4]) {
        match decoder.feed(batch) {
            Ok(ToolEvent::Call { name, arguments }) => calls.push((name, arguments)),
            Ok(ToolEvent::Start) => {}
            Err(message) => error = Some(message),
        }
    }
    (calls, error)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn turns_are_read_the_same_in_any_batches(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        for loaded in CASES.iter() {
            for turn in &loaded.case.turns {
                let tokens = loaded.tokenizer.encode(&turn.tokens);
                let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(tokens.len() + 1)).collect();
                places.extend([0, tokens.len()]);
                places.sort_unstable();
                let batches: Vec<&[u32]> = places.windows(2).map(|pair| &tokens[pair[0]..pair[1]]).collect();
                prop_assert_eq!(&read_text(loaded, &batches), &turn.text, "{}: {}", loaded.name, turn.tokens);
                prop_assert_eq!(&read_reasoning(loaded, &batches), &turn.reasoning, "{}: {}", loaded.name, turn.tokens);
                let (calls, error) = read_calls(loaded, &batches);
                prop_assert_eq!(&calls, &turn.calls, "{}: {}", loaded.name, turn.tokens);
                match (&turn.error, &error) {
                    (Some(expected), Some(error)) => prop_assert!(error.starts_with(expected), "{error}"),
                    (expected, error) => prop_assert_eq!(expected, error, "{}: {}", loaded.name, turn.tokens),
                }
            }
        }
    }
}

#[test]
fn a_model_without_a_template_gets_text_and_nothing_else() {
    let tokenizer = Arc::new(Tokenizer::dummy());
    let format = ChatFormat::from_hf(&tokenizer, &json!({"eos_token": "<|end|>", "eos_token_id": [6]}))
        .unwrap()
        .named("base");
    assert_eq!(format.user(&tokenizer, "Once upon"), tokenizer.encode("Once upon"));
    assert!(format.cue(&tokenizer).is_empty() && format.seal(&tokenizer).is_empty());
    assert_eq!(format.stop_tokens(&tokenizer), [1, 6]);
    assert_eq!(format.check_reasoning().unwrap_err().to_string(), "model `base` does not support reasoning");
    assert_eq!(format.check_tools().unwrap_err().to_string(), "model `base` does not support tools");
    let mut decoder = format.chat_decoder(&tokenizer);
    assert_eq!(decoder.feed(&tokenizer.encode("a<|end|>")), Ok(ChatEvent::Done("a".into())));
}

#[test]
fn a_template_that_cannot_be_used_says_why() {
    let tokenizer = Tokenizer::dummy();
    let cases = [
        ("{% for", "syntax error"),
        ("{{ raise_exception('not today') }}", "not today"),
        ("nothing but this", "it leaves out the message of `user`"),
        (
            "{% for message in messages if message.role == 'user' %}{{ message.content }}{% endfor %}",
            "it leaves out the message of `assistant`",
        ),
    ];
    for (template, expected) in cases {
        let error = ChatFormat::from_hf(&tokenizer, &json!({"chat_template": template, "name_or_path": "m"}))
            .unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("the chat template of model `m` cannot be used: ") && error.contains(expected),
            "{error}"
        );
    }
}

#[test]
fn of_several_templates_the_default_one_counts() {
    let tokenizer = Tokenizer::dummy();
    let template =
        |mark: &str| format!("{{% for message in messages %}}{mark}{{{{ message.content }}}}{{% endfor %}}");
    let config = json!({"chat_template": [
        {"name": "tool_use", "template": template("T:")},
        {"name": "default", "template": template("D:")},
    ]});
    let format = ChatFormat::from_hf(&tokenizer, &config).unwrap();
    assert_eq!(format.user(&tokenizer, "x"), tokenizer.encode("D:x"));
}
