//! Source attributes.

/// Whether a mapping, expression or filter may name `name`.
pub fn is_known_source_attribute(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "IsSoftDeleted",
        "objectId",
        "userPrincipalName",
        "manager",
        "appRoleAssignments",
        "telephoneNumber",
        "mobile",
        "facsimileTelephoneNumber",
        "physicalDeliveryOfficeName",
        "city",
        "country",
        "department",
        "displayName",
        "employeeId",
        "givenName",
        "jobTitle",
        "mail",
        "mailNickname",
        "postalCode",
        "preferredLanguage",
        "state",
        "streetAddress",
        "surname",
        "extensionAttribute1",
    ];
    NAMES.contains(&name)
}
