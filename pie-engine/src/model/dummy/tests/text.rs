use super::*;
use crate::bitset::Bitset;

const MESSAGES: [&str; 16] = [
    "Hello!",
    "Say hello to Ada.",
    "My name is Konstantin. Who are you?",
    "Tell me a story about a penguin.",
    "What is the capital of Spain?",
    "What is WebAssembly?",
    "How do I bake a cake?",
    "Explain quantum mechanics in simple words.",
    "Write a haiku about databases.",
    "Write a function in Rust that sorts a list.",
    "Give me three tips for better coffee.",
    "Which is better, tea or coffee?",
    "ok",
    "xyzzy",
    "Wer ist das, und warum so früh? 你好",
    "",
];

/// The greedy answer to a message, without the end of its turn.
fn answer(message: &str) -> String {
    let tokens = Session::new(&DUMMY, &asked(message)).generate(GREEDY, 0, 250);
    assert_eq!(tokens.last(), Some(&TURN), "{message}");
    TOKENIZER.decode(&tokens[..tokens.len() - 1]).unwrap()
}

#[test]
fn answers_read_like_this() {
    let answers: Vec<String> =
        MESSAGES[..13].iter().map(|message| format!("> {message}\n{}", answer(message))).collect();
    insta::assert_snapshot!(answers.join("\n\n"), @r#"
    > Hello!
    Hello! How can I help you today?

    > Say hello to Ada.
    Hello, Ada, it is a pleasure to meet you!

    > My name is Konstantin. Who are you?
    Nice to meet you, Konstantin! I have no name of my own. I am a small model that was made for tests.

    > Tell me a story about a penguin.
    There was once a penguin who worked in a library. All day long it carried books from the desk to the shelves and from the shelves to the desk.

    > What is the capital of Spain?
    I am sure that Spain has a capital, but its name is not among the few things I know. An atlas will tell you in a moment.

    > What is WebAssembly?
    There are two ways to answer. For those who use it, WebAssembly is a tool like any other.

    > How do I bake a cake?
    The way to cake is the way to do anything that looks easy: begin slowly, do it every day, and do not count the mistakes.

    > Explain quantum mechanics in simple words.
    A language mechanics reads a text and says, for every token it knows, how likely it is that this token comes next. One token is then chosen and added to the text, and the mechanics is asked again.

    > Write a haiku about databases.
    An old wooden gate,
    and behind it only databases.
    Nobody closed it.

    > Write a function in Rust that sorts a list.
    ```python
    def sort(values):
        """Return the values in order, smallest first."""
        if len(values) < 2:
            return values
        first, rest = values[0], values[1:]
        small = [value for value in rest if value < first]
        large = [value for value in rest if value >= first]
        return sort(small) + [first] + sort(large)
    ```

    It is short, but the sort that comes with the language is faster.

    > Give me three tips for better coffee.
    Here are three tips:

    1. Go to bed at the same time every day, and get up at the same time too.
    2. Keep the room dark, quiet and cool.
    3. Put away your phone an hour before you go to bed.

    > Which is better, tea or coffee?
    That depends on who is asking. Those who have coffee say coffee, and the others are asleep on the chair.

    > ok
    Good. What would you like to do next?
    "#);
}

#[test]
fn texts_go_on_like_this() {
    let texts = ["The quick brown fox", "Once upon a time", "In the beginning", "The meaning of life is"]
        .map(|text| {
            let tokens = Session::new(&DUMMY, text).generate(GREEDY, 0, 250);
            assert_eq!(tokens.last(), Some(&END), "{text}");
            format!("{text}|{}", TOKENIZER.decode(&tokens[..tokens.len() - 1]).unwrap())
        });
    insta::assert_snapshot!(texts.join("\n\n"), @r#"
    The quick brown fox| jumps over the lazy dog. The dog opens one eye, looks at the fox, and goes back to sleep. Nothing else happens that day.

    Once upon a time| there was a king who wanted to know what his people thought of him. He put on an old coat and went down to the market. There he heard many things, and most of them were about the price of bread.

    In the beginning| there was only a list of numbers. Then somebody asked what came next, and that was the end of the quiet.

    The meaning of life is| gone, so 11 - 1 = 10, so 3 does not divide it. 9 + 1 = 10, so 3 does not divide it.
    "#);
}

#[test]
fn a_reply_speaks_of_what_it_was_asked() {
    for name in ["Ada", "Barnaby", "Konstantin", "Zoë", "Grace Hopper"] {
        let said = answer(&format!("Say hello to {name}."));
        assert!(said.contains(&format!(" {name}")), "{said}");
    }
    assert!(answer("Tell me a story about a penguin.").contains(" penguin"));
}

#[test]
fn a_reply_ends_by_itself_at_any_temperature_and_is_never_empty() {
    for message in MESSAGES {
        for (seed, temperature) in [(0, 0.0), (1, 0.6), (2, 1.0), (3, 1.0), (4, 1.0)] {
            let sampler = Sampler::Multinomial { temperature, seed: 0 };
            let tokens = Session::new(&DUMMY, &asked(message)).generate(sampler, seed, 300);
            assert_eq!(
                tokens.last(),
                Some(&TURN),
                "{message} at {temperature}: {:?}",
                TOKENIZER.decode(&tokens)
            );
            assert!(tokens.len() > 1);
            // Nothing but its end is a control token.
            assert!(
                tokens[..tokens.len() - 1].iter().all(|&token| !TOKENIZER.is_control(token)),
                "{tokens:?}"
            );
        }
    }
}

#[test]
fn a_reply_to_nobody_and_reasoning_end_too() {
    for prompt in [
        "<|begin|><|assistant|>",
        "<|begin|><|system|>You are a helpful assistant.<|turn|><|assistant|>",
        "<|user|>How many?<|turn|><|assistant|><|reason|>",
        "<|user|>Weather?<|turn|><|assistant|><|call|>{\"name\":\"get_weather\",\"arguments\":{",
        "<|user|>Hello<|turn|><|assistant|>Hello!<|turn|><|tool|>clock\n12:30<|turn|><|assistant|>",
    ] {
        for temperature in [0.0, 1.0] {
            let sampler = Sampler::Multinomial { temperature, seed: 0 };
            let tokens = Session::new(&DUMMY, prompt).generate(sampler, 7, 300);
            assert_eq!(tokens.last(), Some(&TURN), "{prompt}: {:?}", TOKENIZER.decode(&tokens));
        }
    }
}

#[test]
fn most_replies_have_a_dozen_to_five_dozen_tokens() {
    let mut lengths: Vec<usize> = MESSAGES
        .iter()
        .map(|message| Session::new(&DUMMY, &asked(message)).generate(GREEDY, 0, 300).len())
        .collect();
    lengths.sort_unstable();
    assert!((12..=60).contains(&lengths[lengths.len() / 2]), "{lengths:?}");
    assert!(lengths[lengths.len() / 4] >= 8 && lengths[lengths.len() * 3 / 4] <= 60, "{lengths:?}");
}

#[test]
fn seeds_matter_at_temperature_one_and_not_at_zero() {
    let story = |sampler, seed| Session::new(&DUMMY, &asked("Tell me a story.")).generate(sampler, seed, 250);
    let sampler = Sampler::Multinomial { temperature: 1.0, seed: 0 };
    let stories: std::collections::BTreeSet<_> = (0..12).map(|seed| story(sampler, seed)).collect();
    assert!(stories.len() >= 3, "{} different stories", stories.len());
    assert_eq!(story(sampler, 5), story(sampler, 5));
    assert_eq!(story(GREEDY, 1), story(GREEDY, 2));
}

#[test]
fn what_came_before_a_message_changes_the_answers_to_some() {
    let answers = ["", "You are a pirate.", "Be brief.", "Answer as a poet."].map(|system| {
        let prompt =
            |message| format!("<|begin|><|system|>{system}<|turn|><|user|>{message}<|turn|><|assistant|>");
        MESSAGES.map(|message| Session::new(&DUMMY, &prompt(message)).generate(GREEDY, 0, 250))
    });
    let different =
        (0..MESSAGES.len()).filter(|&at| answers.iter().any(|other| other[at] != answers[0][at])).count();
    assert!(different >= MESSAGES.len() / 3, "{different} of {}", MESSAGES.len());
}

#[test]
fn after_the_end_comes_only_the_end() {
    let mut session = Session::new(&DUMMY, "<|begin|>That was all.<|end|>");
    assert_eq!(session.generate(GREEDY, 0, 5), [END]);
}

#[test]
fn a_string_that_only_a_quotation_mark_can_end_is_ended_in_time() {
    let quote = TOKENIZER.encode("\"")[0];
    let (ids, bytes) = TOKENIZER.vocabs();
    let mut mask = Bitset::new(TOKENIZER.vocab_size() as usize);
    let inside = |text: &[u8]| !text.iter().any(|byte| b"\"\\\n".contains(byte));
    for (&id, text) in ids.iter().zip(bytes).filter(|(id, text)| !TOKENIZER.is_control(**id) && inside(text))
    {
        assert!(!text.is_empty());
        mask.insert(id as usize);
    }
    mask.insert(quote as usize);
    for message in MESSAGES {
        let mut session = Session::new(&DUMMY, &format!("{}{{\"note\": \"", asked(message)));
        for temperature in [0.0, 1.0] {
            let sampler = Sampler::Multinomial { temperature, seed: 0 };
            let closed = (0..24).any(|counter| {
                let draw = draw_seed(9, 1, counter, 0);
                let token =
                    sample(&session.row, Some(&mask), &sampler, draw, &mut Scratch::default()).unwrap().token;
                session.feed(&[token]);
                token == quote
            });
            assert!(closed, "{message}: {}", TOKENIZER.decode(&session.tokens).unwrap());
            session.feed(&TOKENIZER.encode(", \"more\": \""));
        }
    }
}

#[test]
fn a_list_that_need_not_go_on_is_closed() {
    let [comma, bracket] = [",", "]"].map(|text| TOKENIZER.encode(text)[0]);
    let mut mask = Bitset::new(TOKENIZER.vocab_size() as usize);
    [comma, bracket].iter().for_each(|&token| mask.insert(token as usize));
    let mut session = Session::new(&DUMMY, &format!("{}[1", asked("List some numbers.")));
    let closed = (0..20).any(|_| {
        let token = sample(&session.row, Some(&mask), &GREEDY, 0, &mut Scratch::default()).unwrap().token;
        session.feed(&[token]);
        session.feed(&TOKENIZER.encode("1"));
        token == bracket
    });
    assert!(closed, "{}", TOKENIZER.decode(&session.tokens).unwrap());
}
