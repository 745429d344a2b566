//! Refuses what OpenAPI 3.0 forbids and what the generator does not cover,
//! with a JSON pointer to the place, before any pass looks at the document.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, Result, path_template, pointer, walk};

/// The HTTP methods that a path item may have, as OpenAPI spells them.
pub(crate) const METHODS: [&str; 8] =
    ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The deepest nesting of schemas that is accepted, counted in JSON levels
/// below the schema. Real documents stay below twenty.
const MAX_SCHEMA_DEPTH: usize = 64;

/// The largest number of objects that is accepted, so that no pass takes
/// longer than seconds. The published document has 700.
const MAX_OBJECTS: usize = 20_000;

/// Checks the whole document; the first fault ends the check.
pub(crate) fn validate(file: &str, root: &Value) -> Result<()> {
    let check = Check { file, root };
    check.version()?;
    check.size()?;
    check.references()?;
    check.schemas()?;
    check.paths()
}

struct Check<'v> {
    file: &'v str,
    root: &'v Value,
}

impl<'v> Check<'v> {
    fn fault<T>(&self, pointer: &str, reason: impl Into<String>) -> Result<T> {
        Err(fault(self.file, pointer, reason))
    }

    fn object(&self, value: &'v Value, at: &str) -> Result<&'v Map<String, Value>> {
        match value {
            Value::Object(map) => Ok(map),
            _ => self.fault(at, "expected an object"),
        }
    }

    fn version(&self) -> Result<()> {
        let root = self.object(self.root, "")?;
        let unsupported = |pointer: &str, found: String| {
            Err(Error::Version { file: self.file.to_owned(), pointer: pointer.to_owned(), found })
        };
        if let Some(version) = root.get("swagger") {
            return unsupported("/swagger", format!("Swagger {}", plain(version)));
        }
        match root.get("openapi") {
            None => {
                self.fault("", "there is no `openapi` version: this is not an OpenAPI document")
            }
            Some(Value::String(version)) if version == "3.0" || version.starts_with("3.0.") => {
                Ok(())
            }
            Some(version) => unsupported("/openapi", format!("OpenAPI {}", plain(version))),
        }
    }

    fn size(&self) -> Result<()> {
        let mut count = 0;
        walk::objects(self.root, &mut |_, _| count += 1);
        match count > MAX_OBJECTS {
            true => self
                .fault("", format!("more than {MAX_OBJECTS} objects, which no Calls document has")),
            false => Ok(()),
        }
    }

    /// Every `$ref` leads to an object of this document, and no chain of them
    /// returns to its start.
    fn references(&self) -> Result<()> {
        let mut references = HashMap::new();
        walk::objects(self.root, &mut |at, object| {
            if let Some(reference) = object.get("$ref") {
                references.insert(at.to_owned(), reference);
            }
        });
        let mut ordered: Vec<_> = references.iter().collect();
        ordered.sort_by_key(|(at, _)| *at);
        for (at, reference) in ordered {
            let at_ref = format!("{at}/$ref");
            let Value::String(reference) = reference else {
                // A property may be called `$ref`; then its value is a schema.
                if reference.is_object() {
                    continue;
                }
                return self.fault(&at_ref, "expected a string");
            };
            let Some(target) = pointer::local(reference) else {
                return self.fault(
                    &at_ref,
                    format!("`{}` leads outside of this document", shorten(reference)),
                );
            };
            if !self.root.pointer(target).is_some_and(Value::is_object) {
                return self.fault(&at_ref, format!("`{}` leads nowhere", shorten(reference)));
            }
            let mut seen = HashSet::from([at.as_str()]);
            let mut next = target;
            while let Some(further) = references.get(next).and_then(|r| r.as_str()) {
                if !seen.insert(next) {
                    return self.fault(&at_ref, "this chain of references leads back to itself");
                }
                let Some(target) = pointer::local(further) else { break };
                next = target;
            }
        }
        Ok(())
    }

    fn schemas(&self) -> Result<()> {
        let Some(components) = self.root.get("components") else { return Ok(()) };
        let Some(schemas) = self.object(components, "/components")?.get("schemas") else {
            return Ok(());
        };
        let at = "/components/schemas";
        self.no_schema_is_made_of_itself(schemas)?;
        let mut idents: BTreeMap<String, &str> = BTreeMap::new();
        for (name, schema) in self.object(schemas, at)? {
            let at = pointer::join(at, name);
            self.schema(schema, &at)?;
            let ident = crate::names::type_name(name);
            if ident.is_empty() {
                return self.fault(&at, "the schema's name has no letter to name a type by");
            }
            if let Some(other) = idents.insert(ident, name) {
                return self.fault(
                    &at,
                    format!("`{}` and `{}` would be one Rust type", shorten(other), shorten(name)),
                );
            }
        }
        Ok(())
    }

    /// A schema may contain itself, but not be its own branch: neither merging
    /// nor progenitor would come to an end.
    fn no_schema_is_made_of_itself(&self, schemas: &Value) -> Result<()> {
        let schemas = schemas.as_object().into_iter().flatten();
        let branches: BTreeMap<&str, Vec<&str>> =
            schemas.map(|(name, schema)| (name.as_str(), branches(schema))).collect();
        for name in branches.keys() {
            let mut seen = HashSet::new();
            let mut next = branches[name].clone();
            while let Some(branch) = next.pop() {
                if branch == *name {
                    let at = pointer::join("/components/schemas", name);
                    return self
                        .fault(&at, "the schema is made of itself by `allOf`, `oneOf` or `anyOf`");
                }
                if seen.insert(branch) {
                    next.extend(branches.get(branch).into_iter().flatten());
                }
            }
        }
        Ok(())
    }

    fn schema(&self, schema: &'v Value, at: &str) -> Result<()> {
        self.object(schema, at)?;
        if depth(schema) > MAX_SCHEMA_DEPTH {
            return self.fault(at, format!("nested deeper than {MAX_SCHEMA_DEPTH} levels"));
        }
        if let Some((inner, kind)) = unknown_type(schema) {
            return self
                .fault(&format!("{at}{inner}"), format!("{kind} is no type of OpenAPI 3.0"));
        }
        self.typed::<openapiv3::ReferenceOr<openapiv3::Schema>>(schema, at, "a schema")
    }

    /// The shape check of the `openapiv3` crate, on one part of the document,
    /// so that its message gets a place.
    fn typed<T: DeserializeOwned>(&self, value: &Value, at: &str, what: &str) -> Result<()> {
        match T::deserialize(value) {
            Ok(_) => Ok(()),
            Err(error) => self.fault(at, format!("not {what} of OpenAPI 3.0: {error}")),
        }
    }

    fn paths(&self) -> Result<()> {
        let paths = match self.root.get("paths") {
            None => return self.fault("", "there are no `paths`"),
            Some(paths) => self.object(paths, "/paths")?,
        };
        let mut ids: HashMap<&str, String> = HashMap::new();
        let mut any = false;
        for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
            let at = pointer::join("/paths", path);
            let template =
                path_template::parse(path).map_err(|reason| fault(self.file, &at, reason))?;
            let item = self.object(item, &at)?;
            if item.contains_key("$ref") {
                return self.fault(&at, "a path item that is a reference is not supported");
            }
            let shared = self.parameters(item, &at)?;
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                let at = pointer::join(&at, method);
                any = true;
                self.operation(operation, &at, &template, &shared)?;
                if let Some(id) = operation.get("operationId") {
                    let at_id = pointer::join(&at, "operationId");
                    let Value::String(id) = id else {
                        return self.fault(&at_id, "expected a string");
                    };
                    if let Some(first) = ids.insert(id, at_id.clone()) {
                        return self.fault(
                            &at_id,
                            format!("`{}` names the operation at {first} already", shorten(id)),
                        );
                    }
                }
            }
        }
        if any { Ok(()) } else { self.fault("/paths", "there is no operation in this document") }
    }

    fn operation(
        &self,
        operation: &'v Value,
        at: &str,
        template: &[path_template::Segment],
        shared: &HashSet<(String, String)>,
    ) -> Result<()> {
        let object = self.object(operation, at)?;
        let mut parameters = self.parameters(object, at)?;
        parameters.extend(shared.iter().cloned());
        let in_path: HashSet<&str> = parameters
            .iter()
            .filter(|(location, _)| location == "path")
            .map(|(_, name)| name.as_str())
            .collect();
        let in_template: HashSet<&str> =
            template.iter().filter_map(path_template::Segment::parameter).collect();
        if let Some(name) = sorted(in_template.difference(&in_path)).first() {
            return self.fault(at, format!("path parameter `{name}` is not declared"));
        }
        if let Some(name) = sorted(in_path.difference(&in_template)).first() {
            return self.fault(at, format!("path parameter `{name}` does not stand in the path"));
        }
        let at_responses = pointer::join(at, "responses");
        let Some(responses) = object.get("responses") else {
            return self.fault(at, "there are no `responses`");
        };
        for (status, response) in self.object(responses, &at_responses)? {
            let at = pointer::join(&at_responses, status);
            if status.starts_with("x-") {
                continue;
            }
            if !is_status(status) {
                return self.fault(&at, "expected a status such as `200`, `4XX` or `default`");
            }
            self.object(response, &at)?;
            self.media_schemas(response, &at)?;
        }
        if let Some(body) = object.get("requestBody") {
            self.media_schemas(body, &pointer::join(at, "requestBody"))?;
        }
        self.typed::<openapiv3::Operation>(operation, at, "an operation")
    }

    /// The schemas under `content` hold to the same rules as named ones.
    fn media_schemas(&self, value: &'v Value, at: &str) -> Result<()> {
        let Some(content) = value.get("content") else { return Ok(()) };
        let at = pointer::join(at, "content");
        for (media, entry) in self.object(content, &at)? {
            let at = pointer::join(&at, media);
            if let Some(schema) = self.object(entry, &at)?.get("schema") {
                self.schema(schema, &pointer::join(&at, "schema"))?;
            }
        }
        Ok(())
    }

    /// The `(location, name)` of the parameters of an operation or path item.
    fn parameters(
        &self,
        holder: &'v Map<String, Value>,
        at: &str,
    ) -> Result<HashSet<(String, String)>> {
        let mut found = HashSet::new();
        let Some(list) = holder.get("parameters") else { return Ok(found) };
        let at = pointer::join(at, "parameters");
        let Value::Array(list) = list else { return self.fault(&at, "expected an array") };
        for (index, parameter) in list.iter().enumerate() {
            let at = pointer::join(&at, &index.to_string());
            let parameter = self.object(self.follow(parameter), &at)?;
            let text = |key: &str| parameter.get(key).and_then(Value::as_str);
            let (Some(name), Some(location)) = (text("name"), text("in")) else {
                return self.fault(&at, "a parameter needs `name` and `in`");
            };
            match location {
                "path" | "query" | "header" => {}
                "cookie" => return self.fault(&at, "cookie parameters are not supported"),
                _ => return self.fault(&at, "`in` is none of path, query, header, cookie"),
            }
            if crate::names::field_name(name).is_empty() {
                return self
                    .fault(&at, "the parameter's name has no letter to name an argument by");
            }
            let Some(schema) = parameter.get("schema") else {
                return self.fault(&at, "a parameter without `schema` is not supported");
            };
            self.schema(schema, &pointer::join(&at, "schema"))?;
            if !found.insert((location.to_owned(), name.to_owned())) {
                return self
                    .fault(&at, format!("{location} parameter `{}` stands twice", shorten(name)));
            }
        }
        Ok(found)
    }

    /// What a chain of references ends at; [`references`](Self::references)
    /// has shown that it ends.
    fn follow(&self, mut value: &'v Value) -> &'v Value {
        while let Some(target) = value
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(pointer::local)
            .and_then(|target| self.root.pointer(target))
        {
            value = target;
        }
        value
    }
}

/// A [`Error::Document`].
pub(crate) fn fault(file: &str, pointer: &str, reason: impl Into<String>) -> Error {
    Error::Document { file: file.to_owned(), pointer: pointer.to_owned(), reason: reason.into() }
}

fn sorted<'s>(items: impl Iterator<Item = &'s &'s str>) -> Vec<&'s str> {
    let mut items: Vec<&str> = items.copied().collect();
    items.sort_unstable();
    items
}

fn is_status(text: &str) -> bool {
    text == "default"
        || matches!(text.as_bytes(), [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'])
        || matches!(text.as_bytes(), [b'1'..=b'5', b'X', b'X'])
}

/// A `type` that OpenAPI 3.0 does not have, such as a list of types.
fn unknown_type(schema: &Value) -> Option<(String, String)> {
    const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
    let mut found = None;
    walk::objects(schema, &mut |at, object| {
        let kind = object.get("type");
        let known = kind.is_none_or(|kind| kind.as_str().is_some_and(|kind| TYPES.contains(&kind)));
        if !known && found.is_none() {
            found = kind.map(|kind| (format!("{at}/type"), plain(kind)));
        }
    });
    found
}

/// The named schemas that `schema` is made of, rather than contains.
fn branches(schema: &Value) -> Vec<&str> {
    let mut found: Vec<&str> = pointer::schema_name(schema).into_iter().collect();
    for key in ["allOf", "oneOf", "anyOf"] {
        let list = schema.get(key).and_then(Value::as_array);
        found.extend(list.into_iter().flatten().flat_map(branches));
    }
    found.extend(schema.get("not").map(branches).unwrap_or_default());
    found
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => shorten(text),
        other => shorten(&other.to_string()),
    }
}

/// At most sixty characters of text that the document chose.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
