//! RFC 7643 and RFC 7644 as values: paths, filters, resources, patches, errors. No I/O.
//!
//! The wire forms of both dialects are decided here, so that a plan can show the exact request
//! before anything could send it. The room knows neither HTTP nor what a plan is.

mod create;
mod description;
mod dialect;
mod document;
mod error;
mod fault;
mod filter;
mod list;
mod member;
mod patch;
mod path;
mod redacted;
mod replace;
mod resource_path;
mod role;
mod schema;
mod tenant_url;
#[cfg(test)]
mod tests;

pub use create::create_body;
pub use description::{Discovery, ServiceDescription, without_read_only};
pub use dialect::Dialect;
pub use document::{Values, project, read, same};
pub use error::{ScimError, names_schema};
pub use fault::{FaultClass, TargetFault};
pub use filter::EqFilter;
pub use list::{InvalidList, ListResponse, member_ids, resource_id};
pub use member::{MemberRemoval, member_out, member_patch};
pub use patch::{AttributeChange, Operation, PatchRequest, patch};
pub use path::{AttributePath, ENTERPRISE_USER, InvalidPath, ValueFilter};
pub use redacted::{REDACTED, STAND_IN, is_redacted, redact, shown};
pub use replace::{members_shown, outstanding, replaced, with_members};
pub use resource_path::{percent_encoded, resource_path};
pub use role::{is_primary_role_value, only_adds, united};
pub use schema::{CORE_GROUP, CORE_USER, ERROR, LIST_RESPONSE, PATCH_OP};
pub use tenant_url::{InvalidTenantUrl, TenantUrl, parse_tenant_url};
