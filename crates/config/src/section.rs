//! What components' configurations are.

use std::fmt::Debug;

use crate::node::Node;
use crate::problems::Problems;
use crate::schema::Field;
use crate::value::Value;

/// Rules that span fields, or that a type cannot express.
pub trait Validate {
    /// Reports everything that is wrong, by the keys that users write: `problems.add("timeout", "must not be negative")`.
    ///
    /// It is called after everything below the section could be read, also for a section that is not in the document
    /// and has its defaults; not for an [`Optional`](crate::Optional) section that is off.
    fn validate(&self, problems: &mut Problems) {
        let _ = problems;
    }
}

/// A map with known keys: the configuration of a component, or a part of one.
///
/// It is derived. Each field is a key of the same name; a key that is missing leaves the field as the struct's
/// [`Default`] has it, and so does `null`. Unknown keys are problems, with a suggestion. The doc comment of a field
/// documents its key.
///
/// On the struct:
/// * `#[section(not_supported("a", "b::c"))]`: keys that upstream has and we don't, reported as "not supported yet".
///
/// On a field:
/// * `#[section(rename = "type")]`: the key has another name than the field.
/// * `#[section(flatten)]`: the field is a section whose keys stand among those of the struct.
///
/// On an enum without data (which makes it a [`Value`], not a section) the variants' names in `snake_case` are the valid
/// strings; `#[section(rename = "…")]` on a variant names it otherwise, `#[section(ignore_case)]` on the enum accepts any
/// case, and `#[section(not_supported("x"))]` on the enum names values that upstream has and we don't.
pub trait Section: Value + Validate + Clone + Debug + Default {
    /// Adds every key that the section has.
    fn keys(keys: &mut Vec<&'static str>);

    /// Adds every key that upstream's section has and this one does not support.
    fn not_supported(keys: &mut Vec<&'static str>);

    /// Reads the fields whose keys are in the node, and adds the keys whose values could not be read to `unread`.
    fn read_fields(&mut self, node: &Node, unread: &mut Vec<&'static str>, problems: &mut Problems);

    /// Checks every field but the unread ones, then the section as a whole if there are none.
    fn check_fields(&self, node: Option<&Node>, unread: &[&'static str], problems: &mut Problems);

    /// Adds a description of every key, with this value's fields as the defaults.
    fn describe(&self, fields: &mut Vec<Field>);
}

#[cfg(test)]
mod tests;
