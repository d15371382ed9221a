//! The property names of Graph's users, groups and service principals, and the default selections.
//!
//! Owns which names exist: Graph's types are open, so no schema of a response catches a selection
//! of a property that does not exist, but the service refuses it with 400.

use super::state::ObjectType;

/// Properties of a user that hold one value (Graph `user`).
const USER_SCALARS: &str = "accountEnabled ageGroup authorizationInfo city companyName \
    consentProvidedForMinor country createdDateTime creationType customSecurityAttributes \
    department displayName employeeHireDate employeeId employeeLeaveDateTime employeeOrgData \
    employeeType externalUserState externalUserStateChangeDateTime faxNumber givenName \
    identityParentId isManagementRestricted isResourceAccount jobTitle \
    lastPasswordChangeDateTime legalAgeGroupClassification mail mailNickname mobilePhone \
    officeLocation onPremisesDistinguishedName onPremisesDomainName \
    onPremisesExtensionAttributes onPremisesImmutableId onPremisesLastSyncDateTime \
    onPremisesSamAccountName onPremisesSecurityIdentifier onPremisesSyncEnabled \
    onPremisesUserPrincipalName passwordPolicies passwordProfile postalCode \
    preferredDataLocation preferredLanguage securityIdentifier showInAddressList \
    signInSessionsValidFromDateTime state streetAddress surname usageLocation \
    userPrincipalName userType";

const USER_COLLECTIONS: &str = "assignedLicenses assignedPlans businessPhones identities \
    imAddresses licenseAssignmentStates onPremisesProvisioningErrors otherMails \
    provisionedPlans proxyAddresses serviceProvisioningErrors";

/// Stored outside the directory: a list that selects one answers 501, and delta never has them.
const USER_ELSEWHERE: &str = "aboutMe birthday deviceEnrollmentLimit hireDate interests \
    mailboxSettings mySite pastProjects preferredName print responsibilities schools \
    signInActivity skills";

const GROUP_SCALARS: &str = "classification createdDateTime description displayName \
    expirationDateTime hasMembersWithLicenseErrors isArchived isAssignableToRole \
    isManagementRestricted licenseProcessingState mail mailEnabled mailNickname membershipRule \
    membershipRuleProcessingState onPremisesDomainName onPremisesExtensionAttributes \
    onPremisesLastSyncDateTime onPremisesNetBiosName onPremisesSamAccountName \
    onPremisesSecurityIdentifier onPremisesSyncEnabled organizationId preferredDataLocation \
    preferredLanguage renewedDateTime securityEnabled securityIdentifier theme uniqueName \
    visibility welcomeMessageEnabled";

const GROUP_COLLECTIONS: &str = "assignedLabels assignedLicenses groupTypes infoCatalogs \
    onPremisesProvisioningErrors proxyAddresses resourceBehaviorOptions \
    resourceProvisioningOptions serviceProvisioningErrors";

const GROUP_ELSEWHERE: &str = "accessType allowExternalSenders autoSubscribeNewMembers \
    hideFromAddressLists hideFromOutlookClients isFavorite isSubscribedByMail \
    unseenConversationsCount unseenCount unseenMessagesCount";

const APPLICATION_SCALARS: &str = "accountEnabled appDescription appDisplayName appId \
    appOwnerOrganizationId appRoleAssignmentRequired applicationTemplateId createdByAppId \
    customSecurityAttributes description disabledByMicrosoftStatus displayName homepage info \
    isDisabled loginUrl logoutUrl notes preferredSingleSignOnMode \
    preferredTokenSigningKeyThumbprint samlSingleSignOnSettings servicePrincipalType \
    signInAudience tokenEncryptionKeyId verifiedPublisher";

const APPLICATION_COLLECTIONS: &str = "addIns alternativeNames appRoles keyCredentials \
    notificationEmailAddresses oauth2PermissionScopes passwordCredentials replyUrls \
    resourceSpecificApplicationPermissions servicePrincipalNames tags";

const DEVICE_SCALARS: &str = "accountEnabled deviceId displayName isCompliant isManaged \
    operatingSystem operatingSystemVersion trustType";

const CONTACT_SCALARS: &str = "companyName department displayName givenName jobTitle mail surname";

/// The eleven that a user has without `$select`, but `id` (Graph "List users").
const USER_DEFAULT: &str = "businessPhones displayName givenName jobTitle mail mobilePhone \
    officeLocation preferredLanguage surname userPrincipalName";

/// What a group has without `$select`, but `id` and `deletedDateTime` (Graph "List groups").
const GROUP_DEFAULT: &str = "classification createdDateTime description displayName \
    expirationDateTime groupTypes isAssignableToRole mail mailEnabled mailNickname \
    membershipRule membershipRuleProcessingState onPremisesDomainName \
    onPremisesLastSyncDateTime onPremisesNetBiosName onPremisesSamAccountName \
    onPremisesSecurityIdentifier onPremisesSyncEnabled preferredDataLocation preferredLanguage \
    proxyAddresses renewedDateTime resourceBehaviorOptions resourceProvisioningOptions \
    securityEnabled securityIdentifier theme uniqueName visibility";

/// What a name means for a type of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Property {
    /// One value, null where there is none.
    Scalar,
    /// A list, empty where there is none.
    Collection,
    /// Kept by another service.
    Elsewhere,
}

/// What `name` is on `kind`, or `None` where the type has no such property.
pub(super) fn property(kind: ObjectType, name: &str) -> Option<Property> {
    let has = |names: &str| names.split_ascii_whitespace().any(|known| known == name);
    let (scalars, collections, elsewhere) = match kind {
        ObjectType::User => (USER_SCALARS, USER_COLLECTIONS, USER_ELSEWHERE),
        ObjectType::Group => (GROUP_SCALARS, GROUP_COLLECTIONS, GROUP_ELSEWHERE),
        ObjectType::ServicePrincipal => (APPLICATION_SCALARS, APPLICATION_COLLECTIONS, ""),
        ObjectType::Device => (DEVICE_SCALARS, "", ""),
        ObjectType::Contact => (CONTACT_SCALARS, "proxyAddresses", ""),
    };
    if name == "id" || name == "deletedDateTime" || has(scalars) || is_extension(name) {
        Some(Property::Scalar)
    } else if has(collections) {
        Some(Property::Collection)
    } else if has(elsewhere) {
        Some(Property::Elsewhere)
    } else {
        None
    }
}

/// What is returned of `kind` where nothing is selected, without `id`.
pub(super) fn default_selection(kind: ObjectType) -> impl Iterator<Item = &'static str> {
    let names = match kind {
        ObjectType::User => USER_DEFAULT,
        ObjectType::Group => GROUP_DEFAULT,
        ObjectType::ServicePrincipal => {
            "accountEnabled appDisplayName appId appRoleAssignmentRequired appRoles displayName \
             servicePrincipalNames servicePrincipalType tags"
        }
        ObjectType::Device => DEVICE_SCALARS,
        ObjectType::Contact => CONTACT_SCALARS,
    };
    names.split_ascii_whitespace()
}

/// `extension_<appId without hyphens>_<name>`: a directory extension, legal on every object.
fn is_extension(name: &str) -> bool {
    name.strip_prefix("extension_").and_then(|rest| rest.split_once('_')).is_some_and(
        |(app_id, name)| {
            app_id.len() == 32
                && app_id.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !name.is_empty()
        },
    )
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;

    #[test]
    fn the_known_names_are_those_that_the_metadata_declares() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/graph/graph-type-names.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            super::super::tests::skipped("property names");
            return;
        };
        let types: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kinds = [
            (
                ObjectType::User,
                "microsoft.graph.user",
                [USER_SCALARS, USER_COLLECTIONS, USER_ELSEWHERE],
            ),
            (
                ObjectType::Group,
                "microsoft.graph.group",
                [GROUP_SCALARS, GROUP_COLLECTIONS, GROUP_ELSEWHERE],
            ),
            (
                ObjectType::ServicePrincipal,
                "microsoft.graph.servicePrincipal",
                [APPLICATION_SCALARS, APPLICATION_COLLECTIONS, ""],
            ),
        ];
        for (kind, name, lists) in kinds {
            let declared = types[name]["properties"].as_object().unwrap();
            let known: BTreeSet<&str> =
                lists.iter().flat_map(|list| list.split_ascii_whitespace()).collect();
            let expected: BTreeSet<&str> = declared.keys().map(String::as_str).collect();
            assert_eq!(known, expected, "{name}");
            for (property_name, declaration) in declared {
                let many = declaration[0].as_str().unwrap().starts_with("Collection(");
                let found = property(kind, property_name).unwrap();
                if found != Property::Elsewhere {
                    assert_eq!(found == Property::Collection, many, "{name}.{property_name}");
                }
            }
        }
    }

    #[test]
    fn a_directory_extension_needs_an_app_id_in_its_name() {
        let name = "extension_0123456789abcdef0123456789abcdef_costCenter";
        assert_eq!(property(ObjectType::User, name), Some(Property::Scalar));
        assert_eq!(property(ObjectType::User, "extension_costCenter"), None);
    }
}
