use super::*;

fn choices() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(any::<u32>(), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_token_is_accepted_if_and_only_if_it_is_in_the_mask(source in sources(), choices in choices()) {
        let mut matcher = matcher(source);
        walk(&mut matcher, &choices);
        let mask = matcher.mask();
        for token in 0..VOCABULARY.size() + 2 {
            let possible = mask.as_ref().is_ok_and(|mask| mask.allows(token));
            prop_assert_eq!(matcher.fork().accept(&[token]).is_ok(), possible, "token {}", token);
        }
    }

    #[test]
    fn a_refused_list_leaves_everything_as_it_was(source in sources(), choices in choices(), more in choices(), bad in 0u32..300) {
        let mut matcher = matcher(source);
        walk(&mut matcher, &choices);
        let before = state(&mut matcher);
        let mut tokens = walk(&mut matcher.fork(), &more);
        tokens.push(bad);
        if matcher.fork().accept(&tokens).is_err() {
            let error = matcher.accept(&tokens).unwrap_err();
            let refused = matches!(error, MatcherError::NotAllowed { .. } | MatcherError::UnknownToken { .. });
            prop_assert!(refused, "{}", error);
            prop_assert_eq!(state(&mut matcher), before);
        }
    }

    #[test]
    fn what_is_rolled_back_never_happened(source in sources(), choices in choices(), back in 0usize..50) {
        let mut matcher = matcher(source);
        let tokens = walk(&mut matcher, &choices);
        if back > tokens.len() {
            let error = MatcherError::RollBack { asked: back, accepted: tokens.len() };
            prop_assert_eq!(matcher.roll_back(back), Err(error));
            return Ok(());
        }
        matcher.roll_back(back).unwrap();
        let mut fresh = Matcher::new(matcher.prototype());
        fresh.accept(&tokens[..tokens.len() - back]).unwrap();
        prop_assert_eq!(state(&mut matcher), state(&mut fresh));
        matcher.accept(&tokens[tokens.len() - back..]).unwrap();
    }

    #[test]
    fn to_begin_anew_is_to_reset_and_accept(source in sources(), choices in choices(), others in choices(), bad in 0u32..300) {
        let mut matcher = matcher(source);
        let mut other = matcher.fork();
        walk(&mut matcher, &choices);
        let mut tokens = walk(&mut other, &others);
        matcher.accept_anew(&tokens).unwrap();
        prop_assert_eq!(state(&mut matcher), state(&mut other));
        tokens.push(bad);
        let mut plain = Matcher::new(matcher.prototype());
        let (anew, plainly) = (matcher.accept_anew(&tokens), plain.accept(&tokens));
        prop_assert_eq!(anew, plainly);
        prop_assert_eq!(state(&mut matcher), state(&mut plain));
    }

    #[test]
    fn a_fork_goes_its_own_way(source in sources(), choices in choices(), left in choices(), right in choices()) {
        let mut matcher = matcher(source);
        let tokens = walk(&mut matcher, &choices);
        let mut fork = matcher.fork();
        walk(&mut fork, &left);
        let more = walk(&mut matcher, &right);
        let mut alone = Matcher::new(matcher.prototype());
        alone.accept(&tokens).unwrap();
        alone.accept(&more).unwrap();
        prop_assert_eq!(state(&mut matcher), state(&mut alone));
    }

    #[test]
    fn forced_tokens_are_accepted_and_were_the_only_way(source in sources(), choices in choices()) {
        let mut matcher = matcher(source);
        walk(&mut matcher, &choices);
        let before = state(&mut matcher);
        let forced = matcher.forced_tokens().unwrap();
        prop_assert_eq!(state(&mut matcher), before);
        for token in forced {
            let mask = matcher.mask().unwrap();
            prop_assert_eq!((mask.count(), mask.allows(token)), (1, true));
            matcher.accept(&[token]).unwrap();
        }
    }

    #[test]
    fn both_forms_of_a_mask_are_the_same_set(source in sources(), choices in choices()) {
        let mut matcher = matcher(source);
        walk(&mut matcher, &choices);
        if let Ok(mask) = matcher.mask() {
            let bits = mask.clone().into_bitset();
            prop_assert_eq!(mask.size(), u64::from(VOCABULARY.size()));
            prop_assert_eq!(mask.count(), bits.count() as u64);
            let only = bits.ones().next().filter(|_| bits.count() == 1).map(|token| token as u32);
            prop_assert_eq!((mask.only(), Mask::Bits(bits.clone()).only()), (only, only));
            let runs = mask.clone().into_brle();
            prop_assert_eq!(runs.to_bitset(bits.len()).unwrap(), bits.clone());
            let smaller = 4 * runs.0.len() < 8 * bits.words().len();
            prop_assert!(!smaller || matches!(mask, Mask::Ranges(_)));
        }
    }
}

#[test]
fn the_end_is_possible_exactly_where_the_grammar_can_end() {
    let mut matcher = matcher(Source::Regex("ab?".to_owned()));
    let can_end = |matcher: &mut Matcher| matcher.mask().unwrap().allows(END);
    assert!(!can_end(&mut matcher));
    matcher.accept(&[u32::from(b'a')]).unwrap();
    assert!(can_end(&mut matcher) && !matcher.is_terminated().unwrap());
    matcher.accept(&[u32::from(b'b')]).unwrap();
    assert_eq!(matcher.mask().unwrap().count(), 1);
    assert!(can_end(&mut matcher) && matcher.is_terminated().unwrap());
    matcher.accept(&[END]).unwrap();
    assert!(matcher.is_terminated().unwrap());
    assert_eq!(matcher.mask(), Err(MatcherError::NothingAllowed("the text has ended")));
    matcher.roll_back(2).unwrap();
    assert!(can_end(&mut matcher) && !matcher.is_terminated().unwrap());
}

#[test]
fn a_refusal_names_the_token_and_what_was_possible() {
    let mut matcher = matcher(Source::Regex("a(b|c|d)?".to_owned()));
    let error = matcher.accept(&[u32::from(b'a'), u32::from(b'x')]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the grammar does not allow token 120 `x` here; possible: `b`, `c`, `d`, `bc`, the end of the text"
            .replace(", `bc`", "")
    );
    let error = matcher.accept(&[9999]).unwrap_err();
    assert_eq!(error.to_string(), "token id 9999 is not in the vocabulary, whose ids are below 285");
    // An id that no token has.
    assert!(matches!(matcher.accept(&[284]).unwrap_err(), MatcherError::NotAllowed { token: 284, .. }));
    let error = super::matcher(Source::Json).accept(&[u32::from(b'x')]).unwrap_err().to_string();
    assert!(error.ends_with("more"), "{error}");
}

#[test]
fn a_special_token_matches_where_the_grammar_names_it_and_nowhere_else() {
    let mut tool = ebnf("start: \"a\" <|tool|>");
    tool.accept(&[u32::from(b'a')]).unwrap();
    assert_eq!(tool.forced_tokens().unwrap(), [TOOL]);
    assert!(accepts(&mut ebnf("start: \"a\" <|tool|>"), &[u32::from(b'a'), TOOL]));
    assert!(!matcher(Source::Regex("(?s:.*)".to_owned())).mask().unwrap().allows(TOOL));
    assert!(!accepts_text(&mut tool, "a<|tool|>"));
    let unknown = Arc::new(Grammar::new(Source::Ebnf("start: <|nobody|>".to_owned())).unwrap());
    let error = Prototype::new(unknown, Arc::clone(&VOCABULARY)).err().unwrap().to_string();
    assert!(error.contains("unknown special token: \"<|nobody|>\""), "{error}");
}

#[test]
fn a_vocabulary_that_knows_its_tokenizer_forces_texts() {
    let longest = |text: &str| cut(text, |count| count - 1);
    let vocabulary = Arc::new(vocabulary().with_encoder(Arc::new(longest)));
    let source = r#"{"type":"object","properties":{"name":{"enum":["abc","xyz"]}},"required":["name"],"additionalProperties":false}"#;
    let lark = "start: \"<\" /name/ \": \" (\"abc\" | \"abd\")".to_owned();
    // After `{` there may be white space, and `{"` is a token.
    for (source, expected) in [(Source::Ebnf(lark), "<name: "), (Source::JsonSchema(source.to_owned()), "")] {
        let grammar = Arc::new(Grammar::new(source).unwrap());
        let mut matcher = Matcher::new(&Prototype::new(grammar, Arc::clone(&vocabulary)).unwrap());
        let forced = matcher.forced_tokens().unwrap();
        let text: Vec<u8> =
            forced.iter().flat_map(|token| vocabulary.trie().token(*token).to_vec()).collect();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        matcher.accept(&forced).unwrap();
    }
}

#[test]
fn a_vocabulary_without_an_end_says_so() {
    let bytes = [b"a".to_vec()];
    let vocabulary =
        Vocabulary::new(&Tokens { size: 1, ids: &[0], bytes: &bytes, ..Tokens::default() }).unwrap();
    let grammar = Arc::new(Grammar::new(Source::Regex("a".to_owned())).unwrap());
    let mut matcher = Matcher::new(&Prototype::new(grammar, Arc::new(vocabulary)).unwrap());
    matcher.accept(&[0]).unwrap();
    let error = matcher.mask().unwrap_err().to_string();
    assert_eq!(
        error,
        "the grammar allows no token here: the text is complete, and the vocabulary has no token to end it"
    );
    assert!(matcher.is_terminated().unwrap());
}

#[test]
fn a_vocabulary_that_no_trie_can_hold_is_refused() {
    let bytes = [b"a".to_vec()];
    let refused = |tokens: &Tokens| Vocabulary::new(tokens).unwrap_err().to_string();
    let short = Tokens { size: 1, ids: &[0, 1], bytes: &bytes, ..Tokens::default() };
    assert_eq!(refused(&short), "the vocabulary of 1 ids does not fit its tokens: 2 ids, 1 texts");
    let beyond = Tokens { size: 1, ids: &[0], bytes: &bytes, end: &[7], ..Tokens::default() };
    assert_eq!(refused(&beyond), "the vocabulary of 1 ids does not fit its tokens: id 7");
    let many: Vec<Vec<u8>> = (0..20_000u32).map(|n| [&n.to_le_bytes()[..], &[b'a'; 300]].concat()).collect();
    let ids: Vec<u32> = (0..20_000).collect();
    let large = Tokens { size: 20_000, ids: &ids, bytes: &many, ..Tokens::default() };
    assert!(refused(&large).ends_with("the limit is 4194303"));
}

#[test]
fn tokens_that_a_trie_cannot_hold_and_tokens_with_the_same_bytes_do_no_harm() {
    let bytes = [b"a".to_vec(), b"a".to_vec(), vec![b'a'; 5000], vec![0xff, b'a'], vec![0xff], Vec::new()];
    let ids: Vec<u32> = (0..6).collect();
    let tokens = Tokens { size: 6, ids: &ids, bytes: &bytes, special: &[5], ..Tokens::default() };
    let vocabulary = Arc::new(Vocabulary::new(&tokens).unwrap());
    let grammar = Arc::new(Grammar::new(Source::Regex("a+".to_owned())).unwrap());
    let mut matcher = Matcher::new(&Prototype::new(grammar, vocabulary).unwrap());
    let mask = matcher.mask().unwrap();
    assert_eq!(mask.into_bitset().ones().collect::<Vec<_>>(), [0, 1]);
}
