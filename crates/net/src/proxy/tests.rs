use std::collections::BTreeMap;

use super::*;

fn proxies(variables: &[(&str, &str)]) -> Proxies {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    let look_up = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    Proxies::new(&ProxyVariables::read(look_up))
}

fn shown(choice: io::Result<Option<Arc<Proxy>>>) -> String {
    match choice {
        Ok(Some(proxy)) => proxy.to_string(),
        Ok(None) => "direct".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_scheme_has_its_variable_and_capitals_win() {
    let all = [
        ("http_proxy", "small:1"),
        ("HTTP_PROXY", "plain"),
        ("https_proxy", "https://tls"),
        ("no_proxy", "near"),
    ];
    let all = proxies(&all);
    assert_eq!(shown(all.for_http("h", 80)), "http://plain:80");
    assert_eq!(shown(all.for_https("h", 443)), "https://tls:443");
    assert_eq!(shown(all.for_https("near", 443)), "direct");
    assert_eq!(shown(all.for_http("localhost", 80)), "direct");
    let none = proxies(&[("HTTP_PROXY", ""), ("http_proxy", "")]);
    assert_eq!(shown(none.for_http("h", 80)), "direct");
    assert_eq!(shown(Proxies::none().for_https("h", 443)), "direct");
}

#[test]
fn the_option_wins_over_the_environment_and_its_exceptions() {
    let always = Proxies::always(Proxy::parse("http://p:1").unwrap());
    assert_eq!(shown(always.for_http("127.0.0.1", 80)), "http://p:1");
    assert_eq!(shown(always.for_https("h", 80)), "http://p:1");
}

#[test]
fn a_cgi_program_is_not_led_to_its_callers_proxy() {
    let cgi = proxies(&[("HTTP_PROXY", "p"), ("HTTPS_PROXY", "p"), ("REQUEST_METHOD", "GET")]);
    assert!(shown(cgi.for_http("h", 80)).contains("REQUEST_METHOD"));
    assert_eq!(shown(cgi.for_https("h", 443)), "http://p:80");
    assert_eq!(shown(cgi.for_http("localhost", 80)), "direct");
}

#[test]
fn a_proxy_that_cannot_be_used_is_not_gone_around() {
    let socks = proxies(&[("HTTPS_PROXY", "socks5://u:s3cret@p:1")]);
    let text = shown(socks.for_https("h", 443));
    assert!(text.starts_with("HTTPS_PROXY: socks5 proxies are not supported yet"), "{text}");
    assert!(!format!("{text}{socks:?}").contains("s3cret"));
    let text = shown(proxies(&[("HTTP_PROXY", "http://s3cret@")]).for_http("h", 80));
    assert!(text.starts_with("HTTP_PROXY: must be the URL"), "{text}");
}

#[test]
fn credentials_are_decoded_and_not_shown() {
    let proxy = Proxy::parse("http://us%40er:s3cr%3At@[2001:db8::1]:3128/").unwrap();
    assert_eq!(proxy.to_string(), "http://[2001:db8::1]:3128");
    let value = proxy.authorization.as_ref().unwrap();
    assert_eq!(value, &format!("Basic {}", BASE64.encode("us@er:s3cr:t")));
    assert!(value.is_sensitive());
    assert_eq!(format!("{proxy:?}"), "Proxy(http://[2001:db8::1]:3128)");
    assert_eq!(Proxy::parse("p").unwrap().authorization, None);
    let user = Proxy::parse("user@p").unwrap().authorization.unwrap();
    assert_eq!(user, format!("Basic {}", BASE64.encode("user:")));
}

#[test]
fn an_error_names_the_proxy_and_keeps_its_cause() {
    let proxy = Proxy::parse("http://u:s3cret@p:1").unwrap();
    let error = proxy.blame(io::Error::new(io::ErrorKind::ConnectionRefused, "no"));
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(error.to_string(), "through proxy http://p:1");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "no");
}
