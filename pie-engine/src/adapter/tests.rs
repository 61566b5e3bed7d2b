use super::*;
use crate::model::Target;
use proptest::prelude::{Just, any, prop, proptest};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;

fn model() -> ModelInfo {
    let target = |name: &str, inputs, outputs| Target { name: name.to_owned(), inputs, outputs };
    ModelInfo {
        name: "toy".to_owned(),
        digest: "d1".to_owned(),
        vocab_size: 10,
        max_positions: 100,
        embedding_size: None,
        adapter_targets: vec![target("layers.0.up", 3, 4), target("layers.1.down", 4, 2)],
        kernel: "scalar".to_owned(),
    }
}

const SETTINGS: Settings = Settings { rank: 2, alpha: 4.0, population: 4, mu_fraction: 0.5, sigma: 0.25 };

fn ada() -> Arc<str> {
    "ada".into()
}

fn adapter() -> Adapter {
    Adapters::new(&model()).create(&ada(), "mine").unwrap()
}

fn trained() -> Adapter {
    let adapter = adapter();
    adapter.initialize(&SETTINGS).unwrap();
    adapter.update(&[1.0, 2.0, 3.0, 4.0], &[1, 2, 3, 4], 1.0).unwrap();
    adapter
}

fn digest(adapter: &Adapter, seed: Option<i64>) -> Option<u64> {
    adapter.overlay(seed).unwrap().map(|overlay| overlay.digest())
}

/// A file with one number in all entries of its tensors.
fn file(tensors: &[(&str, &[usize])], number: f32, metadata: &[(&str, &str)]) -> Vec<u8> {
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|(_, shape)| number.to_le_bytes().repeat(shape.iter().product())).collect();
    let views = tensors.iter().zip(&data).map(|((name, shape), data)| {
        (
            format!("base_model.model.{name}.weight"),
            TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap(),
        )
    });
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    safetensors::serialize(views, Some(metadata)).unwrap()
}

const UP: [(&str, &[usize]); 2] = [("layers.0.up.lora_A", &[2, 3]), ("layers.0.up.lora_B", &[4, 2])];

#[test]
fn a_new_adapter_changes_nothing_and_neither_does_one_that_is_only_prepared() {
    let adapter = adapter();
    assert_eq!(digest(&adapter, None), None);
    adapter.initialize(&SETTINGS).unwrap();
    assert_eq!(digest(&adapter, None), None);
    assert!(digest(&adapter, Some(1)).is_some());
}

#[test]
fn the_same_seed_gives_the_same_candidate_everywhere() {
    let (one, other) = (trained(), trained());
    assert_eq!(digest(&one, Some(9)), digest(&other, Some(9)));
    assert_ne!(digest(&one, Some(9)), digest(&one, Some(10)));
    assert_ne!(digest(&one, Some(9)), digest(&one, None));
    // More candidates than are kept change nothing.
    let first = digest(&one, Some(0));
    (1..40).for_each(|seed| assert_ne!(digest(&one, Some(seed)), first));
    assert_eq!(digest(&one, Some(0)), first);
    assert_eq!(first, Some(0xba8e_dedd_c07b_03c9), "its bits are fixed");
}

#[test]
fn names_belong_to_users_and_numbers_are_not_used_again() {
    let adapters = Adapters::new(&model());
    let (ada, bob) = (ada(), Arc::from("bob"));
    let mine = adapters.create(&ada, "a").unwrap();
    assert_eq!(adapters.create(&ada, "a").unwrap_err(), AdapterError::Exists("a".to_owned()));
    assert!(adapters.open(&bob, "a").is_none() && adapters.open(&ada, "b").is_none());
    adapters.open(&ada, "a").unwrap().initialize(&SETTINGS).unwrap();
    assert_eq!(mine.population(), Some(4), "both are handles of one adapter");
    mine.destroy().unwrap();
    adapters.create(&ada, "a").unwrap();
    let gone = AdapterError::Gone("a".to_owned());
    assert_eq!(mine.overlay(None).unwrap_err(), gone);
    assert_eq!((mine.destroy(), mine.save().map(drop)), (Err(gone.clone()), Err(gone.clone())));
    assert_eq!(mine.initialize(&SETTINGS), Err(gone));
}

#[test]
fn a_fork_goes_its_own_way_and_takes_the_place_of_what_had_its_name() {
    let original = trained();
    let replaced = original.fork("copy").unwrap();
    let fork = original.fork("copy").unwrap();
    assert_eq!(replaced.overlay(None).unwrap_err(), AdapterError::Gone("copy".to_owned()));
    assert_eq!(digest(&fork, Some(3)), digest(&original, Some(3)));
    let before = digest(&original, None);
    fork.update(&[1.0, 2.0, 3.0, 4.0], &[5, 6, 7, 8], 1.0).unwrap();
    assert_ne!(digest(&fork, None), before);
    assert_eq!(digest(&original, None), before);
}

#[test]
fn adapters_are_limited_in_names_number_and_size() {
    let adapters = Adapters::new(&model());
    assert_eq!(adapters.create(&ada(), "").unwrap_err(), AdapterError::Name(0));
    assert_eq!(adapters.create(&ada(), &"n".repeat(257)).unwrap_err(), AdapterError::Name(257));
    let all: Vec<Adapter> =
        (0..MOST_ADAPTERS).map(|number| adapters.create(&ada(), &number.to_string()).unwrap()).collect();
    assert_eq!(adapters.create(&ada(), "more").unwrap_err(), AdapterError::TooMany);
    assert_eq!(all[0].fork("more").unwrap_err(), AdapterError::TooMany);
    all[1].fork("0").unwrap();
    adapters.create(&Arc::from("bob"), "more").unwrap();

    let wide = Target { name: "wide".to_owned(), inputs: 1 << 17, outputs: 1 << 17 };
    let adapters = Adapters::new(&ModelInfo { adapter_targets: vec![wide], ..model() });
    let adapter = adapters.create(&ada(), "large").unwrap();
    let settings = Settings { rank: 256, ..SETTINGS };
    assert_eq!(adapter.initialize(&settings), Err(AdapterError::TooLarge { wanted: 1 << 29 }));
    let no_targets = ModelInfo { adapter_targets: Vec::new(), ..model() };
    assert_eq!(Adapters::new(&no_targets).create(&ada(), "a").unwrap_err(), AdapterError::NoTargets);
}

#[test]
fn training_follows_its_settings() {
    let adapter = adapter();
    assert_eq!(adapter.update(&[], &[], 1.0), Err(AdapterError::NotPrepared("mine".to_owned())));
    assert_eq!(adapter.overlay(Some(1)).unwrap_err(), AdapterError::NotPrepared("mine".to_owned()));
    assert!(adapter.initialize(&Settings { population: 0, ..SETTINGS }).is_err());
    adapter.initialize(&SETTINGS).unwrap();
    let other = adapter.initialize(&Settings { rank: 3, ..SETTINGS });
    assert_eq!(other, Err(AdapterError::Rank { has: 2, asked: 3 }));
    let before = adapter.save().unwrap();
    assert!(adapter.update(&[1.0; 3], &[1, 2, 3], 1.0).is_err());
    assert_eq!(adapter.save().unwrap(), before, "what is refused changes nothing");
    let huge = adapter.update(&[1.0, 2.0, 3.0, 4.0], &[1, 2, 3, 4], 1.0).unwrap();
    assert!(huge <= 1.0);
    adapter.initialize(&Settings { sigma: f32::MAX, ..SETTINGS }).unwrap();
    assert_eq!(adapter.update(&[1.0, 2.0, 3.0, 4.0], &[1, 2, 3, 4], 1.0), Err(AdapterError::Diverged));
}

#[test]
fn what_is_saved_and_loaded_is_the_same_adapter() {
    let adapter = trained();
    let saved = adapter.save().unwrap();
    assert_eq!(saved, trained().save().unwrap(), "the bytes are the same each time");
    let loaded = super::tests::adapter();
    loaded.load(&saved).unwrap();
    assert_eq!(digest(&loaded, None), digest(&adapter, None));
    assert_eq!(loaded.save().unwrap(), saved);
    assert_eq!(loaded.overlay(Some(1)).unwrap_err(), AdapterError::NotPrepared("mine".to_owned()));
    loaded.initialize(&SETTINGS).unwrap();
    assert_eq!(digest(&loaded, None), digest(&adapter, None), "loaded weights are trained further");
}

#[test]
fn a_file_of_peft_is_read() {
    let config =
        r#"{"peft_type": "LORA", "r": 2, "lora_alpha": 6, "bias": "none", "task_type": "CAUSAL_LM"}"#;
    let adapter = adapter();
    adapter.load(&file(&UP, 0.5, &[("format", "pt"), ("adapter_config", config)])).unwrap();
    let mut output = [0.0; 4];
    adapter.overlay(None).unwrap().unwrap().add(0, &[1.0, 1.0, 1.0], &mut output);
    // Three inputs, a rank of two, a scale of 6 / 2.
    assert_eq!(output, [3.0 * 2.0 * 0.5 * 1.5; 4]);
    let mut untouched = [0.0; 2];
    adapter.overlay(None).unwrap().unwrap().add(1, &[1.0; 4], &mut untouched);
    assert_eq!(untouched, [0.0; 2], "targets that the file leaves out are not changed");
    adapter.load(&file(&UP, 0.5, &[])).unwrap();
    adapter.overlay(None).unwrap().unwrap().add(0, &[1.0, 1.0, 1.0], &mut output);
    assert_eq!(output, [4.5 + 1.5; 4], "without settings the scale is 1");
}

#[test]
fn files_that_do_not_fit_are_refused_and_change_nothing() {
    let good = file(&UP, 0.5, &[]);
    let with = |config: &str| file(&UP, 0.5, &[("adapter_config", config)]);
    let mut long = good.clone();
    long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut typed = good.clone();
    let at = typed.windows(3).position(|window| window == b"F32").unwrap();
    typed[at..at + 3].copy_from_slice(b"I32");
    let bad = [
        (Vec::new(), "not a whole safetensors file"),
        (b"not a file at all, but long enough".to_vec(), "header of the file would have"),
        (good[..good.len() - 1].to_vec(), "not a whole safetensors file"),
        (good[..20].to_vec(), "not a whole safetensors file"),
        (long, "header of the file would have 18446744073709551615 bytes"),
        (typed, "numbers of the type I32"),
        (file(&UP, f32::NAN, &[]), "`base_model.model.layers.0.up.lora_A.weight` has an entry that is NaN"),
        (file(&UP, f32::INFINITY, &[]), "an entry that is inf"),
        (file(&UP[..1], 0.5, &[]), "`layers.0.up` has only one of"),
        (file(&[("layers.0.up.lora_A", &[2, 5]), UP[1]], 0.5, &[]), "has the shape [2, 5], expected [2, 3]"),
        (file(&[UP[0], ("layers.0.up.lora_B", &[4, 1])], 0.5, &[]), "has the shape [4, 1], expected [4, 2]"),
        (file(&[UP[0], ("layers.0.up.lora_B", &[8])], 0.5, &[]), "has the shape [8], expected [4, 2]"),
        (file(&[UP[0], UP[1], ("q_proj.lora_A", &[1])], 0.5, &[]), "may change: layers.0.up, layers.1.down"),
        (
            with(r#"{"peft_type": "LORA", "r": 2, "lora_alpha": 1, "revision": "d2"}"#),
            "another model, `unknown d2`",
        ),
        (with(r#"{"peft_type": "LORA", "r": 3, "lora_alpha": 1}"#), "expected [3, 3]"),
        (with(r#"{"peft_type": "IA3", "r": 2, "lora_alpha": 1}"#), "`IA3`"),
        (with(r#"{"peft_type": "LORA", "r": 2, "lora_alpha": 1, "use_dora": true}"#), "`use_dora`"),
        (with("{}"), "missing field"),
    ];
    let adapter = trained();
    let before = adapter.save().unwrap();
    for (file, expected) in bad {
        let error = adapter.load(&file).unwrap_err().to_string();
        assert!(error.contains(expected), "`{error}` does not say `{expected}`");
    }
    assert_eq!(adapter.save().unwrap(), before);
}

proptest! {
    #[test]
    fn no_file_makes_reading_panic(mut file in Just(trained().save().unwrap()), spots in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        for (spot, byte) in spots {
            let at = spot.index(file.len());
            file[at] = byte;
        }
        let _ = adapter().load(&file);
        file.truncate(cut.index(file.len()));
        let _ = adapter().load(&file);
    }
}
