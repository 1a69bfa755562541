//! Cookies, as [RFC 6265](https://www.rfc-editor.org/rfc/rfc6265) has them, as far as a client needs them that is no browser:
//! load balancers keep a client to one backend by them.

use std::time::{Duration, SystemTime};

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, Uri};
use parking_lot::Mutex;

use crate::resolve::without_brackets;

/// How many cookies are kept; the oldest go first.
const COOKIES: usize = 50;
/// The longest cookie that is kept, in bytes.
const LONGEST: usize = 4096;

/// The cookies that hosts have set.
#[derive(Debug, Default)]
pub(super) struct Jar(Mutex<Vec<Cookie>>);

#[derive(Debug, PartialEq, Eq)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    /// Whether it is for the domain alone, and not for what is below it.
    is_for_host_only: bool,
    path: String,
    is_secure: bool,
    expires: Option<SystemTime>,
}

impl Jar {
    /// What goes into the header of a request to this URI.
    pub(super) fn cookies(&self, uri: &Uri) -> Option<HeaderValue> {
        let now = SystemTime::now();
        let mut jar = self.0.lock();
        jar.retain(|cookie| !cookie.has_expired(now));
        let mut sent: Vec<_> = jar.iter().filter(|cookie| cookie.is_for(uri)).collect();
        sent.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> =
            sent.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        let mut value =
            HeaderValue::try_from(pairs.join("; ")).ok().filter(|all| !all.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Keeps what an answer from this URI sets.
    pub(super) fn keep(&self, uri: &Uri, headers: &HeaderMap) {
        for header in headers.get_all(SET_COOKIE) {
            let text = header.to_str().ok().filter(|text| text.len() <= LONGEST);
            let Some(cookie) = text.and_then(|text| Cookie::parse(text, uri)) else { continue };
            let mut jar = self.0.lock();
            jar.retain(|old| !old.is_replaced_by(&cookie));
            if cookie.has_expired(SystemTime::now()) {
                continue;
            }
            if jar.len() == COOKIES {
                jar.remove(0);
            }
            jar.push(cookie);
        }
    }
}

impl Cookie {
    /// Reads a `Set-Cookie` from an answer of this URI. `None` for what is no cookie, or one for somebody else.
    fn parse(text: &str, uri: &Uri) -> Option<Self> {
        let host = host(uri)?;
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let mut cookie = Self {
            name: Some(name).filter(|name| !name.is_empty())?.to_owned(),
            value: value.to_owned(),
            domain: host.clone(),
            is_for_host_only: true,
            path: default_path(uri).to_owned(),
            is_secure: false,
            expires: None,
        };
        let mut has_age = false;
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            match attribute.trim().to_ascii_lowercase().as_str() {
                "secure" => cookie.is_secure = true,
                "path" if value.starts_with('/') => cookie.path = value.to_owned(),
                "domain" => cookie.widen(value.trim(), &host)?,
                "max-age" => {
                    if let Ok(seconds) = value.trim().parse::<i64>() {
                        cookie.expires = Some(after(seconds));
                        has_age = true;
                    }
                }
                "expires" if !has_age => cookie.expires = httpdate::parse_http_date(value).ok(),
                _ => {}
            }
        }
        Some(cookie)
    }

    /// Makes it a cookie for a whole domain. `None` for a domain that its host does not belong to, or that is a top level.
    fn widen(&mut self, domain: &str, host: &str) -> Option<()> {
        let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
        if domain.is_empty() || domain == host {
            return Some(());
        }
        if !domain.contains('.') || !is_below(host, &domain) {
            return None;
        }
        self.domain = domain;
        self.is_for_host_only = false;
        Some(())
    }

    fn is_for(&self, uri: &Uri) -> bool {
        let Some(host) = host(uri) else { return false };
        let is_at_home =
            host == self.domain || !self.is_for_host_only && is_below(&host, &self.domain);
        let is_safe = !self.is_secure || uri.scheme_str() == Some("https");
        is_at_home && is_safe && is_within(uri.path(), &self.path)
    }

    fn is_replaced_by(&self, new: &Self) -> bool {
        (&self.name, &self.domain, &self.path) == (&new.name, &new.domain, &new.path)
    }

    fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

fn host(uri: &Uri) -> Option<String> {
    Some(without_brackets(uri.host()?).to_ascii_lowercase())
}

fn is_below(host: &str, domain: &str) -> bool {
    let is_name = host.parse::<std::net::IpAddr>().is_err();
    is_name && host.strip_suffix(domain).is_some_and(|below| below.ends_with('.'))
}

fn is_within(path: &str, folder: &str) -> bool {
    let Some(rest) = path.strip_prefix(folder) else { return false };
    rest.is_empty() || rest.starts_with('/') || folder.ends_with('/')
}

/// The folder of the URI's path.
fn default_path(uri: &Uri) -> &str {
    match uri.path().rsplit_once('/') {
        Some((folder, _)) if !folder.is_empty() => folder,
        _ => "/",
    }
}

/// So many seconds from here; none or less is the past.
fn after(seconds: i64) -> SystemTime {
    let now = SystemTime::now();
    let wait = u64::try_from(seconds).map(Duration::from_secs).unwrap_or_default();
    // What is further away than a clock can say is not worth more than a year.
    now.checked_add(wait).unwrap_or(now + Duration::from_secs(365 * 86400))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent to `to` after an answer from `from` has set these.
    fn sent(from: &str, set: &[&str], to: &str) -> String {
        let jar = Jar::default();
        let mut headers = HeaderMap::new();
        for cookie in set {
            headers.append(SET_COOKIE, HeaderValue::try_from(*cookie).unwrap());
        }
        jar.keep(&from.parse().unwrap(), &headers);
        let sent = jar.cookies(&to.parse().unwrap());
        sent.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    }

    const HOST: &str = "http://h.example.com/v1/logs";

    #[test]
    fn a_host_gets_its_own_cookies_back() {
        assert_eq!(sent(HOST, &["a=1; HttpOnly", "b = 2"], HOST), "a=1; b=2");
        assert_eq!(sent(HOST, &["a=1", "a=2"], HOST), "a=2");
        for no_cookie in ["a", "=1", ""] {
            assert_eq!(sent(HOST, &[no_cookie], HOST), "");
        }
        for other in ["http://example.com/v1/logs", "http://a.h.example.com/v1/logs"] {
            assert_eq!(sent(HOST, &["a=1"], other), "");
        }
    }

    #[test]
    fn a_domain_shares_its_cookies_and_nobody_sets_them_for_others() {
        let shared = "a=1; Domain=.Example.com";
        assert_eq!(sent(HOST, &[shared], "http://other.example.com/v1/logs"), "a=1");
        assert_eq!(sent(HOST, &[shared], "http://notexample.com/v1/logs"), "");
        for foreign in ["a=1; Domain=com", "a=1; Domain=other.com", "a=1; domain=le.com"] {
            assert_eq!(sent(HOST, &[foreign], HOST), "", "{foreign}");
        }
        assert_eq!(sent("http://10.0.0.1/", &["a=1; Domain=0.0.1"], "http://10.0.0.1/"), "");
    }

    #[test]
    fn a_path_limits_a_cookie() {
        assert_eq!(sent(HOST, &["a=1"], "http://h.example.com/v1/traces"), "a=1");
        assert_eq!(sent(HOST, &["a=1"], "http://h.example.com/v1x"), "");
        assert_eq!(sent(HOST, &["b=2; path=/", "a=1"], HOST), "a=1; b=2", "the longest first");
    }

    #[test]
    fn a_secure_cookie_is_not_shown() {
        assert_eq!(sent(HOST, &["a=1; Secure"], HOST), "");
        assert_eq!(sent(HOST, &["a=1; Secure"], "https://h.example.com/v1/logs"), "a=1");
    }

    #[test]
    fn a_cookie_ends() {
        for ended in ["a=1; Max-Age=0", "a=1; expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
            assert_eq!(sent(HOST, &["a=0", ended], HOST), "", "{ended}");
        }
        let long = "a=1; Max-Age=60; expires=Thu, 01 Jan 1970 00:00:00 GMT";
        assert_eq!(sent(HOST, &[long, "b=2; max-age=9223372036854775807"], HOST), "a=1; b=2");
    }

    #[test]
    fn the_jar_has_room_for_so_many() {
        let set: Vec<_> = (0..60).map(|number| format!("c{number}=1")).collect();
        let set: Vec<_> = set.iter().map(String::as_str).collect();
        let sent = sent(HOST, &set, HOST);
        assert_eq!(sent.split("; ").count(), COOKIES);
        assert!(sent.ends_with("c59=1"));
    }
}
