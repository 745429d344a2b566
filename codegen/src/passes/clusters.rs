//! Inline schemas that ask for one name, grouped by their meaning.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::name_inline::is_inline_object;
use super::shape::{inherit, shape, unite, values};

/// Place of an inline schema that becomes a reference.
pub(super) struct Occurrence {
    pub(super) at: String,
    /// Named schema around it, if there is one.
    pub(super) around: Option<String>,
    pub(super) wish: String,
    pub(super) pinned: bool,
    /// Name of its place, as the beginning of a type's name.
    pub(super) owner: String,
    pub(super) schema: Value,
}

/// Occurrences that become one type.
pub(super) struct Cluster {
    pub(super) schema: Value,
    /// [`shape`] of the schema, kept because it is costly to find.
    pub(super) shape: String,
    pub(super) members: Vec<Occurrence>,
    /// Existing schema that the members join, by its name.
    pub(super) existing: Option<String>,
}

impl Cluster {
    pub(super) fn of(occurrence: Occurrence) -> Self {
        let schema = occurrence.schema.clone();
        let shape = shape(&schema);
        Self { schema, shape, members: vec![occurrence], existing: None }
    }

    pub(super) fn existing(name: &str, schema: &Value) -> Self {
        let shape = shape(schema);
        Self { schema: schema.clone(), shape, members: Vec::new(), existing: Some(name.to_owned()) }
    }

    /// Returns whether the overlay pins this to one type with others of its name.
    fn is_pinned(&self) -> bool {
        self.members.iter().all(|member| member.pinned) && is_inline_object(&self.schema)
    }

    fn unite(mut self, other: Self) -> Self {
        if self.shape != other.shape {
            unite(&mut self.schema, &other.schema);
            self.shape = shape(&self.schema);
        } else {
            inherit(&mut self.schema, &other.schema);
        }
        self.members.extend(other.members);
        self.existing = self.existing.or(other.existing);
        self
    }
}

/// Clusters of one wished name, with indices to find those that a new cluster joins.
#[derive(Default)]
pub(super) struct Group {
    pub(super) clusters: Vec<Option<Cluster>>,
    by_shape: HashMap<String, usize>,
    by_value: HashMap<String, usize>,
    pub(super) pinned: BTreeSet<usize>,
}

impl Group {
    pub(super) fn extend(&mut self, clusters: impl IntoIterator<Item = Cluster>) {
        clusters.into_iter().for_each(|cluster| self.join(cluster));
    }

    /// Adds a cluster, or unites it with those that mean the same. An enum may connect several
    /// that had nothing in common before.
    pub(super) fn join(&mut self, mut new: Cluster) {
        let mut same: BTreeSet<usize> =
            self.by_shape.get(&new.shape).copied().into_iter().collect();
        let own = values(&new.schema);
        same.extend(own.iter().filter_map(|value| self.by_value.get(*value)));
        if new.is_pinned() {
            same.extend(&self.pinned);
        }
        for index in same {
            self.pinned.remove(&index);
            if let Some(known) = self.clusters[index].take() {
                new = known.unite(new);
            }
        }
        let index = self.clusters.len();
        self.by_shape.insert(new.shape.clone(), index);
        for value in values(&new.schema) {
            self.by_value.insert(value.to_owned(), index);
        }
        if new.is_pinned() {
            self.pinned.insert(index);
        }
        self.clusters.push(Some(new));
    }
}
