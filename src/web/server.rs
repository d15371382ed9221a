//! Connections: how many, for how long, and how they end.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use super::{site::Site, tls::Tls};

/// What a client may take up.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once. One more, and the one that was quiet for longest is closed: idle ones
    /// keep nobody out. Each costs a file descriptor and some 20 KiB.
    pub connections: usize,
    /// Bytes of a request's line and headers. A browser sends 2 KiB or less.
    pub header_bytes: usize,
    /// How long a client may take to say what it wants: also how long an idle connection is kept.
    pub header_time: Duration,
    /// How long requests under way may take once the site closes.
    pub closing_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            header_bytes: 16 * 1024,
            header_time: Duration::from_secs(15),
            closing_time: Duration::from_millis(800),
        }
    }
}

/// How long it is waited when the system gives no more connections, for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `site` to whoever connects, until `stopped` completes: then nobody new is let in, and
/// requests under way have a moment to end.
pub async fn serve(
    site: Site,
    listener: TcpListener,
    tls: Option<Tls>,
    limits: Limits,
    stopped: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_header_size(limits.header_bytes);
    let crowd = Arc::new(Crowd::default());
    let router = site.clone().router();
    let mut tasks = JoinSet::new();
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "no connection can be taken");
                site.clock().sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small and whole: waiting to fill a packet would only delay them.
        drop(stream.set_nodelay(true));
        let place = Crowd::enter(&crowd, limits.connections);
        let (http, site, router) = (http.clone(), site.clone(), router.clone());
        let acceptor = tls.as_ref().map(|tls| tls.acceptor(site.now()));
        let visit = Visit { http, site, router, peer, place };
        tasks.spawn(visit.begin(stream, acceptor, limits.header_time));
    }
    drop(listener);
    site.close();
    let ended = async { while tasks.join_next().await.is_some() {} };
    tokio::select! {
        () = ended => {}
        () = site.clock().sleep(limits.closing_time) => {}
    }
}

/// One connection, from its beginning to its end.
struct Visit {
    http: http1::Builder,
    site: Site,
    router: Router,
    peer: SocketAddr,
    place: Place,
}

impl Visit {
    /// Speaks TLS first, where that is wanted.
    async fn begin(self, stream: TcpStream, tls: Option<TlsAcceptor>, patience: Duration) {
        let Some(acceptor) = tls else { return self.talk(stream).await };
        let accepted = tokio::select! {
            accepted = acceptor.accept(stream) => accepted,
            () = self.site.clock().sleep(patience) => Err(io::ErrorKind::TimedOut.into()),
            () = self.place.lost() => return,
            () = self.site.closed() => return,
        };
        match accepted {
            Ok(stream) => self.talk(stream).await,
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "a TLS handshake broke off");
            }
        }
    }

    async fn talk(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Self { http, site, router, peer, place } = self;
        let asked = place.clone();
        let answer = service_fn(move |mut request: Request<Incoming>| {
            asked.is_active();
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), answer));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = place.lost() => return,
            () = site.closed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            debug!(error = &error as &dyn std::error::Error, "a connection broke off");
        }
    }
}

/// Who is connected.
#[derive(Default)]
struct Crowd(Mutex<Turns>);

#[derive(Default)]
struct Turns {
    /// Connections by when they last asked for something.
    by_turn: BTreeMap<u64, Arc<Notify>>,
    next: u64,
}

/// The place of one connection in the crowd; given back when the last copy is dropped.
#[derive(Clone)]
struct Place(Arc<Held>);

struct Held {
    crowd: Arc<Crowd>,
    turn: Mutex<u64>,
    lost: Arc<Notify>,
}

impl Crowd {
    /// Lets somebody in. Over `most`, whoever was quiet for longest loses their place.
    fn enter(crowd: &Arc<Self>, most: usize) -> Place {
        let lost = Arc::new(Notify::new());
        let mut turns = crowd.turns();
        while turns.by_turn.len() >= most
            && let Some((_, quiet)) = turns.by_turn.pop_first()
        {
            quiet.notify_one();
        }
        let turn = turns.take(&lost);
        drop(turns);
        Place(Arc::new(Held { crowd: Arc::clone(crowd), turn: Mutex::new(turn), lost }))
    }

    fn turns(&self) -> std::sync::MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    fn take(&mut self, lost: &Arc<Notify>) -> u64 {
        self.next += 1;
        self.by_turn.insert(self.next, Arc::clone(lost));
        self.next
    }
}

impl Place {
    /// Moves to the end of those who may be sent away.
    fn is_active(&self) {
        let mut turns = self.0.crowd.turns();
        let mut turn = self.0.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // Who has lost the place stays without.
        if turns.by_turn.remove(&turn).is_some() {
            *turn = turns.take(&self.0.lost);
        }
    }

    /// Completes when somebody else needs the place.
    async fn lost(&self) {
        self.0.lost.notified().await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let turn = *self.turn.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.crowd.turns().by_turn.remove(&turn);
    }
}
