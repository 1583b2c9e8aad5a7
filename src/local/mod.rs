//! A CloudWatch of one's own: an endpoint on this machine that refuses what AWS refuses, and a page that shows what it took.
//! For tests it is a Cognito too, that lends the keys to sign with.
//!
//! It runs inside `cloudwatch-publisher local`, in tests as the judge of the real program, and in the benchmark as a
//! counting endpoint. It knows nothing of the agent: what the page says of the agent is a [`Status`] that somebody hands in.
//!
//! The rules are pure (`log_rules`, `metric_rules`, `signature`, `faults`, `cognito`) and are handed the time; `logs` and
//! `metrics` keep what was taken; `http` carries it over the wire; `page` shows it.

mod body;
mod cbor;
mod clock;
mod cognito;
mod counts;
mod faults;
mod http;
mod log_calls;
mod log_rules;
mod logs;
mod metric_rules;
mod metrics;
mod operation;
mod page;
mod refusal;
mod search;
mod server;
mod signature;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use self::cognito::Cognito;
pub use self::cognito::{Category, CognitoSettings, PoolIds, PoolSetup};
pub use self::counts::Counts;
pub use self::faults::Fault;
use self::faults::Faults;
use self::logs::Logs;
use self::metrics::Metrics;
pub use self::metrics::{Point, Series};
pub use self::operation::Operation;
use crate::record::{Status, StreamName, Wall};

/// How an endpoint is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes any free one.
    pub bind: SocketAddr,
    /// Ceiling for kept log lines, in bytes; the oldest lines of the largest stream go first. With 0 lines are counted and dropped.
    pub memory_bytes: usize,
    /// How many points of each metric are kept, at the most. With 0 they are counted and dropped.
    pub keep_metrics_points: usize,
}

impl Default for Options {
    /// Any free port of 127.0.0.1, 32 MiB of lines, 4,096 points a metric.
    fn default() -> Self {
        Self { bind: SocketAddr::from(([127, 0, 0, 1], 0)), memory_bytes: 32 << 20, keep_metrics_points: 4096 }
    }
}

/// A running endpoint. Clones are handles to the same one; it ends when the last of them is gone.
#[derive(Clone)]
pub struct Endpoint {
    shared: Arc<Shared>,
    /// Whether it is reachable. The server holds only receivers, so it learns when the last handle is gone.
    reachable: Arc<watch::Sender<bool>>,
}

/// What the server's tasks and the handles share. One lock, held for one request at a time and never across an await:
/// handles are used from tests' threads, so a task with a channel would gain nothing.
struct Shared {
    address: SocketAddr,
    /// Tells one run of an endpoint from the next: a page that outlives one starts over.
    run: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    logs: Logs,
    metrics: Metrics,
    cognito: Cognito,
    counts: Counts,
    faults: Faults,
    status: Option<Status>,
}

impl State {
    /// The endpoint's time: the system's, and as far ahead as a fault wants it.
    fn now(&self) -> Wall {
        Wall(system_millis() + self.faults.clock_ahead_ms())
    }
}

impl Shared {
    /// A panic elsewhere cannot leave the state torn in a way that matters to a test endpoint, so a poisoned lock is taken.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn system_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Endpoint {
    /// Starts an endpoint on the current runtime.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = listen(&options)?;
        let (endpoint, reachable) = Self::new(&options, listener.local_addr()?);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::spawn(server::serve(listener, Arc::clone(&endpoint.shared), reachable));
        Ok(endpoint)
    }

    /// Starts an endpoint on a thread and runtime of its own: for tests and benchmarks.
    ///
    /// # Errors
    /// When the address cannot be had, or no thread.
    pub fn start_on_own_thread(options: Options) -> io::Result<Self> {
        let listener = listen(&options)?;
        let (endpoint, reachable) = Self::new(&options, listener.local_addr()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&endpoint.shared);
        std::thread::Builder::new().name("endpoint".into()).spawn(move || {
            runtime.block_on(async move {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => server::serve(listener, shared, reachable).await,
                    Err(error) => log::error!(error:% = error; "the endpoint cannot listen"),
                }
            });
        })?;
        Ok(endpoint)
    }

    fn new(options: &Options, address: SocketAddr) -> (Self, watch::Receiver<bool>) {
        let state = State {
            logs: Logs::new(options.memory_bytes),
            metrics: Metrics::new(options.keep_metrics_points),
            ..State::default()
        };
        let (reachable, receiver) = watch::channel(true);
        let shared = Arc::new(Shared { address, run: system_millis(), state: Mutex::new(state) });
        (Self { shared, reachable: Arc::new(reachable) }, receiver)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The address of the page, and the endpoint URL for AWS clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Shows on the page how the agent fares.
    pub fn show_status(&self, status: &Status) {
        self.shared.lock().status = Some(status.clone());
    }

    /// The kept events of a stream, in the order in which they were taken: time in milliseconds, and text.
    pub fn events(&self, group: &str, stream: &str) -> Vec<(i64, String)> {
        let state = self.shared.lock();
        let lines = state.logs.stream(group, stream).map(|stream| stream.lines.iter());
        lines.into_iter().flatten().map(|line| (line.timestamp, line.message.to_string())).collect()
    }

    /// Every stream there is, by group and name.
    pub fn streams(&self) -> Vec<StreamName> {
        self.shared.lock().logs.streams().map(|(name, _)| name).collect()
    }

    /// Every group there is, by name.
    pub fn groups(&self) -> Vec<String> {
        self.shared.lock().logs.groups.keys().map(ToString::to_string).collect()
    }

    /// How many events a stream took, kept or not.
    pub fn taken(&self, group: &str, stream: &str) -> u64 {
        self.shared.lock().logs.stream(group, stream).map_or(0, |stream| stream.taken)
    }

    /// A group's retention in days, where it has one.
    pub fn retention(&self, group: &str) -> Option<i32> {
        self.shared.lock().logs.groups.get(group)?.retention_days
    }

    /// A group's class, where there is such a group.
    pub fn class(&self, group: &str) -> Option<String> {
        self.shared.lock().logs.groups.get(group).map(|group| group.class.clone())
    }

    /// Every metric with its kept points.
    pub fn metrics(&self) -> Vec<Series> {
        self.shared.lock().metrics.series().to_vec()
    }

    /// What it counted so far.
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts.clone()
    }

    /// Deletes a group with its streams, as somebody in the console would. Whether it was there.
    pub fn delete_group(&self, group: &str) -> bool {
        self.shared.lock().logs.delete_group(group)
    }

    /// Deletes a stream, as somebody in the console would. Whether it was there.
    pub fn delete_stream(&self, group: &str, stream: &str) -> bool {
        self.shared.lock().logs.delete_stream(group, stream)
    }

    /// Misbehaves towards the next `times` requests that the fault fits (none: until [`Endpoint::behave`]).
    pub fn misbehave(&self, fault: Fault, times: Option<u32>) {
        self.shared.lock().faults.plan(fault, None, times);
    }

    /// Misbehaves towards one operation only.
    pub fn misbehave_on(&self, operation: Operation, fault: Fault, times: Option<u32>) {
        self.shared.lock().faults.plan(fault, Some(operation), times);
    }

    /// Ends all misbehaviour. Requests that hang stay so until their client gives up.
    pub fn behave(&self) {
        self.shared.lock().faults.clear();
    }

    /// Goes away as a network does: connections are cut and new ones refused until [`Endpoint::go_online`]. What was taken stays.
    pub fn go_offline(&self) {
        self.reachable.send_replace(false);
    }

    /// Listens again on the same address.
    pub fn go_online(&self) {
        self.reachable.send_replace(true);
    }
}

fn listen(options: &Options) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(options.bind)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
