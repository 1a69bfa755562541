//! Values: what a node can be read as, by upstream's rules of typing.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use crate::duration;
use crate::ids::ComponentId;
use crate::node::{Content, Node};
use crate::problems::Problems;
use crate::schema::Schema;

/// Something that can be read from a node.
///
/// No type is converted into another, as in upstream: `"5"` is no number and `5` is no string. Two things are different
/// from a plain reading of YAML: a string reads a whole-value `${…}` as the text that it stood for, whatever YAML makes of
/// that text; and an integer accepts a float without a fraction.
pub trait Value: Sized + Clone {
    /// Reads a value and checks it, with everything below it. Problems are reported; `None` means that at least one is
    /// so bad that there is no value.
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        problems.within("", Some(node), |problems| {
            let value = Self::parse(node, problems)?;
            value.check(Some(node), problems);
            Some(value)
        })
    }

    /// Reads a value without [checking](Self::check) it. When it gives `None`, what could be read of it was checked.
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self>;

    /// Reads a value where `self` is the default. A `null` in the document keeps the default.
    fn parse_onto(self, node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.is_null() && !node.is_expanded() { Some(self) } else { Self::parse(node, problems) }
    }

    /// Reports what is wrong with a value that could be read. `node` is what it was read from, `None` for a default.
    fn check(&self, node: Option<&Node>, problems: &mut Problems) {
        let _ = (node, problems);
    }

    /// The type's shape.
    fn schema() -> Schema;

    /// The type's shape where this value is the default, and so is everything in it.
    fn own_schema(&self) -> Schema {
        Self::schema()
    }

    /// Whether the value is on, for what may be off.
    fn is_on(&self) -> Option<bool> {
        None
    }

    /// The value as a user would write it in a line, if it can be.
    fn default_text(&self) -> Option<String> {
        None
    }

    /// The keys, for a section.
    #[doc(hidden)]
    fn section_keys() -> Option<Vec<&'static str>> {
        None
    }

    /// A list from a single string, for the types that allow it.
    #[doc(hidden)]
    fn list_from_text(text: &str) -> Option<Vec<Self>> {
        let _ = text;
        None
    }
}

/// Anything, as it is in the document.
impl Value for Node {
    fn parse(node: &Node, _problems: &mut Problems) -> Option<Self> {
        Some(node.clone())
    }

    fn schema() -> Schema {
        Schema::Any
    }
}

impl Value for bool {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        match node.content {
            Content::Bool(value) => Some(value),
            Content::Null => Some(false),
            _ => {
                problems.wrong_type(node, "bool");
                None
            }
        }
    }

    fn schema() -> Schema {
        Schema::Bool
    }

    fn default_text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for f64 {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        match node.as_f64() {
            Some(value) => Some(value),
            None if node.is_null() => Some(0.0),
            None => {
                problems.wrong_type(node, "float64");
                None
            }
        }
    }

    fn schema() -> Schema {
        Schema::Number
    }

    fn default_text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for String {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        let text = match node.text() {
            Some(text) => text,
            None if node.is_null() => "",
            None => {
                problems.wrong_type(node, "string");
                return None;
            }
        };
        if node.is_tainted() {
            problems.hide(text);
        }
        Some(text.to_owned())
    }

    fn schema() -> Schema {
        Schema::String
    }

    fn default_text(&self) -> Option<String> {
        let escaped = self.replace('\\', "\\\\").replace('"', "\\\"");
        Some(format!("\"{escaped}\"")).filter(|_| !self.is_empty())
    }

    fn list_from_text(text: &str) -> Option<Vec<Self>> {
        let parts = text.split(',').filter(|_| !text.is_empty());
        Some(parts.map(str::to_owned).collect())
    }
}

impl Value for PathBuf {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        String::parse(node, problems).map(Self::from)
    }

    fn schema() -> Schema {
        Schema::String
    }

    fn default_text(&self) -> Option<String> {
        self.display().to_string().default_text()
    }
}

impl Value for Duration {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Some(text) = node.as_str() {
            return match duration::parse(text) {
                Ok(value) => Some(value),
                Err(error) => {
                    let message = format!("{error}, is \"{}\"", node.shown());
                    problems.reject_with_hint(node, message, "write it as 500ms, 10s or 1m30s");
                    None
                }
            };
        }
        // As upstream: a bare number is a number of nanoseconds.
        match (node.as_i64(), node.is_null()) {
            (Some(nanoseconds), _) => match u64::try_from(nanoseconds) {
                Ok(nanoseconds) => Some(Self::from_nanos(nanoseconds)),
                Err(_) => {
                    problems.reject(node, format!("must not be negative, is {}", node.shown()));
                    None
                }
            },
            (None, true) => Some(Self::ZERO),
            (None, false) => {
                problems.wrong_type(node, "duration");
                None
            }
        }
    }

    fn schema() -> Schema {
        Schema::Duration
    }

    fn default_text(&self) -> Option<String> {
        Some(duration::format(*self))
    }
}

impl Value for ComponentId {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Some(text) = node.text() else {
            problems.wrong_type(node, "string");
            return None;
        };
        match Self::parse(text) {
            Ok(id) => Some(id),
            Err(error) => {
                if node.is_tainted() {
                    problems.hide(text);
                }
                problems.reject(node, error.to_string());
                None
            }
        }
    }

    fn schema() -> Schema {
        Schema::String
    }

    fn default_text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// A whole number between two bounds, in the words that upstream uses for its types.
fn integer(node: &Node, problems: &mut Problems, name: &str, min: i128, max: i128) -> Option<i128> {
    let value = match (node.as_i64(), node.is_null()) {
        (Some(value), _) => i128::from(value),
        (None, true) => 0,
        (None, false) => {
            problems.wrong_type(node, name);
            return None;
        }
    };
    if (min..=max).contains(&value) {
        return Some(value);
    }
    let shown = node.shown();
    let message = match (value < 0, min) {
        (true, 0) => format!("cannot parse value as '{name}': {shown} overflows uint"),
        (_, 1) if value < 1 => format!("must be greater than 0, is {shown}"),
        _ => format!("must be between {min} and {max}, is {shown}"),
    };
    problems.reject(node, message);
    None
}

macro_rules! integers {
    ($($type:ty = $name:literal),* $(,)?) => {$(
        impl Value for $type {
            fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
                let (min, max) = (Self::MIN as i128, Self::MAX as i128);
                Self::try_from(integer(node, problems, $name, min, max)?).ok()
            }

            fn schema() -> Schema {
                Schema::Integer { min: Self::MIN as i128, max: Self::MAX as i128 }
            }

            fn default_text(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

integers! {
    u8 = "uint8", u16 = "uint16", u32 = "uint32", u64 = "uint64", usize = "uint",
    i8 = "int8", i16 = "int16", i32 = "int32", i64 = "int", isize = "int",
}

macro_rules! non_zero_integers {
    ($($type:ty = $inner:ty, $name:literal);* $(;)?) => {$(
        impl Value for $type {
            fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
                let value = integer(node, problems, $name, 1, <$inner>::MAX as i128)?;
                Self::new(<$inner>::try_from(value).ok()?)
            }

            fn schema() -> Schema {
                Schema::Integer { min: 1, max: <$inner>::MAX as i128 }
            }

            fn default_text(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

non_zero_integers! {
    NonZeroU16 = u16, "uint16";
    NonZeroU32 = u32, "uint32";
    NonZeroU64 = u64, "uint64";
    NonZeroUsize = usize, "uint";
}
