//! How a simulated application is set up. Knows no request.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::model::Clock;

use super::schema::AttributeType;

/// The schema of Whimsical's extension of the user, registered unless the options say otherwise.
pub const WHIMSICAL_USER: &str = "urn:ietf:params:scim:schemas:extension:whimsical:2.0:User";

/// What a simulated application is made from.
#[derive(Clone)]
pub struct ApplicationOptions {
    /// Decides ids and whether a fault with a probability strikes.
    pub seed: u64,
    /// Gives `meta.created` and `meta.lastModified`, and is waited on for latency.
    pub clock: Arc<dyn Clock>,
    /// The bearer token every request must carry.
    pub token: String,
    /// Where the service lives, such as `/scim/v2`; no slash at the end.
    pub base_path: String,
    /// Extensions of the user beside the enterprise one: schema URN, attribute, type. Those of the
    /// core schema stand beside the standard's own, as some services have them. `tags[]` has
    /// several values, `desk.floor` is a part of the complex attribute `desk`.
    pub extensions: BTreeMap<String, BTreeMap<String, AttributeType>>,
    /// Where it departs from the RFCs.
    pub quirks: Quirks,
}

impl ApplicationOptions {
    /// A strict application at `/scim/v2` with the token `secret` and Whimsical's extension.
    pub fn strict(seed: u64, clock: Arc<dyn Clock>) -> Self {
        let editor = BTreeMap::from([("editor".to_owned(), AttributeType::Boolean)]);
        Self {
            seed,
            clock,
            token: "secret".to_owned(),
            base_path: "/scim/v2".to_owned(),
            extensions: BTreeMap::from([(WHIMSICAL_USER.to_owned(), editor)]),
            quirks: Quirks::default(),
        }
    }
}

/// What the application does with `filter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilterSupport {
    /// Applies it.
    #[default]
    Full,
    /// Returns everything, as if there were none.
    Ignored,
    /// Answers 400 with scimType `invalidFilter`.
    Refused,
}

/// What the endpoints answer at which the service describes itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DescriptionSupport {
    /// What the service can do.
    #[default]
    Honest,
    /// This status, such as 404, 403 or 501.
    Refused(u16),
    /// 200 with an HTML page.
    Html,
}

/// What `totalResults` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TotalResults {
    /// The number of resources that match.
    #[default]
    Exact,
    /// The number of resources in this page.
    Page,
    /// The true number and this many more (or fewer); never below zero.
    OffBy(i64),
}

/// Departures from the RFCs. The default has none.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each quirk is on or off by itself")]
pub struct Quirks {
    /// Takes Entra's old requests: `Add`, `"False"`, `remove` with a value array, a value path that
    /// creates its element, dotted keys, `null`, a manager as string or array, Microsoft's schema.
    pub entra_legacy: bool,
    /// PATCH answers 204 without a body.
    pub patch_no_content: bool,
    /// PATCH answers 501.
    pub patch_refused: bool,
    /// What the service says of itself.
    pub description: DescriptionSupport,
    /// PUT, PATCH and DELETE without `If-Match` answer 428 (RFC 6585 §3).
    pub if_match_required: bool,
    /// Resources have no version: neither in `meta` nor in a header.
    pub hides_versions: bool,
    /// Lists go on by `cursor` (RFC 9865), whatever `startIndex` says.
    pub cursor_only: bool,
    /// Every list begins at its first resource, whatever `startIndex` says.
    pub start_index_ignored: bool,
    /// A list is cut where the service likes, whatever `count` says.
    pub count_ignored: bool,
    /// `externalId` is stored and can be filtered on, but is in no answer.
    pub hides_external_id: bool,
    /// What happens with `filter`.
    pub filter: FilterSupport,
    /// For so long after its creation a resource is not found by a filter.
    pub settle: Duration,
    /// `userName` is stored in lower case.
    pub lowercases_user_name: bool,
    /// `userName` and group `displayName` may repeat.
    pub duplicates_allowed: bool,
    /// Group `displayName` may repeat.
    pub group_names_repeat: bool,
    /// Pages are silently cut to so many resources.
    pub page_size_max: Option<usize>,
    /// What `totalResults` says.
    pub total_results: TotalResults,
    /// Lists without a filter are answered with this status, such as 404, 403 or 405.
    pub list_refused: Option<u16>,
    /// A page past the end holds the last page's resources again.
    pub repeats_last_page: bool,
    /// DELETE of a user sets `active` to false.
    pub delete_deactivates: bool,
    /// Deactivated users answer 404 and are in no list; their `userName` stays taken.
    pub hides_inactive: bool,
    /// There are no groups: `/Groups` is no endpoint, and no resource type.
    pub no_groups: bool,
    /// `members` is in no answer.
    pub hides_members: bool,
    /// Every answer is 200 with an HTML page, and nothing is applied.
    pub html_answers: bool,
    /// Resources in lists have no `id`.
    pub lists_without_id: bool,
    /// The answer to a POST has no `id`.
    pub creates_without_id: bool,
    /// Errors are plain text.
    pub plain_errors: bool,
    /// Over so many active users, creating or enabling one answers 403.
    pub seats_max: Option<usize>,
    /// A longer `userName`, in characters, answers 400 with scimType `invalidValue`.
    pub user_name_chars_max: Option<usize>,
    /// Ids hold slashes, quotes, blanks and percent signs.
    pub awkward_ids: bool,
    /// Every path answers 404, as when the base URL is wrong.
    pub base_path_missing: bool,
    /// More requests in one second answer 429 with `Retry-After`.
    pub requests_per_second_max: Option<usize>,
    /// How long every answer takes.
    pub latency: Duration,
}
