//! Loading, on the dummy's file and on small files of every supported kind.

use super::*;
#[path = "../../examples/train-dummy-tokenizer.rs"]
#[allow(dead_code)]
mod train_dummy_tokenizer;

#[test]
fn the_dummys_tokenizer_is_what_training_on_its_corpus_gives() {
    let corpus = include_str!("../model/dummy/assets/corpus.txt");
    let trained = train_dummy_tokenizer::train(corpus).unwrap();
    assert!(
        trained.as_bytes() == DUMMY_JSON,
        "run `cargo run -p pie-engine --example train-dummy-tokenizer`"
    );
}
