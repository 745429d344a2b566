//! Session tokens: a good one permits its actions, and every other text is refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloudflare_calls::SecretString;
use cloudflare_calls::error::Problem;
use cloudflare_calls::token::{
    Action, Denied, Grant, MAX_SUBJECT_LEN, MAX_TOKEN_LEN, MAX_TOKEN_TTL, MIN_SECRET_LEN,
    Permissions, TokenKeys,
};
use cloudflare_calls::types::{AppId, SessionId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{APP, SESSION, TOKEN_SECRET, logs, session};

const KID: &str = "2026-01";
const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const ALL: [Action; 9] = [
    Action::Publish,
    Action::Subscribe,
    Action::Update,
    Action::Close,
    Action::Leave,
    Action::ReadState,
    Action::PublishData,
    Action::SubscribeData,
    Action::GrantReply,
];

fn app() -> AppId {
    AppId::new(APP).unwrap()
}

pub(crate) fn keys() -> TokenKeys {
    TokenKeys::new(app(), KID, SecretString::from(TOKEN_SECRET)).unwrap()
}

fn grant() -> Grant {
    Grant::new("user 42", session(), HOUR).actions([Action::Publish, Action::Close])
}

/// Returns a valid token.
fn token() -> String {
    keys().issue(&grant()).unwrap().expose().to_owned()
}

fn verify(token: &str) -> Result<Permissions, Denied> {
    keys().verify(token, &session())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Returns valid claims.
fn claims() -> Value {
    json!({
        "aud": format!("cloudflare-calls:{APP}"),
        "sub": "user 42",
        "sid": SESSION,
        "actions": ["publish"],
        "iat": now(),
        "exp": now() + 60,
    })
}

fn header() -> Header {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(KID.to_owned());
    header
}

/// Signs any header and claims with the right key.
fn signed(header: &Header, claims: &Value) -> String {
    let key = EncodingKey::from_secret(TOKEN_SECRET.as_bytes());
    jsonwebtoken::encode(header, claims, &key).unwrap()
}

/// Returns valid claims under any header, with a good signature of both.
fn with_header(header: &Value) -> String {
    let [header, claims] = [header, &claims()].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = format!("{header}.{claims}");
    let key = EncodingKey::from_secret(TOKEN_SECRET.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// Returns a token with valid claims and a guessed secret.
fn foreign_key() -> String {
    let key = EncodingKey::from_secret(&[b'x'; 32]);
    jsonwebtoken::encode(&header(), &claims(), &key).unwrap()
}

#[test]
fn granted_actions_are_permitted_and_no_others() {
    let before = now();
    let token = keys().issue(&grant()).unwrap();
    let permissions = verify(token.expose()).unwrap();
    assert_eq!(permissions.subject(), "user 42");
    assert_eq!(permissions.session(), &session());
    assert_eq!(permissions.expires_at(), token.expires_at());
    let expires = token.expires_at().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!((before + 3600..=now() + 3600).contains(&expires));
    for action in ALL {
        let granted = [Action::Publish, Action::Close].contains(&action);
        assert_eq!(permissions.allows(action), granted, "{action:?}");
        assert_eq!(permissions.require(action).is_ok(), granted, "{action:?}");
    }
}

#[test]
fn nothing_granted_is_nothing_permitted() {
    let token = keys().issue(&Grant::new("user", session(), HOUR)).unwrap();
    let permissions = verify(token.expose()).unwrap();
    assert!(ALL.iter().all(|action| !permissions.allows(*action)));
    assert_eq!(permissions.require(Action::Leave), Err(Denied));
}

#[test]
fn actions_have_names_of_their_own() {
    let names = ALL.map(|action| serde_json::to_value(action).unwrap());
    let expected = [
        "publish",
        "subscribe",
        "update",
        "close",
        "leave",
        "readState",
        "publishData",
        "subscribeData",
        "grantReply",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_token_is_a_jwt_that_others_can_read() {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[format!("cloudflare-calls:{APP}")]);
    let key = DecodingKey::from_secret(TOKEN_SECRET.as_bytes());
    let read = jsonwebtoken::decode::<Value>(token(), &key, &validation).unwrap();
    assert_eq!(read.header, header());
    assert_eq!(read.claims["sub"], "user 42");
    assert_eq!(read.claims["sid"], SESSION);
    assert_eq!(read.claims["actions"], json!(["publish", "close"]));
    let lifetime = read.claims["exp"].as_u64().unwrap() - read.claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 3600);
}

#[test]
fn actions_of_a_later_version_are_left_out() {
    let mut claims = claims();
    claims["actions"] = json!(["fly", "publish", { "of": "another kind" }, 7]);
    let permissions = verify(&signed(&header(), &claims)).unwrap();
    assert!(permissions.allows(Action::Publish));
    assert!(!permissions.allows(Action::Subscribe));
}

#[test]
fn a_token_is_serialised_and_not_shown() {
    let token = keys().issue(&grant()).unwrap();
    assert_eq!(serde_json::to_value(&token).unwrap(), json!(token.expose()));
    let shown = format!("{token:?} {token:#?}");
    assert!(!shown.contains(token.expose().split('.').next_back().unwrap()), "{shown}");
    assert!(!shown.contains("eyJ"), "{shown}");
    let shown = format!("{:?} {:#?}", keys(), keys());
    assert!(shown.contains(KID) && !shown.contains(TOKEN_SECRET), "{shown}");
}

#[test]
fn the_reason_is_logged_and_nothing_of_the_token() {
    logs::capture();
    let (good, foreign) = (token(), foreign_key());
    assert!(verify(&good).is_ok());
    for bad in [foreign.as_str(), "no token", &good[1..], &good[..good.len() - 1]] {
        assert_eq!(verify(bad), Err(Denied));
    }
    let log = logs::checked();
    assert!(log.contains("session token refused reason=\"signature\""), "{log}");
    for part in [&good, &foreign].into_iter().flat_map(|token| token.split('.')) {
        assert!(!log.contains(part), "{part} of a token is logged");
    }
}

#[test]
fn an_old_key_is_accepted_and_signs_nothing() {
    let secret = || SecretString::from("the new secret, which is long enough");
    let both = TokenKeys::new(app(), "new", secret())
        .unwrap()
        .and_accept(KID, SecretString::from(TOKEN_SECRET))
        .unwrap();
    assert!(both.verify(&token(), &session()).is_ok(), "of the old key");
    let fresh = both.issue(&grant()).unwrap();
    assert!(both.verify(fresh.expose(), &session()).is_ok());
    assert_eq!(verify(fresh.expose()), Err(Denied), "signed by the new key");
    let only_new = TokenKeys::new(app(), "new", secret()).unwrap();
    assert!(only_new.verify(fresh.expose(), &session()).is_ok());
    assert_eq!(only_new.verify(&token(), &session()), Err(Denied), "the old key is gone");
}

#[test]
fn the_name_of_a_key_does_not_stand_for_another() {
    let swapped = TokenKeys::new(app(), KID, SecretString::from("x".repeat(32)))
        .unwrap()
        .and_accept("other", SecretString::from(TOKEN_SECRET))
        .unwrap();
    assert_eq!(swapped.verify(&token(), &session()), Err(Denied));
}

#[test]
fn every_bad_token_gets_the_same_answer() {
    let good = token();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = message.split_once('.').unwrap();
    let without = |claim: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        signed(&header(), &claims)
    };
    let claiming = |claim: &str, value: Value| {
        let mut claims = claims();
        claims[claim] = value;
        signed(&header(), &claims)
    };
    let algorithm = |algorithm| {
        let mut header = header();
        header.alg = algorithm;
        signed(&header, &claims())
    };
    let kid = |kid: Option<&str>| {
        let mut header = header();
        header.kid = kid.map(str::to_owned);
        signed(&header, &claims())
    };
    let day = MAX_TOKEN_TTL.as_secs();
    let mut bad = vec![
        ("nothing", String::new()),
        ("no token", "no token".to_owned()),
        ("dots", "..".to_owned()),
        ("many dots", "....".to_owned()),
        ("other letters", "\u{2025}.\u{fe0f}.\0".to_owned()),
        ("another key", foreign_key()),
        ("no signature", format!("{message}.")),
        ("no signature, no dot", message.to_owned()),
        ("half a signature", format!("{message}.{}", &signature[..20])),
        ("a longer signature", format!("{good}AAAA")),
        ("padding", format!("{good}=")),
        ("a fourth part", format!("{good}.{signature}")),
        ("parts swapped", format!("{payload}.{head}.{signature}")),
        ("space in front", format!(" {good}")),
        ("a line end behind", format!("{good}\n")),
        ("the scheme in front", format!("Bearer {good}")),
        ("too long", format!("{good}{}", "A".repeat(MAX_TOKEN_LEN))),
        ("HS384", algorithm(Algorithm::HS384)),
        ("HS512", algorithm(Algorithm::HS512)),
        ("unknown kid", kid(Some("other"))),
        ("empty kid", kid(Some(""))),
        ("no kid", kid(None)),
        ("expired", claiming("exp", json!(now()))),
        ("long expired", claiming("exp", json!(0))),
        ("issued tomorrow", claiming("iat", json!(now() + day))),
        ("a lifetime too long", claiming("exp", json!(now() + day + 60))),
        ("a lifetime without end", claiming("exp", json!(u64::MAX))),
        ("a negative lifetime", claiming("exp", json!(-1))),
        ("a lifetime as text", claiming("exp", json!("2100-01-01"))),
        ("another app", claiming("aud", json!("cloudflare-calls:other"))),
        ("another use", claiming("aud", json!(APP))),
        ("several apps", claiming("aud", json!([format!("cloudflare-calls:{APP}"), "x"]))),
        ("another session", claiming("sid", json!("f".repeat(32)))),
        ("a session in capitals", claiming("sid", json!(SESSION.to_uppercase()))),
        ("a part of the session", claiming("sid", json!(&SESSION[..31]))),
        ("actions as text", claiming("actions", json!("publish"))),
        ("claims that are none", signed(&header(), &json!("claims"))),
    ];
    bad.extend(["aud", "sub", "sid", "actions", "iat", "exp"].map(|claim| (claim, without(claim))));
    for alg in ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "ES256", "EdDSA"] {
        let token = with_header(&json!({ "typ": "JWT", "alg": alg, "kid": KID }));
        let (message, _) = token.rsplit_once('.').unwrap();
        bad.push((alg, format!("{message}.")));
        bad.push((alg, token));
    }
    for header in [
        json!({ "kid": KID }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS256", "kid": null }),
        json!({ "alg": "HS256", "kid": [KID] }),
        json!({ "alg": "HS256", "kid": KID, "crit": ["b64"], "b64": false }),
        json!({ "alg": ["HS256"], "kid": KID }),
        json!([]),
        json!(null),
    ] {
        bad.push(("a header that is none", with_header(&header)));
    }
    for (what, token) in bad {
        let error = verify(&token).expect_err(what);
        assert_eq!(error.to_string(), "not permitted", "{what}");
        assert_eq!(format!("{error:?}"), "Denied", "{what}");
        assert!(std::error::Error::source(&error).is_none(), "{what}");
    }
    assert!(verify(&good).is_ok());
    let right = json!({ "alg": "HS256", "kid": KID });
    for token in [signed(&header(), &claims()), with_header(&right)] {
        assert!(verify(&token).is_ok(), "only the difference was wrong");
    }
}

#[test]
fn a_token_is_good_for_its_own_session_and_app_only() {
    let other = SessionId::new("f".repeat(32)).unwrap();
    assert_eq!(keys().verify(&token(), &other), Err(Denied));
    let other = AppId::new("other").unwrap();
    let keys = TokenKeys::new(other, KID, SecretString::from(TOKEN_SECRET)).unwrap();
    assert_eq!(keys.verify(&token(), &session()), Err(Denied));
}

#[test]
fn a_grant_that_cannot_be_is_refused() {
    let refused = |subject: &str, ttl| {
        let invalid = keys().issue(&Grant::new(subject, session(), ttl)).unwrap_err();
        (invalid.field.into_owned(), invalid.problem)
    };
    let ttl = ("ttl".to_owned(), Problem::OutOfRange { min: 1, max: 86_400 });
    for out_of_range in [
        Duration::ZERO,
        Duration::from_millis(999),
        MAX_TOKEN_TTL + Duration::from_secs(1),
        Duration::MAX,
    ] {
        assert_eq!(refused("user", out_of_range), ttl, "{out_of_range:?}");
    }
    let sub = "sub".to_owned();
    assert_eq!(refused("", HOUR), (sub.clone(), Problem::Empty));
    assert_eq!(refused("a\nb", HOUR), (sub.clone(), Problem::Malformed));
    let too_long = Problem::Length { min: 1, max: MAX_SUBJECT_LEN };
    assert_eq!(refused(&"a".repeat(MAX_SUBJECT_LEN + 1), HOUR), (sub, too_long));
}

#[test]
fn the_longest_grant_has_a_token_of_allowed_length() {
    let (quotes, id) = ("\"".repeat(MAX_SUBJECT_LEN), "\"".repeat(256));
    let app = AppId::new(id.clone()).unwrap();
    let session = SessionId::new(id).unwrap();
    let secret = SecretString::from("s".repeat(1024));
    let keys = TokenKeys::new(app, "\\".repeat(64), secret).unwrap();
    let grant = Grant::new(quotes.clone(), session.clone(), MAX_TOKEN_TTL).actions(ALL);
    let token = keys.issue(&grant).unwrap();
    assert!(token.expose().len() < 3 * 1024, "{}", token.expose().len());
    let permissions = keys.verify(token.expose(), &session).unwrap();
    assert_eq!(permissions.subject(), quotes);
    assert!(ALL.iter().all(|action| permissions.allows(*action)));
}

#[test]
fn a_token_that_is_too_long_is_refused_however_good_it_is() {
    let of = |subject: usize| {
        let mut claims = claims();
        claims["sub"] = json!("a".repeat(subject));
        signed(&header(), &claims)
    };
    let long = (2000..4000).find(|subject| of(*subject).len() > MAX_TOKEN_LEN).unwrap();
    assert!(verify(&of(long - 1)).is_ok());
    assert_eq!(verify(&of(long)), Err(Denied));
}

#[test]
fn keys_that_are_weak_or_have_no_name_are_refused() {
    let new = |kid: &str, secret: &str| {
        TokenKeys::new(app(), kid, SecretString::from(secret))
            .map(drop)
            .map_err(|invalid| (invalid.field.into_owned(), invalid.problem))
    };
    let secret = "s".repeat(MIN_SECRET_LEN);
    let kid = |problem| Err(("kid".to_owned(), problem));
    assert_eq!(new("k", &secret), Ok(()));
    assert_eq!(new(&"k".repeat(64), &secret), Ok(()));
    assert_eq!(new("", &secret), kid(Problem::Empty));
    assert_eq!(new(&"k".repeat(65), &secret), kid(Problem::Length { min: 1, max: 64 }));
    for name in ["a b", "a\n", "\u{e9}", "a\0"] {
        assert_eq!(new(name, &secret), kid(Problem::Malformed), "{name:?}");
    }
    let length = Problem::Length { min: 32, max: 1024 };
    for secret in ["", &secret[1..], &"s".repeat(1025)] {
        assert_eq!(new("k", secret), Err(("secret".to_owned(), length)), "{}", secret.len());
    }
    let error = TokenKeys::new(app(), "k", SecretString::from(&TOKEN_SECRET[..31])).unwrap_err();
    assert_eq!(error.to_string(), "secret: is not 32 to 1024 bytes long");

    let again = keys().and_accept(KID, SecretString::from(secret)).unwrap_err();
    assert_eq!((again.field.as_ref(), again.problem), ("kid", Problem::Duplicate));
    assert!(keys().and_accept("old", SecretString::from("short")).is_err());
}

/// Returns one of the characters of tokens.
fn character() -> impl Strategy<Value = char> {
    prop::sample::select(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
            .chars()
            .collect::<Vec<_>>(),
    )
}

proptest! {
    #[test]
    fn a_grant_comes_back_as_it_was(
        subject in "\\PC{1,64}",
        id in "[a-zA-Z0-9~:@\"<>]{1,256}",
        seconds in 1..=MAX_TOKEN_TTL.as_secs(),
        actions in prop::sample::subsequence(ALL.to_vec(), 0..=ALL.len()),
    ) {
        let session = SessionId::new(id).unwrap();
        let ttl = Duration::from_secs(seconds);
        let grant = Grant::new(subject.as_str(), session.clone(), ttl)
            .actions(actions.iter().copied());
        let token = keys().issue(&grant).unwrap();
        // A lifetime of 1 s may end during the test.
        prop_assume!(SystemTime::now() < token.expires_at());
        let permissions = keys().verify(token.expose(), &session).unwrap();
        prop_assert_eq!(permissions.subject(), subject);
        for action in ALL {
            prop_assert_eq!(permissions.allows(action), actions.contains(&action));
        }
    }

    #[test]
    fn a_token_cut_anywhere_is_refused(at in any::<prop::sample::Index>()) {
        let token = token();
        let at = at.index(token.len());
        prop_assert_eq!(verify(&token[..at]), Err(Denied));
        prop_assert_eq!(verify(&token[at + 1..]), Err(Denied));
    }

    /// The last character of a signature has two spare bits, which have to be zero, so a good token
    /// has no second spelling.
    #[test]
    fn a_token_changed_anywhere_is_refused(
        at in any::<prop::sample::Index>(),
        other in character(),
    ) {
        let mut token = token().into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != other as u8);
        token[at] = other as u8;
        prop_assert_eq!(verify(std::str::from_utf8(&token).unwrap()), Err(Denied));
    }

    #[test]
    fn the_last_character_has_no_second_spelling(other in character()) {
        let mut token = token();
        let last = token.pop().unwrap();
        prop_assume!(last != other);
        token.push(other);
        prop_assert_eq!(verify(&token), Err(Denied));
    }

    #[test]
    fn any_text_is_refused_without_a_panic(
        text in "\\PC{0,200}|[A-Za-z0-9_.-]{0,5000}|[A-Za-z0-9_-]{0,60}(\\.[A-Za-z0-9_-]{0,60}){2}",
    ) {
        prop_assert_eq!(verify(&text), Err(Denied));
    }

    #[test]
    fn any_header_but_the_right_one_is_refused(text in "\\PC{0,60}") {
        prop_assume!(text != KID && text != "HS256");
        for header in [
            json!(text),
            json!({ "alg": text, "kid": KID }),
            json!({ "alg": "HS256", "kid": text }),
        ] {
            prop_assert_eq!(verify(&with_header(&header)), Err(Denied));
        }
    }

    #[test]
    fn any_claims_but_the_right_ones_are_refused(
        claim in prop::sample::select(vec!["aud", "sid", "iat", "exp"]),
        text in "\\PC{0,60}",
        number in any::<i64>(),
    ) {
        for value in [json!(text), json!(number), json!(null), json!([text])] {
            let mut claims = claims();
            claims[claim] = value;
            // A time of issue in the past may be right.
            if claims["iat"].as_u64().is_some_and(|iat| iat + MAX_TOKEN_TTL.as_secs() > now()) {
                continue;
            }
            prop_assert_eq!(verify(&signed(&header(), &claims)), Err(Denied));
        }
    }
}
