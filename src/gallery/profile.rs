//! Profiles: what is known of an application, found by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use include_dir::{Dir, include_dir};

use super::{AttributeDefinition, Limits, Unsupported, default_definition, file::compile};
use crate::{
    model::ObjectKind,
    provisioning::job::{AttributeMapping, Overrides, ValueLimit},
    scim::{AttributePath, Dialect, MemberRemoval},
};

/// This folder as it was at build time. A profile is each file in it whose name ends in `.toml`.
static FOLDER: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/gallery");

/// The profile that is used where none is named.
const DEFAULT: &str = "generic";

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    let mut profiles: Vec<Profile> = texts()
        .map(|(_, text)| compile(text).expect("a test compiles every built-in profile"))
        .collect();
    profiles.sort_by(|a, b| (a.name != DEFAULT, &a.name).cmp(&(b.name != DEFAULT, &b.name)));
    profiles
});

/// The name without ending and the text of each profile's file.
fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    FOLDER.files().filter_map(|file| {
        let name = file.path().file_name()?.to_str()?.strip_suffix(".toml")?;
        Some((name, file.contents_utf8()?))
    })
}

/// What is known of an application, and the mapping to start with.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name that `profile = "…"` takes.
    pub name: String,
    /// The application's own name.
    pub title: String,
    /// Where the vendor explains its provisioning: the address of a page.
    pub source: String,
    /// A tenant URL as the vendor gives them out; what is in capitals is the customer's own.
    pub tenant_url: String,
    /// How to set it up, for a person: paragraphs, and steps that are numbered.
    pub notes: String,
    /// How requests are phrased where the tenant URL has no flag.
    pub dialect: Dialect,
    /// What the application does whatever it says of itself.
    pub overrides: Overrides,
    /// How a member is taken out of a group, where it is not as its dialect has it.
    pub member_removal: Option<MemberRemoval>,
    /// Whether all users can be listed.
    pub list: bool,
    /// Attributes of a user that can stand in a filter.
    pub filterable: BTreeSet<AttributePath>,
    /// Attributes of a group that can stand in a filter.
    pub group_filterable: BTreeSet<AttributePath>,
    /// What the application does not do.
    pub unsupported: BTreeSet<Unsupported>,
    /// The limits that the vendor publishes.
    pub limits: Limits,
    /// The mapping of users.
    pub users: Vec<AttributeMapping>,
    /// The mapping of groups, used where they are provisioned; empty where they cannot be.
    pub groups: Vec<AttributeMapping>,
    pub(super) definitions: BTreeMap<AttributePath, AttributeDefinition>,
}

impl Profile {
    /// What an attribute of this application is.
    pub fn definition(&self, path: &AttributePath) -> AttributeDefinition {
        self.definitions.get(path).copied().unwrap_or_else(|| default_definition(path))
    }

    /// The mapping of one kind of object.
    pub fn rows_of(&self, kind: ObjectKind) -> &[AttributeMapping] {
        match kind {
            ObjectKind::User => &self.users,
            ObjectKind::Group => &self.groups,
        }
    }

    /// Attributes of one kind of object that can stand in a filter.
    pub fn filterable_of(&self, kind: ObjectKind) -> &BTreeSet<AttributePath> {
        match kind {
            ObjectKind::User => &self.filterable,
            ObjectKind::Group => &self.group_filterable,
        }
    }

    /// What an attribute of one kind of object is. A profile's definitions are about users; of a
    /// group, `displayName` is what has to be there (RFC 7643 §4.2).
    pub fn definition_of(&self, kind: ObjectKind, path: &AttributePath) -> AttributeDefinition {
        match kind {
            ObjectKind::User => self.definition(path),
            ObjectKind::Group => {
                let required = path.is_display_name();
                AttributeDefinition { required, ..default_definition(path) }
            }
        }
    }

    /// What a text of one kind of object has to keep to. What vendors publish is about users.
    pub fn limit_of(&self, kind: ObjectKind, path: &AttributePath) -> ValueLimit {
        match kind {
            ObjectKind::User => self.limits.text(path),
            ObjectKind::Group => ValueLimit::default(),
        }
    }

    /// Whether the application does this.
    pub fn supports(&self, what: Unsupported) -> bool {
        !self.unsupported.contains(&what)
    }
}

/// The profile of this name.
pub fn profile(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// Every profile, `generic` first, the others by name.
pub fn profiles() -> &'static [Profile] {
    &PROFILES
}

/// Every profile's name, `generic` first.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    PROFILES.iter().map(|profile| profile.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        expression::Role,
        provisioning::{
            is_known_attribute,
            job::{MappingSource, ValueType},
        },
        scim::parse_tenant_url,
    };

    fn check_rows(profile: &Profile, kind: ObjectKind) {
        let (name, filterable) = (&profile.name, profile.filterable_of(kind));
        let context = &format!("{name}, {kind:?}");
        let is_known: &dyn Fn(&str) -> bool = &|name| is_known_attribute(kind, name);
        let mut targets = BTreeSet::new();
        let mut priorities = BTreeSet::new();
        for row in profile.rows_of(kind) {
            let context = format!("{context}: {}", row.target);
            assert!(targets.insert(row.target.clone()), "{context}: mapped once");
            if let Some(priority) = row.matching_priority {
                assert!(priorities.insert(priority), "{context}: precedence given once");
                assert!(filterable.contains(&row.target), "{context}: filterable");
            }
            let role = match row.matching_priority {
                Some(_) => Role::Matching,
                None => Role::Plain,
            };
            match &row.source {
                MappingSource::Attribute(name) => assert!(is_known(name), "{context}: {name}"),
                MappingSource::Constant(text) => {
                    assert_eq!(row.limit.problem(text), None, "{context}: its constant fits");
                }
                MappingSource::Expression(expression) => {
                    let faults = expression.check(is_known, role);
                    assert!(faults.is_empty(), "{context}: {faults:?}");
                }
            }
        }
        assert!(!priorities.is_empty(), "{context}: something matches");
    }

    #[test]
    fn every_profile_compiles_and_names_only_what_exists() {
        for (name, text) in texts() {
            let profile = compile(text).unwrap_or_else(|error| panic!("{name}.toml: {error}"));
            assert_eq!(profile.name, name, "a profile is named as its file");
            check_rows(&profile, ObjectKind::User);
            let can_disable = profile.users.iter().any(|row| row.target.is_active());
            assert!(can_disable, "{name}: accounts can be disabled");
            if profile.groups.is_empty() {
                assert!(!profile.supports(Unsupported::Groups), "{name}: groups are mapped");
            } else {
                assert!(profile.supports(Unsupported::Groups), "{name}: groups are not mapped");
                check_rows(&profile, ObjectKind::Group);
                let sources = profile.groups.iter().filter_map(|row| match &row.source {
                    MappingSource::Attribute(source) => Some((row.target.to_string(), source)),
                    MappingSource::Constant(_) | MappingSource::Expression(_) => None,
                });
                let members = ("members".to_owned(), &"members".to_owned());
                assert!(sources.into_iter().any(|row| row == members), "{name}: members flow");
            }
        }
    }

    #[test]
    fn every_profile_says_how_to_set_the_application_up() {
        for profile in profiles() {
            let name = &profile.name;
            assert!(!profile.title.trim().is_empty(), "{name}");
            let has_steps = profile.notes.lines().any(|line| line.starts_with("1. "));
            assert!(has_steps, "{name}: steps");
            parse_tenant_url(&profile.tenant_url).unwrap_or_else(|error| panic!("{name}: {error}"));
            for line in profile.notes.lines() {
                assert!(line.chars().count() <= 100, "{name}: {line}");
            }
        }
    }

    #[test]
    fn every_limit_says_where_it_was_read() {
        let is_address = |text: &str| {
            url::Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.path() != "/")
        };
        for profile in profiles() {
            let limits = &profile.limits;
            let rates = limits.rates.iter().map(|limit| &limit.source);
            let counts = [&limits.members_per_request, &limits.page_size];
            let counts = counts.into_iter().flatten().map(|limit| &limit.source);
            let texts = limits.texts.iter().map(|limit| &limit.source);
            for source in rates.chain(counts).chain(texts).chain([&profile.source]) {
                assert!(is_address(source), "{}: {source:?}", profile.name);
            }
        }
    }

    #[test]
    fn the_folder_on_disk_is_the_folder_in_the_program() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/gallery");
        let files = std::fs::read_dir(path).expect("the folder");
        let on_disk: BTreeSet<String> = files
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned()))
            .collect();
        let built_in: BTreeSet<String> = texts().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(on_disk, built_in, "touch src/gallery/profile.rs and build again");
    }

    #[test]
    fn names_are_found_and_unique() {
        let all: BTreeSet<_> = names().collect();
        assert_eq!(all.len(), profiles().len());
        assert_eq!(names().next(), Some("generic"));
        assert_eq!(profile("whimsical").map(|p| p.title.as_str()), Some("Whimsical"));
        assert!(profile("Whimsical").is_none());
    }

    #[test]
    fn a_file_with_an_unknown_key_or_a_limit_without_a_source_is_refused() {
        let (_, generic) = texts().find(|(name, _)| *name == "generic").expect("the default");
        let refuse = |line: &str| {
            let text = generic.replacen("list = true", &format!("list = true\n{line}"), 1);
            compile(&text).expect_err(line)
        };
        assert!(refuse("lists = true").contains("lists"));
        assert!(refuse("unsupported = [\"telepathy\"]").contains("telepathy"));
        assert!(refuse("limits.page_size = { max = 5 }").contains("source"));
        let twice = r#"limits.rates = [
          { class = "read", requests = 1, seconds = 1, source = "x" },
          { class = "read", requests = 2, seconds = 1, source = "x" },
        ]"#;
        assert!(refuse(twice).contains("twice"));
        let empty = r#"limits.texts = [{ path = "title", source = "x" }]"#;
        assert!(refuse(empty).contains("says nothing"));
    }

    #[test]
    fn types_come_from_the_profile_then_from_the_rfc() {
        let of = |name: &str, path: &str| {
            let path = AttributePath::parse(path).expect(path);
            profile(name).expect(name).definition(&path)
        };
        let editor = "urn:ietf:params:scim:schemas:extension:whimsical:2.0:User:editor";
        let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
        assert_eq!(of("whimsical", editor).value_type, ValueType::Boolean);
        assert_eq!(of("generic", editor).value_type, ValueType::String);
        assert_eq!(of("generic", manager).value_type, ValueType::Reference);
        assert_eq!(of("generic", "members").value_type, ValueType::Reference);
        assert_eq!(of("generic", "roles").value_type, ValueType::Complex);
        assert_eq!(
            of("generic", r#"roles[primary eq "True"].value"#).value_type,
            ValueType::String
        );
        assert_eq!(of("generic", "Active").value_type, ValueType::Boolean);
        assert!(of("generic", "username").required);
        assert!(!of("generic", "title").required);
    }

    /// A group's id never changes and its name does, so the id comes first where it can be asked
    /// for.
    #[test]
    fn groups_match_by_external_id_first_where_the_application_filters_by_it() {
        for profile in profiles().iter().filter(|profile| !profile.groups.is_empty()) {
            let path = |text| AttributePath::parse(text).expect(text);
            let row = |text| profile.groups.iter().find(|row| row.target == path(text));
            let priority = |text| row(text).and_then(|row| row.matching_priority);
            let by_id = profile.group_filterable.contains(&path("externalId"));
            let wanted = if by_id { (Some(1), Some(2)) } else { (None, Some(1)) };
            let got = (priority("externalId"), priority("displayName"));
            assert_eq!(got, wanted, "{}", profile.name);
            assert!(row("displayName").is_some_and(|row| row.required), "{}", profile.name);
        }
    }
}
