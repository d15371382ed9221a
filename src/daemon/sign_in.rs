//! From settings to sign-ins: as whom the daemon asks Microsoft Entra, and each application.
//!
//! What is read from a file is read again after a refusal. The token that Entra gives for an
//! application's token endpoint goes there and nowhere else.

use std::{fs, path::Path, sync::Arc};

use crate::{
    config::{
        AppSettings, CredentialSettings, OAuthAuth, OAuthCredential, OAuthSettings,
        SecretSource as Place, TargetSignIn, TenantSettings, managed_identity_endpoint,
    },
    graph,
    http::{
        AssertionSource, Authorizer, Basic, Bearer, ClientCertificate, ConfiguredHeader,
        Credential, Exchange, Grant, ManagedIdentityEndpoint, SecretSent, SecretSource, SignIn,
        SignInFault, TokenSettings, TokenSource,
    },
    model::{Clock, Secret},
};

/// Tokens of Microsoft Entra for `scope`, fetched over `microsoft` as the daemon itself.
///
/// Fails where the platform's own variables are not usable.
pub(super) fn entra_tokens(
    tenant: &TenantSettings,
    scope: String,
    microsoft: Arc<dyn Exchange>,
    clock: Arc<dyn Clock>,
) -> Result<TokenSource, String> {
    let settings = TokenSettings {
        token_url: graph::token_url(&tenant.login_url, &tenant.id),
        client_id: tenant.client_id.clone(),
        scope: Some(scope),
        credential: credential(&tenant.credential)?,
    };
    Ok(TokenSource::new(settings, microsoft, clock))
}

/// The ways to both sides.
pub(super) struct Ways {
    pub(super) microsoft: Arc<dyn Exchange>,
    pub(super) target: Arc<dyn Exchange>,
    pub(super) clock: Arc<dyn Clock>,
}

/// As whom requests to an application are made.
pub(super) fn target(
    tenant: &TenantSettings,
    app: &AppSettings,
    ways: &Ways,
) -> Result<SignIn, String> {
    let connection = &app.target;
    let authorizer = match &connection.sign_in {
        TargetSignIn::SecretToken(token) => Some(Authorizer::Bearer(Bearer::new(reading(token)))),
        TargetSignIn::OAuth(oauth) => Some(Authorizer::Token(oauth_tokens(tenant, oauth, ways)?)),
        TargetSignIn::Basic { username, password } => {
            Some(Authorizer::Basic(Basic::new(username.clone(), reading(password))))
        }
        TargetSignIn::Otherwise => None,
    };
    let headers = connection
        .headers
        .iter()
        .map(|(name, place)| ConfiguredHeader { name: name.clone(), read: reading(place) });
    Ok(SignIn::new(authorizer, headers.collect()))
}

/// What is shown to an application that asks for a certificate.
pub(super) fn client_certificate(app: &AppSettings) -> Option<ClientCertificate> {
    let settings = app.target.client_certificate.as_ref()?;
    let (cert, app) = (settings.cert.clone(), app.job.app.clone());
    let cert_pem: SecretSource = Arc::new(move || {
        read_certificate(&format!("apps.{app}.target.client_certificate.cert"), &cert)
    });
    Some(ClientCertificate { cert_pem, key_pem: reading(&settings.key) })
}

fn oauth_tokens(
    tenant: &TenantSettings,
    oauth: &OAuthSettings,
    ways: &Ways,
) -> Result<TokenSource, String> {
    let credential = match &oauth.credential {
        OAuthCredential::Secret { secret, auth } => {
            let sent = match auth {
                OAuthAuth::Header => SecretSent::Header,
                OAuthAuth::Body => SecretSent::Body,
            };
            Credential::ClientSecret { secret: reading(secret), sent }
        }
        OAuthCredential::TokenFile(path) => Credential::FederatedTokenFile(path.clone()),
        OAuthCredential::EntraToken { scope } => {
            let (microsoft, clock) = (Arc::clone(&ways.microsoft), Arc::clone(&ways.clock));
            let source = entra_tokens(tenant, scope.clone(), microsoft, clock)?;
            Credential::Assertion(assertion(source))
        }
    };
    let settings = TokenSettings {
        token_url: oauth.token_url.clone(),
        client_id: oauth.client_id.clone().unwrap_or_default(),
        scope: oauth.scope.clone(),
        credential,
    };
    let parameters = oauth.parameters.iter().map(|(name, place)| (name.clone(), reading(place)));
    let grant = Grant { grant_type: oauth.grant_type.clone(), parameters: parameters.collect() };
    let source = TokenSource::new(settings, Arc::clone(&ways.target), Arc::clone(&ways.clock));
    Ok(source.asking(grant))
}

fn assertion(source: TokenSource) -> AssertionSource {
    let source = Arc::new(source);
    Arc::new(move || {
        let source = Arc::clone(&source);
        Box::pin(async move {
            source.fresh_token().await.map_err(|fault| SignInFault {
                message: format!(
                    "Microsoft Entra gives no token for the application's token endpoint \
                     (`client_assertion.entra_scope`): {}",
                    fault.message
                ),
                ..fault
            })
        })
    })
}

fn reading(place: &Place) -> SecretSource {
    let place = place.clone();
    Arc::new(move || place.read())
}

fn credential(settings: &CredentialSettings) -> Result<Credential, String> {
    Ok(match settings {
        CredentialSettings::ClientSecret(source) => {
            Credential::ClientSecret { secret: reading(source), sent: SecretSent::Body }
        }
        CredentialSettings::Certificate { cert, key } => {
            let cert = cert.clone();
            Credential::Certificate {
                cert_pem: Arc::new(move || read_certificate("tenant.certificate.cert", &cert)),
                key_pem: reading(key),
            }
        }
        CredentialSettings::FederatedTokenFile(path) => {
            Credential::FederatedTokenFile(path.clone())
        }
        CredentialSettings::ManagedIdentity { client_id } => {
            let endpoint = match managed_identity_endpoint()? {
                Some(announced) => ManagedIdentityEndpoint::AppService {
                    endpoint: announced.endpoint,
                    header: announced.header,
                },
                None => ManagedIdentityEndpoint::imds(),
            };
            Credential::ManagedIdentity { client_id: client_id.clone(), endpoint }
        }
    })
}

fn read_certificate(key: &str, path: &Path) -> Result<Secret, String> {
    fs::read_to_string(path)
        .map(Secret::new)
        .map_err(|error| format!("{key}: {} cannot be read: {error}", path.display()))
}
