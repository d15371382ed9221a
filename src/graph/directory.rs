//! [`Directory`] over Graph: which request each question of the port becomes.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use graph_rs_sdk::{GraphResult, ODataQuery as _};
use http::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    GraphSettings, ProvisioningJob, RegistrationCredential,
    client::{Client, Prepared, sdk},
    domain::{WireDomain, WireOrganization},
    fault::Reading,
    group::{WireGroup, WireMembership},
    page::document,
    registration::{self, WireRegistration},
    service_principal::{self, WireAssignment, WireJob, WireServicePrincipal},
    user::{WireId, WireUser, selected},
};
use crate::{
    http::{Authorizer, Exchange},
    model::{
        Application, ApplicationRef, Assignment, Clock, GroupChange, Meter, ServicePrincipalId,
        SourceId, SourceObject, UserChange,
    },
    port::{
        DeltaPage, Directory, DirectoryFault, GROUPS_PER_CHAIN_MAX, GroupsAt, IDS_PER_LOOKUP_MAX,
        Link, ManagersAt, Page, Selection, UsersAt,
    },
};

/// Rows per page of a listing: Graph's maximum. Rounds of changes have 200 whatever is asked.
const ROWS_PER_PAGE: &str = "999";

/// What is read of a group.
const GROUP_SELECTED: [&str; 5] = ["id", "displayName", "description", "mailNickname", "members"];

/// What is read of a group where its members are not asked for.
const GROUP_NAMES: [&str; 4] = ["id", "displayName", "description", "mailNickname"];

/// Microsoft Graph, read.
pub struct GraphDirectory {
    client: Client,
}

impl GraphDirectory {
    /// Sends nothing yet.
    pub fn new(
        settings: &GraphSettings,
        exchange: Arc<dyn Exchange>,
        authorizer: Authorizer,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client: Client::new(settings, exchange, authorizer, clock) }
    }

    /// What counts the requests.
    pub fn meter(&self) -> Arc<Meter> {
        self.client.meter()
    }

    /// The application permissions that the access token says were granted; `None` where the token
    /// is opaque or there is none. For messages only: the token is not meant for us to read.
    pub async fn granted_roles(&self) -> Option<BTreeSet<String>> {
        #[derive(Deserialize)]
        struct Claims {
            #[serde(default)]
            roles: BTreeSet<String>,
        }
        let authorization = self.client.authorizer().authorization().await.ok()?;
        let payload = authorization.to_str().ok()?.split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        serde_json::from_slice::<Claims>(&payload).ok().map(|claims| claims.roles)
    }

    /// Entra's own provisioning jobs on the application, none where provisioning was never set up.
    /// Needs `Synchronization.Read.All`.
    pub async fn provisioning_jobs(
        &self,
        application: ServicePrincipalId,
    ) -> Result<Vec<ProvisioningJob>, DirectoryFault> {
        let id = application.to_string();
        let path = ["servicePrincipals", &id, "synchronization", "jobs"];
        let call = sdk().custom(Method::GET, None).extend_path(&path);
        let prepared = self.client.prepare(call.build(), Reading::ProvisioningJobs).await?;
        let page = match self.client.page::<WireJob>(&prepared).await {
            Err(fault) if is_not_found(&fault) => return Ok(Vec::new()),
            other => other?,
        };
        Ok(page.items.into_iter().map(WireJob::job).collect())
    }

    /// The secrets and keys of an app registration. Needs `Application.Read.All`.
    pub async fn registration_credentials(
        &self,
        client_id: &str,
    ) -> Result<Vec<RegistrationCredential>, DirectoryFault> {
        let segment = format!("applications(appId='{client_id}')");
        let call = sdk().custom(Method::GET, None).extend_path(&[segment]);
        let call = call.select(&registration::SELECTED);
        let prepared = self.client.prepare(call.build(), Reading::Registration).await?;
        let body = self.client.send(&prepared).await?;
        document::<WireRegistration>(&body).map(WireRegistration::credentials)
    }

    /// The schema of one of these jobs (Graph `synchronizationSchema`), as JSON. Needs
    /// `Synchronization.Read.All`.
    pub async fn provisioning_schema(
        &self,
        application: ServicePrincipalId,
        job: &str,
    ) -> Result<String, DirectoryFault> {
        let id = application.to_string();
        let path = ["servicePrincipals", &id, "synchronization", "jobs", job, "schema"];
        let call = sdk().custom(Method::GET, None).extend_path(&path);
        let prepared = self.client.prepare(call.build(), Reading::ProvisioningSchema).await?;
        let body = self.client.send(&prepared).await?;
        String::from_utf8(body.into())
            .map_err(|_| DirectoryFault::Malformed("a schema is not UTF-8 text".to_owned()))
    }

    async fn default_of_domains(&self) -> Result<Option<String>, DirectoryFault> {
        let call = sdk().custom(Method::GET, None).extend_path(&["domains"]);
        let call = call.select(&["id", "isDefault"]);
        let mut prepared = self.client.prepare(call.build(), Reading::Domains).await?;
        loop {
            let page = self.client.page::<WireDomain>(&prepared).await?;
            let found = page.items.into_iter().find_map(WireDomain::if_default);
            match (found, page.next) {
                (None, Some(next)) => prepared = self.client.follow(&next, Reading::Domains)?,
                (found, _) => return Ok(found),
            }
        }
    }

    async fn application_by_app_id(&self, id: &str) -> Result<Application, DirectoryFault> {
        let segment = format!("servicePrincipals(appId='{id}')");
        let call = sdk().custom(Method::GET, None).extend_path(&[segment]);
        let call = call.select(&service_principal::SELECTED);
        self.read_application(self.client.prepare(call.build(), Reading::Application).await?).await
    }

    async fn application_by_object_id(&self, id: &str) -> Result<Application, DirectoryFault> {
        let call = sdk().service_principal(id).get_service_principal();
        let call = call.select(&service_principal::SELECTED);
        self.read_application(self.client.prepare(call.build(), Reading::Application).await?).await
    }

    async fn read_application(&self, prepared: Prepared) -> Result<Application, DirectoryFault> {
        let body = self.client.send(&prepared).await?;
        document::<WireServicePrincipal>(&body).map(WireServicePrincipal::application)
    }

    /// Names are not unique, so all of this name are counted.
    async fn application_by_name(&self, name: &str) -> Result<Application, DirectoryFault> {
        let filter = format!("displayName eq {}", quoted(name));
        let call = sdk().service_principals().list_service_principal();
        let call = call.filter(&[&filter]).select(&service_principal::SELECTED).top(ROWS_PER_PAGE);
        let mut prepared = self.client.prepare(call.build(), Reading::Application).await?;
        let mut found = Vec::new();
        loop {
            let page = self.client.page::<WireServicePrincipal>(&prepared).await?;
            found.extend(page.items);
            let Some(next) = page.next else { break };
            prepared = self.client.follow(&next, Reading::Application)?;
        }
        let count = found.len();
        match (found.pop(), count) {
            (None, _) => Err(DirectoryFault::NotFound(format!("named `{name}`"))),
            (Some(only), 1) => Ok(only.application()),
            (Some(_), _) => Err(DirectoryFault::Ambiguous { name: name.to_owned(), count }),
        }
    }

    /// The request of a listing: its next page, or its first.
    async fn listing(
        &self,
        next: Option<&Link>,
        first: impl Future<Output = GraphResult<reqwest::RequestBuilder>> + Send,
        reading: Reading,
    ) -> Result<Prepared, DirectoryFault> {
        match next {
            Some(link) => self.client.follow(link, reading),
            None => self.client.prepare(first, reading).await,
        }
    }

    /// What `getByIds` finds of these ids among the objects of one type.
    async fn by_ids<T: DeserializeOwned>(
        &self,
        ids: &[SourceId],
        of_type: &str,
        names: &[&str],
        reading: Reading,
    ) -> Result<Vec<T>, DirectoryFault> {
        debug_assert!(ids.len() <= IDS_PER_LOOKUP_MAX, "the caller splits its ids");
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let call = sdk().directory_objects();
        let call = call.get_by_ids(&json!({ "ids": ids, "types": [of_type] })).select(names);
        let prepared = self.client.prepare(call.build(), reading).await?;
        let page = self.client.page::<T>(&prepared).await?;
        if page.next.is_some() {
            // getByIds has no pages: a link would mean objects that we do not see.
            let what = "a lookup by id was cut into pages";
            return Err(DirectoryFault::Malformed(what.to_owned()));
        }
        Ok(page.items)
    }

    async fn user_page(&self, prepared: &Prepared) -> Result<Page<SourceObject>, DirectoryFault> {
        let page = self.client.page::<WireUser>(prepared).await?;
        let items = page.items.into_iter().map(WireUser::object).collect::<Result<_, _>>()?;
        Ok(Page { items, next: page.next })
    }

    async fn users_round(
        &self,
        selection: &Selection,
        from_now: bool,
    ) -> Result<Prepared, DirectoryFault> {
        let mut names = selected(selection);
        if selection.manager {
            names.push("manager");
        }
        let mut call = sdk().users().delta().select(&names);
        if from_now {
            // The SDK spells the option otherwise than the documentation does.
            call = call.append_query_pair("$deltatoken", "latest");
        }
        Ok(self.client.prepare(call.build(), Reading::Users).await?.tokened())
    }
}

impl Directory for GraphDirectory {
    async fn application(&self, which: &ApplicationRef) -> Result<Application, DirectoryFault> {
        let id = match which {
            ApplicationRef::DisplayName(name) => return self.application_by_name(name).await,
            ApplicationRef::Guid(id) => id.as_hyphenated().to_string(),
        };
        match self.application_by_app_id(&id).await {
            Err(fault) if is_not_found(&fault) => {}
            other => return other,
        }
        match self.application_by_object_id(&id).await {
            Err(fault) if is_not_found(&fault) => Err(DirectoryFault::NotFound(id)),
            other => other,
        }
    }

    async fn assignments(
        &self,
        application: ServicePrincipalId,
        next: Option<&Link>,
    ) -> Result<Page<Assignment>, DirectoryFault> {
        let call = sdk().service_principal(application.to_string());
        let call = call.list_app_role_assigned_to().top(ROWS_PER_PAGE);
        let prepared = self.listing(next, call.build(), Reading::Assignments).await?;
        let page = self.client.page::<WireAssignment>(&prepared).await?;
        let items = page.items.into_iter().map(WireAssignment::assignment).collect();
        Ok(Page { items, next: page.next })
    }

    async fn users_delta(&self, at: UsersAt<'_>) -> Result<DeltaPage<UserChange>, DirectoryFault> {
        let prepared = match at {
            UsersAt::Initial(selection) => self.users_round(selection, false).await?,
            UsersAt::Now(selection) => self.users_round(selection, true).await?,
            UsersAt::Link(link) => self.client.follow(link, Reading::Users)?,
        };
        let page = self.client.delta_page::<WireUser>(&prepared).await?;
        let items = page.items.into_iter().map(WireUser::change).collect::<Result<_, _>>()?;
        Ok(DeltaPage { items, end: page.end })
    }

    async fn users(
        &self,
        selection: &Selection,
        next: Option<&Link>,
    ) -> Result<Page<SourceObject>, DirectoryFault> {
        let call = sdk().users().list_user();
        let call = call.select(&selected(selection)).top(ROWS_PER_PAGE);
        let prepared = self.listing(next, call.build(), Reading::Users).await?;
        self.user_page(&prepared).await
    }

    /// `startswith` on this property is no advanced query: it asks the directory itself, not the
    /// index that lags behind.
    async fn users_beginning(
        &self,
        prefix: &str,
        selection: &Selection,
    ) -> Result<Page<SourceObject>, DirectoryFault> {
        let filter = format!("startswith(userPrincipalName,{})", quoted(prefix));
        let call = sdk().users().list_user().filter(&[&filter]);
        let call = call.select(&selected(selection)).top(ROWS_PER_PAGE);
        let prepared = self.client.prepare(call.build(), Reading::Users).await?;
        self.user_page(&prepared).await
    }

    async fn user_ids(&self, next: Option<&Link>) -> Result<Page<SourceId>, DirectoryFault> {
        let call = sdk().users().list_user().select(&["id"]).top(ROWS_PER_PAGE);
        let prepared = self.listing(next, call.build(), Reading::Users).await?;
        let page = self.client.page::<WireId>(&prepared).await?;
        Ok(Page { items: page.items.into_iter().map(|row| row.id).collect(), next: page.next })
    }

    async fn groups_delta(
        &self,
        at: GroupsAt<'_>,
    ) -> Result<DeltaPage<GroupChange>, DirectoryFault> {
        let prepared = match at {
            GroupsAt::Initial(ids) => {
                let call = sdk().groups().delta().select(&GROUP_SELECTED);
                let call = call.filter(&[&any_of(ids)]);
                self.client.prepare(call.build(), Reading::Groups).await?.tokened()
            }
            GroupsAt::Objects { groups, properties } => {
                let mut names: Vec<&str> = GROUP_SELECTED.to_vec();
                names.extend(properties.iter().map(String::as_str));
                let names: BTreeSet<&str> = names.into_iter().collect();
                let names: Vec<&str> = names.into_iter().collect();
                let mut call = sdk().groups().delta().select(&names);
                if let Some(ids) = groups {
                    call = call.filter(&[&any_of(ids)]);
                }
                self.client.prepare(call.build(), Reading::Groups).await?.tokened()
            }
            GroupsAt::Link(link) => self.client.follow(link, Reading::Groups)?,
        };
        let page = self.client.delta_page::<WireGroup>(&prepared).await?;
        let items = page.items.into_iter().map(WireGroup::change).collect();
        Ok(DeltaPage { items, end: page.end })
    }

    async fn users_by_id(
        &self,
        ids: &[SourceId],
        selection: &Selection,
    ) -> Result<Vec<SourceObject>, DirectoryFault> {
        let names = selected(selection);
        let found = self.by_ids::<WireUser>(ids, "user", &names, Reading::Users).await?;
        found.into_iter().map(WireUser::object).collect()
    }

    async fn managers(&self, at: ManagersAt<'_>) -> Result<DeltaPage<UserChange>, DirectoryFault> {
        let prepared = match at {
            ManagersAt::Initial(ids) => {
                let call = sdk().users().delta().select(&["manager"]);
                let call = call.filter(&[&any_of(ids)]);
                self.client.prepare(call.build(), Reading::Managers).await?.tokened()
            }
            ManagersAt::Link(link) => self.client.follow(link, Reading::Managers)?,
        };
        let page = self.client.delta_page::<WireUser>(&prepared).await?;
        let items = page.items.into_iter().map(WireUser::manager_only).collect();
        Ok(DeltaPage { items, end: page.end })
    }

    async fn deleted_users(&self, next: Option<&Link>) -> Result<Page<SourceId>, DirectoryFault> {
        let path = ["directory", "deletedItems", "microsoft.graph.user"];
        let call = sdk().custom(Method::GET, None).extend_path(&path);
        let call = call.select(&["id", "deletedDateTime"]).top(ROWS_PER_PAGE);
        let prepared = self.listing(next, call.build(), Reading::DeletedUsers).await?;
        let page = self.client.page::<WireId>(&prepared).await?;
        Ok(Page { items: page.items.into_iter().map(|row| row.id).collect(), next: page.next })
    }

    async fn default_domain(&self) -> Result<Option<String>, DirectoryFault> {
        let call = sdk().custom(Method::GET, None).extend_path(&["organization"]);
        let call = call.select(&["id", "verifiedDomains"]);
        let prepared = self.client.prepare(call.build(), Reading::Organization).await?;
        match self.client.page::<WireOrganization>(&prepared).await {
            Ok(page) => Ok(page.items.into_iter().find_map(WireOrganization::default_domain)),
            // Either permission will do: `Organization.Read.All` or `Domain.Read.All`.
            Err(denied @ DirectoryFault::Permission { .. }) => {
                match self.default_of_domains().await {
                    Err(DirectoryFault::Permission { .. }) => Err(denied),
                    answer @ (Ok(_) | Err(_)) => answer,
                }
            }
            Err(fault) => Err(fault),
        }
    }

    async fn deleted_users_in_full(
        &self,
        selection: &Selection,
        next: Option<&Link>,
    ) -> Result<Page<SourceObject>, DirectoryFault> {
        let path = ["directory", "deletedItems", "microsoft.graph.user"];
        let call = sdk().custom(Method::GET, None).extend_path(&path);
        let call = call.select(&selected(selection)).top(ROWS_PER_PAGE);
        let prepared = self.listing(next, call.build(), Reading::DeletedUsers).await?;
        let page = self.client.page::<WireUser>(&prepared).await?;
        let items = page.items.into_iter().map(WireUser::deleted).collect::<Result<_, _>>()?;
        Ok(Page { items, next: page.next })
    }

    async fn users_named(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<Vec<SourceObject>, DirectoryFault> {
        let quoted = quoted(name);
        let filter = format!("userPrincipalName eq {quoted} or mail eq {quoted}");
        let call = sdk().users().list_user().filter(&[&filter]);
        let call = call.select(&selected(selection)).top(ROWS_PER_PAGE);
        let prepared = self.client.prepare(call.build(), Reading::Users).await?;
        let page = self.client.page::<WireUser>(&prepared).await?;
        page.items.into_iter().map(WireUser::object).collect()
    }

    async fn groups_named(&self, name: &str) -> Result<Vec<SourceObject>, DirectoryFault> {
        let filter = format!("displayName eq {}", quoted(name));
        let call = sdk().groups().list_group().filter(&[&filter]);
        let call = call.select(&GROUP_NAMES).top(ROWS_PER_PAGE);
        let prepared = self.client.prepare(call.build(), Reading::Groups).await?;
        let page = self.client.page::<WireGroup>(&prepared).await?;
        page.items.into_iter().map(WireGroup::object).collect()
    }

    async fn groups_by_id(&self, ids: &[SourceId]) -> Result<Vec<SourceObject>, DirectoryFault> {
        let found = self.by_ids::<WireGroup>(ids, "group", &GROUP_NAMES, Reading::Groups).await?;
        found.into_iter().map(WireGroup::object).collect()
    }

    /// Without a cast to groups, which would be answered from the index that lags behind (Graph
    /// "List a user's direct memberships"): roles and administrative units are left out here.
    async fn groups_of(&self, user: SourceId) -> Result<Vec<SourceObject>, DirectoryFault> {
        let path = ["users", &user.to_string(), "memberOf"];
        let call = sdk().custom(Method::GET, None).extend_path(&path);
        let call = call.select(&["id", "displayName"]).top(ROWS_PER_PAGE);
        let mut prepared = self.client.prepare(call.build(), Reading::Memberships).await?;
        let mut found = Vec::new();
        loop {
            let page = self.client.page::<WireMembership>(&prepared).await?;
            for row in page.items {
                found.extend(row.group().transpose()?);
            }
            let Some(next) = page.next else { return Ok(found) };
            prepared = self.client.follow(&next, Reading::Memberships)?;
        }
    }

    fn requests(&self) -> u64 {
        self.client.requests()
    }
}

/// A filter for these ids. None at all is the nil id, which nobody has: an empty filter would be
/// the whole tenant.
fn any_of(ids: &[SourceId]) -> String {
    debug_assert!(ids.len() <= GROUPS_PER_CHAIN_MAX, "the caller splits its ids");
    let nil = [SourceId::from_uuid(uuid::Uuid::nil())];
    let ids = if ids.is_empty() { &nil[..] } else { ids };
    ids.iter().map(|id| format!("id eq '{id}'")).collect::<Vec<_>>().join(" or ")
}

/// A text in a filter: between quotes, the quotes in it doubled (OData).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn is_not_found(fault: &DirectoryFault) -> bool {
    matches!(fault, DirectoryFault::Rejected { status: 404, .. })
}
