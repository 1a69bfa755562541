//! `#[derive(Section)]`: reads a struct, or an enum of names, from a node of a configuration document.
//!
//! What the generated code does, and every attribute, is documented at `config::Section`, which re-exports the macro.

mod attributes;
mod enumeration;
mod structure;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, Fields, parse_macro_input};

/// Implements `config::Value`, and for structs `config::Section`.
#[proc_macro_derive(Section, attributes(section))]
pub fn derive_section(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let expanded = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => structure::expand(&input, &fields.named),
            _ => Err(syn::Error::new_spanned(&input.ident, "a section needs named fields")),
        },
        Data::Enum(data) => enumeration::expand(&input, data),
        Data::Union(_) => Err(syn::Error::new_spanned(&input.ident, "a union is no section")),
    };
    expanded.unwrap_or_else(syn::Error::into_compile_error).into()
}
