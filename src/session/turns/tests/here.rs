//! The turn in one process under a scheduler that chooses which of several users of
//! one session runs next, whose future is dropped, and when time passes. A model of
//! the API looks on.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::task::{Context, Waker};

use super::*;

/// The API's view of a session.
#[derive(Default)]
struct Api {
    is_busy: bool,
    open_exchange: Option<usize>,
    /// The users who asked for the turn and have neither got it nor gone away.
    queue: VecDeque<usize>,
    seen: BTreeMap<&'static str, usize>,
}

type Model = Rc<RefCell<Api>>;

impl Api {
    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }
}

/// A request that the API is at work on.
struct Request(Model);

impl Request {
    fn change(api: &Model) -> Self {
        assert_eq!(api.borrow().open_exchange, None, "a change during an open exchange");
        Self::any(api)
    }

    fn any(api: &Model) -> Self {
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
struct Queued(Model, usize);

impl Drop for Queued {
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
async fn take(
    turns: &Arc<Turns>,
    api: &Model,
    user: usize,
    effect: Arc<Effect>,
) -> Result<Turn, Unusable> {
    // Polled once so far, so this is the order of asking.
    api.borrow_mut().queue.push_back(user);
    let place = Queued(Rc::clone(api), user);
    let turn = turns.take(effect).await;
    if turn.is_ok() {
        assert_eq!(api.borrow().queue.front(), Some(&user), "the turn is given out of order");
    }
    drop(place);
    turn.map_err(|refusal| unusable(Some(refusal)).unwrap())
}

async fn change(turns: Arc<Turns>, api: Model, user: usize, mut random: fastrand::Rng) {
    let effect = if random.bool() { negotiating() } else { super::change() };
    let Ok(mut turn) = take(&turns, &api, user, effect).await else {
        api.borrow_mut().saw("a change was refused");
        return;
    };
    turn.sent();
    let request = Request::change(&api);
    some_yields(&mut random).await;
    drop(request);
    turn.safe();
    api.borrow_mut().saw("a change was made");
}

async fn exchange(turns: Arc<Turns>, api: Model, user: usize, mut random: fastrand::Rng) {
    let Ok(mut turn) = take(&turns, &api, user, negotiating()).await else { return };
    turn.sent();
    let request = Request::change(&api);
    some_yields(&mut random).await;
    api.borrow_mut().open_exchange = Some(user);
    drop(request);
    let exchange = offered(turn, DEADLINE).await;
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
            let id = exchange.keep(DataTransport);
            some_yields(&mut random).await;
            resume(&turns, id).await
        }
        false => exchange.resume().await,
    };
    let mut turn = match resumed {
        Ok(turn) => turn,
        Err(reason) => {
            let what = match unusable(Some(reason)) {
                Some(Unusable::Unfinished(Unfinished::AnswerLate)) => "an answer was late",
                Some(Unusable::Left) => "an offer was abandoned",
                other => panic!("{other:?} is no reason for an answer to be refused"),
            };
            api.borrow_mut().saw(what);
            return;
        }
    };
    turn.sent();
    assert_eq!(api.borrow().open_exchange, Some(user), "an answer to another offer");
    let request = Request::any(&api);
    some_yields(&mut random).await;
    api.borrow_mut().open_exchange = None;
    drop(request);
    turn.safe();
    api.borrow_mut().saw("an offer was answered");
}

async fn leave(turns: Arc<Turns>, api: Model, _: usize, mut random: fastrand::Rng) {
    let (turn, _) = turns.leave().await.unwrap();
    let request = Request::any(&api);
    some_yields(&mut random).await;
    drop(request);
    drop(turn);
    api.borrow_mut().saw("a session was left");
}

/// Runs a few users of one session to their ends.
async fn run(mut random: fastrand::Rng) -> BTreeMap<&'static str, usize> {
    let turns = Turns::new();
    let api = Model::default();
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
    let last = tokio::time::timeout(Duration::ZERO, turns.take(super::change())).await;
    let last = last.expect("the turn is lost");
    assert_eq!(last.is_ok(), turns.status() == Status::Ready);
    let open = api.borrow().open_exchange.is_some();
    assert!(!open || last.is_err(), "an open exchange is not known");
    std::mem::take(&mut api.borrow_mut().seen)
}

#[test]
fn changes_never_overlap_and_the_turn_is_never_lost_in_30_000_interleavings() {
    let seen = interleavings(30_000, run);
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
    let turns = Turns::new();
    let first = turns.take(super::change()).await.unwrap();
    let order = Rc::new(RefCell::new(Vec::new()));
    let waiting = (0..5).map(|user| {
        let (turns, order) = (Arc::clone(&turns), Rc::clone(&order));
        async move {
            let turn = turns.take(super::change()).await.unwrap();
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
