//! A tenant that moves here: everybody has an account already, and is adopted. Beside it a tenth of
//! the people, because what costs the square of them is not seen in one size.

use crate::{
    Size,
    engine::{self, Until},
    reach::Figure,
    sandbox::{Managers, Sandbox, words},
};

pub(crate) const ROWS: [&str; 1] = ["adopt-cpu"];

/// Requests at once.
const CONCURRENCY: u32 = 16;

pub(crate) async fn measure(size: Size) -> Vec<Figure> {
    let (many, few) = (size.writes, size.writes / 10);
    let costs = (adopted(many).await, adopted(few).await);
    let of =
        format!("{many} users against {few}: {:.3} ms for each against {:.3} ms", costs.0, costs.1);
    vec![Figure::new("adopt-cpu", costs.0 / costs.1, of)]
}

/// Milliseconds of processor time for each of so many people who have accounts that the state does
/// not know.
async fn adopted(users: u32) -> f64 {
    let mut options = words(&[("users", users.into()), ("groups", 0)]);
    options.extend(["--scope".to_owned(), "all".to_owned()]);
    let sandbox = Sandbox::start(&options, Managers::Unmapped, CONCURRENCY).await;
    engine::cycle(&sandbox.config(), Until::End).await;
    let state = sandbox.state();
    std::fs::remove_dir_all(state.parent().expect("a folder")).expect("the state goes");
    let run = engine::cycle(&sandbox.config(), Until::End).await;
    assert_eq!(run.total("adopt"), u64::from(users), "everybody is adopted");
    sandbox.stop().await;
    run.cpu() / f64::from(users) * 1_000.0
}
