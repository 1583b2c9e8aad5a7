//! Accepts connections, and lets go of them when the endpoint goes offline or its last handle is gone.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Shared, http};

/// No more connections than this at a time: a bound for memory and descriptors, far beyond what an agent and a few pages
/// open.
const MAX_CONNECTIONS: usize = 256;
/// How long to wait before listening or accepting is tried again.
const RETRY: Duration = Duration::from_millis(50);
/// How long a client may take for the head of its request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves until every handle of the endpoint is gone.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut reachable: watch::Receiver<bool>) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let online = *reachable.borrow_and_update();
        if !online {
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            listener = TcpListener::bind(shared.address).await.ok();
        }
        let has_room = connections.len() < MAX_CONNECTIONS;
        tokio::select! {
            changed = reachable.changed() => if changed.is_err() { return },
            _ = connections.join_next(), if !connections.is_empty() => {}
            accepted = accept(listener.as_ref(), online), if has_room => {
                if let Some(stream) = accepted {
                    connections.spawn(converse(stream, Arc::clone(&shared)));
                }
            }
        }
    }
}

/// The next connection. Without a listener it waits: for ever while offline, for a moment while the port is not to be had.
async fn accept(listener: Option<&TcpListener>, online: bool) -> Option<TcpStream> {
    let Some(listener) = listener else {
        if !online {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(RETRY).await;
        return None;
    };
    match listener.accept().await {
        Ok((stream, _)) => Some(stream),
        Err(error) => {
            log::debug!(error:% = error; "a connection was not accepted");
            tokio::time::sleep(RETRY).await;
            None
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    shared.lock().counts.connections += 1;
    // Answers are small and awaited; without this each could wait for the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!(error:% = error; "a connection keeps its delay");
    }
    let service = service_fn(move |request| http::answer(Arc::clone(&shared), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // Clients come and go, and some faults end a connection on purpose: nothing to do about it.
    if let Err(error) = connection.await {
        log::debug!(error:% = error; "a connection ended");
    }
}
