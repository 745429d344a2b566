//! Settings that are refused before anything is sent.

use std::time::Duration;

use cloudflare_calls_redis::{ConnectError, RedisStore};

#[tokio::test]
async fn wrong_settings_are_named() {
    let url = "redis://127.0.0.1:1";
    let none: [&str; 0] = [];
    let wrong = [
        (RedisStore::standalone("http://127.0.0.1"), ConnectError::Url(0)),
        (RedisStore::standalone(""), ConnectError::Url(0)),
        (RedisStore::standalone("redis://127.0.0.1/x"), ConnectError::Url(0)),
        (RedisStore::cluster([url, "redis:"]), ConnectError::Url(1)),
        (RedisStore::cluster(none), ConnectError::NoUrl),
        (RedisStore::cluster(["unix:///tmp/x"]), ConnectError::Nodes),
        (RedisStore::cluster([url, "redis://u:p@127.0.0.1:2"]), ConnectError::Nodes),
        (RedisStore::cluster(["redis://u:p@127.0.0.1:2", url]), ConnectError::Nodes),
        (RedisStore::cluster([url, "rediss://127.0.0.1:2"]), ConnectError::Nodes),
        (RedisStore::sentinel("sessions", [url, "redis://u:p@h"]), ConnectError::Nodes),
        (RedisStore::sentinel("sessions", none), ConnectError::NoUrl),
        (RedisStore::sentinel("", [url]), ConnectError::Master),
        (RedisStore::sentinel("redis://", [url]), ConnectError::Master),
        (RedisStore::standalone(url).prefix(""), ConnectError::Prefix),
        (RedisStore::standalone(url).prefix("a{b}"), ConnectError::Prefix),
        (RedisStore::standalone(url).prefix("a\n"), ConnectError::Prefix),
        (RedisStore::standalone(url).timeout(Duration::ZERO), ConnectError::Timeout),
        (RedisStore::standalone(url).root_certificate("no PEM"), ConnectError::Certificate),
    ];
    for (builder, expected) in wrong {
        let shown = format!("{builder:?}");
        let error = builder.connect().await.unwrap_err();
        assert_eq!(error, expected, "{shown}");
        assert!(!error.to_string().contains("127.0.0.1"));
    }
}

#[tokio::test]
async fn a_port_without_a_server_is_unreachable() {
    let builders = [
        RedisStore::standalone("redis://127.0.0.1:1"),
        RedisStore::sentinel("sessions", ["redis://127.0.0.1:1"]),
        RedisStore::cluster(["redis://127.0.0.1:1"]),
    ];
    for builder in builders {
        let shown = format!("{builder:?}");
        let error = builder.connect().await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("the store of sessions is not reachable: "), "{shown}: {text}");
    }
}
