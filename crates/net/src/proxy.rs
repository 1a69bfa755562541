//! Which proxy a connection goes through, and how it is told where to.

mod bypass;
mod tunnel;

use std::env;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use config::Secret;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

use self::bypass::Bypass;
pub(crate) use self::tunnel::open;
use crate::resolve::without_brackets;

/// An HTTP proxy. Its credentials are not shown, by whatever it is formatted.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) is_secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<HeaderValue>,
}

/// Why a text names no proxy that can be used. The text is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxy {
    /// It is no URL with a host.
    #[error("must be the URL of a proxy, like http://proxy.example.com:3128")]
    Address,
    /// The proxy speaks something else than HTTP.
    #[error("{scheme} proxies are not supported yet: http and https are")]
    Scheme {
        /// What it is said to speak.
        scheme: String,
    },
}

impl Proxy {
    /// Reads the URL of a proxy, as `http://user:password@host:3128`. Without a scheme it is `http`.
    ///
    /// # Errors
    ///
    /// See [`InvalidProxy`].
    pub fn parse(text: &str) -> Result<Self, InvalidProxy> {
        let text = text.trim();
        let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&url).map_err(|_| InvalidProxy::Address)?;
        let is_secure = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(InvalidProxy::Scheme { scheme: other.to_owned() }),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidProxy::Address)?;
        Ok(Self {
            is_secure,
            host: without_brackets(host).to_owned(),
            port: url.port_or_known_default().ok_or(InvalidProxy::Address)?,
            authorization: authorization(&url),
        })
    }
}

/// Basic credentials of a URL's user, if it has one.
fn authorization(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut credentials: Vec<u8> = percent_decode_str(url.username()).collect();
    credentials.push(b':');
    credentials.extend(percent_decode_str(url.password().unwrap_or_default()));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64.encode(credentials))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// The variables that say which proxies to use. Each is looked for in capitals first, then in small letters.
#[derive(Clone, Debug, Default)]
pub struct ProxyVariables {
    /// `HTTP_PROXY`: for `http` addresses.
    pub http_proxy: Option<Secret<String>>,
    /// `HTTPS_PROXY`: for `https` addresses, and for gRPC with and without TLS.
    pub https_proxy: Option<Secret<String>>,
    /// `NO_PROXY`: what is reached without a proxy.
    pub no_proxy: Option<String>,
    /// `REQUEST_METHOD`, which a web server sets for a CGI program. There, anybody who sends a header `Proxy` sets
    /// `HTTP_PROXY`.
    pub request_method: Option<String>,
}

impl ProxyVariables {
    /// The variables, each looked up by its name. An empty one is none.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&str; 2]| {
            names.into_iter().find_map(|name| look_up(name).filter(|value| !value.is_empty()))
        };
        Self {
            http_proxy: first(["HTTP_PROXY", "http_proxy"]).map(Secret::from),
            https_proxy: first(["HTTPS_PROXY", "https_proxy"]).map(Secret::from),
            no_proxy: first(["NO_PROXY", "no_proxy"]),
            request_method: look_up("REQUEST_METHOD").filter(|value| !value.is_empty()),
        }
    }
}

/// Which connections go through which proxy.
#[derive(Clone, Debug)]
pub struct Proxies(Choice);

#[derive(Clone, Debug)]
enum Choice {
    /// Every connection through this one, as Go's `http.ProxyURL`.
    Always(Arc<Proxy>),
    Environment(Arc<Environment>),
}

#[derive(Debug)]
struct Environment {
    http: Named,
    https: Named,
    bypass: Bypass,
}

/// What a variable says.
#[derive(Debug)]
enum Named {
    Nothing,
    Proxy(Arc<Proxy>),
    /// Going around a proxy that cannot be used would not be what the user wants.
    Unusable(String),
}

impl Proxies {
    /// None at all.
    pub fn none() -> Self {
        Self::new(&ProxyVariables::default())
    }

    /// Every connection goes through this proxy, whatever the environment says.
    pub fn always(proxy: Proxy) -> Self {
        Self(Choice::Always(Arc::new(proxy)))
    }

    /// What the environment of the process says, which is read once.
    pub fn of_process() -> Self {
        static PROXIES: OnceLock<Proxies> = OnceLock::new();
        let read = || Self::new(&ProxyVariables::read(|name| env::var(name).ok()));
        PROXIES.get_or_init(read).clone()
    }

    /// What these variables say, by the rules of
    /// [Go's `httpproxy`](https://pkg.go.dev/golang.org/x/net/http/httpproxy).
    pub fn new(variables: &ProxyVariables) -> Self {
        let http = match &variables.request_method {
            Some(_) if variables.http_proxy.is_some() => {
                Named::Unusable("HTTP_PROXY is not used where REQUEST_METHOD is set".to_owned())
            }
            _ => Named::read("HTTP_PROXY", variables.http_proxy.as_ref()),
        };
        Self(Choice::Environment(Arc::new(Environment {
            http,
            https: Named::read("HTTPS_PROXY", variables.https_proxy.as_ref()),
            bypass: Bypass::parse(variables.no_proxy.as_deref().unwrap_or_default()),
        })))
    }

    /// The proxy for `http` connections to a host.
    ///
    /// # Errors
    ///
    /// There should be one and it cannot be used.
    pub(crate) fn for_http(&self, host: &str, port: u16) -> io::Result<Option<Arc<Proxy>>> {
        self.choose(|environment| &environment.http, host, port)
    }

    /// The proxy for `https` connections to a host, and for gRPC.
    ///
    /// # Errors
    ///
    /// There should be one and it cannot be used.
    pub(crate) fn for_https(&self, host: &str, port: u16) -> io::Result<Option<Arc<Proxy>>> {
        self.choose(|environment| &environment.https, host, port)
    }

    fn choose(
        &self,
        variable: fn(&Environment) -> &Named,
        host: &str,
        port: u16,
    ) -> io::Result<Option<Arc<Proxy>>> {
        let environment = match &self.0 {
            Choice::Always(proxy) => return Ok(Some(Arc::clone(proxy))),
            Choice::Environment(environment) => environment,
        };
        match variable(environment) {
            Named::Nothing => Ok(None),
            _ if environment.bypass.covers(host, port) => Ok(None),
            Named::Proxy(proxy) => Ok(Some(Arc::clone(proxy))),
            Named::Unusable(why) => Err(io::Error::new(io::ErrorKind::InvalidInput, why.clone())),
        }
    }
}

impl Named {
    fn read(variable: &str, value: Option<&Secret<String>>) -> Self {
        match value.map(|value| Proxy::parse(value.expose())) {
            None => Self::Nothing,
            Some(Ok(proxy)) => Self::Proxy(Arc::new(proxy)),
            Some(Err(error)) => Self::Unusable(format!("{variable}: {error}")),
        }
    }
}

/// Something went wrong on the way through a proxy.
#[derive(Debug, thiserror::Error)]
#[error("through proxy {proxy}")]
struct ThroughProxy {
    proxy: String,
    source: io::Error,
}

impl Proxy {
    /// The error, with the proxy named.
    pub(crate) fn blame(&self, source: io::Error) -> io::Error {
        io::Error::new(source.kind(), ThroughProxy { proxy: self.to_string(), source })
    }
}

#[cfg(test)]
mod tests;
