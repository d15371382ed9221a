//! What a draft knows of one object before it decides, and what it decided.
//!
//! Many are loaded and stored at once: a transaction for each person would cost more than all that
//! is decided. Knows no target; what it shows of an account is `look`'s.

use super::references::{exported_manager, wants_manager};
use crate::{
    model::SourceId,
    provisioning::{Decision, EntitlementMemory, Link, Subject, UnsettledCreate},
    scim::AttributePath,
    store::{StoreError, View, WantedReference},
};

/// What the state knows of one object.
pub(super) struct Known {
    pub(super) subject: Subject,
    pub(super) link: Option<Link>,
    pub(super) memory: EntitlementMemory,
    pub(super) unsettled: Option<UnsettledCreate>,
}

impl Known {
    /// What is known of an object that was just read.
    pub(super) fn of(view: &View<'_>, subject: Subject) -> Result<Self, StoreError> {
        let (link, memory) = (view.link(subject.id)?, view.entitlement(subject.id)?);
        let unsettled = view.unsettled_create(subject.id)?;
        Ok(Self { subject, link, memory, unsettled })
    }

    /// What is known of these; whoever is not known at all is left out.
    pub(super) fn load(view: &View<'_>, ids: &[SourceId]) -> Result<Vec<Self>, StoreError> {
        view.at_once(|| Self::load_each(view, ids))
    }

    fn load_each(view: &View<'_>, ids: &[SourceId]) -> Result<Vec<Self>, StoreError> {
        // There is hardly ever one, and each is looked for under two names.
        let is_any_unsettled = view.is_any_create_unsettled()?;
        let holdings = view.holdings()?;
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            let Some((subject, memory)) = view.remembered(*id, holdings)? else { continue };
            let unsettled = if is_any_unsettled { view.unsettled_create(*id)? } else { None };
            all.push(Self { subject, link: view.link(*id)?, memory, unsettled });
        }
        Ok(all)
    }
}

/// A decision that is not stored yet.
pub(super) struct Decided {
    pub(super) id: SourceId,
    pub(super) decision: Decision,
    /// Which of its rows is to name the manager's account, and what is known of that.
    pub(super) reference: Option<(usize, WantedReference)>,
}

impl Decided {
    /// A decision, whose reference to the manager at `path` is wanted where a row is about an
    /// account that stays or comes to be.
    pub(super) fn new(
        (subject, link): (&Subject, Option<&Link>),
        decision: Decision,
        path: Option<&AttributePath>,
    ) -> Self {
        let reference = path.and_then(|path| {
            let place = decision.changes.iter().position(wants_manager)?;
            // An account that is withdrawn keeps its manager.
            if !decision.in_scope || !subject.is_enabled() {
                return None;
            }
            let row = &decision.changes[place];
            let exported = exported_manager(row, link, path);
            let wanted = WantedReference { manager: subject.manager, exported };
            (wanted.manager.is_some() || wanted.exported.is_some()).then_some((place, wanted))
        });
        Self { id: subject.id, decision, reference }
    }
}
