//! Numbers compared with a tolerance: whole ones have to be the same, others may be a little off.

use serde_json::Value;

use crate::snapshot::project::line::Line;

/// Whether two layers are the same but for what a tolerance allows.
pub(super) fn close(accepted: &str, found: &str, tolerance: f64) -> bool {
    let mut comparison = Comparison::new(tolerance);
    comparison.layers(accepted, found);
    comparison.beyond == 0 && comparison.shape.is_none()
}

/// The first cause of a difference.
pub(super) fn cause(accepted: &str, found: &str, tolerance: f64) -> String {
    let mut comparison = Comparison::new(tolerance);
    comparison.layers(accepted, found);
    let Comparison { beyond, most, first, shape, reordered, .. } = comparison;
    if let Some(shape) = shape {
        return shape;
    }
    let first = first.map(|first| format!(", first {first}")).unwrap_or_default();
    let likeliest = if reordered { "the likeliest token is another one" } else { "arg max the same" };
    let places = if beyond == 1 { "one place".to_owned() } else { format!("{beyond} places") };
    format!("numbers differ by up to {} in {places}{first}; {likeliest}", rounded(most))
}

fn rounded(number: f64) -> String {
    let text = format!("{number:.0e}");
    if (1e-3..1e6).contains(&number) { format!("{}", (number * 1e4).round() / 1e4) } else { text }
}

struct Comparison {
    tolerance: f64,
    /// How many numbers are further apart.
    beyond: usize,
    /// How far at most.
    most: f64,
    /// Which was the first.
    first: Option<String>,
    /// What is not a matter of numbers.
    shape: Option<String>,
    /// Whether a likeliest token changed.
    reordered: bool,
}

impl Comparison {
    fn new(tolerance: f64) -> Comparison {
        Comparison { tolerance, beyond: 0, most: 0.0, first: None, shape: None, reordered: false }
    }

    fn layers(&mut self, accepted: &str, found: &str) {
        let (mut old, mut new) = (accepted.lines(), found.lines());
        loop {
            match (old.next(), new.next()) {
                (None, None) => return,
                (Some(was), Some(is)) if was == is => {}
                (Some(was), Some(is)) => self.lines(&Line::read(was), &Line::read(is)),
                (Some(was), None) => return self.other(format!("`{was}` is missing")),
                (None, Some(is)) => return self.other(format!("`{is}` is new")),
            }
            if self.shape.is_some() {
                return;
            }
        }
    }

    fn other(&mut self, what: String) {
        self.shape.get_or_insert(what);
    }

    fn lines(&mut self, was: &Line<'_>, is: &Line<'_>) {
        let names =
            |line: &Line<'_>| line.fields.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
        if (was.who, was.what, was.about) != (is.who, is.what, is.about) || names(was) != names(is) {
            return self.other(format!("`{}` where `{}` was", is.text, was.text));
        }
        for (name, value) in &is.fields {
            match (was.value(name), serde_json::from_str::<Value>(value)) {
                (Some(was), Ok(value)) => {
                    let place = format!("{} of {}", is.what, is.about.or(is.who).unwrap_or("the run"));
                    self.values(&was, &value, &place);
                }
                _ => self.other(format!("`{}` where `{}` was", is.text, was.text)),
            }
        }
    }

    fn values(&mut self, was: &Value, is: &Value, place: &str) {
        match (was, is) {
            (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
                old.iter().zip(new).for_each(|(was, is)| self.values(was, is, place));
            }
            (Value::Number(old), Value::Number(new)) if old.is_f64() && new.is_f64() => {
                let (old, new) = (old.as_f64().unwrap_or(f64::NAN), new.as_f64().unwrap_or(f64::NAN));
                let apart = (old - new).abs();
                if apart <= self.tolerance || apart <= self.tolerance * old.abs().max(new.abs()) {
                    return;
                }
                self.beyond += 1;
                self.most = self.most.max(apart);
                self.first.get_or_insert_with(|| place.to_owned());
            }
            (Value::Number(_), Value::Number(_)) if was != is => {
                // Ids of tokens, in the order of their probability.
                self.beyond += 1;
                self.reordered = true;
                self.first.get_or_insert_with(|| place.to_owned());
            }
            _ if was == is => {}
            _ => self.other(format!("{place} is {is} and was {was}")),
        }
    }
}
