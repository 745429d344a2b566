//! Media side over real UDP on this machine: agents on one end, the SFU on the other, and only the
//! loopback between them.

mod io;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use cloudflare_calls_emulator::agent::{Agent, Change, Scene, Source, Voice};
use cloudflare_calls_emulator::media::sfu::{Route, Sfu};
use cloudflare_calls_emulator::media::{
    Counters, Delivery, Event, Kind, Layers, Media, Message, NewSection, Place, SessionKey,
};
use tokio::net::UdpSocket;

use io::Running;

/// Long enough for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

const SEND_AUDIO: NewSection = NewSection::Send { kind: Kind::Audio, is_bidirectional: false };
const SEND_VIDEO: NewSection = NewSection::Send { kind: Kind::Video, is_bidirectional: false };

/// Creates a session with an agent.
async fn join(sfu: &Running, key: u64) -> (SessionKey, Agent) {
    let session = SessionKey(key);
    sfu.call(move |sfu| sfu.open(session)).await;
    (session, Agent::start().await.unwrap())
}

/// Lets the agent offer sections to send on. Returns their places.
async fn publish(sfu: &Running, session: SessionKey, agent: &Agent, add: &[Source]) -> Vec<Place> {
    let (offer, mids) = agent.offer(add).await.unwrap();
    let accepted = sfu.call(move |sfu| sfu.accept_offer(session, &offer)).await.unwrap();
    for mid in &mids {
        let section = accepted.sections.iter().find(|section| section.mid == *mid).unwrap();
        assert!(section.sends && !section.is_stopped);
    }
    agent.accept_answer(&accepted.answer).await.unwrap();
    agent.connected(PATIENCE).await.unwrap();
    mids.into_iter().map(|mid| Place { session, mid }).collect()
}

/// Lets the SFU offer sections. Returns their places.
async fn offer(
    sfu: &Running,
    session: SessionKey,
    agent: &Agent,
    add: &'static [NewSection],
) -> Vec<Place> {
    let offered = sfu.call(move |sfu| sfu.offer(session, add)).await.unwrap();
    assert_eq!(offered.mids.len(), add.len());
    let answer = agent.answer(&offered.offer).await.unwrap();
    sfu.call(move |sfu| sfu.accept_answer(session, &answer)).await.unwrap();
    agent.connected(PATIENCE).await.unwrap();
    offered.mids.into_iter().map(|mid| Place { session, mid }).collect()
}

async fn forward(sfu: &Running, from: &Place, to: &Place, layers: Layers) {
    let (from, to) = (from.clone(), to.clone());
    sfu.call(move |sfu| sfu.forward(from, to, layers)).await;
}

fn layer(rid: &str, falls_back_if_absent: bool) -> Layers {
    Layers {
        preferred: Some(rid.to_owned()),
        falls_back_for_bandwidth: false,
        falls_back_if_absent,
    }
}

async fn counters(sfu: &Running, place: &Place) -> Counters {
    let place = place.clone();
    sfu.call(move |sfu| sfu.counters(&place)).await.unwrap()
}

/// Asks the SFU until a condition holds.
async fn until(sfu: &Running, condition: impl Fn(&mut Sfu) -> bool + Clone + Send + 'static) {
    let wait = async {
        while !sfu.call(condition.clone()).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it did not happen in time");
}

/// Waits for packets of one publisher's layer, and a few more of them.
async fn hear(agent: &Agent, at: &Place, from: &Agent, layer: Option<&str>) {
    let before = agent.received(&at.mid).packets;
    let received = agent
        .until_received(&at.mid, PATIENCE, |received| {
            let is_it = received.marker.as_ref().is_some_and(|marker| {
                marker.agent == from.id() && marker.layer.as_deref() == layer
            });
            is_it && received.packets >= before + 10
        })
        .await;
    let received = received.unwrap_or_else(|error| {
        panic!("{error}: want {} {layer:?}, have {:?}", from.id(), agent.received(&at.mid))
    });
    assert_eq!((received.leaps, received.gaps), (0, 0), "{received:?}");
    assert_eq!((received.picture_gaps, received.blind_switches), (0, 0), "{received:?}");
}

#[tokio::test]
async fn publications_reach_subscribers_in_other_sessions() {
    let mut sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    let (carol, c) = join(&sfu, 3).await;

    let published = publish(&sfu, alice, &a, &[Source::Audio]).await;
    assert_eq!(sfu.event().await, Event::Connected(alice));
    let place = published[0].clone();
    until(&sfu, move |sfu| sfu.last_packet(&place).is_some()).await;

    let at_b = offer(&sfu, bob, &b, &[SEND_AUDIO]).await;
    forward(&sfu, &published[0], &at_b[0], Layers::default()).await;
    hear(&b, &at_b[0], &a, None).await;

    let at_c = offer(&sfu, carol, &c, &[SEND_AUDIO]).await;
    forward(&sfu, &published[0], &at_c[0], Layers::default()).await;
    hear(&c, &at_c[0], &a, None).await;
    hear(&b, &at_b[0], &a, None).await;

    let from = counters(&sfu, &published[0]).await;
    let to = counters(&sfu, &at_c[0]).await;
    assert!(from.packets_in > 0 && from.bytes_in > 0 && from.packets_out == 0);
    assert!(to.packets_out > 0 && to.bytes_out > 0 && to.packets_in == 0);
    assert_eq!(from.dropped + to.dropped, 0);

    let to = at_b[0].clone();
    sfu.call(move |sfu| sfu.stop(&to)).await;
    let stopped = counters(&sfu, &at_b[0]).await.packets_out;
    hear(&c, &at_c[0], &a, None).await;
    assert_eq!(counters(&sfu, &at_b[0]).await.packets_out, stopped);
}

#[tokio::test]
async fn an_agent_publishes_on_what_the_sfu_offers() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    const RECEIVE: &[NewSection] = &[
        NewSection::Receive { kind: Kind::Audio, is_bidirectional: true },
        NewSection::Receive { kind: Kind::Video, is_bidirectional: false },
    ];
    let published = offer(&sfu, alice, &a, RECEIVE).await;
    let at_b = offer(&sfu, bob, &b, &[SEND_AUDIO, SEND_VIDEO]).await;
    for (from, to) in published.iter().zip(&at_b) {
        forward(&sfu, from, to, Layers::default()).await;
        hear(&b, to, &a, None).await;
    }
    // The other direction of a bidirectional section, back to the same agent.
    forward(&sfu, &published[0], &published[0], Layers::default()).await;
    hear(&a, &published[0], &a, None).await;
}

#[tokio::test]
async fn mids_of_the_sfu_are_counted_and_are_none_of_the_agents() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (offer, own) = a.offer(&[Source::Audio]).await.unwrap();
    // The mid of a browser's second transceiver.
    let offer = offer.replace(&format!("a=mid:{}", own[0]), "a=mid:1");
    let offer = offer.replace(&format!("BUNDLE {}", own[0]), "BUNDLE 1");
    sfu.call(move |sfu| sfu.accept_offer(alice, &offer)).await.unwrap();
    let offered = sfu.call(move |sfu| sfu.offer(alice, &[SEND_AUDIO, SEND_VIDEO])).await.unwrap();
    assert_eq!(offered.mids, ["2", "3"]);
}

#[tokio::test]
async fn later_offers_of_either_side_add_sections_and_stop_them() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    let audio = publish(&sfu, alice, &a, &[Source::Audio]).await;
    let at_b = offer(&sfu, bob, &b, &[SEND_AUDIO]).await;
    forward(&sfu, &audio[0], &at_b[0], Layers::default()).await;
    hear(&b, &at_b[0], &a, None).await;

    let video = publish(&sfu, alice, &a, &[Source::Video]).await;
    let at_b_too = offer(&sfu, bob, &b, &[SEND_VIDEO]).await;
    forward(&sfu, &video[0], &at_b_too[0], Layers::default()).await;
    hear(&b, &at_b_too[0], &a, None).await;
    hear(&b, &at_b[0], &a, None).await;

    // Bob publishes in the session in which he subscribes.
    let of_b = publish(&sfu, bob, &b, &[Source::Audio]).await;
    let at_a = offer(&sfu, alice, &a, &[SEND_AUDIO]).await;
    forward(&sfu, &of_b[0], &at_a[0], Layers::default()).await;
    hear(&a, &at_a[0], &b, None).await;

    let changes = [Change::Deactivate(audio[0].mid.clone()), Change::Stop(video[0].mid.clone())];
    let (sdp, added) = a.offer_changes(&changes).await.unwrap();
    assert!(added.is_empty());
    let accepted = sfu.call(move |sfu| sfu.accept_offer(alice, &sdp)).await.unwrap();
    let stopped: Vec<bool> = accepted.sections.iter().map(|section| section.is_stopped).collect();
    assert_eq!(stopped, [true, true, false]);
    a.accept_answer(&accepted.answer).await.unwrap();
    let before = counters(&sfu, &audio[0]).await.packets_in;
    hear(&a, &at_a[0], &b, None).await;
    assert_eq!(counters(&sfu, &audio[0]).await.packets_in, before);
}

#[tokio::test]
async fn a_subscription_goes_on_when_its_source_or_layer_changes() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    let (carol, c) = join(&sfu, 3).await;
    let simulcast = publish(&sfu, alice, &a, &[Source::SimulcastVideo(&["a", "b", "c"])]).await;
    let plain = publish(&sfu, bob, &b, &[Source::Video, Source::Audio]).await;
    let at_c = offer(&sfu, carol, &c, &[SEND_VIDEO, SEND_AUDIO]).await;

    forward(&sfu, &simulcast[0], &at_c[0], layer("c", false)).await;
    hear(&c, &at_c[0], &a, Some("c")).await;
    forward(&sfu, &simulcast[0], &at_c[0], layer("a", false)).await;
    hear(&c, &at_c[0], &a, Some("a")).await;
    forward(&sfu, &plain[0], &at_c[0], Layers::default()).await;
    hear(&c, &at_c[0], &b, None).await;
    forward(&sfu, &simulcast[0], &at_c[0], layer("b", true)).await;
    hear(&c, &at_c[0], &a, Some("b")).await;
    assert!(a.keyframe_requests() > 0);

    a.pause(&simulcast[0].mid, Some("b")).await.unwrap();
    hear(&c, &at_c[0], &a, Some("c")).await;
    a.resume(&simulcast[0].mid, Some("b")).await.unwrap();
    hear(&c, &at_c[0], &a, Some("b")).await;

    forward(&sfu, &plain[1], &at_c[1], Layers::default()).await;
    hear(&c, &at_c[1], &b, None).await;
}

#[tokio::test]
async fn messages_go_both_ways_between_two_agents() {
    let mut sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    let unordered = Delivery { is_ordered: false, max_retransmits: Some(3), ..Delivery::RELIABLE };

    // Alice has neither a connection nor a section yet.
    sfu.call(move |sfu| sfu.open_channel(alice, 1, "a", unordered)).await;
    a.open_channel(1, unordered).await.unwrap();
    offer(&sfu, alice, &a, &[NewSection::Data]).await;
    let (sdp, _) = b.offer_changes(&[Change::Data]).await.unwrap();
    let accepted = sfu.call(move |sfu| sfu.accept_offer(bob, &sdp)).await.unwrap();
    assert_eq!(accepted.sections[0].kind, None);
    b.accept_answer(&accepted.answer).await.unwrap();
    b.connected(PATIENCE).await.unwrap();
    sfu.call(move |sfu| sfu.open_channel(bob, 2, "b", unordered)).await;
    b.open_channel(2, unordered).await.unwrap();

    let text = Message { is_binary: false, data: b"hello".to_vec() };
    let bytes = Message { is_binary: true, data: vec![7; 40_000] };
    for (from, of, id, to, at, other) in [(&a, alice, 1, &b, bob, 2), (&b, bob, 2, &a, alice, 1)] {
        for message in [&text, &bytes] {
            from.send(id, message.clone()).await.unwrap();
            let arrived = tokio::time::timeout(PATIENCE, async {
                loop {
                    if let Event::Message { session, id, message } = sfu.event().await {
                        return (session, id, message);
                    }
                }
            });
            let (session, channel, arrived) = arrived.await.unwrap();
            assert_eq!((session, channel, &arrived), (of, id, message));
            sfu.call(move |sfu| sfu.send(at, other, &arrived)).await;
            let got = tokio::time::timeout(PATIENCE, to.recv()).await.unwrap();
            assert_eq!(got, Some((other, message.clone())));
        }
    }

    // The id may be used again.
    sfu.call(move |sfu| {
        sfu.close_channel(bob, 2);
        sfu.open_channel(bob, 2, "again", Delivery::RELIABLE);
    })
    .await;
    b.open_channel(4, Delivery::RELIABLE).await.unwrap();
    sfu.call(move |sfu| {
        sfu.open_channel(bob, 4, "b", Delivery::RELIABLE);
        sfu.send(bob, 4, &Message { is_binary: false, data: b"4".to_vec() });
    })
    .await;
    let got = tokio::time::timeout(PATIENCE, b.recv()).await.unwrap().unwrap();
    assert_eq!(got.0, 4);
    let dropped = sfu.call(|sfu| sfu.dropped_messages()).await;
    assert_eq!(dropped, 0);
}

#[tokio::test]
async fn a_refused_description_changes_nothing() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    let (sdp, mids) = a.offer(&[Source::Audio]).await.unwrap();
    let spoiled = [
        sdp.trim_end().to_owned(),
        sdp.replace("a=mid:", "a=dim:"),
        sdp.replace("a=fingerprint:", "a=fingertip:"),
        sdp.replace("a=group:BUNDLE ", "a=group:BUNDLE x "),
        sdp.replace("a=sendonly\r\n", ""),
        format!("{sdp}{}", &sdp[sdp.find("m=").unwrap()..]),
        "v=0\r\n".to_owned(),
        String::new(),
    ];
    for spoiled in spoiled {
        let error = sfu.call(move |sfu| sfu.accept_offer(alice, &spoiled)).await;
        let error = error.unwrap_err().to_string();
        assert!(!error.contains(&mids[0]), "{error}");
        let answer = sfu.call(move |sfu| sfu.accept_answer(alice, "v=0\r\n")).await;
        assert!(answer.is_err(), "there is no offer");
    }
    // The same offer, undamaged, is taken as if the others had not come.
    let good = sdp.clone();
    let accepted = sfu.call(move |sfu| sfu.accept_offer(alice, &good)).await.unwrap();
    a.accept_answer(&accepted.answer).await.unwrap();
    a.connected(PATIENCE).await.unwrap();

    let published = Place { session: alice, mid: mids[0].clone() };
    let offered = sfu.call(move |sfu| sfu.offer(bob, &[SEND_AUDIO])).await.unwrap();
    assert!(sfu.call(move |sfu| sfu.offer(bob, &[SEND_AUDIO])).await.is_err());
    assert!(sfu.call(move |sfu| sfu.accept_offer(bob, &sdp)).await.is_err());
    let answer = b.answer(&offered.offer).await.unwrap();
    let mid = offered.mids[0].clone();
    for spoiled in [
        answer.replace(&format!("a=mid:{mid}"), "a=mid:other"),
        answer.replace("a=fingerprint:", "a=fingertip:"),
        answer.trim_end().to_owned(),
    ] {
        let error = sfu.call(move |sfu| sfu.accept_answer(bob, &spoiled)).await;
        assert!(error.is_err());
    }
    sfu.call(move |sfu| sfu.accept_answer(bob, &answer)).await.unwrap();
    let at_b = Place { session: bob, mid };
    forward(&sfu, &published, &at_b, Layers::default()).await;
    hear(&b, &at_b, &a, None).await;
}

#[tokio::test]
async fn descriptions_have_the_manner_of_the_sfu() {
    let sfu = Running::start().await;
    let address = sfu.address();
    let (alice, a) = join(&sfu, 1).await;
    let (bob, _) = join(&sfu, 2).await;
    let (sdp, _) = a.offer(&[Source::Audio, Source::Video]).await.unwrap();
    let answer = sfu.call(move |sfu| sfu.accept_offer(alice, &sdp)).await.unwrap().answer;
    let offer = sfu.call(move |sfu| sfu.offer(bob, &[SEND_AUDIO, SEND_VIDEO])).await.unwrap();
    for (sdp, setup) in [(&answer, "a=setup:passive\r\n"), (&offer.offer, "a=setup:actpass\r\n")] {
        assert!(sdp.ends_with("\r\n"));
        assert!(sdp.starts_with("v=0\r\no=- "));
        assert_eq!(sdp.matches("a=ice-lite\r\n").count(), 1);
        assert_eq!(sdp.matches("a=group:BUNDLE ").count(), 1);
        assert_eq!(sdp.matches("a=fingerprint:sha-256 ").count(), 1);
        assert!(sdp.find("a=fingerprint:") < sdp.find("m="), "of the whole session");
        assert_eq!(sdp.matches("a=candidate:").count(), 1);
        assert!(sdp.contains(&format!(" {} {} typ host", address.ip(), address.port())));
        assert_eq!(sdp.matches("a=end-of-candidates\r\n").count(), 1);
        assert!(!sdp.contains("trickle"));
        assert_eq!(sdp.matches(setup).count(), 2);
        assert_eq!(sdp.matches("a=rtcp-mux\r\n").count(), 2);
    }
    assert_eq!(offer.offer.matches("a=sendonly\r\n").count(), 2);
    for codec in ["111 opus/48000/2", "H264/90000", "VP8/90000"] {
        assert!(offer.offer.contains(codec), "{codec}");
    }
}

#[tokio::test]
async fn garbage_is_counted_and_harms_nobody() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    let published = publish(&sfu, alice, &a, &[Source::Audio]).await;
    let at_b = offer(&sfu, bob, &b, &[SEND_AUDIO]).await;
    forward(&sfu, &published[0], &at_b[0], Layers::default()).await;

    let mut garbage: Vec<Vec<u8>> = Vec::new();
    for first in 0..=255u8 {
        for length in [1, 2, 3, 12, 13, 20, 100, 1999, 3000] {
            let mut datagram = vec![first; length];
            garbage.push(datagram.clone());
            datagram[1..].fill(0);
            garbage.push(datagram.clone());
            datagram[1..].fill(200);
            garbage.push(datagram);
        }
    }
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    for datagram in &garbage[..200] {
        stranger.send_to(datagram, sfu.address()).await.unwrap();
    }
    until(&sfu, |sfu| sfu.ignored_datagrams() > 0).await;

    // The datagrams come from a stranger and from the agent's own address, without a network that
    // might lose some.
    let count = garbage.len() as u64;
    let before = sfu.call(|sfu| sfu.ignored_datagrams()).await;
    let stranger = stranger.local_addr().unwrap();
    let (at, agent) = (sfu.address(), a.address());
    let after = sfu
        .call(move |sfu| {
            for datagram in &garbage {
                let now = std::time::Instant::now();
                sfu.handle_datagram(now, Route { sfu: at, agent: stranger }, datagram);
                sfu.handle_datagram(now, Route { sfu: at, agent }, datagram);
            }
            sfu.ignored_datagrams()
        })
        .await;
    assert!(after >= before + count, "{after} {before} {count}");
    hear(&b, &at_b[0], &a, None).await;
}

#[tokio::test]
async fn a_codec_that_the_subscriber_does_not_know_is_dropped_and_counted() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    let published = publish(&sfu, alice, &a, &[Source::Video, Source::Audio]).await;
    let offered = sfu.call(move |sfu| sfu.offer(bob, &[SEND_VIDEO, SEND_AUDIO])).await.unwrap();
    let answer = b.answer(&offered.offer).await.unwrap();
    // Bob does not know VP8.
    let answer = without_codec(&answer, "VP8/90000");
    sfu.call(move |sfu| sfu.accept_answer(bob, &answer)).await.unwrap();
    b.connected(PATIENCE).await.unwrap();
    let places = offered.mids.iter().map(|mid| Place { session: bob, mid: mid.clone() });
    let places: Vec<Place> = places.collect();
    forward(&sfu, &published[0], &places[0], Layers::default()).await;
    forward(&sfu, &published[1], &places[1], Layers::default()).await;
    hear(&b, &places[1], &a, None).await;
    let place = places[0].clone();
    until(&sfu, move |sfu| sfu.counters(&place).is_some_and(|at| at.dropped > 0)).await;
    assert_eq!(counters(&sfu, &places[0]).await.packets_out, 0);
}

#[tokio::test]
async fn a_keyframe_that_a_subscriber_asks_for_is_asked_of_the_publisher() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let published = publish(&sfu, alice, &a, &[Source::Video]).await;
    let mut subscribers = Vec::new();
    for key in 2..5 {
        let (session, agent) = join(&sfu, key).await;
        let at = offer(&sfu, session, &agent, &[SEND_VIDEO]).await;
        forward(&sfu, &published[0], &at[0], Layers::default()).await;
        hear(&agent, &at[0], &a, None).await;
        subscribers.push((agent, at));
    }
    let before = counters(&sfu, &published[0]).await;
    let started = std::time::Instant::now();
    for round in 0..40 {
        for (agent, at) in &subscribers {
            agent.request_keyframe(&at[0].mid).await.unwrap();
        }
        let enough = before.packets_in + round;
        let place = published[0].clone();
        until(&sfu, move |sfu| sfu.counters(&place).is_some_and(|at| at.packets_in > enough)).await;
    }
    let asked = counters(&sfu, &published[0]).await.keyframe_requests - before.keyframe_requests;
    let most = started.elapsed().as_millis() / 300 + 1;
    assert!(asked > 0 && u128::from(asked) <= most, "{asked} of at most {most}");
    let (agent, at) = &subscribers[0];
    agent.until_received(&at[0].mid, PATIENCE, |r| r.keyframes > 1).await.unwrap();
}

#[tokio::test]
async fn tones_and_pictures_arrive_and_keyframes_when_they_are_asked_for() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    let clips = [Source::Tone(Voice::Low), Source::Picture(Scene::Dusk)];
    let published = publish(&sfu, alice, &a, &clips).await;
    let at_b = offer(&sfu, bob, &b, &[SEND_AUDIO, SEND_VIDEO]).await;
    for (from, to) in published.iter().zip(&at_b) {
        forward(&sfu, from, to, Layers::default()).await;
    }
    let [tone, picture] = [&at_b[0].mid, &at_b[1].mid];

    let heard = b.until_received(tone, PATIENCE, |r| r.packets > 50).await.unwrap();
    assert_eq!((heard.bytes, heard.keyframes), (heard.packets * 80, 0), "{heard:?}");
    assert_eq!((heard.gaps, heard.leaps, heard.marker), (0, 0, None));

    // Two seconds, each of which begins with a keyframe in at least two packets.
    let natural = b.until_received(picture, PATIENCE, |r| r.packets > 52).await.unwrap();
    assert!(natural.keyframes >= 2, "{natural:?}");

    let before = b.received(picture);
    let mut seen = before.clone();
    for _ in 0..4 {
        b.request_keyframe(picture).await.unwrap();
        let known = seen.keyframes;
        seen = b.until_received(picture, PATIENCE, |r| r.keyframes > known).await.unwrap();
    }
    // Without requests, keyframes would be three seconds apart.
    assert!(seen.packets - before.packets < 3 * 26, "{before:?} {seen:?}");
    assert!(a.keyframe_requests() >= 3);
    assert_eq!((seen.gaps, seen.leaps, seen.picture_gaps), (0, 0, 0), "{seen:?}");
    assert_eq!((seen.blind_switches, seen.marker), (0, None));

    a.pause(&published[1].mid, None).await.unwrap();
    let paused = counters(&sfu, &published[1]).await.packets_in;
    b.until_received(tone, PATIENCE, |r| r.packets > heard.packets + 50).await.unwrap();
    // Packets that were on their way at the pause may still come.
    assert!(counters(&sfu, &published[1]).await.packets_in <= paused + 3);
    a.resume(&published[1].mid, None).await.unwrap();
    let seen =
        b.until_received(picture, PATIENCE, |r| r.packets > seen.packets + 26).await.unwrap();
    assert_eq!((seen.gaps, seen.leaps, seen.picture_gaps), (0, 0, 0), "{seen:?}");
}

#[tokio::test]
async fn video_that_is_lost_on_the_way_is_sent_again() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    // Each agent reaches the SFU by a network of its own, which loses packets.
    let (road_a, lost_a) = lossy_road(sfu.address()).await;
    let (road_b, lost_b) = lossy_road(sfu.address()).await;
    let port = |road: std::net::SocketAddr| format!(" {} typ host", road.port());
    let (old, of_a, of_b) = (port(sfu.address()), port(road_a), port(road_b));

    let (sdp, mids) = a.offer(&[Source::Video]).await.unwrap();
    let accepted = sfu.call(move |sfu| sfu.accept_offer(alice, &sdp)).await.unwrap();
    a.accept_answer(&accepted.answer.replace(&old, &of_a)).await.unwrap();
    let offered = sfu.call(move |sfu| sfu.offer(bob, &[SEND_VIDEO])).await.unwrap();
    let answer = b.answer(&offered.offer.replace(&old, &of_b)).await.unwrap();
    sfu.call(move |sfu| sfu.accept_answer(bob, &answer)).await.unwrap();
    a.connected(PATIENCE).await.unwrap();
    b.connected(PATIENCE).await.unwrap();

    let from = Place { session: alice, mid: mids[0].clone() };
    let to = Place { session: bob, mid: offered.mids[0].clone() };
    forward(&sfu, &from, &to, Layers::default()).await;
    let all_came = b.until_received(&to.mid, PATIENCE, |r| r.packets > 100 && r.gaps == 0).await;
    let (lost_a, lost_b) = (lost_a.load(Relaxed), lost_b.load(Relaxed));
    assert!(lost_a > 2 && lost_b > 2, "{lost_a} {lost_b}");
    assert!(all_came.is_ok(), "{:?}", b.received(&to.mid));
}

/// Starts a relay before the SFU that loses every 20th packet of media, in both directions.
async fn lossy_road(sfu: SocketAddr) -> (SocketAddr, Arc<AtomicU64>) {
    let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    far.connect(sfu).await.unwrap();
    let address = near.local_addr().unwrap();
    let lost = Arc::new(AtomicU64::new(0));
    let count = lost.clone();
    tokio::spawn(async move {
        let (mut there, mut back) = ([0; 2000], [0; 2000]);
        let (mut agent, mut packets) = (None, 0);
        loop {
            let (data, is_back) = tokio::select! {
                Ok((length, from)) = near.recv_from(&mut there) => {
                    agent = Some(from);
                    (&there[..length], false)
                }
                Ok(length) = far.recv(&mut back) => (&back[..length], true),
                else => return,
            };
            let is_media = data[0] & 0xc0 == 0x80 && !(64..96).contains(&(data[1] & 0x7f));
            packets += u64::from(is_media);
            if is_media && packets % 20 == 0 {
                count.fetch_add(1, Relaxed);
            } else if !is_back {
                let _ = far.send(data).await;
            } else if let Some(agent) = agent {
                let _ = near.send_to(data, agent).await;
            }
        }
    });
    (address, lost)
}

/// Returns an answer without a codec.
fn without_codec(sdp: &str, codec: &str) -> String {
    let is_its = |line: &str, pt: &str| {
        ["rtpmap", "fmtp", "rtcp-fb"].iter().any(|name| {
            line.strip_prefix(&format!("a={name}:")).and_then(|rest| rest.split(' ').next())
                == Some(pt)
        })
    };
    let mut pts: Vec<String> = Vec::new();
    for line in sdp.lines().filter(|line| line.ends_with(codec)) {
        let pt = line.trim_start_matches("a=rtpmap:").split(' ').next().unwrap();
        let repeats = format!(" apt={pt}");
        let rtx = sdp.lines().find(|line| line.ends_with(&repeats)).unwrap();
        pts.push(pt.to_owned());
        pts.push(rtx.trim_start_matches("a=fmtp:").split(' ').next().unwrap().to_owned());
    }
    assert!(!pts.is_empty());
    let mut out = String::new();
    for line in sdp.lines().filter(|line| !pts.iter().any(|pt| is_its(line, pt))) {
        if line.starts_with("m=video") {
            let words = line.split(' ').enumerate();
            let words = words.filter(|(at, word)| *at < 3 || !pts.iter().any(|pt| pt == word));
            out.push_str(&words.map(|(_, word)| word).collect::<Vec<_>>().join(" "));
        } else {
            out.push_str(line);
        }
        out.push_str("\r\n");
    }
    out
}

#[tokio::test]
async fn the_place_of_a_stopped_section_may_be_given_to_another() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let published = publish(&sfu, alice, &a, &[Source::Audio, Source::Video]).await;
    let to = Place { session: alice, mid: published[1].mid.clone() };
    forward(&sfu, &published[1], &to, Layers::default()).await;
    let (sdp, _) = a.offer_changes(&[Change::Stop(published[1].mid.clone())]).await.unwrap();
    let stopping = sdp.clone();
    let accepted = sfu.call(move |sfu| sfu.accept_offer(alice, &stopping)).await.unwrap();
    assert!(accepted.sections[1].is_stopped);
    assert_eq!(accepted.answer.matches("m=video 0 ").count(), 1);

    // A browser reuses the section; this agent would add one.
    let (old, new) = (&published[1].mid, "new1");
    let [group, mid] = ["a=group:BUNDLE ", "a=mid:"];
    let first = &published[0].mid;
    let sdp = sdp
        .replace(&format!("{group}{first}\r\n"), &format!("{group}{first} {new}\r\n"))
        .replace(&format!("{mid}{old}\r\n"), &format!("{mid}{new}\r\n"))
        .replace("m=video 0 ", "m=video 9 ")
        .replace("a=inactive", "a=sendonly");
    let accepted = sfu.call(move |sfu| sfu.accept_offer(alice, &sdp)).await.unwrap();
    assert_eq!(accepted.sections[1].mid, new);
    assert!(accepted.sections[1].sends);
    assert_eq!(accepted.answer.matches("m=video 9 ").count(), 1);
    let old = Place { session: alice, mid: old.clone() };
    assert_eq!(sfu.call(move |sfu| sfu.counters(&old)).await, None);
}

#[tokio::test]
async fn an_agent_that_says_goodbye_is_disconnected() {
    let mut sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    publish(&sfu, alice, &a, &[Source::Audio]).await;
    assert_eq!(sfu.event().await, Event::Connected(alice));
    a.close().await;
    let disconnected = async {
        loop {
            match sfu.event().await {
                // Packets that came before the goodbye.
                Event::FirstPacket { .. } | Event::Flows(_) => {}
                event => return event,
            }
        }
    };
    let event = tokio::time::timeout(PATIENCE, disconnected).await.unwrap();
    assert_eq!(event, Event::Disconnected(alice));
    assert!(!sfu.call(move |sfu| sfu.is_connected(alice)).await);
    let refused = sfu.call(move |sfu| sfu.offer(alice, &[SEND_AUDIO])).await;
    assert!(refused.is_err(), "there is no way back");
}

#[tokio::test]
async fn closing_a_session_frees_everything() {
    let sfu = Running::start().await;
    let (alice, a) = join(&sfu, 1).await;
    let (bob, b) = join(&sfu, 2).await;
    let published = publish(&sfu, alice, &a, &[Source::Audio, Source::Video]).await;
    let at_b = offer(&sfu, bob, &b, &[SEND_AUDIO, NewSection::Data]).await;
    forward(&sfu, &published[0], &at_b[0], Layers::default()).await;
    hear(&b, &at_b[0], &a, None).await;

    sfu.call(move |sfu| sfu.close(alice)).await;
    a.disconnected(PATIENCE).await.unwrap();
    assert_eq!(sfu.call(|sfu| sfu.sessions()).await, 1);
    sfu.call(move |sfu| sfu.close(bob)).await;
    b.disconnected(PATIENCE).await.unwrap();
    // Packets that the agents still send belong to no session.
    assert_eq!(sfu.call(|sfu| (sfu.sessions(), sfu.is_empty())).await, (0, true));
    assert!(sfu.call(|sfu| sfu.poll_timeout().is_none()).await);
}
