//! Constraints on generated tokens: schemas that say what the text must look like, and the trait underneath.

use crate::inference::{Grammar, Matcher};
use crate::model::Model;
use crate::{Result, brle};

/// Restricts the next token, step by step. Attach one with [`crate::Generator::constrain`].
pub trait Constrain: Send {
    /// Takes the tokens that were just accepted (none on the first call), and returns the mask for the next position: run
    /// lengths over the vocabulary, forbidden and allowed in turn (see [`crate::brle`]). An empty mask restricts nothing.
    fn step(&mut self, accepted: &[u32]) -> &[u32];

    /// What to call this constraint in the error that says that no token is left.
    fn describe(&self) -> String {
        std::any::type_name::<Self>().to_owned()
    }
}

impl<C: Constrain + ?Sized> Constrain for Box<C> {
    fn step(&mut self, accepted: &[u32]) -> &[u32] {
        (**self).step(accepted)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }
}

/// Describes a set of texts. Attach one with [`crate::Generator::constrain_with`].
pub trait Schema {
    /// Compiles the description for a model.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the description.
    fn build_constraint(&self, model: &Model) -> Result<GrammarConstraint>;
}

/// Any valid JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnyJson;

/// JSON that satisfies the JSON Schema given as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonSchema<'a>(pub &'a str);

/// Texts that match the regular expression as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regex<'a>(pub &'a str);

/// Texts of the grammar, in Lark's notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ebnf<'a>(pub &'a str);

impl Schema for AnyJson {
    fn build_constraint(&self, model: &Model) -> Result<GrammarConstraint> {
        Ok(GrammarConstraint::json(model))
    }
}

impl Schema for JsonSchema<'_> {
    fn build_constraint(&self, model: &Model) -> Result<GrammarConstraint> {
        GrammarConstraint::from_json_schema(self.0, model)
    }
}

impl Schema for Regex<'_> {
    fn build_constraint(&self, model: &Model) -> Result<GrammarConstraint> {
        GrammarConstraint::from_regex(self.0, model)
    }
}

impl Schema for Ebnf<'_> {
    fn build_constraint(&self, model: &Model) -> Result<GrammarConstraint> {
        GrammarConstraint::from_ebnf(self.0, model)
    }
}

impl Schema for &Grammar {
    fn build_constraint(&self, model: &Model) -> Result<GrammarConstraint> {
        Ok(GrammarConstraint::from_grammar(self, model))
    }
}

/// The constraint to stay inside a grammar.
#[derive(Debug)]
pub struct GrammarConstraint {
    matcher: Matcher,
    mask: Vec<u32>,
    /// Why the text left the grammar, once it has.
    left: Option<String>,
}

impl GrammarConstraint {
    /// Follows a matcher from where it is.
    pub fn new(matcher: Matcher) -> Self {
        GrammarConstraint { matcher, mask: Vec::new(), left: None }
    }

    /// Any JSON.
    pub fn json(model: &Model) -> Self {
        Self::from_grammar(&Grammar::json(), model)
    }

    /// A grammar compiled before.
    pub fn from_grammar(grammar: &Grammar, model: &Model) -> Self {
        Self::new(Matcher::new(grammar, model.tokenizer()))
    }

    /// A JSON Schema, as text.
    pub fn from_json_schema(schema: &str, model: &Model) -> Result<Self> {
        Ok(Self::from_grammar(&Grammar::from_json_schema(schema)?, model))
    }

    /// A regular expression.
    pub fn from_regex(pattern: &str, model: &Model) -> Result<Self> {
        Ok(Self::from_grammar(&Grammar::from_regex(pattern)?, model))
    }

    /// A context-free grammar in Lark's notation.
    pub fn from_ebnf(grammar: &str, model: &Model) -> Result<Self> {
        Ok(Self::from_grammar(&Grammar::from_ebnf(grammar)?, model))
    }
}

impl Constrain for GrammarConstraint {
    fn step(&mut self, accepted: &[u32]) -> &[u32] {
        if self.left.is_none() && !accepted.is_empty() {
            self.left = self.matcher.accept_tokens(accepted).err();
        }
        self.mask = match self.left {
            None => self.matcher.next_token_logit_mask(),
            // Tokens that were accepted by hand can leave the grammar. Nothing is allowed then, rather than everything.
            Some(_) => vec![brle::len(&self.mask).max(1)],
        };
        &self.mask
    }

    fn describe(&self) -> String {
        match &self.left {
            None => "the grammar".to_owned(),
            Some(reason) => format!("the grammar, which the text has left: {reason}"),
        }
    }
}

/// All constraints of a generator together.
#[derive(Default)]
pub(crate) struct Constraints {
    list: Vec<Box<dyn Constrain>>,
}

impl Constraints {
    pub fn push(&mut self, constraint: impl Constrain + 'static) {
        self.list.push(Box::new(constraint));
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Moves all of them over the accepted tokens; returns the mask that satisfies all, `None` if none restricts.
    ///
    /// # Errors
    ///
    /// Names the constraints that together allow no token at all.
    pub fn step(&mut self, accepted: &[u32]) -> Result<Option<Vec<u32>>> {
        let mut mask: Option<Vec<u32>> = None;
        for constraint in &mut self.list {
            let own = constraint.step(accepted);
            if own.is_empty() {
                continue;
            }
            mask = Some(match mask {
                Some(others) => brle::and(&others, own),
                None => own.to_vec(),
            });
        }
        match mask {
            Some(mask) if !brle::allows_any(&mask) => Err(self.dead_end()),
            mask => Ok(mask),
        }
    }

    fn dead_end(&self) -> String {
        let names: Vec<String> = self.list.iter().map(|constraint| constraint.describe()).collect();
        format!("no token satisfies the constraints here: {}", names.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Allows one token, and remembers what it was told.
    struct Only {
        mask: Vec<u32>,
        seen: Arc<Mutex<Vec<Vec<u32>>>>,
    }

    impl Only {
        fn new(mask: &[u32]) -> Self {
            Only { mask: mask.to_vec(), seen: Arc::default() }
        }
    }

    impl Constrain for Only {
        fn step(&mut self, accepted: &[u32]) -> &[u32] {
            self.seen.lock().unwrap().push(accepted.to_vec());
            &self.mask
        }
    }

    #[test]
    fn masks_of_several_constraints_intersect() {
        let mut constraints = Constraints::default();
        assert_eq!(constraints.step(&[]), Ok(None));
        constraints.push(Only::new(&[]));
        assert_eq!(constraints.step(&[]), Ok(None), "an empty mask restricts nothing");
        constraints.push(Only::new(&[1, 3, 4]));
        constraints.push(Only::new(&[2, 6]));
        assert_eq!(constraints.step(&[]), Ok(Some(vec![2, 2, 4])));
    }

    #[test]
    fn every_constraint_is_told_what_was_accepted() {
        let only = Only::new(&[0, 8]);
        let seen = only.seen.clone();
        let mut constraints = Constraints::default();
        constraints.push(only);
        constraints.step(&[]).unwrap();
        constraints.step(&[5, 6]).unwrap();
        assert_eq!(*seen.lock().unwrap(), [vec![], vec![5, 6]]);
    }

    #[test]
    fn constraints_that_allow_nothing_together_are_an_error_that_names_them() {
        let mut constraints = Constraints::default();
        constraints.push(Only::new(&[0, 1, 7]));
        constraints.push(Only::new(&[1, 7]));
        let error = constraints.step(&[]).unwrap_err();
        assert!(error.contains("no token") && error.contains("Only; "), "{error}");
    }
}
