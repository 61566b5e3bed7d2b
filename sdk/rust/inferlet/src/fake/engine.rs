//! Contexts, and a model whose choices depend on what a token sees.

use std::sync::{Arc, Mutex, MutexGuard};

/// Token ids are below this. The last ones are special.
pub const VOCABULARY: u32 = 64;
pub const USER: u32 = 60;
pub const CUE: u32 = 61;
/// Ends a turn.
pub const END: u32 = 63;
const PAGE_SIZE: u32 = 4;

/// The token of a letter.
pub fn token_of(letter: char) -> u32 {
    letter as u32 % 60
}

#[derive(Debug)]
pub struct FakeModel;

impl FakeModel {
    pub fn load(name: &str) -> Result<FakeModel, String> {
        if name == "default" { Ok(FakeModel) } else { Err(format!("no model `{name}`; there is `default`")) }
    }

    pub fn tokenizer(&self) -> FakeTokenizer {
        FakeTokenizer
    }
}

#[derive(Debug)]
pub struct FakeTokenizer;

impl FakeTokenizer {
    pub fn encode(&self, text: &str) -> Vec<u32> {
        text.chars().map(token_of).collect()
    }

    pub fn decode(&self, tokens: &[u32]) -> Result<String, String> {
        Ok(tokens.iter().map(|&t| letter_of(t)).collect())
    }

    pub fn vocabs(&self) -> (Vec<u32>, Vec<Vec<u8>>) {
        (0..VOCABULARY).map(|t| (t, vec![letter_of(t) as u8])).unzip()
    }

    pub fn special_tokens(&self) -> (Vec<u32>, Vec<Vec<u8>>) {
        (vec![END], vec![b"<end>".to_vec()])
    }

    pub fn split_regex(&self) -> String {
        String::new()
    }
}

pub fn letter_of(token: u32) -> char {
    // 60 ids are 60 consecutive characters, from `<` on: all letters are among them.
    char::from_u32(60 + token % 60).expect("a printable character")
}

/// What the cache holds for one token.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    pub token: u32,
    pub position: u32,
}

#[derive(Debug, Clone, Default)]
pub struct State {
    pub slots: Vec<Slot>,
    pub committed_pages: u32,
    pub working_pages: u32,
    pub bids: Vec<f64>,
}

impl State {
    pub fn working_tokens(&self) -> u32 {
        self.slots.len() as u32 - self.committed_pages * PAGE_SIZE
    }

    pub fn free_slots(&self) -> u32 {
        self.working_pages * PAGE_SIZE - self.working_tokens()
    }
}

/// Scores of all tokens behind what was seen: they depend on tokens, positions and order.
pub fn logits(seen: &[Slot]) -> Vec<f32> {
    let mix = |state: u64, value: u64| (state ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    let state =
        seen.iter().fold(1, |state, slot| mix(mix(state, u64::from(slot.token)), u64::from(slot.position)));
    let mut logits: Vec<f32> =
        (0..VOCABULARY).map(|t| (mix(mix(state, 7), u64::from(t)) >> 44) as f32).collect();
    // Specials other than the end are never chosen, and the end is rare.
    logits[60..].fill(0.0);
    if state % 23 == 0 {
        logits[END as usize] = f32::MAX;
    }
    logits
}

#[derive(Debug)]
pub struct FakeContext(Arc<Mutex<State>>);

impl FakeContext {
    pub fn create(_model: &FakeModel) -> Result<Self, String> {
        Ok(FakeContext(Arc::default()))
    }

    pub fn open(_model: &FakeModel, name: &str) -> Result<Self, String> {
        match SAVED.lock().expect("not poisoned").iter().find(|(saved, _)| saved == name) {
            Some((_, state)) => Ok(Self::holding(state.clone())),
            None => Err(format!("no snapshot `{name}`")),
        }
    }

    pub fn take(model: &FakeModel, name: &str) -> Result<Self, String> {
        let context = Self::open(model, name)?;
        Self::delete(model, name)?;
        Ok(context)
    }

    pub fn delete(_model: &FakeModel, name: &str) -> Result<(), String> {
        SAVED.lock().expect("not poisoned").retain(|(saved, _)| saved != name);
        Ok(())
    }

    fn holding(state: State) -> Self {
        FakeContext(Arc::new(Mutex::new(state)))
    }

    /// Another handle to the same context.
    pub fn share(&self) -> Self {
        FakeContext(self.0.clone())
    }

    pub fn fork(&self) -> Result<Self, String> {
        let mut state = self.state().clone();
        state.bids.clear();
        Ok(Self::holding(state))
    }

    pub fn save(&self, name: &str) -> Result<(), String> {
        SAVED.lock().expect("not poisoned").push((name.to_owned(), self.state().clone()));
        Ok(())
    }

    pub fn snapshot(&self) -> Result<String, String> {
        self.save("generated").map(|()| "generated".to_owned())
    }

    pub fn tokens_per_page(&self) -> u32 {
        PAGE_SIZE
    }

    pub fn committed_page_count(&self) -> u32 {
        self.state().committed_pages
    }

    pub fn working_page_count(&self) -> u32 {
        self.state().working_pages
    }

    pub fn working_page_token_count(&self) -> u32 {
        self.state().working_tokens()
    }

    pub fn reserve_working_pages(&self, count: u32) -> Result<(), String> {
        self.state().working_pages += count;
        Ok(())
    }

    pub fn release_working_pages(&self, count: u32) {
        let mut state = self.state();
        let empty = state.free_slots() / PAGE_SIZE;
        state.working_pages -= count.min(empty);
    }

    pub fn commit_working_pages(&self, count: u32) -> Result<(), String> {
        let mut state = self.state();
        if state.working_tokens() < count * PAGE_SIZE {
            return Err(format!("cannot commit {count} pages: they are not full"));
        }
        state.committed_pages += count;
        state.working_pages -= count;
        Ok(())
    }

    pub fn truncate_working_page_tokens(&self, count: u32) {
        let mut state = self.state();
        let left = state.slots.len() - count.min(state.working_tokens()) as usize;
        state.slots.truncate(left);
    }

    pub fn suspend(&self) -> Result<(), String> {
        Ok(())
    }

    pub fn bid(&self, value: f64) {
        self.state().bids.push(value);
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("not poisoned")
    }

    /// The tokens in the cache.
    pub fn tokens(&self) -> Vec<u32> {
        self.state().slots.iter().map(|slot| slot.token).collect()
    }
}

static SAVED: Mutex<Vec<(String, State)>> = Mutex::new(Vec::new());

#[derive(Debug)]
pub struct FakeAdapter(Arc<str>);

impl FakeAdapter {
    pub fn create(_model: &FakeModel, name: &str) -> Result<Self, String> {
        Ok(FakeAdapter(name.into()))
    }

    pub fn open(_model: &FakeModel, _name: &str) -> Option<Self> {
        None
    }

    pub fn fork(&self, name: &str) -> Self {
        FakeAdapter(name.into())
    }

    pub fn save(&self, _path: &str) -> Result<(), String> {
        Err(format!("adapter `{}` cannot be saved here", self.0))
    }

    pub fn load(&self, _path: &str) -> Result<(), String> {
        Err(format!("adapter `{}` cannot be loaded here", self.0))
    }

    pub fn destroy(&self) {}
}
