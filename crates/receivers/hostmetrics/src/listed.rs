//! Sections that are on when they are mentioned.

use config::{Node, Problems, Schema, Section, Value};

/// A section that is on when its key is there, with settings (`cpu: {…}`) or without (`cpu:`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed<T>(pub Option<T>);

impl<T: Section> Value for Listed<T> {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        T::default().parse_onto(node, problems).map(|section| Self(Some(section)))
    }

    fn parse_onto(self, node: &Node, problems: &mut Problems) -> Option<Self> {
        Self::parse(node, problems)
    }

    fn check(&self, node: Option<&Node>, problems: &mut Problems) {
        if let Some(section) = &self.0 {
            section.check(node, problems);
        }
    }

    fn schema() -> Schema {
        Schema::Nullable(Box::new(T::schema()))
    }
}
