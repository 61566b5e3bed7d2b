//! Numbers in a schema. The library turns bounds and multiples into regular expressions over digits, which are exact but for what is
//! refused here. Schemas that are combined share their bounds, so all that a schema says anywhere counts together.

use super::super::error::GrammarError;
use super::{Unsigned, unsupported};
use serde_json::{Map, Value};

/// Integers from here on are not all numbers of 64 bits floating point, which is how the library keeps them.
const MAX_EXACT: f64 = (1_u64 << 53) as f64;
/// The library computes remainders in 32 bits, ten times as large as the number that divides.
const MAX_DIVISOR: u64 = 100_000_000;
/// Decimals of `multipleOf`, for the same reason.
const MAX_DECIMALS: u32 = 6;

/// What is said about numbers, anywhere.
pub(super) struct Numbers {
    unsigned: Unsigned,
    /// Where a schema of integers without sign was left without an upper bound.
    unbounded: Option<String>,
    bounds: Vec<Bound>,
    /// Decimals of numbers that have some.
    decimals: Vec<u32>,
    /// Whether some bound reaches below zero, or leaves out its own value.
    signed_or_open: bool,
    /// Coefficients and decimals of `multipleOf`, and where.
    multiples: Vec<(u64, u32, String)>,
}

struct Bound {
    keyword: String,
    value: f64,
    at: String,
}

impl Numbers {
    pub(super) fn new(unsigned: Unsigned) -> Self {
        Numbers {
            unsigned,
            unbounded: None,
            bounds: Vec::new(),
            decimals: Vec::new(),
            signed_or_open: false,
            multiples: Vec::new(),
        }
    }

    /// Whether some integers have no upper bound, where 64 bits without sign are meant.
    pub(super) fn are_unsigned(&self) -> bool {
        self.unbounded.is_some()
    }

    /// Takes note of the bounds of a schema.
    pub(super) fn note_bounds(&mut self, keywords: &Map<String, Value>) {
        let value = |keyword: &str| keywords.get(keyword).and_then(Value::as_f64);
        let positive = value("minimum").is_some_and(|least| least >= 0.0);
        let open = ["exclusiveMinimum", "exclusiveMaximum"].iter().any(|keyword| value(keyword).is_some());
        let bounded = value("minimum").or(value("maximum")).is_some();
        self.signed_or_open |= open || (bounded && !positive);
    }

    /// Takes note of the value of a keyword.
    pub(super) fn note(&mut self, value: &Value, keyword: &str, at: &str) -> Result<(), GrammarError> {
        match value {
            Value::Array(list) => list.iter().try_for_each(|value| self.note(value, keyword, at)),
            Value::Object(map) => map.values().try_for_each(|value| self.note(value, keyword, at)),
            Value::Number(number) => self.note_number(number.as_f64().unwrap_or(f64::INFINITY), keyword, at),
            _ => Ok(()),
        }
    }

    fn note_number(&mut self, value: f64, keyword: &str, at: &str) -> Result<(), GrammarError> {
        if value.abs() >= MAX_EXACT {
            return Err(unsupported(keyword, at, " with a number from 2^53 on, where digits would be lost"));
        }
        let (coefficient, decimals) = decimal(value);
        if keyword == "multipleOf" {
            if decimals > MAX_DECIMALS || coefficient > MAX_DIVISOR {
                return Err(unsupported(
                    keyword,
                    at,
                    &format!(" with {value}: at most {MAX_DECIMALS} decimals and 8 digits"),
                ));
            }
            self.multiples.push((coefficient, decimals, at.to_owned()));
            return Ok(());
        }
        if decimals > 0 {
            self.decimals.push(decimals);
        }
        let (keyword, at) = (keyword.to_owned(), at.to_owned());
        self.bounds.push(Bound { keyword, value, at });
        Ok(())
    }

    /// Checks that all of them go together.
    pub(super) fn check(&self) -> Result<(), GrammarError> {
        self.check_open_bounds()?;
        if let (Some(at), false) = (&self.unbounded, self.multiples.is_empty()) {
            let why =
                " for integers of 64 bits without sign, where the schema has a `multipleOf`: add a `maximum`";
            return Err(unsupported("format", at, why));
        }
        let decimals = self.multiples.iter().map(|multiple| multiple.1).max().unwrap_or(0);
        let mut common = 1;
        for (coefficient, scale, at) in &self.multiples {
            common = least_common_multiple(common, coefficient * 10_u64.pow(decimals - scale));
            if common > MAX_DIVISOR {
                return Err(unsupported(
                    "multipleOf",
                    at,
                    " where the common multiple of all has more than 8 digits",
                ));
            }
        }
        // A multiple of 0.25 is written `3.50`. A bound of 3.5 allows `3.5` only, and what is just above a bound, or negative, does not
        // end with a zero.
        let shorter = self.decimals.iter().any(|number| *number < decimals);
        match self.multiples.iter().find(|multiple| multiple.1 == decimals && decimals > 1) {
            Some((_, _, at)) if shorter || self.signed_or_open => {
                let why = " with several decimals, where bounds are open or negative or have fewer decimals";
                Err(unsupported("multipleOf", at, why))
            }
            _ => Ok(()),
        }
    }

    /// The library takes an integer for greater than itself, if the other bound has the same integer part.
    fn check_open_bounds(&self) -> Result<(), GrammarError> {
        for open in &self.bounds {
            let outwards = match open.keyword.as_str() {
                "exclusiveMinimum" if open.value >= 0.0 => 1.0,
                "exclusiveMaximum" if open.value <= 0.0 => -1.0,
                _ => continue,
            };
            let distance = |other: &Bound| (other.value - open.value) * outwards;
            let close = self
                .bounds
                .iter()
                .any(|other| (0.0..1.0).contains(&distance(other)) && distance(other) > 0.0);
            if open.value.fract() == 0.0 && close {
                let why = " with an integer that is less than 1 from another bound of the schema";
                return Err(unsupported(&open.keyword, &open.at, why));
            }
        }
        Ok(())
    }

    /// Adds the bounds that the format of an integer stands for, where the schema has none that are tighter.
    pub(super) fn bound_by_format(
        &mut self,
        keywords: &Map<String, Value>,
        read: &mut Map<String, Value>,
        at: &str,
    ) {
        let is_integer = match keywords.get("type") {
            Some(Value::Array(types)) => types.iter().any(|name| name == "integer"),
            Some(name) => name == "integer",
            None => false,
        };
        let format = keywords.get("format").and_then(Value::as_str);
        let Some((least, greatest)) = format.filter(|_| is_integer).and_then(range) else { return };
        let mut bound = |keyword: &str, value: i64, tighter: fn(f64, f64) -> bool| {
            let own = read.get(keyword).and_then(Value::as_f64);
            if own.is_none_or(|own| !tighter(own, value as f64)) {
                read.insert(keyword.to_owned(), Value::from(value));
            }
        };
        bound("minimum", least, |own, value| own >= value);
        let greatest = greatest.or_else(|| (self.unsigned == Unsigned::Bounded).then_some(i64::MAX));
        match greatest {
            Some(greatest) => bound("maximum", greatest, |own, value| own <= value),
            None if read.contains_key("maximum") || read.contains_key("exclusiveMaximum") => {}
            None => self.unbounded = Some(at.to_owned()),
        }
    }
}

/// The least and the greatest integers that the library's 64 bits hold and that a number of 64 bits floating point tells apart from those beyond.
const LEAST: i64 = i64::MIN + 1024;
/// See [`LEAST`].
const GREATEST: i64 = i64::MAX;

/// The integers of a format; without a greatest one if that is the greatest of 64 bits without sign. The specification gives these formats no meaning, and
/// generators of schemas write them for the integers of programming languages, which cannot read any others.
fn range(format: &str) -> Option<(i64, Option<i64>)> {
    Some(match format {
        "int8" => (i8::MIN.into(), Some(i8::MAX.into())),
        "int16" => (i16::MIN.into(), Some(i16::MAX.into())),
        "int32" => (i32::MIN.into(), Some(i32::MAX.into())),
        "int" | "int64" | "int128" => (LEAST, Some(GREATEST)),
        "uint8" => (0, Some(u8::MAX.into())),
        "uint16" => (0, Some(u16::MAX.into())),
        "uint32" => (0, Some(u32::MAX.into())),
        "uint" | "uint64" | "uint128" => (0, None),
        _ => return None,
    })
}

/// A number as an integer and how many of its digits are decimals. Signs are left out.
fn decimal(value: f64) -> (u64, u32) {
    // The shortest decimals that read back as the same number, without an exponent.
    let text = format!("{}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = format!("{whole}{fraction}");
    (digits.parse().unwrap_or(u64::MAX), fraction.len() as u32)
}

fn least_common_multiple(a: u64, b: u64) -> u64 {
    let (mut left, mut right) = (a, b.max(1));
    while right > 0 {
        (left, right) = (right, left % right);
    }
    (a / left).saturating_mul(b)
}
