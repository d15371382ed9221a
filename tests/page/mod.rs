//! The status page at its door: requests to the site, over states that real cycles left.

mod pages;
mod site;
