//! A pass with its answers on its way from the engine to whoever keeps it.

use super::{Numbers, Reply, Take};
use crate::trace::brief::{Brief, Reused, Taking, Text};
use crate::trace::{Event, Record};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::sync::Arc;

/// A pass with its answers, as it comes from the engine. It is written as the [`Take`] that it becomes when it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The record of its [`Event::Pass`], which a trace has too.
    pub asked: Arc<Record>,
    /// One for each question, in their order.
    pub replies: Vec<Reply>,
    /// As in [`Take::margin`].
    pub margin: Option<f32>,
}

impl Kept {
    /// About how many bytes it takes.
    pub fn bytes(&self) -> u64 {
        let numbers = |Numbers(numbers): &Numbers| size_of_val(&numbers[..]) as u64;
        let reply = |reply: &Reply| match reply {
            Reply::Token(_) | Reply::Computed => 0,
            Reply::Distribution(ids, probabilities) => size_of_val(&ids[..]) as u64 + numbers(probabilities),
            Reply::Logits(it) | Reply::Logprobs(it) | Reply::Entropy(it) | Reply::Embedding(it) => {
                numbers(it)
            }
        };
        self.asked.event.bytes() + self.replies.iter().map(reply).sum::<u64>()
    }

    /// Appends it in few bytes, if it has a brief form; whether it has.
    pub fn append_briefly(&self, out: &mut Vec<u8>) -> bool {
        let mut brief = Brief::new();
        let has = self.write_briefly(&mut brief).is_some();
        if has {
            out.extend_from_slice(brief.bytes());
        }
        has
    }

    fn write_briefly(&self, to: &mut Brief) -> Option<()> {
        to.record(&self.asked)?;
        to.fraction(self.margin)?;
        to.count(self.replies.len())?;
        self.replies.iter().try_for_each(|reply| match reply {
            Reply::Token(token) => to.number(u64::from(*token)),
            _ => None,
        })
    }

    /// Takes one from the beginning of what was appended, and appends its line to a text; nothing where there is something else.
    pub fn append_line(bytes: &mut &[u8], text: &mut Vec<u8>) -> Option<()> {
        let (mut from, mut to) = (Taking(bytes), Text(text));
        to.put("{\"asked\":");
        from.pass_alone(&mut to, Reused::Left)?;
        let margin = from.fraction()?;
        to.put(",\"replies\":");
        from.chosen(&mut to)?;
        to.fraction(",\"margin\":", margin)?;
        to.put("}\n");
        Some(())
    }
}

impl From<&Kept> for Take {
    fn from(Kept { asked, replies, margin }: &Kept) -> Take {
        Take { asked: Take::asked(&asked.event), replies: replies.clone(), margin: *margin }
    }
}

impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// The fields of a [`Take`].
        #[derive(Serialize)]
        struct Written<'a> {
            asked: &'a Event,
            replies: &'a [Reply],
            #[serde(skip_serializing_if = "Option::is_none")]
            margin: Option<f32>,
        }
        let Kept { asked, replies, margin } = self;
        let mut asked = Cow::Borrowed(&asked.event);
        if matches!(*asked, Event::Pass { reused, .. } if reused > 0)
            && let Event::Pass { reused, .. } = asked.to_mut()
        {
            // As in `Take::asked`: it is left out where it is zero.
            *reused = 0;
        }
        Written { asked: &asked, replies, margin: *margin }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ContextId, InstanceId, PassId};
    use crate::trace::SamplerCall;

    #[test]
    fn what_is_written_of_a_pass_is_the_take_that_it_becomes() {
        for reused in [0, 3] {
            let event = Event::Pass {
                instance: InstanceId(1),
                pass: PassId(2),
                context: None,
                tokens: vec![7, 8, 9, 10].into(),
                guesses: None,
                positions: None,
                reused,
                attention_mask: None,
                adapter: None,
                allowed: Some(5),
                shown: None,
                samplers: vec![SamplerCall { indices: vec![3], sampler: "entropy".to_owned() }],
            };
            let asked = Arc::new(Record { seq: 4, at: 5, event });
            let kept = Kept { asked, replies: vec![Reply::Entropy(Numbers(vec![0.25]))], margin: Some(0.1) };
            let (written, take) =
                (serde_json::to_string(&kept).unwrap(), serde_json::to_string(&Take::from(&kept)).unwrap());
            assert_eq!(written, take);
            assert!(!written.contains("reused"), "{written}");
            assert_eq!(serde_json::from_str::<Take>(&written).unwrap(), Take::from(&kept));
        }
    }

    #[test]
    fn one_that_has_a_brief_form_has_the_text_that_it_has_otherwise() {
        let samplers = vec![SamplerCall { indices: vec![0], sampler: "top-p 0.6 0.95".to_owned() }];
        let event = Event::Pass {
            instance: InstanceId(1),
            pass: PassId(300),
            context: Some(ContextId(2)),
            tokens: vec![70_000].into(),
            guesses: None,
            positions: None,
            reused: 1,
            attention_mask: None,
            adapter: None,
            allowed: None,
            shown: Some(0),
            samplers,
        };
        let asked = Arc::new(Record { seq: 4, at: 5_000_000, event });
        let tokens = vec![Reply::Token(7), Reply::Token(u32::MAX)];
        for (replies, margin) in [(tokens.clone(), Some(0.1)), (tokens, None), (Vec::new(), None)] {
            let kept = Kept { asked: Arc::clone(&asked), replies, margin };
            let mut bytes = Vec::new();
            assert!(kept.append_briefly(&mut bytes));
            let mut text = Vec::new();
            Kept::append_line(&mut &bytes[..], &mut text).unwrap();
            let expected = format!("{}\n", serde_json::to_string(&kept).unwrap());
            assert_eq!(String::from_utf8(text).unwrap(), expected);
            assert_eq!(Kept::append_line(&mut &bytes[..bytes.len() - 1], &mut Vec::new()), None);
        }
        let mut bytes = b"before".to_vec();
        for replies in [vec![Reply::Entropy(Numbers(vec![0.25]))], vec![Reply::Token(1); 200]] {
            assert!(!Kept { asked: Arc::clone(&asked), replies, margin: None }.append_briefly(&mut bytes));
        }
        assert_eq!(bytes, b"before");
    }
}
