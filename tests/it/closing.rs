//! Closes with the agent's offer, and their ends.

use cloudflare_calls::error::ItemError;
use cloudflare_calls::session::{Exchanged, Negotiation, Status};
use cloudflare_calls::{Error, prelude::*};
use serde_json::json;

use super::sfu::{Fault, Operation, Sfu, fail_items, reply, reply_after};
use super::{answer, join, mids, offer, publish};

#[tokio::test]
async fn a_negotiated_close_that_is_refused_as_a_whole_may_have_closed_tracks() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["a", "b"]).await;
    // The first is closed before the exchange fails.
    let body = json!({ "errorCode": "invalid_session_description" }).to_string();
    let fault = reply_after(406, body);
    sfu.fault(Operation::CloseTracks, fault);
    let error = session.close_negotiated(offer(&["0", "1"]), mids(&["0"])).await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(406));
    assert_eq!(session.status(), Status::Ready, "the agent rolls its offer back");
    assert_eq!(session.mids(), mids(&["0", "1"]), "it may still be open");
    let departure = session.leave().await.unwrap();
    assert!(departure.was_inspected, "only the state can tell");
    assert_eq!(departure.tracks.done, mids(&["1"]), "the other one was closed before");
    assert!(departure.is_complete() && sfu.all_open_tracks().await.is_empty());
}

#[tokio::test]
async fn an_item_in_doubt_is_reported_as_unknown_when_it_is_closed_again() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["a"]).await;
    sfu.fault(Operation::CloseTracks, Fault::refuse(406, "invalid_session_description"));
    session.close_negotiated(offer(&["0"]), mids(&["0"])).await.unwrap_err();
    sfu.fault(Operation::CloseTracks, fail_items("internal_error", [0]));
    let closed = session.close(mids(&["0"])).await.unwrap();
    assert_eq!(closed.failed[0].error, ItemError::Unreported);
}

#[tokio::test]
async fn an_offer_of_the_sfu_in_reply_to_a_close_waits_for_its_answer() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["a", "b"]).await;
    sfu.fault(Operation::CloseTracks, Fault::Glare);
    let close = session.close_negotiated(offer(&["0", "1"]), mids(&["0"])).await.unwrap();
    let Negotiation::Offer(pending) = close else { panic!("an offer") };
    assert!(pending.offer().sdp().contains("a=group:BUNDLE 0 1 2\r\n"), "the SFU's own");
    assert_eq!(session.status(), Status::AwaitingAnswer);
    let closed = pending.answer(answer()).await.unwrap();
    assert_eq!(closed.into_result().unwrap(), mids(&["0"]));
    assert_eq!(session.status(), Status::Ready);

    // The exchange is kept, and the answer comes with another request.
    sfu.fault(Operation::CloseTracks, Fault::Glare);
    let close = session.close_negotiated(offer(&["0", "1"]), mids(&["1"])).await.unwrap();
    let Negotiation::Offer(pending) = close else { panic!("an offer") };
    let exchange = pending.keep().exchange;
    let Exchanged::Closed(closed) = session.answer(exchange, answer()).await.unwrap() else {
        panic!("a close");
    };
    assert_eq!(closed.done, mids(&["1"]));
    assert!(sfu.all_open_tracks().await.is_empty());
    assert_eq!(sfu.violations().await, []);
}

#[tokio::test]
async fn a_close_of_which_nothing_was_done_negotiates_nothing() {
    let sfu = Sfu::start().await;
    let session = join(&sfu).await;
    publish(&session, &["a"]).await;
    let body = json!({ "tracks": [{ "mid": "0", "errorCode": "internal_error" }] });
    let fault = reply(200, body.to_string());
    sfu.fault(Operation::CloseTracks, fault);
    let close = session.close_negotiated(offer(&["0"]), mids(&["0"])).await.unwrap();
    let Negotiation::Done(closed) = close else { panic!("nothing to answer") };
    assert!(matches!(closed.into_result(), Err(Error::Items { .. })));
    assert_eq!(session.status(), Status::Ready);

    let body = json!({ "tracks": [{ "mid": "0" }] });
    let fault = reply(200, body.to_string());
    sfu.fault(Operation::CloseTracks, fault);
    let error = session.close_negotiated(offer(&["0"]), mids(&["0"])).await.unwrap_err();
    assert!(matches!(error, Error::Contradiction { .. }), "{error}");
}
