//! Servers that speak HTTP/2, and servers that take their time, over loopback.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::join_all;
use http::Response;
use tokio::{io::AsyncWriteExt as _, net::TcpListener, sync::Barrier};

use super::network::{get, options, read_head, secured};
use crate::{
    daemon::SystemClock,
    http::{Exchange as _, Network, NetworkOptions, TransportFault},
    model::Clock as _,
};

/// Serves HTTP/2 alone: the first request at once, later ones only once ten of them are there.
async fn serve(
    listener: TcpListener,
    acceptor: tokio_rustls::TlsAcceptor,
    connections: Arc<AtomicU32>,
) {
    let (ten, first) = (Arc::new(Barrier::new(10)), Arc::new(AtomicBool::new(true)));
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(stream) = acceptor.accept(stream).await else { continue };
        connections.fetch_add(1, Ordering::SeqCst);
        let (ten, first) = (Arc::clone(&ten), Arc::clone(&first));
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let (ten, first) = (Arc::clone(&ten), Arc::clone(&first));
                tokio::spawn(async move {
                    if !first.swap(false, Ordering::SeqCst) {
                        ten.wait().await;
                    }
                    let mut body = respond.send_response(Response::new(()), false).unwrap();
                    body.send_data(Bytes::from_static(b"ok"), true).unwrap();
                });
            }
        });
    }
}

#[tokio::test]
async fn a_server_that_speaks_http_2_gets_every_request_on_one_connection() {
    let (acceptor, ca_pem) = secured(&[b"h2", b"http/1.1"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::default();
    tokio::spawn(serve(listener, acceptor, Arc::clone(&connections)));
    let network = Network::new(&NetworkOptions { ca_pem: Some(ca_pem), ..options() }).unwrap();
    let ask = || network.exchange(get(&format!("https://localhost:{port}/")));
    assert_eq!(ask().await.unwrap().body(), "ok");
    for answer in join_all((0..50).map(|_| ask())).await {
        assert_eq!(answer.unwrap().body(), "ok");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1, "ten at a time on that one");
}

#[tokio::test]
async fn an_answer_that_trickles_in_is_lost_when_the_time_of_the_whole_request_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await.unwrap();
        // A thousand bytes take ten seconds; a byte at a time, each of them long before a connection would count as silent.
        while stream.write_all(b"x").await.is_ok() {
            SystemClock.sleep(Duration::from_millis(10)).await;
        }
    });
    let short = NetworkOptions { request_timeout: Duration::from_millis(200), ..options() };
    let network = Network::new(&short).unwrap();
    let fault = network.exchange(get(&format!("http://{address}/a"))).await.unwrap_err();
    assert_eq!(fault, TransportFault::Lost("timed out".to_owned()));
}
