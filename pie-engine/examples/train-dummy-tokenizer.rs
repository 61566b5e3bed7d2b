//! Makes the dummy model's tokenizer from its corpus:
//!
//! ```text
//! cargo run -p pie-engine --example train-dummy-tokenizer
//! ```
//!
//! reads `src/model/dummy/assets/corpus.txt` and writes `tokenizer.json` beside it. A test checks that the file in the
//! repository is what this makes.

use std::path::Path;
use tokenizers::decoders::byte_level::ByteLevel as ByteLevelDecoder;
use tokenizers::models::bpe::{BPE, BpeTrainer, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer, TokenizerBuilder};

/// Ids in all: control tokens, then one token for each byte, then merges.
const VOCAB_SIZE: usize = 1024;

/// The control tokens, whose ids are their places here.
const CONTROL: [&str; 16] = [
    "<|begin|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|tool|>",
    "<|turn|>",
    "<|reason|>",
    "<|/reason|>",
    "<|call|>",
    "<|/call|>",
    "<|tools|>",
    "<|/tools|>",
    "<|reserved_0|>",
    "<|reserved_1|>",
    "<|reserved_2|>",
];

/// Words with the space before them, digits one by one, punctuation with the line break after it, line breaks. What white space these leave is a
/// piece of its own. The engine recognizes this expression and cuts by hand as it does (`tokenizer/words.rs`), because compiling it would be
/// most of the work of a start. So it is simple: what is none of the others in ASCII counts as a letter, and nothing looks ahead.
const WORDS: &str =
    r"'(?:[sdmt]|ll|ve|re)| ?[^\x00-@\[-`{-~]+|[0-9]| ?[!-/:-@\[-`{-~]+[\r\n]*|[\x00- ]*[\r\n]+";

fn main() -> Result<(), tokenizers::Error> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model/dummy/assets");
    let corpus = std::fs::read_to_string(assets.join("corpus.txt"))?;
    std::fs::write(assets.join("tokenizer.json"), train(&corpus)?)?;
    Ok(())
}

/// The `tokenizer.json` for a corpus in which control tokens are spelled out.
pub fn train(corpus: &str) -> Result<String, tokenizers::Error> {
    let cut = Split::new(SplitPattern::Regex(WORDS.to_owned()), SplitDelimiterBehavior::Isolated, false)?;
    let bytes = ByteLevel::new(false, false, false);
    let mut tokenizer = TokenizerBuilder::new()
        .with_model(BPE::default())
        .with_normalizer(None::<tokenizers::NormalizerWrapper>)
        .with_pre_tokenizer(Some(Sequence::new(vec![cut.into(), bytes.into()])))
        .with_post_processor(None::<tokenizers::PostProcessorWrapper>)
        .with_decoder(Some(ByteLevelDecoder::new(false, false, false)))
        .build()?;
    let mut trainer: BpeTrainer = BpeTrainerBuilder::new()
        .vocab_size(VOCAB_SIZE)
        .min_frequency(2)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .special_tokens(CONTROL.iter().map(|content| AddedToken::from(*content, true)).collect())
        .build();
    tokenizer.train(&mut trainer, texts(corpus).into_iter())?;
    let trained: Tokenizer = tokenizer.to_string(false)?.parse()?;
    // Without layout: it is read at every start.
    Ok(trained.to_string(false)? + "\n")
}

/// The corpus between its control tokens.
fn texts(corpus: &str) -> Vec<&str> {
    CONTROL
        .iter()
        .fold(vec![corpus], |texts, token| texts.into_iter().flat_map(|text| text.split(token)).collect())
}
