//! Named types and what they are made of.

/// A type of the document.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// Its name in the document, if it has one there.
    pub(crate) origin: Option<String>,
    pub(crate) description: String,
    pub(crate) deprecated: bool,
    /// True if requests are made of it.
    pub(crate) requested: bool,
    pub(crate) schema: Schema,
}

/// Kinds of named types.
#[derive(Debug)]
pub(crate) enum Schema {
    Struct(Struct),
    /// Strings, of which the document lists some.
    OpenEnum(Vec<EnumValue>),
    Union(Union),
    /// A string that is safe in a path.
    Id,
    /// Another name of a named type.
    Alias(String),
    /// Another name of an unnamed type.
    Other(Ty),
    /// An unnamed type that contains itself.
    Wrapper(Ty),
}

#[derive(Debug)]
pub(crate) struct Struct {
    /// Sorted by the name in JSON.
    pub(crate) fields: Vec<Field>,
    /// The values of what has no field.
    pub(crate) rest: Option<Ty>,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// A Rust identifier, unique in the struct.
    pub(crate) ident: String,
    /// The name in JSON.
    pub(crate) wire: String,
    /// Other names under which a reply may have it.
    pub(crate) aliases: Vec<String>,
    /// Without `Option`.
    pub(crate) ty: Ty,
    pub(crate) presence: Presence,
    pub(crate) description: String,
    pub(crate) deprecated: bool,
    pub(crate) debug: Debug,
    /// True if it is an id, of which the empty string means that there is none.
    pub(crate) is_id: bool,
    /// True if it tells success from refusal: `false` means that the body is an error.
    pub(crate) is_verdict: bool,
}

/// True if a field may be missing or null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// Required, but it may be null.
    Nullable,
    /// An `Option`.
    Optional,
    /// A list or a map, which is empty if it is missing.
    Empty,
}

/// Text that `Debug` shows of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Debug {
    Show,
    /// The length only.
    Hide,
    /// The text without session descriptions.
    Scrub,
}

#[derive(Debug)]
pub(crate) struct EnumValue {
    pub(crate) ident: String,
    pub(crate) value: String,
    pub(crate) description: String,
}

/// One of several types.
#[derive(Debug)]
pub(crate) struct Union {
    /// The property whose value decides, if there is one.
    pub(crate) tag: Option<String>,
    pub(crate) variants: Vec<Variant>,
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) ident: String,
    pub(crate) ty: Ty,
    /// The values of the deciding property that stand for it.
    pub(crate) tags: Vec<String>,
}

/// A type as it stands in a field or argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ty {
    Text,
    Bool,
    /// A Rust integer or float.
    Number(&'static str),
    /// Bytes: a file of a form.
    File,
    Any,
    /// An object without known properties.
    Object,
    Named(String),
    Boxed(Box<Ty>),
    List(Box<Ty>),
    Map(Box<Ty>),
    /// Null, or a value.
    Option(Box<Ty>),
}

impl Ty {
    /// Returns whether a value is written as one text.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self, Ty::Text | Ty::Bool | Ty::Number(_))
    }

    /// Calls `visit` with every named type in this one; `direct` says whether a
    /// value of this type would hold one without indirection.
    pub(crate) fn names(&self, direct: bool, visit: &mut impl FnMut(&str, bool)) {
        match self {
            Ty::Named(name) => visit(name, direct),
            Ty::Option(inner) => inner.names(direct, visit),
            Ty::Boxed(inner) | Ty::List(inner) | Ty::Map(inner) => inner.names(false, visit),
            _ => {}
        }
    }
}
