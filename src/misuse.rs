//! What must not compile. Each wrong line stands behind the right one, so
//! that nothing but the difference between the two can be the reason.

/// A string is no session id, and neither is the id of an app.
///
/// ```no_run
/// # async fn read(client: cloudflare_calls::Client, id: cloudflare_calls::types::SessionId) {
/// let _ = client.get_session(&id).send().await;
/// # }
/// ```
///
/// ```compile_fail,E0308
/// # async fn read(client: cloudflare_calls::Client, id: cloudflare_calls::types::SessionId) {
/// let _ = client.get_session(id.as_str()).send().await;
/// # }
/// ```
///
/// ```compile_fail,E0308
/// # async fn read(client: cloudflare_calls::Client, id: cloudflare_calls::types::SessionId) {
/// let _ = client.get_session(client.app_id()).send().await;
/// # }
/// ```
struct Ids;

/// What an operation cannot do without cannot be forgotten.
///
/// ```
/// use cloudflare_calls::types::{CloseTrack, CloseTracksRequest};
/// let _ = CloseTracksRequest::new(true, [CloseTrack::new("0")]);
/// ```
///
/// ```compile_fail,E0061
/// use cloudflare_calls::types::{CloseTrack, CloseTracksRequest};
/// let _ = CloseTracksRequest::new([CloseTrack::new("0")]);
/// ```
struct Required;

/// Enums may grow, so a `match` has an arm for the rest.
///
/// ```
/// use cloudflare_calls::types::TrackKind;
/// let _ = match TrackKind::Audio { TrackKind::Audio => 1, TrackKind::Video => 2, _ => 3 };
/// ```
///
/// ```compile_fail,E0004
/// use cloudflare_calls::types::TrackKind;
/// let _ = match TrackKind::Audio { TrackKind::Audio => 1, TrackKind::Video => 2, TrackKind::Other(_) => 3 };
/// ```
struct Enums;

/// Structs may grow, so none is written out.
///
/// ```
/// use cloudflare_calls::types::SessionDescription;
/// let _ = SessionDescription::new();
/// ```
///
/// ```compile_fail,E0639
/// use cloudflare_calls::types::SessionDescription;
/// let _ = SessionDescription { sdp: None, type_: None };
/// ```
struct Structs;

/// A secret is not mistaken for another string, and an id is not built unchecked.
///
/// ```
/// use cloudflare_calls::{Client, SecretString, types::AppId};
/// let client = Client::new(AppId::new("app")?, SecretString::from("secret"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```compile_fail,E0308
/// use cloudflare_calls::{Client, SecretString, types::AppId};
/// let client = Client::new(AppId::new("app")?, "secret")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
struct Construction;

/// The SFU's offer is answered by an answer, and once.
///
/// ```no_run
/// # use cloudflare_calls::{Answer, Error, PendingAnswer};
/// # async fn f(pending: PendingAnswer<()>, answer: Answer) -> Result<(), Error> {
/// pending.answer(answer).await?;
/// # Ok(())
/// # }
/// ```
///
/// ```compile_fail,E0308
/// # use cloudflare_calls::{Error, Offer, PendingAnswer};
/// # async fn f(pending: PendingAnswer<()>, offer: Offer) -> Result<(), Error> {
/// pending.answer(offer).await?;
/// # Ok(())
/// # }
/// ```
///
/// ```compile_fail,E0382
/// # use cloudflare_calls::{Answer, Error, PendingAnswer};
/// # async fn f(pending: PendingAnswer<()>, answer: Answer) -> Result<(), Error> {
/// pending.answer(answer.clone()).await?;
/// pending.answer(answer).await?;
/// # Ok(())
/// # }
/// ```
struct Answers;

/// What an SFU's offer leads to is not to be had without a look at the offer,
/// and an offer that is thrown away is at least a warning.
///
/// ```no_run
/// #![deny(unused_must_use)]
/// # use cloudflare_calls::{Error, Negotiation, RemoteTrack, Session, Subscribed, prelude::*};
/// # async fn f(session: Session, track: RemoteTrack) -> Result<(), Error> {
/// let Negotiation::Offer(pending) = session.subscribe([track]).await? else { return Ok(()) };
/// let there: &Subscribed = pending.outcome();
/// # Ok(())
/// # }
/// ```
///
/// ```compile_fail,E0308
/// # use cloudflare_calls::{Error, RemoteTrack, Session, Subscribed, prelude::*};
/// # async fn f(session: Session, track: RemoteTrack) -> Result<(), Error> {
/// let there: Subscribed = session.subscribe([track]).await?;
/// # Ok(())
/// # }
/// ```
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use cloudflare_calls::{Error, RemoteTrack, Session, prelude::*};
/// # async fn f(session: Session, track: RemoteTrack) -> Result<(), Error> {
/// session.subscribe([track]).await?;
/// # Ok(())
/// # }
/// ```
struct Offers;

/// A name is no mid, and a client has no tracks to close.
///
/// ```no_run
/// # use cloudflare_calls::{Error, Mid, Session, prelude::*};
/// # async fn f(session: Session, mid: Mid) -> Result<(), Error> {
/// session.close([mid]).await?.complete()
/// # }
/// ```
///
/// ```compile_fail,E0271
/// # use cloudflare_calls::{Error, Session, prelude::*};
/// # async fn f(session: Session) -> Result<(), Error> {
/// session.close(["mic"]).await?.complete()
/// # }
/// ```
///
/// ```compile_fail,E0599
/// # use cloudflare_calls::{Client, Error, Mid, prelude::*};
/// # async fn f(session: Client, mid: Mid) -> Result<(), Error> {
/// session.close([mid]).await?.complete()
/// # }
/// ```
struct Names;
