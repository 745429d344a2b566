//! Values of formats: times, UUIDs, bytes, numbers with many digits.

// A test fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use expanded::formats::Client;
use expanded::formats::types::*;
use expanded::runtime::decimal::Decimal;
use expanded::runtime::encoded::Base64;
use expanded::runtime::error::OperationError;
use expanded::runtime::formatted::Formatted;
use proptest::prelude::*;
use secrecy::SecretString;
use wiremock::matchers::any as every;
use wiremock::{Mock, MockServer, ResponseTemplate};

const ID: &str = "6f9619ff-8b86-4011-b42d-00c04fc964ff";

/// More digits than an `f64` has.
const LONG: &str = "12345678901234567890.123";

async fn server(status: u16, reply: &str) -> (MockServer, Client) {
    let server = MockServer::start().await;
    let reply = ResponseTemplate::new(status).set_body_string(reply);
    Mock::given(every()).respond_with(reply).mount(&server).await;
    let client = Client::builder(SecretString::from("s")).base_url(server.uri()).build().unwrap();
    (server, client)
}

/// Returns the path and query, and the body, of the only request.
async fn sent(server: &MockServer) -> (String, String) {
    let request = server.received_requests().await.unwrap().remove(0);
    let url = request.url;
    let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    (target, String::from_utf8(request.body).unwrap())
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn read(json: &str) -> Price {
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn a_request_is_made_of_the_values_and_a_reply_read_as_them() {
    let reply = format!(
        r#"{{"amount":0.10,"id":"{ID}","at":"2024-05-21T10:00:00+02:00","day":"2024-02-29","proof":"AP8="}}"#
    );
    let (server, client) = server(200, &reply).await;
    let id: uuid::Uuid = ID.parse().unwrap();
    let at = jiff::Timestamp::from_second(1_716_278_400).unwrap();
    let body = Price::new(decimal(LONG), id).at(at).proof([0, 255]).total(u128::MAX).count(-3);
    let price = client.price(&body).send().await.unwrap();
    let (_, sent) = sent(&server).await;
    let expected = format!(
        r#"{{"amount":{LONG},"at":"2024-05-21T08:00:00Z","count":-3,"id":"{ID}","proof":"AP8=","total":{}}}"#,
        u128::MAX
    );
    assert_eq!(sent, expected);
    assert_eq!(price.amount.as_str(), "0.10");
    assert_eq!(price.id.value(), Ok(id));
    assert_eq!(price.at.as_ref().unwrap().value().unwrap(), at);
    assert_eq!(price.day.as_ref().unwrap().value().unwrap(), jiff::civil::date(2024, 2, 29));
    assert_eq!(price.proof.as_ref().unwrap().decode().unwrap(), [0, 255]);
    // The text is sent back as it was received.
    assert_eq!(serde_json::to_string(&price).unwrap().len(), reply.len());
}

#[tokio::test]
async fn a_malformed_value_costs_no_reply() {
    let reply = r#"{"amount":1,"id":"none","at":"yesterday","day":"","proof":"?"}"#;
    let (_server, client) = server(200, reply).await;
    let price = client.price(&Price::new(1, uuid::Uuid::nil())).send().await.unwrap();
    assert!(price.id.value().is_err());
    assert_eq!(price.at.as_ref().unwrap().as_str(), "yesterday");
    assert!(price.at.as_ref().unwrap().value().is_err());
    assert!(price.day.as_ref().unwrap().value().is_err());
    assert!(price.proof.as_ref().unwrap().decode().is_err());
}

#[test]
fn a_text_for_a_request_is_checked() {
    assert!("yesterday".parse::<Formatted<jiff::Timestamp>>().is_err());
    let upper = ID.to_uppercase();
    assert_eq!(upper.parse::<Formatted<uuid::Uuid>>().unwrap().as_str(), upper);
    for text in ["", "+1", " 1", "1 ", "01", "1.", ".5", "0x1", "1e", "NaN", "null", "\"1\"", "[1]"]
    {
        assert!(text.parse::<Decimal>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn parameters_are_written_as_the_values_are_spelled() {
    let (server, client) = server(204, "").await;
    let id: uuid::Uuid = ID.parse().unwrap();
    let request = client.day(jiff::civil::date(2024, 5, 21), id);
    let request = request.since(jiff::Timestamp::UNIX_EPOCH).of([id.into()]).over(decimal(LONG));
    request.x_proof(b"\x00\xff").send().await.unwrap();
    let (target, _) = sent(&server).await;
    let query = format!("since=1970-01-01T00%3A00%3A00Z&of={ID}&over={LONG}");
    assert_eq!(target, format!("/days/2024-05-21/of/{ID}?{query}"));
    let request = server.received_requests().await.unwrap().remove(0);
    assert_eq!(request.headers["x-proof"], "AP8=");
    // The text of a reply can be no way to another path.
    let day = jiff::civil::date(2024, 5, 21);
    let other = |json: &str| serde_json::from_str::<Formatted<uuid::Uuid>>(json).unwrap();
    let error = client.day(day, other(r#""..""#)).send().await.unwrap_err();
    assert!(matches!(error, OperationError::Invalid(_)), "{error:?}");
    client.day(day, other(r#""../prices""#)).send().await.unwrap();
    let target = server.received_requests().await.unwrap().remove(1).url;
    assert_eq!(target.path(), "/days/2024-05-21/of/..%2Fprices");
}

#[test]
fn digits_are_kept_in_lists_maps_and_alternatives() {
    let json = format!(
        r#"{{"amount":{LONG},"amounts":[0.10,null,{LONG}],"byName":{{"a":{LONG}}},"id":"{ID}"}}"#
    );
    assert_eq!(serde_json::to_string(&read(&json)).unwrap(), json);
    let fixed = format!(r#"{{"kind":"Fixed","price":{LONG}}}"#);
    let offer: Offer = serde_json::from_str(&fixed).unwrap();
    let Offer::Fixed(Fixed { price: FixedPrice::Number(price), .. }) = &offer else {
        panic!("{offer:?}")
    };
    assert_eq!(price.as_str(), LONG);
    assert_eq!(serde_json::to_string(&offer).unwrap(), fixed);
    let untold = Offer::Fixed(Fixed::new(FixedPrice::Number(decimal(LONG))));
    assert_eq!(serde_json::to_string(&untold).unwrap(), fixed);
}

#[tokio::test]
async fn digits_are_kept_in_forms() {
    let bid = Bid::new().amount(decimal(LONG)).steps([decimal("0.10"), decimal(LONG)]);
    let bid = bid.until(jiff::civil::date(2024, 5, 21));
    let (server, client) = server(204, "").await;
    client.bid(&bid).send().await.unwrap();
    let (_, form) = sent(&server).await;
    assert_eq!(form, format!("amount={LONG}&steps=0.10&steps={LONG}&until=2024-05-21"));
    let (server, client) = self::server(204, "").await;
    client.rebid(&bid).send().await.unwrap();
    let (_, parts) = sent(&server).await;
    assert!(parts.contains(&format!("name=\"amount\"\r\n\r\n{LONG}\r\n")), "{parts}");
    assert!(parts.contains("name=\"steps\"\r\n\r\n0.10\r\n"), "{parts}");
}

#[test]
fn a_number_of_a_property_without_a_field_is_the_nearest_of_64_bits() {
    let price = read(r#"{"amount":1,"id":"","vat":{"rate":0.5},"toll":{"rate":-7}}"#);
    assert_eq!(price.extra["vat"].rate.as_str(), "0.5");
    assert_eq!(price.extra["toll"].rate.as_str(), "-7");
}

#[test]
fn a_number_is_not_taken_of_another_kind() {
    for value in ["\"1\"", "true", "null", "{}", "[1]", r#"{"$serde_json::private::RawValue":"1"}"#]
    {
        let json = format!(r#"{{"amount":{value},"id":""}}"#);
        assert!(serde_json::from_str::<Price>(&json).is_err(), "{value}");
    }
}

#[test]
fn a_number_becomes_one_of_rust_if_there_is_such() {
    assert_eq!(decimal("18446744073709551616").value(), Ok(u128::from(u64::MAX) + 1));
    assert!(decimal("0.5").value::<i64>().is_err());
    assert_eq!(decimal("1e3").as_f64(), 1000.0);
    assert_eq!(decimal("1e999").as_f64(), f64::INFINITY);
    assert_eq!(Decimal::from(0.1_f32).as_str(), "0.1");
    assert_eq!(serde_json::to_string(&Decimal::from(f64::NAN)).unwrap(), "null");
}

#[tokio::test]
async fn a_number_may_be_the_body_of_an_error() {
    let (_server, client) = server(400, LONG).await;
    let error = client.price(&Price::new(1, uuid::Uuid::nil())).send().await.unwrap_err();
    assert!(format!("{:?}", error.body()).contains(LONG), "{error:?}");
}

#[test]
fn debug_output_has_no_bytes_and_no_long_text() {
    let bytes = Base64::from(b"secret".to_vec());
    assert_eq!(format!("{bytes:?}"), "[8 bytes hidden]");
    let text = format!("\"{}\"", "x".repeat(10_000));
    let text: Formatted<uuid::Uuid> = serde_json::from_str(&text).unwrap();
    assert!(format!("{text:?}").len() < 600);
}

proptest! {
    #[test]
    fn every_number_of_json_comes_back_as_it_was_spelled(
        text in r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?",
    ) {
        let number: Decimal = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(number.as_str(), &text);
        prop_assert_eq!(serde_json::to_string(&number).unwrap(), text.clone());
        prop_assert_eq!(decimal(&text), number);
    }

    #[test]
    fn every_float_and_integer_is_a_number(float in any::<f64>(), integer in any::<i128>()) {
        prop_assume!(float.is_finite());
        prop_assert_eq!(Decimal::from(float).value::<f64>(), Ok(float));
        prop_assert_eq!(decimal(Decimal::from(float).as_str()).as_f64(), float);
        prop_assert_eq!(Decimal::from(integer).value::<i128>(), Ok(integer));
    }

    #[test]
    fn every_time_comes_back(second in -377_000_000_000_i64..253_000_000_000, nano in 0..1_000_000_000) {
        let time = jiff::Timestamp::new(second, nano).unwrap();
        let json = serde_json::to_string(&Formatted::from(time)).unwrap();
        let again: Formatted<jiff::Timestamp> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(again.value().unwrap(), time);
    }

    #[test]
    fn every_date_comes_back(year in 0_i16..=9999, month in 1_i8..=12, day in 1_i8..=28) {
        let date = jiff::civil::date(year, month, day);
        let json = serde_json::to_string(&Formatted::from(date)).unwrap();
        let again: Formatted<jiff::civil::Date> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(again.value().unwrap(), date);
    }

    #[test]
    fn every_uuid_comes_back(bytes in any::<u128>()) {
        let id = uuid::Uuid::from_u128(bytes);
        let json = serde_json::to_string(&Formatted::from(id)).unwrap();
        let again: Formatted<uuid::Uuid> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(again.value().unwrap(), id);
    }

    #[test]
    fn all_bytes_come_back_with_padding_or_without(bytes in any::<Vec<u8>>()) {
        let text = Base64::from(bytes.as_slice());
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Base64>(&json).unwrap().decode().unwrap(), &bytes);
        let bare: Base64 = serde_json::from_str(&json.replace('=', "")).unwrap();
        prop_assert_eq!(bare.decode().unwrap(), bytes);
    }

    #[test]
    fn every_text_of_a_reply_is_kept(text in ".*") {
        let json = serde_json::to_string(&text).unwrap();
        let time: Formatted<jiff::Timestamp> = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(time.as_str(), &text);
        prop_assert_eq!(serde_json::to_string(&time).unwrap(), json);
    }
}
