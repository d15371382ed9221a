//! Somebody comes back, or somebody else comes with the same name.

use entra_scim::provisioning::{Action, ChangeStatus};

use super::host::{Life, on_every_host};
use crate::support::company::hire_in_full;

on_every_host! {
    somebody_restored_within_thirty_days_gets_the_account_back
    somebody_hired_again_after_the_bin_gets_a_new_account
    a_reused_name_never_inherits_the_account
}

async fn somebody_restored_within_thirty_days_gets_the_account_back(mut life: Life) {
    for name in ["ada", "grace", "linus"] {
        hire_in_full(&mut life, name);
    }
    life.tenant.set_manager(life.id("ada"), Some(life.id("grace")));
    life.tenant.set_manager(life.id("linus"), Some(life.id("ada")));
    life.begins().await;
    let id = life.account_id("ada").await;
    life.tenant.soft_delete_user(life.id("ada"));
    life.good_cycle().await;
    life.rests().await;
    life.days_pass(26).await;
    life.tenant.restore_user(life.id("ada"));
    life.set("ada", "jobTitle", "Countess");
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    assert_eq!(life.account_id("ada").await, id);
    life.is("ada", true, Some("grace")).await;
    life.is("linus", true, Some("ada")).await;
    life.rests().await;
}

async fn somebody_hired_again_after_the_bin_gets_a_new_account(mut life: Life) {
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.begins().await;
    let (old, person) = (life.account_id("ada").await, life.id("ada"));
    life.tenant.soft_delete_user(person);
    life.good_cycle().await;
    life.days_pass(28).await;
    life.tenant.purge_user(person);
    assert_eq!(life.good_cycle().await, ["DELETE ada"]);
    life.rests().await;

    // The same name, address and nickname, and another person to the directory.
    hire_in_full(&mut life, "ada");
    assert_ne!(life.id("ada"), person);
    assert_eq!(life.good_cycle().await, ["POST ada"]);
    assert_ne!(life.account_id("ada").await, old);
    life.is("ada", true, None).await;
    life.rests().await;
}

async fn a_reused_name_never_inherits_the_account(mut life: Life) {
    life.expects_violations();
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.begins().await;
    let old = life.account_id("ada").await;
    life.tenant.soft_delete_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    life.rests().await;
    let before = life.account_of("ada").await;

    // Within thirty days the account is Ada's, who may be restored. Nothing is asked of it.
    life.hire_another("ada.b", "ada@contoso.com");
    assert_eq!(life.cycle().await, [""; 0]);
    let refused = (Action::Skip, ChangeStatus::Failure, "DuplicateSourceEntries".to_owned());
    assert_eq!(life.last("ada.b"), refused);
    assert_eq!(life.account_of("ada").await, before);

    // After them it is deleted, and the other one gets an account of their own.
    life.a_day_later();
    life.tenant.purge_user(life.id("ada"));
    for _ in 0..3 {
        life.cycle().await;
        life.a_day_later();
    }
    let account = life.account_named("ada@contoso.com").await;
    let account = account.unwrap_or_else(|| panic!("{}", life.last_plan()));
    assert_ne!(account["id"], old);
    life.is("ada.b", true, None).await;
    life.rests().await;
}
