//! Constraints on generated tokens: schemas that say what the text must look like, and the trait underneath.

use crate::inference::{Grammar, Matcher};
use crate::model::Model;
use crate::{Result, brle};
use std::any::Any;

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

/// Texts of the grammar, in Lark's notation or with `::=`; the first rule tells which.
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
    /// Why the text left the grammar, and how many tokens were told since, once it has.
    left: Option<(String, usize)>,
    /// Why no token can come, where none can.
    dead_end: Option<String>,
}

/// How many characters of its source a grammar is called by.
const NAME: usize = 40;

impl GrammarConstraint {
    /// Follows a matcher from where it is.
    pub fn new(matcher: Matcher) -> Self {
        GrammarConstraint { matcher, mask: Vec::new(), left: None, dead_end: None }
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

    /// A context-free grammar in Lark's notation or with `::=`.
    pub fn from_ebnf(grammar: &str, model: &Model) -> Result<Self> {
        Ok(Self::from_grammar(&Grammar::from_ebnf(grammar)?, model))
    }

    /// The same at the same place, to go another way: for a fork of the context. Costs the fuel of a walk over all tokens accepted.
    ///
    /// # Errors
    ///
    /// See [`Matcher::fork`].
    pub fn fork(&self, model: &Model) -> Result<Self> {
        let matcher = self.matcher.fork(model.tokenizer())?;
        let (mask, left, dead_end) = (self.mask.clone(), self.left.clone(), self.dead_end.clone());
        Ok(GrammarConstraint { matcher, mask, left, dead_end })
    }

    /// Takes back the last `n` tokens that it was told: for tokens that were truncated from the context. Costs the fuel of a walk over the
    /// tokens that are left.
    ///
    /// # Errors
    ///
    /// If there were not so many.
    pub fn roll_back(&mut self, n: usize) -> Result<()> {
        // Of a list that left the grammar the matcher has taken nothing.
        let outside = self.left.as_ref().map_or(0, |(_, count)| *count);
        self.matcher.roll_back(n.saturating_sub(outside))?;
        match &mut self.left {
            Some((_, count)) if n < *count => *count -= n,
            left => *left = None,
        }
        Ok(())
    }
}

impl Constrain for GrammarConstraint {
    fn step(&mut self, accepted: &[u32]) -> &[u32] {
        match &mut self.left {
            Some((_, count)) => *count += accepted.len(),
            None if accepted.is_empty() => {}
            None => self.left = self.matcher.accept_tokens(accepted).err().map(|why| (why, accepted.len())),
        }
        self.mask = match self.left {
            None => self.matcher.next_token_logit_mask(),
            // Tokens that were accepted by hand can leave the grammar. Nothing is allowed then, rather than everything.
            Some(_) => vec![brle::len(&self.mask).max(1)],
        };
        let stuck = self.left.is_none() && !brle::allows_any(&self.mask);
        self.dead_end = if stuck { self.matcher.dead_end() } else { None };
        &self.mask
    }

    fn describe(&self) -> String {
        let source = self.matcher.grammar().to_string();
        let mut name: String =
            source.chars().take(NAME).map(|c| if c.is_control() { ' ' } else { c }).collect();
        name += if source.chars().nth(NAME).is_some() { "…" } else { "" };
        match (&self.left, &self.dead_end) {
            (Some((reason, _)), _) => format!("the grammar `{name}`, which the text has left: {reason}"),
            (None, Some(reason)) => format!("the grammar `{name}`, which has come to a dead end: {reason}"),
            (None, None) => format!("the grammar `{name}`"),
        }
    }
}

/// All constraints of a generator together.
#[derive(Default)]
pub(crate) struct Constraints {
    list: Vec<Attached>,
    /// The length of masks that are known to be right.
    vocab_size: Option<u32>,
}

struct Attached {
    constraint: Box<dyn Constrain>,
    /// Whether its masks are the engine's own, and so have the right length.
    is_grammar: bool,
}

impl Constraints {
    pub fn push(&mut self, constraint: impl Constrain + 'static) {
        let is_grammar = (&constraint as &dyn Any).is::<GrammarConstraint>();
        self.list.push(Attached { constraint: Box::new(constraint), is_grammar });
    }

    /// Takes note of a mask that the engine has accepted.
    pub fn trust(&mut self, mask: &[u32]) {
        self.vocab_size = Some(brle::len(mask));
    }

    /// The token that is the only one left by a mask from [`Constraints::step`]. None as long as nobody knows whether the mask has the
    /// length of the vocabulary: the engine has to see it first.
    pub fn only(&self, mask: &[u32]) -> Option<u32> {
        brle::only(mask).filter(|_| self.vocab_size == Some(brle::len(mask)))
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Moves all of them over the accepted tokens; returns the mask that satisfies all, `None` if none restricts.
    ///
    /// # Errors
    ///
    /// Names the constraints that together allow no token at all, or one whose mask has another length than those of others.
    pub fn step(&mut self, accepted: &[u32]) -> Result<Option<Vec<u32>>> {
        let mut mask: Option<Vec<u32>> = None;
        let (mut expected, mut wrong) = (self.vocab_size, None);
        for Attached { constraint, is_grammar } in &mut self.list {
            let own = constraint.step(accepted).to_vec();
            if own.is_empty() {
                continue;
            }
            if brle::allows_any(&own) {
                let length = brle::len(&own);
                if *expected.get_or_insert(length) != length {
                    wrong.get_or_insert((constraint.describe(), length));
                }
                if *is_grammar {
                    self.vocab_size = Some(length);
                }
            }
            mask = Some(match mask {
                Some(others) => brle::and(&others, &own),
                None => own,
            });
        }
        if let (Some((name, length)), Some(expected)) = (wrong, expected) {
            return Err(format!(
                "the mask of {name} covers {length} tokens, where others cover {expected}; it has to cover the vocabulary"
            ));
        }
        match mask {
            Some(mask) if !brle::allows_any(&mask) => Err(self.dead_end()),
            mask => Ok(mask),
        }
    }

    fn dead_end(&self) -> String {
        format!("no token satisfies the constraints here: {}", self.names())
    }

    /// What they are called, for errors.
    pub fn names(&self) -> String {
        let names: Vec<String> = self.list.iter().map(|attached| attached.constraint.describe()).collect();
        names.join("; ")
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
    fn a_mask_of_another_length_is_an_error_that_names_its_constraint() {
        let mut constraints = Constraints::default();
        constraints.push(Only::new(&[0, 8]));
        constraints.push(Only::new(&[2, 3]));
        let error = constraints.step(&[]).unwrap_err();
        assert!(error.contains("Only covers 5 tokens, where others cover 8"), "{error}");
    }

    #[test]
    fn a_token_is_forced_only_by_a_mask_whose_length_is_known_to_be_right() {
        let mut constraints = Constraints::default();
        constraints.push(Only::new(&[2, 1, 5]));
        let mask = constraints.step(&[]).unwrap().unwrap();
        assert_eq!(constraints.only(&mask), None);
        constraints.trust(&mask);
        assert_eq!(constraints.only(&mask), Some(2));
        constraints.trust(&[9]);
        assert_eq!(constraints.only(&mask), None);
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
