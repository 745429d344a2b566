//! List of STUN and TURN servers in the form for agents.

use cloudflare_calls::SecretString;
use cloudflare_calls::ice::{IceServer, IceServers, STUN_URL};
use serde_json::{Value, json};

use super::logs::assert_clean;
use super::{TURN_CREDENTIAL, TURN_USERNAME};

fn servers(value: Value) -> IceServers {
    serde_json::from_value(value).expect("servers")
}

fn json_of(servers: &IceServers) -> Value {
    serde_json::to_value(servers).expect("JSON")
}

/// Returns the URLs that `for_browsers` keeps of a server.
fn usable_by_browsers(urls: &[&str]) -> Vec<String> {
    let servers = IceServers::from_iter([IceServer::new(urls.iter().copied())]).for_browsers();
    servers.iter().flat_map(|server| server.urls().iter().cloned()).collect()
}

#[test]
fn stun_is_the_default() {
    assert_eq!(STUN_URL, "stun:stun.cloudflare.com:3478");
    let expected = json!([{ "urls": ["stun:stun.cloudflare.com:3478"] }]);
    assert_eq!(json_of(&IceServers::stun()), expected);
    assert_eq!(json_of(&IceServers::default()), expected);
}

#[test]
fn serialising_yields_what_a_peer_connection_takes() {
    let mut servers = IceServers::stun();
    let credential = SecretString::from(TURN_CREDENTIAL);
    servers.push(IceServer::new(["turn:a", "turns:a:5349"]).credentials(TURN_USERNAME, credential));
    assert_eq!(
        json_of(&servers),
        json!([
            { "urls": ["stun:stun.cloudflare.com:3478"] },
            {
                "urls": ["turn:a", "turns:a:5349"],
                "username": TURN_USERNAME,
                "credential": TURN_CREDENTIAL,
            },
        ])
    );
}

#[test]
fn serialised_servers_are_read_back() {
    let list = json!([
        { "urls": ["stun:a"] },
        { "urls": ["turn:b", "turns:c"], "username": "u", "credential": "c" },
    ]);
    assert_eq!(json_of(&servers(list.clone())), list);
    assert_eq!(json_of(&servers(json!([]))), json!([]));
}

#[test]
fn a_reply_of_turn_is_read_whatever_else_it_holds() {
    let list = json!([{ "urls": ["turn:b"], "username": "u", "credential": "c" }]);
    let reply = json!({ "expires": { "at": 7 }, "iceServers": list, "more": [1, null] });
    assert_eq!(json_of(&servers(reply)), list);
}

#[test]
fn urls_may_be_a_single_string_and_credentials_null() {
    let read = servers(json!([
        { "urls": "stun:a", "username": null, "credential": null, "credentialType": "password" },
    ]));
    assert_eq!(json_of(&read), json!([{ "urls": ["stun:a"] }]));
    let server = read.iter().next().expect("a server");
    assert!(server.username().is_none() && server.credential().is_none());
}

#[test]
fn other_json_than_a_list_of_servers_is_refused_without_quoting_it() {
    for value in [
        json!({}),
        json!({ "iceServers": null }),
        json!({ "iceServers": { "urls": ["stun:a"] } }),
        json!("stun:a"),
        json!(["stun:a"]),
        json!([{ "username": TURN_USERNAME, "credential": TURN_CREDENTIAL }]),
        json!([{ "urls": 7, "credential": TURN_CREDENTIAL }]),
        json!([{ "urls": ["stun:a", null], "credential": TURN_CREDENTIAL }]),
        json!([{ "urls": "stun:a", "credential": [TURN_CREDENTIAL] }]),
    ] {
        let error = serde_json::from_value::<IceServers>(value.clone()).unwrap_err();
        assert_clean("an error", &format!("{error} {error:?}"));
    }
}

#[test]
fn urls_with_port_53_are_not_for_browsers() {
    for url in [
        "stun:host:53",
        "STUN:host:53",
        "turn:host:53?transport=udp",
        "turn:host:53?transport=tcp",
        "turns:host:53",
        "turn:[2001:db8::1]:53",
        "turn:[2001:db8::1]:53?transport=udp",
        "turn:192.0.2.1:53",
        "turn:host:053",
    ] {
        assert_eq!(usable_by_browsers(&[url]), [""; 0], "{url}");
    }
}

#[test]
fn a_53_that_is_no_port_is_left_alone() {
    for url in [
        "stun:host",
        "stun:host:3478",
        "turns:host:5349?transport=tcp",
        "turn:host:5353",
        "turn:host:530",
        "turn:host:153",
        "turn:host53:3478",
        "turn:53",
        "turn:53.example",
        "turn:192.0.2.53",
        "turn:192.0.2.53:80?transport=tcp",
        "turn:[2001:db8::53]",
        "turn:[2001:db8::53]:3478",
        "turn:[2001:db8:0:0:0:0:0:53]:443?transport=tcp",
        "turn:host?transport=udp:53",
        "turn:host:",
        "turn:[2001:db8::1",
        "no URL at all",
        "",
    ] {
        assert_eq!(usable_by_browsers(&[url]), [url], "{url}");
    }
}

#[test]
fn a_server_that_browsers_cannot_reach_at_all_goes_with_its_urls() {
    let read = servers(json!({ "iceServers": [
        { "urls": ["stun:stun.cloudflare.com:3478", "stun:stun.cloudflare.com:53"] },
        { "urls": ["turn:turn.cloudflare.com:53?transport=udp"], "username": "u", "credential": "c" },
        {
            "urls": [
                "turn:turn.cloudflare.com:3478?transport=udp",
                "turn:turn.cloudflare.com:53?transport=udp",
                "turns:turn.cloudflare.com:5349?transport=tcp",
            ],
            "username": "u",
            "credential": "c",
        },
    ] }));
    assert_eq!(read.len(), 3);
    assert_eq!(
        json_of(&read.for_browsers()),
        json!([
            { "urls": ["stun:stun.cloudflare.com:3478"] },
            {
                "urls": [
                    "turn:turn.cloudflare.com:3478?transport=udp",
                    "turns:turn.cloudflare.com:5349?transport=tcp",
                ],
                "username": "u",
                "credential": "c",
            },
        ])
    );
    assert!(IceServers::from_iter([IceServer::new([""; 0])]).for_browsers().is_empty());
}

#[test]
fn debug_output_shows_urls_and_no_credentials() {
    let credential = SecretString::from(TURN_CREDENTIAL);
    let server = IceServer::new(["turn:host"]).credentials(TURN_USERNAME, credential);
    let servers = IceServers::from_iter([server.clone()]);
    let shown = format!("{server:?} {servers:?} {servers:#?}");
    assert!(shown.contains("turn:host"), "{shown}");
    assert_clean("Debug of servers", &shown);
}

#[test]
fn a_list_can_be_put_together_from_others() {
    let mut all = IceServers::stun();
    all.extend(servers(json!([{ "urls": "turn:b" }])));
    let urls: Vec<&str> = (&all).into_iter().map(|server| server.urls()[0].as_str()).collect();
    assert_eq!(urls, [STUN_URL, "turn:b"]);
}
