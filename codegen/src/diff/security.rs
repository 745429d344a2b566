//! Security: the secrets that operations want, and the ways in which they are sent.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value};

use super::collect::Collector;
use super::place::Place;
use super::{Change, Effect, Kind, shown};
use crate::schema;
use crate::security::{self, Scheme, Way};

type Object = Map<String, Value>;

/// Comparison of the security of two documents.
pub(super) struct Security<'c> {
    old: &'c Value,
    new: &'c Value,
    /// New names of schemes that have another name, and are the same otherwise. Empty if the old
    /// client shows their names, because a program can have used them.
    renamed: BTreeMap<&'c str, &'c str>,
}

impl<'c> Security<'c> {
    pub(super) fn new(old: &'c Value, new: &'c Value) -> Self {
        let operations = schema::operations(old).into_iter();
        let ways: Vec<Way> =
            operations.flat_map(|(_, operation)| security::of(old, operation).ways).collect();
        let are_shown = !security::own_secrets(&ways).is_empty();
        let renamed = if are_shown { BTreeMap::new() } else { renamed(old, new) };
        Self { old, new, renamed }
    }

    /// Compares the requirements of an operation. A removed alternative breaks its users, an added
    /// one breaks none. Another first way breaks those that leave the way to the client.
    pub(super) fn operation(
        &self,
        place: &Place,
        (old, new): (&Object, &Object),
        found: &mut Collector,
    ) {
        let (declared, before) = self.alternatives(self.old, old);
        let (_, after) = self.alternatives(self.new, new);
        let sent = |root, operation| -> Option<Vec<Scheme>> {
            let way = security::of(root, operation).ways.into_iter().next()?;
            Some(way.into_iter().map(|(_, scheme)| scheme).collect())
        };
        let (sent_before, sent_after) = (sent(self.old, old), sent(self.new, new));
        let is_sent_otherwise = sent_before.is_some() && sent_before != sent_after;
        let list = |alternatives: &[String]| alternatives.iter().cloned().collect::<BTreeSet<_>>();
        let (all_before, all_after) = (list(&before), list(&after));
        // A scheme that is sent in another way is reported once, for all operations.
        if all_before == all_after && (before == after || !is_sent_otherwise) {
            return;
        }
        // A document that says nothing of security has a client that sends a bearer token.
        let is_kept = !declared || all_before.is_subset(&all_after);
        let effect = Effect::breaking_if(is_sent_otherwise || !is_kept);
        let change = Change::new(effect, Kind::Changed, place, "security");
        found.push(change.values(Some(before.join(" or ")), Some(after.join(" or "))));
    }

    /// Reports changed security schemes. One that is sent as before, or that no operation uses,
    /// breaks no program. Added ones are not reported, because no program uses them yet.
    pub(super) fn schemes(&self, found: &mut Collector) {
        let used = used(self.old);
        for (name, scheme) in schemes(self.old).into_iter().flatten() {
            let new_name = self.new_name(name);
            let other = schemes(self.new).and_then(|schemes| schemes.get(new_name));
            if other == Some(scheme) && name == new_name {
                continue;
            }
            let sent = security::scheme(self.old, name);
            let breaks = used.contains(name.as_str())
                && (sent.is_none() || sent != security::scheme(self.new, new_name));
            let what = format!("security scheme {name}");
            let (kind, values) = match other {
                Some(_) if name != new_name => {
                    (Kind::Changed, (Some(name.clone()), Some(new_name.to_owned())))
                }
                Some(_) => (Kind::Changed, (shown(Some(scheme)), shown(other))),
                None => (Kind::Removed, (shown(Some(scheme)), None)),
            };
            let change = Change::new(Effect::breaking_if(breaks), kind, &Place::default(), &what);
            found.push(change.values(values.0, values.1));
        }
    }

    fn new_name<'n>(&'n self, name: &'n str) -> &'n str {
        self.renamed.get(name).copied().unwrap_or(name)
    }

    /// Returns whether the document says which schemes an operation wants, and its alternatives
    /// under the new names of their schemes.
    fn alternatives(&self, root: &Value, operation: &Object) -> (bool, Vec<String>) {
        let declared = security::declared(root, operation);
        let alternatives = declared.into_iter().flatten().map(|alternative| {
            let Some(schemes) = alternative.as_object() else { return alternative.to_string() };
            // Neither the schemes nor their scopes have an order.
            let scheme = |(name, scopes): (&String, &Value)| {
                let scopes = scopes.as_array().into_iter().flatten().map(Value::to_string);
                format!("\"{}\":[{}]", self.new_name(name), sorted(scopes))
            };
            format!("{{{}}}", sorted(schemes.iter().map(scheme)))
        });
        let mut alternatives: Vec<String> = alternatives.collect();
        // An empty list is the alternative `{}`: no scheme is needed.
        if alternatives.is_empty() {
            alternatives.push("{}".to_owned());
        }
        (declared.is_some(), alternatives)
    }
}

/// Joins texts that have no order.
fn sorted(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
}

fn schemes(root: &Value) -> Option<&Object> {
    root.pointer("/components/securitySchemes")?.as_object()
}

/// Finds the schemes that are gone where exactly one has come that is the same.
fn renamed<'c>(old: &'c Value, new: &'c Value) -> BTreeMap<&'c str, &'c str> {
    let missing = |here: &'c Value, there: &'c Value| -> Vec<(&'c str, &'c Value)> {
        let is_there = |name: &str| schemes(there).is_some_and(|there| there.contains_key(name));
        let here = schemes(here).into_iter().flatten().filter(|(name, _)| !is_there(name));
        here.map(|(name, scheme)| (name.as_str(), scheme)).collect()
    };
    let (gone, come) = (missing(old, new), missing(new, old));
    let same = |list: &[(&'c str, &'c Value)], scheme: &Value| {
        list.iter().filter(|(_, other)| *other == scheme).count()
    };
    let pairs = gone.iter().filter_map(|(name, scheme)| {
        let (other, _) = come.iter().find(|(_, other)| other == scheme)?;
        (same(&gone, scheme) == 1 && same(&come, scheme) == 1).then_some((*name, *other))
    });
    pairs.collect()
}

/// Lists the names of the schemes that operations take.
fn used(root: &Value) -> HashSet<&str> {
    let operations = schema::operations(root).into_iter();
    let lists = operations.filter_map(|(_, operation)| security::declared(root, operation));
    lists.flatten().filter_map(Value::as_object).flat_map(Map::keys).map(String::as_str).collect()
}
