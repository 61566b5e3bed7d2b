//! Records in few bytes, for whoever hands them to another thread of the process: a pass, its step and its answer are most of what a trace has, and take a fraction of the time
//! and of the room that their text takes. This is no format of a file: what is written here is read by the same program.
//!
//! What has no brief form is as it is; whoever writes it has to do so in another way.

use super::{Event, Record, SamplerCall, Slot, Tokens};
use crate::ids::{ContextId, InstanceId, PassId};

/// Lists that are longer have no brief form, and nor have longer names of samplers.
const FEW: usize = 64;

/// The kinds of records.
const PASS: u8 = 0;
const STEP: u8 = 1;
const DONE: u8 = 2;

/// Appends a record if it has a brief form; whether it has.
pub fn append(out: &mut Vec<u8>, Record { seq, at, event }: &Record) -> bool {
    let start = out.len();
    let mut to = Appending(out);
    let kind = match event {
        Event::Pass { .. } => PASS,
        Event::Step { .. } => STEP,
        Event::PassDone { .. } => DONE,
        _ => return false,
    };
    to.byte(kind);
    to.number(*seq);
    to.number(*at);
    let whole = to.event(event).is_some();
    if !whole {
        out.truncate(start);
    }
    whole
}

/// Takes a record from the beginning of what was appended; none where there is something else.
pub fn take(bytes: &mut &[u8]) -> Option<Record> {
    let mut from = Taking(bytes);
    let kind = from.byte()?;
    let (seq, at) = (from.number()?, from.number()?);
    let event = match kind {
        PASS => from.pass(),
        STEP => from.step(),
        DONE => from.done(),
        _ => None,
    }?;
    Some(Record { seq, at, event })
}

/// Bytes that something is appended to.
pub(crate) struct Appending<'a>(pub &'a mut Vec<u8>);

/// Bytes that something is taken from.
pub(crate) struct Taking<'a, 'b>(pub &'a mut &'b [u8]);

impl Appending<'_> {
    #[inline(always)]
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// Seven bits a byte, the lowest first.
    #[inline(always)]
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    /// How many there are, if there are few.
    #[inline(always)]
    pub fn count(&mut self, count: usize) -> Option<()> {
        let few = count <= FEW;
        self.byte(if few { count as u8 } else { 0 });
        few.then_some(())
    }

    fn numbers(&mut self, numbers: &[u32]) -> Option<()> {
        self.count(numbers.len())?;
        numbers.iter().for_each(|number| self.number(u64::from(*number)));
        Some(())
    }

    fn tokens(&mut self, tokens: &Tokens) -> Option<()> {
        match tokens {
            Tokens::Full(tokens) => self.numbers(tokens),
            Tokens::Elided(_) => None,
        }
    }

    /// Those that are there, after a byte that says which are.
    #[inline(always)]
    fn optional<const N: usize>(&mut self, numbers: [Option<u64>; N]) {
        let there = numbers.iter().enumerate();
        self.byte(there.fold(0, |bits, (at, number)| bits | (u8::from(number.is_some()) << at)));
        numbers.into_iter().flatten().for_each(|number| self.number(number));
    }

    /// All of its bits.
    pub fn fraction(&mut self, fraction: Option<f32>) {
        self.optional([fraction.map(|fraction| u64::from(fraction.to_bits()))]);
    }

    fn event(&mut self, event: &Event) -> Option<()> {
        match event {
            Event::Pass {
                instance,
                pass,
                context,
                tokens,
                guesses: None,
                positions: None,
                reused,
                attention_mask: None,
                adapter: None,
                allowed,
                shown,
                samplers,
            } => {
                self.number(instance.0);
                self.number(pass.0);
                let (context, reused) = (context.map(|context| context.0), (*reused > 0).then_some(*reused));
                self.optional([context, reused.map(u64::from), allowed.map(u64::from), shown.map(u64::from)]);
                self.tokens(tokens)?;
                self.count(samplers.len())?;
                samplers.iter().try_for_each(|SamplerCall { indices, sampler }| {
                    self.numbers(indices)?;
                    self.count(sampler.len())?;
                    self.0.extend_from_slice(sampler.as_bytes());
                    Some(())
                })
            }
            Event::Step { step, passes, rows, recomputed, price } if price.to_bits() == 0 => {
                self.number(*step);
                self.count(passes.len())?;
                for (instance, pass) in passes {
                    self.number(instance.0);
                    self.number(pass.0);
                }
                self.number(u64::from(*rows));
                self.number(u64::from(*recomputed));
                Some(())
            }
            Event::PassDone { instance, pass, slots, held, guesses: None, margin } => {
                self.number(instance.0);
                self.number(pass.0);
                self.optional([held.map(u64::from)]);
                self.fraction(*margin);
                self.count(slots.len())?;
                slots.iter().try_for_each(|slot| match slot {
                    Slot::Token(token) => {
                        self.number(u64::from(*token));
                        Some(())
                    }
                    _ => None,
                })
            }
            _ => None,
        }
    }
}

impl Taking<'_, '_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        *self.0 = rest;
        Some(*byte)
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    /// So many of what comes.
    pub fn list<T>(&mut self, mut next: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.byte()?;
        (0..count).map(|_| next(self)).collect()
    }

    fn numbers(&mut self) -> Option<Vec<u32>> {
        self.list(Self::small)
    }

    fn text(&mut self) -> Option<String> {
        let count = self.byte()?;
        let (text, rest) = self.0.split_at_checked(usize::from(count))?;
        *self.0 = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    fn optional<const N: usize>(&mut self) -> Option<[Option<u64>; N]> {
        let bits = self.byte()?;
        let mut numbers = [None; N];
        for (at, number) in numbers.iter_mut().enumerate() {
            if bits & (1 << at) != 0 {
                *number = Some(self.number()?);
            }
        }
        Some(numbers)
    }

    pub fn fraction(&mut self) -> Option<Option<f32>> {
        let [bits] = self.optional()?;
        Some(narrow(bits)?.map(f32::from_bits))
    }

    fn pass(&mut self) -> Option<Event> {
        let (instance, pass) = (InstanceId(self.number()?), PassId(self.number()?));
        let [context, reused, allowed, shown] = self.optional()?;
        let tokens = Tokens::Full(self.numbers()?);
        let samplers = self.list(|from| {
            let indices = from.numbers()?;
            Some(SamplerCall { indices, sampler: from.text()? })
        })?;
        Some(Event::Pass {
            instance,
            pass,
            context: context.map(ContextId),
            tokens,
            guesses: None,
            positions: None,
            reused: narrow(reused)?.unwrap_or(0),
            attention_mask: None,
            adapter: None,
            allowed: narrow(allowed)?,
            shown: narrow(shown)?,
            samplers,
        })
    }

    fn step(&mut self) -> Option<Event> {
        let step = self.number()?;
        let passes = self.list(|from| Some((InstanceId(from.number()?), PassId(from.number()?))))?;
        Some(Event::Step { step, passes, rows: self.small()?, recomputed: self.small()?, price: 0.0 })
    }

    fn done(&mut self) -> Option<Event> {
        let (instance, pass) = (InstanceId(self.number()?), PassId(self.number()?));
        let [held] = self.optional()?;
        let (held, margin) = (narrow(held)?, self.fraction()?);
        let slots = self.list(|from| from.small().map(Slot::Token))?;
        Some(Event::PassDone { instance, pass, slots, held, guesses: None, margin })
    }
}

/// A number of 32 bits, if there is one; nothing if it has more.
fn narrow(number: Option<u64>) -> Option<Option<u32>> {
    number.map(u32::try_from).transpose().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::jsonl::Reader;
    use proptest::prelude::*;
    use std::fs::File;
    use std::io::BufReader;

    fn held(record: &Record) -> Option<usize> {
        let mut bytes = b"before".to_vec();
        if !append(&mut bytes, record) {
            assert_eq!(bytes, b"before");
            return None;
        }
        let briefly = bytes.len() - 6;
        bytes.extend_from_slice(b"after");
        let mut rest = &bytes[6..];
        assert_eq!(take(&mut rest).as_ref(), Some(record));
        assert_eq!(rest, b"after");
        // Nothing that is cut is taken for whole.
        assert_eq!(take(&mut &bytes[6..bytes.len() - 6]), None);
        Some(briefly)
    }

    #[test]
    fn records_of_traces_come_back_as_they_were() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/examples");
        let (mut brief, mut all) = (0, 0);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                for record in Reader::new(BufReader::new(File::open(&path).unwrap())).unwrap() {
                    brief += u32::from(held(&record.unwrap()).is_some());
                    all += 1;
                }
            }
        }
        assert!(brief > all / 2, "{brief} of {all}");
    }

    fn records() -> impl Strategy<Value = Record> {
        let number = || prop_oneof![any::<u64>(), 0..300_u64];
        let list = || proptest::collection::vec(any::<u32>(), 0..=FEW + 1);
        let pass = (
            (any::<Option<u64>>(), any::<Option<u32>>(), any::<Option<u32>>(), any::<u32>()),
            list(),
            proptest::collection::vec((list(), ".{0,20}"), 0..3),
        );
        let pass = (number(), number(), pass).prop_map(|(instance, pass, (optional, tokens, samplers))| {
            let (context, allowed, shown, reused) = optional;
            let samplers = samplers.into_iter();
            Event::Pass {
                instance: InstanceId(instance),
                pass: PassId(pass),
                context: context.map(ContextId),
                tokens: tokens.into(),
                guesses: None,
                positions: None,
                reused,
                attention_mask: None,
                adapter: None,
                allowed,
                shown,
                samplers: samplers.map(|(indices, sampler)| SamplerCall { indices, sampler }).collect(),
            }
        });
        let passes = proptest::collection::vec((number(), number()), 0..=FEW + 1);
        let step =
            (number(), passes, any::<u32>(), any::<u32>(), prop_oneof![Just(0.0), Just(-0.0), Just(0.5)]);
        let step = step.prop_map(|(step, passes, rows, recomputed, price)| {
            let passes = passes.into_iter();
            let passes = passes.map(|(instance, pass)| (InstanceId(instance), PassId(pass))).collect();
            Event::Step { step, passes, rows, recomputed, price }
        });
        let margin = proptest::option::of(proptest::num::f32::POSITIVE | proptest::num::f32::INFINITE);
        let done = (number(), number(), list(), any::<Option<u32>>(), margin);
        let done = done.prop_map(|(instance, pass, slots, held, margin)| {
            let slots = slots.into_iter().map(Slot::Token).collect();
            Event::PassDone {
                instance: InstanceId(instance),
                pass: PassId(pass),
                slots,
                held,
                guesses: None,
                margin,
            }
        });
        (number(), number(), prop_oneof![pass, step, done]).prop_map(|(seq, at, event)| Record {
            seq,
            at,
            event,
        })
    }

    proptest! {
        #[test]
        fn any_record_comes_back_as_it_was_or_has_no_brief_form(record in records()) {
            let size = held(&record);
            // A list that is long has none, and nor has a price.
            let text = serde_json::to_string(&record).unwrap();
            prop_assert!(size.is_some() || text.len() > 64 || text.contains("price"));
        }

        #[test]
        fn bytes_of_something_else_are_no_record_or_one_that_has_a_brief_form(bytes: Vec<u8>) {
            if let Some(record) = take(&mut &bytes[..]) {
                prop_assert!(append(&mut Vec::new(), &record) || bytes.len() > FEW);
            }
        }
    }
}
