//! Group objects and their members: what they cost in requests to the application, with as many
//! members in one request as an application usually takes, and with one, as Entra sends them.

use std::collections::BTreeMap;

use entra_scim::{
    model::{AppRole, AppRoleId, ServicePrincipalId, SourceId},
    provisioning::job::Job,
    sandbox::tenant::{ApplicationSpec, Tenant, UserSpec},
};

use super::{Bench, Figure, job};

const APP_ID: &str = "77777777-2222-3333-4444-555555555555";

/// People in fifty groups of two hundred, so that everybody is in ten of them.
const PEOPLE: usize = 1_000;
const GROUPS: usize = 50;
const MEMBERS: usize = 200;

/// People in one group.
const CROWD: usize = 5_000;

/// An application that everybody and every group is assigned to, and the job that provisions it.
struct Company {
    application: ServicePrincipalId,
    role: AppRoleId,
    job: Job,
    people: BTreeMap<String, SourceId>,
}

impl Company {
    fn of(tenant: &Tenant, people: usize, per_request: u64) -> Self {
        let role = AppRoleId::derive(&["role", "Editor"]);
        let application = tenant.add_application(ApplicationSpec {
            display_name: "CRM".to_owned(),
            app_id: APP_ID.to_owned(),
            roles: vec![AppRole {
                id: role,
                display_name: "Editor".to_owned(),
                value: Some("editor".to_owned()),
                is_enabled: true,
            }],
        });
        let people = (0..people)
            .map(|number| {
                let name = format!("p{number:04}");
                let address = format!("{name}@contoso.com");
                let spec = UserSpec::named(&address, &format!("Person {number}"))
                    .with("mail", address.as_str())
                    .with("mailNickname", name.as_str());
                let id = tenant.add_user(spec);
                tenant.assign(application, id, role);
                (name, id)
            })
            .collect();
        Self { application, role, job: job_of(per_request), people }
    }

    /// An assigned group of these people.
    fn group(
        &self,
        tenant: &Tenant,
        name: &str,
        people: impl IntoIterator<Item = usize>,
    ) -> SourceId {
        let group = tenant.add_group(name);
        tenant.assign(self.application, group, self.role);
        for number in people {
            tenant.add_member(group, self.people[&person(number)]);
        }
        group
    }
}

/// The job that sends so many members in one request.
fn job_of(per_request: u64) -> Job {
    let lines =
        format!("max_members_per_request = {per_request}\n[apps.crm.groups]\nenabled = true\n");
    job(APP_ID, &lines)
}

fn person(number: usize) -> String {
    format!("p{number:04}")
}

/// A company that is populated by this, and its groups.
fn company(
    people: usize,
    per_request: u64,
    groups: impl FnOnce(&Company, &Tenant) -> Vec<SourceId>,
) -> (Bench, Vec<SourceId>) {
    let mut made = Vec::new();
    let bench = Bench::with(|tenant| {
        let company = Company::of(tenant, people, per_request);
        made = groups(&company, tenant);
        (company.job, company.people)
    });
    (bench, made)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A cycle in which nothing may fail; returns its requests to the application.
async fn requests(bench: &Bench) -> u64 {
    bench.application.take_requests();
    let end = bench.whole_cycle().await;
    assert_eq!(end.report.totals.failure, 0, "{:?}", end.report);
    end.report.requests.target
}

/// How many members the application has in all its groups.
fn memberships(bench: &Bench) -> u64 {
    let groups = bench.application.groups();
    let members = groups.iter().filter_map(|group| group.get("members")?.as_array());
    count(members.map(Vec::len).sum())
}

/// Everything about groups, with a hundred members in one request and with one.
pub(super) async fn figures() -> Vec<Figure> {
    let mut figures = fifty_groups(100).await;
    figures.extend(fifty_groups(1).await);
    figures.extend(one_crowd().await);
    figures
}

async fn fifty_groups(per_request: u64) -> Vec<Figure> {
    let name = |text: &str| format!("{text}, {per_request} a request");
    let (bench, groups) = company(PEOPLE, per_request, |company, tenant| {
        let members = |group: usize| (0..MEMBERS).map(move |n| (group * 20 + n) % PEOPLE);
        (0..GROUPS)
            .map(|group| company.group(tenant, &format!("Group {group:02}"), members(group)))
            .collect()
    });
    let asked = requests(&bench).await;
    // What the application says of itself, and a page of its users and one of its groups.
    let surveys = 3 + 2;
    let objects = count(PEOPLE + GROUPS);
    let patches = count(GROUPS) * count(MEMBERS).div_ceil(per_request);
    let mut figures = vec![
        Figure::exactly(name("1,000 people, 50 groups"), asked, surveys + objects + patches),
        Figure::exactly(name("memberships made"), memberships(&bench), count(GROUPS * MEMBERS)),
        Figure::exactly(name("nothing changed"), requests(&bench).await, 0),
    ];
    // One in a hundred: ten people, and in five groups one who comes and one who goes.
    for number in 0..PEOPLE / 100 {
        let id = bench.people[&person(number)];
        bench.tenant.set_attribute(id, "displayName", format!("Somebody {number}"));
    }
    let changed = &groups[..GROUPS / 10];
    for (number, group) in changed.iter().enumerate() {
        let first = number * 20;
        bench.tenant.remove_member(*group, bench.people[&person(first)]);
        bench.tenant.add_member(*group, bench.people[&person(first + MEMBERS)]);
    }
    let per_group = 2_u64.div_ceil(per_request);
    let expected = count(PEOPLE / 100) + count(changed.len()) * per_group;
    figures.push(Figure::exactly(name("1 % changed"), requests(&bench).await, expected));
    figures
}

async fn one_crowd() -> Vec<Figure> {
    let (mut bench, groups) = company(CROWD + 2, 100, |company, tenant| {
        vec![company.group(tenant, "Everybody", 0..CROWD)]
    });
    requests(&bench).await;
    let mut figures = Vec::new();
    for (more, per_request) in [(0, 100), (1, 1)] {
        bench.job = job_of(per_request);
        bench.tenant.add_member(groups[0], bench.people[&person(CROWD + more)]);
        let name = format!("one member more in a group of 5,000, {per_request} a request");
        figures.push(Figure::exactly(name, requests(&bench).await, 1));
    }
    let members = count(CROWD + 2);
    figures.push(Figure::exactly("members of that group", memberships(&bench), members));
    figures
}
