//! Rust identifiers of the document's words.

use heck::{ToSnakeCase, ToUpperCamelCase};

/// Words that the document joins and that are two.
const COMPOUNDS: [(&str, &str); 2] = [("datachannel", "data_channel"), ("websockets", "websocket")];

/// Names that a type of the document may not take: those of the standard prelude that generated
/// code uses unqualified, and those of items in the same module.
const TAKEN_TYPES: [&str; 52] = [
    "AsMut",
    "AsRef",
    "Box",
    "ByteStream",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Deserialize",
    "Deserializer",
    "DoubleEndedIterator",
    "Drop",
    "Empty",
    "Eq",
    "Err",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "FromStr",
    "Hash",
    "Hasher",
    "Into",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "Ordering",
    "PartialEq",
    "PartialOrd",
    "PlainText",
    "RawBytes",
    "Result",
    "Self",
    "Send",
    "Serialize",
    "Serializer",
    "Sized",
    "Some",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "TryInto",
    "Unpin",
    "Vec",
];

/// Strict and reserved keywords of the editions up to 2024, in lower case.
/// <https://doc.rust-lang.org/reference/keywords.html>
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Spells `sessions_new` or `TrackObject` as the name of a type. Empty if `text` has no letter
/// to begin with.
pub(crate) fn type_name(text: &str) -> String {
    let name = camel(text);
    if TAKEN_TYPES.contains(&name.as_str()) { format!("{name}Value") } else { name }
}

/// Joins words in camel case.
fn camel(text: &str) -> String {
    let mut name = ascii(text);
    // Repeated until the name stays: `c_d` gives `CD`, and that `Cd`. Each round lowers letters,
    // so there is an end.
    loop {
        let camel = name.to_upper_camel_case();
        let camel = camel.trim_start_matches(|first: char| first.is_ascii_digit());
        if camel == name {
            return name;
        }
        name = camel.to_owned();
    }
}

/// Spells `correlationId` as the name of a field, argument or method. Empty if `text` has no
/// letter to begin with.
pub(crate) fn field_name(text: &str) -> String {
    let mut name = ascii(text).to_snake_case();
    for (joined, apart) in COMPOUNDS {
        name = name.replace(joined, apart);
    }
    let name = name.trim_start_matches(|first: char| first.is_ascii_digit() || first == '_');
    if is_keyword(name) { format!("{name}_") } else { name.to_owned() }
}

/// Returns [`type_name`], or `other` if it is empty. Digits alone are named `N1`.
pub(crate) fn type_name_or(text: &str, other: &str) -> String {
    let name = type_name(text);
    let spelled = || Some(type_name(&spelled(text)?)).filter(|name| !name.is_empty());
    if name.is_empty() { spelled().unwrap_or_else(|| other.to_owned()) } else { name }
}

/// Returns [`field_name`], or `other` if it is empty. Digits alone are named `n1`.
pub(crate) fn field_name_or(text: &str, other: &str) -> String {
    let name = field_name(text);
    let spelled = || Some(field_name(&spelled(text)?)).filter(|name| !name.is_empty());
    if name.is_empty() { spelled().unwrap_or_else(|| other.to_owned()) } else { name }
}

/// Returns the name of the variant for a value of an enum. A sign before a digit is a word, so
/// that `+1` and `-1` get two names.
pub(crate) fn variant_name(value: &str) -> String {
    let begins_with_digit = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    let signed = |sign: char| value.strip_prefix(sign).filter(|rest| begins_with_digit(rest));
    let words = match (signed('+'), signed('-')) {
        (Some(rest), _) => format!("plus {rest}"),
        (_, Some(rest)) => format!("minus {rest}"),
        _ if begins_with_digit(value) => format!("n {value}"),
        _ => value.to_owned(),
    };
    let name = camel(&words);
    match name.as_str() {
        "" => type_name_or(&words, "Blank"),
        // `Self` is a keyword, and `Other` is the open variant of every enum.
        "Self" | "Other" => format!("{name}Value"),
        _ => name,
    }
}

/// Takes the first of `wish`, `wish2`, … that is free, and returns it. `spell` makes a name of
/// each: words that meet may be split in another way.
pub(crate) fn free(
    wish: &str,
    spell: impl Fn(&str) -> String,
    taken: &mut std::collections::HashSet<String>,
) -> String {
    let numbered = (2..).map(|number| format!("{wish}{number}"));
    let names = [wish.to_owned()].into_iter().chain(numbered).map(|name| spell(&name));
    let name = names.into_iter().find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

/// Spells digits and signs that stand alone in words.
fn spelled(text: &str) -> Option<String> {
    let word = |c: char| match c {
        '+' => Some("plus"),
        '-' => Some("minus"),
        '*' => Some("star"),
        '$' => Some("dollar"),
        '@' => Some("at"),
        '#' => Some("hash"),
        '%' => Some("percent"),
        '<' => Some("less"),
        '>' => Some("greater"),
        '=' => Some("equal"),
        '!' => Some("not"),
        '/' => Some("slash"),
        '.' => Some("dot"),
        _ => None,
    };
    if text.contains(|c: char| c.is_ascii_digit()) {
        return Some(format!("n{}", text.trim_start_matches(|c: char| !c.is_ascii_digit())));
    }
    let words: Vec<&str> = text.chars().filter_map(word).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Returns the singular of an English word: `track` of `tracks`.
pub(crate) fn singular(word: &str) -> String {
    match word {
        _ if word.len() < 4 || !is_plural(word) => word.to_owned(),
        _ if word.ends_with("ies") => format!("{}y", &word[..word.len() - 3]),
        _ if ["sses", "shes", "ches", "xes"].iter().any(|end| word.ends_with(end)) => {
            word[..word.len() - 2].to_owned()
        }
        _ => word[..word.len() - 1].to_owned(),
    }
}

/// Returns whether an English word looks like a plural.
pub(crate) fn is_plural(word: &str) -> bool {
    word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end))
}

/// Returns whether the name is a word of the language, which is no identifier.
fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name)
}

/// Replaces characters that are not ASCII letters or digits by spaces, which separate words.
fn ascii(text: &str) -> String {
    text.replace(|c: char| !c.is_ascii_alphanumeric(), " ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_its_own_name(text in "[a-zA-Z0-9_ -]{1,24}") {
            let (ty, field) = (type_name(&text), field_name(&text));
            prop_assert_eq!(type_name(&ty), ty);
            prop_assert_eq!(field_name(&field), field);
        }
    }

    #[test]
    fn no_keyword_is_an_identifier() {
        // syn does not know the keyword of the edition of 2024.
        for keyword in KEYWORDS.into_iter().filter(|keyword| *keyword != "gen") {
            assert!(syn::parse_str::<syn::Ident>(keyword).is_err(), "{keyword}");
        }
        assert_eq!(field_name("Gen"), "gen_");
    }

    #[test]
    fn names_are_what_a_person_would_write() {
        assert_eq!(type_name("trackObject"), "TrackObject");
        assert_eq!(type_name("update_c_d"), "UpdateCd");
        assert_eq!(type_name("Option"), "OptionValue");
        assert_eq!(type_name("2nd-try"), "NdTry");
        assert_eq!(type_name("…"), "");
        assert_eq!(field_name("correlationId"), "correlation_id");
        assert_eq!(field_name("type"), "type_");
        assert_eq!(field_name("self"), "self_");
        assert_eq!(field_name("datachannels"), "data_channels");
        assert_eq!(singular("tracks"), "track");
        assert_eq!(singular("entries"), "entry");
        assert_eq!(singular("status"), "status");
        assert_eq!(singular("addresses"), "address");
    }
}
