//! Requests of pages in browsers: which origins may send, and what they are told.
//!
//! The rules are those of the [Fetch standard](https://fetch.spec.whatwg.org/#http-cors-protocol), with upstream's choices:
//! credentials are always allowed, and an origin that is not allowed gets the same answer without the headers.

use bytes::Bytes;
use net::body::Chunks;
use net::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use net::http::request::Parts;
use net::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use net::settings::CorsConfig;

/// What any page may send. The first is an answer's, the others a request's.
const METHODS: [&str; 3] = ["GET", "HEAD", "POST"];
const HEADERS: [&str; 3] = ["accept", "content-type", "x-requested-with"];
const TRUE: HeaderValue = HeaderValue::from_static("true");
const ASKED: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
);

/// The rules of a receiver.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Vec<Pattern>,
    /// In small letters. `None` allows all.
    headers: Option<Vec<String>>,
    exposed: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
}

impl Cors {
    /// `None` without allowed origins.
    pub(crate) fn new(config: &CorsConfig) -> Option<Self> {
        if config.allowed_origins.is_empty() {
            return None;
        }
        let every = config.allowed_headers.iter().any(|name| name == "*");
        let names = config.allowed_headers.iter().map(|name| name.to_ascii_lowercase());
        let headers = HEADERS.into_iter().map(str::to_owned).chain(names).collect();
        let exposed = config.exposed_headers.join(", ");
        let max_age = match config.max_age {
            0 => None,
            seconds => Some(HeaderValue::from(seconds.max(0))),
        };
        Some(Self {
            origins: config.allowed_origins.iter().map(|text| Pattern::new(text)).collect(),
            headers: (!every).then_some(headers),
            exposed: HeaderValue::try_from(exposed).ok().filter(|value| !value.is_empty()),
            max_age,
        })
    }

    /// The answer to a browser that asks what it may do, if this is such a question.
    pub(crate) fn preflight(&self, head: &Parts) -> Option<Response<Chunks>> {
        if head.method != Method::OPTIONS {
            return None;
        }
        let method = head.headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
        let mut response = Response::new(Chunks::from(Bytes::new()));
        *response.status_mut() = StatusCode::NO_CONTENT;
        let told = response.headers_mut();
        told.insert(VARY, ASKED);
        let asked = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        let Some(origin) = self.origin(&head.headers) else { return Some(response) };
        if !METHODS.iter().any(|allowed| method == allowed) || !self.allows(asked) {
            return Some(response);
        }
        told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        told.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        if let Some(asked) = asked {
            told.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        told.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        if let Some(max_age) = &self.max_age {
            told.insert(ACCESS_CONTROL_MAX_AGE, max_age.clone());
        }
        Some(response)
    }

    /// Lets the page that sent a request read the answer.
    pub(crate) fn let_read(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        answer.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = self.origin(request) else { return };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        if let Some(exposed) = &self.exposed {
            answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }

    /// The request's origin, if it may send.
    fn origin<'a>(&self, request: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let origin = request.get(ORIGIN)?;
        let text = origin.to_str().ok()?.to_ascii_lowercase();
        self.origins.iter().any(|pattern| pattern.matches(&text)).then_some(origin)
    }

    fn allows(&self, asked: Option<&HeaderValue>) -> bool {
        let (Some(allowed), Some(asked)) = (&self.headers, asked) else { return true };
        let Ok(asked) = asked.to_str() else { return false };
        let mut names = asked.split(',').map(|name| name.trim().to_ascii_lowercase());
        names.all(|name| name.is_empty() || allowed.contains(&name))
    }
}

/// An origin in which `*` stands for any text.
#[derive(Debug)]
struct Pattern(Vec<String>);

impl Pattern {
    fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase().split('*').map(str::to_owned).collect())
    }

    fn matches(&self, text: &str) -> bool {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return false };
        if self.0.len() == 1 {
            return text == first;
        }
        let inner =
            text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()));
        let Some(mut inner) = inner else { return false };
        for part in &self.0[1..self.0.len() - 1] {
            match inner.find(part.as_str()) {
                Some(at) => inner = &inner[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("*", "https://a.example", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://a.example.com.evil", false),
            ("https://a.example", "https://a.example", true),
            ("https://A.example", "https://a.example", true),
            ("https://a.example", "https://a.example:8080", false),
            ("http*://*.a:*", "https://x.a:80", true),
            ("ab*ba", "aba", false),
        ] {
            let found = Pattern::new(pattern).matches(text);
            assert_eq!(found, fits, "{pattern} {text}");
        }
    }
}
