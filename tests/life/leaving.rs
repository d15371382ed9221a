//! Somebody is away for a while, or leaves: by assignment, by the bin, for good.

use entra_scim::provisioning::{Action, ChangeStatus};

use super::host::{Life, on_every_host};
use crate::support::company::hire_in_full;

on_every_host! {
    a_leave_of_absence_disables_the_account_and_its_end_enables_it
    an_unassigned_leaver_is_disabled_and_stays_linked
    a_leaver_in_the_bin_is_disabled_and_deleted_with_the_bin
    an_unassigned_leaver_who_is_purged_later_leaves_no_orphan
    a_group_replaced_by_a_direct_assignment_sends_nothing
    everybody_unassigned_at_once_is_held_until_a_person_says_so
}

async fn a_leave_of_absence_disables_the_account_and_its_end_enables_it(mut life: Life) {
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.tenant.set_manager(life.id("ada"), Some(life.id("grace")));
    life.begins().await;
    let id = life.account_id("ada").await;
    life.tenant.disable_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    life.is("ada", false, Some("grace")).await;
    let row = (Action::Disable, ChangeStatus::Success, "AccountDisabled".to_owned());
    assert_eq!(life.last("ada"), row);
    life.rests().await;

    // What changes meanwhile waits for the return.
    life.set("ada", "department", "Legal");
    assert_eq!(life.good_cycle().await, [""; 0]);
    life.tenant.enable_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    assert_eq!(life.account_id("ada").await, id);
    life.is("ada", true, Some("grace")).await;
    life.rests().await;
}

async fn an_unassigned_leaver_is_disabled_and_stays_linked(mut life: Life) {
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.begins().await;
    let id = life.account_id("ada").await;
    life.unassign("ada");
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    life.is("ada", false, None).await;
    let row = (Action::Disable, ChangeStatus::Success, "NotEffectivelyEntitled".to_owned());
    assert_eq!(life.last("ada"), row);
    life.rests().await;
    // A year later, under another name, it is still hers.
    life.pass(std::time::Duration::from_secs(365 * 86_400));
    life.set("ada", "userPrincipalName", "countess@contoso.com");
    life.assign("ada", Some(life.editor));
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    assert_eq!(life.account_id("ada").await, id);
    life.is("ada", true, None).await;
    assert_eq!(life.accounts().await.len(), 2);
    life.rests().await;
}

async fn a_leaver_in_the_bin_is_disabled_and_deleted_with_the_bin(mut life: Life) {
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    life.begins().await;
    life.tenant.soft_delete_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, ["PATCH ada"]);
    assert_eq!(life.is_active("ada").await, Some(false));
    let row = (Action::Disable, ChangeStatus::Success, "SoftDeleted".to_owned());
    assert_eq!(life.last("ada"), row);
    life.rests().await;
    life.days_pass(26).await;
    life.tenant.purge_user(life.id("ada"));
    assert_eq!(life.good_cycle().await, ["DELETE ada"]);
    let row = (Action::Delete, ChangeStatus::Success, "HardDeleted".to_owned());
    assert_eq!(life.last("ada"), row);
    assert_eq!(life.account_named("ada@contoso.com").await, None);
    life.is("grace", true, None).await;
    life.rests().await;
}

async fn an_unassigned_leaver_who_is_purged_later_leaves_no_orphan(mut life: Life) {
    hire_in_full(&mut life, "ada");
    hire_in_full(&mut life, "grace");
    let group = life.assigned_group("Sales", life.editor);
    hire_in_full(&mut life, "linus");
    life.unassign("linus");
    life.join(group, "linus");
    life.begins().await;
    // One was assigned directly, one by a group that goes first.
    life.unassign("ada");
    life.tenant.delete_group(group);
    assert_eq!(life.good_cycle().await, ["PATCH ada", "PATCH linus"]);
    life.rests().await;
    for name in ["ada", "linus"] {
        life.tenant.soft_delete_user(life.id(name));
    }
    assert_eq!(life.good_cycle().await, [""; 0]);
    life.a_day_later();
    for name in ["ada", "linus"] {
        life.tenant.purge_user(life.id(name));
    }
    assert_eq!(life.good_cycle().await, ["DELETE ada", "DELETE linus"]);
    assert_eq!(life.accounts().await.len(), 1);
    life.rests().await;
}

async fn a_group_replaced_by_a_direct_assignment_sends_nothing(mut life: Life) {
    life.hire("grace");
    let group = life.assigned_group("Sales", life.editor);
    life.person("ada");
    life.join(group, "ada");
    life.begins().await;
    life.tenant.remove_member(group, life.id("ada"));
    life.assign("ada", Some(life.editor));
    assert_eq!(life.good_cycle().await, [""; 0]);
    life.rests().await;
    // And back again, by another group, while the first one goes.
    let other = life.assigned_group("Marketing", life.editor);
    life.join(other, "ada");
    life.unassign("ada");
    life.tenant.delete_group(group);
    assert_eq!(life.good_cycle().await, [""; 0]);
    life.is("ada", true, None).await;
    life.rests().await;
}

async fn everybody_unassigned_at_once_is_held_until_a_person_says_so(mut life: Life) {
    let names = ["ada", "barbara", "chloe", "donald", "edsger", "frances", "grace"];
    life.hire_all(names);
    life.begins().await;
    // A list that is empty all at once is read twice before anybody believes it.
    life.tenant.unassign_all(life.enterprise_app);
    let end = life.sync_well().await;
    assert!(end.report.warnings[0].contains("no assignment at all"), "{:?}", end.report.warnings);
    assert_eq!(life.cycle().await, [""; 0]);
    let held = life.state().read(|view| view.held_changes()).expect("held changes");
    assert_eq!(held.len(), names.len(), "{}", life.last_plan());
    // It was a mistake: they are assigned again, and nobody has noticed anything.
    for name in names {
        life.assign(name, Some(life.editor));
    }
    assert_eq!(life.good_cycle().await, [""; 0]);
    life.rests().await;

    life.tenant.unassign_all(life.enterprise_app);
    for _ in 0..2 {
        assert_eq!(life.cycle().await, [""; 0]);
    }
    let held = life.state().read(|view| view.held_changes()).expect("held changes");
    let (plan, now) = (held[0].plan.clone(), entra_scim::model::Clock::now(&life.clock));
    life.state().write(|tx| tx.approve(&plan, "admin", now)).expect("the state works");
    life.later();
    let writes = names.map(|name| format!("PATCH {name}"));
    assert_eq!(life.good_cycle().await, writes);
    for name in names {
        assert_eq!(life.is_active(name).await, Some(false));
    }
    life.rests().await;
}
