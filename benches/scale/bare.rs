//! A bare loop: the program's own HTTP client sends given bodies, so many at once, and nothing else.
//!
//! Or it also records each write in SQLite, with no more than what no engine may leave out: before a
//! request leaves a mark that it did, and of its answer the link, the log row and the mark together.
//! Texts are given, nothing is compared and nothing decided, and a thread of its own commits
//! whatever has come meanwhile. What that comes to is what the machine has to give.

use std::{
    path::Path,
    process::{ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use entra_scim::http::{Exchange as _, Network, NetworkOptions};
use http::Request;

use crate::record::Recorder;

/// What this program is told to be the bare loop.
pub(crate) const ROLE: &str = "bare";

/// Sends the bodies of a file, one in a line, in a process of its own; how many a second. Where a
/// file to record them in is named, each write is recorded.
pub(crate) async fn rate(
    (url, token): (&str, &str),
    bodies: &Path,
    concurrency: u32,
    record: Option<&Path>,
) -> f64 {
    let program = std::env::current_exe().expect("this program");
    let mut command = tokio::process::Command::new(program);
    command.args([ROLE, url, token]).arg(bodies).arg(concurrency.to_string()).args(record);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.expect("it runs");
    assert!(output.status.success(), "the bare loop broke: {:?}", output.status);
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a rate")
}

/// The loop itself: prints the rate.
pub(crate) async fn run(mut words: impl Iterator<Item = String>) -> ExitCode {
    let mut next = || words.next().expect("url, token, bodies, concurrency, perhaps a record");
    let (url, token, bodies, concurrency) = (next(), next(), next(), next());
    let bodies = std::fs::read_to_string(bodies).expect("the bodies");
    let bodies: Arc<Vec<Bytes>> =
        Arc::new(bodies.lines().map(|line| Bytes::from(line.to_owned())).collect());
    let network = Arc::new(
        Network::new(&NetworkOptions {
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            ca_pem: None,
            proxy: None,
            body_limit_bytes: 1 << 20,
            client_certificate: None,
        })
        .expect("a client"),
    );
    let recorder = words.next().map(|file| Recorder::start(Path::new(&file), &bodies));
    let at = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let loops = (0..concurrency.parse().expect("a number")).map(|_| {
        let (network, bodies, at) = (Arc::clone(&network), Arc::clone(&bodies), Arc::clone(&at));
        let (url, token) = (format!("{url}/Users"), format!("Bearer {token}"));
        let pen = recorder.as_ref().map(Recorder::pen);
        tokio::spawn(async move {
            loop {
                let seq = at.fetch_add(1, Ordering::Relaxed);
                let Some(body) = bodies.get(seq) else { break };
                if let Some(pen) = &pen {
                    pen.leaves(seq).await;
                }
                let request = Request::post(&url)
                    .header("authorization", &token)
                    .header("accept", "application/scim+json, application/json")
                    .header("content-type", "application/scim+json")
                    .body(body.clone())
                    .expect("a request");
                let answer = network.exchange(request).await.expect("an answer");
                assert_eq!(answer.status(), 201);
                if let Some(pen) = &pen {
                    pen.answered(seq);
                }
            }
        })
    });
    for one in loops.collect::<Vec<_>>() {
        one.await.expect("it ends");
    }
    if let Some(recorder) = recorder {
        recorder.end();
    }
    #[expect(clippy::cast_precision_loss, reason = "thousands of bodies")]
    let rate = bodies.len() as f64 / began.elapsed().as_secs_f64();
    println!("{rate}");
    ExitCode::SUCCESS
}
