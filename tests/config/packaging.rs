//! The configuration that the manifests under `packaging/` bring.

use std::{fs, path::Path};

use entra_scim::config;

/// What a block below `config.toml: |` says, without its indentation.
fn embedded(manifest: &str) -> String {
    let lines = manifest.lines().skip_while(|line| line.trim() != "config.toml: |").skip(1);
    lines.map(|line| line.strip_prefix("    ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

#[test]
fn configuration_of_the_kubernetes_manifest_loads_without_a_warning() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/kubernetes");
    let manifest = fs::read_to_string(folder.join("config.yaml")).expect("the manifest");
    let config = config::parse(&embedded(&manifest), "config.yaml").expect("it loads");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.apps.len(), 1);

    // The names of the secrets, where the pod is told how to make them and where they are mounted.
    let pod = fs::read_to_string(folder.join("statefulset.yaml")).expect("the manifest");
    let secrets: Vec<&str> = manifest
        .split("/run/secrets/entra-scim/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(secrets.len(), 3, "{manifest}");
    for secret in secrets {
        assert!(pod.contains(&format!("--from-file={secret}")), "{secret} is not made");
    }
    assert!(pod.contains("mountPath: /run/secrets/entra-scim\n"), "{pod}");
}
