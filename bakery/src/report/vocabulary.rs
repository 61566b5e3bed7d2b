//! What tokens say, where the tokenizer of a trace is one that bakery has.

pub use pie_engine::testing::Vocabulary;
