//! The application permissions of Microsoft Graph: which are needed, and what the others are for.
//!
//! Names and least privileges are those of each call's page in the Graph documentation
//! ("Permissions"). A wider permission that includes the needed one counts as granted.

use std::collections::BTreeSet;

/// A permission, what it is for, and which wider ones include it.
pub(super) struct Permission {
    /// Its name in the portal.
    pub(super) name: &'static str,
    /// What is read with it.
    pub(super) purpose: &'static str,
    wider: &'static [&'static str],
}

/// Without these no cycle can finish.
pub(super) const NEEDED: [Permission; 3] = [
    Permission {
        name: "Application.Read.All",
        purpose: "the enterprise application and its assignments",
        wider: &["Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
    },
    Permission {
        name: "User.Read.All",
        purpose: "users",
        wider: &["User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
    },
    Permission {
        name: "GroupMember.Read.All",
        purpose: "who is in an assigned group",
        wider: &[
            "GroupMember.ReadWrite.All",
            "Group.Read.All",
            "Group.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
    },
];

/// Looks at Entra's own provisioning job.
pub(super) const SYNCHRONIZATION: Permission = Permission {
    name: "Synchronization.Read.All",
    purpose: "whether Entra's own provisioning of the application is on",
    wider: &["Synchronization.ReadWrite.All"],
};

/// Shows members of groups with hidden membership.
pub(super) const HIDDEN_MEMBERS: Permission = Permission {
    name: "Member.Read.Hidden",
    purpose: "members of groups with hidden membership, who are not seen without it",
    wider: &[],
};

/// Shows `employeeLeaveDateTime`, which comes back empty without it.
pub(super) const LEAVE_DATE: Permission = Permission {
    name: "User-LifeCycleInfo.Read.All",
    purpose: "`employeeLeaveDateTime`, which comes back empty without it",
    wider: &["User-LifeCycleInfo.ReadWrite.All"],
};

/// Shows the tenant's default domain; `Domain.Read.All` does too.
pub(super) const ORGANIZATION: Permission = Permission {
    name: "Organization.Read.All",
    purpose: "the tenant's default domain, which `DefaultDomain()` in a mapping gives",
    wider: &[
        "Organization.ReadWrite.All",
        "Domain.Read.All",
        "Domain.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ],
};

impl Permission {
    /// Whether these roles of a token include it.
    pub(super) fn is_in(&self, granted: &BTreeSet<String>) -> bool {
        granted.contains(self.name) || self.wider.iter().any(|name| granted.contains(*name))
    }
}

/// Where a permission is granted.
pub(super) fn where_to_grant(name: &str) -> String {
    format!(
        "Entra admin center > App registrations > your registration > API permissions > Add a \
         permission > Microsoft Graph > Application permissions > {name}; then Grant admin consent"
    )
}
