//! Sending one difference: as a PATCH, or where the target has none, as a PUT built on what it
//! shows; with the version that was read, where the target compares versions.
//!
//! A target that turns out to have no PATCH is remembered as such, for a day at most. What a row of
//! a plan is, and what becomes of it, is `export`'s.

use super::pace::{Class, Pacer};
use crate::{
    model::{Clock, ObjectKind, TargetId},
    port::{FaultClass, Resource, TargetFault, TargetWrite},
    provisioning::{Capabilities, Discovered, Versions, capabilities, job::Job},
    scim::{
        AttributeChange, Dialect, PatchRequest, Values, member_out, member_patch, members_shown,
        outstanding, patch, replaced, with_members, without_read_only,
    },
    store::{Engine, StoreError},
};

/// Tries of a change that is built on a read: the target's version may change in between, once.
const TRIES_MAX: u32 = 2;

/// What is to become different.
#[derive(Clone, Debug)]
pub(super) enum Difference {
    /// Attributes of a resource that is known to have these values.
    Attributes(Values, Vec<AttributeChange>),
    /// Members of a group.
    Members {
        /// Who joins.
        adds: Vec<TargetId>,
        /// Who leaves.
        removes: Vec<TargetId>,
    },
    /// A member leaves a group that does not show whether it is still in it.
    MemberOut(TargetId),
}

/// What became of a change.
#[derive(Debug)]
pub(super) enum Changed {
    /// The target took it, and answered with the resource or with nothing.
    Sent(Option<Resource>),
    /// Nothing was to be sent: the resource is as it should be.
    Already,
    /// The resource is gone.
    Gone,
    /// It was read, and is somebody else's by now. Nothing was sent.
    Strange,
}

/// Everything that sending a change needs beside the change.
pub(super) struct Changing<'a, W> {
    pub(super) job: &'a Job,
    pub(super) store: &'a Engine,
    pub(super) clock: &'a dyn Clock,
    pub(super) target: &'a W,
    pub(super) pacer: &'a Pacer<'a>,
    pub(super) class: Class,
}

/// How a change leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Patch,
    Put,
}

impl<W: TargetWrite> Changing<'_, W> {
    /// Makes the difference to one resource. `is_strange` tells whether what was read of it is
    /// somebody else's; it is asked wherever the resource is read.
    pub(super) async fn send(
        &self,
        (kind, id): (ObjectKind, &TargetId),
        difference: Difference,
        is_strange: impl Fn(&Resource) -> bool,
    ) -> Result<Result<Changed, TargetFault>, StoreError> {
        let request = difference.request(self.job);
        if request.operations.is_empty() {
            return Ok(Ok(Changed::Already));
        }
        let discovered = self.store.read(|view| view.discovered())?;
        let can = capabilities(self.job, discovered.as_ref());
        let mut way = Way { kind, method: Method::Patch, versions: can.versions, can };
        let mut refused = None;
        if way.can.replaces.contains(&kind) {
            way.method = Method::Put;
        } else if way.versions != Versions::Required {
            let send = || self.target.patch(kind, id, &request, None);
            let fault = match self.pacer.ask(self.class, send).await {
                Ok(answer) => return Ok(Ok(Changed::Sent(answer))),
                Err(fault) => fault,
            };
            if way.has_no_patch(&fault) {
                way.method = Method::Put;
                refused = Some(fault);
            } else if way.wants_version(&fault) {
                way.versions = Versions::Required;
            } else {
                return Ok(difference.gone_or(fault));
            }
        }
        let sent = self.after_read(id, (difference, &mut way, &mut refused), is_strange).await;
        Ok(match (sent, refused) {
            (Ok(changed), refused) => {
                if matches!(changed, Changed::Sent(_)) && refused.is_some() {
                    self.remember_no_patch(kind)?;
                }
                Ok(changed)
            }
            (Err(fault), Some(patch)) if is_unknown_method(&fault) => Err(TargetFault {
                detail: format!("{}; and a PUT instead: {}", patch.detail, fault.detail),
                ..patch
            }),
            (Err(fault), _) => Err(fault),
        })
    }

    /// Reads the resource, and sends what of the difference is not there yet.
    async fn after_read(
        &self,
        id: &TargetId,
        (mut difference, way, refused): (Difference, &mut Way, &mut Option<TargetFault>),
        is_strange: impl Fn(&Resource) -> bool,
    ) -> Result<Changed, TargetFault> {
        let mut tries = 0;
        loop {
            tries += 1;
            let whole = way.method == Method::Put || difference.is_about_members();
            let read = || async {
                if whole {
                    self.target.get_whole(way.kind, id).await
                } else {
                    self.target.get(way.kind, id).await
                }
            };
            let Some(found) = self.pacer.ask(Class::Read, read).await? else {
                return Ok(Changed::Gone);
            };
            if is_strange(&found) {
                return Ok(Changed::Strange);
            }
            difference = difference.outstanding(&found);
            let request = difference.request(self.job);
            if request.operations.is_empty() {
                return Ok(Changed::Already);
            }
            let version = way.version_of(&found);
            let answer = match way.method {
                Method::Patch => {
                    let send = || self.target.patch(way.kind, id, &request, version);
                    self.pacer.ask(self.class, send).await
                }
                Method::Put if self.would_empty(way.kind, id, &found) => {
                    return Err(would_empty(id));
                }
                Method::Put => {
                    let body = difference.body((way.kind, &found), self.job.dialect);
                    let body = without_read_only(body, &way.can.read_only);
                    let send = || self.target.put(way.kind, id, &body, version);
                    self.pacer.ask(self.class, send).await
                }
            };
            match answer {
                Ok(answer) => return Ok(Changed::Sent(answer)),
                Err(fault) if way.method == Method::Patch && way.has_no_patch(&fault) => {
                    way.method = Method::Put;
                    *refused = Some(fault);
                    tries -= 1;
                }
                Err(fault) if tries < TRIES_MAX && way.wants_version(&fault) => {
                    way.versions = Versions::Required;
                }
                Err(fault) => return difference.gone_or(fault),
            }
        }
    }

    /// Removes one resource. It is read first: a stranger behind a known id is left alone, and so
    /// is whoever becomes one before the request is there, where the target compares versions.
    pub(super) async fn remove(
        &self,
        (kind, id): (ObjectKind, &TargetId),
        is_strange: impl Fn(&Resource) -> bool,
    ) -> Result<Result<Changed, TargetFault>, StoreError> {
        let discovered = self.store.read(|view| view.discovered())?;
        let can = capabilities(self.job, discovered.as_ref());
        let mut way = Way { kind, method: Method::Patch, versions: can.versions, can };
        let mut tries = 0;
        loop {
            tries += 1;
            let found = match self.pacer.ask(Class::Read, || self.target.get(kind, id)).await {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(Ok(Changed::Gone)),
                Err(fault) => return Ok(Err(fault)),
            };
            if is_strange(&found) {
                return Ok(Ok(Changed::Strange));
            }
            let version = way.version_of(&found);
            let send = || self.target.delete(kind, id, version);
            match self.pacer.ask(self.class, send).await {
                Ok(()) => return Ok(Ok(Changed::Sent(None))),
                Err(fault) if tries < TRIES_MAX && way.wants_version(&fault) => {
                    way.versions = Versions::Required;
                }
                Err(fault) if fault.class == FaultClass::Missing => return Ok(Ok(Changed::Gone)),
                Err(fault) => return Ok(Err(fault)),
            }
        }
    }

    /// Whether a PUT of a group would take members out of it that the target does not show.
    fn would_empty(&self, kind: ObjectKind, id: &TargetId, found: &Resource) -> bool {
        kind == ObjectKind::Group
            && members_shown(&found.document).is_none()
            // A state that cannot be read proves nothing.
            && self.store.read(|view| view.has_members(id)).unwrap_or(true)
    }

    /// Keeps in mind that this kind has no PATCH, until the target is asked again what it can do.
    fn remember_no_patch(&self, kind: ObjectKind) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.store.write(|tx| {
            let known = tx.discovered()?;
            let mut known = known.unwrap_or_else(|| Discovered::nothing(self.job, now));
            known.without_patch.insert(kind);
            tx.set_discovered(&known)
        })
    }
}

/// The way that a change of one kind takes.
struct Way {
    kind: ObjectKind,
    method: Method,
    versions: Versions,
    can: Capabilities,
}

impl Way {
    fn has_no_patch(&self, fault: &TargetFault) -> bool {
        self.can.may_replace && is_unknown_method(fault)
    }

    /// 412: the version is another one by now; 428 (RFC 6585 §3): none was named.
    fn wants_version(&self, fault: &TargetFault) -> bool {
        self.can.versions != Versions::Ignored && matches!(fault.status, Some(412 | 428))
    }

    /// The version to name, of those that a read showed.
    fn version_of<'r>(&self, found: &'r Resource) -> Option<&'r str> {
        let meta = || found.document.get("meta").and_then(|meta| meta.get("version")?.as_str());
        match self.versions {
            Versions::Ignored => None,
            Versions::OfResources => meta(),
            Versions::Compared | Versions::Required => found.version.as_deref(),
        }
    }
}

impl Difference {
    fn is_about_members(&self) -> bool {
        matches!(self, Self::Members { .. } | Self::MemberOut(_))
    }

    /// A 404 means that the resource is gone; of a group it may be about a member as well, which is
    /// for the caller to find out.
    fn gone_or(&self, fault: TargetFault) -> Result<Changed, TargetFault> {
        if fault.class == FaultClass::Missing && !self.is_about_members() {
            return Ok(Changed::Gone);
        }
        Err(fault)
    }

    fn request(&self, job: &Job) -> PatchRequest {
        match self {
            Self::Attributes(baseline, changes) => patch(baseline, changes, job.dialect),
            Self::Members { adds, removes } => {
                member_patch(adds, removes, job.capability.member_removal, job.dialect)
            }
            Self::MemberOut(id) => member_out(id, job.capability.member_removal, job.dialect),
        }
    }

    /// What of it is still to be done to what was read.
    fn outstanding(self, found: &Resource) -> Self {
        match self {
            Self::Attributes(baseline, changes) => {
                let (there, left) = outstanding(&found.document, baseline.keys(), &changes);
                Self::Attributes(there, left)
            }
            Self::Members { mut adds, mut removes } => {
                if let Some(there) = members_shown(&found.document) {
                    adds.retain(|id| !there.contains(id.as_str()));
                    removes.retain(|id| there.contains(id.as_str()));
                }
                Self::Members { adds, removes }
            }
            Self::MemberOut(_) => self,
        }
    }

    fn body(
        &self,
        (kind, found): (ObjectKind, &Resource),
        dialect: Dialect,
    ) -> serde_json::Map<String, serde_json::Value> {
        match self {
            Self::Attributes(baseline, changes) => {
                replaced(kind, &found.document, (baseline, changes), dialect)
            }
            Self::Members { adds, removes } => with_members(&found.document, adds, removes),
            Self::MemberOut(id) => with_members(&found.document, &[], std::slice::from_ref(id)),
        }
    }
}

fn would_empty(id: &TargetId) -> TargetFault {
    TargetFault {
        class: FaultClass::Rejected,
        status: None,
        scim_type: None,
        detail: format!(
            "the application takes changes of groups by PUT only and does not show the members of \
             group `{id}`, so that a PUT would take them out; nothing was sent. Ask the vendor for \
             PATCH, or for `members` in the answers about groups"
        ),
        retry_after: None,
    }
}

/// Whether the target says that it has no such method: 405 and 501, by which nothing was done.
fn is_unknown_method(fault: &TargetFault) -> bool {
    matches!(fault.status, Some(405 | 501))
}
