//! Whether two places of documents say the same.

use crate::node::{Content, Node};

impl Node {
    /// Whether both hold the same values, wherever they stand and in whatever order their keys come. References are
    /// compared by what they gave.
    pub fn same_as(&self, other: &Self) -> bool {
        self.text == other.text && same(&self.content, &other.content)
    }
}

fn same(one: &Content, other: &Content) -> bool {
    match (one, other) {
        (Content::Null, Content::Null) => true,
        (Content::Bool(one), Content::Bool(other)) => one == other,
        (Content::Int(one), Content::Int(other)) => one == other,
        (Content::Float(one), Content::Float(other)) => one.to_bits() == other.to_bits(),
        (Content::String(one), Content::String(other))
        | (Content::Timestamp(one), Content::Timestamp(other)) => one == other,
        (Content::List(one), Content::List(other)) => {
            one.len() == other.len()
                && one.iter().zip(other.iter()).all(|(one, other)| one.same_as(other))
        }
        (Content::Map(one), Content::Map(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, node)| other.get(key).is_some_and(|it| node.same_as(it)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Document, Environment};

    #[test]
    fn values_count_and_places_do_not() {
        let environment = Environment::empty().with("PORT", "4317");
        let document = |text| Document::from_text(text, "test", &environment).unwrap();
        let same = |one, other| document(one).root().same_as(document(other).root());
        assert!(same("{a: {b: 1, c: [x]}}", "a:\n  c:\n  - x\n  b: 1\n"));
        assert!(same("{a: \"${env:PORT}:x\"}", "{a: 4317:x}"));
        for other in ["{a: {b: 2, c: [x]}}", "{a: {b: 1}}", "{a: {b: 1, c: [x, y]}}", "{a: }"] {
            assert!(!same("{a: {b: 1, c: [x]}}", other), "{other}");
        }
    }
}
