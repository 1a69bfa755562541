//! Cross-origin requests: what pages of other origins may do.

use config::{Problems, Section, Validate};

/// Cross-origin requests of browsers. Without allowed origins there are none.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct CorsConfig {
    /// Origins whose pages may send, such as `https://example.com`; `*` stands for any text. Default: none.
    pub allowed_origins: Vec<String>,
    /// Headers that they may send beside `Accept`, `Content-Type` and `X-Requested-With`; `*` is every header. Default: none.
    pub allowed_headers: Vec<String>,
    /// Headers of the answer that they may read. Default: none.
    pub exposed_headers: Vec<String>,
    /// For how many seconds a browser may remember what it is allowed. Default: `0`, which leaves it to the browser.
    pub max_age: i64,
}

impl Validate for CorsConfig {
    fn validate(&self, problems: &mut Problems) {
        let names = [
            ("allowed_headers", &self.allowed_headers),
            ("exposed_headers", &self.exposed_headers),
        ];
        for (field, names) in names {
            for name in names.iter().filter(|name| *name != "*") {
                if http::HeaderName::try_from(name).is_err() {
                    problems.add(field, format!("`{name}` is no header name"));
                }
            }
        }
    }
}
