//! Statuses of operations that the tests have to see.

use std::collections::{BTreeMap, BTreeSet};

use super::contract::{
    ALL, CLOSE_ADAPTERS, CLOSE_CHANNELS, CLOSE_TRACKS, ESTABLISH, GET_SESSION, NEW_ADAPTERS,
    NEW_CHANNELS, NEW_SESSION, NEW_TRACKS, Operation, RENEGOTIATE, UPDATE_CHANNELS, UPDATE_TRACKS,
    documented,
};

/// Coverage of one test: its name, the least number of replies, and the statuses of operations.
type Covered = (&'static str, usize, &'static [(&'static Operation, &'static [u16])]);

const COVERED: &[Covered] = &[
    (
        "refused without right",
        46,
        &[
            (&NEW_SESSION, &[201, 401, 404]),
            (&GET_SESSION, &[401, 404]),
            (&NEW_TRACKS, &[401, 404]),
            (&RENEGOTIATE, &[401, 404]),
            (&CLOSE_TRACKS, &[401, 404]),
            (&UPDATE_TRACKS, &[401, 404]),
            (&ESTABLISH, &[401, 404]),
            (&NEW_CHANNELS, &[401, 404]),
            (&UPDATE_CHANNELS, &[401, 404]),
            (&CLOSE_CHANNELS, &[401, 404]),
            (&NEW_ADAPTERS, &[401, 404]),
            (&CLOSE_ADAPTERS, &[401, 404]),
        ],
    ),
    (
        "undecodable",
        34,
        &[
            (&NEW_SESSION, &[201, 400]),
            (&NEW_TRACKS, &[200, 400]),
            (&RENEGOTIATE, &[400]),
            (&CLOSE_TRACKS, &[400]),
            (&UPDATE_TRACKS, &[400]),
            (&ESTABLISH, &[400]),
            (&NEW_CHANNELS, &[400]),
            (&UPDATE_CHANNELS, &[400]),
            (&CLOSE_CHANNELS, &[400]),
            (&NEW_ADAPTERS, &[400]),
            (&CLOSE_ADAPTERS, &[400]),
        ],
    ),
    (
        "expired",
        10,
        &[
            (&NEW_SESSION, &[201]),
            (&GET_SESSION, &[410]),
            (&NEW_TRACKS, &[410]),
            (&RENEGOTIATE, &[410]),
            (&CLOSE_TRACKS, &[410]),
            (&UPDATE_TRACKS, &[410]),
            (&ESTABLISH, &[410]),
            (&NEW_CHANNELS, &[410]),
            (&UPDATE_CHANNELS, &[410]),
            (&CLOSE_CHANNELS, &[410]),
        ],
    ),
    (
        "busy",
        27,
        &[
            (&NEW_SESSION, &[201]),
            (&GET_SESSION, &[200, 429]),
            (&NEW_TRACKS, &[400, 429]),
            (&RENEGOTIATE, &[406, 429]),
            (&CLOSE_TRACKS, &[400, 429]),
            (&UPDATE_TRACKS, &[400, 429]),
            (&ESTABLISH, &[400, 429]),
            (&NEW_CHANNELS, &[400, 429]),
            (&UPDATE_CHANNELS, &[400, 429]),
            (&CLOSE_CHANNELS, &[400, 429]),
        ],
    ),
    ("too large", 4, &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200, 413]), (&RENEGOTIATE, &[413])]),
    (
        "fields missing",
        24,
        &[
            (&NEW_SESSION, &[201]),
            (&NEW_TRACKS, &[200, 400, 406]),
            (&CLOSE_TRACKS, &[400, 406]),
            (&UPDATE_TRACKS, &[406]),
            (&ESTABLISH, &[406]),
            (&NEW_CHANNELS, &[406]),
            (&UPDATE_CHANNELS, &[406]),
            (&CLOSE_CHANNELS, &[406]),
            (&NEW_ADAPTERS, &[406]),
            (&CLOSE_ADAPTERS, &[406]),
        ],
    ),
    (
        "entries unfitting",
        12,
        &[
            (&NEW_SESSION, &[201]),
            (&NEW_TRACKS, &[200, 406]),
            (&CLOSE_TRACKS, &[406]),
            (&UPDATE_TRACKS, &[406]),
            (&ESTABLISH, &[406]),
            (&UPDATE_CHANNELS, &[406]),
            (&NEW_ADAPTERS, &[406]),
            (&CLOSE_ADAPTERS, &[406]),
        ],
    ),
    (
        "descriptions",
        13,
        &[
            (&NEW_SESSION, &[201, 400, 406]),
            (&NEW_TRACKS, &[200, 400, 406]),
            (&CLOSE_TRACKS, &[400, 406]),
            (&UPDATE_TRACKS, &[400]),
            (&ESTABLISH, &[400, 406]),
        ],
    ),
    (
        "out of turn",
        13,
        &[
            (&NEW_SESSION, &[201]),
            (&GET_SESSION, &[200]),
            (&NEW_TRACKS, &[406]),
            (&RENEGOTIATE, &[400, 406]),
            (&CLOSE_TRACKS, &[406]),
            (&UPDATE_TRACKS, &[406]),
            (&ESTABLISH, &[200, 406]),
            (&NEW_CHANNELS, &[406]),
            (&UPDATE_CHANNELS, &[406]),
            (&CLOSE_CHANNELS, &[406]),
        ],
    ),
    (
        "not connected",
        11,
        &[
            (&NEW_SESSION, &[201]),
            (&NEW_TRACKS, &[425]),
            (&RENEGOTIATE, &[200]),
            (&CLOSE_TRACKS, &[425]),
            (&UPDATE_TRACKS, &[425]),
            (&ESTABLISH, &[200, 425]),
            (&NEW_CHANNELS, &[425]),
            (&UPDATE_CHANNELS, &[425]),
            (&CLOSE_CHANNELS, &[425]),
        ],
    ),
    ("sessions", 3, &[(&NEW_SESSION, &[201]), (&GET_SESSION, &[200])]),
    (
        "pulled in place",
        6,
        &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200]), (&RENEGOTIATE, &[200])],
    ),
    ("published", 9, &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200]), (&RENEGOTIATE, &[200])]),
    (
        "tracks",
        20,
        &[
            (&NEW_SESSION, &[201]),
            (&GET_SESSION, &[200]),
            (&NEW_TRACKS, &[200]),
            (&RENEGOTIATE, &[200]),
            (&CLOSE_TRACKS, &[200]),
            (&UPDATE_TRACKS, &[200]),
        ],
    ),
    ("silent", 5, &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200])]),
    ("pulled on an offer", 4, &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200])]),
    (
        "one offer for all",
        5,
        &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200]), (&NEW_CHANNELS, &[200])],
    ),
    (
        "published by name",
        6,
        &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200, 425]), (&RENEGOTIATE, &[200])],
    ),
    (
        "pulled in an idle section",
        6,
        &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200]), (&RENEGOTIATE, &[200])],
    ),
    ("counted mids", 4, &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200]), (&RENEGOTIATE, &[200])]),
    (
        "closed section by section",
        11,
        &[
            (&NEW_SESSION, &[201]),
            (&GET_SESSION, &[200]),
            (&NEW_TRACKS, &[200, 406]),
            (&RENEGOTIATE, &[200]),
            (&CLOSE_TRACKS, &[200]),
        ],
    ),
    (
        "without the codec",
        6,
        &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200]), (&RENEGOTIATE, &[200, 406])],
    ),
    ("h265", 5, &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200]), (&RENEGOTIATE, &[200])]),
    (
        "silent and stopped",
        10,
        &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200]), (&CLOSE_TRACKS, &[200])],
    ),
    (
        "glare",
        7,
        &[
            (&NEW_SESSION, &[201]),
            (&NEW_TRACKS, &[200]),
            (&RENEGOTIATE, &[200]),
            (&CLOSE_TRACKS, &[200]),
        ],
    ),
    (
        "settled and switched",
        7,
        &[
            (&NEW_SESSION, &[201]),
            (&NEW_TRACKS, &[200]),
            (&RENEGOTIATE, &[200]),
            (&UPDATE_TRACKS, &[200]),
        ],
    ),
    ("silent egress", 3, &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200]), (&NEW_ADAPTERS, &[503])]),
    ("made to fail", 5, &[(&NEW_SESSION, &[201]), (&NEW_TRACKS, &[200]), (&CLOSE_TRACKS, &[200])]),
    ("established by an offer", 2, &[(&NEW_SESSION, &[201]), (&ESTABLISH, &[200])]),
    (
        "data channels",
        26,
        &[
            (&NEW_SESSION, &[201]),
            (&GET_SESSION, &[200]),
            (&NEW_TRACKS, &[200]),
            (&RENEGOTIATE, &[200]),
            (&ESTABLISH, &[200]),
            (&NEW_CHANNELS, &[200]),
            (&UPDATE_CHANNELS, &[200]),
            (&CLOSE_CHANNELS, &[200]),
        ],
    ),
    (
        "adapters",
        6,
        &[
            (&NEW_SESSION, &[201]),
            (&NEW_TRACKS, &[200]),
            (&NEW_ADAPTERS, &[200]),
            (&CLOSE_ADAPTERS, &[200]),
        ],
    ),
    (
        "no adapter",
        7,
        &[
            (&NEW_SESSION, &[201]),
            (&NEW_TRACKS, &[200]),
            (&NEW_ADAPTERS, &[503]),
            (&CLOSE_ADAPTERS, &[503]),
        ],
    ),
    ("adapters made to fail", 2, &[(&NEW_ADAPTERS, &[503]), (&CLOSE_ADAPTERS, &[503])]),
];

type Pairs = BTreeSet<(&'static str, u16)>;

fn pairs(covered: &[(&'static Operation, &[u16])]) -> Pairs {
    let of = |(operation, statuses): &(&'static Operation, &[u16])| {
        let path = operation.path;
        statuses.iter().map(move |status| (path, *status)).collect::<Vec<_>>()
    };
    covered.iter().flat_map(of).collect()
}

/// Panics unless a test has seen the replies of the table.
pub(crate) fn assert_covered(theme: &str, seen: &BTreeMap<(&'static str, u16), usize>) {
    let replies: usize = seen.values().sum();
    let covered = COVERED.iter().find(|(name, ..)| *name == theme);
    let (_, least, covered) = covered.expect("a theme of the table");
    assert_eq!(seen.keys().copied().collect::<Pairs>(), pairs(covered));
    assert!(replies >= *least, "{replies} replies");
}

/// Returns the statuses of errors that an operation can have beyond the document's.
fn errors(operation: &Operation) -> Vec<u16> {
    let mut errors = vec![401, 404];
    if operation.has_body() {
        errors.extend([400, 406]);
    }
    if operation.is_on_session() {
        errors.extend([410, 429]);
    }
    match *operation {
        NEW_TRACKS => errors.extend([413, 425]),
        RENEGOTIATE => errors.push(413),
        GET_SESSION => {}
        _ if operation.is_on_session() => errors.push(425),
        _ => {}
    }
    errors
}

#[test]
fn the_tests_see_every_documented_status_and_error() {
    let of_document = documented().map(|(operation, status)| (operation.path, status));
    let beyond = ALL
        .iter()
        .flat_map(|operation| errors(operation).into_iter().map(|status| (operation.path, status)));
    let seen: Pairs = COVERED.iter().flat_map(|(_, _, covered)| pairs(covered)).collect();
    assert_eq!(seen, of_document.chain(beyond).collect());
    let replies: usize = COVERED.iter().map(|(_, least, _)| least).sum();
    assert_eq!((seen.len(), replies), (87, 359));
}
