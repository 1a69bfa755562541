//! Keeping or leaving out by name: the `include` and `exclude` blocks.

use config::{Section, Validate};
use regex::Regex;

/// How names are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Section)]
pub enum MatchType {
    /// The whole name is equal to one of the entries.
    Strict,
    /// One of the entries, a regular expression, matches somewhere in the name.
    Regexp,
}

/// Upstream's cache of regular expressions' results.
///
/// Names are compared without a cache here, so that the settings are accepted and have no effect.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct RegexpConfig {
    /// No effect.
    pub cacheenabled: bool,
    /// No effect.
    pub cachemaxnumentries: u32,
}

impl Validate for RegexpConfig {}

/// Makes the section of a filter. The filters differ in the key of their names.
macro_rules! filter_section {
    ($(#[$doc:meta])* $name:ident, $names:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Section)]
        pub struct $name {
            /// The names, or regular expressions for them.
            ///
            /// Default: `[]`, which lets everything pass.
            pub $names: Vec<String>,

            /// How they are compared: `strict` (equal) or `regexp` (matches somewhere in it).
            ///
            /// No default. Required when there are names.
            pub match_type: Option<MatchType>,

            /// Accepted for compatibility, without effect.
            pub regexp: RegexpConfig,
        }

        impl Validate for $name {}

        impl $name {
            /// The matcher; `None` when there are no names.
            pub(crate) fn matcher(&self) -> Result<Option<Matcher>, InvalidFilter> {
                Matcher::new(&self.$names, self.match_type)
            }
        }
    };
}

filter_section!(
    /// A filter of devices.
    DeviceFilter, devices
);
filter_section!(
    /// A filter of network interfaces.
    InterfaceFilter, interfaces
);
filter_section!(
    /// A filter of filesystem types.
    FsTypeFilter, fs_types
);
filter_section!(
    /// A filter of mount points.
    MountPointFilter, mount_points
);

/// Why a filter can't be built, in one line.
#[derive(Debug)]
pub(crate) struct InvalidFilter(pub(crate) String);

impl InvalidFilter {
    fn no_match_type() -> Self {
        Self("unrecognized match_type: '', valid types are: [regexp strict]".to_owned())
    }

    /// The library's text shows the expression over several lines; the last one says what is wrong.
    fn regexp(expression: &str, error: &regex::Error) -> Self {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default();
        Self(format!("`{expression}`: {}", reason.trim_start_matches("error: ")))
    }
}

/// One half of a filter, ready to be asked.
#[derive(Debug)]
pub(crate) enum Matcher {
    Strict(Vec<String>),
    Regexp(Vec<Regex>),
}

impl Matcher {
    fn new(names: &[String], match_type: Option<MatchType>) -> Result<Option<Self>, InvalidFilter> {
        if names.is_empty() {
            return Ok(None);
        }
        let matcher = match match_type.ok_or_else(InvalidFilter::no_match_type)? {
            MatchType::Strict => Self::Strict(names.to_vec()),
            MatchType::Regexp => {
                let compile = |name: &String| {
                    Regex::new(name).map_err(|error| InvalidFilter::regexp(name, &error))
                };
                Self::Regexp(names.iter().map(compile).collect::<Result<_, _>>()?)
            }
        };
        Ok(Some(matcher))
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Strict(names) => names.iter().any(|other| other == name),
            Self::Regexp(expressions) => expressions.iter().any(|regex| regex.is_match(name)),
        }
    }
}

/// Both halves of the filter of one kind of name.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) include: Option<Matcher>,
    pub(crate) exclude: Option<Matcher>,
}

impl Filter {
    /// Whether a name passes.
    pub(crate) fn passes(&self, name: &str) -> bool {
        self.include.as_ref().is_none_or(|include| include.matches(name))
            && !self.exclude.as_ref().is_some_and(|exclude| exclude.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(names: &[&str], match_type: MatchType) -> Option<Matcher> {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Matcher::new(&names, Some(match_type)).unwrap()
    }

    #[test]
    fn strict_is_equality_and_regexp_is_a_search() {
        let include = matcher(&["sda", "sdb"], MatchType::Strict);
        let filter = Filter { include, exclude: None };
        assert!(filter.passes("sda") && !filter.passes("sda1"));
        let exclude = matcher(&["/dev/*"], MatchType::Regexp);
        let filter = Filter { include: None, exclude };
        assert!(filter.passes("/home") && !filter.passes("/mnt/dev"));
    }

    #[test]
    fn include_and_exclude_both_have_to_agree() {
        let filter = Filter {
            include: matcher(&["^sd"], MatchType::Regexp),
            exclude: matcher(&["sdb"], MatchType::Strict),
        };
        assert!(filter.passes("sda") && !filter.passes("sdb") && !filter.passes("vda"));
        assert!(Filter::default().passes("anything"));
    }

    #[test]
    fn without_names_there_is_no_filter_whatever_the_match_type() {
        for match_type in [None, Some(MatchType::Strict), Some(MatchType::Regexp)] {
            assert!(Matcher::new(&[], match_type).unwrap().is_none());
        }
    }
}
