//! Limits on grammars, all in sizes and steps: whether a grammar is accepted does not depend on how fast the machine is. Together they bound the time that
//! compiling takes (`tests/limits.rs` holds the worst sources that are known against the clock).

use llguidance::api::ParserLimits;

/// The longest source of a grammar, in bytes.
pub const MAX_SOURCE_BYTES: usize = 256 << 10;

/// The most rules, terminals and imports that an EBNF grammar may have.
pub const MAX_RULES: usize = 4096;

/// How deep the groups of a regular expression or an EBNF grammar may be nested.
pub const MAX_NESTING: usize = 28;

/// How deep the JSON of a schema may be nested, which is what `serde_json` reads.
pub const MAX_SCHEMA_DEPTH: usize = 127;

/// How deep the lists and objects of a JSON text may be nested, for the same reason.
pub const MAX_JSON_DEPTH: u32 = 127;

/// The largest number that repeats something, in any notation: `{1000}`, `minItems` and the like.
pub const MAX_REPEAT: u64 = 100_000;

/// The most parts of one regular expression, or of an EBNF grammar altogether, that repeat: `*`, `+`, `?` and `{…}`. What the compiler does grows with their square.
pub const MAX_REPETITIONS: usize = 1000;

/// The most expressions that have to match the same text: by `allOf` in a schema, and by `&` and `~` in a grammar altogether. What the compiler does doubles with each.
pub const MAX_TOGETHER: usize = 16;

/// The most schemas that one `allOf` may lead to, through references.
pub(super) const MAX_LED: usize = 20_000;

/// The stack of the thread that compiles. The compiler recurses along references between rules, of which the source limits
/// allow some ten thousand in a row.
pub(super) const COMPILE_STACK_BYTES: usize = 256 << 20;

/// Compiled grammars that a cache keeps, and their sources in bytes altogether.
pub const CACHED_GRAMMARS: usize = 256;
/// See [`CACHED_GRAMMARS`].
pub const CACHED_BYTES: usize = 16 << 20;

/// What the parser may spend. Sizes of grammars are the library's own, made for schemas of some megabytes.
pub(super) fn parser_limits() -> ParserLimits {
    ParserLimits {
        // Symbols in all productions.
        max_grammar_size: 200_000,
        // Nodes of regular expressions made at the start; about 20 ms.
        initial_lexer_fuel: 1_000_000,
        // The same for one mask; about 15 ms.
        step_lexer_fuel: 200_000,
        // Earley items for one mask; about 3 ms.
        step_max_items: 50_000,
        // Earley items after one lexeme: where an ambiguous grammar ends.
        max_items_in_row: 2000,
        max_lexer_states: 250_000,
        precompute_large_lexemes: true,
        verbose_errors: false,
    }
}
