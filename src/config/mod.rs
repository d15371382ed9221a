//! The configuration: file, then raw values, then validated ones, then compiled jobs.
//!
//! [`load`] finds the file, reads it and everything it names; [`parse`] looks at the text alone.
//! Both report all that is wrong at once, each [`Diagnosis`] with the key's path and line. Unknown
//! keys are errors: a key that does nothing yet would be a promise that nobody keeps.
//!
//! **Invariant:** this is the only room but `main` that reads the environment, and the only one
//! that knows where a secret is kept. It opens no connection.

mod application;
mod diagnosis;
mod duration;
mod email;
mod endpoint;
mod entra_schema;
mod environment;
mod filter;
mod fit;
mod groups;
mod load;
mod mapping;
mod page;
mod raw;
mod revision;
mod safeguards;
mod schedule;
mod secret_source;
mod service;
mod settings;
mod source_names;
mod surroundings;
mod target;
mod target_capability;
mod target_sign_in;
mod template;
mod tenant;
mod webhook;

pub use diagnosis::{Diagnosis, Severity, nearest};
pub use entra_schema::{
    ImportedSchema, SCHEMA_BYTES_MAX, SchemaError, SchemaOptions, import_schema,
};
pub use environment::{
    IdentityEndpoint, journal_stream, managed_identity_endpoint, operator, own_program, own_user,
};
pub use load::{CONFIG_PATH_DEFAULT, CONFIG_PATH_VARIABLE, LoadError, load, parse};
pub use secret_source::SecretSource;
pub use settings::{
    AppSettings, ClientCertificateSettings, Cloud, Config, CredentialSettings, EmailSettings,
    MailServer, OAuthAuth, OAuthCredential, OAuthSettings, PageSettings, ServiceSettings, StartTls,
    TargetConnection, TargetSignIn, TenantSettings, TlsSettings, WebhookFormat, WebhookSettings,
};
pub use surroundings::temporary_folder;
pub use template::{InitAnswers, init_template};
