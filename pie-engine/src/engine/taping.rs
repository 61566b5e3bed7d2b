//! Passes that are kept with their answers, or get answers that were kept: see [`crate::model::tape`].

use super::Core;
use super::operation::Answer;
use super::passes::Pending;
use crate::model::tape::{Kept, Numbers, Reply, Take};
use crate::trace::{Event, Record};
use std::sync::Arc;

impl Core {
    /// Whether answers are played back, and nothing is computed.
    pub(super) fn plays(&self) -> bool {
        self.tape.as_ref().is_some_and(|tape| !tape.computes())
    }

    /// The answers of a pass, or why there are none, where they are played back.
    pub(super) fn played(&mut self, asked: &Event) -> (Option<Take>, Option<String>) {
        match self.tape.as_mut().and_then(|tape| tape.play(asked)) {
            None => (None, None),
            Some(Ok(take)) => (Some(take), None),
            Some(Err(why)) => (None, Some(format!("the recording cannot answer: {why}"))),
        }
    }

    /// Whether passes are kept.
    pub(super) fn keeps(&self) -> bool {
        self.tape.as_ref().is_some_and(|tape| tape.keeps())
    }

    /// Keeps a pass.
    pub(super) fn keep(&mut self, asked: Arc<Record>, answers: &[Answer], margin: Option<f32>) {
        if let Some(tape) = &mut self.tape {
            let replies = answers.iter().map(reply).collect();
            tape.keep(Kept { asked, replies, margin });
        }
    }
}

impl Pending {
    /// Takes the answers that were kept, if there are any; one for each question.
    pub(super) fn take_played(&mut self) {
        let Some(Take { replies, margin, .. }) = self.played.take() else { return };
        if replies.len() != self.request.questions.len() {
            let (wanted, found) = (self.request.questions.len(), replies.len());
            self.error = Some(format!("the recording has {found} answers to {wanted} questions"));
            return;
        }
        self.margin = margin.or(self.margin);
        for (place, reply) in self.answers.iter_mut().zip(replies) {
            if let Some(answer) = answer(reply) {
                *place = Some(answer);
            }
        }
    }
}

fn reply(answer: &Answer) -> Reply {
    match answer {
        Answer::Token(token) => Reply::Token(*token),
        Answer::Distribution(ids, probabilities) => {
            Reply::Distribution(ids.clone(), Numbers(probabilities.clone()))
        }
        Answer::Logits(logits) => Reply::Logits(Numbers(logits.clone())),
        Answer::Logprobs(logprobs) => Reply::Logprobs(Numbers(logprobs.clone())),
        Answer::Entropy(entropy) => Reply::Entropy(Numbers(vec![*entropy])),
        Answer::Embedding(embedding) => Reply::Embedding(Numbers(embedding.clone())),
    }
}

/// None where what was computed counts.
fn answer(reply: Reply) -> Option<Answer> {
    Some(match reply {
        Reply::Token(token) => Answer::Token(token),
        Reply::Distribution(ids, Numbers(probabilities)) => Answer::Distribution(ids, probabilities),
        Reply::Logits(Numbers(logits)) => Answer::Logits(logits),
        Reply::Logprobs(Numbers(logprobs)) => Answer::Logprobs(logprobs),
        Reply::Entropy(Numbers(entropy)) => Answer::Entropy(entropy.first().copied().unwrap_or(f32::NAN)),
        Reply::Embedding(Numbers(embedding)) => Answer::Embedding(embedding),
        Reply::Computed => return None,
    })
}
