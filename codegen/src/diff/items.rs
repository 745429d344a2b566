//! Rust items of the places of changes.

use super::place::{Part, Place, Root, Step};
use super::{Change, Diff, Kind};
use crate::left_out::Notes;
use crate::model::{Model, Operation, Payload, Schema, Status, Ty};
use crate::{Document, Overlay, Result, names, stack};

/// Names the items of the changes, as [`Diff::with_items`] describes.
pub(super) fn name(
    mut diff: Diff,
    old: &Document,
    new: &Document,
    overlay: &Overlay,
) -> Result<Diff> {
    if diff.is_empty() {
        return Ok(diff);
    }
    let (old, new) = (model(old, overlay)?, model(new, overlay)?);
    for change in &mut diff.changes {
        let types = || Some((ty(&change.at, &old)?, ty(&change.at, &new)?));
        if change.what == "format" && types().is_some_and(|(before, after)| before == after) {
            continue;
        }
        change.item = match change.kind {
            Kind::Added => item(change, &new).or_else(|| item(change, &old)),
            Kind::Removed | Kind::Changed => item(change, &old).or_else(|| item(change, &new)),
        };
    }
    Ok(diff)
}

fn model(document: &Document, overlay: &Overlay) -> Result<Model> {
    let (completed, _) = overlay.apply_to(document)?;
    stack::generating(document.file(), || Model::of(completed, &mut Notes::default()))
}

fn item(change: &Change, model: &Model) -> Option<String> {
    of(&change.subject, model).or_else(|| of(&change.at, model))
}

/// Returns the item of a place, or of the innermost place around it that has one.
fn of(place: &Place, model: &Model) -> Option<String> {
    found(place, model).map(|(item, _)| item)
}

/// Returns the type of a place, if it is known. A changed format changes an item if it
/// changes this.
fn ty(place: &Place, model: &Model) -> Option<Ty> {
    found(place, model)?.1.map(|ty| bare(&ty, model).clone())
}

/// Returns the item of [`of`], with the type of the place.
fn found(place: &Place, model: &Model) -> Option<(String, Option<Ty>)> {
    let (mut item, mut ty) = root(&place.root, model)?;
    for step in &place.steps {
        let Some((inner, next)) = self::step(step, ty.as_ref(), model) else {
            ty = None;
            break;
        };
        if let Some(inner) = inner {
            item = inner;
        }
        ty = next;
    }
    Some((item, ty))
}

/// Returns the item at the beginning of a place, and the type whose parts the steps are.
fn root(root: &Root, model: &Model) -> Option<(String, Option<Ty>)> {
    let of_type = |name: &str| {
        let ty = Ty::Named(name.to_owned());
        (format!("types::{name}"), Some(ty))
    };
    match root {
        Root::Document => None,
        Root::Schema(name) => {
            let is_it = |origin: &String| origin == name;
            let mut types = model.types.values();
            let named = types.find(|named| named.origin.as_ref().is_some_and(is_it))?;
            Some(of_type(&named.name))
        }
        Root::Operation(name, part) => {
            let operation = model.operations.iter().find(|operation| is(operation, name))?;
            let whole = || (format!("Client::{}", operation.name), None);
            Some(match part {
                Part::Whole => whole(),
                Part::Parameter(_, name) => {
                    let mut parameters = operation.parameters.iter();
                    let parameter = parameters.find(|parameter| parameter.name == *name)?;
                    let item = match parameter.required {
                        true => whole().0,
                        false => {
                            let builder = names::type_name(&operation.name);
                            format!("operations::{builder}::{}", parameter.ident)
                        }
                    };
                    (item, Some(parameter.ty.clone()))
                }
                Part::Request => {
                    let name = operation.body.as_ref().map(|body| body.schema.as_str());
                    name.filter(|name| !name.is_empty()).map_or_else(whole, of_type)
                }
                Part::Response(status) => payload(operation, status).map_or_else(whole, of_type),
            })
        }
    }
}

fn is(operation: &Operation, name: &str) -> bool {
    let path = name.strip_prefix(&operation.method.to_uppercase());
    path.and_then(|path| path.strip_prefix(' ')) == Some(&operation.path)
}

/// Returns the name of the type of a reply.
fn payload<'m>(operation: &'m Operation, status: &str) -> Option<&'m str> {
    let status = Status::read(status);
    let mut outcomes = operation.successes.iter().chain(&operation.failures);
    match &outcomes.find(|outcome| outcome.status == status)?.payload {
        Payload::Json(name) | Payload::Nullable(name) => Some(name),
        _ => None,
    }
}

/// Returns the item of one step, if it has one of its own, and the type behind it.
fn step(step: &Step, ty: Option<&Ty>, model: &Model) -> Option<(Option<String>, Option<Ty>)> {
    let ty = bare(ty?, model);
    let named = |ty: &Ty| match ty {
        Ty::Named(name) => model.canonical(name),
        _ => None,
    };
    match step {
        Step::Field(name) => {
            let named = named(ty)?;
            let Schema::Struct(body) = &named.schema else { return None };
            let field = body.fields.iter().find(|field| field.wire == *name)?;
            Some((Some(format!("types::{}.{}", named.name, field.ident)), Some(field.ty.clone())))
        }
        Step::Value(value) => {
            let named = named(ty)?;
            let Schema::OpenEnum(values) = &named.schema else { return None };
            let known = values.iter().find(|known| known.value == *value)?;
            Some((Some(format!("types::{}::{}", named.name, known.ident)), None))
        }
        Step::Alternative(name) => {
            let own = named(ty)?;
            let Schema::Union(union) = &own.schema else { return None };
            let is_it = |ty: &Ty| named(ty).is_some_and(|it| it.origin.as_ref() == Some(name));
            let by_number = || union.variants.get(name.parse::<usize>().ok()?.checked_sub(1)?);
            let variant = union.variants.iter().find(|variant| is_it(&variant.ty));
            let variant = variant.or_else(by_number)?;
            let item = format!("types::{}::{}", own.name, variant.ident);
            Some((Some(item), Some(variant.ty.clone())))
        }
        Step::Items => match ty {
            Ty::List(inner) => Some((None, Some(bare(inner, model).clone()))),
            _ => None,
        },
        Step::Values => match ty {
            Ty::Map(inner) => Some((None, Some(bare(inner, model).clone()))),
            _ => None,
        },
    }
}

/// Strips `Option`, boxes and names of unnamed types from a type.
fn bare<'m>(mut ty: &'m Ty, model: &'m Model) -> &'m Ty {
    loop {
        ty = match ty {
            Ty::Option(inner) | Ty::Boxed(inner) => inner,
            Ty::Named(name) => match model.canonical(name).map(|named| &named.schema) {
                Some(Schema::Other(inner) | Schema::Wrapper(inner)) => match inner {
                    Ty::Named(_) => return ty,
                    inner => inner,
                },
                _ => return ty,
            },
            _ => return ty,
        };
    }
}
