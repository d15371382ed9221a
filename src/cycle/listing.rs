//! Reading a whole list of the target, page by page, by index or by cursor.
//!
//! What a list says of itself is not believed: it ends when a page brings nothing new, whatever its
//! totals claim, and it is complete only if nothing speaks against it. A server may cut its pages,
//! repeat its last page, ignore `count`, ignore `startIndex`, or go on by a cursor although it was
//! asked by index. None of it is an endless list, and none of it passes for a whole one.

use super::{
    context::{Context, CycleError},
    pace::{Class, Pacer},
};
use crate::{
    model::ObjectKind,
    port::{ListAt, ListPage, TargetFault, TargetRead},
    provisioning::{Capabilities, Paging},
};

/// Pages of one list: 20 million accounts, so that a list in a ring ends.
const PAGES_MAX: u32 = 100_000;

/// Pages in a row that bring nothing new although each names a further one.
const BARREN_PAGES_MAX: u32 = 3;

/// What a list came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// Resources that it showed, each counted once.
    pub(super) seen: u64,
    /// How many there are, as its last page says.
    pub(super) claimed: u64,
    /// Rows without a usable id.
    pub(super) unusable: u64,
    /// Whether nothing speaks against it being all there is. Where something does, whoever is
    /// missing is no evidence.
    pub(super) is_whole: bool,
}

/// How far a list is.
struct Position {
    /// The row to go on at, counted from 1.
    index: u64,
    /// The cursor to go on at, in a list by cursors.
    cursor: Option<String>,
    by_cursor: bool,
    /// The cursor of the first page, should the list turn out not to go on by index.
    first_cursor: Option<String>,
    listed: Listed,
    barren: u32,
    page: u32,
}

/// Whether another page is asked for, or the list ended: cut off, or where it says it does.
enum Next {
    Page,
    Cut,
    End,
}

/// Reads a list of the target; `None` where it refuses to list. `take` is given every page, and
/// says how many of its resources are new.
pub(super) async fn read_list<D, R: TargetRead>(
    context: &Context<'_, D>,
    (target, pacer): (&R, &Pacer<'_>),
    (kind, can): (ObjectKind, &Capabilities),
    mut take: impl FnMut(&ListPage) -> Result<u64, CycleError>,
) -> Result<Option<Listed>, CycleError> {
    let mut position = Position::start(can.paging);
    while position.page < PAGES_MAX {
        context.check_stop()?;
        let list = || target.list(kind, position.at(), can.page_size);
        let page = match pacer.ask(Class::Read, list).await {
            Ok(page) => page,
            Err(fault) if position.page == 0 && refuses_lists(&fault) => {
                return Ok(None);
            }
            // Not every service answers for a page past the end.
            Err(fault) if position.is_past_the_end(&fault) => return Ok(Some(position.ended())),
            Err(fault) => return Err(fault.into()),
        };
        let new = take(&page)?;
        match position.turn(&page, new, can.page_size) {
            Next::Page => {}
            Next::Cut => break,
            Next::End => return Ok(Some(position.ended())),
        }
    }
    Ok(Some(position.listed))
}

impl Position {
    fn start(paging: Paging) -> Self {
        Self {
            index: 1,
            cursor: None,
            by_cursor: paging == Paging::Cursor,
            first_cursor: None,
            listed: Listed::default(),
            barren: 0,
            page: 0,
        }
    }

    fn at(&self) -> ListAt<'_> {
        match (&self.cursor, self.by_cursor) {
            (Some(cursor), true) => ListAt::Cursor(cursor),
            (None, true) => ListAt::FirstCursor,
            (_, false) => ListAt::Index(self.index),
        }
    }

    fn is_past_the_end(&self, fault: &TargetFault) -> bool {
        let is_refusal = matches!(fault.status, Some(400 | 404));
        is_refusal && self.page > 0 && !self.by_cursor && self.listed.seen >= self.listed.claimed
    }

    /// Takes note of a page that was asked for at this position.
    fn turn(&mut self, page: &ListPage, new: u64, asked: u32) -> Next {
        let rows = page.resources.len() as u64 + page.unusable;
        self.page += 1;
        self.listed.seen += new;
        self.listed.unusable += if new > 0 || self.page == 1 { page.unusable } else { 0 };
        self.listed.claimed = page.total;
        if self.by_cursor {
            self.turn_cursor(page, new)
        } else {
            self.turn_index(page, rows, new, asked)
        }
    }

    fn turn_index(&mut self, page: &ListPage, rows: u64, new: u64, asked: u32) -> Next {
        if self.page == 1 {
            self.first_cursor.clone_from(&page.next_cursor);
        }
        self.index += rows;
        if new == 0 {
            // The pages do not go on by index. Where the first one named a cursor, they do by that.
            if let Some(cursor) = self.first_cursor.take().filter(|_| self.page > 1 || rows > 0) {
                self.by_cursor = true;
                self.cursor = Some(cursor);
                return Next::Page;
            }
            // The same full page again, of a list that claims to be no longer: its total is that
            // of the page, most likely.
            let is_cut = rows > 0 && rows == u64::from(asked) && self.listed.seen == rows;
            return if is_cut { Next::Cut } else { Next::End };
        }
        // A total that agrees with the first page alone may be that page's own length.
        if self.page > 1 && self.index == self.listed.claimed + 1 {
            return Next::End;
        }
        Next::Page
    }

    fn turn_cursor(&mut self, page: &ListPage, new: u64) -> Next {
        let Some(next) = &page.next_cursor else { return Next::End };
        self.barren = if new == 0 { self.barren + 1 } else { 0 };
        if self.cursor.as_ref() == Some(next) || self.barren > BARREN_PAGES_MAX {
            return Next::Cut;
        }
        self.cursor = Some(next.clone());
        Next::Page
    }

    /// A list that has ended is whole if it had all that it claimed to have.
    fn ended(&self) -> Listed {
        let Listed { seen, claimed, unusable, .. } = self.listed;
        Listed { is_whole: seen + unusable >= claimed, ..self.listed }
    }
}

fn refuses_lists(fault: &TargetFault) -> bool {
    matches!(fault.status, Some(400 | 403 | 405 | 501))
}
