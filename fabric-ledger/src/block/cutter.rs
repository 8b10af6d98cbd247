use std::mem;
use std::time::Duration;

/// When a channel's orderer cuts a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchConfig {
    /// How long the first message of a batch waits for others.
    pub timeout: Duration,
    /// Messages a block holds at most.
    pub max_message_count: usize,
    /// Bytes a block with more than one message should not exceed.
    pub preferred_max_bytes: usize,
    /// Bytes of a message beyond which it is refused at broadcast; not looked at when cutting.
    pub absolute_max_bytes: usize,
}

impl BatchConfig {
    /// As the test network sets it: 2 s, 10 messages, 512 KiB.
    pub const TEST_NETWORK: Self = Self {
        timeout: Duration::from_secs(2),
        max_message_count: 10,
        preferred_max_bytes: 512 * 1024,
        absolute_max_bytes: 99 * 1024 * 1024,
    };

    /// As the orderer's sample configuration sets it: 2 s, 500 messages, 2 MiB.
    pub const SAMPLE: Self = Self {
        timeout: Duration::from_secs(2),
        max_message_count: 500,
        preferred_max_bytes: 2 * 1024 * 1024,
        absolute_max_bytes: 10 * 1024 * 1024,
    };
}

/// Cuts messages into the batches of which blocks are made.
///
/// Time comes from the caller, as the distance from any fixed moment. Whoever drives a cutter
/// calls [`on_timer`](Self::on_timer) once [`next_deadline`](Self::next_deadline) is reached.
///
/// ```
/// use std::time::Duration;
///
/// use fabric_ledger::block::{BatchConfig, Cutter};
///
/// let config = BatchConfig { max_message_count: 2, ..BatchConfig::TEST_NETWORK };
/// let mut cutter = Cutter::new(config);
/// let second = Duration::from_secs;
/// assert!(cutter.on_message("a", 10, second(1)).is_empty());
/// assert_eq!(cutter.on_message("b", 10, second(2)), [["a", "b"]]);
/// assert!(cutter.on_message("c", 10, second(3)).is_empty());
/// assert_eq!(cutter.next_deadline(), Some(second(5)));
/// assert_eq!(cutter.on_timer(second(5)), Some(vec!["c"]));
/// ```
#[derive(Clone, Debug)]
pub struct Cutter<M> {
    config: BatchConfig,
    pending: Vec<M>,
    pending_bytes: usize,
    deadline: Option<Duration>,
}

impl<M> Cutter<M> {
    /// A cutter with nothing pending.
    pub const fn new(config: BatchConfig) -> Self {
        Self { config, pending: Vec::new(), pending_bytes: 0, deadline: None }
    }

    /// Takes a message of `bytes` bytes (payload and signature together) and gives up to two
    /// batches that are complete now.
    pub fn on_message(&mut self, message: M, bytes: usize, now: Duration) -> Vec<Vec<M>> {
        let mut batches = Vec::new();
        if bytes > self.config.preferred_max_bytes {
            self.cut(&mut batches);
            batches.push(vec![message]);
        } else {
            if self.pending_bytes.saturating_add(bytes) > self.config.preferred_max_bytes {
                self.cut(&mut batches);
            }
            self.pending.push(message);
            self.pending_bytes += bytes;
            if self.pending.len() >= self.config.max_message_count {
                self.cut(&mut batches);
            }
        }
        // A batch cut by an overflow does not restart a timer that runs.
        if self.pending.is_empty() {
            self.deadline = None;
        } else if self.deadline.is_none() {
            self.deadline = Some(now.saturating_add(self.config.timeout));
        }
        batches
    }

    /// Takes a configuration message, which gets a block of its own.
    pub fn on_config(&mut self, message: M) -> Vec<Vec<M>> {
        let mut batches = Vec::new();
        self.cut(&mut batches);
        batches.push(vec![message]);
        self.deadline = None;
        batches
    }

    /// When the pending messages have waited long enough; `None` without any.
    pub const fn next_deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// The pending messages, if their deadline is reached.
    pub fn on_timer(&mut self, now: Duration) -> Option<Vec<M>> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.deadline = None;
        self.pending_bytes = 0;
        Some(mem::take(&mut self.pending))
    }

    fn cut(&mut self, batches: &mut Vec<Vec<M>>) {
        if !self.pending.is_empty() {
            batches.push(mem::take(&mut self.pending));
            self.pending_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages as `size@second`, `C@second` for configuration, `T@second` for the timer; what
    /// was cut at each, then the deadline.
    fn check(script: &str, expected: &str) {
        let config = BatchConfig {
            timeout: Duration::from_secs(2),
            max_message_count: 3,
            preferred_max_bytes: 100,
            absolute_max_bytes: 1000,
        };
        let mut cutter = Cutter::new(config);
        let mut out = Vec::new();
        for word in script.split_whitespace() {
            let (what, second) = word.split_once('@').unwrap();
            let now = Duration::from_secs(second.parse().unwrap());
            let batches = match what {
                "C" => cutter.on_config(word.to_owned()),
                "T" => cutter.on_timer(now).into_iter().collect(),
                size => cutter.on_message(word.to_owned(), size.parse().unwrap(), now),
            };
            out.extend(batches.into_iter().map(|batch| format!("[{}]", batch.join(" "))));
        }
        if let Some(deadline) = cutter.next_deadline() {
            out.push(format!("{}s", deadline.as_secs()));
        }
        assert_eq!(out.join(" "), expected, "{script}");
    }

    #[test]
    fn blocks_are_cut_as_the_orderer_does() {
        check("", "");
        check("10@1", "3s");
        check("10@1 10@2", "3s"); // the first message's time counts
        check("10@1 10@2 10@3", "[10@1 10@2 10@3]");
        check("10@1 10@2 10@3 10@4", "[10@1 10@2 10@3] 6s");
        check("50@1 50@2", "3s"); // exactly the preferred size fits
        check("50@1 51@2", "[50@1] 3s"); // overflow: the timer runs on
        check("50@1 51@2 50@3", "[50@1] [51@2] 3s");
        check("10@1 101@2", "[10@1] [101@2]"); // too big for company
        check("101@1", "[101@1]");
        check("100@1", "3s");
        check("10@1 C@2", "[10@1] [C@2]");
        check("C@2", "[C@2]");
    }

    #[test]
    fn the_timer_cuts_what_is_pending_once() {
        check("10@1 T@2", "3s"); // not yet
        check("10@1 T@3", "[10@1]");
        check("10@1 T@3 T@9", "[10@1]");
        check("T@9", "");
        check("10@1 10@2 10@2 T@3", "[10@1 10@2 10@2]");
        check("10@1 T@3 10@7", "[10@1] 9s");
        check("90@1 T@3 90@4 10@5", "[90@1] 6s"); // bytes start anew too
    }
}
