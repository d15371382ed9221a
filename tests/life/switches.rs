//! What an administrator has said about leavers and about each kind of write.

use entra_scim::provisioning::{Action, ChangeStatus};

use super::host::{Life, on_every_host};
use crate::{cycle::explain_decision, support::company::hire_in_full};

on_every_host! {
    whoever_leaves_the_scope_is_deleted_where_that_is_wanted
    whoever_leaves_the_scope_is_kept_where_that_is_wanted_and_it_is_said_whose_it_was
    whoever_is_purged_is_disabled_or_kept_where_that_is_wanted
    without_create_nobody_gets_an_account
    without_update_nothing_is_changed_or_disabled
    without_delete_nothing_is_deleted
}

async fn whoever_leaves_the_scope_is_deleted_where_that_is_wanted(mut life: Life) {
    life.configure("---\n[apps.crm.safeguards]\non_out_of_scope = \"delete\"\n");
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.begins().await;
    let old = life.account_id("ada").await;
    life.unassign("ada");
    assert_eq!(life.good_cycle().await, ["DELETE ada"]);
    assert_eq!(life.is_active("ada").await, None);
    life.rests().await;
    life.assign("ada", Some(life.editor));
    assert_eq!(life.good_cycle().await, ["POST ada"]);
    assert_ne!(life.account_id("ada").await, old);
    life.is("ada", true, None).await;
    life.rests().await;
}

async fn whoever_leaves_the_scope_is_kept_where_that_is_wanted_and_it_is_said_whose_it_was(
    mut life: Life,
) {
    life.expects_violations();
    life.configure("---\n[apps.crm.safeguards]\non_out_of_scope = \"keep\"\n");
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.begins().await;
    let before = life.account_of("ada").await.expect("there");
    life.unassign("ada");
    assert_eq!(life.good_cycle().await, [""; 0]);
    assert_eq!(life.last("ada"), (Action::Skip, ChangeStatus::Skipped, "Kept".to_owned()));
    let told = explain_decision(&life, "ada@contoso.com").await;
    let id = before["id"].as_str().expect("an id");
    assert_eq!(told, format!("account `{id}` is kept as it is, as configured"));
    // Nothing that becomes of her is written to it, and nobody else gets it.
    life.a_day_later();
    life.set("ada", "jobTitle", "Countess");
    life.tenant.disable_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, [""; 0]);
    life.set("ada", "userPrincipalName", "countess@contoso.com");
    life.hire_another("ada.b", "ada@contoso.com");
    assert_eq!(life.cycle().await, [""; 0]);
    let refused = (Action::Skip, ChangeStatus::Failure, "DuplicateSourceEntries".to_owned());
    assert_eq!(life.last("ada.b"), refused);
    assert_eq!(life.account_named("ada@contoso.com").await, Some(before));

    // Back again, it is hers as it was, and brought up to date.
    life.unassign("ada.b");
    life.set("ada", "userPrincipalName", "ada@contoso.com");
    life.tenant.enable_user(life.id("ada"));
    life.assign("ada", Some(life.editor));
    life.a_day_later();
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    life.is("ada", true, None).await;
    assert_eq!(life.accounts().await.len(), 2);
    life.rests().await;
}

async fn whoever_is_purged_is_disabled_or_kept_where_that_is_wanted(mut life: Life) {
    life.configure("---\n[apps.crm.safeguards]\non_directory_delete = \"disable\"\n");
    for name in ["ada", "grace", "linus"] {
        hire_in_full(&mut life, name);
    }
    life.begins().await;
    life.tenant.purge_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    let ada = life.account_named("ada@contoso.com").await.expect("there");
    assert_eq!(ada["active"], false);
    life.rests().await;

    life.configure("---\n[apps.crm.safeguards]\non_directory_delete = \"keep\"\n");
    life.tenant.purge_user(life.id("grace"));
    assert_eq!(life.good_cycle().await, [""; 0]);
    assert_eq!(life.last("grace"), (Action::Skip, ChangeStatus::Skipped, "Kept".to_owned()));
    let grace = life.account_named("grace@contoso.com").await.expect("there");
    assert_ne!(grace["active"], false);
    life.rests().await;
}

async fn without_create_nobody_gets_an_account(mut life: Life) {
    life.configure("---\n[apps.crm.safeguards]\ncreate = false\n");
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    let grace = life.seed_for("grace").await;
    life.a_day_later();
    let adopting = life.adopting(&["grace"]);
    assert_eq!(life.good_cycle().await, adopting);
    let row = (Action::Skip, ChangeStatus::Skipped, "ActionDisabled".to_owned());
    assert_eq!(life.last("ada"), row);
    assert_eq!(life.account_id("grace").await, grace);
    life.set("grace", "jobTitle", "Rear Admiral");
    assert_eq!(life.good_cycle().await, ["PATCH grace"]);

    life.configure("");
    life.later();
    assert_eq!(life.good_cycle().await, ["POST ada"]);
    life.is("ada", true, None).await;
    life.rests().await;
}

async fn without_update_nothing_is_changed_or_disabled(mut life: Life) {
    for name in ["ada", "grace", "linus"] {
        hire_in_full(&mut life, name);
    }
    life.begins().await;
    life.configure("---\n[apps.crm.safeguards]\nupdate = false\n");
    life.set("ada", "jobTitle", "Countess");
    life.unassign("grace");
    life.tenant.purge_user(life.id("linus"));
    life.hire("ken");
    assert_eq!(life.good_cycle().await, ["DELETE linus", "POST ken"]);
    for name in ["ada", "grace"] {
        let row = (Action::Skip, ChangeStatus::Skipped, "ActionDisabled".to_owned());
        assert_eq!(life.last(name), row);
    }
    life.configure("");
    life.later();
    assert_eq!(life.good_cycle().await, ["PATCH ada", "PATCH grace"]);
    life.is("ada", true, None).await;
    life.is("grace", false, None).await;
    life.rests().await;
}

async fn without_delete_nothing_is_deleted(mut life: Life) {
    for name in ["ada", "grace", "linus"] {
        hire_in_full(&mut life, name);
    }
    life.begins().await;
    life.configure("---\n[apps.crm.safeguards]\ndelete = false\n");
    life.tenant.soft_delete_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    life.a_day_later();
    life.tenant.purge_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, [""; 0]);
    let row = (Action::Skip, ChangeStatus::Skipped, "ActionDisabled".to_owned());
    assert_eq!(life.last("ada"), row);
    let ada = life.account_named("ada@contoso.com").await.expect("there");
    assert_eq!(ada["active"], false);

    life.configure("");
    life.later();
    assert_eq!(life.good_cycle().await, ["DELETE ada"]);
    life.rests().await;
}
