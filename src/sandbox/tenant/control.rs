//! What an administrator, or time, does to the tenant: the methods that tests and the demo call.
//!
//! Owns how directory objects are made and changed. Each method is one change as Graph would show
//! it. Ids are those that the tenant gave; a foreign one is a mistake of the caller and panics.

use serde_json::{Value, json};

use super::{
    exchange::Tenant,
    fault::{Fault, FaultPlan},
    login,
    options::{ClientRegistration, Switches},
    record::{Observer, RecordedRequest},
    state::{Grant, GroupKind, Held, Life, ObjectType, State},
};
use crate::model::{AppRole, AppRoleId, Attributes, Secret, ServicePrincipalId, SourceId};

const KNOWN: &str = "the id was given by this tenant";

/// A user to create.
#[derive(Clone, Debug, PartialEq)]
pub struct UserSpec {
    /// `userPrincipalName`.
    pub user_principal_name: String,
    /// `displayName`.
    pub display_name: String,
    /// Everything else, under Graph's names. `accountEnabled` is true and `userType` `Member`
    /// unless set here.
    pub attributes: Attributes,
}

impl UserSpec {
    /// An enabled member with these names and nothing else.
    pub fn named(user_principal_name: &str, display_name: &str) -> Self {
        Self {
            user_principal_name: user_principal_name.to_owned(),
            display_name: display_name.to_owned(),
            attributes: Attributes::new(),
        }
    }

    /// The same user with this attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }
}

/// An enterprise application to create.
#[derive(Clone, Debug, PartialEq)]
pub struct ApplicationSpec {
    /// `displayName`, which need not be unique.
    pub display_name: String,
    /// `appId`.
    pub app_id: String,
    /// `appRoles`.
    pub roles: Vec<AppRole>,
}

fn principal(id: ServicePrincipalId) -> SourceId {
    SourceId::from_uuid(id.as_uuid())
}

fn role_value(role: &AppRole) -> Value {
    json!({
        "allowedMemberTypes": ["User"], "description": role.display_name,
        "displayName": role.display_name, "id": role.id.to_string(),
        "isEnabled": role.is_enabled, "origin": "Application", "value": role.value,
    })
}

fn put(state: &mut State, id: SourceId, name: &str, value: Value) {
    let entry = state.entries.get(&id).expect(KNOWN);
    let never_set = value.is_null() && !entry.properties.contains_key(name);
    if never_set || entry.properties.get(name).is_some_and(|held| held.value == value) {
        return;
    }
    let changed = state.next_change();
    let entry = state.entries.get_mut(&id).expect(KNOWN);
    entry.properties.insert(name.to_owned(), Held { value, changed });
}

/// Users and their managers.
impl Tenant {
    /// Creates a user.
    pub fn add_user(&self, spec: UserSpec) -> SourceId {
        let mut state = self.state();
        let created = super::render::moment(state.now());
        let mut properties = Attributes::from([
            ("accountEnabled".to_owned(), json!(true)),
            ("userType".to_owned(), json!("Member")),
            ("createdDateTime".to_owned(), json!(created)),
        ]);
        properties.extend(spec.attributes);
        properties.insert("userPrincipalName".to_owned(), json!(spec.user_principal_name));
        properties.insert("displayName".to_owned(), json!(spec.display_name));
        state.insert(ObjectType::User, properties)
    }

    /// Sets a property of any object; null clears it.
    pub fn set_attribute(&self, id: SourceId, name: &str, value: impl Into<Value>) {
        put(&mut self.state(), id, name, value.into());
    }

    /// Blocks a user's sign-in.
    pub fn disable_user(&self, id: SourceId) {
        self.set_attribute(id, "accountEnabled", false);
    }

    /// Allows a user's sign-in.
    pub fn enable_user(&self, id: SourceId) {
        self.set_attribute(id, "accountEnabled", true);
    }

    /// Moves a user to the deleted items, for 30 days.
    pub fn soft_delete_user(&self, id: SourceId) {
        let mut state = self.state();
        let at = state.now();
        state.set_life(id, Life::SoftDeleted { at });
    }

    /// Brings a user back from the deleted items.
    pub fn restore_user(&self, id: SourceId) {
        self.state().set_life(id, Life::Live);
    }

    /// Deletes a user for good.
    pub fn purge_user(&self, id: SourceId) {
        self.state().set_life(id, Life::Gone);
    }

    /// Sets or removes a user's manager.
    pub fn set_manager(&self, user: SourceId, manager: Option<SourceId>) {
        let mut state = self.state();
        let former: Vec<SourceId> = state.entries.get(&user).expect(KNOWN).present_ties().collect();
        for former in former.into_iter().filter(|former| Some(*former) != manager) {
            state.tie(user, former, false);
        }
        if let Some(manager) = manager {
            state.tie(user, manager, true);
        }
    }

    /// A user's manager.
    pub fn manager(&self, user: SourceId) -> Option<SourceId> {
        self.state().entries.get(&user).and_then(|entry| entry.present_ties().next())
    }
}

/// Groups and their members.
impl Tenant {
    /// Creates a security group.
    pub fn add_group(&self, display_name: &str) -> SourceId {
        self.add_group_of(GroupKind::Security, display_name)
    }

    /// Creates a group of this kind.
    pub fn add_group_of(&self, kind: GroupKind, display_name: &str) -> SourceId {
        let (types, visibility) = match kind {
            GroupKind::Security => (json!([]), Value::Null),
            GroupKind::Unified => (json!(["Unified"]), json!("Private")),
            GroupKind::Dynamic => (json!(["DynamicMembership"]), Value::Null),
            GroupKind::HiddenMembership => (json!(["Unified"]), json!("HiddenMembership")),
        };
        let mail_enabled = types == json!(["Unified"]);
        let nickname: String = display_name.chars().filter(char::is_ascii_alphanumeric).collect();
        let mut state = self.state();
        let created = super::render::moment(state.now());
        let properties = [
            ("displayName", json!(display_name)),
            ("groupTypes", types),
            ("visibility", visibility),
            ("mailEnabled", json!(mail_enabled)),
            ("mailNickname", json!(nickname)),
            ("securityEnabled", json!(!mail_enabled)),
            ("createdDateTime", json!(created)),
        ];
        state.insert(ObjectType::Group, properties.map(|(name, value)| (name.to_owned(), value)))
    }

    /// Creates a device, contact or service principal that can be a member of groups.
    pub fn add_other(&self, kind: ObjectType, display_name: &str) -> SourceId {
        let properties = [("displayName".to_owned(), json!(display_name))];
        self.state().insert(kind, properties)
    }

    /// Renames a group.
    pub fn rename_group(&self, id: SourceId, display_name: &str) {
        self.set_attribute(id, "displayName", display_name);
    }

    /// Deletes a group; whether it can be restored is a switch.
    pub fn delete_group(&self, id: SourceId) {
        let mut state = self.state();
        let at = state.now();
        let restorable = state.switches.groups_are_soft_deleted;
        state.set_life(id, if restorable { Life::SoftDeleted { at } } else { Life::Gone });
    }

    /// Brings a group back from the deleted items.
    pub fn restore_group(&self, id: SourceId) {
        self.state().set_life(id, Life::Live);
    }

    /// Deletes a group for good.
    pub fn purge_group(&self, id: SourceId) {
        self.state().set_life(id, Life::Gone);
    }

    /// Makes any directory object a direct member of a group.
    pub fn add_member(&self, group: SourceId, member: SourceId) {
        self.state().tie(group, member, true);
    }

    /// Ends a direct membership.
    pub fn remove_member(&self, group: SourceId, member: SourceId) {
        self.state().tie(group, member, false);
    }

    /// Whether `member` is a direct member, soft-deleted or not.
    pub fn is_member(&self, group: SourceId, member: SourceId) -> bool {
        self.members(group).contains(&member)
    }

    /// The direct members, soft-deleted ones included.
    pub fn members(&self, group: SourceId) -> Vec<SourceId> {
        let state = self.state();
        state.entries.get(&group).map_or_else(Vec::new, |entry| entry.present_ties().collect())
    }
}

/// Enterprise applications, their roles and assignments.
impl Tenant {
    /// Creates an enterprise application.
    pub fn add_application(&self, spec: ApplicationSpec) -> ServicePrincipalId {
        let ApplicationSpec { display_name, app_id, roles } = spec;
        let roles: Vec<Value> = roles.iter().map(role_value).collect();
        let properties = [
            ("servicePrincipalNames", json!([app_id])),
            ("displayName", json!(display_name)),
            ("appDisplayName", Value::String(display_name)),
            ("appId", Value::String(app_id)),
            ("accountEnabled", json!(true)),
            ("appRoleAssignmentRequired", json!(true)),
            ("appRoles", json!(roles)),
            ("servicePrincipalType", json!("Application")),
        ];
        let id = self.state().insert(
            ObjectType::ServicePrincipal,
            properties.map(|(name, value)| (name.to_owned(), value)),
        );
        ServicePrincipalId::from_uuid(id.as_uuid())
    }

    /// Declares one more role.
    pub fn add_app_role(&self, application: ServicePrincipalId, role: &AppRole) {
        self.edit_roles(application, |roles| roles.push(role_value(role)));
    }

    /// Disables a role; who holds it keeps it.
    pub fn disable_role(&self, application: ServicePrincipalId, role: AppRoleId) {
        self.edit_roles(application, |roles| {
            for known in roles.iter_mut().filter(|known| known["id"] == role.to_string()) {
                known["isEnabled"] = json!(false);
            }
        });
    }

    /// Removes a role; assignments go on pointing at it.
    pub fn remove_role(&self, application: ServicePrincipalId, role: AppRoleId) {
        self.edit_roles(application, |roles| {
            roles.retain(|known| known["id"] != role.to_string());
        });
    }

    fn edit_roles(&self, application: ServicePrincipalId, edit: impl FnOnce(&mut Vec<Value>)) {
        let mut state = self.state();
        let id = principal(application);
        let entry = state.entries.get(&id).expect(KNOWN);
        let mut roles = entry.value("appRoles").as_array().cloned().unwrap_or_default();
        edit(&mut roles);
        put(&mut state, id, "appRoles", Value::Array(roles));
    }

    /// Sets what Entra's own provisioning of the application looks like (`synchronizationJob`s).
    pub fn set_synchronization_jobs(&self, application: ServicePrincipalId, jobs: Vec<Value>) {
        self.state().jobs.insert(principal(application), jobs);
    }

    /// Sets the schema of one of these jobs (`synchronizationSchema`).
    pub fn set_synchronization_schema(
        &self,
        application: ServicePrincipalId,
        job: &str,
        schema: Value,
    ) {
        self.state().job_schemas.insert((principal(application), job.to_owned()), schema);
    }

    /// Assigns a user, group or service principal; returns the assignment's id.
    ///
    /// The same assignment twice is one assignment, as in Entra, which refuses the second.
    pub fn assign(
        &self,
        application: ServicePrincipalId,
        who: SourceId,
        role: AppRoleId,
    ) -> String {
        let mut state = self.state();
        let application = principal(application);
        let standing = state.grants.iter().find(|(_, grant)| {
            grant.ended.is_none()
                && (grant.application, grant.principal, grant.role) == (application, who, role)
        });
        if let Some((id, _)) = standing {
            return id.clone();
        }
        let name = state.entries.get(&who).expect(KNOWN).text("displayName").to_owned();
        let id = state.new_token(2);
        let created = state.next_change();
        let grant = Grant {
            application,
            principal: who,
            role,
            created_at: state.now(),
            principal_display_name: name,
            created,
            ended: None,
        };
        state.grants.insert(id.clone(), grant);
        id
    }

    /// Ends the principal's assignments: the one with `role`, or all of them.
    pub fn unassign(
        &self,
        application: ServicePrincipalId,
        who: SourceId,
        role: Option<AppRoleId>,
    ) {
        let application = principal(application);
        self.end_grants(|grant| {
            grant.application == application
                && grant.principal == who
                && role.is_none_or(|role| role == grant.role)
        });
    }

    /// Ends every assignment of the application.
    pub fn unassign_all(&self, application: ServicePrincipalId) {
        let application = principal(application);
        self.end_grants(|grant| grant.application == application);
    }

    fn end_grants(&self, concerns: impl Fn(&Grant) -> bool) {
        let mut state = self.state();
        let changed = state.next_change();
        for grant in state.grants.values_mut().filter(|grant| grant.ended.is_none()) {
            if concerns(grant) {
                grant.ended = Some(changed);
            }
        }
    }

    /// Who is assigned directly, and with which role; soft-deleted principals included.
    pub fn assignments(&self, application: ServicePrincipalId) -> Vec<(SourceId, AppRoleId)> {
        let application = principal(application);
        let state = self.state();
        let standing =
            state.grants.values().filter(|g| g.application == application && g.ended.is_none());
        standing.map(|grant| (grant.principal, grant.role)).collect()
    }
}

/// What a test looks at and sets besides.
impl Tenant {
    /// The live users.
    pub fn users(&self) -> Vec<SourceId> {
        self.state().all_live(ObjectType::User).map(|(id, _)| id).collect()
    }

    /// The live groups.
    pub fn groups(&self) -> Vec<SourceId> {
        self.state().all_live(ObjectType::Group).map(|(id, _)| id).collect()
    }

    /// The values an object has now, live or soft-deleted.
    pub fn attributes(&self, id: SourceId) -> Attributes {
        let state = self.state();
        let entry = state.entries.get(&id).expect(KNOWN);
        let held = entry.properties.iter().filter(|(_, held)| !held.value.is_null());
        held.map(|(name, held)| (name.clone(), held.value.clone())).collect()
    }

    /// Whether the object is there and not deleted.
    pub fn is_live(&self, id: SourceId) -> bool {
        self.state().live(id).is_some()
    }

    /// Registers a client, or replaces the one with its id.
    pub fn register_client(&self, client: ClientRegistration) {
        self.state().clients.insert(client.client_id.clone(), client);
    }

    /// The client that every tenant has from the start: its id and its secret.
    pub fn default_client(&self) -> (String, Secret) {
        let seed = self.state().seed.to_string();
        let id = SourceId::derive(&["sandbox client", &seed]).to_string();
        let secret = SourceId::derive(&["sandbox secret", &seed]).as_uuid().simple().to_string();
        (id, Secret::new(format!("sandbox~{secret}")))
    }

    pub(super) fn register_default_client(&self) {
        let (client_id, secret) = self.default_client();
        let granted = ["Application.Read.All", "User.Read.All", "GroupMember.Read.All"];
        self.register_client(ClientRegistration {
            client_id,
            secrets: vec![secret],
            expired_secrets: Vec::new(),
            certificates: Vec::new(),
            federated: Vec::new(),
            granted: granted.map(str::to_owned).into(),
        });
    }

    /// Makes another verified domain the default one.
    pub fn set_default_domain(&self, name: &str) {
        name.clone_into(&mut self.state().default_domain);
    }

    /// Changes the permissions of a client; tokens issued before keep theirs.
    pub fn grant_permissions(&self, client_id: &str, granted: &[&str]) {
        let mut state = self.state();
        let client = state.clients.get_mut(client_id).expect("the client is registered");
        client.granted = granted.iter().map(|name| (*name).to_owned()).collect();
    }

    /// An access token of a registered client, without a request.
    pub fn token_for(&self, client_id: &str) -> String {
        let mut state = self.state();
        let client = state.clients.get(client_id).cloned().expect("the client is registered");
        login::issue(&mut state, &client, "https://graph.microsoft.com").0
    }

    /// Changes the undocumented choices and the lifetimes.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.state().switches);
    }

    /// Lets this happen once, to the next request that it fits (never to a sign-in).
    pub fn inject(&self, fault: Fault) {
        self.state().faults.queue(fault, None);
    }

    /// Lets this happen once, to the next request whose path contains `path`.
    pub fn inject_at(&self, path: &str, fault: Fault) {
        self.state().faults.queue(fault, Some(path.to_owned()));
    }

    /// Lets things go wrong at random from now on.
    pub fn follow(&self, plan: FaultPlan) {
        self.state().faults.follow(plan);
    }

    /// Ends all faults, queued and random.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// Queued faults that have not happened yet.
    pub fn pending_faults(&self) -> usize {
        self.state().faults.queued()
    }

    /// The exchanges so far.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state().recorder.exchanges.clone()
    }

    /// The exchanges since the last call of this method.
    pub fn take_requests(&self) -> Vec<RecordedRequest> {
        self.state().recorder.take()
    }

    /// Requests to Graph so far, sign-ins not counted.
    pub fn request_count(&self) -> u64 {
        self.state().recorder.requests
    }

    /// Sign-ins so far, refused ones included.
    pub fn sign_in_count(&self) -> u64 {
        self.state().recorder.sign_ins
    }

    /// Shows every exchange from now on to `observer`.
    pub fn observe(&self, observer: Observer) {
        self.state().recorder.observer = Some(observer);
    }
}
