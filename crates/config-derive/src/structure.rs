//! Structs: a map with known keys.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{DeriveInput, Field, Ident, Token, Type};

use crate::attributes::{Attributes, documentation};

/// A field that has a key of its own.
struct Keyed<'a> {
    ident: &'a Ident,
    key: String,
    doc: String,
}

/// A field whose keys stand among those of the struct.
struct Flattened<'a> {
    ident: &'a Ident,
    ty: &'a Type,
}

pub(crate) fn expand(
    input: &DeriveInput,
    fields: &Punctuated<Field, Token![,]>,
) -> syn::Result<TokenStream> {
    let attributes = Attributes::read(&input.attrs, &["not_supported"])?;
    let (keyed, flattened) = sort(fields)?;
    let descriptions = fields.iter().map(|field| describe(field, &keyed));
    let name = &input.ident;
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let not_supported = &attributes.not_supported;
    let doc = documentation(&input.attrs);
    let idents: Vec<_> = keyed.iter().map(|field| field.ident).collect();
    let keys: Vec<_> = keyed.iter().map(|field| &field.key).collect();
    let (flat_idents, flat_types): (Vec<_>, Vec<_>) =
        flattened.iter().map(|field| (field.ident, field.ty)).unzip();

    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::config::Section for #name #type_generics #where_clause {
            fn keys(keys: &mut ::std::vec::Vec<&'static str>) {
                keys.extend_from_slice(&[#(#keys),*] as &[&'static str]);
                #(<#flat_types as ::config::Section>::keys(keys);)*
            }

            fn not_supported(keys: &mut ::std::vec::Vec<&'static str>) {
                keys.extend_from_slice(&[#(#not_supported),*] as &[&'static str]);
                #(<#flat_types as ::config::Section>::not_supported(keys);)*
            }

            fn read_fields(
                &mut self,
                node: &::config::Node,
                unread: &mut ::std::vec::Vec<&'static str>,
                problems: &mut ::config::Problems,
            ) {
                #(::config::derive::read_field(&mut self.#idents, #keys, node, unread, problems);)*
                #(::config::Section::read_fields(&mut self.#flat_idents, node, unread, problems);)*
            }

            fn check_fields(
                &self,
                node: ::std::option::Option<&::config::Node>,
                unread: &[&'static str],
                problems: &mut ::config::Problems,
            ) {
                #(::config::derive::check_field(&self.#idents, #keys, node, unread, problems);)*
                #(::config::Section::check_fields(&self.#flat_idents, node, unread, problems);)*
                if unread.is_empty() {
                    ::config::Validate::validate(self, problems);
                }
            }

            fn describe(&self, fields: &mut ::std::vec::Vec<::config::Field>) {
                #(#descriptions)*
            }
        }

        #[automatically_derived]
        impl #impl_generics ::config::Value for #name #type_generics #where_clause {
            fn parse(
                node: &::config::Node,
                problems: &mut ::config::Problems,
            ) -> ::std::option::Option<Self> {
                ::config::derive::parse_section(<Self as ::std::default::Default>::default(), node, problems)
            }

            fn parse_onto(
                self,
                node: &::config::Node,
                problems: &mut ::config::Problems,
            ) -> ::std::option::Option<Self> {
                ::config::derive::parse_section(self, node, problems)
            }

            fn check(
                &self,
                node: ::std::option::Option<&::config::Node>,
                problems: &mut ::config::Problems,
            ) {
                ::config::Section::check_fields(self, node, &[], problems);
            }

            fn section_keys() -> ::std::option::Option<::std::vec::Vec<&'static str>> {
                let mut keys = ::std::vec::Vec::new();
                <Self as ::config::Section>::keys(&mut keys);
                ::std::option::Option::Some(keys)
            }

            fn schema() -> ::config::Schema {
                ::config::Value::own_schema(&<Self as ::std::default::Default>::default())
            }

            fn own_schema(&self) -> ::config::Schema {
                ::config::derive::schema_of(self, #doc)
            }
        }
    })
}

/// Adds a field's description, or those of its own fields, in the order in which the struct has them.
fn describe(field: &Field, keyed: &[Keyed<'_>]) -> TokenStream {
    let own = keyed.iter().find(|own| Some(own.ident) == field.ident.as_ref());
    let Some(Keyed { ident, key, doc }) = own else {
        let ident = &field.ident;
        return quote! { ::config::Section::describe(&self.#ident, fields); };
    };
    quote! {
        fields.push(::config::Field {
            key: #key,
            doc: #doc,
            schema: ::config::Value::own_schema(&self.#ident),
            default: ::config::Value::default_text(&self.#ident),
            on: ::config::Value::is_on(&self.#ident),
            required: false,
        });
    }
}

fn sort(
    fields: &Punctuated<Field, Token![,]>,
) -> syn::Result<(Vec<Keyed<'_>>, Vec<Flattened<'_>>)> {
    let mut keyed = Vec::new();
    let mut flattened = Vec::new();
    for field in fields {
        let ident = field.ident.as_ref().expect("the caller passes named fields only");
        let attributes = Attributes::read(&field.attrs, &["rename", "flatten"])?;
        if attributes.flatten {
            flattened.push(Flattened { ident, ty: &field.ty });
            continue;
        }
        let key = attributes.rename.map_or_else(|| ident.unraw().to_string(), |name| name.value());
        let doc = documentation(&field.attrs);
        keyed.push(Keyed { ident, key, doc });
    }
    Ok((keyed, flattened))
}
