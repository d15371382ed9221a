//! Pages as Graph writes them: whole, with their links, or an error.

use serde::{Deserialize, de::DeserializeOwned};

use super::client::{Client, Prepared};
use crate::port::{DeltaPage, DirectoryFault, Link, Page, RoundEnd};

/// A page, its rows already typed.
#[derive(Deserialize)]
struct WirePage<T> {
    value: Option<Vec<T>>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta: Option<String>,
}

/// Reads a document. The parser's own message quotes values, so only the place is told.
pub(super) fn document<T: DeserializeOwned>(body: &[u8]) -> Result<T, DirectoryFault> {
    serde_json::from_slice(body).map_err(|error| {
        let start = body.iter().find(|byte| !byte.is_ascii_whitespace());
        let what = match (start, error.classify()) {
            (None, _) => "the answer is empty",
            (Some(b'<'), _) => "the answer is a web page, not JSON; something stands between",
            (_, serde_json::error::Category::Eof) => "the JSON ends early",
            (_, serde_json::error::Category::Data) => "a field is missing or of another type",
            (_, serde_json::error::Category::Syntax | serde_json::error::Category::Io) => {
                "the answer is not JSON"
            }
        };
        DirectoryFault::Malformed(format!(
            "{what} (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

impl Client {
    /// Reads one page of a listing.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        prepared: &Prepared,
    ) -> Result<Page<T>, DirectoryFault> {
        let page: WirePage<T> = document(&self.send(prepared).await?)?;
        let items = page.value.ok_or_else(no_value)?;
        let next = page.next.map(|link| self.next(prepared, link)).transpose()?;
        Ok(Page { items, next })
    }

    /// Reads one page of a round of changes.
    pub(super) async fn delta_page<T: DeserializeOwned>(
        &self,
        prepared: &Prepared,
    ) -> Result<DeltaPage<T>, DirectoryFault> {
        let page: WirePage<T> = document(&self.send(prepared).await?)?;
        let items = page.value.ok_or_else(no_value)?;
        let end = match (page.next, page.delta) {
            (Some(next), None) => RoundEnd::Next(self.next(prepared, next)?),
            (None, Some(delta)) => {
                self.check_link(&delta)?;
                RoundEnd::Complete(Link(delta))
            }
            (None, None) => {
                let what = "a page of changes has neither a next link nor a delta link";
                return Err(DirectoryFault::Malformed(what.to_owned()));
            }
            (Some(_), Some(_)) => {
                let what = "a page of changes has both a next link and a delta link";
                return Err(DirectoryFault::Malformed(what.to_owned()));
            }
        };
        Ok(DeltaPage { items, end })
    }

    /// Checked when it arrives, so that a foreign link is never stored.
    fn next(&self, prepared: &Prepared, link: String) -> Result<Link, DirectoryFault> {
        let address = self.check_link(&link)?;
        if Self::is_same_place(prepared, &address) {
            return Err(DirectoryFault::Malformed("a page's next link is that page".to_owned()));
        }
        Ok(Link(link))
    }
}

fn no_value() -> DirectoryFault {
    DirectoryFault::Malformed("the page has no `value`".to_owned())
}
