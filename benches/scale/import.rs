//! Reading everybody in rounds of 200, managers mapped, and drafting everybody; nothing is exported.
//!
//! A person whose manager is mapped, too, has a second row in the plan. So `draft` is measured with
//! the 23 attributes alone, and what it is with the manager stands beside it.

use serde_json::Value;

use crate::{
    Size,
    engine::{self, Run, Until},
    reach::Figure,
    sandbox::{Managers, Sandbox, words},
};

pub(crate) const ROWS: [&str; 2] = ["import", "draft"];

pub(crate) async fn measure(size: Size) -> Vec<Figure> {
    let users = f64::from(size.users);
    let (run, counted) = read_and_draft(size, Managers::Mapped).await;
    let (alone, _) = read_and_draft(size, Managers::Unmapped).await;
    let pages = counted["graph"]["by_kind"]["users/delta"].as_u64().unwrap_or_default();
    let bytes = counted["graph"]["bytes"].as_u64().unwrap_or_default();
    let (import, draft) = (run.cpu_of("import"), alone.cpu_of("draft"));
    let with_manager = users / run.cpu_of("draft");
    vec![
        Figure::new(
            "import",
            users / import,
            format!("{users} users, {pages} pages, {bytes} bytes, {import:.2} s of CPU"),
        ),
        Figure::new(
            "draft",
            users / draft,
            format!(
                "{users} users, 23 attributes, {draft:.2} s of CPU; {with_manager:.0} with the \
                 manager"
            ),
        ),
    ]
}

/// A first cycle up to its export, and what was asked meanwhile.
async fn read_and_draft(size: Size, managers: Managers) -> (Run, Value) {
    let mut options = words(&[("users", size.users.into()), ("groups", 0)]);
    options.extend(["--scope".to_owned(), "all".to_owned()]);
    let sandbox = Sandbox::start(&options, managers, 8).await;
    sandbox.counters().await;
    let run = engine::cycle(&sandbox.config(), Until::Export).await;
    let counted = sandbox.counters().await;
    sandbox.stop().await;
    (run, counted)
}
