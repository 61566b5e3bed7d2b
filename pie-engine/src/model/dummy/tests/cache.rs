use super::*;
use proptest::prelude::*;

#[test]
fn every_logit_depends_on_every_token_seen() {
    let a = Session::new(&DUMMY, "<|begin|>One two three four five six seven eight nine ten");
    let b = Session::new(&DUMMY, "<|begin|>Two two three four five six seven eight nine ten");
    assert_eq!(a.tokens.len(), b.tokens.len());
    let same = a.row.iter().zip(&b.row).filter(|(a, b)| a.to_bits() == b.to_bits()).count();
    assert!(same <= 2, "{same} logits are the same");
}

#[test]
fn a_slot_that_nobody_wrote_cannot_be_read() {
    let mut store = DUMMY.new_store(PAGES, PAGE_SIZE);
    let unwritten = forward(&DUMMY, &mut *store, &[20], &[3], 3, None, &[0]).unwrap_err();
    assert_eq!(unwritten, ModelError::Unwritten { page: PageId(0), slot: 0 });
    // Unless a mask hides it.
    let mask = [Brle(vec![3, 1])];
    assert!(forward(&DUMMY, &mut *store, &[20], &[3], 3, Some(&mask), &[0]).is_ok());

    let tokens: Vec<u32> = (20..50).collect();
    let positions: Vec<u32> = (0..30).collect();
    forward(&DUMMY, &mut *store, &tokens, &positions, 0, None, &[]).unwrap();
    store.clear(PageId(1));
    let cleared = forward(&DUMMY, &mut *store, &[20], &[30], 30, None, &[0]).unwrap_err();
    assert_eq!(cleared, ModelError::Unwritten { page: PageId(1), slot: 0 });
    let copied = forward(&DUMMY, &mut *store, &[20], &[16], 16, None, &[0]);
    assert!(copied.is_ok(), "the first page is still there");
}

#[test]
fn a_stale_slot_shows() {
    let text = TOKENIZER.encode("The owl looked at the moon and said nothing");
    let mut fresh = DUMMY.new_store(PAGES, PAGE_SIZE);
    let mut stale = DUMMY.new_store(PAGES, PAGE_SIZE);
    let positions: Vec<u32> = (0..text.len() as u32).collect();
    let last = [text.len() as u32 - 1];
    let expected = forward(&DUMMY, &mut *fresh, &text, &positions, 0, None, &last).unwrap();
    // A cache that forgets to write one slot again after a truncation reads what was there before.
    let mut before = text.clone();
    before[4] = 300;
    forward(&DUMMY, &mut *stale, &before, &positions, 0, None, &[]).unwrap();
    for (at, &token) in text.iter().enumerate().filter(|(at, _)| *at != 4) {
        forward(&DUMMY, &mut *stale, &[token], &[at as u32], at as u32, None, &[]).unwrap();
    }
    let end = text.len() - 1;
    let seen = forward(&DUMMY, &mut *stale, &text[end..], &positions[end..], end as u32, None, &[0]).unwrap();
    assert_ne!(seen.logits, expected.logits);
}

#[test]
fn a_slot_remembers_under_which_mask_it_was_computed() {
    let tokens: Vec<u32> = (20..26).collect();
    let positions: Vec<u32> = (0..6).collect();
    let narrow: Vec<Brle> = (0..6).map(|at| Brle(vec![at, 1])).collect();
    let rows = [None, Some(&narrow[..])].map(|masks| {
        let mut store = DUMMY.new_store(PAGES, PAGE_SIZE);
        forward(&DUMMY, &mut *store, &tokens, &positions, 0, masks, &[]).unwrap();
        forward(&DUMMY, &mut *store, &[40], &[6], 6, None, &[0]).unwrap().logits
    });
    assert_ne!(rows[0], rows[1]);
}

#[test]
fn a_text_is_read_by_position_wherever_its_slots_are() {
    let text = TOKENIZER.encode("Once upon a time there was");
    let in_order: Vec<u32> = (0..text.len() as u32).collect();
    let (last, before) = text.split_last().unwrap();
    let reversed: Vec<u32> = before.iter().rev().copied().collect();
    let positions: Vec<u32> = in_order[..before.len()].iter().rev().copied().collect();
    // Tokens of one pass that see each other, as their masks say, may come in any order.
    let n = before.len() as u32;
    let all = vec![Brle(vec![0, n]); before.len()];
    let rows = [(before.to_vec(), in_order[..before.len()].to_vec()), (reversed, positions)].map(
        |(tokens, positions)| {
            let mut store = DUMMY.new_store(PAGES, PAGE_SIZE);
            forward(&DUMMY, &mut *store, &tokens, &positions, 0, Some(&all), &[]).unwrap();
            forward(&DUMMY, &mut *store, &[*last], &[n], n, None, &[0]).unwrap().logits
        },
    );
    assert_eq!(rows[0], rows[1]);
}

#[test]
fn embeddings_have_length_one_and_are_closer_for_texts_that_share_words() {
    let embed = |text: &str| {
        let tokens = TOKENIZER.encode(text);
        let positions: Vec<u32> = (0..tokens.len() as u32).collect();
        let mut store = DUMMY.new_store(PAGES, PAGE_SIZE);
        forward(&DUMMY, &mut *store, &tokens, &positions, 0, None, &[tokens.len() as u32 - 1])
            .unwrap()
            .embeddings
    };
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let [fox, owl, bread] = [
        "The fox went down to the river in the evening",
        "In the evening a fox came to the river",
        "Bread needs flour, water, salt and patience",
    ]
    .map(embed);
    assert_eq!(fox.len(), 64);
    assert!((dot(&fox, &fox) - 1.0).abs() < 1e-5);
    assert!(dot(&fox, &owl) > dot(&fox, &bread) + 0.2, "{} {}", dot(&fox, &owl), dot(&fox, &bread));
    assert_ne!(fox, embed("The river went down to the fox in the evening"));
}

proptest! {
    #[test]
    fn no_tokens_positions_or_masks_make_it_panic_or_give_anything_but_logits(
        tokens in prop::collection::vec(prop_oneof![0u32..16, 16u32..1024], 1..60),
        spread in 1u32..80,
        seed in any::<u64>(),
        masked in any::<bool>(),
    ) {
        let random = |index: usize| crate::splitmix::splitmix64(seed ^ index as u64);
        let positions: Vec<u32> = (0..tokens.len()).map(|index| (random(index) % u64::from(spread)) as u32).collect();
        let masks: Vec<Brle> = (0..tokens.len())
            .map(|index| {
                let covered = if random(index) % 2 == 0 { index + 1 } else { tokens.len() } as u32;
                let hidden = (random(index + 1000) % u64::from(covered + 1)) as u32;
                Brle(vec![hidden, covered - hidden])
            })
            .collect();
        let rows: Vec<u32> = (0..tokens.len() as u32).collect();
        let mut store = DUMMY.new_store(PAGES, PAGE_SIZE);
        let masks = masked.then_some(&masks[..]);
        let outputs = forward(&DUMMY, &mut *store, &tokens, &positions, 0, masks, &rows).unwrap();
        prop_assert_eq!(outputs.logits.len(), tokens.len() * DUMMY.info().vocab_size as usize);
        prop_assert!(outputs.logits.iter().chain(&outputs.embeddings).all(|value| value.is_finite()));
    }
}

#[test]
fn a_batch_that_makes_no_sense_is_an_error_and_says_why() {
    let mut store = DUMMY.new_store(2, 4);
    let pages = [PageId(0), PageId(1)];
    let far = [PageId(9), PageId(0)];
    let short = [Brle(vec![0, 1]), Brle(vec![0, 7])];
    let good = Sequence {
        tokens: &[20, 21],
        positions: &[0, 1],
        pages: &pages,
        start: 0,
        masks: None,
        adapter: None,
        rows: &[1],
        embeddings: false,
    };
    let cases = [
        (Sequence { positions: &[0], ..good }, "2 tokens have 1 positions"),
        (
            Sequence { tokens: &[20, 1024], ..good },
            "token 1024 is outside the vocabulary, whose ids are below 1024",
        ),
        (Sequence { pages: &far, ..good }, "page 9 is outside of the store, which has 2 pages"),
        (Sequence { start: 7, ..good }, "the context needs 9 slots, its pages have 8"),
        (Sequence { rows: &[2], ..good }, "row 2 is asked for, but there are 2 tokens"),
        (Sequence { rows: &[1, 0], ..good }, "the rows asked for do not rise"),
        (Sequence { masks: Some(&short[..1]), ..good }, "2 tokens have 1 masks"),
        (Sequence { masks: Some(&short), ..good }, "mask 1 covers 7 slots, expected 2 or 2"),
    ];
    for (sequence, message) in cases {
        let batch = Batch { sequences: vec![sequence], page_size: 4 };
        let error = DUMMY.forward(&batch, &mut *store, &mut Outputs::default()).unwrap_err();
        assert_eq!(error, ModelError::Failed(message.to_owned()));
    }
    let batch = Batch { sequences: vec![good], page_size: 8 };
    assert!(DUMMY.forward(&batch, &mut *store, &mut Outputs::default()).is_err());
    let batch = Batch { sequences: vec![good], page_size: 4 };
    assert!(DUMMY.forward(&batch, &mut *store, &mut Outputs::default()).is_ok());
}
