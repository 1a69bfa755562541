//! `#[section(...)]` and doc comments, taken apart.

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Token};

/// What `#[section(...)]` may say; which part makes sense where is checked by [`Attributes::only`].
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) not_supported: Vec<LitStr>,
    pub(crate) rename: Option<LitStr>,
    pub(crate) flatten: bool,
    pub(crate) ignore_case: bool,
    given: Vec<(&'static str, proc_macro2::Span)>,
}

impl Attributes {
    /// Reads every `#[section(...)]` of an item, refusing parts that are not in `allowed`.
    pub(crate) fn read(attributes: &[Attribute], allowed: &[&str]) -> syn::Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("section"))
        {
            attribute.parse_nested_meta(|meta| {
                let span = meta.path.get_ident().map(proc_macro2::Ident::span);
                let span = span.unwrap_or_else(proc_macro2::Span::call_site);
                if meta.path.is_ident("flatten") {
                    read.flatten = true;
                    read.given.push(("flatten", span));
                } else if meta.path.is_ident("ignore_case") {
                    read.ignore_case = true;
                    read.given.push(("ignore_case", span));
                } else if meta.path.is_ident("rename") {
                    read.rename = Some(meta.value()?.parse()?);
                    read.given.push(("rename", span));
                } else if meta.path.is_ident("not_supported") {
                    let content;
                    syn::parenthesized!(content in meta.input);
                    let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
                    read.not_supported.extend(names);
                    read.given.push(("not_supported", span));
                } else {
                    return Err(meta.error("unknown part of #[section(...)]"));
                }
                Ok(())
            })?;
        }
        match read.given.iter().find(|(name, _)| !allowed.contains(name)) {
            Some((name, span)) => {
                Err(syn::Error::new(*span, format!("`{name}` has no meaning here")))
            }
            None => Ok(read),
        }
    }
}

/// The text of the doc comment, lines joined by line feeds, without the space that follows `///`.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value
        {
            let text = text.value();
            lines.push(text.strip_prefix(' ').unwrap_or(&text).trim_end().to_owned());
        }
    }
    lines.join("\n").trim().to_owned()
}
