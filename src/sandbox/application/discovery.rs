//! `/ServiceProviderConfig`, `/ResourceTypes` and `/Schemas` (RFC 7644 §4).

use serde_json::{Value, json};

use super::{
    endpoint::{Reply, State},
    options::{DescriptionSupport, FilterSupport},
    query::{COUNT_DEFAULT, COUNT_MAX},
    record::Refusal,
    schema::Kind,
};

impl State {
    /// The answer of a discovery endpoint, whole or for one `id`.
    pub(super) fn discover(&self, endpoint: &str, id: Option<&str>) -> Result<Reply, Refusal> {
        match self.quirks.description {
            DescriptionSupport::Honest => {}
            DescriptionSupport::Refused(status) => {
                return Err(Refusal::status(status, "this service does not describe itself"));
            }
            DescriptionSupport::Html => {
                return Ok(Reply::text(200, "text/html", "<!doctype html><title>Welcome</title>"));
            }
        }
        let documents = match (endpoint, id) {
            ("ServiceProviderConfig", None) => {
                return Ok(Reply::json(200, &self.service_provider_config()));
            }
            ("ResourceTypes", _) => {
                let kinds = if self.quirks.no_groups {
                    &[Kind::User][..]
                } else {
                    &[Kind::User, Kind::Group]
                };
                kinds.iter().map(|kind| self.resource_type(*kind)).collect()
            }
            ("Schemas", _) => self.catalog.documents(),
            (_, _) => return Err(Refusal::status(404, "no such endpoint")),
        };
        match id {
            Some(id) => documents
                .iter()
                .find(|document| document["id"] == id)
                .map(|document| Reply::json(200, document))
                .ok_or_else(|| Refusal::status(404, format!("no `{id}` in {endpoint}"))),
            None => Ok(Reply::json(
                200,
                &json!({
                    "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                    "totalResults": documents.len(), "startIndex": 1,
                    "itemsPerPage": documents.len(), "Resources": documents,
                }),
            )),
        }
    }

    fn service_provider_config(&self) -> Value {
        let mut config = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": { "supported": !self.quirks.patch_refused },
            "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
            "filter": {
                "supported": self.quirks.filter != FilterSupport::Refused, "maxResults": COUNT_MAX,
            },
            "changePassword": { "supported": false },
            "sort": { "supported": false },
            "etag": { "supported": !self.quirks.hides_versions },
            "authenticationSchemes": [{
                "type": "oauthbearertoken", "name": "Bearer token",
                "description": "A long-lived bearer token",
            }],
            "meta": { "resourceType": "ServiceProviderConfig" },
        });
        if self.quirks.cursor_only {
            // RFC 9865 §4.
            config["pagination"] = json!({
                "cursor": true, "index": false, "defaultPaginationMethod": "cursor",
                "defaultPageSize": COUNT_DEFAULT, "maxPageSize": COUNT_MAX,
            });
        }
        config
    }

    fn resource_type(&self, kind: Kind) -> Value {
        let extensions = self.catalog.extensions(kind);
        let extensions: Vec<Value> =
            extensions.map(|(urn, _)| json!({ "schema": urn, "required": false })).collect();
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": kind.name(), "name": kind.name(), "endpoint": format!("/{}", kind.endpoint()),
            "schema": kind.schema(), "schemaExtensions": extensions,
            "meta": { "resourceType": "ResourceType" },
        })
    }
}
