//! Programs that must not compile. Each program in `wrong` has one in `right`, named by the part
//! before the hyphen, that differs in a single line and compiles, so only that line can be the
//! reason. The right ones are modules of this test, which costs less than a program for each.
//! rustc's messages for the wrong ones are checked in beside them, and are those of the workspace's
//! `rust-version`. `TRYBUILD=overwrite cargo test -p ui` writes them anew.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Makes a module of each right program, and the list of their names.
macro_rules! right {
    ($($module:ident $path:literal)*) => {
        $(
            // Nothing calls its `main`.
            #[allow(dead_code)]
            #[path = $path]
            mod $module;
        )*
        const RIGHT: &[&str] = &[$($path),*];
    };
}

right! {
    answer "../right/answer.rs"
    answers "../right/answers.rs"
    app_id "../right/app_id.rs"
    close "../right/close.rs"
    close_channels "../right/close_channels.rs"
    close_request "../right/close_request.rs"
    closer "../right/closer.rs"
    departure "../right/departure.rs"
    description "../right/description.rs"
    guarded "../right/guarded.rs"
    guarded_pending "../right/guarded_pending.rs"
    keep "../right/keep.rs"
    kept_answer "../right/kept_answer.rs"
    match_ "../right/match.rs"
    negotiation "../right/negotiation.rs"
    outcome "../right/outcome.rs"
    pending "../right/pending.rs"
    published "../right/published.rs"
    read_session "../right/read_session.rs"
    secret "../right/secret.rs"
    subscribed "../right/subscribed.rs"
    track_kind "../right/track_kind.rs"
}

#[test]
fn right_programs_are_compiled() {
    let paths = programs("right").into_iter().map(|name| format!("../right/{name}.rs"));
    assert_eq!(paths.collect::<Vec<_>>(), RIGHT);
}

#[test]
fn wrong_programs_do_not_compile() {
    trybuild::TestCases::new().compile_fail("wrong/*.rs");
}

#[test]
fn wrong_programs_differ_from_right_ones_in_the_line_of_the_error() {
    let mut compared = BTreeSet::new();
    for name in programs("wrong") {
        let (right, _) = name.split_once('-').expect("the right one, and what is wrong");
        let (wrong, said) = (read("wrong", &name, "rs"), read("wrong", &name, "stderr"));
        compared.insert(right.to_owned());
        let right = read("right", right, "rs");
        assert_eq!(right.lines().count(), wrong.lines().count(), "{name}");
        let pairs = right.lines().zip(wrong.lines()).zip(1..);
        let lines: Vec<u32> =
            pairs.filter(|((right, wrong), _)| right != wrong).map(|(_, line)| line).collect();
        let [line] = lines[..] else { panic!("{name}: the lines {lines:?} differ") };

        let here = format!("wrong/{name}.rs:{line}:");
        let mut messages = said.split("\n\n").peekable();
        assert!(messages.peek().is_some(), "{name}");
        for message in messages {
            let (what, place) = message.split_once("--> ").expect("a place");
            assert!(what.starts_with("error"), "{name}: {what}");
            // A `match` is reported at its beginning.
            let is_here = place.starts_with(&here) || what.starts_with("error[E0004]");
            assert!(is_here, "{name}: not {here} but {place}");
        }
    }
    assert_eq!(compared, programs("right"));
}

/// Returns the names of the programs in a folder.
fn programs(folder: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    let programs = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    programs.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

fn read(folder: &str, name: &str, extension: &str) -> String {
    let path = Path::new(folder).join(name).with_extension(extension);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
