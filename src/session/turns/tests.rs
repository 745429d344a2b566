//! The turn under a scheduler that chooses at random, by seed: which of
//! several users of one session runs next, whose future is dropped, and when
//! time passes. A model of the API looks on.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::*;

const DEADLINE: Duration = Duration::from_secs(15);

/// The API's view of a session.
#[derive(Default)]
struct Api {
    is_busy: bool,
    open_exchange: Option<usize>,
    /// The users who asked for the turn and have neither got it nor gone away.
    queue: VecDeque<usize>,
    seen: BTreeMap<&'static str, usize>,
}

type Shared = Rc<RefCell<Api>>;

impl Api {
    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }
}

/// A request that the API is at work on.
struct Request(Shared);

impl Request {
    fn change(api: &Shared) -> Self {
        assert_eq!(api.borrow().open_exchange, None, "a change during an open exchange");
        Self::any(api)
    }

    fn any(api: &Shared) -> Self {
        let mut state = api.borrow_mut();
        assert!(!state.is_busy, "two requests at once");
        state.is_busy = true;
        drop(state);
        Self(Rc::clone(api))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.borrow_mut().is_busy = false;
    }
}

/// A place in the queue, given up when the future that waits is dropped.
struct Place(Shared, usize);

impl Drop for Place {
    fn drop(&mut self) {
        let Self(api, user) = self;
        api.borrow_mut().queue.retain(|waiting| waiting != user);
    }
}

async fn some_yields(random: &mut fastrand::Rng) {
    for _ in 0..random.u8(0..4) {
        tokio::task::yield_now().await;
    }
}

/// Takes the turn; who asked first gets it first.
async fn take(turns: &Arc<Turns<()>>, api: &Shared, user: usize) -> Result<Turn<()>, Unusable> {
    // Polled once so far, so this is the order of asking.
    api.borrow_mut().queue.push_back(user);
    let place = Place(Rc::clone(api), user);
    let turn = turns.take().await;
    if turn.is_ok() {
        assert_eq!(api.borrow().queue.front(), Some(&user), "the turn is given out of order");
    }
    drop(place);
    turn
}

fn resume(turns: &Arc<Turns<()>>, id: ExchangeId) -> Result<Turn<()>, Unusable> {
    match turns.resume(id, |()| Ok::<(), std::convert::Infallible>(())) {
        Ok((turn, ())) => Ok(turn),
        Err(Resume::Unusable(reason)) => Err(reason),
    }
}

async fn change(turns: Arc<Turns<()>>, api: Shared, user: usize, mut random: fastrand::Rng) {
    let Ok(mut turn) = take(&turns, &api, user).await else {
        api.borrow_mut().saw("a change was refused");
        return;
    };
    let negotiates = random.bool();
    if negotiates {
        turn.at_risk(Unfinished::ReplyLost);
    }
    let request = Request::change(&api);
    some_yields(&mut random).await;
    drop(request);
    turn.safe();
    api.borrow_mut().saw("a change was made");
}

async fn exchange(turns: Arc<Turns<()>>, api: Shared, user: usize, mut random: fastrand::Rng) {
    let Ok(mut turn) = take(&turns, &api, user).await else { return };
    turn.at_risk(Unfinished::ReplyLost);
    let request = Request::change(&api);
    some_yields(&mut random).await;
    api.borrow_mut().open_exchange = Some(user);
    drop(request);
    let exchange = turn.offered(DEADLINE);
    let is_kept = random.bool();
    match random.u8(0..8) {
        0 => {
            drop(exchange);
            api.borrow_mut().saw("an offer was dropped");
            return;
        }
        1 => tokio::time::sleep(2 * DEADLINE).await,
        2 => tokio::time::sleep(DEADLINE).await,
        _ => some_yields(&mut random).await,
    }
    let resumed = match is_kept {
        // As another request does it, which has the id only.
        true => {
            let id = exchange.keep(());
            some_yields(&mut random).await;
            resume(&turns, id)
        }
        false => exchange.resume(),
    };
    let mut turn = match resumed {
        Ok(turn) => turn,
        Err(reason) => {
            let what = match reason {
                Unusable::Unfinished(Unfinished::AnswerLate) => "an answer was late",
                Unusable::Left => "an offer was abandoned",
                other => panic!("{other:?} is no reason for an answer to be refused"),
            };
            api.borrow_mut().saw(what);
            return;
        }
    };
    turn.at_risk(Unfinished::ReplyLost);
    assert_eq!(api.borrow().open_exchange, Some(user), "an answer to another offer");
    let request = Request::any(&api);
    some_yields(&mut random).await;
    api.borrow_mut().open_exchange = None;
    drop(request);
    turn.safe();
    api.borrow_mut().saw("an offer was answered");
}

async fn leave(turns: Arc<Turns<()>>, api: Shared, _: usize, mut random: fastrand::Rng) {
    let turn = turns.leave().await;
    let request = Request::any(&api);
    some_yields(&mut random).await;
    drop(request);
    drop(turn);
    api.borrow_mut().saw("a session was left");
}

/// Runs a few users of one session to their ends.
async fn run(mut random: fastrand::Rng) -> BTreeMap<&'static str, usize> {
    let turns = Turns::<()>::new();
    let api = Shared::default();
    let mut users: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
    for user in 0..random.usize(2..6) {
        let (turns, api, own) = (Arc::clone(&turns), Rc::clone(&api), random.fork());
        users.push(match random.u8(0..10) {
            0 => Box::pin(leave(turns, api, user, own)),
            1..5 => Box::pin(exchange(turns, api, user, own)),
            _ => Box::pin(change(turns, api, user, own)),
        });
    }
    let mut context = Context::from_waker(Waker::noop());
    let mut steps = 0;
    while !users.is_empty() {
        let next = random.usize(..users.len());
        match random.u8(0..20) {
            // Time passes for everybody.
            0 => tokio::time::advance(random.u32(1..4) * DEADLINE / 4).await,
            1 => {
                drop(users.swap_remove(next));
                api.borrow_mut().saw("a future was dropped");
            }
            2..5 => tokio::task::yield_now().await,
            _ => {
                if users[next].as_mut().poll(&mut context) == Poll::Ready(()) {
                    drop(users.swap_remove(next));
                }
            }
        }
        steps += 1;
        assert!(steps < 100_000, "somebody waits for ever");
    }
    tokio::time::advance(4 * DEADLINE).await;
    tokio::task::yield_now().await;
    // Whatever has happened, the turn can be had or it is said why not.
    let last = tokio::time::timeout(Duration::ZERO, turns.take()).await;
    let last = last.expect("the turn is lost");
    assert_eq!(last.is_ok(), turns.status() == Status::Ready);
    let open = api.borrow().open_exchange.is_some();
    assert!(!open || last.is_err(), "an open exchange is not known");
    std::mem::take(&mut api.borrow_mut().seen)
}

#[test]
fn changes_never_overlap_and_the_turn_is_never_lost_in_30_000_interleavings() {
    let mut seen = BTreeMap::<_, usize>::new();
    for seed in 0..30_000 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runtime.block_on(run(fastrand::Rng::with_seed(seed)))
        }));
        let result = result.unwrap_or_else(|_| panic!("seed {seed} fails"));
        for (what, times) in result {
            *seen.entry(what).or_default() += times;
        }
    }
    let expected = [
        "a change was made",
        "a change was refused",
        "a future was dropped",
        "a session was left",
        "an answer was late",
        "an offer was abandoned",
        "an offer was answered",
        "an offer was dropped",
    ];
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), expected);
    for (what, times) in seen {
        assert!(times > 300, "{what} only {times} times");
    }
}

#[tokio::test(start_paused = true)]
async fn the_turn_is_given_in_the_order_of_asking() {
    let turns = Turns::<()>::new();
    let first = turns.take().await.unwrap();
    let order = Rc::new(RefCell::new(Vec::new()));
    let waiting = (0..5).map(|user| {
        let (turns, order) = (Arc::clone(&turns), Rc::clone(&order));
        async move {
            let turn = turns.take().await.unwrap();
            order.borrow_mut().push(user);
            tokio::task::yield_now().await;
            drop(turn);
        }
    });
    let mut waiting: Vec<_> = waiting.map(Box::pin).collect();
    let mut context = Context::from_waker(Waker::noop());
    for user in &mut waiting {
        assert!(user.as_mut().poll(&mut context).is_pending());
    }
    drop(first);
    // Polled in the reverse order, again and again.
    while !waiting.is_empty() {
        waiting.reverse();
        waiting.retain_mut(|user| user.as_mut().poll(&mut context).is_pending());
        waiting.reverse();
    }
    assert_eq!(*order.borrow(), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_when_an_answer_is_late_is_told_why() {
    let turns = Turns::<()>::new();
    let exchange = turns.take().await.unwrap().offered(DEADLINE);
    assert_eq!(turns.status(), Status::AwaitingAnswer);
    let late = Unusable::Unfinished(Unfinished::AnswerLate);
    let started = Instant::now();
    assert_eq!(turns.take().await.err(), Some(late));
    assert_eq!(started.elapsed(), DEADLINE);
    assert_eq!(exchange.resume().err(), Some(late));
    assert_eq!(turns.status(), Status::Unusable(late));
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_stops_the_deadline() {
    let turns = Turns::<()>::new();
    let exchange = turns.take().await.unwrap().offered(DEADLINE);
    tokio::time::sleep(DEADLINE - Duration::from_millis(1)).await;
    let turn = exchange.resume().unwrap();
    tokio::time::sleep(2 * DEADLINE).await;
    assert_eq!(turns.status(), Status::Ready);
    drop(turn);
    assert!(turns.take().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_kept_exchange_is_found_by_its_id_and_by_no_other() {
    let turns = Turns::<()>::new();
    let first = turns.take().await.unwrap().offered(DEADLINE).keep(());
    let none = Unusable::NoSuchExchange;
    assert_eq!(resume(&turns, "0123456789abcdef".parse().unwrap()).err(), Some(none));
    let refused = turns.resume(first, |()| Err("not permitted"));
    assert!(matches!(refused, Err(Resume::Denied("not permitted"))));
    assert_eq!(turns.status(), Status::AwaitingAnswer, "it is as it was");
    drop(resume(&turns, first).unwrap());
    assert_eq!(resume(&turns, first).err(), Some(none), "it was answered already");
    let second = turns.take().await.unwrap().offered(DEADLINE).keep(());
    assert_eq!(resume(&turns, first).err(), Some(none), "the answer is to an earlier offer");
    assert!(resume(&turns, second).is_ok());
}

#[test]
fn a_deadline_needs_no_runtime_that_lives() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let turns = Turns::<()>::new();
    let offered = async { turns.take().await.unwrap().offered(Duration::ZERO) };
    let exchange = runtime().block_on(offered);
    let late = Unusable::Unfinished(Unfinished::AnswerLate);
    assert_eq!(turns.status(), Status::Unusable(late));
    assert_eq!(exchange.resume().err(), Some(late));
    let next = runtime().block_on(async { turns.take().await.err() });
    assert_eq!(next, Some(late));
}

#[test]
fn the_first_reason_stays() {
    let turns = Turns::<()>::new();
    let mut state = turns.state();
    assert!(state.give_up(Unfinished::ReplyLost));
    assert!(!state.give_up(Unfinished::Abandoned));
    assert_eq!(state.unusable(), Some(Unusable::Unfinished(Unfinished::ReplyLost)));
}
