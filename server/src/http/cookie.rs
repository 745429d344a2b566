//! Cookie with a member's token.

use axum::http::{HeaderMap, HeaderValue, Uri, header};

use crate::name::RoomName;

/// Name of the cookie.
const NAME: &str = "calls";

/// Returns the token of the cookie.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let texts = cookies.filter_map(|cookies| cookies.to_str().ok());
    let pairs = texts.flat_map(|cookies| cookies.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='));
    named.next()
}

/// Returns a cookie for this room's path. Scripts cannot read it, and no other site's page sends
/// it.
pub(super) fn set(
    token: &str,
    room: &RoomName,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<HeaderValue> {
    let path = room_path(uri, room);
    // On this machine the server may use plain HTTP, over which some browsers keep no secure
    // cookie.
    let secure = if is_this_machine(headers) { "" } else { "; Secure" };
    let cookie = format!("{NAME}={token}; Path={path}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::try_from(cookie).ok()
}

/// Returns the path of the room from outside, wherever the router is nested.
pub(super) fn room_path<'a>(uri: &'a Uri, room: &RoomName) -> &'a str {
    let part = format!("/rooms/{room}");
    let path = uri.path();
    path.find(&part).map_or(path, |at| &path[..at + part.len()])
}

fn is_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; callsx=c"));
        assert_eq!(token(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("d=e; calls=f.g"));
        assert_eq!(token(&headers), Some("f.g"));
    }

    #[test]
    fn the_cookie_is_for_the_rooms_path_wherever_it_is_nested() {
        let room = RoomName::new("r").expect("a name");
        let uri: Uri = "/a/b/rooms/r/members".parse().expect("a path");
        let mut headers = HeaderMap::new();
        let cookie = set("t", &room, &uri, &headers).expect("a cookie");
        assert_eq!(cookie, "calls=t; Path=/a/b/rooms/r; HttpOnly; SameSite=Strict; Secure");
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:80"));
        let cookie = set("t", &room, &uri, &headers).expect("a cookie");
        assert_eq!(cookie, "calls=t; Path=/a/b/rooms/r; HttpOnly; SameSite=Strict");
    }
}
