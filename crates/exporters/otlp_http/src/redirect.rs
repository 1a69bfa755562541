//! Where an answer sends the request to.

use net::http::header::LOCATION;
use net::http::{HeaderMap, Response};
use url::Url;

/// How many redirects of a request are followed. Go's number.
pub(crate) const MOST: usize = 10;

/// Where the request is to be sent again as it is, by a 307 or 308.
///
/// Other redirects would turn it into one without data, as upstream does, and the data would be lost with a success. One
/// from https to http would show the data to everybody. Both are refused like any other status.
pub(crate) fn target<B>(url: &str, answer: &Response<B>) -> Option<String> {
    if !matches!(answer.status().as_u16(), 307 | 308) {
        return None;
    }
    let from = Url::parse(url).ok()?;
    let to = from.join(answer.headers().get(LOCATION)?.to_str().ok()?).ok()?;
    let is_safe = to.scheme() == "https" || to.scheme() == "http" && from.scheme() == "http";
    let has_user = !to.username().is_empty() || to.password().is_some();
    (is_safe && to.has_host() && !has_user).then(|| to.into())
}

/// The headers that go there: to another host none that users have set, for they may be secrets.
pub(crate) fn headers(first: &str, to: &str, mut headers: HeaderMap) -> HeaderMap {
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    if origin(first) == origin(to) {
        return headers;
    }
    let secret: Vec<_> = headers.iter().filter(|(_, value)| value.is_sensitive()).collect();
    let secret: Vec<_> = secret.into_iter().map(|(name, _)| name.clone()).collect();
    for name in secret {
        headers.remove(name);
    }
    headers
}

#[cfg(test)]
mod tests {
    use net::http::HeaderValue;

    use super::*;

    fn redirected(url: &str, status: u16, location: &str) -> Option<String> {
        target(
            url,
            &Response::builder().status(status).header(LOCATION, location).body(()).unwrap(),
        )
    }

    #[test]
    fn a_request_is_sent_again_only_as_it_is_and_not_in_the_open() {
        let url = "https://h/v1/logs";
        assert_eq!(redirected(url, 307, "/v2/logs").unwrap(), "https://h/v2/logs");
        assert_eq!(redirected(url, 308, "https://other/x?y").unwrap(), "https://other/x?y");
        assert_eq!(redirected("http://h/", 307, "https://h/").unwrap(), "https://h/");
        for (status, location) in
            [(301, "/a"), (302, "/a"), (303, "/a"), (307, "http://h/"), (307, "ftp://h/")]
        {
            assert_eq!(redirected(url, status, location), None, "{status} {location}");
        }
        assert_eq!(redirected(url, 307, "https://u:p@h/"), None);
        assert_eq!(target(url, &Response::builder().status(307).body(()).unwrap()), None);
    }

    #[test]
    fn another_host_does_not_see_the_secrets() {
        let mut all = HeaderMap::new();
        let mut secret = HeaderValue::from_static("s3cret");
        secret.set_sensitive(true);
        all.insert("authorization", secret);
        all.insert("content-type", HeaderValue::from_static("a/b"));
        assert_eq!(headers("https://h/a", "https://h:443/b", all.clone()).len(), 2);
        for other in ["https://other/a", "https://h:444/a", "http://h/a"] {
            assert!(!headers("https://h/a", other, all.clone()).contains_key("authorization"));
        }
    }
}
