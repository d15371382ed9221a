//! The import as a whole: the application, its roles, and the order of what is read.

use std::{collections::BTreeMap, time::Duration};

use super::{ahead::ahead, filters, groups, people, users};
use crate::{
    cycle::{
        context::{Context, CycleError, Tracker},
        pace,
    },
    model::{Application, Assignment, CycleId, PrincipalKind},
    port::{Directory, DirectoryFault, Link, Page, Selection},
    provisioning::{
        Operand, SourceAttribute,
        job::{Job, MappingSource, Scope},
        selected_property,
    },
    store::{Binding, Chain, CycleKind, StateRead, StoreError},
};

/// Delta tokens live seven days; older than this, everything is read again before they die.
pub const FULL_READ_AFTER: Duration = Duration::from_secs(13 * 12 * 60 * 60);

/// Times that a reading is begun again when its tokens expire under way.
const RESTARTS_MAX: u32 = 2;

/// The fact that holds the tenant's default domain, where a mapping needs it.
pub(in crate::cycle) const DEFAULT_DOMAIN: &str = "default_domain";

/// Users of a property below which its vanishing is believed.
const PROPERTY_USERS_MIN: u64 = 3;

/// What the import found beside the state it wrote.
pub(in crate::cycle) struct Imported {
    pub(in crate::cycle) warnings: Vec<String>,
}

/// The properties that a job needs of each user.
pub fn selection_of(job: &Job) -> Selection {
    let mut names: Vec<&str> = Vec::new();
    for mapping in &job.attributes {
        match &mapping.source {
            MappingSource::Attribute(name) => names.push(name),
            MappingSource::Constant(_) => {}
            MappingSource::Expression(expression) => names.extend(expression.attributes()),
        }
    }
    let mut manager =
        names.iter().any(|name| SourceAttribute::parse(name) == Some(SourceAttribute::Manager));
    let mut properties: std::collections::BTreeSet<String> =
        names.into_iter().filter_map(selected_property).collect();
    for clause in job.clauses() {
        match &clause.operand {
            Operand::Attribute(attribute) => {
                properties.extend(attribute.selected_property().map(str::to_owned));
            }
            Operand::Manager => manager = true,
            Operand::AppRoles | Operand::MemberOf => {}
        }
    }
    if !job.safeguards.protect.is_empty() {
        properties.insert("mail".to_owned());
    }
    Selection { properties, manager }
}

/// What a complete read is good for: the properties, and whose.
fn selection_text(selection: &Selection, job: &Job) -> String {
    let mut names: Vec<&str> = selection.properties.iter().map(String::as_str).collect();
    names.push(match job.scope {
        Scope::Assigned => "of assigned users",
        Scope::All => "of all users",
    });
    if selection.manager {
        names.push("manager");
    }
    if job.nested_groups {
        names.push("of nested groups");
    }
    let mut text = names.join(",");
    if job.groups.is_some() {
        let of_groups: Vec<String> = groups::group_properties(job).into_iter().collect();
        text = format!("{text},groups with {}", of_groups.join(","));
    }
    text
}

/// Whether this cycle reads everything.
pub(in crate::cycle) fn kind<D>(context: &Context<'_, D>) -> Result<CycleKind, CycleError> {
    let selection = selection_text(&selection_of(context.job), context.job);
    let now = context.clock.now();
    let full = context.options.initial
        || context.store.read(|view| {
            let chain = view.chain(Chain::USERS)?;
            let fresh = chain.is_some_and(|chain| {
                (now - chain.taken_at).to_std().unwrap_or_default() < FULL_READ_AFTER
            });
            Ok(!fresh
                || view.fact("selection")?.as_deref() != Some(&selection)
                || view.fact("full_read")?.is_some()
                || view.binding()?.is_none())
        })?;
    Ok(if full { CycleKind::Initial } else { CycleKind::Incremental })
}

/// Reads what changed, or everything, into the state.
pub(in crate::cycle) async fn import<D: Directory>(
    context: &Context<'_, D>,
    cycle: CycleId,
    mut kind: CycleKind,
) -> Result<Imported, CycleError> {
    let tracker = Tracker::new(context, cycle, "import");
    tracker.at(0, None)?;
    let application =
        pace::directory(context.clock, || context.directory.application(&context.job.application))
            .await?;
    bind(context, &application)?;
    let mut warnings = warnings_of(context.job, &application);
    let mut restarts = 0;
    loop {
        match round(context, &application, kind, &tracker, &mut warnings).await {
            Err(CycleError::Directory(DirectoryFault::TokenExpired(_)))
                if restarts < RESTARTS_MAX =>
            {
                restarts += 1;
                kind = CycleKind::Initial;
                context.store.write(|tx| tx.reset_watermark())?;
            }
            Err(error) => return Err(error),
            Ok(()) => return Ok(Imported { warnings }),
        }
    }
}

/// Lets a state that belongs to nothing yet belong to this job.
pub(in crate::cycle) fn bind<D>(
    context: &Context<'_, D>,
    application: &Application,
) -> Result<(), CycleError> {
    if is_bound((context.job, context.store), application)? {
        return Ok(());
    }
    let configured = Binding::of(context.job, application.id);
    Ok(context.store.write(|tx| tx.bind(&configured))?)
}

/// Whether the state belongs to this job, or to nothing yet. It is an error if to another one.
pub(in crate::cycle) fn is_bound<S: StateRead>(
    (job, store): (&Job, &S),
    application: &Application,
) -> Result<bool, CycleError> {
    let configured = Binding::of(job, application.id);
    match store.read(|view| view.binding())? {
        None => Ok(false),
        Some(stored) if stored == configured => Ok(true),
        Some(stored) => Err(CycleError::Rebound {
            app: job.app.to_string(),
            stored: Box::new(stored),
            configured: Box::new(configured),
        }),
    }
}

/// What a person should know of the application, whatever the cycle does.
pub(in crate::cycle) fn warnings_of(job: &Job, application: &Application) -> Vec<String> {
    let mut warnings = Vec::new();
    let has_role = application.roles.iter().any(|role| role.is_enabled);
    if job.scope == Scope::Assigned && job.exclude_default_access && !has_role {
        warnings.push(format!(
            "the enterprise application `{}` has no app role but Default Access, so nobody is in \
             scope. Add one in the Entra admin center under App registrations > {} > App roles > \
             Create app role, and assign people with it; or set `exclude_default_access = false`",
            application.display_name, application.display_name
        ));
    }
    warnings
}

async fn round<D: Directory>(
    context: &Context<'_, D>,
    application: &Application,
    kind: CycleKind,
    tracker: &Tracker<'_, D>,
    warnings: &mut Vec<String>,
) -> Result<(), CycleError> {
    let selection = selection_of(context.job);
    let full = kind == CycleKind::Initial;
    let generation = begin(context, &selection, full)?;
    context.store.write(|tx| {
        if full {
            tx.defer_indices()?;
        }
        tx.set_app_roles(&application.roles)
    })?;
    read_default_domain(context).await?;
    let users_chain = users::read(context, &selection, full, generation, tracker).await?;
    filters::read(context, full).await?;
    if context.job.scope == Scope::Assigned {
        read_assignments(context, application, tracker, warnings).await?;
    }
    groups::read(context, full, tracker).await?;
    filters::check(context)?;
    context.store.write(|tx| tx.index_objects())?;
    people::look_up(context, &selection, full, generation, tracker).await?;
    groups::look_up(context).await?;
    let properties = if full { Some(check_properties(context)?) } else { None };
    context.store.write(|tx| {
        if let Some(chain) = &users_chain {
            tx.set_chain(chain)?;
        }
        tx.set_fact("selection", Some(&selection_text(&selection, context.job)))?;
        tx.set_fact("full_read", None)?;
        properties.map_or(Ok(()), |counts| tx.set_property_statistics(&counts))
    })?;
    Ok(())
}

/// Whether a mapping needs the tenant's default domain.
pub fn needs_default_domain(job: &Job) -> bool {
    job.attributes.iter().any(|mapping| match &mapping.source {
        MappingSource::Attribute(_) | MappingSource::Constant(_) => false,
        MappingSource::Expression(expression) => expression.uses_default_domain(),
    })
}

/// Reads the tenant's default domain where a mapping needs it. With another one, everybody is
/// decided again.
pub(in crate::cycle) async fn read_default_domain<D: Directory>(
    context: &Context<'_, D>,
) -> Result<(), CycleError> {
    if !needs_default_domain(context.job) {
        return Ok(());
    }
    let domain = pace::directory(context.clock, || context.directory.default_domain()).await?;
    context.store.write(|tx| {
        if tx.fact(DEFAULT_DOMAIN)? != domain {
            tx.set_fact(DEFAULT_DOMAIN, domain.as_deref())?;
            tx.mark_all_dirty()?;
        }
        Ok(())
    })?;
    Ok(())
}

/// The number of this complete reading, or of the last one.
fn begin<D>(
    context: &Context<'_, D>,
    selection: &Selection,
    full: bool,
) -> Result<u64, StoreError> {
    let selection = selection_text(selection, context.job);
    let number = |text: Option<String>| text.and_then(|t| t.parse().ok()).unwrap_or(0_u64);
    context.store.write(|tx| {
        let last = number(tx.fact("read_generation")?);
        if !full {
            return Ok(last);
        }
        // A reading that broke off goes on under its own number, so that what it saw counts; one
        // that begins anew must not count what the first try saw, and that is gone since.
        let goes_on = tx.fact("full_read_selection")?.as_ref() == Some(&selection)
            && tx.fact("full_read")?.is_some()
            && tx.chain(Chain::USERS)?.is_some_and(|chain| chain.generation == last);
        if goes_on {
            return Ok(last);
        }
        tx.drop_first_reading()?;
        let next = (last + 1).to_string();
        tx.set_fact("read_generation", Some(&next))?;
        tx.set_fact("full_read", Some(&next))?;
        tx.set_fact("full_read_selection", Some(&selection))?;
        Ok(last + 1)
    })
}

/// Reads the whole list of assignments and puts it in the place of the old one.
///
/// An empty list after one that was not is first put aside: the next cycle's read must say so too.
async fn read_assignments<D: Directory>(
    context: &Context<'_, D>,
    application: &Application,
    tracker: &Tracker<'_, D>,
    warnings: &mut Vec<String>,
) -> Result<(), CycleError> {
    context.store.write(|tx| tx.begin_assignments())?;
    let ask = |next: Option<Link>| {
        Box::pin(async move {
            let ask = || context.directory.assignments(application.id, next.as_ref());
            pace::directory(context.clock, ask).await
        })
    };
    context.check_stop()?;
    let mut page = ask(None).await?;
    let mut rows = 0;
    loop {
        let Page { items, next } = page;
        rows += items.len() as u64;
        let bytes = items.len() * size_of::<Assignment>();
        let keep = || {
            let is_provisioned =
                |row: &Assignment| row.principal_kind != PrincipalKind::ServicePrincipal;
            let provisioned: Vec<_> = items.into_iter().filter(is_provisioned).collect();
            context.store.write(|tx| tx.add_assignments(&provisioned))?;
            Ok(tracker.at(rows, None)?)
        };
        let Some(next) = next else {
            keep()?;
            break;
        };
        page = ahead(|| context.check_stop(), ask(Some(next)), bytes, keep).await?;
    }
    let cycle = tracker.cycle().to_string();
    let obeyed = context.store.write(|tx| {
        let emptied = tx.incoming_assignment_count()? == 0 && tx.assignment_count()? > 0;
        // A list that this cycle reads again, because a token expired, is no second read.
        let seen_by = tx.fact("assignments_emptied_by")?.filter(|seen_by| *seen_by != cycle);
        if emptied && seen_by.is_none() {
            tx.set_fact("assignments_emptied_by", Some(&cycle))?;
            return Ok(false);
        }
        tx.set_fact("assignments_emptied_by", None)?;
        tx.finish_assignments()?;
        Ok(true)
    })?;
    if !obeyed {
        warnings.push(
            "the directory listed no assignment at all, after it had listed some; nothing was \
             withdrawn. The next cycle reads the list again, and the safeguards count what it says"
                .to_owned(),
        );
    }
    Ok(())
}

/// A property that vanished from everybody looks like a missing permission, not like a clearing.
/// Returns how many users have a value for each.
fn check_properties<D>(context: &Context<'_, D>) -> Result<BTreeMap<String, u64>, CycleError> {
    let (before, now) =
        context.store.read(|view| Ok((view.property_statistics()?, view.count_properties()?)))?;
    if now.is_empty() {
        return Ok(now);
    }
    let selection = selection_of(context.job);
    for (property, count) in before {
        let selected = selection.properties.contains(&property);
        if selected && count >= PROPERTY_USERS_MIN && !now.contains_key(&property) {
            let hint = if property == "employeeLeaveDateTime" {
                " (`User-LifeCycleInfo.Read.All`)"
            } else {
                ""
            };
            return Err(CycleError::PropertyVanished {
                app: context.job.app.to_string(),
                property,
                before: count,
                hint,
            });
        }
    }
    Ok(now)
}
