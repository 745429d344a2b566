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
    let lines = include_str!("../../generated/client.rs").lines().count();
    assert!(lines <= 2_700, "{lines} lines");
}
