//! The complete list of what touches the world: the directory read, the target read and written,
//! mails sent.
//!
//! The engine sees only these traits (and [`crate::model::Clock`]). An adapter translates a wire
//! into these values and classifies its failures once; it never retries, but for one new sign-in
//! after a 401, and it never decides. A preview is given no [`TargetWrite`], so it cannot write.

use std::{collections::BTreeSet, future::Future, time::Duration};

use serde_json::{Map, Value};

use crate::{
    model::{
        Application, ApplicationRef, Assignment, GroupChange, ObjectKind, ServicePrincipalId,
        SourceId, SourceObject, TargetId, Timestamp, UserChange,
    },
    scim::{Discovery, EqFilter, PatchRequest},
};

pub use crate::scim::{FaultClass, TargetFault};

/// The properties to read of each user, under Graph's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Graph property names; `id` and `accountEnabled` are always read and need not be here.
    pub properties: BTreeSet<String>,
    /// Whether the manager is read too.
    pub manager: bool,
}

/// An opaque link of the directory (nextLink or deltaLink), whole. It may hold a token, so it is
/// never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Link(pub String);

/// One page of a listing.
#[derive(Clone, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page is; `None` on the last.
    pub next: Option<Link>,
}

/// One page of a round of changes.
#[derive(Clone, PartialEq)]
pub struct DeltaPage<T> {
    /// The changes, in the order received.
    pub items: Vec<T>,
    /// How the round goes on. A page without either link is an error, never an end.
    pub end: RoundEnd,
}

/// How a round of changes goes on after a page.
#[derive(Clone, PartialEq, Eq)]
pub enum RoundEnd {
    /// The round goes on at this nextLink.
    Next(Link),
    /// The round is complete; the next one starts at this deltaLink.
    Complete(Link),
}

/// Where to read changes of users.
#[derive(Clone, Copy)]
pub enum UsersAt<'a> {
    /// From the beginning: every user of the tenant.
    Initial(&'a Selection),
    /// From now on: no rows, only a deltaLink.
    Now(&'a Selection),
    /// Where an earlier page said.
    Link(&'a Link),
}

/// Where to read changes of groups and their direct members.
#[derive(Clone, Copy)]
pub enum GroupsAt<'a> {
    /// From the beginning, for these groups only (at most [`GROUPS_PER_CHAIN_MAX`]).
    Initial(&'a [SourceId]),
    /// From the beginning, as objects that are provisioned themselves.
    Objects {
        /// These groups only (at most [`GROUPS_PER_CHAIN_MAX`]); `None` for every group.
        groups: Option<&'a [SourceId]>,
        /// Graph property names; `id`, `displayName` and the members are always read.
        properties: &'a BTreeSet<String>,
    },
    /// Where an earlier page said.
    Link(&'a Link),
}

/// Groups in one filtered chain: Graph's limit for `id eq` terms in a delta filter.
pub const GROUPS_PER_CHAIN_MAX: usize = 50;

/// Ids in one `getByIds`: Graph's limit.
pub const IDS_PER_LOOKUP_MAX: usize = 1_000;

/// The directory, read only: Microsoft Graph.
pub trait Directory: Send + Sync {
    /// The enterprise application and its roles.
    fn application(
        &self,
        which: &ApplicationRef,
    ) -> impl Future<Output = Result<Application, DirectoryFault>> + Send;

    /// One page of the application's assignments: the first, or where `next` says.
    fn assignments(
        &self,
        application: ServicePrincipalId,
        next: Option<&Link>,
    ) -> impl Future<Output = Result<Page<Assignment>, DirectoryFault>> + Send;

    /// One page of changes of users, tenant-wide.
    fn users_delta(
        &self,
        at: UsersAt<'_>,
    ) -> impl Future<Output = Result<DeltaPage<UserChange>, DirectoryFault>> + Send;

    /// One page of the plain list of all users: the first, or where `next` says. Has no managers.
    fn users(
        &self,
        selection: &Selection,
        next: Option<&Link>,
    ) -> impl Future<Output = Result<Page<SourceObject>, DirectoryFault>> + Send;

    /// The first page of the plain list of those users whose user principal name begins with
    /// `prefix`, whatever its case. It goes on as [`Directory::users`].
    fn users_beginning(
        &self,
        prefix: &str,
        selection: &Selection,
    ) -> impl Future<Output = Result<Page<SourceObject>, DirectoryFault>> + Send;

    /// One page of the ids of all users: the first, or where `next` says.
    fn user_ids(
        &self,
        next: Option<&Link>,
    ) -> impl Future<Output = Result<Page<SourceId>, DirectoryFault>> + Send;

    /// One page of changes of groups and their direct members.
    fn groups_delta(
        &self,
        at: GroupsAt<'_>,
    ) -> impl Future<Output = Result<DeltaPage<GroupChange>, DirectoryFault>> + Send;

    /// The live users among `ids` (at most [`IDS_PER_LOOKUP_MAX`]); others are silently missing.
    fn users_by_id(
        &self,
        ids: &[SourceId],
        selection: &Selection,
    ) -> impl Future<Output = Result<Vec<SourceObject>, DirectoryFault>> + Send;

    /// One page of the managers of some users, read as changes of users.
    fn managers(
        &self,
        at: ManagersAt<'_>,
    ) -> impl Future<Output = Result<DeltaPage<UserChange>, DirectoryFault>> + Send;

    /// One page of the soft-deleted users' ids: the first, or where `next` says.
    fn deleted_users(
        &self,
        next: Option<&Link>,
    ) -> impl Future<Output = Result<Page<SourceId>, DirectoryFault>> + Send;

    /// The tenant's default domain, `None` where the directory names none.
    fn default_domain(&self)
    -> impl Future<Output = Result<Option<String>, DirectoryFault>> + Send;

    /// One page of the soft-deleted users with their properties: the first, or where `next` says.
    /// Their user principal names are those of their lives.
    fn deleted_users_in_full(
        &self,
        selection: &Selection,
        next: Option<&Link>,
    ) -> impl Future<Output = Result<Page<SourceObject>, DirectoryFault>> + Send;

    /// The live users whose user principal name or mail is `name`, whatever its case: one page,
    /// more than which nobody needs to see that a name is not unique.
    fn users_named(
        &self,
        name: &str,
        selection: &Selection,
    ) -> impl Future<Output = Result<Vec<SourceObject>, DirectoryFault>> + Send;

    /// The live groups whose display name is `name`, whatever its case: one page. Names are not
    /// unique.
    fn groups_named(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Vec<SourceObject>, DirectoryFault>> + Send;

    /// The live groups among `ids` (at most [`IDS_PER_LOOKUP_MAX`]); others are silently missing.
    fn groups_by_id(
        &self,
        ids: &[SourceId],
    ) -> impl Future<Output = Result<Vec<SourceObject>, DirectoryFault>> + Send;

    /// All groups that the user is a direct member of, with id and display name.
    fn groups_of(
        &self,
        user: SourceId,
    ) -> impl Future<Output = Result<Vec<SourceObject>, DirectoryFault>> + Send;

    /// Requests sent so far, sign-ins not counted.
    fn requests(&self) -> u64;
}

/// Where to read managers.
#[derive(Clone, Copy)]
pub enum ManagersAt<'a> {
    /// Of these users (at most [`GROUPS_PER_CHAIN_MAX`]).
    Initial(&'a [SourceId]),
    /// Where an earlier page said.
    Link(&'a Link),
}

/// Why the directory could not be read. Classified once, by the adapter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryFault {
    /// No token: the message is one sentence that says what to fix.
    #[error("sign in to Microsoft Entra: {0}")]
    SignIn(String),
    /// A permission is missing; the name is the application permission to grant.
    #[error("the app registration lacks the application permission `{permission}` ({detail})")]
    Permission {
        /// The least-privileged permission that helps, such as `User.Read.All`.
        permission: String,
        /// What was read, and how it was noticed.
        detail: String,
    },
    /// The enterprise application does not exist in this tenant.
    #[error("no enterprise application {0} in this tenant")]
    NotFound(String),
    /// Several enterprise applications have the configured display name.
    #[error(
        "{count} enterprise applications are named `{name}`; name one by its appId or object id"
    )]
    Ambiguous {
        /// The configured name.
        name: String,
        /// How many there are.
        count: usize,
    },
    /// A delta or page token is too old or unknown: read again from the beginning.
    #[error("the directory no longer knows this page or delta token ({0})")]
    TokenExpired(String),
    /// Throttled; the wait it asked for, if it said one.
    #[error("Microsoft Graph is throttling")]
    Throttled {
        /// From `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// A 5xx, a broken or refused connection, a time-out: worth another try.
    #[error("Microsoft Graph is unavailable: {detail}")]
    Unavailable {
        /// What happened, without links or bodies.
        detail: String,
        /// From `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The answer is not what the documentation promises (HTML, truncated JSON, no link).
    #[error("Microsoft Graph gave an unusable answer: {0}")]
    Malformed(String),
    /// A link that leads to another origin; the token was not sent there.
    #[error(
        "Microsoft Graph gave a link to {0}, not to the configured host; nothing was sent there"
    )]
    ForeignLink(String),
    /// Any other refusal.
    #[error("Microsoft Graph refused the request: {status} {code}: {message}")]
    Rejected {
        /// HTTP status.
        status: u16,
        /// Graph's error code.
        code: String,
        /// Graph's message, shortened.
        message: String,
    },
}

/// A resource as the target returned it.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its id.
    pub id: TargetId,
    /// `meta.version` or the ETag, where the target has one.
    pub version: Option<String>,
    /// The whole resource.
    pub document: Map<String, Value>,
}

/// One page of a target's list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPage {
    /// The resources, as many as the target cared to return.
    pub resources: Vec<Resource>,
    /// `totalResults`, as claimed.
    pub total: u64,
    /// Rows that had no usable id and were left out.
    pub unusable: u64,
    /// `nextCursor`: where the next page is, where the list goes on by cursors (RFC 9865 §2).
    pub next_cursor: Option<String>,
}

/// Where in a list a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListAt<'a> {
    /// At this row, counted from 1 (RFC 7644 §3.4.2.4).
    Index(u64),
    /// At the first row of a list that goes on by cursors (RFC 9865 §2).
    FirstCursor,
    /// Where an earlier page said.
    Cursor(&'a str),
}

/// The target, read: a SCIM service.
pub trait TargetRead: Send + Sync {
    /// What the target says of itself at one of its endpoints, as JSON; `None` where it offers
    /// nothing there that could be read.
    fn discover(
        &self,
        endpoint: Discovery,
    ) -> impl Future<Output = Result<Option<Value>, TargetFault>> + Send;

    /// One page of all resources.
    fn list(
        &self,
        kind: ObjectKind,
        at: ListAt<'_>,
        count: u32,
    ) -> impl Future<Output = Result<ListPage, TargetFault>> + Send;

    /// What the target returns for an equality filter, its first page. It may have ignored the
    /// filter: the caller compares the attribute before it trusts a row.
    fn find(
        &self,
        kind: ObjectKind,
        filter: &EqFilter,
    ) -> impl Future<Output = Result<ListPage, TargetFault>> + Send;

    /// One resource, or `None` where the target answers 404. A group comes without its members.
    fn get(
        &self,
        kind: ObjectKind,
        id: &TargetId,
    ) -> impl Future<Output = Result<Option<Resource>, TargetFault>> + Send;

    /// The same with all that the target shows of it, a group's members too: what a
    /// [`TargetWrite::put`] is made from.
    fn get_whole(
        &self,
        kind: ObjectKind,
        id: &TargetId,
    ) -> impl Future<Output = Result<Option<Resource>, TargetFault>> + Send;

    /// Requests sent so far, reads and writes, sign-ins not counted.
    fn requests(&self) -> u64;
}

/// The target, written. Only the export of a cleared plan holds one.
///
/// A `version` is sent as `If-Match` (RFC 7644 §3.14): a target that compares versions answers 412
/// where the resource has another one by then, and does nothing.
pub trait TargetWrite: TargetRead {
    /// Creates a resource (POST) and returns it with the id the target gave it.
    fn create(
        &self,
        kind: ObjectKind,
        body: &Map<String, Value>,
    ) -> impl Future<Output = Result<Resource, TargetFault>> + Send;

    /// Changes a resource (PATCH). `None` where the target answers without a body (204).
    fn patch(
        &self,
        kind: ObjectKind,
        id: &TargetId,
        request: &PatchRequest,
        version: Option<&str>,
    ) -> impl Future<Output = Result<Option<Resource>, TargetFault>> + Send;

    /// Replaces a resource (PUT). `None` where the target answers without a body (204).
    fn put(
        &self,
        kind: ObjectKind,
        id: &TargetId,
        body: &Map<String, Value>,
        version: Option<&str>,
    ) -> impl Future<Output = Result<Option<Resource>, TargetFault>> + Send;

    /// Removes a resource (DELETE). A 404 is [`FaultClass::Missing`].
    fn delete(
        &self,
        kind: ObjectKind,
        id: &TargetId,
        version: Option<&str>,
    ) -> impl Future<Output = Result<(), TargetFault>> + Send;
}

/// One mail to one address, in words; how it becomes MIME is the adapter's business.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Letter {
    /// What identifies it for ever: a second sending has the same `Message-ID`.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
    /// The address it goes to, with or without a name.
    pub to: String,
    /// The subject, any text.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
    /// A file that comes with it.
    pub attachment: Option<Attachment>,
}

/// A file that comes with a mail.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Comma-separated values.
    pub csv: String,
}

/// Why a mail was not accepted. The texts hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailFault {
    /// No connection, no TLS, or an answer that did not come or was none.
    #[error("the mail server cannot be reached: {0}")]
    Unreachable(String),
    /// User name or password are refused, or not readable.
    #[error("the mail server refuses the user name or password: {0}")]
    SignIn(String),
    /// The server refuses this mail, its sender or its recipient.
    #[error("the mail server refuses the mail: {0}")]
    Refused(String),
    /// The mail cannot be put into the form that mails have.
    #[error("the mail cannot be written: {0}")]
    Unusable(String),
}

/// Carries mails to a mail server. Retries nothing.
pub trait Mailer: Send + Sync {
    /// Hands one mail over; what the server said when it accepted it.
    fn send(&self, letter: &Letter) -> impl Future<Output = Result<String, MailFault>> + Send;

    /// Connects, agrees on TLS, signs in and says good-bye; what was agreed.
    fn check(&self) -> impl Future<Output = Result<String, MailFault>> + Send;
}
