//! Checked-in texts of the clients, which the build script generates.

#[track_caller]
fn assert_same(generated: &str, checked_in: &str, command: &str) {
    let first = generated.lines().zip(checked_in.lines()).position(|(one, other)| one != other);
    assert!(generated == checked_in, "differs from line {first:?}: run {command}");
}

#[test]
fn the_checked_in_client_is_the_generated_one() {
    let generated = include_str!(concat!(env!("OUT_DIR"), "/client.rs"));
    let command = "cargo xtask regenerate --from openapi.json";
    assert_same(generated, include_str!("../../generated/client.rs"), command);
}

#[cfg(feature = "account")]
#[test]
fn the_checked_in_client_of_the_account_is_the_generated_one() {
    let generated = include_str!(concat!(env!("OUT_DIR"), "/account.rs"));
    let command = "cargo xtask regenerate --document account --from openapi.account.json";
    assert_same(generated, include_str!("../../generated/account.rs"), command);
}

#[test]
fn the_generated_client_stays_readable() {
    let lines = include_str!("../../generated/client.rs").lines().count();
    assert!(lines <= 2_700, "{lines} lines");
}
