//! Whole generation, from the bytes of the document to the text.
//!
//! `cargo bench --bench generation`

// A benchmark fails by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::hint::black_box;

use cloudflare_calls_codegen::{Document, Options, Overlay, generate};
use criterion::{Criterion, criterion_group, criterion_main};

fn generation(criterion: &mut Criterion) {
    let document = include_bytes!("../openapi.json");
    let overlay = include_bytes!("../openapi.overlay.json");
    let mut group = criterion.benchmark_group("generation");
    group.sample_size(50);
    group.bench_function("load", |bencher| {
        bencher.iter(|| Document::from_bytes("openapi.json", black_box(document)).unwrap());
    });
    group.bench_function("load to text", |bencher| {
        bencher.iter(|| {
            let document = Document::from_bytes("openapi.json", black_box(document)).unwrap();
            let overlay = Overlay::from_bytes("overlay.json", black_box(overlay)).unwrap();
            generate(&document, &overlay, &Options::default()).unwrap().text
        });
    });
    group.finish();
}

criterion_group!(benches, generation);
criterion_main!(benches);
