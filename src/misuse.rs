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
