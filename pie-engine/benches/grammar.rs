//! What masks cost, beside calling llguidance directly: over a made vocabulary of 128,000 tokens and 200 schemas.
//!
//! `cargo bench -p pie-engine --bench grammar`
//!
//! Both sides walk the same texts token by token, and make a mask before each token. First the average and the 99th percentile of single
//! tokens are printed, and how the averages compare. The time that is measured after that is that of all masks and moves of all texts; the number of tokens is printed as
//! the throughput, so that one over the rate is the time of a token.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher as Direct, ParserFactory};
use pie_engine::grammar::{Grammar, GrammarCache, Matcher, Prototype, Source, Tokens, Vocabulary};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};

const TOKENS: usize = 128_000;
const SCHEMAS: usize = 200;

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }
}

/// All bytes, pieces of JSON, and words out of syllables, with and without a space before them, in sizes as tokenizers have them.
fn words() -> Vec<Vec<u8>> {
    const SYLLABLES: [&str; 40] = [
        "a", "e", "i", "o", "u", "an", "er", "in", "on", "re", "st", "th", "ing", "tion", "ment", "ab", "le",
        "ly", "con", "pro", "de", "ex", "ti", "ra", "na", "me", "se", "co", "é", "ü", "日", "本", "да", "но",
        "_", "-", "x", "z", "qu", "ow",
    ];
    const SIGNS: [&str; 24] = [
        "{\"", "\":", "\": ", "\",", "\", \"", "\"}", "}}", "},", "[{", "}]", "[]", "{}", "[\"", "\"]", "],",
        "  ", "    ", "\n  ", "\n    ", "true", "false", "null", ".0", "\\n",
    ];
    let mut seen = BTreeSet::new();
    let mut words: Vec<Vec<u8>> = (0..=254u8).map(|byte| vec![byte]).collect();
    words.extend(SIGNS.iter().map(|sign| sign.as_bytes().to_vec()));
    words.extend((0..1000).map(|number| format!("{number:02}").into_bytes()));
    words.retain(|word| seen.insert(word.clone()));
    let mut numbers = Numbers(1);
    while words.len() < TOKENS {
        let mut word = if numbers.next(2) == 0 { " ".to_owned() } else { String::new() };
        for _ in 0..=numbers.next(4) {
            word += SYLLABLES[numbers.next(SYLLABLES.len())];
        }
        if numbers.next(20) == 0 {
            word += ["\"", ",", ".", ":", "\n"][numbers.next(5)];
        }
        if seen.insert(word.clone().into_bytes()) {
            words.push(word.into_bytes());
        }
    }
    words
}

/// A schema of the size that people write, and a text that it allows.
fn schema(numbers: &mut Numbers, depth: usize) -> (Value, Value) {
    const NAMES: [&str; 8] = ["name", "id", "items", "created at", "description", "total_price", "tags", "é"];
    match numbers.next(if depth > 2 { 6 } else { 10 }) {
        0 => (json!({ "type": "string" }), json!("the connection is reestablished, 日本")),
        1 => (json!({ "type": "string", "maxLength": 60 }), json!("a short description")),
        2 => (json!({ "type": "string", "pattern": "^[A-Z]{2}-[0-9]{4}$" }), json!("AB-1234")),
        3 => (json!({ "type": "integer", "minimum": 0, "maximum": 100_000 }), json!(4711)),
        4 => (json!({ "enum": ["pending", "in progress", "done", null] }), json!("in progress")),
        5 => (json!({ "type": "number" }), json!(-12.5)),
        6 | 7 => {
            let (items, value) = schema(numbers, depth + 1);
            let count = 1 + numbers.next(3);
            (json!({ "type": "array", "items": items, "maxItems": 20 }), Value::Array(vec![value; count]))
        }
        _ => {
            let (mut properties, mut value) = (json!({}), json!({}));
            for name in NAMES.iter().take(2 + numbers.next(6)) {
                (properties[name], value[name]) = schema(numbers, depth + 1);
            }
            let required: Vec<&String> =
                properties.as_object().into_iter().flat_map(|map| map.keys()).take(2).collect();
            let closed = numbers.next(2) == 0;
            let object = json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": !closed });
            (object, value)
        }
    }
}

/// The corpus: schemas with the tokens of a text.
fn corpus(trie: &TokTrie) -> Vec<(Value, Vec<u32>)> {
    let mut numbers = Numbers(2);
    let texts = (0..SCHEMAS).map(|_| schema(&mut numbers, 0));
    texts.map(|(schema, value)| (schema, trie.greedy_tokenize(value.to_string().as_bytes()))).collect()
}

fn ours(words: &[Vec<u8>]) -> Arc<Vocabulary> {
    let ids: Vec<u32> = (0..words.len() as u32).collect();
    let end = words.len() as u32;
    let tokens = Tokens { size: end + 1, ids: &ids, bytes: words, special: &[], end: &[end] };
    Arc::new(Vocabulary::new(&tokens).expect("the vocabulary is in order"))
}

fn theirs(words: &[Vec<u8>]) -> ParserFactory {
    let mut words = words.to_vec();
    words.push(b"\xff<|end|>".to_vec());
    let info = TokRxInfo::new(words.len() as u32, words.len() as u32 - 1);
    let env: TokEnv = Arc::new(ApproximateTokEnv::new(TokTrie::from(&info, &words)));
    let slices = llguidance::earley::SlicedBiasComputer::general_slices();
    let mut factory =
        ParserFactory::new(&env, InferenceCapabilities::default(), &slices).expect("the slices are in order");
    factory.quiet();
    factory
}

/// What a mask and a move take together, for each token of all texts.
fn latencies<M>(
    texts: &[(M, &[u32])],
    start: impl Fn(&M) -> M,
    mask: impl Fn(&mut M),
    accept: impl Fn(&mut M, u32),
) -> Vec<Duration> {
    let mut each = Vec::new();
    for (at_start, tokens) in texts {
        let mut matcher = start(at_start);
        for &token in *tokens {
            let begin = Instant::now();
            mask(&mut matcher);
            accept(&mut matcher, token);
            each.push(begin.elapsed());
        }
    }
    each
}

/// Prints the average, the 99th percentile and the worst; gives the average in seconds.
fn print_latencies(name: &str, mut least: Vec<Duration>) -> f64 {
    least.sort_unstable();
    let average = least.iter().sum::<Duration>() / least.len() as u32;
    let (p99, worst) = (least[least.len() * 99 / 100], least[least.len() - 1]);
    println!(
        "{name}: {} tokens, {average:.1?} on average, {p99:.1?} at 99 %, {worst:.1?} at most",
        least.len()
    );
    average.as_secs_f64()
}

/// Takes two ways of one thing in turn, so that both meet the same noise, and keeps the least time of each token: other programs only add to it.
fn in_turn(
    rounds: usize,
    mut theirs: impl FnMut() -> Vec<Duration>,
    mut ours: impl FnMut() -> Vec<Duration>,
) -> (Vec<Duration>, Vec<Duration>) {
    let keep = |least: &mut Vec<Duration>, times: Vec<Duration>| {
        least.resize(times.len(), Duration::MAX);
        least.iter_mut().zip(times).for_each(|(least, time)| *least = time.min(*least));
    };
    let (mut least_theirs, mut least_ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        keep(&mut least_theirs, theirs());
        keep(&mut least_ours, ours());
    }
    (least_theirs, least_ours)
}

fn masks(c: &mut Criterion) {
    let words = words();
    let (vocabulary, factory) = (ours(&words), theirs(&words));
    let corpus = corpus(factory.tok_env().tok_trie());
    let tokens: usize = corpus.iter().map(|(_, tokens)| tokens.len()).sum();

    let start = |schema: &Value| {
        let grammar =
            Arc::new(Grammar::new(Source::JsonSchema(schema.to_string())).expect("the schema is supported"));
        Matcher::new(&Prototype::new(grammar, Arc::clone(&vocabulary)).expect("the schema has texts"))
    };
    let ours: Vec<(Matcher, &[u32])> =
        corpus.iter().map(|(schema, tokens)| (start(schema), &tokens[..])).collect();
    let start = |schema: &Value| {
        Direct::new(factory.create_parser(TopLevelGrammar::from_json_schema(schema.clone())))
    };
    let theirs: Vec<(Direct, &[u32])> =
        corpus.iter().map(|(schema, tokens)| (start(schema), &tokens[..])).collect();

    let (least_theirs, least_ours) = in_turn(
        5,
        || {
            latencies(
                &theirs,
                Direct::clone,
                |matcher| drop(black_box(matcher.compute_mask().expect("the text goes on"))),
                |matcher, token| matcher.consume_token(token).expect("the token is in the mask"),
            )
        },
        || {
            latencies(
                &ours,
                Matcher::fork,
                |matcher| drop(black_box(matcher.mask().expect("the text goes on"))),
                |matcher, token| matcher.accept(&[token]).expect("the token is in the mask"),
            )
        },
    );
    println!("{SCHEMAS} schemas, {TOKENS} tokens in the vocabulary");
    let direct = print_latencies("llguidance", least_theirs);
    let average = print_latencies("matcher", least_ours);
    println!("matcher / llguidance: {:.3}", average / direct);

    let mut group = c.benchmark_group("masks of all texts");
    group.throughput(Throughput::Elements(tokens as u64)).sample_size(10);
    group.bench_function("llguidance", |b| {
        b.iter(|| {
            for (start, tokens) in &theirs {
                let mut matcher = start.clone();
                for &token in *tokens {
                    black_box(matcher.compute_mask().expect("the text goes on"));
                    matcher.consume_token(token).expect("the token is in the mask");
                }
            }
        });
    });
    group.bench_function("matcher", |b| {
        b.iter(|| {
            for (start, tokens) in &ours {
                let mut matcher = start.fork();
                for &token in *tokens {
                    black_box(matcher.mask().expect("the text goes on"));
                    matcher.accept(&[token]).expect("the token is in the mask");
                }
            }
        });
    });
    group.finish();
}

fn attaching(c: &mut Criterion) {
    let words = words();
    let vocabulary = ours(&words);
    let mut group = c.benchmark_group("attach a cached schema");
    for (name, depth) in [("small", 3), ("large", 0)] {
        let mut numbers = Numbers(7);
        let source = Source::JsonSchema(schema(&mut numbers, depth).0.to_string());
        let cache = GrammarCache::default();
        let attach = || {
            let grammar = cache.grammar(source.clone()).expect("the schema is supported");
            cache.matcher(&grammar, &vocabulary).expect("the schema has texts")
        };
        let begin = Instant::now();
        drop(attach());
        let first = begin.elapsed();
        let begin = Instant::now();
        (0..1000).for_each(|_| drop(black_box(attach())));
        let again = begin.elapsed() / 1000;
        println!(
            "attach the {name} schema of {} bytes: {first:.1?} at first, {again:.2?} cached",
            source.bytes()
        );
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(attach);
        });
    }
    group.finish();
}

criterion_group!(benches, masks, attaching);
criterion_main!(benches);
