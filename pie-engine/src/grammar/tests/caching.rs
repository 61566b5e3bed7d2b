use super::*;

fn numbered(number: usize) -> Source {
    Source::Regex(format!("a{{{number}}}"))
}

#[test]
fn equal_sources_are_one_grammar_and_one_prototype() {
    let cache = GrammarCache::default();
    let first = cache.grammar(Source::Json).unwrap();
    assert!(Arc::ptr_eq(&first, &cache.grammar(Source::Json).unwrap()));
    let a = cache.matcher(&first, &VOCABULARY).unwrap();
    let b = cache.matcher(&first, &VOCABULARY).unwrap();
    assert!(Arc::ptr_eq(a.prototype(), b.prototype()));
    assert_eq!(cache.len(), 1);
    let other = Arc::new(vocabulary());
    assert!(Arc::ptr_eq(cache.matcher(&first, &other).unwrap().vocabulary(), &other));
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let cache = GrammarCache::default();
    let first = cache.grammar(numbered(0)).unwrap();
    let second = cache.grammar(numbered(1)).unwrap();
    for number in 2..CACHED_GRAMMARS {
        cache.grammar(numbered(number)).unwrap();
    }
    assert!(Arc::ptr_eq(&first, &cache.grammar(numbered(0)).unwrap()));
    cache.grammar(numbered(CACHED_GRAMMARS)).unwrap();
    assert_eq!(cache.len(), CACHED_GRAMMARS);
    assert!(Arc::ptr_eq(&first, &cache.grammar(numbered(0)).unwrap()));
    assert!(!Arc::ptr_eq(&second, &cache.grammar(numbered(1)).unwrap()));
    // One that fell out is still good.
    assert!(accepts_text(&mut cache.matcher(&second, &VOCABULARY).unwrap(), "a"));
}

#[test]
fn large_sources_count_by_their_size() {
    let cache = GrammarCache::default();
    let size = MAX_SOURCE_BYTES - 100;
    for number in 0..CACHED_BYTES / size + 3 {
        let comment = "/".repeat(size);
        cache.grammar(Source::Ebnf(format!("start: \"{number}\" {comment}"))).unwrap();
    }
    assert_eq!(cache.len(), CACHED_BYTES / size);
}

#[test]
fn a_source_that_does_not_compile_is_not_kept() {
    let cache = GrammarCache::default();
    assert!(cache.grammar(Source::Regex("(".to_owned())).is_err());
    assert!(cache.is_empty());
}
