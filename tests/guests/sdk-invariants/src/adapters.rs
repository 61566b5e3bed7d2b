//! Adapters and their training.

use crate::{Subject, refused, same};
use inferlet::prelude::*;
use inferlet::sample::Logits;
use inferlet::zo;

pub async fn check(subject: &Subject) -> Result<Vec<&'static str>> {
    named(subject)?;
    applied(subject).await?;
    mixed(subject).await?;
    files(subject).await?;
    trained(subject).await?;
    Ok(vec!["named", "applied", "mixed", "files", "trained"])
}

const SETTINGS: zo::Settings =
    zo::Settings { rank: 2, alpha: 4.0, population_size: 4, mu_fraction: 0.5, initial_sigma: 0.5 };

/// The logits behind the prompt, as bytes.
async fn logits(subject: &Subject, adapter: Option<&Adapter>, seed: Option<i64>) -> Result<Vec<u8>> {
    let mut ctx = subject.asked()?;
    let prompt = ctx.take_buffer();
    let mut pass = ctx.forward();
    pass.input(&prompt);
    if let Some(adapter) = adapter {
        pass.adapter(adapter);
    }
    if let Some(seed) = seed {
        pass.zo_seed(seed);
    }
    let probe = pass.probe(prompt.len() as u32 - 1, Logits);
    let out = pass.execute().await?;
    Ok(out.logits(probe).ok_or("no logits")?.to_vec())
}

/// An adapter that changes something.
fn moved(model: &Model, name: &str) -> Result<Adapter> {
    let adapter = Adapter::create(model, name)?;
    zo::initialize(&adapter, SETTINGS)?;
    zo::update(&adapter, &[1.0, 2.0, 3.0, 4.0], &[1, 2, 3, 4], 1.0)?;
    Ok(adapter)
}

fn named(subject: &Subject) -> Result<()> {
    let model = &subject.model;
    same("an adapter that nobody made", Adapter::open(model, "nobody").is_some(), false)?;
    let adapter = Adapter::create(model, "mine")?;
    refused("a name twice", Adapter::create(model, "mine"), "choose another name")?;
    refused("no name", Adapter::create(model, ""), "has 0 bytes")?;
    refused("a long name", Adapter::create(model, &"n".repeat(257)), "has 257 bytes")?;
    for name in [" ", "../up", "\u{0}", "ﷺ🦀", &"n".repeat(256)] {
        Adapter::create(model, name)?;
        Adapter::open(model, name).ok_or("an adapter of any name")?.destroy();
    }
    let fork = adapter.fork("yours");
    same("a fork", Adapter::open(model, "yours").is_some(), true)?;
    refused("a fork without a name", adapter.fork("").save("/scratch/a"), "has 0 bytes")?;
    adapter.destroy();
    fork.destroy();
    fork.destroy();
    refused("a destroyed adapter", adapter.save("/scratch/a"), "`mine` has been destroyed")?;
    same("a destroyed adapter", Adapter::open(model, "mine").is_some(), false)
}

async fn applied(subject: &Subject) -> Result<()> {
    let plain = logits(subject, None, None).await?;
    let adapter = Adapter::create(&subject.model, "applied")?;
    same("with a new adapter", logits(subject, Some(&adapter), None).await? == plain, true)?;
    refused("a seed before it is prepared", logits(subject, Some(&adapter), Some(1)).await, "not prepared")?;
    refused("a seed without an adapter", logits(subject, None, Some(1)).await, "without an adapter")?;
    zo::initialize(&adapter, SETTINGS)?;
    same("with a prepared adapter", logits(subject, Some(&adapter), None).await? == plain, true)?;
    let one = logits(subject, Some(&adapter), Some(1)).await?;
    let two = logits(subject, Some(&adapter), Some(2)).await?;
    same("a candidate differs", one != plain && two != plain && one != two, true)?;
    same("the same seed", logits(subject, Some(&adapter), Some(1)).await? == one, true)?;
    same(
        "a fork and the same seed",
        logits(subject, Some(&adapter.fork("copy")), Some(1)).await? == one,
        true,
    )?;
    adapter.destroy();
    refused("a destroyed adapter", logits(subject, Some(&adapter), None).await, "has been destroyed")?;
    same("afterwards", logits(subject, None, None).await? == plain, true)
}

/// What one adapter has written is read by passes with another, and shared with nobody.
async fn mixed(subject: &Subject) -> Result<()> {
    let adapter = moved(&subject.model, "mixed")?;
    let expected = subject.answer(12).await?;
    let mut ctx = subject.asked()?;
    let with = ctx.generate(Sampler::Argmax).adapter(&adapter).max_tokens(12).collect_tokens().await?;
    let seeded = async |seed| -> Result<Vec<u32>> {
        let mut ctx = subject.asked()?;
        let generator = ctx.generate(Sampler::Argmax).adapter(&adapter).zo_seed(seed);
        generator.max_tokens(12).collect_tokens().await
    };
    same("a seeded generation", seeded(3).await?, seeded(3).await?)?;
    same("without it again", subject.answer(12).await?, expected)?;
    let mut drafted = subject.asked()?;
    let generator = drafted.generate(Sampler::Argmax).adapter(&adapter).system_speculation();
    same("with drafts", generator.max_tokens(12).collect_tokens().await?, with)?;
    adapter.destroy();
    Ok(())
}

async fn files(subject: &Subject) -> Result<()> {
    let adapter = moved(&subject.model, "written")?;
    adapter.save("/scratch/adapter.safetensors")?;
    let read = Adapter::create(&subject.model, "read")?;
    read.load("/scratch/adapter.safetensors")?;
    let (expected, got) =
        (logits(subject, Some(&adapter), None).await?, logits(subject, Some(&read), None).await?);
    same("a loaded adapter", got == expected, true)?;
    for path in [
        "adapter.safetensors",
        "/etc/passwd",
        "/scratch/../etc/passwd",
        "/scratchy",
        "/scratch/missing",
        "/scratch/",
        "",
    ] {
        refused(path, read.load(path), path)?;
        if path != "/scratch/missing" {
            refused(path, adapter.save(path), path)?;
        }
    }
    let mut bytes = std::fs::read("/scratch/adapter.safetensors").map_err(|error| error.to_string())?;
    bytes.pop();
    std::fs::write("/scratch/cut", &bytes).map_err(|error| error.to_string())?;
    refused("a cut file", read.load("/scratch/cut"), "not a whole safetensors file")?;
    unfit(&read)?;
    same("after refused files", logits(subject, Some(&read), None).await? == expected, true)?;
    adapter.destroy();
    read.destroy();
    Ok(())
}

/// Files that are whole and do not fit the model.
fn unfit(adapter: &Adapter) -> Result<()> {
    let bytes = std::fs::read("/scratch/adapter.safetensors").map_err(|error| error.to_string())?;
    let (length, rest) = bytes.split_first_chunk().ok_or("no header")?;
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = std::str::from_utf8(header).map_err(|error| error.to_string())?;
    let write = |header: String| {
        let length = (header.len() as u64).to_le_bytes();
        let file = [&length, header.as_bytes(), data].concat();
        std::fs::write("/scratch/unfit", file).map_err(|error| error.to_string())
    };
    // The first matrix, which has as many rows as the rank, lying on its side.
    let (before, shape) = header.split_once("\"shape\":[2,").ok_or("no shape")?;
    let (width, after) = shape.split_once(']').ok_or("no shape")?;
    write(format!("{before}\"shape\":[{width},2]{after}"))?;
    refused(
        "a wrong shape",
        adapter.load("/scratch/unfit"),
        &format!("has the shape [{width}, 2], expected [2, {width}]"),
    )?;
    // The digest of another model.
    let (before, digest) = header.split_once(r#"revision\":\""#).ok_or("no revision")?;
    write(format!(r#"{before}revision\":\"x{}"#, &digest[1..]))?;
    refused("another model", adapter.load("/scratch/unfit"), "was made for another model, `dummy x")?;
    let (before, after) = header.split_once("lora_A").ok_or("no tensor")?;
    write(format!("{before}lora_C{after}"))?;
    refused("an unknown tensor", adapter.load("/scratch/unfit"), "lora_")
}

async fn trained(subject: &Subject) -> Result<()> {
    let adapter = Adapter::create(&subject.model, "trained")?;
    let scores = [1.0, 2.0, 3.0, 4.0];
    refused(
        "an update before it is prepared",
        zo::update(&adapter, &scores, &[1, 2, 3, 4], 1.0),
        "not prepared",
    )?;
    let bad = zo::Settings { rank: 0, ..SETTINGS };
    refused("a bad setting", zo::initialize(&adapter, bad), "`rank` is 0")?;
    zo::initialize(&adapter, SETTINGS)?;
    refused(
        "too few scores",
        zo::update(&adapter, &scores[..3], &[1, 2, 3, 4], 1.0),
        "3 scores came with 4 seeds",
    )?;
    refused("no number", zo::update(&adapter, &[f32::NAN; 4], &[1, 2, 3, 4], 1.0), "score 0 is NaN")?;
    refused("no sigma", zo::update(&adapter, &scores, &[1, 2, 3, 4], -1.0), "`max-sigma` is -1")?;
    let plain = logits(subject, None, None).await?;
    same("after refused updates", logits(subject, Some(&adapter), None).await? == plain, true)?;
    zo::update(&adapter, &scores, &[1, 2, 3, 4], 1.0)?;
    same("after an update", logits(subject, Some(&adapter), None).await? != plain, true)?;
    adapter.destroy();
    Ok(())
}
