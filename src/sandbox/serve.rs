//! A router on a listener. Owns how a connection of the load is set up.

use axum::{Router, serve::ListenerExt as _};
use tokio::net::TcpListener;

/// Serves until the process ends. The caller binds the listener, to loopback.
pub fn serve(listener: TcpListener, router: Router) {
    // An answer that waits for the acknowledgement of the one before would be what is measured.
    let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
    tokio::spawn(async move { axum::serve(listener, router).await });
}
