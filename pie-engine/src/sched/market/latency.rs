use std::time::Duration;

/// The time from one step of a context to the next, smoothed: every new one counts an eighth, as round trips do in TCP (RFC 6298).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    last: Option<Duration>,
    smoothed: Option<Duration>,
}

impl Latency {
    /// The context ran in a step that ended at `now`, counted from any fixed moment.
    pub fn stepped(&mut self, now: Duration) {
        if let Some(last) = self.last.replace(now) {
            let sample = now.saturating_sub(last);
            self.smoothed =
                Some(self.smoothed.map_or(sample, |smoothed| smoothed - smoothed / 8 + sample / 8));
        }
    }

    /// The smoothed time; zero before the second step.
    pub fn get(&self) -> Duration {
        self.smoothed.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_time_between_steps() {
        let mut latency = Latency::default();
        let mut now = Duration::from_secs(100);
        latency.stepped(now);
        assert_eq!(latency.get(), Duration::ZERO);
        now += Duration::from_millis(8);
        latency.stepped(now);
        assert_eq!(latency.get(), Duration::from_millis(8));
        now += Duration::from_millis(16);
        latency.stepped(now);
        assert_eq!(latency.get(), Duration::from_millis(9));
        for _ in 0..100 {
            now += Duration::from_millis(16);
            latency.stepped(now);
        }
        assert!(latency.get() > Duration::from_micros(15_999) && latency.get() <= Duration::from_millis(16));
    }
}
