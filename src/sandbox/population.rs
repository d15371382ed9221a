//! An invented company to fill a tenant with: people, groups, an application and its assignments.
//!
//! Owns names and proportions. The same options give the same company on every machine; all names
//! and addresses are invented, under domains reserved for examples.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::tenant::{ApplicationSpec, GroupKind, ObjectType, Tenant, UserSpec};
use crate::model::{AppRole, AppRoleId, DEFAULT_ACCESS, ServicePrincipalId, SourceId};

pub(super) const GIVEN: [&str; 40] = [
    "Ada",
    "Bjørn",
    "Chloé",
    "Dmitri",
    "Elif",
    "Farid",
    "Grace",
    "Hanna",
    "Ines",
    "Jürgen",
    "Keiko",
    "Liam",
    "Mónica",
    "Noah",
    "Oluwaseun",
    "Priya",
    "Quentin",
    "Rosa",
    "Søren",
    "Tomáš",
    "Uma",
    "Valentina",
    "Wei",
    "Ximena",
    "Yusuf",
    "Zoë",
    "Anaïs",
    "Björk",
    "Ciarán",
    "Daniela",
    "Émile",
    "Fatima",
    "Giulia",
    "Håkon",
    "Ivana",
    "Joao",
    "Kofi",
    "Leila",
    "Mateo",
    "Niamh",
];
pub(super) const FAMILY: [&str; 40] = [
    "Andersson",
    "Brandt",
    "Castillo",
    "Dubois",
    "Ekström",
    "Fontaine",
    "García",
    "Hölzl",
    "Ito",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Müller",
    "Nguyễn",
    "O'Neil",
    "Petrov",
    "Quiroga",
    "Rossi",
    "Šimek",
    "Tanaka",
    "Ueda",
    "Visser",
    "Weiß",
    "Xu",
    "Yılmaz",
    "Zieliński",
    "Abebe",
    "Baptiste",
    "Çelik",
    "Dlamini",
    "Eriksen",
    "Ferreira",
    "Gruber",
    "Hussain",
    "Ivanova",
    "Jovanović",
    "Kimura",
    "Larsen",
    "Moreau",
    "Núñez",
];
pub(super) const DEPARTMENTS: [(&str, &str); 8] = [
    ("Sales", "Account Manager"),
    ("Engineering", "Software Engineer"),
    ("Finance", "Controller"),
    ("Support", "Support Specialist"),
    ("Marketing", "Campaign Lead"),
    ("Operations", "Plant Planner"),
    ("Legal", "Counsel"),
    ("People", "People Partner"),
];
pub(super) const PLACES: [(&str, &str, &str); 5] = [
    ("Zürich", "Switzerland", "CH"),
    ("Lisboa", "Portugal", "PT"),
    ("München", "Germany", "DE"),
    ("Dublin", "Ireland", "IE"),
    ("Austin", "United States", "US"),
];

/// How large the company is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PopulationOptions {
    /// Decides names, places and who is what.
    pub seed: u64,
    /// Users, the notable ones included; at least 20.
    pub users: usize,
    /// Groups; at least 4.
    pub groups: usize,
    /// Users assigned to the application directly, besides those who are through groups.
    pub assigned: usize,
}

impl Default for PopulationOptions {
    fn default() -> Self {
        Self { seed: 1, users: 250, groups: 20, assigned: 60 }
    }
}

/// The company, by the names a demonstration uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contoso {
    /// The application that is provisioned.
    pub application: ServicePrincipalId,
    /// Its appId.
    pub app_id: String,
    /// Another application, whose assignments concern nobody.
    pub other_application: ServicePrincipalId,
    /// Roles by their value: `admin`, `editor`, `viewer`, and the disabled `legacy`.
    pub roles: BTreeMap<String, AppRoleId>,
    /// People by a short name: `ada`, `grace`, `guest`, `no-mail`, `disabled`, `deleted`,
    /// `unicode`, `long-name`, `chief`.
    pub people: BTreeMap<String, SourceId>,
    /// Groups by name: `assigned`, `nested`, `empty`, `circle`.
    pub groups: BTreeMap<String, SourceId>,
    /// Every user, deleted ones included, in the order of creation.
    pub users: Vec<SourceId>,
}

/// Fills the tenant.
pub fn contoso(tenant: &Tenant, options: PopulationOptions) -> Contoso {
    let mut rng = fastrand::Rng::with_seed(options.seed);
    let mut people = notable_people(tenant);
    let mut users: Vec<SourceId> = people.values().copied().collect();
    for number in users.len()..options.users {
        users.push(tenant.add_user(person(&mut rng, number)));
    }
    appoint_managers(tenant, &users, people["chief"]);
    let everyone = users.clone();
    let (groups, many) = make_groups(tenant, &mut rng, options.groups, &everyone);
    let (application, app_id, roles) = make_application(tenant);
    assign(tenant, options.assigned, application, &roles, &people, &groups, &everyone);
    let other_application = tenant.add_application(ApplicationSpec {
        display_name: "Expenses".to_owned(),
        app_id: SourceId::derive(&["sandbox app", "Expenses"]).to_string(),
        roles: Vec::new(),
    });
    for user in everyone.iter().take(5) {
        tenant.assign(other_application, *user, DEFAULT_ACCESS);
    }
    for group in many.iter().take(2) {
        tenant.assign(application, *group, roles["viewer"]);
    }
    let deleted = people["deleted"];
    tenant.soft_delete_user(deleted);
    people.insert("deleted".to_owned(), deleted);
    Contoso { application, app_id, other_application, roles, people, groups, users: everyone }
}

fn notable_people(tenant: &Tenant) -> BTreeMap<String, SourceId> {
    let employee = |upn: &str, given: &str, family: &str| {
        UserSpec::named(&format!("{upn}@contoso.example"), &format!("{given} {family}"))
            .with("givenName", given)
            .with("surname", family)
            .with("mail", format!("{upn}@contoso.example"))
            .with("mailNickname", upn)
    };
    let guest_upn = "alice_fabrikam.example#EXT#@contoso.onmicrosoft.example";
    let specs = [
        ("chief", employee("renata.quist", "Renata", "Quist").with("jobTitle", "Chief Executive")),
        (
            "ada",
            employee("ada.berg", "Ada", "Berg")
                .with("department", "Engineering")
                .with("employeeId", "E-0001")
                .with("businessPhones", json!(["+41 44 555 01 01"]))
                .with(
                    "proxyAddresses",
                    json!(["SMTP:Ada.Berg@contoso.example", "smtp:ada@contoso.example"]),
                ),
        ),
        ("grace", employee("grace.moor", "Grace", "Moor").with("department", "Sales")),
        (
            "guest",
            UserSpec::named(guest_upn, "Alice Fabri")
                .with("mail", "alice@fabrikam.example")
                .with("userType", "Guest")
                .with("externalUserState", "Accepted")
                .with("creationType", "Invitation"),
        ),
        ("no-mail", UserSpec::named("kiosk.7@contoso.example", "Kiosk 7")),
        ("disabled", employee("otto.klein", "Otto", "Klein").with("accountEnabled", false)),
        ("deleted", employee("ines.silva", "Inês", "Silva")),
        ("unicode", employee("noor.halabi", "نور", "الحلبي").with("jobTitle", "مهندسة 🛠️")),
        ("long-name", UserSpec::named("long.name@contoso.example", &"Wolfeschlegel".repeat(19))),
        (
            "no-type",
            employee("carl.old", "Carl", "Old").with("userType", Value::Null).with(
                "onPremisesExtensionAttributes",
                json!({
                    "extensionAttribute1": "pre-2014",
                    "extensionAttribute15": "x".repeat(900),
                }),
            ),
        ),
    ];
    specs.into_iter().map(|(name, spec)| (name.to_owned(), tenant.add_user(spec))).collect()
}

fn person(rng: &mut fastrand::Rng, number: usize) -> UserSpec {
    let given = GIVEN[rng.usize(..GIVEN.len())];
    let family = FAMILY[rng.usize(..FAMILY.len())];
    let (department, title) = DEPARTMENTS[rng.usize(..DEPARTMENTS.len())];
    let (city, country, usage) = PLACES[rng.usize(..PLACES.len())];
    // The number keeps names apart: forty given and family names repeat in a large company.
    let alias = format!("{}.{}{number}", plain(given), plain(family));
    if number.is_multiple_of(23) {
        let upn = format!("{alias}_fabrikam.example#EXT#@contoso.onmicrosoft.example");
        return UserSpec::named(&upn, &format!("{given} {family}"))
            .with("mail", format!("{alias}@fabrikam.example"))
            .with("userType", "Guest");
    }
    let address = format!("{alias}@contoso.example");
    let mut spec = UserSpec::named(&address, &format!("{given} {family}"))
        .with("givenName", given)
        .with("surname", family)
        .with("mailNickname", alias.as_str())
        .with("department", department)
        .with("jobTitle", title)
        .with("city", city)
        .with("country", country)
        .with("usageLocation", usage)
        .with("companyName", "Contoso")
        .with("employeeId", format!("E-{number:05}"))
        .with("accountEnabled", !number.is_multiple_of(31));
    if !number.is_multiple_of(17) {
        spec = spec
            .with("mail", address.as_str())
            .with("proxyAddresses", json!([format!("SMTP:{address}")]));
    }
    if number.is_multiple_of(3) {
        spec = spec.with(
            "mobilePhone",
            format!("+41 79 555 {:02} {:02}", number / 100 % 100, number % 100),
        );
    }
    spec
}

/// The ASCII letters of a name, in lower case.
pub(super) fn plain(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    name.nfd().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
}

/// A tree: every eighth person leads the seven that follow, and the chief leads the leaders.
fn appoint_managers(tenant: &Tenant, users: &[SourceId], chief: SourceId) {
    for team in users.chunks(8) {
        let leader = team[0];
        if leader != chief {
            tenant.set_manager(leader, Some(chief));
        }
        for user in team[1..].iter().filter(|user| **user != chief) {
            tenant.set_manager(*user, Some(leader));
        }
    }
}

fn make_groups(
    tenant: &Tenant,
    rng: &mut fastrand::Rng,
    count: usize,
    users: &[SourceId],
) -> (BTreeMap<String, SourceId>, Vec<SourceId>) {
    let assigned = tenant.add_group("CRM Users");
    let nested = tenant.add_group("CRM Contractors");
    let empty = tenant.add_group("CRM Pilot");
    let circle = tenant.add_group("CRM Everyone");
    for user in users.iter().skip(2).step_by(9).take(48) {
        tenant.add_member(assigned, *user);
    }
    for user in users.iter().skip(5).step_by(29).take(12) {
        tenant.add_member(nested, *user);
    }
    tenant.add_member(assigned, nested);
    tenant.add_member(nested, circle);
    tenant.add_member(circle, nested);
    let laptop = tenant.add_other(ObjectType::Device, "LAPTOP-0042");
    tenant.add_member(assigned, laptop);
    let mut many = Vec::new();
    for number in 4..count {
        let (department, _) = DEPARTMENTS[number % DEPARTMENTS.len()];
        let kind = match number % 5 {
            0 => GroupKind::Unified,
            1 => GroupKind::Dynamic,
            _ => GroupKind::Security,
        };
        let group = tenant.add_group_of(kind, &format!("{department} {number}"));
        for _ in 0..rng.usize(3..15) {
            tenant.add_member(group, users[rng.usize(..users.len())]);
        }
        many.push(group);
    }
    let named = [("assigned", assigned), ("nested", nested), ("empty", empty), ("circle", circle)];
    (named.into_iter().map(|(name, id)| (name.to_owned(), id)).collect(), many)
}

fn make_application(tenant: &Tenant) -> (ServicePrincipalId, String, BTreeMap<String, AppRoleId>) {
    let names = [("Administrator", "admin"), ("Editor", "editor"), ("Viewer", "viewer")];
    let mut roles: Vec<AppRole> = names
        .into_iter()
        .chain([("Legacy", "legacy")])
        .map(|(display_name, value)| AppRole {
            id: AppRoleId::derive(&["sandbox role", value]),
            display_name: display_name.to_owned(),
            value: Some(value.to_owned()),
            is_enabled: value != "legacy",
        })
        .collect();
    let by_value = roles.iter().filter_map(|role| Some((role.value.clone()?, role.id))).collect();
    roles.push(AppRole {
        id: AppRoleId::derive(&["sandbox role", "msiam_access"]),
        display_name: "msiam_access".to_owned(),
        value: None,
        is_enabled: true,
    });
    let app_id = SourceId::derive(&["sandbox app", "CRM"]).to_string();
    let spec =
        ApplicationSpec { display_name: "Acme CRM".to_owned(), app_id: app_id.clone(), roles };
    (tenant.add_application(spec), app_id, by_value)
}

/// Notable people and the group `assigned` first, then `count` others with changing roles.
fn assign(
    tenant: &Tenant,
    count: usize,
    application: ServicePrincipalId,
    roles: &BTreeMap<String, AppRoleId>,
    people: &BTreeMap<String, SourceId>,
    groups: &BTreeMap<String, SourceId>,
    users: &[SourceId],
) {
    tenant.assign(application, groups["assigned"], DEFAULT_ACCESS);
    tenant.assign(application, groups["empty"], roles["viewer"]);
    let notable = [
        ("ada", "admin"),
        ("ada", "editor"),
        ("grace", "editor"),
        ("guest", "viewer"),
        ("no-mail", "viewer"),
        ("disabled", "legacy"),
        ("deleted", "viewer"),
        ("unicode", "editor"),
    ];
    for (name, role) in notable {
        tenant.assign(application, people[name], roles[role]);
    }
    let cycle =
        [roles["viewer"], roles["viewer"], roles["editor"], DEFAULT_ACCESS, roles["legacy"]];
    let others = users.iter().skip(people.len());
    for (number, user) in others.take(count).enumerate() {
        tenant.assign(application, *user, cycle[number % cycle.len()]);
    }
}
