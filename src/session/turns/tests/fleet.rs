//! The turn in a fleet under a scheduler that chooses which of several users of one
//! session runs next, in which of three processes, whose future is dropped, which
//! process dies, is cut off from the store or replaced, and when time passes. The
//! store loses requests and replies. A model of the API looks on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::super::turn::Lease;
use super::*;
use crate::generated::types::SessionId;
use crate::session::fleet::Fleet;
use crate::session::settings::Settings;
use crate::store::{Cursor, Keeper, Memory, Page, Store, StoreFuture, Stored, Write, Written};

const LEASE: Duration = Duration::from_secs(5);
const TTL: Duration = Duration::from_secs(60 * 60);

fn session() -> SessionId {
    SessionId::new("e017a2629c754fedc1f7d8587e06d126").unwrap()
}

/// The way of one process to the store.
#[derive(Debug)]
struct Link {
    store: Memory,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    is_dead: bool,
    cut_until: Instant,
    has_faults: bool,
    random: fastrand::Rng,
}

/// The part of an operation that gets lost.
enum Lost {
    Nothing,
    Request,
    Reply,
}

impl Link {
    fn new(store: &Memory, has_faults: bool, random: fastrand::Rng) -> Arc<Self> {
        let state = State { is_dead: false, cut_until: Instant::now(), has_faults, random };
        Arc::new(Self { store: store.clone(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn is_cut(&self) -> bool {
        let state = self.state();
        state.is_dead || Instant::now() < state.cut_until
    }

    async fn through<T>(
        &self,
        operation: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let lost = || Err(StoreError::Unreachable("lost".to_owned()));
        let (fault, yields) = {
            let mut state = self.state();
            let fault = match state.random.u8(0..40) {
                0 if state.has_faults => Lost::Request,
                1 if state.has_faults => Lost::Reply,
                _ => Lost::Nothing,
            };
            (fault, state.random.u8(0..3))
        };
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        if self.is_cut() || matches!(fault, Lost::Request) {
            return lost();
        }
        let ended = operation.await;
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        if self.is_cut() || matches!(fault, Lost::Reply) { lost() } else { ended }
    }
}

impl Store for Link {
    fn read<'a>(&'a self, session: &'a SessionId) -> StoreFuture<'a, Option<Stored>> {
        Box::pin(self.through(self.store.read(session)))
    }

    fn write<'a>(&'a self, session: &'a SessionId, write: Write<'a>) -> StoreFuture<'a, Written> {
        Box::pin(self.through(self.store.write(session, write)))
    }

    fn woken(
        &self,
        keeper: Keeper,
        id: &SessionId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.store.woken(keeper, id)
    }

    fn beat(&self, keeper: Keeper, ttl: Duration) -> StoreFuture<'_, ()> {
        Box::pin(self.through(self.store.beat(keeper, ttl)))
    }

    fn orphans(&self, from: Cursor) -> StoreFuture<'_, Page> {
        Box::pin(self.through(self.store.orphans(from)))
    }
}

struct Process {
    link: Arc<Link>,
    fleet: Arc<Fleet>,
}

impl Process {
    fn new(store: &Memory, has_faults: bool, random: fastrand::Rng) -> Rc<Self> {
        let link = Link::new(store, has_faults, random);
        let shared = Arc::clone(&link) as Arc<dyn Store>;
        Rc::new(Self { link, fleet: Fleet::new(shared, LEASE, TTL, Arc::new(Settings::default())) })
    }

    /// A handle, as a request gets it.
    async fn handle(&self) -> Option<Arc<Turns>> {
        let stored = self.fleet.store.read(&session()).await.ok()??;
        Some(Turns::stored(&self.fleet, &session(), &stored).unwrap().0)
    }
}

/// The API's view of a session.
#[derive(Default)]
struct Api {
    /// The fencing number and the lease of the request that it is at work on.
    busy: Option<(u64, Lease)>,
    last_fence: u64,
    open_exchange: Option<ExchangeId>,
    seen: BTreeMap<&'static str, usize>,
}

type Model = Rc<RefCell<Api>>;

impl Api {
    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }
}

/// A request that the API is at work on.
struct Request(Model, u64);

impl Request {
    fn new(api: &Model, turn: &Turn) -> Self {
        let fence = turn.fence();
        let mut state = api.borrow_mut();
        assert!(fence >= state.last_fence, "a request of a turn that has ended");
        state.last_fence = fence;
        if let Some((other, lease)) = &state.busy {
            // It is stopped as soon as its process looks again.
            assert!(*other < fence && lease.is_over(), "two requests at once");
            state.saw("a request outlived its lease");
        }
        state.busy = Some((fence, turn.lease()));
        drop(state);
        Self(Rc::clone(api), fence)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        if state.busy.as_ref().is_some_and(|(fence, _)| *fence == self.1) {
            state.busy = None;
        }
    }
}

async fn some_yields(random: &mut fastrand::Rng) {
    for _ in 0..random.u8(0..6) {
        tokio::task::yield_now().await;
    }
    // Some take longer than a lease.
    if random.u8(0..20) == 0 {
        tokio::time::sleep(2 * LEASE).await;
    }
}

/// One request of the API, in a turn.
async fn ask(
    api: &Model,
    turn: Turn,
    mut random: fastrand::Rng,
    ended: impl FnOnce(&Model, &mut Turn),
) -> Option<Turn> {
    let lease = turn.lease();
    let work = async move {
        let mut turn = turn;
        turn.sent();
        let request = Request::new(api, &turn);
        some_yields(&mut random).await;
        ended(api, &mut turn);
        drop(request);
        turn
    };
    let turn = lease.during(work).await;
    if turn.is_err() {
        api.borrow_mut().saw("a lease was lost");
    }
    turn.ok()
}

async fn end(mut turn: Turn, api: &Model, what: &'static str) {
    let ended = turn.end().await;
    api.borrow_mut().saw(if ended.is_ok() { what } else { "an end was not told" });
}

fn no_exchange(api: &Model) {
    assert_eq!(api.borrow().open_exchange, None, "a change during an open exchange");
}

async fn change(process: Rc<Process>, api: Model, mut random: fastrand::Rng) {
    let effect = if random.bool() { negotiating() } else { super::change() };
    let Some(turns) = process.handle().await else { return };
    let turn = match turns.take(effect).await {
        Ok(turn) => turn,
        Err(Refusal::Unusable(_)) => return api.borrow_mut().saw("a change was refused"),
        Err(Refusal::Store(_)) => return api.borrow_mut().saw("the store did not reply"),
    };
    let turn = ask(&api, turn, random, |api, turn| {
        no_exchange(api);
        turn.safe();
    });
    if let Some(turn) = turn.await {
        end(turn, &api, "a change was made").await;
    }
}

async fn exchange(
    process: Rc<Process>,
    api: Model,
    answering: Rc<Process>,
    mut random: fastrand::Rng,
) {
    let Some(turns) = process.handle().await else { return };
    let Ok(turn) = turns.take(negotiating()).await else { return };
    let mut made = None;
    let turn = ask(&api, turn, random.fork(), |api, turn| {
        no_exchange(api);
        let exchange =
            turn.offered(DEADLINE, || crate::session::exchanged::OfExchange::text(&DataTransport));
        api.borrow_mut().open_exchange = Some(exchange.id());
        made = Some(exchange);
    });
    let Some(turn) = turn.await else { return };
    end(turn, &api, "an offer was made").await;
    let Some(exchange) = made else { return };
    match random.u8(0..8) {
        0 => return drop(exchange),
        1 => tokio::time::sleep(2 * DEADLINE).await,
        _ => some_yields(&mut random).await,
    }
    // As another request does it, which has the id only, perhaps twice.
    let id = exchange.keep(DataTransport);
    for _ in 0..random.u8(1..3) {
        let Some(turns) = answering.handle().await else { return };
        let turn = match resume(&turns, id).await {
            Ok(turn) => turn,
            Err(Refusal::Store(_)) => continue,
            Err(_) => return api.borrow_mut().saw("an answer was refused"),
        };
        assert_eq!(api.borrow().open_exchange, Some(id), "an answer to another offer");
        let turn = ask(&api, turn, random.fork(), |api, turn| {
            api.borrow_mut().open_exchange = None;
            turn.safe();
        });
        if let Some(turn) = turn.await {
            end(turn, &api, "an offer was answered").await;
        }
    }
}

async fn leave(process: Rc<Process>, api: Model, random: fastrand::Rng) {
    let Some(turns) = process.handle().await else { return };
    let Ok((turn, _)) = turns.leave().await else { return };
    if let Some(turn) = ask(&api, turn, random, |_, _| {}).await {
        end(turn, &api, "a session was left").await;
    }
}

type User = Pin<Box<dyn Future<Output = ()>>>;

/// Runs a few users of one session to their ends.
async fn run(mut random: fastrand::Rng) -> BTreeMap<&'static str, usize> {
    let store = Memory::new();
    let has_faults = random.bool();
    let mut processes: Vec<Rc<Process>> =
        (0..3).map(|_| Process::new(&store, has_faults, random.fork())).collect();
    let sound = Process::new(&store, false, random.fork());
    let first = Turns::new();
    // Something is open, so that a session that was left stays in the store.
    first.view().ledger.open(crate::mid::Mid::new("0").unwrap(), None);
    first.share(&sound.fleet, &session(), &Arc::new(Settings::default())).await.unwrap();
    let api = Model::default();
    let mut users: Vec<(Rc<Process>, User)> = Vec::new();
    for _ in 0..random.usize(2..7) {
        let [process, other] = [(); 2].map(|()| Rc::clone(&processes[random.usize(..3)]));
        let (api, own) = (Rc::clone(&api), random.fork());
        let here = Rc::clone(&process);
        users.push(match random.u8(0..12) {
            0 => (here, Box::pin(leave(process, api, own))),
            1..6 => (here, Box::pin(exchange(process, api, other, own))),
            _ => (here, Box::pin(change(process, api, own))),
        });
    }
    let mut context = Context::from_waker(Waker::noop());
    let mut steps = 0;
    while !users.is_empty() {
        let next = random.usize(..users.len());
        match random.u8(0..60) {
            // Time passes for everybody.
            0 => tokio::time::advance(random.u32(1..8) * LEASE / 4).await,
            1 => {
                drop(users.swap_remove(next));
                api.borrow_mut().saw("a future was dropped");
            }
            2 => {
                // A process dies, and all that it was at with it. Another begins.
                let died = random.usize(..3);
                processes[died].link.state().is_dead = true;
                users.retain(|(process, _)| !Rc::ptr_eq(process, &processes[died]));
                processes[died] = Process::new(&store, has_faults, random.fork());
                api.borrow_mut().saw("a process died");
            }
            3 => {
                let mut link = processes[random.usize(..3)].link.state();
                link.cut_until = Instant::now() + random.u32(1..12) * LEASE / 4;
                drop(link);
                api.borrow_mut().saw("a process was cut off");
            }
            4..12 => tokio::time::advance(Duration::from_millis(random.u64(1..300))).await,
            12..20 => tokio::task::yield_now().await,
            _ => {
                if users[next].1.as_mut().poll(&mut context) == Poll::Ready(()) {
                    drop(users.swap_remove(next));
                }
            }
        }
        steps += 1;
        assert!(steps < 100_000, "somebody waits for ever");
    }
    tokio::time::sleep(8 * DEADLINE).await;
    // Whatever has happened, the turn can be had or it is said why not.
    let turns = sound.handle().await.expect("the session is lost");
    let last = tokio::time::timeout(DEADLINE, turns.take(super::change())).await;
    let last = last.expect("the turn is lost");
    let open = api.borrow().open_exchange.is_some();
    assert!(!open || last.is_err(), "an open exchange is not known");
    assert_eq!(last.is_ok(), turns.status() == Status::Ready, "{:?}", turns.status());
    std::mem::take(&mut api.borrow_mut().seen)
}

#[test]
fn a_fleet_never_overlaps_its_changes_nor_loses_an_exchange_in_10_000_interleavings() {
    let seen = interleavings(10_000, run);
    let expected = [
        "a change was made",
        "a change was refused",
        "a future was dropped",
        "a lease was lost",
        "a process died",
        "a process was cut off",
        "a request outlived its lease",
        "a session was left",
        "an answer was refused",
        "an end was not told",
        "an offer was answered",
        "an offer was made",
        "the store did not reply",
    ];
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), expected);
    for (what, times) in seen {
        assert!(times > 30, "{what} only {times} times");
    }
}
