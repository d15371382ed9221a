//! What can never work in an expression, found before any object is evaluated. Knows no value.

use super::{
    ast::{Call, Node, NodeKind, Word},
    error::ExpressionError,
    functions::{Function, Nature, Place, TABLE},
};

/// What the mapping that an expression belongs to is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its value finds the account of a person, so it has to be the same in every cycle.
    Matching,
    /// Its value only flows.
    Plain,
    /// It belongs to no mapping: it is tried out, so what SCIM applications lack works too.
    Trial,
}

/// Where `Replace` names a group of its pattern.
const GROUP_NAME: usize = 3;

/// The roles of the assignment, which are no property of the object.
const APP_ROLE_ASSIGNMENTS: &str = "appRoleAssignments";

/// Names of user and group attributes, under the portal's name or Graph's, which a misspelt name
/// may have meant.
#[rustfmt::skip]
const ATTRIBUTES: &[&str] = &[
    "accountEnabled", "ageGroup", "appRoleAssignments", "businessPhones", "city",
    "classification", "companyName", "consentProvidedForMinor", "costCenter", "country",
    "createdDateTime", "creationType", "department", "description", "dirSyncEnabled",
    "displayName", "division", "employeeHireDate", "employeeId", "employeeLeaveDateTime",
    "employeeOrgData", "employeeType", "expirationDateTime", "extensionAttribute1",
    "extensionAttribute10", "extensionAttribute11", "extensionAttribute12",
    "extensionAttribute13", "extensionAttribute14", "extensionAttribute15", "extensionAttribute2",
    "extensionAttribute3", "extensionAttribute4", "extensionAttribute5", "extensionAttribute6",
    "extensionAttribute7", "extensionAttribute8", "extensionAttribute9", "externalUserState",
    "externalUserStateChangeDateTime", "facsimileTelephoneNumber", "faxNumber", "givenName",
    "groupTypes", "id", "identities", "imAddresses", "immutableId", "isAssignableToRole",
    "isResourceAccount", "IsSoftDeleted", "jobTitle", "lastPasswordChangeDateTime",
    "legalAgeGroupClassification", "mail", "mailEnabled", "mailNickname", "manager", "members",
    "membershipRule", "membershipRuleProcessingState", "mobile", "mobilePhone", "netBiosName",
    "objectId", "officeLocation", "onPremisesDistinguishedName", "onPremisesDomainName",
    "onPremisesExtensionAttributes", "onPremisesImmutableId", "onPremisesLastSyncDateTime",
    "onPremisesNetBiosName", "onPremisesSamAccountName", "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled", "onPremisesUserPrincipalName", "originalUserPrincipalName",
    "otherMails", "passwordPolicies", "passwordProfile", "physicalDeliveryOfficeName",
    "postalCode", "preferredDataLocation", "preferredLanguage", "proxyAddresses",
    "renewedDateTime", "samAccountName", "securityEnabled", "securityIdentifier",
    "showInAddressList", "sipProxyAddress", "state", "streetAddress", "surname",
    "telephoneNumber", "usageLocation", "userPrincipalName", "userType", "visibility",
];

pub(super) fn check(
    root: &Node,
    text: &str,
    known: &dyn Fn(&str) -> bool,
    role: Role,
) -> Vec<ExpressionError> {
    let mut check = Check { text, known, role, errors: Vec::new() };
    root.walk(&mut |node| match &node.kind {
        NodeKind::Attribute(name) => check.attribute(name, node),
        NodeKind::Call(call) => check.call(call),
        NodeKind::Text(_) | NodeKind::Number(_) | NodeKind::Word(_) | NodeKind::Binary { .. } => {}
    });
    check.errors.sort_by_key(|error| (error.span.start, error.span.end));
    // What stands in the condition of a condition was found twice.
    check.errors.dedup();
    check.errors
}

struct Check<'c> {
    text: &'c str,
    known: &'c dyn Fn(&str) -> bool,
    role: Role,
    errors: Vec<ExpressionError>,
}

impl Check<'_> {
    fn refuse(&mut self, message: impl Into<String>, node_span: &std::ops::Range<usize>) {
        self.errors.push(ExpressionError::new(message, self.text, node_span.clone()));
    }

    fn attribute(&mut self, name: &str, node: &Node) {
        if name == APP_ROLE_ASSIGNMENTS || (self.known)(name) {
            return;
        }
        let candidates = ATTRIBUTES.iter().copied().filter(|candidate| (self.known)(candidate));
        let message = match nearest(name, candidates) {
            Some(near) => format!("unknown attribute [{name}]; did you mean [{near}]?"),
            None => format!("unknown attribute [{name}]"),
        };
        self.refuse(message, &node.span);
    }

    fn call(&mut self, call: &Call) {
        let Some(function) = call.function else {
            let name = &call.name;
            let message = match nearest(name, TABLE.iter().map(|function| function.name)) {
                Some(near) => format!("unknown function `{name}`; did you mean `{near}`?"),
                None => format!("unknown function `{name}`"),
            };
            return self.refuse(message, &call.name_span);
        };
        self.arguments(function, call);
        self.group(call);
        if function.nature == Nature::Random && self.role == Role::Matching {
            let message = format!(
                "`{}` gives another value each time, so it cannot match accounts",
                function.name
            );
            self.refuse(message, &call.name_span);
        }
        if function.name == "Redact" && self.role == Role::Matching {
            let message = "`Redact` cannot match accounts: the value would stand in the address of \
                           a request, and addresses are logged";
            self.refuse(message, &call.name_span);
        }
        if function.place == Place::NotForScim && self.role != Role::Trial {
            let message = format!("`{}` is not available for SCIM applications", function.name);
            self.refuse(message, &call.name_span);
        }
        if function.name == "IIF"
            && let Some(Some(condition)) = call.arguments.first()
        {
            self.condition(condition);
        }
    }

    fn condition(&mut self, condition: &Node) {
        let mut found = Vec::new();
        condition.walk(&mut |node| match &node.kind {
            NodeKind::Call(call)
                if call.function.is_some_and(|row| row.place == Place::NotAsCondition) =>
            {
                found.push((call.name.as_str(), &call.name_span));
            }
            NodeKind::Word(word @ (Word::IgnoreAttributeFlow | Word::IgnoreObjectFlow)) => {
                found.push((word.name(), &node.span));
            }
            NodeKind::Attribute(_)
            | NodeKind::Text(_)
            | NodeKind::Number(_)
            | NodeKind::Word(_)
            | NodeKind::Call(_)
            | NodeKind::Binary { .. } => {}
        });
        for (name, span) in found {
            self.refuse(format!("`{name}` cannot stand in the condition of an `IIF`"), span);
        }
    }

    /// A constant group name has to be one of the constant pattern's.
    fn group(&mut self, call: &Call) {
        let group = call.arguments.get(GROUP_NAME).and_then(Option::as_ref);
        if let (Some(pattern), Some(node)) = (&call.pattern, group)
            && let Some(name) = node.constant_text().filter(|name| !name.is_empty())
            && pattern.group(name).is_none()
        {
            self.refuse(format!("the regular expression has no group `{name}`"), &node.span);
        }
    }

    /// Arguments left out at the end count as not written.
    fn arguments(&mut self, function: &Function, call: &Call) {
        let written = call.arguments.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        let signature = function.signature;
        if written > function.most {
            let most = function.most;
            let message = format!("`{}` takes at most {most} arguments: {signature}", call.name);
            self.refuse(message, &call.name_span);
            return;
        }
        let missing = (0..function.least).find(|index| {
            let there = call.arguments.get(*index).is_some_and(Option::is_some);
            let counted = *index < call.arguments.len() && function.omissible.contains(index);
            !there && !counted
        });
        if let Some(index) = missing {
            let message = format!("`{}` lacks argument {}: {signature}", call.name, index + 1);
            self.refuse(message, &call.name_span);
        } else if function.name == "Switch" && written > 2 && written % 2 == 1 {
            let message = format!("the last key of `Switch` has no value: {signature}");
            self.refuse(message, &call.name_span);
        }
    }
}

/// The candidate that `name` was most likely meant to be, if any is near.
fn nearest<'n>(name: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let folded = name.to_lowercase();
    let near =
        |candidate: &'n str| (strsim::jaro_winkler(&folded, &candidate.to_lowercase()), candidate);
    let best = candidates.map(near).max_by(|left, right| left.0.total_cmp(&right.0));
    best.filter(|(similarity, _)| *similarity > 0.85).map(|(_, candidate)| candidate)
}
