//! The token endpoint.

use url::Url;

use crate::graph::token_url;

#[test]
fn a_tenant_cannot_leave_its_path_segment() {
    let login = Url::parse("http://127.0.0.1:8080/login/").unwrap();
    let address = token_url(&login, "a/../b?c#d");
    assert_eq!(
        address.as_str(),
        "http://127.0.0.1:8080/login/a%2F..%2Fb%3Fc%23d/oauth2/v2.0/token"
    );
}
