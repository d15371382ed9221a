//! What a notice says. Knows no channel: whether it becomes a mail or a message is decided later.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// Objects that a notice names; the rest is counted.
const FIRST_MAX: usize = 10;

/// What a person can ask to be told of; the words of `on` in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeTopic {
    /// Something fails.
    Failure,
    /// It is over.
    Recovery,
    /// A safeguard holds changes.
    RemovalsHeld,
    /// A token, secret or certificate ends soon.
    CredentialExpiry,
    /// What happened in a day.
    Digest,
    /// Accounts were changed at the target.
    Drift,
}

impl NoticeTopic {
    /// Every topic with its word.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("failure", Self::Failure),
        ("recovery", Self::Recovery),
        ("removals-held", Self::RemovalsHeld),
        ("credential-expiry", Self::CredentialExpiry),
        ("digest", Self::Digest),
        ("drift", Self::Drift),
    ];

    /// What is told unless the configuration says otherwise: everything but the digest
    /// and drift.
    pub const DEFAULT: [Self; 4] =
        [Self::Failure, Self::Recovery, Self::RemovalsHeld, Self::CredentialExpiry];
}

/// What kind of thing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Cycles end early, or objects fail.
    Failure,
    /// A safeguard holds changes until a person approves.
    RemovalsHeld,
    /// A token, secret or certificate ends soon.
    CredentialExpiry,
    /// The job is in quarantine.
    Quarantine,
    /// The job is paused for good and needs a person.
    Paused,
    /// What happened in a day.
    Digest,
    /// Accounts were changed at the target.
    Drift,
    /// Somebody asked whether notices arrive.
    Test,
}

impl NoticeKind {
    /// The kind as it stands in keys and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::RemovalsHeld => "removals_held",
            Self::CredentialExpiry => "credential_expiry",
            Self::Quarantine => "quarantine",
            Self::Paused => "paused",
            Self::Digest => "digest",
            Self::Drift => "drift",
            Self::Test => "test",
        }
    }
}

/// One object that a notice names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRow {
    /// The id of the person in the directory.
    pub id: String,
    /// Why: the code of the provisioning log.
    pub reason: String,
    /// Personal: the person's name and what the application answered. Shown only where
    /// `details = true`.
    pub personal: Option<String>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// In words.
    pub what: String,
    /// The exact command, where there is one.
    pub command: Option<String>,
}

impl NextStep {
    /// A step with the command that does it.
    pub fn run(what: impl Into<String>, command: impl Into<String>) -> Self {
        Self { what: what.into(), command: Some(command.into()) }
    }

    /// A step that no command does.
    pub fn by_hand(what: impl Into<String>) -> Self {
        Self { what: what.into(), command: None }
    }
}

/// What a person is told. Holds no secret; what is personal is in fields that say so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The application's section.
    pub app: String,
    /// What kind of thing.
    pub kind: NoticeKind,
    /// What exactly, as a code: with application and kind it is the notice's key.
    pub cause: String,
    /// How much of it there is now.
    pub count: u64,
    /// Since when. The store keeps the first one of an open key.
    pub since: Timestamp,
    /// Whether it is over.
    pub over: bool,
    /// The problem in a few words, for the subject.
    pub problem: String,
    /// What happened, in sentences without personal data.
    pub happened: String,
    /// Personal: more of what happened. Shown only where `details = true`.
    pub personal: Option<String>,
    /// The first objects.
    pub first: Vec<NoticeRow>,
    /// What to do next.
    pub next: Vec<NextStep>,
}

impl Notice {
    /// A notice that says this and no more.
    pub fn new(
        (app, kind, cause): (&str, NoticeKind, &str),
        (count, since): (u64, Timestamp),
        problem: impl Into<String>,
        happened: impl Into<String>,
    ) -> Self {
        Self {
            app: app.to_owned(),
            kind,
            cause: cause.to_owned(),
            count,
            since,
            over: false,
            problem: problem.into(),
            happened: happened.into(),
            personal: None,
            first: Vec::new(),
            next: Vec::new(),
        }
    }

    /// The same, naming these objects: the first ten of them.
    #[must_use]
    pub fn naming(mut self, rows: Vec<NoticeRow>) -> Self {
        self.first = rows;
        self.first.truncate(FIRST_MAX);
        self
    }

    /// The same with what to do next.
    #[must_use]
    pub fn then(mut self, step: NextStep) -> Self {
        self.next.push(step);
        self
    }

    /// The key: application, kind and cause. The same from the first occurrence to the recovery.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.app, self.kind.as_str(), self.cause)
    }

    /// Which topic it belongs to; `None` goes to everybody.
    pub fn topic(&self) -> Option<NoticeTopic> {
        // Whoever did not ask for drift is not told that there is none any more.
        if self.over && self.kind != NoticeKind::Drift {
            return Some(NoticeTopic::Recovery);
        }
        match self.kind {
            NoticeKind::Failure | NoticeKind::Quarantine | NoticeKind::Paused => {
                Some(NoticeTopic::Failure)
            }
            NoticeKind::RemovalsHeld => Some(NoticeTopic::RemovalsHeld),
            NoticeKind::CredentialExpiry => Some(NoticeTopic::CredentialExpiry),
            NoticeKind::Digest => Some(NoticeTopic::Digest),
            NoticeKind::Drift => Some(NoticeTopic::Drift),
            NoticeKind::Test => None,
        }
    }

    /// Application and problem in one line.
    pub fn title(&self) -> String {
        let over = if self.over { "over: " } else { "" };
        format!("{}: {over}{}", self.app, self.problem)
    }
}
