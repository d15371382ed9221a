//! `init`: writes a commented configuration after five questions, or the example.
//!
//! It never overwrites a file, and it asks the network nothing: `check` does.

use std::{
    fs,
    io::{BufRead, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{
    args::{Global, InitArgs},
    exit::ExitCode,
    output,
    problem::Problem,
};
use crate::{
    config::{self, InitAnswers, init_template},
    gallery,
    scim::parse_tenant_url,
};

/// Every key, with its unit, its default and what it does.
const EXAMPLE: &str = include_str!("../../config.toml.example");

/// Wrong answers to one question before we give up: somebody leans on the return key.
const TRIES_MAX: u32 = 5;

/// Runs the command. Exit code 2 where there is a file already.
#[expect(clippy::unused_async, reason = "every command is called the same way")]
pub(super) async fn run(args: &InitArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let path = args.path.clone().unwrap_or_else(|| PathBuf::from("config.toml"));
    if fs::symlink_metadata(&path).is_ok() {
        return Err(Problem::usage(format!("{} exists and is left as it is", path.display()))
            .with_hint(
                "name another file, as in `entra-scim init other.toml`, or move this one away",
            )
            .into());
    }
    let text = if args.non_interactive {
        EXAMPLE.to_owned()
    } else {
        let answers = ask(&mut std::io::stdin().lock(), &mut anstream::stderr())?;
        let answers = answers.ok_or_else(|| {
            Problem::usage("the answers ended before the questions")
                .with_hint("`entra-scim init --non-interactive` writes the example without asking")
        })?;
        init_template(&answers)
    };
    write_new(&path, &text).with_context(|| format!("write {}", path.display()))?;
    output::note(global, &next_steps(&path, &text));
    Ok(ExitCode::Done)
}

/// One question, what its answer has to be, and the answer to take for an empty line.
struct Question {
    text: &'static str,
    where_to_find: &'static str,
    default: Option<&'static str>,
    check: fn(&str) -> Result<(), String>,
}

const QUESTIONS: [Question; 5] = [
    Question {
        text: "Tenant id, or a verified domain",
        where_to_find: "Entra admin center > Overview > Tenant ID",
        default: None,
        check: tenant,
    },
    Question {
        text: "Client id of the app registration for entra-scim",
        where_to_find: "Entra admin center > App registrations > yours > Application (client) ID",
        default: None,
        check: guid,
    },
    Question {
        text: "The enterprise application: appId, object id or exact name",
        where_to_find: "Entra admin center > Enterprise applications > the application",
        default: None,
        check: not_empty,
    },
    Question {
        text: "Tenant URL of the application's SCIM service",
        where_to_find: "where the application explains provisioning; often .../scim/v2",
        default: None,
        check: tenant_url,
    },
    Question {
        text: "Profile",
        where_to_find: "`entra-scim gallery` lists them",
        default: Some("generic"),
        check: profile,
    },
];

/// Asks until each answer is right; `None` where the input ends or stays wrong.
fn ask(input: &mut impl BufRead, output: &mut impl Write) -> anyhow::Result<Option<InitAnswers>> {
    let mut answers = Vec::new();
    for question in &QUESTIONS {
        match ask_one(question, input, output)? {
            Some(answer) => answers.push(answer),
            None => return Ok(None),
        }
    }
    let [tenant_id, client_id, enterprise_app, tenant_url, profile] =
        <[String; 5]>::try_from(answers).expect("each of the five questions gave one answer");
    Ok(Some(InitAnswers { tenant_id, client_id, enterprise_app, tenant_url, profile }))
}

fn ask_one(
    question: &Question,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> anyhow::Result<Option<String>> {
    for _ in 0..TRIES_MAX {
        let default = question.default.map_or(String::new(), |text| format!(" [{text}]"));
        write!(output, "{}{default}\n  ({})\n> ", question.text, question.where_to_find)?;
        output.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let answer = match (line.trim(), question.default) {
            ("", Some(default)) => default,
            (answer, _) => answer,
        };
        match (question.check)(answer) {
            Ok(()) => return Ok(Some(answer.to_owned())),
            Err(problem) => writeln!(output, "  {problem}")?,
        }
    }
    Ok(None)
}

fn not_empty(answer: &str) -> Result<(), String> {
    if answer.is_empty() { Err("an answer is needed".to_owned()) } else { Ok(()) }
}

fn guid(answer: &str) -> Result<(), String> {
    match uuid::Uuid::try_parse(answer) {
        Ok(_) => Ok(()),
        Err(_) => Err("that is no GUID, such as 66666666-7777-8888-9999-aaaaaaaaaaaa".to_owned()),
    }
}

fn tenant(answer: &str) -> Result<(), String> {
    let is_domain = answer.contains('.')
        && answer.split('.').all(|part| !part.is_empty())
        && answer.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    if is_domain || uuid::Uuid::try_parse(answer).is_ok() {
        Ok(())
    } else {
        Err("that is neither a GUID nor a domain such as contoso.com".to_owned())
    }
}

fn tenant_url(answer: &str) -> Result<(), String> {
    let parsed = parse_tenant_url(answer).map_err(|error| error.to_string())?;
    let base = parsed.base;
    let host = base.host_str().unwrap_or_default();
    let is_loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    if base.scheme() == "https" || is_loopback {
        Ok(())
    } else {
        Err("it has to start with https://".to_owned())
    }
}

fn profile(answer: &str) -> Result<(), String> {
    if gallery::profile(answer).is_some() {
        return Ok(());
    }
    let names: Vec<_> = gallery::names().collect();
    Err(format!("there is no profile `{answer}`; there are {}", names.join(", ")))
}

/// Writes a file that only its owner can read: the next thing to be put there may be a secret.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// The files that still have to be made, and the next command.
fn next_steps(path: &Path, text: &str) -> String {
    let name = path.display().to_string();
    let warnings = config::parse(text, &name).map(|config| config.warnings).unwrap_or_default();
    let warnings: Vec<String> = warnings.iter().map(|warning| format!("{warning}\n")).collect();
    let warnings = warnings.concat();
    format!(
        "{warnings}wrote {name}\n\nhint: put the client secret and the application's token into \
         the files that it names (chmod 600),\n      then run `entra-scim --config {name} check`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interview(input: &str) -> (Option<InitAnswers>, String) {
        let mut output = Vec::new();
        let answers = ask(&mut input.as_bytes(), &mut output).expect("memory can be written");
        (answers, String::from_utf8(output).expect("questions are text"))
    }

    #[test]
    fn five_right_answers_make_a_configuration_that_loads() {
        let (answers, _) = interview(
            "contoso.com\n66666666-7777-8888-9999-aaaaaaaaaaaa\nAcme \"CRM\"\n\
             https://crm.example.com/scim/v2?aadOptscim062020\n\n",
        );
        let answers = answers.expect("every answer is right");
        assert_eq!(answers.profile, "generic", "an empty line takes the default");
        let text = init_template(&answers);
        let config = config::parse(&text, "config.toml").expect("the template loads");
        assert_eq!(config.apps.len(), 1);
        assert!(config.apps[0].job.groups.is_none());

        let with_groups = text.replace("# [apps.app.groups]", "[apps.app.groups]");
        let with_groups = with_groups.replace("# enabled = true", "enabled = true");
        let config = config::parse(&with_groups, "config.toml").expect("its groups load");
        assert!(config.apps[0].job.groups.is_some());
    }

    #[test]
    fn a_wrong_answer_is_asked_again_and_says_why() {
        let (answers, output) = interview(
            "contoso\ncontoso.com\n12\n66666666-7777-8888-9999-aaaaaaaaaaaa\nCRM\n\
             http://crm.example.com/scim\nhttps://crm.example.com/scim\nwhimsicle\nwhimsical\n",
        );
        assert_eq!(answers.expect("right in the end").profile, "whimsical");
        for problem in ["neither a GUID nor a domain", "no GUID", "https://", "no profile"] {
            assert!(output.contains(problem), "{problem}: {output}");
        }
    }

    #[test]
    fn an_input_that_ends_early_gives_no_configuration() {
        assert_eq!(interview("contoso.com\n").0, None);
        assert_eq!(interview(&"\n".repeat(50)).0, None);
    }

    #[test]
    fn the_file_is_private_and_never_overwritten() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("config.toml");
        write_new(&path, "first").expect("nothing is there yet");
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        write_new(&path, "second").expect_err("it is there already");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "first");
    }
}
