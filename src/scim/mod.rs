//! RFC 7643 and RFC 7644 as values: paths, filters, resources, patches, errors. No I/O.
//!
//! The wire forms of both dialects are decided here, so that a plan can show the exact request
//! before anything could send it. The room knows neither HTTP nor what a plan is.

mod dialect;
mod filter;
mod patch;
mod path;
mod tenant_url;

pub use dialect::Dialect;
pub use filter::EqFilter;
pub use patch::{Operation, PatchRequest};
pub use path::{AttributePath, ENTERPRISE_USER, InvalidPath, ValueFilter};
pub use tenant_url::{InvalidTenantUrl, TenantUrl, parse_tenant_url};
