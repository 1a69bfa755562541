//! Resource and scope groups, the same for all signals.

use std::marker::PhantomData;

use super::{bits32, bytes, text};
use crate::attributes::Attributes;
use crate::tree::{Children, Level, View};
use crate::wire::{Fields, Wire};

/// A span, a metric or a log record.
pub trait RecordView<'a>: Sized + sealed::Sealed<'a> {}

pub(crate) mod sealed {
    use crate::tree::View;

    /// Where a record stands.
    #[derive(Debug)]
    pub struct Place<'a>(pub(crate) View<'a>);

    pub trait Sealed<'a> {
        #[doc(hidden)]
        fn at(place: Place<'a>) -> Self;
    }
}

macro_rules! children {
    ($(#[$doc:meta])* $name:ident -> $item:ty, $make:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<'a, R>(Children<'a>, PhantomData<R>);

        impl<'a, R> $name<'a, R> {
            pub(crate) fn new(children: Children<'a>) -> Self {
                Self(children, PhantomData)
            }
        }

        impl<'a, R: RecordView<'a>> Iterator for $name<'a, R> {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                self.0.next().map(|(_, view)| $make(view))
            }
        }
    };
}

children! {
    /// Resource groups, in order.
    Resources -> ResourceGroup<'a, R>, |view| ResourceGroup(view, PhantomData)
}
children! {
    /// The scope groups of a resource, in order.
    Scopes -> ScopeGroup<'a, R>, |view| ScopeGroup(view, PhantomData)
}
children! {
    /// The records of a scope, in order.
    Records -> R, |view| R::at(sealed::Place(view))
}

/// What comes from one resource.
#[derive(Clone, Copy, Debug)]
pub struct ResourceGroup<'a, R>(View<'a>, PhantomData<R>);

impl<'a, R> ResourceGroup<'a, R> {
    /// The resource. Empty when the sender named none.
    pub fn resource(&self) -> Resource<'a> {
        Resource(bytes(self.0.header(), 1))
    }

    /// The attributes of the resource.
    pub fn attributes(&self) -> Attributes<'a> {
        self.resource().attributes()
    }

    /// The schema URL of the resource.
    pub fn schema_url(&self) -> &'a str {
        text(self.0.header(), 3)
    }

    /// The scope groups.
    pub fn scopes(&self) -> Scopes<'a, R> {
        Scopes::new(self.0.children(Level::Resource))
    }
}

/// What comes from one instrumentation scope.
#[derive(Clone, Copy, Debug)]
pub struct ScopeGroup<'a, R>(View<'a>, PhantomData<R>);

impl<'a, R> ScopeGroup<'a, R> {
    /// The scope. Empty when the sender named none.
    pub fn scope(&self) -> Scope<'a> {
        Scope(bytes(self.0.header(), 1))
    }

    /// The schema URL of what the scope emitted.
    pub fn schema_url(&self) -> &'a str {
        text(self.0.header(), 3)
    }

    /// The spans, metrics or log records.
    pub fn records(&self) -> Records<'a, R> {
        Records::new(self.0.children(Level::Scope))
    }
}

/// The entity that telemetry comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resource<'a>(pub(crate) &'a [u8]);

impl<'a> Resource<'a> {
    /// The attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::encoded(self.0, 1)
    }

    /// How many attributes were dropped.
    pub fn dropped_attributes_count(&self) -> u32 {
        bits32(self.0, 2)
    }

    /// The entities that the resource is about.
    pub fn entity_refs(&self) -> impl Iterator<Item = EntityRef<'a>> + use<'a> {
        Fields(self.0).bodies(3).map(EntityRef)
    }
}

/// A reference to an entity, by names of resource attributes.
#[derive(Clone, Copy, Debug)]
pub struct EntityRef<'a>(&'a [u8]);

impl<'a> EntityRef<'a> {
    /// The schema URL.
    pub fn schema_url(&self) -> &'a str {
        text(self.0, 1)
    }

    /// The type of the entity, such as `service`.
    pub fn entity_type(&self) -> &'a str {
        text(self.0, 2)
    }

    /// The attributes that identify the entity.
    pub fn id_keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        texts(self.0, 3)
    }

    /// The attributes that describe it.
    pub fn description_keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        texts(self.0, 4)
    }
}

fn texts(body: &[u8], number: u32) -> impl Iterator<Item = &str> {
    Fields(body).bodies(number).map(|text| Wire::Bytes(text).str())
}

/// What emitted the telemetry: a library, a package, a receiver.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a>(pub(crate) &'a [u8]);

impl<'a> Scope<'a> {
    /// The name.
    pub fn name(&self) -> &'a str {
        text(self.0, 1)
    }

    /// The version.
    pub fn version(&self) -> &'a str {
        text(self.0, 2)
    }

    /// The attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::encoded(self.0, 3)
    }

    /// How many attributes were dropped.
    pub fn dropped_attributes_count(&self) -> u32 {
        bits32(self.0, 4)
    }
}
