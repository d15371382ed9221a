//! A token that is there when it is asked for: cached, refreshed early, one refresh at a time.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex as BlockingMutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use chrono::TimeDelta;
use http::{Request, Response};
use oauth2::{
    AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, Scope, TokenResponse as _,
    TokenUrl, basic::BasicClient,
};
use tokio::sync::Mutex;
use url::Url;

use super::{
    Credential, Grant, SecretSent,
    assertion::{self, ASSERTION_TYPE},
    managed_identity, refusal,
};
use crate::{
    http::{Exchange, SecretSource, SignInFault, TransportFault, retry_after},
    model::{Clock, Secret, Timestamp},
};

/// A token is refreshed this long before it expires, or earlier in its last tenth if that is
/// shorter: long enough for the requests that already carry it.
const REFRESH_MARGIN_SECONDS_MAX: i64 = 300;

/// The pause after a failed early refresh: the old token still serves, and an endpoint in trouble
/// is not asked at every request.
const REFRESH_PAUSE: Duration = Duration::from_secs(30);

/// The life of a token whose endpoint names none (RFC 6749 §5.1 only recommends it).
const LIFE_SECONDS_DEFAULT: i64 = 600;

/// Where and as whom to sign in.
#[derive(Clone)]
pub struct TokenSettings {
    /// The token endpoint. Unused by a managed identity.
    pub token_url: Url,
    /// The application's client id. Unused by a managed identity, and not sent where it is empty:
    /// an assertion may say alone who asks.
    pub client_id: String,
    /// The scope to ask for, `https://graph.microsoft.com/.default` for Graph.
    pub scope: Option<String>,
    /// What proves who asks.
    pub credential: Credential,
}

/// Fetches tokens and keeps the last one.
pub struct TokenSource {
    settings: Box<TokenSettings>,
    grant: Grant,
    exchange: Arc<dyn Exchange>,
    clock: Arc<dyn Clock>,
    cached: Mutex<Option<Cached>>,
}

struct Cached {
    token: Secret,
    refresh_at: Timestamp,
    expires_at: Timestamp,
}

impl TokenSource {
    /// A source that has no token yet; nothing is sent before one is asked for.
    pub fn new(
        settings: TokenSettings,
        exchange: Arc<dyn Exchange>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (settings, grant) = (Box::new(settings), Grant::default());
        Self { settings, grant, exchange, clock, cached: Mutex::new(None) }
    }

    /// The same, asking with `grant`, which a managed identity does not look at.
    #[must_use]
    pub fn asking(self, grant: Grant) -> Self {
        Self { grant, ..self }
    }

    /// A token that nobody else was given. It is not kept, nor is the kept one touched.
    pub async fn fresh_token(&self) -> Result<Secret, SignInFault> {
        Ok(self.fetch().await?.token)
    }

    /// The token, fetched where there is none or it soon expires.
    ///
    /// Who asks during a refresh waits for it. A refresh that fails for a passing reason leaves the
    /// old token in use until it expires.
    pub async fn token(&self) -> Result<Secret, SignInFault> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.now();
        if let Some(held) = cached.as_ref().filter(|held| now < held.refresh_at) {
            return Ok(held.token.clone());
        }
        match (self.fetch().await, cached.as_mut()) {
            (Ok(fresh), _) => Ok(cached.insert(fresh).token.clone()),
            (Err(fault), Some(held)) if fault.temporary && now < held.expires_at => {
                let wait = fault.retry_after.unwrap_or(REFRESH_PAUSE);
                held.refresh_at = (now + wait).min(held.expires_at);
                Ok(held.token.clone())
            }
            (Err(fault), _) => Err(fault),
        }
    }

    /// Fetches another token after `stale` was refused, unless that has happened meanwhile.
    ///
    /// True when the token is now another one.
    pub async fn renew(&self, stale: &Secret) -> Result<bool, SignInFault> {
        let mut cached = self.cached.lock().await;
        if cached.as_ref().is_some_and(|held| held.token != *stale) {
            return Ok(true);
        }
        *cached = None;
        let fresh = cached.insert(self.fetch().await?);
        Ok(fresh.token != *stale)
    }

    async fn fetch(&self) -> Result<Cached, SignInFault> {
        let (token, life_seconds) = match &self.settings.credential {
            Credential::ManagedIdentity { client_id, endpoint } => {
                let scope = self.settings.scope.as_deref().unwrap_or_default();
                let request = managed_identity::request(endpoint, client_id.as_deref(), scope)?;
                self.fetch_identity(request).await?
            }
            Credential::ClientSecret { secret, sent } => {
                let secret = read(secret)?;
                self.fetch_grant(Some((&secret, *sent)), None).await?
            }
            Credential::Certificate { cert_pem, key_pem } => {
                let (certificate, key) = (read(cert_pem)?, read(key_pem)?);
                let audience = self.settings.token_url.as_str();
                let now = self.clock.now();
                let signed =
                    assertion::sign(&certificate, &key, &self.settings.client_id, audience, now)?;
                self.fetch_grant(None, Some(&signed)).await?
            }
            Credential::FederatedTokenFile(path) => {
                let token = tokio::fs::read_to_string(path).await.map_err(|error| {
                    let path = path.display();
                    SignInFault::permanent(format!("the token file {path} cannot be read: {error}"))
                })?;
                let token = trimmed(&Secret::new(token))?;
                self.fetch_grant(None, Some(&token)).await?
            }
            Credential::Assertion(source) => {
                let token = source().await?;
                self.fetch_grant(None, Some(&token)).await?
            }
        };
        let life_seconds = life_seconds.unwrap_or(LIFE_SECONDS_DEFAULT).clamp(0, 7 * 86_400);
        let margin_seconds = (life_seconds / 10).min(REFRESH_MARGIN_SECONDS_MAX);
        let expires_at = self.clock.now() + TimeDelta::seconds(life_seconds);
        Ok(Cached {
            token,
            refresh_at: expires_at - TimeDelta::seconds(margin_seconds),
            expires_at,
        })
    }

    async fn fetch_identity(
        &self,
        request: Request<Bytes>,
    ) -> Result<(Secret, Option<i64>), SignInFault> {
        let response =
            self.exchange.exchange(request).await.map_err(|fault| unreachable(&fault))?;
        let answer = response
            .status()
            .is_success()
            .then(|| serde_json::from_slice(response.body()).ok())
            .flatten();
        let Some(answer): Option<managed_identity::IdentityToken> = answer else {
            return Err(self.refused_identity(&response));
        };
        let life_seconds = answer.life_seconds(self.clock.now().timestamp());
        Ok((Secret::new(answer.access_token), life_seconds))
    }

    /// The metadata service answers 400 where the machine has no such identity, and 404 or 410
    /// while the identity is being set up.
    fn refused_identity(&self, response: &Response<Bytes>) -> SignInFault {
        let wait = retry_after(response.headers(), self.clock.now());
        match response.status().as_u16() {
            404 | 410 => SignInFault::temporary("the managed identity is not ready yet", wait),
            400 => SignInFault::permanent(
                "this machine has no such managed identity; assign it to the machine, and check \
                 its client id",
            ),
            _ => refusal::explain(response.status(), response.body(), wait),
        }
    }

    async fn fetch_grant(
        &self,
        secret: Option<(&Secret, SecretSent)>,
        assertion: Option<&Secret>,
    ) -> Result<(Secret, Option<i64>), SignInFault> {
        let address = TokenUrl::from_url(self.settings.token_url.clone());
        let sent = secret.map_or(SecretSent::Body, |(_, sent)| sent);
        let mut client = BasicClient::new(ClientId::new(self.settings.client_id.clone()))
            .set_token_uri(address)
            .set_auth_type(match sent {
                SecretSent::Body => AuthType::RequestBody,
                SecretSent::Header => AuthType::BasicAuth,
            });
        if let Some((secret, _)) = secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        let mut grant = client.exchange_client_credentials();
        if let Some(scope) = &self.settings.scope {
            grant = grant.add_scope(Scope::new(scope.clone()));
        }
        if let Some(assertion) = assertion {
            grant = grant
                .add_extra_param("client_assertion_type", ASSERTION_TYPE)
                .add_extra_param("client_assertion", assertion.expose());
        }
        for (name, value) in &self.grant.parameters {
            grant = grant.add_extra_param(name.clone(), read(value)?.expose().to_owned());
        }
        let wire = Arc::new(Wire::default());
        let carrier = (Arc::clone(&wire), Arc::clone(&self.exchange));
        let departure = self.grant.clone();
        let call = move |request: HttpRequest| -> Carried {
            let request = request.map(|form| departure.amend(&form));
            let (wire, exchange) = (Arc::clone(&carrier.0), Arc::clone(&carrier.1));
            Box::pin(async move { wire.carry(exchange.as_ref(), request).await })
        };
        // Boxed as `Send` here, where the compiler can still see it.
        let asked: Pin<Box<dyn Future<Output = _> + Send + '_>> =
            Box::pin(grant.request_async(&call));
        match asked.await {
            Ok(token) => {
                let life = token.expires_in().and_then(|life| i64::try_from(life.as_secs()).ok());
                Ok((Secret::new(token.access_token().secret().clone()), life))
            }
            Err(_) => Err(wire.fault(self.clock.now())),
        }
    }
}

/// The future that oauth2 waits for; it owns what it needs, so that it can move between threads.
type Carried = Pin<Box<dyn Future<Output = Result<HttpResponse, TransportFault>> + Send>>;

/// Keeps what a token endpoint answered: the errors of oauth2 keep only a part of it.
#[derive(Default)]
struct Wire(BlockingMutex<Option<Result<Response<Bytes>, TransportFault>>>);

impl Wire {
    async fn carry(
        &self,
        exchange: &dyn Exchange,
        request: HttpRequest,
    ) -> Result<HttpResponse, TransportFault> {
        let answer = exchange.exchange(request.map(Bytes::from)).await;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.clone());
        answer.map(|response| response.map(|body| body.to_vec()))
    }

    fn fault(&self, now: Timestamp) -> SignInFault {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(Ok(response)) => {
                let wait: Option<Duration> = retry_after(response.headers(), now);
                refusal::explain(response.status(), response.body(), wait)
            }
            Some(Err(fault)) => unreachable(&fault),
            None => SignInFault::permanent("the token request could not be built"),
        }
    }
}

fn unreachable(fault: &TransportFault) -> SignInFault {
    SignInFault::temporary(format!("the token endpoint cannot be reached: {fault}"), None)
}

fn read(source: &SecretSource) -> Result<Secret, SignInFault> {
    trimmed(&source().map_err(SignInFault::permanent)?)
}

/// Without the line end that a file's secret usually has.
fn trimmed(raw: &Secret) -> Result<Secret, SignInFault> {
    let trimmed = raw.expose().trim();
    if trimmed.is_empty() {
        return Err(SignInFault::permanent("the configured credential is empty"));
    }
    Ok(Secret::new(trimmed.to_owned()))
}
