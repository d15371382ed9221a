//! Reading everybody in rounds of 200, managers mapped, and drafting everybody; nothing is exported.

use crate::{
    Size,
    engine::{self, Until},
    reach::Figure,
    sandbox::{Managers, Sandbox, words},
};

pub(crate) const ROWS: [&str; 2] = ["import", "draft"];

pub(crate) async fn measure(size: Size) -> Vec<Figure> {
    let mut options = words(&[("users", size.users.into()), ("groups", 0)]);
    options.extend(["--scope".to_owned(), "all".to_owned()]);
    let sandbox = Sandbox::start(&options, Managers::Mapped, 8).await;
    sandbox.counters().await;
    let run = engine::cycle(&sandbox.config(), Until::Export).await;
    let counted = sandbox.counters().await;
    sandbox.stop().await;
    let users = f64::from(size.users);
    let pages = counted["graph"]["by_kind"]["users/delta"].as_u64().unwrap_or_default();
    let bytes = counted["graph"]["bytes"].as_u64().unwrap_or_default();
    let (import, draft) = (run.cpu_of("import"), run.cpu_of("draft"));
    vec![
        Figure::new(
            "import",
            users / import,
            format!("{users} users, {pages} pages, {bytes} bytes, {import:.2} s of CPU"),
        ),
        Figure::new(
            "draft",
            users / draft,
            format!("{users} users, 23 attributes and the manager, {draft:.2} s of CPU"),
        ),
    ]
}
