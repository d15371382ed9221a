//! The command `service`: the systemd unit, printed or installed.
//!
//! It starts and enables nothing, and never takes the place of a file that says something else.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use tokio::process::Command;

use super::{args::Global, exit::ExitCode, output, problem::Problem};
use crate::{
    config::{own_program, own_user},
    daemon::{SYSUSERS, UNIT, unit_for},
};

/// Where an administrator's units are.
const UNIT_PATH: &str = "etc/systemd/system/entra-scim.service";

/// Where packages put theirs.
const PACKAGED: [&str; 2] =
    ["usr/lib/systemd/system/entra-scim.service", "lib/systemd/system/entra-scim.service"];

/// Where an administrator's users are.
const SYSUSERS_PATH: &str = "etc/sysusers.d/entra-scim.conf";

/// What the unit hides from the service: a program there could not be started.
const HIDDEN: [&str; 6] = ["/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/", "/dev/"];

#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  entra-scim service unit\n  entra-scim service install --dry-run\n  \
                  sudo entra-scim service install"
)]
pub(super) struct ServiceArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Print the systemd unit
    #[command(after_help = "Example: entra-scim service unit | less")]
    Unit,
    /// Install the systemd unit for this program, and the user it runs as; starts nothing
    #[command(after_help = "Example: sudo entra-scim service install")]
    Install(InstallArgs),
}

#[derive(Args, Clone, Debug)]
struct InstallArgs {
    /// Install below this folder, as for an image
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Where the program is once the unit is started [default: this one]
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Take the place of a unit that says something else
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(args: &ServiceArgs, global: &Global) -> anyhow::Result<ExitCode> {
    match &args.what {
        What::Unit => output::data(UNIT)?,
        What::Install(args) => install(args, global).await?,
    }
    Ok(ExitCode::Done)
}

async fn install(args: &InstallArgs, global: &Global) -> anyhow::Result<()> {
    let program = match &args.program {
        Some(path) => startable(path)?,
        None => program()?,
    };
    let files = [
        (args.root.join(UNIT_PATH), unit_for(&program)),
        (args.root.join(SYSUSERS_PATH), SYSUSERS.to_owned()),
    ];
    if !args.force {
        refuse_packaged(&args.root)?;
        for (path, text) in &files {
            refuse_other(path, text)?;
        }
    }
    if args.dry_run {
        for (path, _) in &files {
            output::note(global, &format!("would write {}", path.display()));
        }
        output::note(global, "would run systemd-sysusers, which creates the user entra-scim");
        return output::data(&unit_for(&program));
    }
    if args.root == Path::new("/") && own_user() != Some(0) {
        return Err(Problem::usage("only root may install a unit")
            .with_hint("run `sudo entra-scim service install`; --dry-run shows what it does")
            .into());
    }
    for (path, text) in &files {
        write(path, text)?;
        output::note(global, &format!("wrote {}", path.display()));
    }
    make_user(&args.root, global).await?;
    output::note(global, NEXT);
    Ok(())
}

/// What is left to do; every command is meant to be copied.
const NEXT: &str = "\nNothing was started. Next, as root:\n  \
    install -d -m 750 -g entra-scim /etc/entra-scim\n  \
    entra-scim init /etc/entra-scim/config.toml\n  \
    chown root:entra-scim /etc/entra-scim/config.toml && chmod 640 /etc/entra-scim/config.toml\n  \
    # put each secret where the configuration says, as the user entra-scim's own (chmod 600)\n  \
    systemctl daemon-reload\n  \
    systemctl enable --now entra-scim\n  \
    systemctl status entra-scim";

/// Where this program is, if a unit may start it from there.
fn program() -> Result<String, Problem> {
    let path = own_program().map_err(|error| {
        Problem::new(ExitCode::Unexpected, "where this program is cannot be found out")
            .caused_by(error)
    })?;
    startable(&path)
}

fn startable(path: &Path) -> Result<String, Problem> {
    let move_it = "install -m 755 entra-scim /usr/local/bin/entra-scim";
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    let text = path.to_str().filter(|text| text.chars().all(plain)).ok_or_else(|| {
        let message = format!("{} has characters that a unit cannot name", path.display());
        Problem::usage(message).with_hint(format!("move it: {move_it}"))
    })?;
    if HIDDEN.iter().any(|folder| text.starts_with(folder)) {
        let message = format!("{text} is where the unit's sandbox lets the service see nothing");
        return Err(Problem::usage(message).with_hint(format!(
            "put the program elsewhere and install from there: {move_it} && \
             /usr/local/bin/entra-scim service install"
        )));
    }
    Ok(text.to_owned())
}

fn refuse_packaged(root: &Path) -> Result<(), Problem> {
    let Some(packaged) = PACKAGED.iter().map(|path| root.join(path)).find(|path| path.exists())
    else {
        return Ok(());
    };
    let message = format!("a package has installed the unit already: {}", packaged.display());
    Err(Problem::usage(message).with_hint(
        "there is nothing to install. Own changes go into a drop-in, `systemctl edit entra-scim`; \
         --force installs this program's unit beside it, which then counts",
    ))
}

fn refuse_other(path: &Path, text: &str) -> Result<(), Problem> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unusable(path, error)),
        Ok(there) if there == text => Ok(()),
        Ok(_) => {
            let message = format!("{} says something else and is left as it is", path.display());
            Err(Problem::usage(message).with_hint(format!(
                "see the difference with `entra-scim service install --dry-run --force | diff {} \
                 -`; --force puts the new one in its place",
                path.display()
            )))
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(|error| unusable(folder, error))?;
    fs::write(path, text).map_err(|error| unusable(path, error))
}

fn unusable(path: &Path, error: io::Error) -> Problem {
    Problem::usage(format!("{} cannot be read or written", path.display())).caused_by(error)
}

/// Lets systemd make the user; where that is not to be had, says how to.
async fn make_user(root: &Path, global: &Global) -> Result<(), Problem> {
    let fragment = root.join(SYSUSERS_PATH);
    let mut command = Command::new("systemd-sysusers");
    if root != Path::new("/") {
        command.arg(format!("--root={}", root.display()));
    }
    let made = command.arg("entra-scim.conf").output().await;
    match made {
        Ok(done) if done.status.success() => {
            output::note(global, "the user entra-scim is there");
            Ok(())
        }
        Ok(failed) => {
            let said = String::from_utf8_lossy(&failed.stderr).trim().to_owned();
            Err(Problem::new(
                ExitCode::Unexpected,
                format!("systemd-sysusers did not make the user entra-scim: {said}"),
            )
            .with_hint(format!("the unit is written; {USERADD}, or mend {}", fragment.display())))
        }
        Err(_) => {
            output::note(global, &format!("systemd-sysusers is not there; {USERADD}"));
            Ok(())
        }
    }
}

const USERADD: &str = "make the user with `useradd --system --home-dir /var/lib/entra-scim --shell \
     /usr/sbin/nologin entra-scim`";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::startable;

    #[test]
    fn a_program_that_the_sandbox_hides_or_a_unit_cannot_name_is_not_installed() {
        for wrong in ["/home/olga/entra-scim", "/tmp/entra-scim", "/opt/my tools/entra-scim"] {
            let refused = startable(Path::new(wrong)).expect_err(wrong);
            let hint = refused.hint.expect("advice");
            assert!(hint.contains("install -m 755 entra-scim /usr/local/bin/entra-scim"), "{hint}");
        }
        let fine = startable(Path::new("/usr/local/bin/entra-scim")).expect("a fine place");
        assert_eq!(fine, "/usr/local/bin/entra-scim");
    }
}
