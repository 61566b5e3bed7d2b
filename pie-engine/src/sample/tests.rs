use super::*;
use crate::bitset::Bitset;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Multiples of 1/16, so that shifting by an integer is exact, with many ties; some tokens impossible.
fn rows() -> impl Strategy<Value = Vec<f32>> {
    let logit = prop_oneof![
        8 => (-160i32..160).prop_map(|sixteenths| sixteenths as f32 / 16.0),
        1 => Just(f32::NEG_INFINITY),
    ];
    prop::collection::vec(logit, 1..300)
        .prop_filter("possible", |row| row.iter().any(|logit| logit.is_finite()))
}

fn samplers() -> impl Strategy<Value = Sampler> {
    let temperature = prop_oneof![Just(0.0f32), Just(1.0), 0.1f32..3.0];
    let p = prop_oneof![Just(1.0f32), 0.001f32..1.0];
    (temperature, p, 0u32..40, 0..5).prop_map(|(temperature, p, k, kind)| match kind {
        0 => Sampler::Multinomial { temperature, seed: k },
        1 => Sampler::TopK { temperature, k },
        2 => Sampler::TopP { temperature, p },
        3 => Sampler::MinP { temperature, p },
        _ => Sampler::TopKTopP { temperature, k, p },
    })
}

/// A mask for a row that allows at least one possible token, from random bits.
fn mask_for(row: &[f32], bits: &[bool]) -> Bitset {
    let mut mask = Bitset::new(row.len());
    (0..row.len()).filter(|index| bits[index % bits.len()]).for_each(|index| mask.insert(index));
    mask.insert(row.iter().position(|logit| logit.is_finite()).unwrap());
    mask
}

fn choose(row: &[f32], mask: Option<&Bitset>, sampler: &Sampler, draw: u64) -> u32 {
    sample(row, mask, sampler, draw, &mut Scratch::default()).unwrap().token
}

/// Probabilities as the definitions say, in double precision and without any shortcut: rank, cut, normalize. The allowance widens
/// (or with a negative sign narrows) each cut, for tokens so close to it that rounding may decide.
fn reference(row: &[f32], mask: Option<&Bitset>, sampler: &Sampler, allowance: f64) -> Vec<(u32, f64)> {
    let mut ranked: Vec<(u32, f64)> = (0..row.len() as u32)
        .filter(|&token| mask.is_none_or(|mask| mask.get(token as usize).unwrap()))
        .map(|token| (token, f64::from(row[token as usize])))
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let temperature = f64::from(sampler.temperature());
    if temperature == 0.0 {
        return vec![(ranked[0].0, 1.0)];
    }
    let peak = ranked[0].1;
    ranked.iter_mut().for_each(|(_, value)| *value = ((*value - peak) / temperature).exp());
    let cut_k =
        |ranked: &mut Vec<(u32, f64)>, k: u32| ranked.truncate(if k == 0 { usize::MAX } else { k as usize });
    let cut_p = |ranked: &mut Vec<(u32, f64)>, p: f32| {
        let total: f64 = ranked.iter().map(|entry| entry.1).sum();
        let mut reached = 0.0;
        ranked.retain(|(_, weight)| {
            let keep = reached < (f64::from(p) + allowance) * total;
            reached += weight;
            keep
        });
    };
    match *sampler {
        Sampler::Multinomial { .. } => {}
        Sampler::TopK { k, .. } => cut_k(&mut ranked, k),
        Sampler::TopP { p, .. } => cut_p(&mut ranked, p),
        Sampler::MinP { p, .. } => ranked.retain(|(_, weight)| *weight >= f64::from(p) - allowance),
        Sampler::TopKTopP { k, p, .. } => {
            cut_k(&mut ranked, k);
            cut_p(&mut ranked, p);
        }
    }
    let total: f64 = ranked.iter().map(|entry| entry.1).sum();
    ranked.iter().map(|(token, weight)| (*token, weight / total)).collect()
}

proptest! {
    #[test]
    fn what_is_chosen_is_allowed_possible_and_in_the_support(
        row in rows(),
        bits in prop::collection::vec(any::<bool>(), 1..70),
        masked in any::<bool>(),
        sampler in samplers(),
        draws in prop::collection::vec(any::<u64>(), 8),
    ) {
        let mask = mask_for(&row, &bits);
        let mask = masked.then_some(&mask);
        let support: BTreeSet<u32> = reference(&row, mask, &sampler, 1e-6).iter().map(|entry| entry.0).collect();
        for draw in draws.into_iter().chain([0, u64::MAX]) {
            let token = choose(&row, mask, &sampler, draw);
            prop_assert!(mask.is_none_or(|mask| mask.get(token as usize).unwrap()));
            prop_assert!(row[token as usize].is_finite());
            prop_assert!(support.contains(&token), "{} chose {}", sampler, token);
        }
    }

    #[test]
    fn shifting_all_logits_changes_nothing(row in rows(), shift in -50i32..50, sampler in samplers(), draw in any::<u64>()) {
        let shifted: Vec<f32> = row.iter().map(|logit| logit + shift as f32).collect();
        prop_assert_eq!(choose(&row, None, &sampler, draw), choose(&shifted, None, &sampler, draw));
        for probe in [Probe::Entropy, Probe::Logprob(0), Probe::Distribution { temperature: 0.7, k: 5 }] {
            let [a, b] = [&row, &shifted].map(|row| read(row, None, None, &probe, &mut Scratch::default()).unwrap());
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn the_arg_max_does_not_change_with_the_scale(row in rows(), exponent in -20i32..20, draw in any::<u64>()) {
        let scaled: Vec<f32> = row.iter().map(|logit| logit * 2f32.powi(exponent)).collect();
        let greedy = Sampler::TopP { temperature: 0.0, p: 0.5 };
        prop_assert_eq!(choose(&row, None, &greedy, draw), choose(&scaled, None, &greedy, 0));
    }

    #[test]
    fn the_arg_max_is_the_first_of_the_greatest_and_its_margin_the_distance_to_the_next(
        row in rows(),
        bits in prop::collection::vec(any::<bool>(), 1..70),
    ) {
        let mask = mask_for(&row, &bits);
        let allowed: Vec<usize> = mask.ones().collect();
        let greatest = allowed.iter().map(|&token| row[token]).fold(f32::NEG_INFINITY, f32::max);
        let first = *allowed.iter().find(|&&token| row[token] == greatest).unwrap();
        let second = allowed.iter().filter(|&&token| token != first).map(|&token| row[token]).fold(f32::NEG_INFINITY, f32::max);
        let choice = sample(&row, Some(&mask), &Sampler::TopK { temperature: 0.0, k: 3 }, 1, &mut Scratch::default()).unwrap();
        prop_assert_eq!(choice.token as usize, first);
        prop_assert_eq!(choice.margin, second.is_finite().then_some(greatest - second));
    }

    #[test]
    fn a_used_scratch_changes_nothing(first in rows(), second in rows(), a in samplers(), b in samplers(), draw in any::<u64>()) {
        let mut scratch = Scratch::default();
        sample(&first, None, &a, draw, &mut scratch).unwrap();
        let reused = sample(&second, None, &b, draw, &mut scratch).unwrap();
        prop_assert_eq!(reused, sample(&second, None, &b, draw, &mut Scratch::default()).unwrap());
    }

    #[test]
    fn a_distribution_is_the_reference_in_the_reference_order(
        row in rows(),
        bits in prop::collection::vec(any::<bool>(), 1..70),
        k in 0u32..40,
        temperature in prop_oneof![Just(0.0f32), 0.1f32..3.0],
    ) {
        let mask = mask_for(&row, &bits);
        let probe = Probe::Distribution { temperature, k };
        let Reading::Distribution { ids, probabilities } = read(&row, None, Some(&mask), &probe, &mut Scratch::default()).unwrap()
        else { panic!("not a distribution") };
        let expected = reference(&row, Some(&mask), &Sampler::Multinomial { temperature, seed: 0 }, 0.0);
        let len = if k == 0 { mask.count() } else { mask.count().min(k as usize) };
        prop_assert_eq!(ids.len(), len);
        prop_assert_eq!(probabilities.len(), len);
        for ((id, probability), (token, exact)) in ids.iter().zip(&probabilities).zip(&expected) {
            prop_assert_eq!(id, token);
            prop_assert!((f64::from(*probability) - exact).abs() < 1e-6);
        }
    }

    #[test]
    fn logprobs_and_entropy_are_those_of_the_distribution(row in rows(), bits in prop::collection::vec(any::<bool>(), 1..70)) {
        let mask = mask_for(&row, &bits);
        let exact = reference(&row, Some(&mask), &Sampler::Multinomial { temperature: 1.0, seed: 0 }, 0.0);
        let all: Vec<u32> = (0..row.len() as u32).collect();
        let Reading::Logprobs(logprobs) = read(&row, None, Some(&mask), &Probe::Logprobs(all), &mut Scratch::default()).unwrap()
        else { panic!("not logprobs") };
        for token in 0..row.len() as u32 {
            let logprob = logprobs[token as usize];
            match exact.iter().find(|entry| entry.0 == token).filter(|entry| entry.1 > 0.0) {
                Some((_, probability)) => prop_assert!((f64::from(logprob) - probability.ln()).abs() < 1e-5),
                None => prop_assert_eq!(logprob, f32::NEG_INFINITY),
            }
        }
        let nats: f64 = exact.iter().filter(|entry| entry.1 > 0.0).map(|(_, p)| -p * p.ln()).sum();
        let Reading::Entropy(entropy) = read(&row, None, Some(&mask), &Probe::Entropy, &mut Scratch::default()).unwrap()
        else { panic!("not an entropy") };
        prop_assert!((f64::from(entropy) - nats).abs() < 1e-5, "{} {}", entropy, nats);
    }
}

/// Pearson's test with fixed draws, so it either always passes or never.
#[test]
fn frequencies_match_probabilities_for_every_sampler() {
    let row: Vec<f32> = (0..200).map(|token| ((token * 37 % 101) as f32) * 0.05).collect();
    let bits: Vec<bool> = (0..7).map(|bit| bit % 3 != 0).collect();
    let mask = mask_for(&row, &bits);
    let samplers = [
        Sampler::Multinomial { temperature: 1.0, seed: 3 },
        Sampler::Multinomial { temperature: 2.5, seed: 0 },
        Sampler::TopK { temperature: 0.8, k: 17 },
        Sampler::TopP { temperature: 1.0, p: 0.7 },
        Sampler::MinP { temperature: 1.3, p: 0.2 },
        Sampler::TopKTopP { temperature: 1.0, k: 30, p: 0.8 },
    ];
    const DRAWS: u64 = 8_000;
    for sampler in samplers {
        for mask in [None, Some(&mask)] {
            let mut counts = vec![0u64; row.len()];
            let mut scratch = Scratch::default();
            for counter in 0..DRAWS {
                let draw = draw_seed(11, 5, counter, sampler.seed());
                counts[sample(&row, mask, &sampler, draw, &mut scratch).unwrap().token as usize] += 1;
            }
            let expected = reference(&row, mask, &sampler, 0.0);
            let chi_square: f64 = expected
                .iter()
                .map(|&(token, probability)| {
                    let mean = probability * DRAWS as f64;
                    (counts[token as usize] as f64 - mean).powi(2) / mean
                })
                .sum();
            // Mean n - 1, variance 2 (n - 1): four standard deviations.
            let freedom = expected.len() as f64 - 1.0;
            assert!(
                chi_square < freedom + 4.0 * (2.0 * freedom).sqrt(),
                "{sampler}: {chi_square} for {freedom}"
            );
            let within: u64 = expected.iter().map(|entry| counts[entry.0 as usize]).sum();
            assert_eq!(within, DRAWS, "{sampler} left its support");
        }
    }
}

#[test]
fn parameters_out_of_range_are_named_with_their_range() {
    let bad = |sampler: Sampler| sample(&[0.0], None, &sampler, 0, &mut Scratch::default()).unwrap_err();
    for temperature in [f32::NAN, -0.5, f32::INFINITY] {
        let error = bad(Sampler::Multinomial { temperature, seed: 0 });
        assert_eq!(
            error.to_string(),
            format!("`temperature` is {temperature}, expected a finite number of at least 0")
        );
    }
    for p in [f32::NAN, 0.0, -0.1, 1.5] {
        for sampler in [
            Sampler::TopP { temperature: 0.0, p },
            Sampler::MinP { temperature: 1.0, p },
            Sampler::TopKTopP { temperature: 1.0, k: 1, p },
        ] {
            assert_eq!(
                bad(sampler).to_string(),
                format!("`p` is {p}, expected a number greater than 0 and at most 1")
            );
        }
    }
    let error =
        read(&[0.0; 8], None, None, &Probe::Logprobs(vec![7, 8]), &mut Scratch::default()).unwrap_err();
    assert_eq!(error.to_string(), "token 8 is outside the vocabulary, whose ids are below 8");
    let error =
        read(&[0.0], None, None, &Probe::Distribution { temperature: -1.0, k: 0 }, &mut Scratch::default());
    assert!(matches!(error, Err(SampleError::Parameter { parameter: "temperature", .. })));
}

#[test]
fn a_mask_that_allows_nothing_is_an_error_never_a_free_choice() {
    let mut only_impossible = Bitset::new(3);
    only_impossible.insert(1);
    let row = [1.0, f32::NEG_INFINITY, 2.0];
    for mask in [Bitset::new(3), only_impossible] {
        for sampler in [
            Sampler::TopK { temperature: 0.0, k: 0 },
            Sampler::Multinomial { temperature: 1.0, seed: 0 },
            Sampler::TopP { temperature: 1.0, p: 0.5 },
        ] {
            let result = sample(&row, Some(&mask), &sampler, 0, &mut Scratch::default());
            assert_eq!(result, Err(SampleError::NothingAllowed));
        }
        assert_eq!(
            read(&row, None, Some(&mask), &Probe::Entropy, &mut Scratch::default()),
            Err(SampleError::NothingAllowed)
        );
    }
    let short = Bitset::full(2);
    let result =
        sample(&row, Some(&short), &Sampler::TopK { temperature: 0.0, k: 0 }, 0, &mut Scratch::default());
    assert_eq!(result, Err(SampleError::MaskLength { expected: 3, actual: 2 }));
}

#[test]
fn a_logit_that_is_not_a_number_is_noticed_wherever_it_is_allowed() {
    for vocab_size in [5, 64, 130] {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut row = vec![0.5f32; vocab_size];
            row[3] = bad;
            let greedy = Sampler::TopK { temperature: 0.0, k: 0 };
            let result = sample(&row, None, &greedy, 0, &mut Scratch::default());
            assert!(matches!(result, Err(SampleError::BadLogit { token: 3, .. })));
            let mut mask = Bitset::full(vocab_size);
            assert!(sample(&row, Some(&mask), &greedy, 0, &mut Scratch::default()).is_err());
            mask = Bitset::new(vocab_size);
            mask.insert_range(4..vocab_size);
            for sampler in [greedy, Sampler::Multinomial { temperature: 1.0, seed: 0 }] {
                assert!(choose(&row, Some(&mask), &sampler, u64::MAX / 2) >= 4);
            }
        }
    }
}

#[test]
fn raw_logits_and_embeddings_are_what_the_model_computed_whatever_the_mask() {
    let row = [1.0, -2.0, f32::NEG_INFINITY];
    let mask = Bitset::new(3);
    let reading = read(&row, None, Some(&mask), &Probe::RawLogits, &mut Scratch::default()).unwrap();
    assert_eq!(reading, Reading::Logits(row.to_vec()));
    let embedding = [0.6, 0.8];
    let reading =
        read(&row, Some(&embedding), Some(&mask), &Probe::Embedding, &mut Scratch::default()).unwrap();
    assert_eq!(reading, Reading::Embedding(embedding.to_vec()));
    let missing = read(&row, None, None, &Probe::Embedding, &mut Scratch::default());
    assert_eq!(missing, Err(SampleError::NoEmbedding));
}

#[test]
fn samplers_and_probes_print_as_they_stand_in_a_trace() {
    assert_eq!(Sampler::TopP { temperature: 0.6, p: 0.95 }.to_string(), "top-p 0.6 0.95");
    assert_eq!(Sampler::TopKTopP { temperature: 1.0, k: 40, p: 0.9 }.to_string(), "top-k-top-p 1 40 0.9");
    assert_eq!(Probe::Logprobs(vec![3, 1]).to_string(), "logprobs 3 1");
    assert_eq!(Probe::Distribution { temperature: 0.0, k: 5 }.to_string(), "dist 0 5");
}

/// The same bits on every machine and in every build.
#[test]
fn its_results_are_fixed() {
    let row: Vec<f32> = (0..1000).map(|token| ((token * 7919 % 1009) as f32) * 0.011).collect();
    let mut scratch = Scratch::default();
    let tokens: Vec<u32> = (0..6)
        .map(|counter| {
            let sampler = Sampler::TopP { temperature: 0.8, p: 0.9 };
            sample(&row, None, &sampler, draw_seed(1, 1, counter, 0), &mut scratch).unwrap().token
        })
        .collect();
    assert_eq!(tokens, [785, 251, 73, 554, 403, 963]);
    let Reading::Entropy(entropy) = read(&row, None, None, &Probe::Entropy, &mut scratch).unwrap() else {
        panic!()
    };
    assert_eq!(entropy.to_bits(), 1085281794);
}
