//! The clouds of Microsoft: where each signs in and where its Graph is ("Microsoft Graph
//! deployments", "National clouds").

use url::Url;

/// A cloud of Microsoft. A tenant lives in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// The worldwide cloud, US Government L2 (GCC) included.
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (Department of Defense).
    UsGovDod,
    /// China, operated by 21Vianet.
    China,
}

impl Cloud {
    /// Every cloud.
    pub const ALL: [Self; 4] = [Self::Global, Self::UsGov, Self::UsGovDod, Self::China];

    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGov => "usgov",
            Self::UsGovDod => "usgov-dod",
            Self::China => "china",
        }
    }

    /// The cloud of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.name() == name)
    }

    /// Where its tenants sign in.
    pub fn login_url(self) -> Url {
        fixed(match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
            Self::China => "https://login.partner.microsoftonline.cn",
        })
    }

    /// The root of its Graph, without a version.
    pub fn graph_url(self) -> Url {
        fixed(match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsGovDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        })
    }
}

fn fixed(address: &str) -> Url {
    Url::parse(address).expect("a constant address is well-formed")
}

/// The token endpoint of `tenant` (a GUID or a domain) under `login_url`.
pub fn token_url(login_url: &Url, tenant: &str) -> Url {
    let mut address = login_url.clone();
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.pop_if_empty().extend([tenant, "oauth2", "v2.0", "token"]);
    }
    address
}

/// The scope that stands for every permission granted on the Graph at `graph_url`.
pub fn scope(graph_url: &Url) -> String {
    format!("{}/.default", graph_url.as_str().trim_end_matches('/'))
}
