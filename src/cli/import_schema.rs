//! The command `import-schema`: a provisioning schema of Entra, from a file or the tenant, as
//! configuration text.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use super::{
    apps,
    args::{Global, ImportSchemaArgs},
    exit::ExitCode,
    output,
    problem::Problem,
};
use crate::{
    config::{
        AppSettings, ImportedSchema, LoadError, SCHEMA_BYTES_MAX, SchemaError, SchemaOptions,
        import_schema, load,
    },
    daemon::{SystemClock, connect},
    gallery::{self, Profile},
    graph::{GraphDirectory, ProvisioningJob},
    model::{AppName, ServicePrincipalId},
    port::{Directory, DirectoryFault},
};

/// The section's name where nothing else says one.
const APP_DEFAULT: &str = "app";

/// The templates of Entra's jobs that provision over SCIM without an entry in its gallery.
const SCIM_TEMPLATES: [&str; 2] = ["scim", "customappsso"];

/// Runs the command: the text on stdout, what a person should look at on stderr.
pub(super) async fn run(args: &ImportSchemaArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let (json, place) = match (&args.from_entra, &args.file) {
        (Some(app), _) => {
            let app = Some(app.as_str()).filter(|app| !app.is_empty());
            fetched(app, args, global).await?
        }
        (None, Some(file)) => (read(file)?, place_of(args, global)?),
        (None, None) => {
            return Err(Problem::usage("which file is meant?")
                .with_hint("name a file, or say --from-entra to fetch the schema")
                .into());
        }
    };
    let options = SchemaOptions { app: &place.app, profile: place.profile };
    let imported = import_schema(&json, options).map_err(|error| refused(error, args))?;
    output::data(&imported.toml)?;
    output::note(global, &summary(&imported));
    Ok(ExitCode::Done)
}

/// Where the text is meant to stand.
struct Place {
    app: AppName,
    profile: &'static Profile,
}

fn generic() -> &'static Profile {
    gallery::profile("generic").expect("the gallery's first profile")
}

impl Place {
    fn of(settings: &AppSettings) -> Self {
        let profile = gallery::profile(&settings.profile).unwrap_or_else(generic);
        Self { app: settings.job.app.clone(), profile }
    }
}

/// The application that is named, or the configuration's only one. A file is imported without a
/// configuration too, unless one was named.
fn place_of(args: &ImportSchemaArgs, global: &Global) -> Result<Place, Problem> {
    let config = match load(global.config.as_deref()) {
        Ok(config) => Some(config),
        Err(error) if global.config.is_some() => return Err(error.into()),
        Err(LoadError::Read { .. } | LoadError::Invalid { .. }) => None,
    };
    let known = config.as_ref().map_or(&[][..], |config| config.apps.as_slice());
    match (&args.app, known) {
        (None, [only]) => Ok(Place::of(only)),
        (None, _) => named(APP_DEFAULT, known),
        (Some(name), _) => named(name, known),
    }
}

fn named(name: &str, known: &[AppSettings]) -> Result<Place, Problem> {
    if let Some(settings) = known.iter().find(|app| app.job.app.as_str() == name) {
        return Ok(Place::of(settings));
    }
    let app = AppName::parse(name).ok_or_else(|| {
        Problem::usage(format!("`{name}` cannot name an application"))
            .with_hint("a name is 1 to 64 letters, digits, `-` and `_`")
    })?;
    Ok(Place { app, profile: generic() })
}

/// The file's text; PowerShell writes UTF-16 where it is not told otherwise.
fn read(file: &Path) -> Result<String, Problem> {
    let name = file.display();
    let unreadable = |error: io::Error| {
        Problem::usage(format!("the schema {name} cannot be read"))
            .with_hint("name a file that is there, - for stdin, or say --from-entra to fetch it")
            .caused_by(error)
    };
    let mut bytes = Vec::new();
    // One byte more than is allowed shows that it is too long.
    let limit = u64::try_from(SCHEMA_BYTES_MAX).unwrap_or(u64::MAX).saturating_mul(2) + 1;
    if file == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|open| open.take(limit).read_to_end(&mut bytes))
    }
    .map_err(unreadable)?;
    let text = match bytes.strip_prefix(&[0xff, 0xfe]) {
        Some(rest) => {
            let units = rest.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
            char::decode_utf16(units).collect::<Result<String, _>>().ok()
        }
        None => String::from_utf8(bytes).ok(),
    };
    text.ok_or_else(|| {
        Problem::usage(format!("the schema {name} is neither UTF-8 nor UTF-16"))
            .with_hint("download it from the portal again, or say --from-entra to fetch it")
    })
}

/// The schema of Entra's own provisioning of an application of the configuration.
async fn fetched(
    app: Option<&str>,
    args: &ImportSchemaArgs,
    global: &Global,
) -> Result<(String, Place), Problem> {
    let config = apps::configuration(global)?;
    let settings = apps::one(&config, app)?;
    let connection = connect(&config, settings, Arc::new(SystemClock))
        .map_err(|error| Problem::from(crate::daemon::DaemonError::Connect(error)))?;
    let directory = &connection.directory;
    let application = directory.application(&settings.job.application).await;
    let application = application.map_err(unreachable)?;
    let job = job(directory, application.id, args.job.as_deref()).await?;
    let json = directory.provisioning_schema(application.id, &job.id).await.map_err(unreachable)?;
    let place = match &args.app {
        None => Place::of(settings),
        Some(name) => Place { app: named(name, &[])?.app, ..Place::of(settings) },
    };
    Ok((json, place))
}

/// The job that is meant: the named one, the only one, or the only one that speaks SCIM.
async fn job(
    directory: &GraphDirectory,
    application: ServicePrincipalId,
    wanted: Option<&str>,
) -> Result<ProvisioningJob, Problem> {
    let jobs = directory.provisioning_jobs(application).await.map_err(unreachable)?;
    if jobs.is_empty() {
        return Err(Problem::usage("Entra has no provisioning of its own for this application")
            .with_hint(
                "there is nothing to import; without rows of its own, an application has the \
                 mapping of its profile, which `entra-scim gallery` shows",
            ));
    }
    let list: Vec<String> =
        jobs.iter().map(|job| format!("{} ({}, {})", job.id, job.template_id, job.state)).collect();
    let list = list.join("; ");
    if let Some(id) = wanted {
        return jobs.into_iter().find(|job| job.id == id).ok_or_else(|| {
            Problem::usage(format!("Entra has no job {id:?} for this application"))
                .with_hint(format!("it has {list}"))
        });
    }
    let speaks_scim = |job: &ProvisioningJob| {
        SCIM_TEMPLATES.iter().any(|name| job.template_id.eq_ignore_ascii_case(name))
    };
    let is_only = jobs.len() == 1;
    let mut fitting = jobs.into_iter().filter(|job| is_only || speaks_scim(job));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Problem::usage("Entra has several provisioning jobs for this application")
            .with_hint(format!("say which with --job: {list}"))),
    }
}

fn unreachable(fault: DirectoryFault) -> Problem {
    let (exit, hint) = match &fault {
        DirectoryFault::NotFound(_) | DirectoryFault::Ambiguous { .. } => (
            ExitCode::Usage,
            "`enterprise_app` takes the application id from Entra's list of enterprise \
             applications"
                .to_owned(),
        ),
        DirectoryFault::Permission { permission, .. } => (
            ExitCode::Unreachable,
            format!(
                "Entra admin center > App registrations > your registration > API permissions: \
                 add {permission} and grant admin consent; or save the schema in the portal and \
                 name the file"
            ),
        ),
        DirectoryFault::SignIn(_)
        | DirectoryFault::TokenExpired(_)
        | DirectoryFault::Throttled { .. }
        | DirectoryFault::Unavailable { .. }
        | DirectoryFault::Malformed(_)
        | DirectoryFault::ForeignLink(_)
        | DirectoryFault::Rejected { .. } => {
            (ExitCode::Unreachable, "`entra-scim check` says what is missing".to_owned())
        }
    };
    Problem::new(exit, "the schema cannot be fetched").caused_by(fault).with_hint(hint)
}

fn refused(error: SchemaError, args: &ImportSchemaArgs) -> Problem {
    let what = match &args.file {
        Some(file) => format!("the schema {} cannot be used", file.display()),
        None => "the schema that Entra gave cannot be used".to_owned(),
    };
    Problem::usage(what).caused_by(error).with_hint(
        "in the portal: Enterprise applications > the application > Provisioning > Mappings > a \
         mapping > Show advanced options > Review your schema here > Download",
    )
}

fn summary(imported: &ImportedSchema) -> String {
    let said = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    };
    let notes: Vec<String> =
        imported.notes.iter().map(|note| format!("\n  {}", visible(note))).collect();
    let of_groups = if imported.group_rows > 0 {
        format!(
            " of users, {} and {} of groups",
            said(imported.group_rows, "row"),
            said(imported.group_filters, "scoping filter")
        )
    } else {
        String::new()
    };
    let look = if notes.is_empty() { "" } else { "; to look at:" };
    format!(
        "imported {} and {}{of_groups}{look}{}\n\nhint: put the text at the end of the configuration, then \
         `entra-scim check` and `entra-scim plan`",
        said(imported.rows, "row"),
        said(imported.filters, "scoping filter"),
        notes.concat()
    )
}

/// A schema is somebody else's text: nothing of it steers the terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
