//! The systemd unit: printed, installed, and never in the place of somebody's own.

use std::fs;

use crate::support::desk::Desk;

const PROGRAM: &str = "/usr/local/bin/entra-scim";

#[tokio::test(flavor = "multi_thread")]
async fn the_unit_offers_the_secrets_of_the_example_as_credentials() {
    let desk = Desk::with_users(&[]).await;
    let unit = desk.say_without_configuration("service unit").await.ends(0).stdout;
    assert_eq!(unit, include_str!("../../src/daemon/entra-scim.service"));
    let example = include_str!("../../config.toml.example");
    let credentials: Vec<_> =
        unit.lines().filter_map(|line| line.strip_prefix("#LoadCredential=")).collect();
    assert_eq!(credentials.len(), 3, "{unit}");
    for credential in credentials {
        let (name, path) = credential.split_once(':').expect("a name and a path");
        assert!(example.contains(&format!("{{ file = \"{path}\" }}")), "{path}");
        assert!(path.ends_with(&format!("/{name}")), "{credential}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unit_is_installed_for_this_program_with_its_user_and_nothing_is_started() {
    let desk = Desk::with_users(&[]).await;
    let root = desk.path("root");
    let line = format!("service install --root {} --program {PROGRAM}", root.display());
    let said = desk.say(&format!("{line} --dry-run")).await.ends(0);
    assert!(said.stdout.contains(&format!("ExecStart={PROGRAM} run")), "{}", said.stdout);
    assert!(!root.exists(), "a dry run wrote something");

    let said = desk.say(&line).await.ends(0).stderr;
    for next in ["systemctl daemon-reload", "systemctl enable --now entra-scim"] {
        assert!(said.contains(next), "{said}");
    }
    let unit = root.join("etc/systemd/system/entra-scim.service");
    let text = fs::read_to_string(&unit).expect("a unit");
    assert!(text.contains(&format!("\nExecStart={PROGRAM} run\n")), "{text}");
    let user = fs::read_to_string(root.join("etc/sysusers.d/entra-scim.conf")).expect("a user");
    assert!(user.contains("\nu entra-scim "), "{user}");
    desk.say(&line).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_of_somebodys_own_or_of_a_package_is_left_alone_without_force() {
    let desk = Desk::with_users(&[]).await;
    let root = desk.path("root");
    let line = format!("service install --root {} --program {PROGRAM}", root.display());
    let unit = root.join("etc/systemd/system/entra-scim.service");
    fs::create_dir_all(unit.parent().expect("a folder")).expect("a folder");
    fs::write(&unit, "[Service]\nExecStart=/opt/own\n").expect("a unit");
    let refused = desk.say(&line).await.ends(2).stderr;
    assert!(refused.contains("says something else and is left as it is"), "{refused}");
    assert!(!root.join("etc/sysusers.d").exists(), "half of it was written");
    desk.say(&format!("{line} --force")).await.ends(0);
    assert!(fs::read_to_string(&unit).expect("a unit").contains(PROGRAM));

    fs::remove_file(&unit).expect("a unit");
    let packaged = root.join("usr/lib/systemd/system/entra-scim.service");
    fs::create_dir_all(packaged.parent().expect("a folder")).expect("a folder");
    fs::write(&packaged, "[Unit]\n").expect("a unit");
    let refused = desk.say(&line).await.ends(2).stderr;
    assert!(refused.contains("a package has installed the unit already"), "{refused}");
    assert!(!unit.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_install_cannot_write_is_named() {
    let desk = Desk::with_users(&[]).await;
    let root = desk.path("root");
    fs::write(&root, "a file").expect("a file");
    let line = format!("service install --root {} --program {PROGRAM}", root.display());
    let said = desk.say(&line).await.ends(2).stderr;
    assert!(said.contains("cannot be read or written"), "{said}");
}
