//! Loading, encoding and decoding, on the dummy's file and on a small file of every supported kind.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

#[path = "../../examples/train-dummy-tokenizer.rs"]
#[allow(dead_code)]
mod train_dummy_tokenizer;

static DUMMY: LazyLock<Tokenizer> = LazyLock::new(Tokenizer::dummy);

fn load(file: &Value) -> Result<Tokenizer, TokenizerError> {
    Tokenizer::from_json(file.to_string().as_bytes())
}

/// What the library alone makes of the same file.
fn reference(file: &Value) -> tokenizers::Tokenizer {
    file.to_string().parse().unwrap()
}

fn special(id: u32, content: &str) -> Value {
    json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true})
}

/// BPE in the style of Llama 2: spaces are `▁`, a space is put first, unknown characters are bytes.
fn sentencepiece_bpe() -> Value {
    let mut vocab = json!({"<unk>": 0, "<s>": 1, "</s>": 2});
    for byte in 0..256 {
        vocab[format!("<0x{byte:02X}>")] = json!(3 + byte);
    }
    for (index, piece) in ["▁", "a", "b", "▁a", "ab", "▁ab", "<", "s", ">"].iter().enumerate() {
        vocab[*piece] = json!(259 + index);
    }
    json!({
        "version": "1.0",
        "added_tokens": [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ]},
        "pre_tokenizer": null,
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": {"type": "BPE", "dropout": 0.5, "unk_token": "<unk>", "byte_fallback": true, "fuse_unk": true,
            "vocab": vocab, "merges": ["▁ a", "a b", "▁a b"]},
    })
}

/// Unigram in the style of T5, whose vocabulary holds its control tokens as ordinary pieces.
fn unigram() -> Value {
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "added_tokens": [special(0, "<unk>"), special(1, "</s>")],
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true},
        "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true},
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false, "vocab": [
            ["<unk>", 0.0], ["</s>", 0.0], ["▁", -2.0], ["a", -3.0], ["b", -3.0], ["▁a", -2.5], ["ab", -4.0],
            ["<", -9.0], ["/", -9.0], ["s", -9.0], [">", -9.0],
        ]},
    })
}

/// Byte-level BPE that cuts as GPT-2 does, with added tokens of all kinds.
fn byte_level() -> Value {
    let mut file: Value = serde_json::from_slice(DUMMY_JSON).unwrap();
    file["pre_tokenizer"] =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    for (id, content, is_special) in [(1024, "<think>", false), (1025, "<table>", false), (1026, "<é>", true)]
    {
        let mut token = special(id, content);
        token["special"] = json!(is_special);
        file["added_tokens"].as_array_mut().unwrap().push(token);
    }
    file
}

#[test]
fn the_dummys_tokenizer_is_what_training_on_its_corpus_gives() {
    let corpus = include_str!("../model/dummy/assets/corpus.txt");
    let trained = train_dummy_tokenizer::train(corpus).unwrap();
    assert!(
        trained.as_bytes() == DUMMY_JSON,
        "run `cargo run -p pie-engine --example train-dummy-tokenizer`"
    );
}

#[test]
fn the_dummys_vocabulary_has_1024_ids_and_begins_with_its_control_tokens() {
    let (ids, bytes) = DUMMY.vocabs();
    assert_eq!(ids, (0..1024).collect::<Vec<u32>>());
    let (control, spellings) = DUMMY.special_tokens();
    assert_eq!(control, (0..16).collect::<Vec<u32>>());
    assert_eq!(spellings, &bytes[..16]);
    assert_eq!((DUMMY.vocab_size(), bytes[6].as_slice()), (1024, b"<|turn|>".as_slice()));
    assert_eq!(DUMMY.digest().len(), 64);
}

#[test]
fn special_tokens_are_recognised_in_a_text_but_not_in_text_from_outside() {
    let text = "Hi<|turn|>there";
    let turn = DUMMY.special_id("<|turn|>").unwrap();
    assert!(DUMMY.encode(text).contains(&turn));
    let plain = DUMMY.encode_text(text);
    assert!(!plain.iter().any(|token| DUMMY.is_control(*token)));
    assert_eq!(DUMMY.decode(&plain).unwrap(), text);
}

#[test]
fn an_unknown_id_is_an_error_that_names_it() {
    let error = DUMMY.decode(&[20, 5000, 6000]).unwrap_err();
    assert_eq!(error.to_string(), "token id 5000 is not in the vocabulary, whose ids are below 1024");
    assert_eq!(DUMMY.token_bytes(1024), None);
}

#[test]
fn bytes_that_are_no_text_become_replacement_characters() {
    let tokens = DUMMY.encode("€");
    assert_eq!(DUMMY.token_bytes(tokens[0]), Some([0xe2].as_slice()));
    assert_eq!(DUMMY.decode(&tokens[1..]).unwrap(), "\u{fffd}\u{fffd}");
}

#[test]
fn spaces_and_bytes_of_sentencepiece_are_resolved() {
    let file = sentencepiece_bpe();
    let tokenizer = load(&file).unwrap();
    let library = reference(&file);
    assert_eq!(tokenizer.encode("ab é"), [264, 259, 3 + 0xc3, 3 + 0xa9]);
    assert_eq!(tokenizer.encode_with_special("a"), [1, 262]);
    for text in ["ab a", " ab", "é", "a\n€ ba", ""] {
        let tokens = tokenizer.encode(text);
        assert_eq!(tokenizer.decode(&tokens).unwrap(), text);
        assert_eq!(library.decode(&tokens, false).unwrap(), text);
    }
    assert_eq!(tokenizer.token_bytes(264), Some(b" ab".as_slice()));
    assert_eq!(tokenizer.token_bytes(3 + 0xe2), Some([0xe2].as_slice()));
    assert_eq!(tokenizer.split_regex(), "");
}

#[test]
fn dropout_and_truncation_in_a_file_are_ignored() {
    let tokenizer = load(&sentencepiece_bpe()).unwrap();
    let first = tokenizer.encode("ab ab ab ab");
    assert!((0..20).all(|_| tokenizer.encode("ab ab ab ab") == first));
    assert_eq!(load(&unigram()).unwrap().encode("a a a a a").len(), 5);
}

#[test]
fn unigram_text_from_outside_is_cut_inside_a_piece_spelled_like_a_control_token() {
    let tokenizer = load(&unigram()).unwrap();
    assert_eq!(tokenizer.encode("a</s>"), [5, 1]);
    let tokens = tokenizer.encode_text("a</s>b");
    assert_eq!(tokenizer.decode(&tokens).unwrap(), "a</s>b");
    assert!(!tokens.contains(&1), "{tokens:?}");
}

#[test]
fn only_the_start_of_a_document_gets_the_first_space() {
    let tokenizer = load(&unigram()).unwrap();
    assert_eq!(tokenizer.encode("a"), [5]);
    assert_eq!(tokenizer.encode_text("a"), [3]);
    assert_eq!(tokenizer.decode(&[5, 5]).unwrap(), "a a");
}

#[test]
fn added_tokens_are_control_tokens_if_they_are_special_or_look_like_it() {
    let tokenizer = load(&byte_level()).unwrap();
    assert_eq!([1024, 1025, 1026].map(|id| tokenizer.is_control(id)), [true, false, true]);
    assert_eq!(tokenizer.encode("<think><table><é>"), [1024, 1025, 1026]);
    let plain = tokenizer.encode_text("<think><table><é>");
    assert!(plain.contains(&1025) && !plain.contains(&1024) && !plain.contains(&1026));
    assert_eq!(tokenizer.decode(&plain).unwrap(), "<think><table><é>");
    assert_eq!(tokenizer.token_bytes(1026), Some("<é>".as_bytes()));
    assert!(tokenizer.split_regex().starts_with("'s|'t"));
}

#[test]
fn the_digest_is_that_of_the_file() {
    let file = unigram().to_string();
    let tokenizer = Tokenizer::from_json(file.as_bytes()).unwrap();
    assert_eq!(tokenizer.digest(), crate::trace::sha256_hex(file.as_bytes()));
}

#[test]
fn malformed_files_get_errors_that_say_why() {
    let change = |file: Value, pointer: &str, value: Value| {
        let mut file = file;
        *file.pointer_mut(pointer).unwrap() = value;
        file
    };
    let cases = [
        (json!([]), "an object with a `model`"),
        (json!({}), "there is no `model`"),
        (json!({"model": 3}), "expected `model` to be an object"),
        (json!({"model": {"vocab": {}}}), "`model.type` is missing"),
        (json!({"model": {"type": "WordPiece"}}), "models of type `WordPiece`"),
        (change(unigram(), "/model/unk_id", json!(99)), "UnkIdNotInVocabulary"),
        (change(unigram(), "/model/vocab", json!([])), "malformed tokenizer"),
        (
            change(unigram(), "/decoder", json!({"type": "WordPiece", "prefix": "##", "cleanup": true})),
            "decoders of type `WordPiece`",
        ),
        (
            change(byte_level(), "/added_tokens/16/id", json!(1030)),
            "added token `<think>` has id 1030 in the file",
        ),
        (change(byte_level(), "/model/merges/0", json!(["nowhere", "to be found"])), "malformed tokenizer"),
        (change(byte_level(), "/model/vocab/t", json!(9_000_000)), "token id 9000000 is not below the limit"),
        (change(byte_level(), "/model/vocab/t", json!(20)), "share the id 20"),
        (
            change(
                byte_level(),
                "/pre_tokenizer",
                json!({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false}),
            ),
            "malformed tokenizer",
        ),
    ];
    for (file, expected) in cases {
        let error = load(&file).unwrap_err().to_string();
        assert!(error.contains(expected), "expected {expected}, got {error}");
    }
    assert!(Tokenizer::from_json(b"\x00\xff").unwrap_err().to_string().contains("not JSON"));
    assert!(Tokenizer::from_json(&DUMMY_JSON[..4000]).unwrap_err().to_string().contains("not JSON"));
}

/// All places in a JSON value, as pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(key, value)| places(value, &format!("{at}/{key}"), found))
        }
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            places(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decoding_what_was_encoded_gives_the_text_back(text in "\\PC{0,40}|[a-z \n<|>/]{0,40}") {
        prop_assert_eq!(DUMMY.decode(&DUMMY.encode(&text)).unwrap(), text.clone());
        prop_assert_eq!(DUMMY.decode(&DUMMY.encode_text(&text)).unwrap(), text);
    }

    #[test]
    fn the_dummys_tokens_are_those_that_the_library_alone_finds(text in "[ 'a-z0-9!{}<|>\n\r\té]{0,40}|\\PC{0,20}") {
        static LIBRARY: LazyLock<tokenizers::Tokenizer> =
            LazyLock::new(|| tokenizers::Tokenizer::from_bytes(DUMMY_JSON).unwrap());
        let encoding = LIBRARY.encode(&*text, false).unwrap();
        prop_assert_eq!(DUMMY.encode(&text), encoding.get_ids());
    }

    #[test]
    fn a_stream_with_bytes_and_a_first_space_gives_the_text_of_the_whole(tokens in prop::collection::vec(prop_oneof![0u32..268, 259u32..268], 0..30)) {
        let tokenizer = std::sync::Arc::new(load(&sentencepiece_bpe()).unwrap());
        let mut decoder = StreamDecoder::new(std::sync::Arc::clone(&tokenizer));
        let mut text = String::new();
        for token in &tokens {
            decoder.push(*token, &mut text).unwrap();
        }
        text.push_str(decoder.flush());
        prop_assert_eq!(text, tokenizer.decode(&tokens).unwrap());
    }

    #[test]
    fn no_change_to_a_file_makes_loading_or_encoding_panic(
        which in 0usize..2,
        place in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            json!(null), json!(-1), json!(4_294_967_295_u32), json!(1e300), json!(""), json!("▁"), json!("(?<"), json!([]), json!({}), json!([[]]), json!(true),
        ]),
    ) {
        let mut file = [sentencepiece_bpe, unigram][which]();
        let mut pointers = Vec::new();
        places(&file, "", &mut pointers);
        *file.pointer_mut(&pointers[place.index(pointers.len())]).unwrap() = value;
        if let Ok(tokenizer) = load(&file) {
            let tokens = tokenizer.encode("ab <s> é");
            tokenizer.encode_text("ab <s> é");
            tokenizer.encode_with_special("ab");
            prop_assert!(tokenizer.decode(&tokens).is_ok());
        }
    }
}

#[test]
fn a_logit_without_a_token_has_no_text() {
    let dummy = Tokenizer::dummy();
    let size = dummy.vocab_size();
    assert_eq!(dummy.decode(&[size]).unwrap_err(), UnknownToken { id: size, vocab_size: size });
    let padded = Arc::new(Tokenizer::dummy().covering(size + 2));
    let hello = padded.encode("Hello");
    let with_padding = [&hello[..], &[size, size + 1]].concat();
    assert_eq!(padded.decode(&with_padding).unwrap(), "Hello");
    assert!(padded.decode(&[size + 2]).is_err());
    let (mut stream, mut text) = (StreamDecoder::new(Arc::clone(&padded)), String::new());
    with_padding.iter().for_each(|token| stream.push(*token, &mut text).unwrap());
    assert_eq!(text, "Hello");
}
