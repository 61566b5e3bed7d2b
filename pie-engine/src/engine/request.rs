//! From what an inferlet says about a pass, call by call, to a pass whose shape has been checked.

use super::operation::{Ask, PassRequest, Question};
use crate::bitset::Bitset;
use crate::brle::Brle;
use crate::grammar::WayOut;
use crate::ids::{ContextId, ModelNumber};
use crate::model::Overlay;
use crate::sample::Probe;
use crate::trace::SamplerCall;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::SetOnce;

/// The most questions of one pass; each is remembered by itself.
const MAX_QUESTIONS: u64 = 1 << 18;
/// The most numbers that the answers of one pass may hold together: 256 MiB of them.
const MAX_NUMBERS: u64 = 1 << 26;

/// A pass as far as the inferlet has described it. Mistakes are kept until `check`, because only `execute` can answer with an
/// error; the first one is told.
#[derive(Debug, Default)]
pub struct Draft {
    /// The context, or why it cannot be used.
    pub context: Option<Result<ContextId, String>>,
    /// Attention masks, one for each input token.
    pub masks: Option<Vec<Brle>>,
    /// Whether the drafter is to guess what follows.
    pub wants_guesses: bool,
    /// The way to the end of the text that follows, for a model that needs showing.
    pub way_out: Option<WayOut>,
    pub(super) tokens: Vec<u32>,
    pub(super) positions: Vec<u32>,
    pub(super) guesses: Vec<u32>,
    pub(super) guess_positions: Vec<u32>,
    pub(super) allowed: Option<Brle>,
    pub(super) calls: Vec<(Vec<u32>, Ask)>,
    pub(super) refused: Option<String>,
}

impl Draft {
    /// Adds input tokens. Called several times, it appends.
    pub fn input(&mut self, tokens: Vec<u32>, positions: Vec<u32>) {
        if tokens.len() != positions.len() {
            let (tokens, positions) = (tokens.len(), positions.len());
            self.refuse(format!("{tokens} input tokens came with {positions} positions"));
        }
        self.tokens.extend(tokens);
        self.positions.extend(positions);
    }

    /// Adds guessed tokens behind the input. Called several times, it appends.
    pub fn guess(&mut self, tokens: Vec<u32>, positions: Vec<u32>) {
        if tokens.len() != positions.len() {
            let (tokens, positions) = (tokens.len(), positions.len());
            self.refuse(format!("{tokens} guessed tokens came with {positions} positions"));
        }
        self.guesses.extend(tokens);
        self.guess_positions.extend(positions);
    }

    /// Restricts samplers to some tokens. Called several times, all masks hold.
    pub fn allow(&mut self, mask: Brle) {
        self.allowed = match self.allowed.take() {
            None => Some(mask),
            Some(others) => match others.intersection(&mask) {
                Ok(both) => Some(both),
                Err(error) => {
                    self.refuse(format!("a logit mask does not fit the one before it: {error}"));
                    Some(others)
                }
            },
        };
    }

    /// Asks for an answer at each of some input tokens.
    pub fn ask(&mut self, indices: Vec<u32>, ask: Ask) {
        self.calls.push((indices, ask));
    }

    /// The tokens that samplers may choose, if they are restricted.
    pub fn allowed(&self) -> Option<&Brle> {
        self.allowed.as_ref()
    }

    /// Whether there are guesses.
    pub fn guesses(&self) -> bool {
        !self.guesses.is_empty()
    }

    /// The input tokens, without guesses.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Remembers a mistake for `execute` to tell.
    pub fn refuse(&mut self, error: String) {
        self.refused.get_or_insert(error);
    }

    /// Checks all that can be known without the context. The request is one of the first model.
    pub fn check(self, vocabulary: u32) -> Result<PassRequest, String> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        let context = self.context.transpose()?;
        if self.tokens.is_empty() {
            return Err("the pass has no input tokens; it needs at least one".to_owned());
        }
        check_tokens("input", &self.tokens, vocabulary)?;
        check_tokens("guessed", &self.guesses, vocabulary)?;
        let tokens = [self.tokens, self.guesses].concat();
        let guesses = (tokens.len() - self.positions.len()) as u32;
        let positions = [self.positions, self.guess_positions].concat();
        if let Some(masks) = &self.masks
            && masks.len() != tokens.len()
        {
            let (masks, tokens) = (masks.len(), tokens.len());
            return Err(format!("{tokens} input tokens came with {masks} attention masks; each needs one"));
        }
        let allowed = self.allowed.map(|mask| check_logit_mask(&mask, vocabulary)).transpose()?;
        let questions = check_calls(&self.calls, tokens.len(), vocabulary)?;
        check_guesses(&questions, tokens.len() as u32, guesses)?;
        let calls = self
            .calls
            .into_iter()
            .map(|(indices, ask)| SamplerCall { indices, sampler: ask.to_string() })
            .collect();
        Ok(PassRequest {
            model: ModelNumber::default(),
            context,
            tokens,
            guesses,
            wants_guesses: self.wants_guesses,
            positions,
            masks: self.masks,
            adapter: None,
            allowed,
            way_out: self.way_out,
            questions,
            calls,
            cell: Arc::new(SetOnce::new()),
        })
    }
}

fn check_tokens(kind: &str, tokens: &[u32], vocabulary: u32) -> Result<(), String> {
    match tokens.iter().position(|&token| token >= vocabulary) {
        None => Ok(()),
        Some(index) => Err(format!(
            "{kind} token {index} is {}, and the model's tokens end at {}",
            tokens[index],
            vocabulary - 1
        )),
    }
}

/// A guess holds or not by what is chosen at the token before it, so something has to be chosen there.
fn check_guesses(questions: &[Question], tokens: u32, guesses: u32) -> Result<(), String> {
    let chosen: BTreeSet<u32> =
        questions.iter().filter(|question| question.ask.is_choice()).map(|question| question.index).collect();
    match (tokens - guesses..tokens).find(|guess| !chosen.contains(&(guess - 1))) {
        None => Ok(()),
        Some(guess) => Err(format!(
            "guessed token {} cannot be verified: ask a sampler that chooses a token at index {}, before it",
            guess + guesses - tokens,
            guess - 1
        )),
    }
}

fn check_logit_mask(mask: &Brle, vocabulary: u32) -> Result<Bitset, String> {
    let allowed =
        mask.to_bitset(vocabulary as usize).map_err(|error| format!("the logit mask is wrong: {error}"))?;
    if allowed.count() == 0 {
        return Err("the logit mask allows no token; several masks have to have one in common".to_owned());
    }
    Ok(allowed)
}

/// How many numbers one answer holds at most.
fn numbers(ask: &Ask, vocabulary: u32) -> u64 {
    match ask {
        Ask::Sample(_) | Ask::Probe(Probe::Logprob(_) | Probe::Entropy) => 1,
        Ask::Probe(Probe::Logprobs(tokens)) => tokens.len() as u64,
        Ask::Probe(Probe::Distribution { k, .. }) => {
            2 * u64::from(if *k == 0 { vocabulary } else { vocabulary.min(*k) })
        }
        // No model has an embedding longer than its vocabulary.
        Ask::Probe(Probe::RawLogits | Probe::Embedding) => u64::from(vocabulary),
    }
}

/// A short call can ask for more than any machine holds: each of a million indices, for a million tokens.
fn check_size(calls: &[(Vec<u32>, Ask)], vocabulary: u32) -> Result<(), String> {
    let questions: u64 = calls.iter().map(|(indices, _)| indices.len() as u64).sum();
    if questions > MAX_QUESTIONS {
        return Err(format!("the pass asks {questions} questions; {MAX_QUESTIONS} is the most"));
    }
    let answers = calls.iter().map(|(indices, ask)| indices.len() as u64 * numbers(ask, vocabulary));
    let wanted: u64 = answers.sum();
    if wanted > MAX_NUMBERS {
        return Err(format!(
            "the answers of the pass would hold {wanted} numbers; {MAX_NUMBERS} is the most"
        ));
    }
    Ok(())
}

impl PassRequest {
    /// The tokens that are no guesses.
    pub fn input_len(&self) -> u32 {
        self.tokens.len() as u32 - self.guesses
    }

    /// What its adapter changes, if it has one that changes something.
    pub fn overlay(&self) -> Option<&Overlay> {
        self.adapter.as_ref()?.overlay.as_deref()
    }

    /// What a token is called in errors.
    pub fn name(&self, token: usize) -> String {
        match token.checked_sub(self.input_len() as usize) {
            None => format!("input token {token}"),
            Some(guess) => format!("guessed token {guess}"),
        }
    }

    /// How often the samplers at the tokens before `end` draw. Where there is one token to choose from, nothing is random: so it makes no
    /// difference to later draws whether an inferlet asks or takes that token at once.
    pub fn draws_before(&self, end: u32) -> u64 {
        if self.allowed.as_ref().is_some_and(|allowed| allowed.count() == 1) {
            return 0;
        }
        self.questions.iter().filter(|question| question.index < end && question.ask.draws()).count() as u64
    }

    /// The tokens that lead to the end of the text behind an input token, or behind a guess if those before it were right.
    pub fn shown(&self, index: u32) -> &[u32] {
        let Some((way, ahead)) = self.way_out.as_ref().zip((index + 1).checked_sub(self.input_len())) else {
            return &[];
        };
        let guesses = &self.tokens[self.input_len() as usize..];
        let on_way = guesses.get(..ahead as usize).is_some_and(|guesses| way.tokens.starts_with(guesses));
        if on_way { way.at(ahead as usize) } else { &[] }
    }

    /// How many tokens the samplers before `end` choose.
    pub fn choices_before(&self, end: u32) -> u64 {
        self.questions.iter().filter(|question| question.index < end && question.ask.is_choice()).count()
            as u64
    }

    /// Bytes that the questions and answers take at most.
    pub fn answer_bytes(&self, vocabulary: u32) -> u64 {
        let each =
            |question: &Question| size_of::<Question>() as u64 + 4 * numbers(&question.ask, vocabulary);
        self.questions.iter().map(each).sum()
    }
}

/// Numbers draws in the order in which they come when the tokens are computed one by one, so that it does not matter how many
/// of them are guessed and verified at once.
fn number_draws(questions: &mut [Question]) {
    let mut order: Vec<usize> = (0..questions.len()).collect();
    order.sort_by_key(|&question| questions[question].index);
    let mut draws = 0;
    for question in order {
        questions[question].draw = draws;
        draws += u32::from(questions[question].ask.draws());
    }
}

fn check_calls(calls: &[(Vec<u32>, Ask)], tokens: usize, vocabulary: u32) -> Result<Vec<Question>, String> {
    check_size(calls, vocabulary)?;
    let mut questions = Vec::new();
    for (indices, ask) in calls {
        match ask {
            Ask::Sample(sampler) => sampler.validate(),
            Ask::Probe(probe) => probe.validate(vocabulary),
        }
        .map_err(|error| error.to_string())?;
        for &index in indices {
            if index as usize >= tokens {
                return Err(format!(
                    "`{ask}` asks about input token {index}, and the pass has {tokens}: indices end at {}",
                    tokens - 1
                ));
            }
            questions.push(Question { index, ask: ask.clone(), draw: 0 });
        }
    }
    number_draws(&mut questions);
    Ok(questions)
}
