//! Which path is which page.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use net::body::{self, Chunks};
use net::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use net::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};

use crate::pages::Pages;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// A page loads nothing and runs nothing.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
);
/// How much of a request's body is read.
const DISCARDED: usize = 64 << 10;

/// Answers requests with pages.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) pages: Arc<Pages>,
    pub(crate) headers: HeaderMap,
}

impl Service {
    fn answer(&self, path: &str) -> Response<Chunks> {
        let page = match path {
            "/" | "/debug" | "/debug/" | "/debug/servicez" => self.pages.service(),
            "/debug/pipelinez" => self.pages.pipelines(),
            "/debug/extensionz" => self.pages.extensions(),
            "/debug/featurez" => self.pages.features(),
            "/debug/tracez" => return missing("404 the agent does not trace itself yet\n"),
            "/debug/expvarz" => return missing("404 the agent has no Go variables\n"),
            _ => return missing("404 page not found\n"),
        };
        response(StatusCode::OK, HTML, page.into())
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Chunks>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            body::discard(body, DISCARDED).await;
            let mut response = service.answer(head.uri.path());
            let headers = response.headers_mut();
            headers.insert(CONTENT_SECURITY_POLICY, POLICY);
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            for (name, value) in &service.headers {
                headers.insert(name, value.clone());
            }
            Ok(response)
        })
    }
}

fn missing(text: &'static str) -> Response<Chunks> {
    response(StatusCode::NOT_FOUND, TEXT, Bytes::from_static(text.as_bytes()))
}

fn response(status: StatusCode, media_type: HeaderValue, body: Bytes) -> Response<Chunks> {
    let mut response = Response::new(Chunks::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}
