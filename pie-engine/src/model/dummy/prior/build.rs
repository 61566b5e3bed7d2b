//! Makes the table from the texts.

use super::topic::{Topic, replace_topic, topic_hash, word_hash};
use super::{Exchanges, MAX_ORDER, Prior, Symbol};
use crate::model::dummy::vocabulary::{END, TURN, Traits, USER};
use crate::tokenizer::Tokenizer;

/// Conversations that the tokenizer was trained on.
const CORPUS: &str = include_str!("../assets/corpus.txt");
/// More conversations, and a few texts without any, in the same form.
const REPLIES: &str = include_str!("replies.txt");

/// Words of questions and requests that are not what they are about.
const FUNCTION_WORDS: &str = "a about again all also always am an and another any anybody anyone anything are as ask at be because been \
    before begin better between both but by can come could day did do does done else every everything example explain facts fact few \
    first five four for from fun get give go good great had hand has have he hello help her here him his how I idea ideas if in into is it \
    its just kind know last learn like likes line lines list long look lot make many may me mean might mine more most much my name need \
    never new no not now number of on once one only or other our out over own people please question really reply right say sentence \
    sentences she short should simple so some somebody someone something step steps still such tell text than thank thanks that the their \
    them then there these they thing things think this those three time tips to today together tomorrow too two under up us use used \
    very want was way we well were what when where which while who whole why will with without word words work works would write year \
    yes yet you your yours yourself";

/// The table of the dummy's texts, as it is embedded in `prior/prior.bin`, from its own tokenizer.
pub fn build_prior(tokenizer: &Tokenizer) -> Vec<u8> {
    let (_, bytes) = tokenizer.vocabs();
    let traits = |(token, bytes): (u32, &Vec<u8>)| {
        if tokenizer.is_control(token) { Traits::default() } else { Traits::of(bytes) }
    };
    let words = FUNCTION_WORDS.split_whitespace();
    let mut function_words: Vec<u64> =
        words.map(|word| word_hash(&symbols(tokenizer, &format!(" {word}")))).collect();
    function_words.sort_unstable();
    let mut prior = Prior {
        traits: (0..).zip(bytes).map(traits).collect(),
        counts: Vec::new(),
        symbols: Vec::new(),
        places: Vec::new(),
        starts: Vec::new(),
        function_words,
        topics: Vec::new(),
        exchanges: Exchanges::default(),
    };
    for text in [CORPUS, REPLIES].iter().flat_map(|texts| texts.split_inclusive("<|end|>")) {
        let tokens = symbols(tokenizer, text.trim_start_matches('\n'));
        // What follows the last end is a line break.
        if tokens.last() == Some(&END) {
            let (symbols, topics) = with_topics(&prior, &tokens);
            prior.symbols.extend(symbols);
            prior.topics.extend(topics);
        }
    }
    prior.places = sorted_places(&prior.symbols);
    prior.write()
}

fn symbols(tokenizer: &Tokenizer, text: &str) -> Vec<Symbol> {
    // The embedded tokenizer has about a thousand ids.
    tokenizer.encode(text).into_iter().map(|token| token as Symbol).collect()
}

/// A text in which the topic of each message of the user is replaced, in the message and in what follows it; and hashes of
/// the topics.
fn with_topics(prior: &Prior, tokens: &[Symbol]) -> (Vec<Symbol>, Vec<u64>) {
    let mut symbols = Vec::with_capacity(tokens.len());
    let mut topics = Vec::new();
    for part in tokens.split_inclusive(|&token| token == USER) {
        let message = &part[..part.iter().position(|&token| token == TURN).unwrap_or(0)];
        // What comes before the first user is no message, and its topic is nobody's.
        let asked = symbols.last() == Some(&USER);
        let topic = Topic::of(prior, if asked { message } else { &[] });
        let topic_tokens = &message[topic.place];
        if asked {
            topics.push(topic_hash(topic_tokens));
        }
        replace_topic(prior, part, topic_tokens, topic.symbol, &mut symbols);
    }
    (symbols, topics)
}

/// All places but the first, by their histories up to the longest that is ever looked at, and then by their order in the texts.
fn sorted_places(symbols: &[Symbol]) -> Vec<u16> {
    let count = u16::try_from(symbols.len()).expect("the embedded texts are a few thousand symbols");
    let history = |place: u16| symbols[..usize::from(place)].iter().rev().take(MAX_ORDER);
    let mut places: Vec<u16> = (1..count).collect();
    places.sort_by(|&a, &b| history(a).cmp(history(b)));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_is_what_the_texts_make() {
        let built = build_prior(&Tokenizer::dummy());
        assert!(
            built == Prior::embedded_bytes(),
            "run `cargo run -p pie-engine --example build-dummy-prior` after a change to the texts or the tokenizer"
        );
    }

    #[test]
    fn a_table_survives_being_written_and_read() {
        let prior = Prior::embedded();
        assert_eq!(Prior::read(&prior.write()), Some(prior.clone()));
        assert_eq!(Prior::read(&prior.write()[..100]), None);
        assert_eq!(Prior::read(b"something else"), None);
    }

    #[test]
    fn the_intervals_of_a_history_hold_exactly_the_places_that_have_it() {
        let prior = Prior::embedded();
        for end in (20..prior.symbols.len()).step_by(97) {
            let history: Vec<Symbol> = prior.symbols[end - 15..end].iter().rev().copied().collect();
            let matches = prior.find(&history);
            assert_eq!(matches.order, MAX_ORDER);
            for order in 1..=MAX_ORDER {
                let (start, stop) = matches.intervals[order - 1];
                let mut found: Vec<u16> = prior.places[start.into()..stop.into()].to_vec();
                found.sort_unstable();
                let expected: Vec<u16> = (order..prior.symbols.len())
                    .filter(|&place| prior.symbols[..place].iter().rev().take(order).eq(&history[..order]))
                    .map(|place| place as u16)
                    .collect();
                assert_eq!(found, expected);
            }
        }
    }

    fn topic_of(message: &str) -> String {
        let tokenizer = Tokenizer::dummy();
        let tokens = symbols(&tokenizer, message);
        let found: Vec<u32> =
            tokens[Topic::of(&Prior::embedded(), &tokens).place].iter().map(|&token| token.into()).collect();
        tokenizer.decode(&found).unwrap()
    }

    #[test]
    fn the_topic_is_the_last_name_or_else_the_last_content_word() {
        assert_eq!(topic_of("Say hello to Ada."), " Ada");
        assert_eq!(topic_of("Who was Ada Lovelace?"), " Ada Lovelace");
        assert_eq!(topic_of("Do you know Zoë? I like cheese."), " Zoë");
        assert_eq!(topic_of("Tell me a story about a fox"), " fox");
        assert_eq!(topic_of("Can you explain recursion to me?"), " recursion");
        assert_eq!(topic_of("What should I do?"), "");
        assert_eq!(topic_of("Hello"), "");
        assert_eq!(topic_of(""), "");
    }
}
