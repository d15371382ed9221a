//! The addresses of the four clouds.

use std::fmt::Write as _;

use url::Url;

use crate::graph::{Cloud, scope, token_url};

#[test]
fn each_cloud_signs_in_at_its_own_host_for_its_own_graph() {
    let mut table = String::new();
    for cloud in Cloud::ALL {
        assert_eq!(Cloud::parse(cloud.name()), Some(cloud));
        let token_url = token_url(&cloud.login_url(), "contoso.com");
        writeln!(table, "{} {token_url} {}", cloud.name(), scope(&cloud.graph_url())).unwrap();
    }
    assert_eq!(Cloud::parse("germany"), None);
    insta::assert_snapshot!(table, @r#"
    global https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token https://graph.microsoft.com/.default
    usgov https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token https://graph.microsoft.us/.default
    usgov-dod https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token https://dod-graph.microsoft.us/.default
    china https://login.partner.microsoftonline.cn/contoso.com/oauth2/v2.0/token https://microsoftgraph.chinacloudapi.cn/.default
    "#);
}

#[test]
fn a_tenant_cannot_leave_its_path_segment() {
    let login = Url::parse("http://127.0.0.1:8080/login/").unwrap();
    let address = token_url(&login, "a/../b?c#d");
    assert_eq!(
        address.as_str(),
        "http://127.0.0.1:8080/login/a%2F..%2Fb%3Fc%23d/oauth2/v2.0/token"
    );
}
