//! Named types and their parts.

/// Type of the document.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// Name in the document, if it has one there.
    pub(crate) origin: Option<String>,
    pub(crate) description: String,
    pub(crate) deprecated: bool,
    /// True if it is part of requests.
    pub(crate) requested: bool,
    pub(crate) schema: Schema,
}

/// Kind of a named type.
#[derive(Debug)]
pub(crate) enum Schema {
    Struct(Struct),
    /// Strings, of which the document lists some.
    OpenEnum(Vec<EnumValue>),
    Union(Union),
    /// String that is safe in a path.
    Id,
    /// Another name of a named type.
    Alias(String),
    /// Another name of an unnamed type.
    Other(Ty),
    /// Unnamed type that contains itself.
    Wrapper(Ty),
}

#[derive(Debug)]
pub(crate) struct Struct {
    /// Fields, sorted by the name in JSON.
    pub(crate) fields: Vec<Field>,
    /// Type of the properties without a field, if they are kept.
    pub(crate) rest: Option<Ty>,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Rust identifier, unique in the struct.
    pub(crate) ident: String,
    /// Name in JSON.
    pub(crate) wire: String,
    /// Other names that a reply may use.
    pub(crate) aliases: Vec<String>,
    /// Type without `Option`.
    pub(crate) ty: Ty,
    pub(crate) presence: Presence,
    pub(crate) description: String,
    pub(crate) deprecated: bool,
    pub(crate) debug: Debug,
    /// True if it is an id. The empty string means that there is none.
    pub(crate) is_id: bool,
    /// True if it tells success from refusal: if its value is `false`, the body is an error.
    pub(crate) is_verdict: bool,
}

/// Presence of a field: required or not, and null or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// Required and may be null.
    Nullable,
    /// Not required: an `Option`.
    Optional,
    /// Not required, and sent as null as well: an `Option` of an `Option`.
    OptionalNullable,
    /// List or map that is empty if it is missing.
    Empty,
}

/// Part of a text that `Debug` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Debug {
    Show,
    /// Length only.
    Hide,
    /// Text without session descriptions.
    Scrub,
}

#[derive(Debug)]
pub(crate) struct EnumValue {
    pub(crate) ident: String,
    pub(crate) value: String,
    pub(crate) description: String,
}

/// Choice between several types.
#[derive(Debug)]
pub(crate) struct Union {
    /// Property whose value decides, if there is one.
    pub(crate) tag: Option<String>,
    pub(crate) variants: Vec<Variant>,
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) ident: String,
    pub(crate) ty: Ty,
    /// Values of the deciding property that select the variant.
    pub(crate) tags: Vec<String>,
}

/// Type of a field or argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ty {
    Text,
    Bool,
    /// Rust integer or float.
    Number(&'static str),
    /// Text or number of a format, with a type of the run-time.
    Format(Format),
    /// Bytes: a file of a form.
    File,
    Any,
    /// Object without known properties.
    Object,
    Named(String),
    Boxed(Box<Ty>),
    List(Box<Ty>),
    Map(Box<Ty>),
    /// Null or a value.
    Option(Box<Ty>),
}

/// Format of a text or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    DateTime,
    Date,
    Uuid,
    /// Bytes as text.
    Base64,
    /// Number that keeps its digits.
    Decimal,
}

impl Ty {
    /// Returns whether a value is written as one text.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self, Ty::Text | Ty::Bool | Ty::Number(_) | Ty::Format(_))
    }

    /// Calls `visit` with each named type in this one. The flag `direct` is true if a value
    /// of this type holds one without indirection.
    pub(crate) fn names(&self, direct: bool, visit: &mut impl FnMut(&str, bool)) {
        match self {
            Ty::Named(name) => visit(name, direct),
            Ty::Option(inner) => inner.names(direct, visit),
            Ty::Boxed(inner) | Ty::List(inner) | Ty::Map(inner) => inner.names(false, visit),
            _ => {}
        }
    }
}
