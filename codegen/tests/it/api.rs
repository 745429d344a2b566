//! Comparison of generated APIs, on real text.

use cloudflare_calls_codegen::api;

use super::{calls, expand_calls};

#[test]
fn a_name_that_the_overlay_no_longer_pins_is_reported() {
    let text = expand_calls(&calls());
    let lost = api::lost(&text, &text.replace("pub enum TrackLocation", "pub enum Location"));
    assert!(lost.contains(&"types::TrackLocation is gone".to_owned()), "{lost:?}");
}

#[test]
fn text_that_is_not_rust_is_reported_with_its_place() {
    let error = api::check("fn a() {}\nfn (").unwrap_err();
    assert!(error.contains("2:"), "{error}");
}
