//! Checked-in text of the client, which the build script generates.

#[test]
fn the_checked_in_client_is_the_generated_one() {
    let generated = include_str!(concat!(env!("OUT_DIR"), "/client.rs"));
    let checked_in = include_str!("../../generated/client.rs");
    let first = generated.lines().zip(checked_in.lines()).position(|(one, other)| one != other);
    assert!(
        generated == checked_in,
        "differs from line {first:?}: run cargo xtask regenerate --from openapi.json"
    );
}

#[test]
fn the_generated_client_stays_readable() {
    // The run-time sources are written by hand and the same for each document.
    let by_hand = [
        include_str!("../../codegen/runtime/error.rs"),
        include_str!("../../codegen/runtime/exchange.rs"),
        include_str!("../../codegen/runtime/id.rs"),
        include_str!("../../codegen/runtime/macros.rs"),
    ];
    let by_hand: usize = by_hand.iter().map(|text| text.lines().count()).sum();
    let lines = include_str!("../../generated/client.rs").lines().count() - by_hand;
    let operations = include_str!("../../openapi.json").matches("\"responses\": {").count();
    assert!(lines <= 240 * operations, "{lines} lines for {operations} operations");
}
