//! What a request said beside its telemetry (`include_metadata`).

use component::ClientMetadata;
use net::http::header::HOST;
use net::http::request::Parts;

/// The headers of a request, with the name that the client knows the host by. What is no UTF-8 is left out.
pub(crate) fn of(head: &Parts) -> ClientMetadata {
    let values = head.headers.iter().filter(|(_, value)| !value.is_sensitive());
    let values = values.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let authority = head.uri.authority().filter(|_| !head.headers.contains_key(HOST));
    values.chain(authority.map(|authority| (HOST.as_str(), authority.as_str()))).collect()
}

/// How many bytes it takes.
pub(crate) fn bytes(metadata: &ClientMetadata) -> usize {
    let values = metadata.iter();
    values.map(|(name, values)| name.len() + values.iter().map(String::len).sum::<usize>()).sum()
}
