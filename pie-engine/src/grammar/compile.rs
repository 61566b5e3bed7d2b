//! From a source to the parser of one vocabulary.
//!
//! The compiler of the library recurses along references between rules, without a limit of its own. So it runs on a thread with a
//! large stack, where the longest source that is let in fits; and since a bug in it may panic, panics are errors.

use super::error::{GrammarError, Notation, Place};
use super::limits::{COMPILE_STACK_BYTES, parser_limits};
use super::vocabulary::Vocabulary;
use llguidance::Logger;
use llguidance::api::{GrammarInit, TopLevelGrammar};
use llguidance::earley::Parser;
use llguidance::earley::perf::ParserPerfCounters;
use llguidance::panic_utils;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// A grammar as the library has it.
pub(super) enum Compiled {
    /// Ready for any vocabulary.
    Shared(Box<GrammarInit>),
    /// It names tokens, which only a vocabulary knows: it is compiled for each.
    PerVocabulary(TopLevelGrammar),
}

/// Compiles a grammar as far as that is possible without a vocabulary.
pub(super) fn compile(source: TopLevelGrammar, notation: Notation) -> Result<Compiled, GrammarError> {
    on_large_stack(notation, || {
        let init = GrammarInit::Serialized(source.clone());
        let (grammar, lexemes) =
            init.to_internal(None, parser_limits()).map_err(|error| error.to_string())?;
        // All that is warned of is tokens that cannot be looked up.
        let shared = lexemes.render_warnings().is_empty();
        let init = GrammarInit::Internal(grammar, lexemes);
        Ok(if shared { Compiled::Shared(Box::new(init)) } else { Compiled::PerVocabulary(source) })
    })
}

/// A parser at the start of the grammar.
pub(super) fn parser(
    compiled: &Compiled,
    notation: Notation,
    vocabulary: &Vocabulary,
) -> Result<Parser, GrammarError> {
    on_large_stack(notation, || {
        let init = match compiled {
            Compiled::Shared(init) => (**init).clone(),
            Compiled::PerVocabulary(source) => GrammarInit::Serialized(source.clone()),
        };
        let env = vocabulary.env.clone();
        let slices = vocabulary.slices.extra_lexemes();
        let counters = Arc::new(ParserPerfCounters::new());
        init.to_cgrammar(Some(env.clone()), &mut Logger::new(0, 0), parser_limits(), slices)
            .and_then(|grammar| Parser::new(env, grammar, parser_limits(), counters))
            .map_err(|error| error.to_string())
    })
}

/// Runs a part of the library's compiler.
fn on_large_stack<T: Send>(
    notation: Notation,
    work: impl FnOnce() -> Result<T, String> + Send,
) -> Result<T, GrammarError> {
    let guarded = || {
        let caught = panic_utils::catch_unwind(AssertUnwindSafe(|| Ok(work())));
        caught.unwrap_or_else(|panic| Err(panic.to_string()))
    };
    let done = std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("grammar".to_owned()).stack_size(COMPILE_STACK_BYTES);
        builder.spawn_scoped(scope, guarded).map(std::thread::ScopedJoinHandle::join)
    });
    match done {
        Ok(Ok(result)) => result.map_err(|message| read_error(notation, &message)),
        // `guarded` catches panics.
        Ok(Err(_)) => Err(too_complex(notation, "its compiler failed")),
        Err(error) => Err(too_complex(notation, &format!("no thread could be started for it: {error}"))),
    }
}

fn too_complex(notation: Notation, message: &str) -> GrammarError {
    GrammarError::TooComplex { notation, message: message.to_owned() }
}

/// Words of the library's messages about limits.
const LIMITS: [&str; 7] =
    ["too big", "too large", "limit", "fuel", "precomputation", "Unable to determine", "panic:"];

/// What the library's compiler has to say, which is text, as one of our errors.
fn read_error(notation: Notation, message: &str) -> GrammarError {
    // What follows the first line is the source around the place, or a backtrace.
    let line = message.lines().next().unwrap_or_default();
    let (place, line) = split_place(line);
    let place = if notation == Notation::Lark { place } else { Place::nowhere() };
    if let Some(reason) = line.strip_prefix("Unsatisfiable schema: ") {
        return GrammarError::Unsatisfiable { notation, message: reason.to_owned() };
    }
    if let Some(error) = unsupported(line) {
        return error;
    }
    if LIMITS.iter().any(|word| line.contains(word)) {
        return too_complex(notation, line.trim_start_matches("panic: "));
    }
    GrammarError::Syntax { place, message: expression_error(line, message).to_owned() }
}

/// The error in a regular expression stands on the last line, under the expression.
fn expression_error<'a>(line: &'a str, message: &'a str) -> &'a str {
    let last = message.lines().find_map(|line| line.strip_prefix("error: "));
    let first = line.split_once(" (in regex): ").map_or(line, |(_, error)| error);
    last.unwrap_or(first)
}

/// Uses of keywords that only the library's compiler can tell from those that it can enforce.
fn unsupported(line: &str) -> Option<GrammarError> {
    let (keyword, why) = if line.starts_with("oneOf constraints") {
        (
            "oneOf",
            " where the alternatives may overlap: use `anyOf`, or give each a `const` or `type` of its own",
        )
    } else if line.starts_with("min/maxProperties") {
        ("minProperties` or `maxProperties", " where listed properties are optional")
    } else if line.starts_with("patternProperty regexes")
        || line.starts_with("can't determine if patternProperty")
    {
        ("patternProperties", " where two patterns may match the same key")
    } else if line.starts_with("Schema intersection stack level exceeded") {
        ("$ref", " where schemas that are combined lead back to themselves")
    } else if line.starts_with("circular references with sibling keys") {
        ("$ref", " with other keywords beside it, where it leads back to itself")
    } else {
        return None;
    };
    let at = "#".to_owned();
    Some(GrammarError::Unsupported { keyword: keyword.to_owned(), at, why: why.to_owned() })
}

/// Takes `at 3(5): ` or `3(5): ` from the front of a message.
fn split_place(line: &str) -> (Place, &str) {
    let parse = || {
        let (place, rest) = line.strip_prefix("at ").unwrap_or(line).split_once("): ")?;
        let (row, column) = place.split_once('(')?;
        Some((Place::new(row.parse().ok()?, column.parse().ok()?), rest))
    };
    parse().unwrap_or_else(|| (Place::nowhere(), line.strip_prefix("at EOF: ").unwrap_or(line)))
}
