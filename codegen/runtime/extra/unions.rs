/// The conversions of an enum of alternatives: a value becomes the alternative
/// that keeps most of it.
#[allow(unused_macros)] // Not every document has one without a deciding property.
macro_rules! alternatives {
    ($name:ident $($variant:ident)*) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => value.serialize(serializer),)*
                    Self::Other(value) => value.serialize(serializer),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = serde_json::Value::deserialize(deserializer)?;
                let mut best = (0, None);
                $(super::keep_better(&value, Self::$variant, &mut best);)*
                Ok(best.1.unwrap_or(Self::Other(value)))
            }
        }
    };
}

/// The conversions of an enum of alternatives between which a property decides.
#[allow(unused_macros)] // Not every document has one.
macro_rules! tagged {
    ($name:ident $tag:literal $($variant:ident [$($value:literal)*])*) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => super::with_tag(value, $tag, &[$($value),*])
                        .map_err(serde::ser::Error::custom)?
                        .serialize(serializer),)*
                    Self::Other(value) => value.serialize(serializer),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = serde_json::Value::deserialize(deserializer)?;
                let tag = value.get($tag).and_then(serde_json::Value::as_str).map(str::to_owned);
                match tag.as_deref() {
                    $($(Some($value) => serde_json::from_value(value)
                        .map(Self::$variant)
                        .map_err(serde::de::Error::custom),)*)*
                    _ => Ok(Self::Other(value)),
                }
            }
        }
    };
}

/// Takes `value` for a `T` if that keeps more of it than the best so far.
#[allow(dead_code)] // As `alternatives`.
fn keep_better<T: DeserializeOwned + Serialize, U>(
    value: &serde_json::Value,
    wrap: impl FnOnce(T) -> U,
    best: &mut (usize, Option<U>),
) {
    let Ok(decoded) = T::deserialize(value) else { return };
    let kept = serde_json::to_value(&decoded).map_or(0, |again| kept(value, &again)) + 1;
    if kept > best.0 {
        *best = (kept, Some(wrap(decoded)));
    }
}

/// How many parts of `value` are in `again` as well.
#[allow(dead_code)] // As `alternatives`.
fn kept(value: &serde_json::Value, again: &serde_json::Value) -> usize {
    use serde_json::Value;
    match (value, again) {
        (Value::Object(value), Value::Object(again)) => {
            let both = value.iter().filter_map(|(key, part)| Some((part, again.get(key)?)));
            1 + both.map(|(part, again)| 1 + kept(part, again)).sum::<usize>()
        }
        (Value::Array(value), Value::Array(again)) => {
            1 + value.iter().zip(again).map(|(part, again)| kept(part, again)).sum::<usize>()
        }
        _ => usize::from(value == again),
    }
}

/// `value` with a deciding property that says what it is.
#[allow(dead_code)] // As `tagged`.
fn with_tag(
    value: &impl Serialize,
    tag: &str,
    values: &[&str],
) -> serde_json::Result<serde_json::Value> {
    let mut value = serde_json::to_value(value)?;
    if let (serde_json::Value::Object(map), Some(first)) = (&mut value, values.first()) {
        let said = map.get(tag).and_then(serde_json::Value::as_str);
        if !said.is_some_and(|said| values.contains(&said)) {
            map.insert(tag.to_owned(), (*first).into());
        }
    }
    Ok(value)
}
