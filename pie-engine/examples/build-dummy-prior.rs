//! Makes the dummy model's table of texts after a change to them or to its tokenizer:
//!
//! ```text
//! cargo run -p pie-engine --example build-dummy-prior
//! ```
//!
//! A test checks that the file in the repository is what this makes.

use pie_engine::model::dummy::build_prior;
use pie_engine::tokenizer::Tokenizer;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model/dummy/prior/prior.bin");
    std::fs::write(table, build_prior(&Tokenizer::dummy()))
}
