//! Method that begins a request, and the one that sends it.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::operations::{Arguments, body_argument, is_borrowed};
use super::outcomes::{Failure, Success, json};
use super::{Docs, ident, needs, ty};
use crate::model::{
    Body, BodyKind, Model, Operation, Outcome, Parameter, Payload, Place, Presence, Schema, Status,
    Ty, Writing,
};
use crate::names;
use crate::path_template::{Piece, Segment};
use crate::security::{self, Scheme, Way};

/// Writes the method of the client.
pub(super) fn method(operation: &Operation, docs: &Docs) -> TokenStream {
    let arguments = Arguments::of(operation);
    let name = ident(&operation.name);
    let builder = ident(&names::type_name(&operation.name));
    let own = own_docs(operation, &arguments, docs);
    let (inputs, values): (Vec<_>, Vec<_>) =
        arguments.required.iter().map(|parameter| argument(parameter)).unzip();
    let optional = arguments.optional.iter().map(|parameter| ident(&parameter.ident));
    let (body, body_value) = match &operation.body {
        Some(body) if body.required => {
            let (ty, value) = body_argument(body);
            let value = match body.kind {
                BodyKind::Text | BodyKind::Bytes => quote!(body: #value,),
                _ => quote!(body,),
            };
            (Some(quote!(body: #ty)), value)
        }
        Some(_) => (None, quote!(body: None,)),
        None => (None, quote!()),
    };
    let inputs: Vec<TokenStream> = inputs.into_iter().chain(body).collect();
    // The lifetime is only named if an argument shares it.
    let is_shared =
        |body: &Body| body.required && !matches!(body.kind, BodyKind::Text | BodyKind::Bytes);
    let shares = arguments.required.iter().any(|parameter| is_borrowed(parameter))
        || operation.body.as_ref().is_some_and(is_shared);
    let (generics, receiver, output) = match shares {
        true => (quote!(<'a>), quote!(&'a self), quote!('a)),
        false => (quote!(), quote!(&self), quote!('_)),
    };
    let many = (inputs.len() > 6).then(|| quote!(#[allow(clippy::too_many_arguments)]));
    quote! {
        #own
        #many
        pub fn #name #generics(#receiver, #(#inputs),*) -> operations::#builder<#output> {
            operations::#builder { client: self, #(#values,)* #body_value #(#optional: None,)* }
        }
    }
}

/// Writes an argument. Ids are borrowed, other values are small.
fn argument(parameter: &Parameter) -> (TokenStream, TokenStream) {
    let ident = ident(&parameter.ident);
    if is_borrowed(parameter) {
        let ty = super::operations::spelled(parameter);
        return (quote!(#ident: &'a #ty), quote!(#ident));
    }
    let passed = ty::argument(&parameter.ty, &quote!(types::));
    let ty = &passed.ty;
    (quote!(#ident: #ty), passed.initialize(&ident))
}

fn own_docs(operation: &Operation, arguments: &Arguments<'_>, docs: &Docs) -> TokenStream {
    let method = operation.method.to_uppercase();
    let line = format!("`{method} {}`", operation.path);
    let summary = match operation.summary.is_empty() {
        true => format!("The operation {line}."),
        false => operation.summary.clone(),
    };
    let line = if operation.summary.is_empty() { String::new() } else { line };
    let deprecation = ty::deprecation(operation.deprecated);
    let server = operation.server.as_ref().map(|server| format!("Its server is `{server}`."));
    let server = server.unwrap_or_default();
    let mut own = docs.paragraphs(&[&summary, &operation.description, deprecation, &line, &server]);
    for parameter in &arguments.required {
        let text = parameter.description.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() {
            own.extend(docs.break_and(&format!("`{}`: {text}", parameter.ident)));
        }
    }
    own
}

/// Writes the methods of the builder that send the request.
pub(super) fn send(operation: &Operation, model: &Model, arguments: &Arguments<'_>) -> TokenStream {
    let send = sending("send", "Sends the request.", operation, model, arguments);
    let stream = operation.as_stream().map(|operation| {
        let docs = "Sends the request and asks for server-sent events (`text/event-stream`).";
        sending("send_as_stream", docs, &operation, model, arguments)
    });
    quote!(#send #stream)
}

fn sending(
    method_name: &str,
    docs: &str,
    operation: &Operation,
    model: &Model,
    arguments: &Arguments<'_>,
) -> TokenStream {
    let (method_name, docs) = (ident(method_name), format!(" {docs}"));
    let (failure, success) = (Failure::of(operation, model), Success::of(operation));
    let (output, error) = (success.ty(), failure.ty());
    let name = &operation.name;
    let method = ident(&operation.method.to_uppercase());
    let segments = operation.segments.iter().map(|segment| path_segment(segment, operation));
    let given = || arguments.required.iter().chain(&arguments.optional);
    let constants =
        operation.constants.iter().map(|(key, value)| quote!(request.query(#key, #value);));
    let parameters: Vec<TokenStream> =
        constants.chain(given().filter_map(|parameter| assign(parameter))).collect();
    let body = operation.body.as_ref().map(|body| {
        let put = put_body(body, model);
        match body.required {
            true => {
                let put = put(&quote!(self.body));
                quote!(#put)
            }
            false => {
                let put = put(&quote!(body));
                quote!(if let Some(body) = self.body { #put })
            }
        }
    });
    let authorize = authorize(operation, model);
    let accept = needs::accepted(operation).map(|media| quote!(request.accept(#media);));
    let changes =
        !parameters.is_empty() || body.is_some() || authorize.is_some() || accept.is_some();
    let mutable = changes.then(|| quote!(mut));
    let start = if needs::has_stream(operation) { quote!(begin) } else { quote!(send) };
    let replies = replies(operation, model, &success, &failure);
    let segments = quote!(&[#(#segments),*]);
    let request = match &operation.server {
        None => quote!(core.request(OPERATION, reqwest::Method::#method, #segments)),
        Some(server) => quote! {
            servers.request(#server, &self.client.core, OPERATION, reqwest::Method::#method, #segments)
        },
    };
    quote! {
        #[doc = #docs]
        ///
        /// # Errors
        /// See [`OperationError`] for the ways in which this can fail.
        pub async fn #method_name(self) -> Result<#output, OperationError<#error>> {
            const OPERATION: &str = #name;
            let #mutable request = self.client.#request;
            #(#parameters)*
            #body
            #authorize
            #accept
            let reply = request.#start().await?;
            #replies
        }
    }
}

fn path_segment(segment: &Segment, operation: &Operation) -> TokenStream {
    match segment.pieces() {
        [Piece::Literal(text)] => quote!(#text),
        [Piece::Parameter(name)] => path_value(name, operation),
        pieces => {
            let format = "{}".repeat(pieces.len());
            let values = pieces.iter().map(|piece| match piece {
                Piece::Literal(text) => quote!(#text),
                Piece::Parameter(name) => path_value(name, operation),
            });
            quote!(&format!(#format, #(#values),*))
        }
    }
}

fn path_value(name: &str, operation: &Operation) -> TokenStream {
    let mut parameters = operation.parameters.iter();
    let found = parameters.find(|p| p.place == Place::Path && p.name == name);
    let Some(parameter) = found else { return quote!("") };
    let ident = ident(&parameter.ident);
    if parameter.held {
        return quote!(runtime::exchange::segment(OPERATION, self.client.#ident.as_str())?);
    }
    match (&parameter.writing, &parameter.ty) {
        (Writing::Styled(style, explode), _) => {
            let style = super::ident(style);
            let name = &parameter.name;
            let borrow = (!is_borrowed(parameter)).then(|| quote!(&));
            quote! {
                &runtime::styles::styled_segment(
                    OPERATION, #name, #borrow self.#ident, runtime::styles::Style::#style, #explode,
                )?
            }
        }
        (_, Ty::Named(_) | Ty::Text | Ty::Format(_)) => {
            quote!(runtime::exchange::segment(OPERATION, self.#ident.as_str())?)
        }
        _ => quote!(runtime::exchange::segment(OPERATION, &self.#ident.to_string())?),
    }
}

/// Writes the statements that put a query, header or cookie parameter into the request.
fn assign(parameter: &Parameter) -> Option<TokenStream> {
    let (ident, name) = (ident(&parameter.ident), &parameter.name);
    let header = name.to_lowercase();
    let one = match parameter.place {
        Place::Path => return None,
        Place::Query => quote!(request.query(#name, value);),
        Place::Header => quote!(request.header(#header, value)?;),
        Place::Cookie => quote!(),
    };
    let put = match &parameter.writing {
        Writing::Plain => one,
        Writing::Each => quote!(for value in value { #one }),
        Writing::Joined(between) => quote! {
            let value = value.iter().map(ToString::to_string).collect::<Vec<_>>().join(#between);
            #one
        },
        Writing::Styled(style, explode) => {
            let style = super::ident(style);
            let (place, name) = match parameter.place {
                Place::Header => (quote!(styled_header), &header),
                Place::Cookie => (quote!(styled_cookie), name),
                _ => (quote!(styled_query), name),
            };
            quote!(request.#place(#name, value, runtime::styles::Style::#style, #explode)?;)
        }
    };
    Some(match parameter.required {
        true => quote!({ let value = &self.#ident; #put }),
        false => quote!(if let Some(value) = &self.#ident { #put }),
    })
}

/// Writes the statement that sends secrets in another way than as the client's bearer token.
fn authorize(operation: &Operation, model: &Model) -> Option<TokenStream> {
    let has_several = !model.schemes().is_empty();
    if security::is_bearer(&operation.security) && !has_several {
        return None;
    }
    let way = |way: &Way| {
        let schemes = way.iter().map(|(name, scheme)| {
            let scheme = match scheme {
                Scheme::Bearer => quote!(Bearer),
                Scheme::Basic => quote!(Basic),
                Scheme::Header(name) => quote!(Header(#name)),
                Scheme::Query(name) => quote!(Query(#name)),
                Scheme::Cookie(name) => quote!(Cookie(#name)),
            };
            quote!((#name, runtime::security::Scheme::#scheme))
        });
        quote!(&[#(#schemes),*])
    };
    let ways = operation.security.iter().map(way);
    let preferred = match model.has_choice_of_schemes() {
        true => quote!(self.client.scheme),
        false => quote!(None),
    };
    let secrets = match has_several {
        true => quote!(Some(&self.client.secrets)),
        false => quote!(None),
    };
    Some(quote!(request.authorize(#secrets, #preferred, &[#(#ways),*])?;))
}

/// Returns the writer of the statements that put a body into the request, given its expression.
fn put_body<'m>(body: &'m Body, model: &'m Model) -> impl Fn(&TokenStream) -> TokenStream + 'm {
    let media = &body.media;
    move |value| match body.kind {
        BodyKind::Json if media == "application/json" => quote!(request.json(#value)?;),
        BodyKind::Json => quote!(request.json(#value)?; request.media(#media);),
        BodyKind::Text => quote!(request.bytes(#value.into_bytes(), #media);),
        BodyKind::Bytes => quote!(request.bytes(#value, #media);),
        BodyKind::Form if body.styles.is_empty() => quote!(request.form(#value)?;),
        BodyKind::Form => {
            let styles = body.styles.iter().map(|(name, (style, explode))| {
                let style = super::ident(style);
                quote!((#name, runtime::styles::Style::#style, #explode))
            });
            quote!(request.styled_form(#value, &[#(#styles),*])?;)
        }
        BodyKind::Multipart => {
            let parts = parts(body, value, model);
            quote! {
                let mut form = runtime::forms::Multipart::default();
                #parts
                request.multipart(form);
            }
        }
    }
}

/// Writes the parts of a multipart body, one for each field.
fn parts(body: &Body, value: &TokenStream, model: &Model) -> TokenStream {
    let media = &body.parts;
    let Some(Schema::Struct(body)) = model.canonical(&body.schema).map(|named| &named.schema)
    else {
        return quote!(form.all(OPERATION, #value)?;);
    };
    let parts = body.fields.iter().map(|field| {
        let (ident, wire) = (ident(&field.ident), &field.wire);
        let is_file = |ty: &Ty| *ty == Ty::File;
        let media = match media.get(wire) {
            Some(media) => quote!(Some(#media)),
            None => quote!(None),
        };
        let (each, put) = match &field.ty {
            ty if is_file(ty) => (false, quote!(form.file(#wire, value);)),
            Ty::List(inner) if is_file(inner) => (true, quote!(form.file(#wire, value);)),
            Ty::List(_) => (true, quote!(form.value(OPERATION, #wire, value, #media)?;)),
            _ => (false, quote!(form.value(OPERATION, #wire, value, #media)?;)),
        };
        let put = if each { quote!(for value in value { #put }) } else { put };
        match field.presence {
            Presence::Optional | Presence::Nullable => {
                quote!(if let Some(value) = &#value.#ident { #put })
            }
            // A part has no null.
            Presence::OptionalNullable => {
                quote!(if let Some(Some(value)) = &#value.#ident { #put })
            }
            Presence::Required | Presence::Empty => quote!({ let value = &#value.#ident; #put }),
        }
    });
    quote!(#(#parts)*)
}

/// Writes the `match` on the reply's status.
fn replies(
    operation: &Operation,
    model: &Model,
    success: &Success<'_>,
    failure: &Failure<'_>,
) -> TokenStream {
    let mut arms = Vec::new();
    // An unlisted status of success is read as the first listed one.
    let has_stream = needs::has_stream(operation);
    let whole = |value: TokenStream| match has_stream {
        true => quote!({ let reply = reply.read().await?; #value }),
        false => value,
    };
    let decode = |payload: &Payload| match payload {
        Payload::Stream => success.decode(payload, failure, model),
        _ => whole(success.decode(payload, failure, model)),
    };
    let first = operation.successes.first().map_or(&Payload::Empty, |outcome| &outcome.payload);
    let first = decode(first);
    if success.is_enum() {
        for outcome in &operation.successes {
            let (pattern, value) = (pattern(outcome), decode(&outcome.payload));
            arms.push(quote!(#pattern => #value));
        }
        if operation.successes.iter().all(|outcome| outcome.status != Status::Class(2)) {
            arms.push(quote!(other if (200..300).contains(&other) => #first));
        }
    } else {
        arms.push(quote!(200..=299 => #first));
    }
    let refuse = |schema: &str| {
        let wrap = failure.wrap(schema);
        whole(quote!(Err(reply.refuse(#wrap))))
    };
    let mut fallback = model.error.as_str();
    for outcome in &operation.failures {
        let schema = json(&outcome.payload).unwrap_or(&model.error);
        match outcome.status {
            Status::Default => fallback = schema,
            _ if schema != model.error => {
                let (pattern, value) = (pattern(outcome), refuse(schema));
                arms.push(quote!(#pattern => #value));
            }
            _ => {}
        }
    }
    let fallback = refuse(fallback);
    quote! {
        match reply.status() {
            #(#arms,)*
            _ => #fallback,
        }
    }
}

fn pattern(outcome: &Outcome) -> TokenStream {
    match outcome.status {
        Status::Exactly(status) => {
            let status = Literal::u16_unsuffixed(status);
            quote!(#status)
        }
        Status::Class(class) => {
            let first = Literal::u16_unsuffixed(class * 100);
            let last = Literal::u16_unsuffixed(class * 100 + 99);
            quote!(#first..=#last)
        }
        Status::Default => quote!(_),
    }
}
