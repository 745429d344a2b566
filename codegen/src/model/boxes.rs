//! Boxes where a type would hold itself, and types for aliases that stand for themselves.

use std::collections::{BTreeMap, HashMap};

use super::types::{Named, Schema, Ty};

pub(super) fn place(types: &mut BTreeMap<String, Named>) {
    wrap_aliases(types);
    let groups = groups(types);
    let group_of = |name: &str| groups.get(name).copied();
    for named in types.values_mut() {
        let Some(own) = group_of(&named.name) else { continue };
        each_ty(&mut named.schema, &mut |ty| put_box(ty, &|name| group_of(name) == Some(own)));
    }
}

/// Calls `change` with each type that stands directly in a schema.
fn each_ty(schema: &mut Schema, change: &mut impl FnMut(&mut Ty)) {
    match schema {
        Schema::Struct(body) => {
            body.fields.iter_mut().for_each(|field| change(&mut field.ty));
        }
        Schema::Union(union) => {
            union.variants.iter_mut().for_each(|variant| change(&mut variant.ty));
        }
        _ => {}
    }
}

fn put_box(ty: &mut Ty, is_own: &impl Fn(&str) -> bool) {
    match ty {
        Ty::Named(name) if is_own(name) => *ty = Ty::Boxed(Box::new(ty.clone())),
        Ty::Option(inner) => put_box(inner, is_own),
        _ => {}
    }
}

/// Lists the types that a value of this schema holds without indirection.
fn held(schema: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |ty: &Ty| {
        ty.names(true, &mut |name, direct| {
            if direct {
                found.push(name.to_owned());
            }
        });
    };
    match schema {
        Schema::Struct(body) => body.fields.iter().for_each(|field| add(&field.ty)),
        Schema::Union(union) => union.variants.iter().for_each(|variant| add(&variant.ty)),
        Schema::Alias(name) => found.push(name.clone()),
        Schema::Other(ty) | Schema::Wrapper(ty) => add(ty),
        Schema::OpenEnum(_) | Schema::Id => {}
    }
    found
}

/// Numbers the groups of types that hold each other. A type that neither holds itself nor is in
/// such a group has no number.
fn groups(types: &BTreeMap<String, Named>) -> HashMap<String, usize> {
    let names: Vec<&str> = types.keys().map(String::as_str).collect();
    let index: HashMap<&str, usize> =
        names.iter().enumerate().map(|(i, name)| (*name, i)).collect();
    let edges: Vec<Vec<usize>> = types
        .values()
        .map(|named| {
            held(&named.schema).iter().filter_map(|to| index.get(to.as_str()).copied()).collect()
        })
        .collect();
    let component = strong_components(&edges);
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    component.iter().for_each(|number| *sizes.entry(*number).or_default() += 1);
    let holds_itself = |at: usize| edges[at].contains(&at);
    (0..names.len())
        .filter(|at| sizes[&component[*at]] > 1 || holds_itself(*at))
        .map(|at| (names[at].to_owned(), component[at]))
        .collect()
}

/// Finds the strongly connected components of a graph: a number for each node. This is Tarjan's
/// algorithm, with a stack of its own in place of recursion.
fn strong_components(edges: &[Vec<usize>]) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let count = edges.len();
    let (mut order, mut low, mut component) =
        (vec![NONE; count], vec![0; count], vec![NONE; count]);
    let (mut stack, mut next, mut number) = (Vec::new(), 0, 0);
    for start in 0..count {
        if order[start] != NONE {
            continue;
        }
        let mut work = vec![(start, 0)];
        while let Some((node, edge)) = work.pop() {
            if edge == 0 {
                order[node] = next;
                low[node] = next;
                next += 1;
                stack.push(node);
            } else {
                low[node] = low[node].min(low[edges[node][edge - 1]]);
            }
            let mut descended = false;
            for (at, to) in edges[node].iter().copied().enumerate().skip(edge) {
                if order[to] == NONE {
                    work.push((node, at + 1));
                    work.push((to, 0));
                    descended = true;
                    break;
                }
                if component[to] == NONE {
                    low[node] = low[node].min(order[to]);
                }
            }
            if descended || low[node] != order[node] {
                continue;
            }
            while let Some(member) = stack.pop() {
                component[member] = number;
                if member == node {
                    break;
                }
            }
            number += 1;
        }
    }
    component
}

/// Makes a type of each alias that stands for itself, such as a list of such lists.
fn wrap_aliases(types: &mut BTreeMap<String, Named>) {
    let names: Vec<&String> = types.keys().collect();
    let index: HashMap<&str, usize> =
        names.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let edges: Vec<Vec<usize>> = types
        .values()
        .map(|named| {
            let mut found = Vec::new();
            if let Schema::Other(ty) = &named.schema {
                ty.names(true, &mut |name, _| found.extend(index.get(name).copied()));
            }
            found
        })
        .collect();
    let component = strong_components(&edges);
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    component.iter().for_each(|number| *sizes.entry(*number).or_default() += 1);
    let circular: Vec<bool> =
        (0..names.len()).map(|at| sizes[&component[at]] > 1 || edges[at].contains(&at)).collect();
    for (named, circular) in types.values_mut().zip(circular) {
        if let (Schema::Other(ty), true) = (&named.schema, circular) {
            named.schema = Schema::Wrapper(ty.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::strong_components;

    #[test]
    fn nodes_that_reach_each_other_are_one_component() {
        let found = strong_components(&[vec![1], vec![2], vec![0, 3], vec![4], vec![], vec![3]]);
        assert_eq!((found[0], found[1]), (found[1], found[2]));
        let others = [found[0], found[3], found[4], found[5]];
        assert_eq!(others.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    }
}
