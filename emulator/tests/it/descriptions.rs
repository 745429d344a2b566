//! Damaged session descriptions: they are refused or taken, and harm nothing else.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use cloudflare_calls_emulator::agent::{Agent, Source};
use cloudflare_calls_emulator::media::sfu::{Config, Sfu};
use cloudflare_calls_emulator::media::{Kind, Media, NewSection, SessionKey};
use proptest::prelude::*;
use proptest::sample::Index;

const ONE: SessionKey = SessionKey(1);
const OTHER: SessionKey = SessionKey(2);

/// Damage of a text.
#[derive(Clone, Debug)]
enum Damage {
    DropLine(Index),
    RepeatLine(Index, Index),
    SwapLines(Index, Index),
    CutLine(Index, Index),
    Insert(Index, String),
    Replace(Index, u8),
    CutOff(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        at().prop_map(Damage::DropLine),
        (at(), at()).prop_map(|(from, to)| Damage::RepeatLine(from, to)),
        (at(), at()).prop_map(|(a, b)| Damage::SwapLines(a, b)),
        (at(), at()).prop_map(|(line, length)| Damage::CutLine(line, length)),
        (at(), "[ -~\\r\\n]{0,40}|a=[a-z-]{1,12}:[ -~]{0,60}|m=(audio|video|application) [0-9]{1,6} [A-Z/]{3,20} [0-9 ]{1,20}")
            .prop_map(|(line, text)| Damage::Insert(line, text)),
        (at(), 0..128_u8).prop_map(|(byte, value)| Damage::Replace(byte, value)),
        at().prop_map(Damage::CutOff),
    ]
}

fn apply(text: &str, damage: &Damage) -> String {
    let mut lines: Vec<String> = text.split("\r\n").map(str::to_owned).collect();
    let count = lines.len();
    match damage {
        Damage::DropLine(at) => drop(lines.remove(at.index(count))),
        Damage::RepeatLine(from, to) => {
            let line = lines[from.index(count)].clone();
            lines.insert(to.index(count), line);
        }
        Damage::SwapLines(a, b) => lines.swap(a.index(count), b.index(count)),
        Damage::CutLine(at, length) => {
            let line = &mut lines[at.index(count)];
            let length = length.index(line.len() + 1);
            *line = cut(line, length);
        }
        Damage::Insert(at, line) => lines.insert(at.index(count), line.clone()),
        Damage::Replace(at, value) => {
            let mut bytes = text.as_bytes().to_vec();
            if !bytes.is_empty() {
                // An earlier damage can have left an empty text.
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        Damage::CutOff(at) => {
            return cut(text, at.index(text.len()));
        }
    }
    lines.join("\r\n")
}

/// Returns the beginning of a text, of whole characters.
fn cut(text: &str, length: usize) -> String {
    let end = (0..=length).rfind(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].to_owned()
}

fn sfu() -> Sfu {
    let candidate = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    let mut sfu = Sfu::new(Config { candidates: vec![candidate], start: Instant::now() });
    sfu.open(ONE);
    sfu.open(OTHER);
    sfu
}

/// Returns an offer of all kinds of media, a later offer, and an answer to an offer of the SFU,
/// which comes as well.
fn descriptions() -> (String, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let agent = Agent::start().await.unwrap();
        let layers = Source::SimulcastVideo(&["h", "l"]);
        let (first, _) = agent.offer(&[Source::Audio, Source::Video, layers]).await.unwrap();
        let mut sfu = sfu();
        let answer = sfu.accept_offer(ONE, &first).unwrap().answer;
        agent.accept_answer(&answer).await.unwrap();
        let (second, _) = agent.offer(&[Source::Audio]).await.unwrap();
        (first, second)
    })
}

/// Panics if another session cannot use the SFU.
fn others_are_well(sfu: &mut Sfu, offer: &str) {
    assert_eq!(sfu.accept_offer(OTHER, offer).unwrap().sections.len(), 3);
    sfu.close(ONE);
    sfu.close(OTHER);
    while sfu.poll_transmit().is_some() {}
    assert!(sfu.is_empty());
}

#[test]
fn damaged_descriptions_harm_nobody() {
    let (first, second) = descriptions();
    let add = [NewSection::Send { kind: Kind::Video, is_bidirectional: false }];
    let mut config = ProptestConfig::default();
    // Each case is three, and slow without optimisation.
    config.cases /= 4;
    proptest!(config, |(damages in prop::collection::vec(damage(), 1..6))| {
        let damaged = |text: &str| damages.iter().fold(text.to_owned(), |text, d| apply(&text, d));
        // The description as the first offer.
        let mut one = sfu();
        if one.accept_offer(ONE, &damaged(&first)).is_err() {
            prop_assert!(one.accept_offer(ONE, &first).is_ok(), "the right one after a wrong one");
        }
        others_are_well(&mut one, &first);
        // The description as a later offer.
        let mut one = sfu();
        one.accept_offer(ONE, &first).unwrap();
        let _ = one.accept_offer(ONE, &damaged(&second));
        others_are_well(&mut one, &first);
        // The description as an answer.
        let mut one = sfu();
        one.accept_offer(ONE, &first).unwrap();
        one.offer(ONE, &add).unwrap();
        let _ = one.accept_answer(ONE, &damaged(&second));
        others_are_well(&mut one, &first);
    });
}
