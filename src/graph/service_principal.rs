//! Enterprise applications, their assignments and Entra's own jobs on them, as Graph writes them.

use std::fmt;

use serde::{Deserialize, de};

use crate::model::{
    AppRole, AppRoleId, Application, Assignment, PrincipalKind, ServicePrincipalId, SourceId,
};

/// What is read of a service principal.
pub(super) const SELECTED: [&str; 5] = ["id", "appId", "displayName", "accountEnabled", "appRoles"];

/// A service principal.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireServicePrincipal {
    id: ServicePrincipalId,
    app_id: String,
    display_name: Option<String>,
    account_enabled: Option<bool>,
    app_roles: Vec<WireRole>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRole {
    id: AppRoleId,
    display_name: Option<String>,
    value: Option<String>,
    is_enabled: bool,
}

impl WireServicePrincipal {
    pub(super) fn application(self) -> Application {
        Application {
            id: self.id,
            app_id: self.app_id,
            display_name: self.display_name.unwrap_or_default(),
            account_enabled: self.account_enabled.unwrap_or(true),
            roles: self.app_roles.into_iter().map(WireRole::role).collect(),
        }
    }
}

impl WireRole {
    fn role(self) -> AppRole {
        AppRole {
            id: self.id,
            display_name: self.display_name.unwrap_or_default(),
            value: self.value.filter(|value| !value.is_empty()),
            is_enabled: self.is_enabled,
        }
    }
}

/// A row of `appRoleAssignedTo`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAssignment {
    principal_id: SourceId,
    principal_type: WirePrincipal,
    app_role_id: AppRoleId,
    principal_display_name: Option<String>,
}

/// `principalType`. A principal that is neither user nor group is a workload and is never
/// provisioned.
struct WirePrincipal(PrincipalKind);

impl<'de> Deserialize<'de> for WirePrincipal {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = WirePrincipal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a type of principal")
            }

            fn visit_str<E>(self, name: &str) -> Result<WirePrincipal, E> {
                Ok(WirePrincipal(if name.eq_ignore_ascii_case("User") {
                    PrincipalKind::User
                } else if name.eq_ignore_ascii_case("Group") {
                    PrincipalKind::Group
                } else {
                    PrincipalKind::ServicePrincipal
                }))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl WireAssignment {
    pub(super) fn assignment(self) -> Assignment {
        Assignment {
            principal: self.principal_id,
            principal_kind: self.principal_type.0,
            role: self.app_role_id,
            principal_display_name: self.principal_display_name.unwrap_or_default(),
        }
    }
}

/// A provisioning job of Entra itself (Graph `synchronizationJob`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningJob {
    /// Its id.
    pub id: String,
    /// `schedule.state`: `Active`, `Disabled` or `Paused`; empty where Graph does not say.
    pub state: String,
    /// `templateId`: what kind of application it provisions; empty where Graph does not say.
    pub template_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireJob {
    id: String,
    template_id: Option<String>,
    schedule: Option<WireSchedule>,
}

#[derive(Deserialize)]
struct WireSchedule {
    state: Option<String>,
}

impl WireJob {
    pub(super) fn job(self) -> ProvisioningJob {
        let state = self.schedule.and_then(|schedule| schedule.state).unwrap_or_default();
        ProvisioningJob { id: self.id, state, template_id: self.template_id.unwrap_or_default() }
    }
}
