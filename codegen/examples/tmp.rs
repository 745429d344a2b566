use cloudflare_calls_codegen::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let d = Document::from_path(a[1].as_ref()).unwrap_or_else(|e| panic!("{e}"));
    let o = a.get(2).map(|p| Overlay::from_path(p.as_ref()).unwrap_or_else(|e| panic!("{e}"))).unwrap_or_else(Overlay::empty);
    let g = generate(&d, &o, &Options::default().stale(StalePolicy::Report)).unwrap_or_else(|e| panic!("{e}"));
    for s in g.stale { eprintln!("stale {s}"); }
    print!("{}", g.text);
}
