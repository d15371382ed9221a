//! The source attributes that are suggested where an unknown one was written.

use crate::model::ObjectKind;

/// Those of people: the portal's names, and Graph's where they are used most.
const USERS: [&str; 40] = [
    "userPrincipalName",
    "originalUserPrincipalName",
    "IsSoftDeleted",
    "objectId",
    "displayName",
    "givenName",
    "surname",
    "mail",
    "mailNickname",
    "otherMails",
    "proxyAddresses",
    "jobTitle",
    "department",
    "companyName",
    "division",
    "costCenter",
    "employeeId",
    "employeeType",
    "employeeHireDate",
    "employeeLeaveDateTime",
    "manager",
    "appRoleAssignments",
    "telephoneNumber",
    "mobile",
    "facsimileTelephoneNumber",
    "physicalDeliveryOfficeName",
    "businessPhones",
    "mobilePhone",
    "officeLocation",
    "streetAddress",
    "city",
    "state",
    "postalCode",
    "country",
    "usageLocation",
    "preferredLanguage",
    "accountEnabled",
    "userType",
    "extensionAttribute1",
    "onPremisesSamAccountName",
];

/// Those of groups.
const GROUPS: [&str; 19] = [
    "objectId",
    "displayName",
    "description",
    "mail",
    "mailNickname",
    "members",
    "proxyAddresses",
    "securityEnabled",
    "mailEnabled",
    "groupTypes",
    "visibility",
    "classification",
    "createdDateTime",
    "expirationDateTime",
    "membershipRule",
    "preferredLanguage",
    "onPremisesSamAccountName",
    "onPremisesDomainName",
    "securityIdentifier",
];

/// The names of source attributes of this kind of object that are used most.
pub(super) fn source_attributes(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::User => &USERS,
        ObjectKind::Group => &GROUPS,
    }
}
