use super::attributes::AttributesMut;
use super::draft::Draft;
use crate::attributes::Attributes;
use crate::view::{Resource, Scope};
use crate::wire;

/// The resource of a group, to be changed.
#[derive(Debug)]
pub struct ResourceMut<'a>(pub(crate) Draft<'a>);

impl<'a> ResourceMut<'a> {
    /// The resource, to read.
    pub fn view(&self) -> Resource<'_> {
        Resource(wire::find(self.0.bytes(), 1).map_or(&[], wire::Wire::bytes))
    }

    /// The attributes, to read.
    pub fn attributes(&self) -> Attributes<'_> {
        self.view().attributes()
    }

    /// The attributes, to be changed.
    pub fn attributes_mut(&mut self) -> AttributesMut<'_, 'a> {
        AttributesMut::new(&mut self.0, Some(1), 1)
    }

    /// Sets how many attributes were dropped.
    pub fn set_dropped_attributes_count(&mut self, count: u32) {
        self.0.within(1, |resource| resource.set_varint(2, count.into()));
    }

    /// The schema URL of the resource.
    pub fn schema_url(&self) -> &str {
        wire::find(self.0.bytes(), 3).map_or("", wire::Wire::str)
    }

    /// Sets the schema URL of the resource.
    pub fn set_schema_url(&mut self, schema_url: &str) {
        self.0.set_text(3, schema_url);
    }
}

/// The scope of a group, to be changed.
#[derive(Debug)]
pub struct ScopeMut<'a>(pub(crate) Draft<'a>);

impl<'a> ScopeMut<'a> {
    /// The scope, to read.
    pub fn view(&self) -> Scope<'_> {
        Scope(wire::find(self.0.bytes(), 1).map_or(&[], wire::Wire::bytes))
    }

    /// The attributes, to read.
    pub fn attributes(&self) -> Attributes<'_> {
        self.view().attributes()
    }

    /// The attributes, to be changed.
    pub fn attributes_mut(&mut self) -> AttributesMut<'_, 'a> {
        AttributesMut::new(&mut self.0, Some(1), 3)
    }

    /// Sets the name.
    pub fn set_name(&mut self, name: &str) {
        self.0.within(1, |scope| scope.set_text(1, name));
    }

    /// Sets the version.
    pub fn set_version(&mut self, version: &str) {
        self.0.within(1, |scope| scope.set_text(2, version));
    }

    /// Sets how many attributes were dropped.
    pub fn set_dropped_attributes_count(&mut self, count: u32) {
        self.0.within(1, |scope| scope.set_varint(4, count.into()));
    }

    /// The schema URL of what the scope emitted.
    pub fn schema_url(&self) -> &str {
        wire::find(self.0.bytes(), 3).map_or("", wire::Wire::str)
    }

    /// Sets the schema URL of what the scope emitted.
    pub fn set_schema_url(&mut self, schema_url: &str) {
        self.0.set_text(3, schema_url);
    }
}
