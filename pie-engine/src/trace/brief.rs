//! Records in few bytes, for whoever hands them to another thread of the process, and the text of these: a pass, its step and its answer are most of what a trace has, and take a
//! fraction of the time and of the room that their text takes. This is no format of a file: what is written here is read by the same program.
//!
//! What has no brief form is as it is; whoever writes it has to do so in another way. The text is byte for byte what [`jsonl`](super::jsonl) writes, which the tests see to: it is
//! written here a second time because events would first have to be made for it again, which takes longer than their text does.

use super::{Event, Record, SamplerCall, Slot, Tokens, json};

/// What would take more bytes has no brief form.
const LONGEST: usize = 192;

/// The kinds of records.
const PASS: u8 = 0;
const STEP: u8 = 1;
const DONE: u8 = 2;

/// Appends a record if it has a brief form; whether it has.
pub fn append(out: &mut Vec<u8>, record: &Record) -> bool {
    let mut brief = Brief::new();
    let has = brief.record(record).is_some();
    if has {
        out.extend_from_slice(brief.bytes());
    }
    has
}

/// Takes a record from the beginning of what was appended, and appends its line to a text; nothing where there is something else.
pub fn append_line(bytes: &mut &[u8], text: &mut Vec<u8>) -> Option<()> {
    let mut from = Taking(bytes);
    let kind = from.byte()?;
    let mut to = Text(text);
    to.field("{\"seq\":", from.number()?);
    to.field(",\"at\":", from.number()?);
    to.put(",");
    match kind {
        PASS => from.pass(&mut to, Reused::Written)?,
        STEP => from.step(&mut to)?,
        DONE => from.done(&mut to)?,
        _ => return None,
    }
    to.put("}\n");
    Some(())
}

/// Whether it is written how many tokens of a pass were found in the prefix table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reused {
    Written,
    Left,
}

/// A brief form in the making. It is put together in a place of its own, which knows its size, and then copied at once: that takes half of the time of adding byte by byte to what
/// may grow.
pub(crate) struct Brief {
    bytes: [u8; LONGEST],
    length: usize,
}

/// Bytes that something is taken from.
pub(crate) struct Taking<'a, 'b>(pub &'a mut &'b [u8]);

impl Brief {
    #[inline(always)]
    pub fn new() -> Brief {
        Brief { bytes: [0; LONGEST], length: 0 }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    #[inline(always)]
    fn byte(&mut self, byte: u8) -> Option<()> {
        *self.bytes.get_mut(self.length)? = byte;
        self.length += 1;
        Some(())
    }

    /// Seven bits a byte, the lowest first.
    #[inline(always)]
    pub fn number(&mut self, mut number: u64) -> Option<()> {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80)?;
            number >>= 7;
        }
        self.byte(number as u8)
    }

    /// How many there are, in a byte.
    #[inline(always)]
    pub fn count(&mut self, count: usize) -> Option<()> {
        self.byte(u8::try_from(count).ok()?)
    }

    #[inline(always)]
    fn numbers(&mut self, numbers: &[u32]) -> Option<()> {
        self.count(numbers.len())?;
        numbers.iter().try_for_each(|number| self.number(u64::from(*number)))
    }

    /// Those that are there, after a byte that says which are.
    #[inline(always)]
    fn optional<const N: usize>(&mut self, numbers: [Option<u64>; N]) -> Option<()> {
        let there = numbers.iter().enumerate();
        self.byte(there.fold(0, |bits, (at, number)| bits | (u8::from(number.is_some()) << at)))?;
        numbers.into_iter().flatten().try_for_each(|number| self.number(number))
    }

    /// All of its bits.
    #[inline(always)]
    pub fn fraction(&mut self, fraction: Option<f32>) -> Option<()> {
        match fraction {
            None => self.byte(0),
            Some(fraction) => {
                self.byte(1)?;
                let end = self.length + 4;
                self.bytes.get_mut(self.length..end)?.copy_from_slice(&fraction.to_bits().to_le_bytes());
                self.length = end;
                Some(())
            }
        }
    }

    fn text(&mut self, text: &str) -> Option<()> {
        self.count(text.len())?;
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Some(())
    }

    /// A record; nothing if it has no brief form.
    pub fn record(&mut self, Record { seq, at, event }: &Record) -> Option<()> {
        let kind = match event {
            Event::Pass { .. } => PASS,
            Event::Step { .. } => STEP,
            Event::PassDone { .. } => DONE,
            _ => return None,
        };
        self.byte(kind)?;
        self.number(*seq)?;
        self.number(*at)?;
        self.event(event)
    }

    fn event(&mut self, event: &Event) -> Option<()> {
        match event {
            Event::Pass {
                instance,
                pass,
                context,
                tokens: Tokens::Full(tokens),
                guesses: None,
                positions: None,
                reused,
                attention_mask: None,
                adapter: None,
                allowed,
                shown,
                samplers,
            } => {
                self.number(instance.0)?;
                self.number(pass.0)?;
                let (context, reused) = (context.map(|context| context.0), (*reused > 0).then_some(*reused));
                self.optional([
                    context,
                    reused.map(u64::from),
                    allowed.map(u64::from),
                    shown.map(u64::from),
                ])?;
                self.numbers(tokens)?;
                self.count(samplers.len())?;
                samplers.iter().try_for_each(|SamplerCall { indices, sampler }| {
                    self.numbers(indices)?;
                    self.text(sampler)
                })
            }
            Event::Step { step, passes, rows, recomputed, price } if *price == 0.0 => {
                self.number(*step)?;
                self.count(passes.len())?;
                for (instance, pass) in passes {
                    self.number(instance.0)?;
                    self.number(pass.0)?;
                }
                self.number(u64::from(*rows))?;
                self.number(u64::from(*recomputed))
            }
            Event::PassDone { instance, pass, slots, held, guesses: None, margin } => {
                self.number(instance.0)?;
                self.number(pass.0)?;
                self.optional([held.map(u64::from)])?;
                self.fraction(*margin)?;
                self.count(slots.len())?;
                slots.iter().try_for_each(|slot| match slot {
                    Slot::Token(token) => self.number(u64::from(*token)),
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
        if self.byte()? == 0 {
            return Some(None);
        }
        let (bits, rest) = self.0.split_first_chunk()?;
        *self.0 = rest;
        Some(Some(f32::from_bits(u32::from_le_bytes(*bits))))
    }

    /// Writes so many of what comes as a list.
    pub fn list(
        &mut self,
        to: &mut Text<'_>,
        one: impl Fn(&mut Self, &mut Text<'_>) -> Option<()>,
    ) -> Option<()> {
        to.put("[");
        for index in 0..self.byte()? {
            if index > 0 {
                to.put(",");
            }
            one(self, to)?;
        }
        to.put("]");
        Some(())
    }

    fn numbers(&mut self, to: &mut Text<'_>) -> Option<()> {
        self.list(to, |from, to| {
            to.number(from.number()?);
            Some(())
        })
    }

    /// Writes tokens that were chosen.
    pub fn chosen(&mut self, to: &mut Text<'_>) -> Option<()> {
        self.list(to, |from, to| {
            to.field("{\"token\":", from.number()?);
            to.put("}");
            Some(())
        })
    }

    /// Takes a record that is a pass, and writes its event without what is around it.
    pub fn pass_alone(&mut self, to: &mut Text<'_>, reused: Reused) -> Option<()> {
        let (kind, _seq, _at) = (self.byte()?, self.number()?, self.number()?);
        to.put("{");
        if kind == PASS {
            self.pass(to, reused)?
        } else {
            return None;
        }
        to.put("}");
        Some(())
    }

    fn pass(&mut self, to: &mut Text<'_>, reused_is: Reused) -> Option<()> {
        to.field("\"event\":\"pass\",\"instance\":", self.number()?);
        to.field(",\"pass\":", self.number()?);
        let [context, reused, allowed, shown] = self.optional()?;
        to.optional(",\"context\":", context);
        to.put(",\"tokens\":");
        self.numbers(to)?;
        to.optional(",\"reused\":", reused.filter(|_| reused_is == Reused::Written));
        to.optional(",\"allowed\":", allowed);
        to.optional(",\"shown\":", shown);
        if *self.0.first()? == 0 {
            return self.byte().map(drop);
        }
        to.put(",\"samplers\":");
        self.list(to, |from, to| {
            to.put("{\"indices\":");
            from.numbers(to)?;
            to.put(",\"sampler\":");
            let count = usize::from(from.byte()?);
            let (name, rest) = from.0.split_at_checked(count)?;
            *from.0 = rest;
            to.value(std::str::from_utf8(name).ok()?)?;
            to.put("}");
            Some(())
        })
    }

    fn step(&mut self, to: &mut Text<'_>) -> Option<()> {
        to.field("\"event\":\"step\",\"step\":", self.number()?);
        to.put(",\"passes\":");
        self.list(to, |from, to| {
            to.field("[", from.number()?);
            to.field(",", from.number()?);
            to.put("]");
            Some(())
        })?;
        to.field(",\"rows\":", self.number()?);
        let recomputed = self.number()?;
        to.optional(",\"recomputed\":", (recomputed > 0).then_some(recomputed));
        Some(())
    }

    fn done(&mut self, to: &mut Text<'_>) -> Option<()> {
        to.field("\"event\":\"pass-done\",\"instance\":", self.number()?);
        to.field(",\"pass\":", self.number()?);
        let [held] = self.optional()?;
        let margin = self.fraction()?;
        to.put(",\"slots\":");
        self.chosen(to)?;
        to.optional(",\"held\":", held);
        to.fraction(",\"margin\":", margin)
    }
}

/// A text that values are appended to.
pub(crate) struct Text<'a>(pub &'a mut Vec<u8>);

impl Text<'_> {
    #[inline(always)]
    pub fn put(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, mut number: u64) {
        // The most that there are.
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.0.extend_from_slice(&digits[at..]);
    }

    /// A number, and what stands before it.
    fn field(&mut self, name: &str, number: u64) {
        self.put(name);
        self.number(number);
    }

    fn optional(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.field(name, number);
        }
    }

    /// A fraction that may be absent, and what stands before it.
    pub fn fraction(&mut self, name: &str, fraction: Option<f32>) -> Option<()> {
        match fraction {
            None => Some(()),
            Some(fraction) => {
                self.put(name);
                json::append(self.0, &fraction).ok()
            }
        }
    }

    fn value(&mut self, value: &str) -> Option<()> {
        json::append(self.0, value).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ContextId, InstanceId, PassId};
    use crate::trace::jsonl::{self, Reader};
    use proptest::prelude::*;
    use std::fs::File;
    use std::io::BufReader;

    /// How many bytes its brief form has; it has the text of the record.
    fn held(record: &Record) -> Option<usize> {
        let mut bytes = b"before".to_vec();
        if !append(&mut bytes, record) {
            assert_eq!(bytes, b"before");
            return None;
        }
        let briefly = bytes.len() - 6;
        bytes.extend_from_slice(b"after");
        let (mut rest, mut text, mut expected) = (&bytes[6..], b"before".to_vec(), b"before".to_vec());
        append_line(&mut rest, &mut text).unwrap();
        jsonl::append(&mut expected, record).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), String::from_utf8(expected).unwrap());
        assert_eq!(rest, b"after");
        // Nothing that is cut is taken for whole.
        assert_eq!(append_line(&mut &bytes[6..bytes.len() - 6], &mut Vec::new()), None);
        Some(briefly)
    }

    #[test]
    fn records_of_traces_have_the_text_that_they_have_otherwise() {
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
        let list = || proptest::collection::vec(any::<u32>(), 0..40);
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
        let passes = proptest::collection::vec((number(), number()), 0..9);
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
        fn any_record_has_the_text_that_it_has_otherwise_or_no_brief_form(record in records()) {
            let size = held(&record);
            // What is long has none, and nor has a price.
            let text = serde_json::to_string(&record).unwrap();
            prop_assert!(size.is_some() || text.len() > 192 || text.contains("price"));
        }

        #[test]
        fn bytes_of_something_else_do_no_harm(bytes: Vec<u8>) {
            let _ = append_line(&mut &bytes[..], &mut Vec::new());
        }
    }
}
