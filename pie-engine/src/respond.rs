//! The response of an inferlet that was launched with a request, on its way to whoever launched it.
//!
//! A response is recorded whole, when its body has ended. Before that, what is there goes out whenever the inferlet waits or gives way, so a
//! client can read a text while a model writes it; in which pieces is nobody's business. A response that is whole before the inferlet waits is
//! not handed over in pieces at all.

use crate::outside::HttpResponse;
use crate::trace::Whole;
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, SetOnce};

/// Clones are the same.
#[derive(Clone, Default)]
pub struct Responded(Arc<Shared>);

#[derive(Default)]
struct Shared {
    whole: SetOnce<HttpResponse>,
    coming: Mutex<Coming>,
    /// Whenever something is handed over.
    handed: Notify,
}

/// What is known of a response whose body has not ended.
#[derive(Default)]
struct Coming {
    head: Option<Head>,
    /// What was written and is not handed over.
    written: Vec<u8>,
    /// What is handed over and was not taken.
    ready: Vec<u8>,
    begun: bool,
    end: Option<Result<(), CutOff>>,
}

/// What comes before the body.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// Names in lower case and values.
    pub headers: Vec<(String, Whole)>,
}

/// The body ended before it was whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response was cut off")]
pub struct CutOff;

impl Responded {
    /// The response, once it is whole.
    pub fn get(&self) -> Option<&HttpResponse> {
        self.0.whole.get()
    }

    /// Waits until a response has begun that is not whole yet.
    pub async fn begun(&self) -> Head {
        self.when(|coming| coming.head.clone().filter(|_| coming.begun)).await
    }

    /// Waits for the next piece of the body of a response that has begun; none at its end.
    ///
    /// # Errors
    /// The inferlet did not finish the body.
    pub async fn piece(&self) -> Result<Option<Bytes>, CutOff> {
        self.when(|coming| {
            if !coming.ready.is_empty() {
                return Some(Ok(Some(std::mem::take(&mut coming.ready).into())));
            }
            coming.end.map(|end| end.map(|()| None))
        })
        .await
    }

    async fn when<T>(&self, mut look: impl FnMut(&mut Coming) -> Option<T>) -> T {
        loop {
            // Whoever hands something over behind this line wakes it.
            let handed = self.0.handed.notified();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            handed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Coming> {
        self.0.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The inferlet has said how its response begins.
    pub(crate) fn begin(&self, head: Head) {
        self.lock().head = Some(head);
    }

    /// The inferlet has written a piece of the body.
    pub(crate) fn write(&self, bytes: &[u8]) {
        self.lock().written.extend_from_slice(bytes);
    }

    /// Lets go out what is there.
    pub(crate) fn hand_over(&self) {
        let mut coming = self.lock();
        let Coming { head: Some(_), end: None, .. } = *coming else { return };
        coming.begun = true;
        let written = std::mem::take(&mut coming.written);
        coming.ready.extend(written);
        drop(coming);
        self.0.handed.notify_waiters();
    }

    /// The body has ended.
    pub(crate) fn end(&self, response: HttpResponse) {
        self.ends(Ok(()));
        // There is one response.
        let _ = self.0.whole.set(response);
    }

    /// There will be no more, whether the body has ended or not.
    pub(crate) fn cut_off(&self) {
        self.ends(Err(CutOff));
    }

    fn ends(&self, end: Result<(), CutOff>) {
        let mut coming = self.lock();
        let written = std::mem::take(&mut coming.written);
        coming.ready.extend(written);
        coming.end.get_or_insert(end);
        drop(coming);
        self.0.handed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    fn head() -> Head {
        Head { status: 200, headers: Vec::new() }
    }

    fn whole(body: &str) -> HttpResponse {
        HttpResponse { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec().into() }
    }

    #[test]
    fn what_is_written_goes_out_when_it_is_handed_over() {
        let responded = Responded::default();
        responded.begin(head());
        responded.write(b"ry");
        assert_eq!(now(responded.begun()), None);
        responded.hand_over();
        assert_eq!(now(responded.begun()), Some(head()));
        responded.write(b"e");
        assert_eq!(now(responded.piece()), Some(Ok(Some("ry".into()))));
        assert_eq!(now(responded.piece()), None);
        responded.write(b"!");
        responded.end(whole("rye!"));
        assert_eq!(now(responded.piece()), Some(Ok(Some("e!".into()))));
        assert_eq!(now(responded.piece()), Some(Ok(None)));
        assert_eq!(responded.get(), Some(&whole("rye!")));
    }

    #[test]
    fn a_response_that_is_whole_at_once_does_not_begin_before() {
        let responded = Responded::default();
        responded.begin(head());
        responded.write(b"rye");
        responded.end(whole("rye"));
        responded.hand_over();
        responded.cut_off();
        assert_eq!((now(responded.begun()), responded.get()), (None, Some(&whole("rye"))));
    }

    #[test]
    fn a_body_that_is_not_finished_is_cut_off() {
        let responded = Responded::default();
        responded.hand_over();
        assert_eq!(now(responded.begun()), None);
        responded.begin(head());
        responded.write(b"ry");
        responded.hand_over();
        responded.cut_off();
        assert_eq!(now(responded.piece()), Some(Ok(Some("ry".into()))));
        assert_eq!(now(responded.piece()), Some(Err(CutOff)));
        assert_eq!(responded.get(), None);
    }
}
