//! Answers from a recording instead of from the outside.
//!
//! A run is a function of what it is given and of the answers it gets. So the questions of each instance come again in their order, and each gets what
//! it got then. A question that is not the recorded one means that the run is another: it gets no answer, and whoever replays is told, with the nearest
//! question that was recorded and the first thing in which the two differ.
//!
//! Questions are compared as a trace has them, without their secrets; and who asks gets the answer as the trace has it.

use super::outbox::Reply;
use super::{Answer, Asked, Outside, Question};
use crate::ids::{InstanceId, QuestionId};
use crate::trace::{Event, Header, Record};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What was recorded of a run: what it began with, and what it asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The header of the trace.
    pub header: Header,
    /// The inferlet that was launched first.
    pub program: String,
    /// Its input, JSON text, or the beginning of one that is long.
    pub input: crate::trace::Text,
    questions: BTreeMap<InstanceId, VecDeque<Recorded>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Recorded {
    id: QuestionId,
    question: Question,
    /// Absent if the answer never reached who asked.
    answer: Option<Answer>,
}

/// Why a trace is no recording to replay.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// Nothing was launched in it.
    #[error("nothing was launched in the trace")]
    Empty,
    /// An instance has not ended.
    #[error("the trace ends before the inferlet does, so it lacks answers")]
    Cut,
    /// There is an answer to what nobody asked.
    #[error("record {seq} is the answer to {id}, which was not asked")]
    Unasked {
        /// The number of the record.
        seq: u64,
        /// That of the question.
        id: QuestionId,
    },
    /// The inferlets of the run were launched from outside while it went on.
    #[error(
        "the trace has several launches from outside, as `bakery run --http` makes them, and these cannot be replayed"
    )]
    SeveralLaunches,
}

impl Recording {
    /// Takes questions and answers out of a trace.
    pub fn new<E: From<RecordingError>>(
        header: Header,
        records: impl IntoIterator<Item = Result<Record, E>>,
    ) -> Result<Self, E> {
        let mut launched = None;
        let mut running: usize = 0;
        let mut questions: BTreeMap<InstanceId, VecDeque<Recorded>> = BTreeMap::new();
        for record in records {
            let Record { seq, event, .. } = record?;
            match event {
                Event::Launched { program, input, parent, .. } => {
                    running += 1;
                    if parent.is_none() && launched.replace((program, input)).is_some() {
                        return Err(RecordingError::SeveralLaunches.into());
                    }
                }
                Event::Finished { .. } => running = running.saturating_sub(1),
                Event::Asked { instance, id, question } => {
                    questions.entry(instance).or_default().push_back(Recorded { id, question, answer: None });
                }
                Event::Answered { instance, id, answer } => {
                    let asked = questions
                        .get_mut(&instance)
                        .and_then(|all| all.iter_mut().find(|asked| asked.id == id));
                    asked.ok_or(RecordingError::Unasked { seq, id })?.answer = Some(answer);
                }
                _ => {}
            }
        }
        let (program, input) = launched.ok_or(RecordingError::Empty)?;
        if running > 0 {
            return Err(RecordingError::Cut.into());
        }
        Ok(Recording { header, program, input, questions })
    }

    /// The question of this number, and its answer, which may be changed.
    pub fn answer_mut(&mut self, id: QuestionId) -> Option<(&Question, &mut Option<Answer>)> {
        let mut all = self.questions.values_mut().flatten();
        all.find(|recorded| recorded.id == id).map(|recorded| (&recorded.question, &mut recorded.answer))
    }
}

/// How a run differs from the recorded one.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Who asks.
    pub instance: InstanceId,
    /// What it asks.
    pub asked: Question,
    /// The recorded question that is most like it, and its number.
    pub nearest: Option<(QuestionId, Question)>,
}

impl Difference {
    /// The first thing in which the two questions differ: its name, what was recorded, and what is asked now.
    pub fn first(&self) -> Option<(String, String, String)> {
        let (_, nearest) = self.nearest.as_ref()?;
        let (recorded, now) = (fields(nearest), fields(&self.asked));
        let names = recorded.keys().chain(now.keys());
        let mut names = names.filter(|name| recorded.get(*name) != now.get(*name));
        let shown = |fields: &serde_json::Map<String, Value>, name: &str| {
            fields.get(name).map_or_else(|| "nothing".to_owned(), shorten)
        };
        names.next().map(|name| (name.clone(), shown(&recorded, name), shown(&now, name)))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = Value::Object(fields(&self.asked));
        write!(f, "instance {} asks what was not recorded: {}", self.instance.0, shorten(&asked))?;
        match (&self.nearest, self.first()) {
            (None, _) => write!(f, "; nothing more was recorded of it"),
            (Some((id, _)), None) => write!(f, "; {id} was the same, and it has been asked already"),
            (Some((id, _)), Some((name, recorded, now))) => {
                write!(f, "; the nearest is {id}, in which `{name}` is {recorded} and not {now}")
            }
        }
    }
}

/// The parts of a question, by name; of headers, each by its own.
fn fields(question: &Question) -> serde_json::Map<String, Value> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(question) else { return serde_json::Map::new() };
    if let Some(Value::Array(headers)) = fields.remove("headers") {
        for (index, header) in headers.into_iter().enumerate() {
            let name = header.get(0).and_then(Value::as_str).unwrap_or_default();
            fields
                .insert(format!("header {} ({name})", index + 1), header.get(1).cloned().unwrap_or_default());
        }
    }
    fields
}

/// As much of a value as one wants to read.
fn shorten(value: &Value) -> String {
    const SHOWN: usize = 200;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Plays a recording back.
pub struct Replay {
    state: Mutex<State>,
    differs: Box<dyn Fn(&Difference) + Send + Sync>,
    /// Who answers what was not recorded.
    otherwise: Option<Arc<dyn Outside>>,
}

struct State {
    /// What has not been asked yet.
    due: BTreeMap<InstanceId, VecDeque<Recorded>>,
    /// All that was recorded, for what is said about differences.
    all: BTreeMap<InstanceId, VecDeque<Recorded>>,
    difference: Option<Difference>,
}

impl Replay {
    /// `differs` is called with the first question that is not the recorded one; it should end the run.
    pub fn new(recording: Recording, differs: impl Fn(&Difference) + Send + Sync + 'static) -> Self {
        let all = recording.questions.clone();
        let state = State { due: recording.questions, all, difference: None };
        Replay { state: Mutex::new(state), differs: Box::new(differs), otherwise: None }
    }

    /// A run that may ask something else than the recorded one: `otherwise` answers that, and all that the instance asks after it which is not what is due.
    pub fn branching(recording: Recording, otherwise: Arc<dyn Outside>) -> Self {
        Replay { otherwise: Some(otherwise), ..Replay::new(recording, |_| {}) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first difference, if there is one.
    pub fn difference(&self) -> Option<Difference> {
        self.lock().difference.clone()
    }

    /// How many recorded questions have not been asked.
    pub fn left(&self) -> usize {
        self.lock().due.values().map(VecDeque::len).sum()
    }
}

impl State {
    fn answer(&mut self, asked: &Asked) -> Result<Answer, Box<Difference>> {
        let question = asked.question.shown();
        let next = self.due.entry(asked.instance).or_default().pop_front();
        let due = next.as_ref().map(|next| next.id);
        match next.filter(|next| next.question == question) {
            // The answer reached nobody, so it does not matter what it was; but there was one.
            Some(recorded) => Ok(recorded.answer.unwrap_or_else(|| Answer::Failed {
                message: "the recording has no answer, because nobody took it".to_owned(),
            })),
            None => {
                let nearest = self.nearest(asked.instance, &question, due);
                Err(Box::new(Difference { instance: asked.instance, asked: question, nearest }))
            }
        }
    }

    /// The recorded question of this instance that differs least from another one; of several the one that was due, else the first.
    fn nearest(
        &self,
        instance: InstanceId,
        asked: &Question,
        due: Option<QuestionId>,
    ) -> Option<(QuestionId, Question)> {
        let asked = fields(asked);
        let distance = |recorded: &Recorded| {
            let own = fields(&recorded.question);
            let names: BTreeSet<&String> = own.keys().chain(asked.keys()).collect();
            let differing = names.into_iter().filter(|name| own.get(*name) != asked.get(*name)).count();
            (own.get("question") != asked.get("question"), differing, due != Some(recorded.id))
        };
        let nearest = self.all.get(&instance)?.iter().min_by_key(|recorded| distance(recorded))?;
        Some((nearest.id, nearest.question.clone()))
    }
}

impl Outside for Replay {
    fn ask(&self, asked: Asked, reply: Reply) {
        let answer = self.lock().answer(&asked);
        if let (Err(_), Some(otherwise)) = (&answer, &self.otherwise) {
            return otherwise.ask(asked, reply);
        }
        reply.answer(answer.unwrap_or_else(|difference| {
            let message = format!("the recording cannot answer: {difference}");
            let first = {
                let mut state = self.lock();
                let first = state.difference.is_none();
                state.difference.get_or_insert_with(|| (*difference).clone());
                first
            };
            if first {
                (self.differs)(&difference);
            }
            Answer::Failed { message }
        }));
    }

    fn hang_up(&self, session: QuestionId) {
        if let Some(otherwise) = &self.otherwise {
            otherwise.hang_up(session);
        }
    }
}

#[cfg(test)]
mod tests;
