//! Source attributes: the portal's names for Graph's properties, and the computed ones.
//!
//! A mapping that is copied out of the Entra portal names `telephoneNumber`; Graph keeps that as
//! the first of `businessPhones`. Graph's own names work too. What a person has and what a group
//! has are different names; [`is_known_attribute`] tells them apart.

use std::borrow::Cow;

use serde_json::Value;

use super::job::MEMBERS;
use crate::model::{Attributes, ObjectKind};

/// What a name in a mapping stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceAttribute {
    /// A property of the object.
    Property(String),
    /// The first value of a multi-valued property.
    First(&'static str),
    /// One field of a complex property.
    Field(&'static str, String),
    /// The object's id.
    ObjectId,
    /// True where the person is out of scope, disabled or deleted (specification §1.6).
    IsSoftDeleted,
    /// The user principal name; of a guest, the address it was made from.
    UserPrincipalName,
    /// The user principal name as Graph has it.
    OriginalUserPrincipalName,
    /// The manager: a reference.
    Manager,
    /// The app roles the person holds.
    AppRoleAssignments,
    /// The members of a group: references.
    Members,
}

/// Graph's user properties that can be mapped, as `$select` names them.
const PROPERTIES: &[&str] = &[
    "accountEnabled",
    "ageGroup",
    "businessPhones",
    "city",
    "companyName",
    "consentProvidedForMinor",
    "country",
    "createdDateTime",
    "creationType",
    "department",
    "displayName",
    "employeeHireDate",
    "employeeId",
    "employeeLeaveDateTime",
    "employeeOrgData",
    "employeeType",
    "externalUserState",
    "externalUserStateChangeDateTime",
    "faxNumber",
    "givenName",
    "identities",
    "imAddresses",
    "isResourceAccount",
    "jobTitle",
    "lastPasswordChangeDateTime",
    "legalAgeGroupClassification",
    "mail",
    "mailNickname",
    "mobilePhone",
    "officeLocation",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesExtensionAttributes",
    "onPremisesImmutableId",
    "onPremisesLastSyncDateTime",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "onPremisesUserPrincipalName",
    "otherMails",
    "passwordPolicies",
    "postalCode",
    "preferredDataLocation",
    "preferredLanguage",
    "proxyAddresses",
    "securityIdentifier",
    "showInAddressList",
    "state",
    "streetAddress",
    "surname",
    "usageLocation",
    "userPrincipalName",
    "userType",
];

/// Graph's group properties that can be mapped: those in the main store, whose changes a round of
/// changes tells (Graph `group`).
const GROUP_PROPERTIES: [&str; 25] = [
    "classification",
    "createdDateTime",
    "description",
    "displayName",
    "expirationDateTime",
    "groupTypes",
    "isAssignableToRole",
    "mail",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "membershipRuleProcessingState",
    "onPremisesDomainName",
    "onPremisesLastSyncDateTime",
    "onPremisesNetBiosName",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "preferredDataLocation",
    "preferredLanguage",
    "proxyAddresses",
    "renewedDateTime",
    "securityEnabled",
    "securityIdentifier",
    "visibility",
];

/// Those of both kinds that are lists (Graph `user`, `group`).
const MULTI_VALUED: [&str; 6] =
    ["businessPhones", "groupTypes", "identities", "imAddresses", "otherMails", "proxyAddresses"];

/// What a guest's user principal name has between the home address and the tenant.
const GUEST_MARK: &str = "#EXT#";

impl SourceAttribute {
    /// What `name` stands for of a person or of a group, or `None` if nothing does. Names are
    /// case-sensitive, as in Entra, but for the computed `IsSoftDeleted`, which is written both
    /// ways in Microsoft's own pages.
    pub fn parse(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("IsSoftDeleted") {
            return Some(Self::IsSoftDeleted);
        }
        Some(match name {
            "objectId" | "id" => Self::ObjectId,
            "userPrincipalName" => Self::UserPrincipalName,
            "originalUserPrincipalName" => Self::OriginalUserPrincipalName,
            "manager" => Self::Manager,
            "appRoleAssignments" => Self::AppRoleAssignments,
            MEMBERS => Self::Members,
            "telephoneNumber" => Self::First("businessPhones"),
            "mobile" => Self::Property("mobilePhone".to_owned()),
            "facsimileTelephoneNumber" => Self::Property("faxNumber".to_owned()),
            "physicalDeliveryOfficeName" => Self::Property("officeLocation".to_owned()),
            "immutableId" => Self::Property("onPremisesImmutableId".to_owned()),
            "dirSyncEnabled" => Self::Property("onPremisesSyncEnabled".to_owned()),
            "samAccountName" => Self::Property("onPremisesSamAccountName".to_owned()),
            "employeeOrgData.division" | "division" => {
                Self::Field("employeeOrgData", "division".to_owned())
            }
            "employeeOrgData.costCenter" | "costCenter" => {
                Self::Field("employeeOrgData", "costCenter".to_owned())
            }
            _ if is_numbered_extension(name) => {
                Self::Field("onPremisesExtensionAttributes", name.to_owned())
            }
            _ if is_directory_extension(name)
                || PROPERTIES.contains(&name)
                || GROUP_PROPERTIES.contains(&name) =>
            {
                Self::Property(name.to_owned())
            }
            _ => return None,
        })
    }

    /// Whether objects of this kind have it.
    pub fn belongs_to(&self, kind: ObjectKind) -> bool {
        match (self, kind) {
            (Self::Property(name), _) if is_directory_extension(name) => true,
            (Self::Property(name), ObjectKind::User) => PROPERTIES.contains(&name.as_str()),
            (Self::Property(name), ObjectKind::Group) => GROUP_PROPERTIES.contains(&name.as_str()),
            (Self::ObjectId, _) => true,
            (Self::Members, kind) => kind == ObjectKind::Group,
            (
                Self::First(_)
                | Self::Field(..)
                | Self::IsSoftDeleted
                | Self::UserPrincipalName
                | Self::OriginalUserPrincipalName
                | Self::Manager
                | Self::AppRoleAssignments,
                kind,
            ) => kind == ObjectKind::User,
        }
    }

    /// The Graph property to select for it, where it needs one beyond those always read.
    pub fn selected_property(&self) -> Option<&str> {
        match self {
            Self::Property(name) => Some(name),
            Self::First(name) | Self::Field(name, _) => Some(name),
            Self::UserPrincipalName | Self::OriginalUserPrincipalName => Some("userPrincipalName"),
            Self::ObjectId
            | Self::IsSoftDeleted
            | Self::Manager
            | Self::AppRoleAssignments
            | Self::Members => None,
        }
    }

    /// Its value, except of those that are not a property of the object ([`Value::Null`]).
    pub fn read(&self, attributes: &Attributes) -> Value {
        self.borrow(attributes).into_owned()
    }

    /// As [`SourceAttribute::read`], without a copy where the value is there as it is.
    pub fn borrow<'v>(&self, attributes: &'v Attributes) -> Cow<'v, Value> {
        let property = |name: &str| attributes.get(name).unwrap_or(&Value::Null);
        match self {
            Self::Property(name) => Cow::Borrowed(property(name)),
            Self::First(name) => {
                let value = property(name);
                Cow::Borrowed(value.as_array().and_then(|items| items.first()).unwrap_or(value))
            }
            Self::Field(name, field) => {
                Cow::Borrowed(property(name).get(field).unwrap_or(&Value::Null))
            }
            Self::UserPrincipalName => {
                let name = property("userPrincipalName");
                match name.as_str() {
                    Some(text) if text.contains(GUEST_MARK) => {
                        Cow::Owned(Value::String(home_address(text)))
                    }
                    Some(_) | None => Cow::Borrowed(name),
                }
            }
            Self::OriginalUserPrincipalName => Cow::Borrowed(property("userPrincipalName")),
            Self::ObjectId
            | Self::IsSoftDeleted
            | Self::Manager
            | Self::AppRoleAssignments
            | Self::Members => Cow::Borrowed(&Value::Null),
        }
    }

    /// Whether an object can have more than one value of it. A directory extension says so in its
    /// own definition, which is not read.
    pub fn may_have_several_values(&self) -> bool {
        match self {
            Self::Property(name) => {
                MULTI_VALUED.contains(&name.as_str()) || is_directory_extension(name)
            }
            Self::AppRoleAssignments | Self::Members => true,
            Self::First(_)
            | Self::Field(..)
            | Self::ObjectId
            | Self::IsSoftDeleted
            | Self::UserPrincipalName
            | Self::OriginalUserPrincipalName
            | Self::Manager => false,
        }
    }
}

/// Whether a mapping, expression or filter of objects of this kind may name `name`.
pub fn is_known_attribute(kind: ObjectKind, name: &str) -> bool {
    SourceAttribute::parse(name).is_some_and(|attribute| attribute.belongs_to(kind))
}

/// Whether a mapping, expression or filter of people may name `name`.
pub fn is_known_source_attribute(name: &str) -> bool {
    is_known_attribute(ObjectKind::User, name)
}

/// The Graph property to select for `name`, if it needs one.
pub fn selected_property(name: &str) -> Option<String> {
    SourceAttribute::parse(name)?.selected_property().map(str::to_owned)
}

/// `alice_fabrikam.com#EXT#@contoso.onmicrosoft.com` is `alice@fabrikam.com` (specification §1.4).
fn home_address(name: &str) -> String {
    match name.split_once(GUEST_MARK).and_then(|(home, _)| home.rsplit_once('_')) {
        Some((local, domain)) => format!("{local}@{domain}"),
        None => name.to_owned(),
    }
}

fn is_numbered_extension(name: &str) -> bool {
    name.strip_prefix("extensionAttribute")
        .and_then(|digits| digits.parse::<u8>().ok())
        .is_some_and(|number| (1..=15).contains(&number))
}

/// `extension_<appId without hyphens>_<name>`.
fn is_directory_extension(name: &str) -> bool {
    name.strip_prefix("extension_").and_then(|rest| rest.split_once('_')).is_some_and(
        |(app, attribute)| {
            app.len() == 32 && app.chars().all(|c| c.is_ascii_hexdigit()) && !attribute.is_empty()
        },
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_misspelt_attribute_of_a_person_or_of_a_group_is_told_its_right_name() {
        for name in PROPERTIES.iter().chain(&GROUP_PROPERTIES) {
            let text = format!("[{name}x]");
            let expression = crate::expression::Expression::parse(&text).expect("an expression");
            let mistakes =
                expression.check(&|known| known == *name, crate::expression::Role::Plain);
            let told: Vec<&str> = mistakes.iter().map(|it| it.message.as_str()).collect();
            assert_eq!(told, [format!("unknown attribute [{name}x]; did you mean [{name}]?")]);
        }
    }

    #[test]
    fn the_portals_names_reach_graphs_properties() {
        let attributes: Attributes = [
            ("businessPhones".to_owned(), json!(["+1 555", "+1 556"])),
            ("onPremisesExtensionAttributes".to_owned(), json!({"extensionAttribute7": "x"})),
            (
                "userPrincipalName".to_owned(),
                json!("alice_b_fabrikam.com#EXT#@contoso.onmicrosoft.com"),
            ),
        ]
        .into();
        let read = |name| SourceAttribute::parse(name).expect(name).read(&attributes);
        assert_eq!(read("telephoneNumber"), json!("+1 555"));
        assert_eq!(read("extensionAttribute7"), json!("x"));
        assert_eq!(read("userPrincipalName"), json!("alice_b@fabrikam.com"));
        assert_eq!(
            read("originalUserPrincipalName"),
            json!("alice_b_fabrikam.com#EXT#@contoso.onmicrosoft.com")
        );
        assert_eq!(SourceAttribute::parse("extensionAttribute16"), None);
        assert_eq!(SourceAttribute::parse("Department"), None);
    }

    #[test]
    fn what_a_person_has_and_what_a_group_has_are_told_apart() {
        let known = |name| {
            let of = |kind| is_known_attribute(kind, name);
            (of(ObjectKind::User), of(ObjectKind::Group))
        };
        for name in ["objectId", "displayName", "mail", "proxyAddresses", "samAccountName"] {
            assert_eq!(known(name), (true, true), "{name}");
        }
        for name in ["userPrincipalName", "manager", "IsSoftDeleted", "telephoneNumber", "city"] {
            assert_eq!(known(name), (true, false), "{name}");
        }
        for name in ["members", "description", "securityEnabled", "groupTypes", "visibility"] {
            assert_eq!(known(name), (false, true), "{name}");
        }
        assert_eq!(known("hideFromAddressLists"), (false, false), "not in a round of changes");
        let extension = "extension_0123456789abcdef0123456789abcdef_costCenter";
        assert_eq!(known(extension), (true, true));
    }
}
