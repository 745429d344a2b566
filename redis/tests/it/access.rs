//! Users, passwords and TLS.

use std::io::Write;
use std::sync::{Arc, Mutex};

use cloudflare_calls::store::{Store, StoreError, contract};
use cloudflare_calls_redis::{ConnectError, RedisStore};

use crate::session;
use crate::support::{Certificates, Cluster, Server, free_port};

const PASSWORD: &str = "s3cret-0f-the-st0re";

/// The rights that a user needs, as the README says.
const ONE: &str = "~calls:* &calls:wake:* +evalsha +script|load +get +set +del +pttl +publish \
                   +subscribe +scan +getrange +exists";
const CLUSTER: &str = "~calls:* &calls:wake:* +evalsha +script|load +get +set +del +pttl \
                       +spublish +ssubscribe +scan +getrange +exists +cluster|slots +asking";

#[tokio::test]
async fn a_user_needs_what_the_readme_says() {
    for rights in [ONE, CLUSTER] {
        let readme =
            include_str!("../../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(readme.contains(rights), "not in the README: {rights}");
    }
    let user = format!("user calls on >{PASSWORD} {ONE}");
    let server = Server::start(&[&user]);
    let url = format!("redis://calls:{PASSWORD}@127.0.0.1:{}", server.port);
    let store = RedisStore::standalone(url).connect().await.unwrap();
    contract::check(Arc::new(store)).await;

    let user = format!("user calls on >{PASSWORD} {CLUSTER}");
    let cluster = Cluster::start(3, false, &[&user]);
    let url = format!("redis://calls:{PASSWORD}@127.0.0.1:{}", cluster.nodes[0].port);
    let store = RedisStore::cluster([url]).connect().await.unwrap();
    contract::check(Arc::new(store)).await;
}

#[tokio::test]
async fn commands_without_the_right_are_refused() {
    let user = format!("user calls on >{PASSWORD} ~calls:* +@all -evalsha");
    let server = Server::start(&[&user]);
    let url = format!("redis://calls:{PASSWORD}@127.0.0.1:{}", server.port);
    let store = RedisStore::standalone(url).connect().await.unwrap();
    let error = store.read(&session()).await.unwrap_err();
    let StoreError::Refused(why) = &error else { panic!("{error:?}") };
    assert!(why.starts_with("NOPERM") && why.contains("evalsha"), "{why}");
}

/// The log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_wrong_password_is_refused_and_is_nowhere_to_be_seen() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::start_as(&["requirepass right"], &["-a", "right"]);
    let wrong = format!("redis://default:{PASSWORD}@127.0.0.1:{}", server.port);
    let none = format!("redis://127.0.0.1:{}", server.port);
    let mut seen = String::new();
    for url in [wrong.clone(), none] {
        let builder = RedisStore::standalone(&url);
        seen += &format!("{builder:?}");
        let error = builder.connect().await.unwrap_err();
        seen += &format!("{error} {error:?}\n");
        assert!(matches!(error, ConnectError::Store(StoreError::Refused(_))), "{error:?}");
    }
    for builder in [
        RedisStore::cluster([&wrong]),
        RedisStore::sentinel("sessions", [&wrong]),
        RedisStore::sentinel(&wrong, ["redis://127.0.0.1:1"]),
        RedisStore::standalone(format!("http://{PASSWORD}@[")),
    ] {
        seen += &format!("{builder:?}");
        let error = builder.connect().await.unwrap_err();
        seen += &format!("{error} {error:?}\n");
    }
    let right = format!("redis://:right@127.0.0.1:{}", server.port);
    let store = RedisStore::standalone(right).connect().await.unwrap();
    seen += &format!("{store:?}");
    seen += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    println!("{seen}");
    assert!(!seen.contains(PASSWORD) && !seen.contains("right@"), "{seen}");
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn tls_with_an_authority_of_ones_own() {
    let certificates = Certificates::new();
    let tls = free_port();
    let options = certificates.options(tls);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let _server = Server::start(&options);
    let url = format!("rediss://127.0.0.1:{tls}");
    let store = RedisStore::standalone(&url).root_certificate(certificates.root()).connect().await;
    contract::check(Arc::new(store.unwrap())).await;
    // A certificate of another authority is refused.
    let error = RedisStore::standalone(&url).connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::Store(_)), "{error:?}");
}
