//! The config-check API: one POST, one answer.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use config::Secret;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use net::tls::{ClientTls, ClientTlsConfig, TlsError};
use net::{ClientOptions, Dialer, HttpClient, RequestError};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::document::Document;
use crate::report::Report;
use crate::source::{Answer, CheckError, ConfigSource};

/// How long a check may take, connecting included.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How large an answer may be, in bytes.
const SIZE_LIMIT: usize = 16 << 20;

/// Asks the config-check API, as the Go agent does.
pub struct HttpConfigCheck {
    client: HttpClient,
    endpoint: Uri,
    key: Option<HeaderValue>,
}

/// Why the API can't be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The API key has characters that no HTTP header can carry.
    #[error("the API key has characters that cannot be sent; check KM_API_KEY")]
    Key,
    /// The endpoint is an address that HTTP doesn't know.
    #[error("the update endpoint is no HTTP address")]
    Endpoint(#[source] http::uri::InvalidUri),
    /// No TLS.
    #[error("cannot set up TLS for the update endpoint")]
    Tls(#[source] TlsError),
}

impl HttpConfigCheck {
    /// Asks at `endpoint`. Without a key the request goes without `Authorization`.
    ///
    /// Whether the key may go to this endpoint is for the settings to say, which refuse plain http to other hosts.
    ///
    /// # Errors
    ///
    /// The key can't be sent, or the endpoint can't be asked.
    pub fn new(endpoint: Url, key: Option<Secret<String>>) -> Result<Self, SetupError> {
        let tls = ClientTls::load(&ClientTlsConfig::default(), &["http/1.1"]);
        let options = ClientOptions {
            timeout: Some(TIME_LIMIT),
            response_limit: SIZE_LIMIT,
            // Between two checks a connection would only take memory, here and there, or die unnoticed.
            idle_timeout: None,
            idle_connections_per_host: 0,
            ..ClientOptions::default()
        };
        Ok(Self {
            client: HttpClient::new(Dialer::new(tls.map_err(SetupError::Tls)?), options),
            endpoint: endpoint.as_str().parse().map_err(SetupError::Endpoint)?,
            key: key.map(|key| authorization(key.expose())).transpose()?,
        })
    }

    fn request(&self, report: &Report) -> Request<Bytes> {
        let body = serde_json::to_vec(report).expect("a report has nothing that JSON can't say");
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            headers.insert(AUTHORIZATION, key.clone());
        }
        request
    }

    fn failure(&self, error: RequestError) -> CheckError {
        let endpoint = self.shown();
        match error {
            RequestError::Unreachable(source) => CheckError::Unreachable { endpoint, source },
            RequestError::TimedOut { limit } => CheckError::TimedOut { endpoint, limit },
            RequestError::TooLarge { limit } => CheckError::TooLarge { endpoint, limit },
        }
    }

    /// What an answer says.
    fn read(&self, status: StatusCode, body: &[u8]) -> Result<Answer, CheckError> {
        let endpoint = || self.shown();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let status = status.as_u16();
            return Err(CheckError::Unauthorized { endpoint: endpoint(), status });
        }
        if !status.is_success() {
            return Err(CheckError::Status { endpoint: endpoint(), status: status.as_u16() });
        }
        let reply: Reply<'_> = serde_json::from_slice(body)
            .map_err(|source| CheckError::Malformed { endpoint: endpoint(), source })?;
        let wanted = reply.config.filter(|_| reply.restart_required.unwrap_or(false));
        let Some(config) = wanted else { return Ok(Answer::Unchanged) };
        let document = Document::from_raw(config)
            .map_err(|source| CheckError::InvalidDocument { endpoint: endpoint(), source })?;
        Ok(Answer::Update(document))
    }

    /// The endpoint as it may be shown: users and queries may be secrets.
    fn shown(&self) -> String {
        let host = self.endpoint.host().unwrap_or("");
        let port = self.endpoint.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let scheme = self.endpoint.scheme_str().unwrap_or("");
        format!("{scheme}://{host}{port}{}", self.endpoint.path())
    }
}

#[async_trait]
impl ConfigSource for HttpConfigCheck {
    async fn check(&self, report: &Report) -> Result<Answer, CheckError> {
        let answer = self.client.send(self.request(report).map(Into::into)).await;
        let answer = answer.map_err(|error| self.failure(error))?;
        self.read(answer.status(), answer.body())
    }
}

impl fmt::Debug for HttpConfigCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConfigCheck").field("endpoint", &self.shown()).finish_non_exhaustive()
    }
}

/// Fields that are missing or null count as Go's zero values.
#[derive(Deserialize)]
struct Reply<'a> {
    restart_required: Option<bool>,
    #[serde(borrow)]
    config: Option<&'a RawValue>,
}

fn authorization(key: &str) -> Result<HeaderValue, SetupError> {
    let mut value = HeaderValue::from_str(key).map_err(|_| SetupError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
