//! Enums without data: one of several names.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, DeriveInput, Fields};

use crate::attributes::{Attributes, documentation};

pub(crate) fn expand(input: &DeriveInput, data: &DataEnum) -> syn::Result<TokenStream> {
    let attributes = Attributes::read(&input.attrs, &["not_supported", "ignore_case"])?;
    let mut idents = Vec::new();
    let mut names = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(syn::Error::new_spanned(
                variant,
                "a variant of a section enum holds nothing",
            ));
        }
        let of_variant = Attributes::read(&variant.attrs, &["rename"])?;
        let renamed = of_variant.rename.map(|name| name.value());
        names.push(renamed.unwrap_or_else(|| snake_case(&variant.ident.to_string())));
        idents.push(&variant.ident);
    }
    let name = &input.ident;
    let doc = documentation(&input.attrs);
    let not_supported = &attributes.not_supported;
    let ignore_case = attributes.ignore_case;

    Ok(quote! {
        #[automatically_derived]
        impl ::config::Value for #name {
            fn parse(
                node: &::config::Node,
                problems: &mut ::config::Problems,
            ) -> ::std::option::Option<Self> {
                let names = ::config::derive::Names {
                    valid: &[#(#names),*],
                    not_supported: &[#(#not_supported),*],
                    ignore_case: #ignore_case,
                };
                let index = ::config::derive::parse_name(&names, node, problems)?;
                [#(Self::#idents),*].into_iter().nth(index)
            }

            fn schema() -> ::config::Schema {
                ::config::Schema::Enum {
                    doc: #doc,
                    values: &[#(#names),*],
                    not_supported: &[#(#not_supported),*],
                    ignore_case: #ignore_case,
                }
            }

            fn default_text(&self) -> ::std::option::Option<::std::string::String> {
                let name = match self {
                    #(Self::#idents => #names,)*
                };
                ::std::option::Option::Some(::config::derive::name_text(name))
            }
        }
    })
}

/// `SmallestFirst` is written `smallest_first`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
