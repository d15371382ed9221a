//! The configuration that `init` writes: the answers, and a comment at each key.

/// What `init` asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitAnswers {
    /// Tenant id or a verified domain.
    pub tenant_id: String,
    /// The app registration of this daemon.
    pub client_id: String,
    /// appId, object id or exact display name of the enterprise application.
    pub enterprise_app: String,
    /// The tenant URL, as the portal shows it.
    pub tenant_url: String,
    /// A profile of the gallery.
    pub profile: String,
}

/// A commented configuration with these answers in it. [`super::parse`] accepts it if the answers
/// are right; the secrets still have to be put where it says.
pub fn init_template(answers: &InitAnswers) -> String {
    let InitAnswers { tenant_id, client_id, enterprise_app, tenant_url, profile } = answers;
    let app = section_name(profile);
    format!(
        r#"# entra-scim: one tenant, any number of applications. config.toml.example has every key
# with its unit and its default. After a change, run: entra-scim check

[tenant]
# Tenant id (GUID) or a verified domain.
id = {tenant_id}
# Application (client) id of the app registration that this daemon signs in as.
client_id = {client_id}
# Its client secret, in a file that only the service can read (chmod 600).
client_secret = {{ file = "/etc/entra-scim/graph-secret" }}

[service]
# One state file per application goes here.
state_dir = "/var/lib/entra-scim"
# From the start of a cycle to the start of the next one.
interval = "40m"

# The name of the section is yours; `entra-scim plan {app}` takes it.
[apps.{app}]
# The enterprise application: its appId, its object id, or its exact display name.
enterprise_app = {enterprise_app}
# `entra-scim gallery` lists the profiles; each brings a mapping.
profile = {profile}
# assigned: users and groups assigned to the enterprise application; all: everybody in the tenant.
scope = "assigned"

[apps.{app}.target]
# The tenant URL as the application or the Entra portal shows it, with its flags.
tenant_url = {tenant_url}
# The secret token, in a file that only the service can read (chmod 600). Applications that want
# something else: config.toml.example has `oauth`, `basic`, `headers` and `client_certificate`.
secret_token = {{ file = "/etc/entra-scim/{app}-token" }}

[apps.{app}.safeguards]
# Disables and deletes in any 24 hours; a cycle that would go over it removes nothing and says so.
# Without this line: 10 % of the linked accounts, at least 5, at most 50.
# max_removals = 20
# What becomes of an account whose person left the scope: disable, delete or keep.
on_out_of_scope = "disable"
# A disabled account is deleted this long after its person left. Without this line it stays.
# delete_after = "30d"
# Removals are sent within these hours only. Without this line at any hour.
# removals_between = "08:00-18:00"

# Groups as objects, with their members; without it only the people in them get accounts. It needs a
# profile whose application has groups: `entra-scim gallery {profile_name}` says so. `plan` shows first
# which of the assigned groups would be created.
# [apps.{app}.groups]
# enabled = true
"#,
        tenant_id = quoted(tenant_id),
        client_id = quoted(client_id),
        enterprise_app = quoted(enterprise_app),
        tenant_url = quoted(tenant_url),
        profile_name = profile,
        profile = quoted(profile),
    )
}

/// The text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The profile's name where it can name a section, which all built-in ones can.
fn section_name(profile: &str) -> &str {
    match profile {
        "generic" => "app",
        name if crate::model::AppName::parse(name).is_some() => name,
        _ => "app",
    }
}
