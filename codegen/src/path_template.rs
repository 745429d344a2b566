//! Path templates such as `/apps/{appId}/sessions/new`.

/// One part of a path between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Sent as it stands.
    Literal(String),
    /// Replaced by the value of the parameter of this name.
    Parameter(String),
}

impl Segment {
    pub(crate) fn parameter(&self) -> Option<&str> {
        match self {
            Segment::Parameter(name) => Some(name),
            Segment::Literal(_) => None,
        }
    }

    pub(crate) fn literal(&self) -> Option<&str> {
        match self {
            Segment::Literal(text) => Some(text),
            Segment::Parameter(_) => None,
        }
    }
}

/// Splits a template; the error says what is wrong with it.
pub(crate) fn parse(path: &str) -> Result<Vec<Segment>, String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err("a path begins with `/`".to_owned());
    };
    let mut segments: Vec<Segment> = Vec::new();
    for part in rest.split('/') {
        let inner = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
        let segment = match inner {
            Some(name) if !name.is_empty() && !name.contains(['{', '}']) => {
                Segment::Parameter(name.to_owned())
            }
            None if !part.contains(['{', '}']) => Segment::Literal(part.to_owned()),
            _ => return Err("a path parameter fills a whole segment, as in `/{id}/`".to_owned()),
        };
        if matches!(segment.literal(), Some("." | "..")) {
            return Err("a path has no `.` or `..` segment".to_owned());
        }
        if let Some(name) = segment.parameter()
            && segments.iter().any(|earlier| earlier.parameter() == Some(name))
        {
            return Err("a path parameter stands twice in the path".to_owned());
        }
        segments.push(segment);
    }
    Ok(segments)
}
