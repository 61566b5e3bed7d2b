//! First causes in words.

use super::tokens::Piece;
use super::*;

const RUN: &str = r#"i1 launched program="hello" input="{}"
i1 context-created c1 origin="new"
i1 pass p1 context=c1 tokens=[1,2,3] text="Greet Ada." allowed=4 sampler="argmax" rows=[2]
i1 pass-done p1 tokens=[10] text=" Hello"
i1 pass p2 context=c1 tokens=[10] text=" Hello" sampler="argmax" rows=[0]
i1 pass-done p2 tokens=[11] text=" Ada"
i1 message text="done"
i1 context-destroyed c1
i1 finished outcome=ok passes=2 input_tokens=4 sampled_tokens=2"#;

fn events(changes: &[(&str, &str)]) -> String {
    let found = changes.iter().fold(RUN.to_owned(), |run, (from, to)| {
        assert!(run.contains(from), "{from}");
        run.replacen(from, to, 1)
    });
    compare(Layer::Events, RUN, &found, 0.0)
        .map_or_else(|| "the same".to_owned(), |difference| difference.cause)
}

#[test]
fn the_first_cause_of_a_change_in_the_events_is_said_in_words() {
    assert_eq!(events(&[]), "the same");
    assert_eq!(
        events(&[("allowed=4", "allowed=22")]),
        "pass 1: the mask allowed 18 more tokens (22, and it was 4)"
    );
    assert_eq!(
        events(&[(" allowed=4", "")]),
        "pass 1: there is no mask, and there was one, which allowed 4 tokens"
    );
    assert_eq!(
        events(&[("[10] text=\" Hello\"\ni1 pass p2", "[12] text=\" Hi\"\ni1 pass p2")]),
        "pass 1: it chose \" Hi\" and not \" Hello\""
    );
    assert_eq!(
        events(&[("[1,2,3] text=\"Greet Ada.\"", "[1,5,6,3] text=\"Greet Bob!\"")]),
        "pass 1: its input has 4 tokens and not 3, other ones from token 2 on: `Bob!` and not `Ada.`"
    );
    assert_eq!(
        events(&[("\"argmax\" rows=[2]", "\"top-p 0.6 0.9\" rows=[2]")]),
        "pass 1: it asks for \"top-p 0.6 0.9\" and not \"argmax\""
    );
    assert_eq!(events(&[("text=\"done\"", "text=\"over\"")]), "message: text is \"over\" and was \"done\"");
    assert_eq!(
        events(&[(
            "i1 message text=\"done\"\ni1 context-destroyed c1",
            "i1 context-destroyed c1\ni1 message text=\"done\""
        )]),
        "call order changed: `context-destroyed c1` comes before `message \"done\"`"
    );
    assert_eq!(
        events(&[("i1 message", "i1 context-created c2 origin=\"new\"\ni1 message")]),
        "new: `context-created c2 \"new\"`, before `message \"done\"`"
    );
    assert_eq!(
        events(&[("i1 message text=\"done\"\n", "")]),
        "missing: `message \"done\"`, before `context-destroyed c1`"
    );
    assert_eq!(events(&[("passes=2", "passes=3")]), "finished: passes is 3 and was 2");
    assert_eq!(
        events(&[("\ni1 finished outcome=ok passes=2 input_tokens=4 sampled_tokens=2", "")]),
        "the run does less: `finished` is missing"
    );
}

#[test]
fn chosen_tokens_are_compared_token_by_token() {
    let found = RUN.replace("[11] text=\" Ada\"", "[12] text=\" Bob\"");
    let tokens = compare(Layer::Events, RUN, &found, 0.0).unwrap().tokens.unwrap();
    assert_eq!(tokens.same, 1);
    let pieces = [Piece::Same(" Hello".into()), Piece::Gone(" Ada".into()), Piece::New(" Bob".into())];
    assert_eq!(tokens.pieces, pieces);
}

#[test]
fn the_first_cause_of_a_change_in_the_output_is_said_in_words() {
    let cause = |accepted, found| compare(Layer::Output, accepted, found, 0.0).unwrap().cause;
    let accepted = "message\n  hi\n\nanswer\n  Hello dear Ada\n  bye";
    assert_eq!(
        cause(accepted, "message\n  hi\n\nanswer\n  Hello dear Bob\n  bye"),
        "line 1 of the answer changed: `Bob` and not `Ada`"
    );
    assert_eq!(cause(accepted, "message\n  hi\n\nerror\n  no"), "there is `error` where `answer` was");
    assert_eq!(
        cause(accepted, "message\n  hi\n\nanswer\n  Hello dear Ada"),
        "there is less of the answer: `bye` is missing"
    );
    assert_eq!(cause("answer\n  a", "answer\n  a\n  b"), "there is more of the answer: `b`");
    assert_eq!(cause("answer\n  a", "answer\n  a\n\nfile\n  b"), "there is more of the answer: `file`");
}

#[test]
fn numbers_may_be_a_little_off_and_ids_may_not() {
    let accepted = "i1 logits p3 count=9 highest=[[4,1.5],[7,1.25]]\ni1 margin p3 value=0.25";
    let compared =
        |found: &str| compare(Layer::Numbers, accepted, found, 1e-4).map(|difference| difference.cause);
    assert_eq!(compared(&accepted.replace("1.25", "1.25005")), None);
    assert_eq!(
        compared(&accepted.replace("1.5]", "1.5003]").replace("0.25", "0.2503")).unwrap(),
        "numbers differ by up to 3e-4 in 2 places, first logits of p3; arg max the same"
    );
    assert_eq!(
        compared(&accepted.replace("[4,", "[5,")).unwrap(),
        "numbers differ by up to 0e0 in one place, first logits of p3; the likeliest token is another one"
    );
    assert_eq!(
        compared("i1 margin p3 value=0.25").unwrap(),
        "`i1 margin p3 value=0.25` where `i1 logits p3 count=9 highest=[[4,1.5],[7,1.25]]` was"
    );
}

#[test]
fn a_number_stands_beside_the_one_that_it_was() {
    let line = |pass: u32, value: f32| format!("i1 margin p{pass} value={value}");
    let (gone, new) = (Changed::Gone, Changed::New);
    let accepted = [line(1, 0.5), line(2, 0.75), line(3, 1.0)].join("\n");
    let found = [line(1, 0.25), line(2, 0.5), line(3, 1.0)].join("\n");
    assert_eq!(
        lines(Layer::Numbers, &accepted, &found),
        [
            gone(line(1, 0.5)),
            new(line(1, 0.25)),
            gone(line(2, 0.75)),
            new(line(2, 0.5)),
            Changed::Same(line(3, 1.0))
        ]
    );
    // With one more they are not each other's.
    let longer = format!("{}\n{found}", line(0, 2.0));
    assert_eq!(
        lines(Layer::Numbers, &accepted, &longer)[..3],
        [gone(line(1, 0.5)), gone(line(2, 0.75)), new(line(0, 2.0))]
    );
}

#[test]
fn equal_lines_far_from_a_change_are_left_out() {
    let accepted: Vec<String> = (0..30).map(|line| line.to_string()).collect();
    let accepted = accepted.join("\n");
    let changed = lines(Layer::Output, &accepted, &accepted.replace("15", "x"));
    let same = |text: &str| Changed::Same(text.to_owned());
    let expected = [
        Changed::Gap(13),
        same("13"),
        same("14"),
        Changed::Gone("15".into()),
        Changed::New("x".into()),
        same("16"),
        same("17"),
        Changed::Gap(12),
    ];
    assert_eq!(changed, expected);
}

proptest::proptest! {
    #[test]
    fn any_two_texts_are_compared_without_a_panic(one in "(i1 pass p[0-9] [a-z]{0,3}=[0-9\\[\\]\"]{0,5}\n?){0,6}", other in "\\PC{0,40}") {
        for layer in Layer::ALL {
            compare(layer, &one, &other, 0.1);
            compare(layer, &other, &one, 0.1);
        }
    }
}
