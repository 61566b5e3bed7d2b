//! What the engine's work in calls of an instance costs. A call can keep the engine busy for long with few instructions of its own, so it is
//! paid for with fuel, before it is done.
//!
//! The rates are rough, and on the dear side: a unit is about an instruction, some hundred picoseconds. They follow what was measured with the dummy's
//! tokenizer, whose time is proportional to the length of the text, whatever is in it.

use super::budget::Held;
use super::limits::LimitExceeded;
use super::model::ModelHandle;
use super::state::State;
use crate::ids::ModelNumber;
use crate::trace::Limit;
use wasmtime::component::Resource;

/// Units for each byte of text that becomes tokens.
pub const ENCODED_BYTE: u64 = 256;
/// Units for each token that becomes text, or is listed with its bytes.
pub const DECODED_TOKEN: u64 = 64;
/// Units for each token that a decoder of chat, reasoning or tool calls takes.
pub const FED_TOKEN: u64 = 512;
/// Units for each byte of the description of a forward pass.
pub const DESCRIBED_BYTE: u64 = 4;
/// Units for each byte of the source of a grammar, when it is made and when a walk through it begins.
pub const COMPILED_BYTE: u64 = 4096;
/// Units for each token that a walk through a grammar moves over.
pub const ACCEPTED_TOKEN: u64 = 16_384;
/// Units for each token of the vocabulary that a mask is made over.
pub const MASKED_TOKEN: u64 = 4;
/// Units for launching an inferlet: finding it, and all that is made for a new instance.
pub const LAUNCHED: u64 = 100_000;
/// Units for each byte of the input of a launched inferlet, which is read and checked.
pub const LAUNCHED_BYTE: u64 = 64;
/// Units for each byte of JSON that is checked before it is passed on.
pub const CHECKED_BYTE: u64 = 64;
/// Units for each byte of an adapter's file, and of an adapter that is copied.
pub const ADAPTER_BYTE: u64 = 16;
/// Units for an HTTP request: all that is made for a connection.
pub const HTTP_REQUEST: u64 = 100_000;
/// Units for each byte of headers and bodies that goes out or comes in.
pub const HTTP_BYTE: u64 = 16;
/// Units for each normal number that is made of a seed.
pub const NOISE: u64 = 256;
/// Bytes of text that count for what a chat template adds by itself.
pub const TEMPLATE_BYTES: u64 = 128;
/// What a decoder keeps for a token besides its text, in bytes.
const FED_TOKEN_BYTES: u64 = 32;

/// Counts units of work.
#[derive(Debug)]
pub struct WorkBudget {
    used: u64,
    allowed: u64,
}

impl WorkBudget {
    /// A budget of so many units.
    pub fn new(allowed: u64) -> Self {
        WorkBudget { used: 0, allowed }
    }

    fn spend(&mut self, units: u64) -> Result<(), LimitExceeded> {
        self.used = self.used.saturating_add(units);
        let (wanted, allowed) = (self.used, self.allowed);
        if wanted > allowed { Err(LimitExceeded { limit: Limit::Fuel, wanted, allowed }) } else { Ok(()) }
    }
}

/// A decoder, with the room that its text takes until it is reset.
pub struct Decoding<D> {
    decoder: D,
    /// The model whose tokens it takes.
    model: ModelNumber,
    held: Held,
}

impl State {
    /// Pays for work that is about to be done: so many things at this rate.
    pub(crate) fn pay(&mut self, count: usize, rate: u64) -> Result<(), LimitExceeded> {
        self.work.spend((count as u64).saturating_mul(rate))
    }

    /// Pays for a part of a conversation with so many bytes of text from outside.
    pub(crate) fn pay_for_template(&mut self, bytes: usize) -> Result<(), LimitExceeded> {
        self.work.spend((bytes as u64).saturating_add(TEMPLATE_BYTES).saturating_mul(ENCODED_BYTE))
    }

    /// A handle of a new decoder.
    pub(crate) fn decoding<D: Send + 'static>(
        &mut self,
        decoder: D,
        model: &Resource<ModelHandle>,
    ) -> wasmtime::Result<Resource<Decoding<D>>> {
        let model = self.number_of(model)?;
        Ok(self.table.push(Decoding { decoder, model, held: self.held.nothing() })?)
    }

    /// A decoder that is about to take some tokens. It keeps their text twice: in the whole, and in what it has not told yet.
    pub(crate) fn feeding<D: Send + 'static>(
        &mut self,
        decoding: &Resource<Decoding<D>>,
        tokens: &[u32],
    ) -> wasmtime::Result<&mut D> {
        self.pay(tokens.len(), FED_TOKEN)?;
        let tokenizer = &self.models[self.table.get(decoding)?.model].tokenizer;
        let text = |token: &u32| tokenizer.token_bytes(*token).map_or(0, <[u8]>::len) as u64;
        let room: u64 = tokens.iter().map(|token| FED_TOKEN_BYTES + 2 * text(token)).sum();
        let decoding = self.table.get_mut(decoding)?;
        decoding.held.grow(room)?;
        Ok(&mut decoding.decoder)
    }

    /// A decoder that is about to be reset.
    pub(crate) fn resetting<D: Send + 'static>(
        &mut self,
        decoding: &Resource<Decoding<D>>,
    ) -> wasmtime::Result<&mut D> {
        let decoding = self.table.get_mut(decoding)?;
        decoding.held = self.held.nothing();
        Ok(&mut decoding.decoder)
    }
}
