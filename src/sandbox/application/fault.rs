//! Faults between client and application, struck once or by chance.

use std::time::Duration;

use http::Method;

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is refused: nothing was sent. Over the network it is [`Fault::Reset`].
    Refused,
    /// An error status instead of the answer, such as 429, 500, 502, 503 or 504.
    Status {
        /// The status.
        status: u16,
        /// The `Retry-After` header, in whole seconds.
        retry_after: Option<Duration>,
        /// Whether the request was applied first.
        moment: Moment,
    },
    /// The connection breaks without an answer.
    Reset(Moment),
    /// No answer comes for so long; then the connection breaks.
    Timeout {
        /// How long the client waits.
        after: Duration,
        /// Whether the request was applied first.
        moment: Moment,
    },
    /// The request is applied and the body of its answer is cut in the middle.
    Truncated,
    /// A 307 to somewhere else; not applied.
    Redirect {
        /// The `Location` header.
        location: String,
    },
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the request is applied: the application knows nothing of it.
    BeforeApplying,
    /// After it is applied: only the answer is lost.
    AfterApplying,
}

impl Fault {
    /// 429 with `Retry-After`.
    pub fn throttled(retry_after: Duration) -> Self {
        Self::Status { status: 429, retry_after: Some(retry_after), moment: Moment::BeforeApplying }
    }

    /// An error status, not applied.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None, moment: Moment::BeforeApplying }
    }

    /// Whether the application acts on the request all the same.
    pub(super) fn applies(&self) -> bool {
        match self {
            Self::Refused | Self::Redirect { .. } => false,
            Self::Truncated => true,
            Self::Status { moment, .. } | Self::Reset(moment) | Self::Timeout { moment, .. } => {
                *moment == Moment::AfterApplying
            }
        }
    }
}

/// Which requests a fault is meant for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Only this method.
    pub method: Option<Method>,
    /// Only paths (below the base path, decoded) that start so, such as `/Users`.
    pub path_prefix: Option<String>,
    /// Only bodies that contain this text.
    pub body_contains: Option<String>,
}

impl Matcher {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests of one method.
    pub fn method(method: Method) -> Self {
        Self { method: Some(method), ..Self::default() }
    }

    fn matches(&self, method: &Method, path: &str, body: &[u8]) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.path_prefix.as_ref().is_none_or(|prefix| path.starts_with(prefix))
            && self
                .body_contains
                .as_ref()
                .is_none_or(|text| String::from_utf8_lossy(body).contains(text))
    }
}

/// The faults that lie in wait.
#[derive(Default)]
pub(super) struct Faults {
    once: Vec<(Fault, Matcher)>,
    by_chance: Vec<(Fault, Matcher, f64)>,
    /// Faults that happened so far.
    pub(super) count: u64,
}

impl Faults {
    pub(super) fn clear(&mut self) {
        self.once.clear();
        self.by_chance.clear();
    }

    pub(super) fn push(&mut self, fault: Fault, matcher: Matcher) {
        self.once.push((fault, matcher));
    }

    pub(super) fn push_by_chance(&mut self, fault: Fault, matcher: Matcher, probability: f64) {
        self.by_chance.push((fault, matcher, probability));
    }

    /// The fault for a request: the oldest of the one-shot ones, else by chance.
    pub(super) fn draw(
        &mut self,
        method: &Method,
        path: &str,
        body: &[u8],
        random: &mut fastrand::Rng,
    ) -> Option<Fault> {
        let found = self.once.iter().position(|(_, matcher)| matcher.matches(method, path, body));
        let fault = if let Some(index) = found {
            Some(self.once.remove(index).0)
        } else {
            let mut chances =
                self.by_chance.iter().filter(|(_, matcher, _)| matcher.matches(method, path, body));
            let hit = chances.find(|(_, _, probability)| random.f64() < *probability);
            hit.map(|hit| hit.0.clone())
        };
        self.count += u64::from(fault.is_some());
        fault
    }
}
