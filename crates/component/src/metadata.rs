//! What a client said beside its telemetry.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Headers of the request that telemetry came with, for components that route or batch by them (`include_metadata`).
///
/// Names are lower case and looked up in any case; a name may have several values. Clones share one copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientMetadata(Option<Arc<BTreeMap<String, Vec<String>>>>);

impl ClientMetadata {
    /// No metadata: what most batches have.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The values of one name, in the order in which they came. A name that is missing has none.
    pub fn get(&self, name: &str) -> &[String] {
        let found = self.0.as_ref().and_then(|values| match values.get(name) {
            Some(found) => Some(found),
            None => values.get(&name.to_ascii_lowercase()),
        });
        found.map_or(&[], Vec::as_slice)
    }

    /// All names with their values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        let values = self.0.iter().flat_map(|values| values.iter());
        values.map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for ClientMetadata {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs {
            values.entry(name.as_ref().to_ascii_lowercase()).or_default().push(value.into());
        }
        Self(Some(values).filter(|values| !values.is_empty()).map(Arc::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_with_all_their_values() {
        let metadata: ClientMetadata = [("X-Tenant", "a"), ("x-tenant", "b")].into_iter().collect();
        assert_eq!(metadata.get("X-TENANT"), ["a", "b"]);
        assert!(metadata.get("other").is_empty());
        assert_eq!(metadata.iter().count(), 1);
        assert!(ClientMetadata::from_iter(Vec::<(String, String)>::new()).is_empty());
    }
}
