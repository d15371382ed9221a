//! Somebody comes: alone, with a manager, ahead of the first day, or with an account already.

use entra_scim::provisioning::{Action, ChangeStatus};

use super::host::{Life, on_every_host};
use crate::support::company::hire_in_full;

on_every_host! {
    hired_people_get_one_account_each_and_then_nothing_is_left_to_do
    somebody_hired_ahead_gets_the_account_on_the_first_day
    an_account_that_was_there_is_adopted_and_a_strangers_is_left_alone
}

async fn hired_people_get_one_account_each_and_then_nothing_is_left_to_do(mut life: Life) {
    hire_in_full(&mut life, "ada");
    life.hire("grace");
    life.person("outsider");
    life.tenant.set_manager(life.id("grace"), Some(life.id("ada")));
    assert_eq!(life.good_cycle().await, ["PATCH grace", "POST ada", "POST grace"]);
    life.is("ada", true, None).await;
    life.is("grace", true, Some("ada")).await;
    assert_eq!(life.accounts().await.len(), 2);
    life.rests().await;

    let linus = life.hire("linus");
    life.tenant.set_manager(linus, Some(life.id("grace")));
    assert_eq!(life.good_cycle().await, ["PATCH linus", "POST linus"]);
    life.is("linus", true, Some("grace")).await;
    life.rests().await;
}

async fn somebody_hired_ahead_gets_the_account_on_the_first_day(mut life: Life) {
    life.hire("ada");
    life.hire("grace");
    life.tenant.disable_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, ["POST grace"]);
    assert_eq!(
        life.last("ada"),
        (Action::Skip, ChangeStatus::Skipped, "NotEffectivelyEntitled".to_owned())
    );
    life.rests().await;
    life.tenant.enable_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, ["POST ada"]);
    life.is("ada", true, None).await;
    life.rests().await;
}

async fn an_account_that_was_there_is_adopted_and_a_strangers_is_left_alone(mut life: Life) {
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.person("stranger");
    let ada = life.seed_for("ada").await;
    let stranger = life.seed_for("stranger").await;
    life.set("ada", "jobTitle", "Countess");
    // What is new may not be shown by a filter for a while.
    life.a_day_later();
    assert_eq!(life.good_cycle().await, ["PATCH ada", "POST grace"]);
    assert_eq!(life.account_id("ada").await, ada);
    life.is("ada", true, None).await;
    life.rests().await;
    life.unassign("ada");
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    assert_eq!(life.account_id("stranger").await, stranger);
    life.is("stranger", true, None).await;
    life.rests().await;
}
