//! The connections to one server, which may have several addresses.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::tasks::{Lifeline, Tasks};
use super::{Balancer, GrpcOptions, Keepalive};
use crate::body::Chunks;
use crate::dialer::{Dialer, Way};

/// How often addresses that are out of reach are tried again while others are in use.
const RECONNECT: Duration = Duration::from_secs(10);
/// The pause between two attempts while a call waits for a connection.
const PAUSE: Duration = Duration::from_secs(1);
/// How many addresses of a name are used.
const ADDRESSES: usize = 100;

/// Connections that are made when a call needs one, and made anew when they fail.
///
/// With `round_robin` each address of the server has a connection, and calls take turns; those out of reach are left out.
/// With `pick_first` there is one connection to whichever address answers first. The name is looked up again whenever a
/// connection has failed.
#[derive(Debug)]
pub(super) struct Channel {
    dialer: Dialer,
    options: GrpcOptions,
    state: Mutex<State>,
    /// Changes whenever a connection is there, and when a round is over.
    changed: watch::Sender<()>,
    /// The task of the round that is under way.
    rounds: Tasks,
}

#[derive(Debug, Default)]
struct State {
    members: Vec<Member>,
    /// Whose turn it is.
    next: usize,
    /// Whether the name has to be looked up: never done, or a connection has failed since.
    is_stale: bool,
    /// Whether a round is under way, in which all that is missing is connected to.
    is_connecting: bool,
    rounds: u64,
    last_round: Option<Instant>,
    failure: Option<Arc<io::Error>>,
    connections: u64,
}

#[derive(Debug)]
struct Member {
    way: Way,
    link: Option<Link>,
}

/// A connection to send on. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Link {
    number: u64,
    pub(super) sender: SendRequest<Chunks>,
    _lifeline: Arc<Lifeline>,
}

impl Channel {
    pub(super) fn new(dialer: Dialer, options: GrpcOptions) -> Arc<Self> {
        let state = State { is_stale: true, ..State::default() };
        Arc::new(Self {
            dialer,
            options,
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            rounds: Tasks::default(),
        })
    }

    pub(super) fn options(&self) -> &GrpcOptions {
        &self.options
    }

    /// The next connection in turn. Where there is none it is waited for.
    ///
    /// # Errors
    ///
    /// No address can be reached. With `wait_for_ready` this goes on until one can.
    pub(super) async fn link(self: &Arc<Self>) -> Result<Link, Arc<io::Error>> {
        loop {
            match self.link_of_this_round().await {
                Ok(link) => return Ok(link),
                Err(_) if self.options.waits_for_ready => sleep(PAUSE).await,
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn link_of_this_round(self: &Arc<Self>) -> Result<Link, Arc<io::Error>> {
        let mut changed = self.changed.subscribe();
        let seen = self.state.lock().rounds;
        loop {
            changed.borrow_and_update();
            {
                let mut state = self.state.lock();
                state.drop_closed();
                let link = state.take_turn();
                if link.is_none() && state.rounds > seen {
                    return Err(state.failure());
                }
                if state.wants_round(link.is_some()) {
                    self.begin_round(&mut state);
                }
                if let Some(link) = link {
                    return Ok(link);
                }
            }
            changed.changed().await.expect("the sender lives as long as self");
        }
    }

    /// Stops using a connection that has failed or does not answer, and looks the name up again.
    pub(super) fn give_up(&self, link: &Link) {
        let mut state = self.state.lock();
        let is_it = |other: &Link| other.number == link.number;
        for member in &mut state.members {
            if member.link.as_ref().is_some_and(is_it) {
                member.link = None;
            }
        }
        state.is_stale = true;
    }

    fn begin_round(self: &Arc<Self>, state: &mut State) {
        state.is_connecting = true;
        let channel = Arc::clone(self);
        self.rounds.execute(async move {
            let failure = channel.connect_missing().await.err();
            let mut state = channel.state.lock();
            state.is_connecting = false;
            state.rounds += 1;
            state.last_round = Some(Instant::now());
            state.is_stale |= failure.is_some();
            state.failure = failure.map(Arc::new);
            channel.changed.send_replace(());
        });
    }

    /// Connects to all addresses that have no connection, at once.
    ///
    /// # Errors
    ///
    /// The name was not found, or one of the addresses was not reached.
    async fn connect_missing(self: &Arc<Self>) -> io::Result<()> {
        if self.state.lock().is_stale {
            let ways = self.ways().await?;
            self.state.lock().replace(ways);
        }
        let mut attempts = JoinSet::new();
        for way in self.state.lock().missing() {
            let channel = Arc::clone(self);
            attempts.spawn(async move { channel.connect(way).await });
        }
        let mut result = Ok(());
        while let Some(ended) = attempts.join_next().await {
            result = ended.map_err(io::Error::other)?.and(result);
        }
        result
    }

    async fn ways(&self) -> io::Result<Vec<Way>> {
        Ok(match (self.dialer.way(&self.options.peer).await?, self.options.balancer) {
            (Way::Direct(addresses), Balancer::RoundRobin) => {
                let addresses = addresses.into_iter().take(ADDRESSES);
                addresses.map(|address| Way::Direct(vec![address])).collect()
            }
            (way, _) => vec![way],
        })
    }

    async fn connect(&self, way: Way) -> io::Result<()> {
        let stream = self.dialer.open(&way, self.options.secured_for.as_deref()).await?;
        let tasks = Tasks::default();
        let lifeline = Lifeline(tasks.clone());
        let connected = self.builder(tasks.clone()).handshake(TokioIo::new(stream)).await;
        let (sender, connection) = connected.map_err(io::Error::other)?;
        // Why a connection ends is told to the calls on it.
        tasks.execute(async move { drop(connection.await) });
        self.state.lock().add(&way, sender, lifeline);
        self.changed.send_replace(());
        Ok(())
    }

    fn builder(&self, tasks: Tasks) -> Builder<Tasks> {
        let mut builder = Builder::new(tasks);
        builder.timer(TokioTimer::new());
        if let Some(bytes) = self.options.write_buffer {
            builder.max_send_buf_size(bytes);
        }
        if let Some(Keepalive { interval, timeout, while_idle }) = self.options.keepalive {
            builder
                .keep_alive_interval(interval)
                .keep_alive_timeout(timeout)
                .keep_alive_while_idle(while_idle);
        }
        builder
    }
}

impl State {
    fn drop_closed(&mut self) {
        for member in &mut self.members {
            if member.link.as_ref().is_some_and(|link| link.sender.is_closed()) {
                member.link = None;
                self.is_stale = true;
            }
        }
    }

    fn take_turn(&mut self) -> Option<Link> {
        let count = self.members.len();
        let mut turns = (0..count).map(|step| (self.next + step) % count);
        let place = turns.find(|place| self.members[*place].link.is_some())?;
        self.next = place + 1;
        self.members[place].link.clone()
    }

    /// Whether something is to be connected to now. What is missing while others are there is not urgent.
    fn wants_round(&self, has_link: bool) -> bool {
        if self.is_connecting {
            return false;
        }
        let is_time = self.last_round.is_none_or(|last| last.elapsed() >= RECONNECT);
        let is_missing = self.is_stale || self.members.iter().any(|member| member.link.is_none());
        !has_link || is_missing && is_time
    }

    /// Takes new addresses over, and keeps the connections to those that stay.
    fn replace(&mut self, ways: Vec<Way>) {
        let mut old = std::mem::take(&mut self.members);
        for way in ways {
            let before = old.iter_mut().find(|member| member.way == way);
            let link = before.and_then(|member| member.link.take());
            self.members.push(Member { way, link });
        }
        self.is_stale = false;
    }

    fn missing(&self) -> Vec<Way> {
        let missing = self.members.iter().filter(|member| member.link.is_none());
        missing.map(|member| member.way.clone()).collect()
    }

    fn add(&mut self, way: &Way, sender: SendRequest<Chunks>, lifeline: Lifeline) {
        self.connections += 1;
        let link = Link { number: self.connections, sender, _lifeline: Arc::new(lifeline) };
        // It may have vanished from the name meanwhile.
        if let Some(member) = self.members.iter_mut().find(|member| member.way == *way) {
            member.link = Some(link);
        }
    }

    fn failure(&self) -> Arc<io::Error> {
        let closed = || Arc::new(io::Error::other("the connection was closed at once"));
        self.failure.clone().unwrap_or_else(closed)
    }
}
