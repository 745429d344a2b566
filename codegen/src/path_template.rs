//! Path templates such as `/apps/{appId}/sessions/new`.
//!
//! OpenAPI knows no query in a template, and many documents have one: `/search?kind=room&q={text}`.
//! The part behind a `#` only tells operations apart, because it is never sent (RFC 3986 section
//! 3.5).

use percent_encoding::percent_decode_str;

/// Parts of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) segments: Vec<Segment>,
    pub(crate) query: Vec<(String, Piece)>,
}

/// Part of a path between two slashes: pieces that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment(Vec<Piece>);

/// Text or parameter of a segment, as in `{page}.{format}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Sent as it is. It is escaped in the template, and not here.
    Literal(String),
    /// Replaced by the value of the parameter of this name.
    Parameter(String),
}

impl Piece {
    pub(crate) fn parameter(&self) -> Option<&str> {
        match self {
            Piece::Parameter(name) => Some(name),
            Piece::Literal(_) => None,
        }
    }
}

impl Segment {
    /// Returns the pieces, of which there is at least one.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Returns the first parameter of the segment.
    pub(crate) fn parameter(&self) -> Option<&str> {
        self.0.iter().find_map(Piece::parameter)
    }

    /// Returns the text of a segment without parameters.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// Splits a template. The error is the problem with it.
pub(crate) fn parse(template: &str) -> Result<Template, String> {
    let sent = template.split('#').next().unwrap_or_default();
    let (path, query) = sent.split_once('?').unwrap_or((sent, ""));
    let Some(path) = path.strip_prefix('/') else {
        return Err("a path begins with `/`".to_owned());
    };
    Ok(Template { segments: segments(path)?, query: pairs(query)? })
}

fn segments(path: &str) -> Result<Vec<Segment>, String> {
    let mut segments: Vec<Segment> = Vec::new();
    for part in path.split('/') {
        let segment = Segment(pieces(part)?);
        if matches!(segment.literal(), Some("." | "..")) {
            return Err("a path has no `.` or `..` segment".to_owned());
        }
        for name in segment.pieces().iter().filter_map(Piece::parameter) {
            let earlier = segments.iter().flat_map(Segment::pieces).filter_map(Piece::parameter);
            let own = segment.pieces().iter().filter_map(Piece::parameter);
            if earlier.chain(own).filter(|other| *other == name).count() > 1 {
                return Err("a path parameter stands twice in the path".to_owned());
            }
        }
        segments.push(segment);
    }
    Ok(segments)
}

/// Reads the pairs of a query. A value is a text or a parameter, without more.
fn pairs(query: &str) -> Result<Vec<(String, Piece)>, String> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (pieces(name)?.as_slice(), pieces(value)?.as_slice()) {
            ([Piece::Literal(name)], [value]) => Ok((name.clone(), value.clone())),
            _ => Err("a value in the query of a path is a text or a parameter".to_owned()),
        }
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

fn pieces(part: &str) -> Result<Vec<Piece>, String> {
    let unmatched = || "a `{` and its `}` stand in one segment, around a name".to_owned();
    let mut found = Vec::new();
    let mut rest = part;
    while !rest.is_empty() || found.is_empty() {
        let text = &rest[..rest.find(['{', '}']).unwrap_or(rest.len())];
        rest = &rest[text.len()..];
        if !text.is_empty() || rest.is_empty() {
            found.push(Piece::Literal(percent_decode_str(text).decode_utf8_lossy().into_owned()));
        }
        if rest.is_empty() {
            break;
        }
        let inner = rest.strip_prefix('{').ok_or_else(unmatched)?;
        let end = inner.find('}').ok_or_else(unmatched)?;
        let name = &inner[..end];
        if name.is_empty() || name.contains('{') {
            return Err(unmatched());
        }
        found.push(Piece::Parameter(name.to_owned()));
        rest = &inner[end + 1..];
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_pieces_in_order() {
        let segments = parse("/a/{b}.{c}/").expect("a path").segments;
        assert_eq!(segments.len(), 3);
        let (literal, parameter) =
            (|text: &str| Piece::Literal(text.into()), |name: &str| Piece::Parameter(name.into()));
        assert_eq!(segments[1].pieces(), [parameter("b"), literal("."), parameter("c")]);
        assert_eq!((segments[0].literal(), segments[2].literal()), (Some("a"), Some("")));
        for wrong in ["a", "/{", "/}", "/{}", "/{a{b}}", "/{a}{a}", "/a/..", "/{a"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_query_has_pairs_and_a_fragment_is_no_part() {
        let template = parse("/find%20it?v=2&q={text}&all#twice?").expect("a path");
        assert_eq!(template.segments[0].literal(), Some("find it"));
        let pair = |name: &str, value: Piece| (name.to_owned(), value);
        let (two, none) = (Piece::Literal("2".into()), Piece::Literal(String::new()));
        let text = Piece::Parameter("text".into());
        assert_eq!(template.query, [pair("v", two), pair("q", text), pair("all", none)]);
        assert_eq!(
            parse("/#Action=A").expect("a path").segments,
            parse("/").expect("one").segments
        );
        for wrong in ["/a?q=x{y}", "/a?{q}=1", "/a?q={"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
