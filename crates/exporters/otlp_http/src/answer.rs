//! What a backend's answer means for the sender.

use std::time::Duration;

use bytes::Bytes;
use component::{Code, ConsumeError};
use net::http::Response;
use net::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use net::status::{Status, parse_retry_after};
use serde::Deserialize;

use crate::transport::{JSON, PROTOBUF};

/// How much of an answer in plain text is told.
const SHOWN: usize = 256;

/// What a status that is no success means. The table is upstream's.
pub(crate) fn refusal(url: &str, answer: &Response<Bytes>) -> ConsumeError {
    let status = answer.status();
    let mut message = format!(
        "error exporting items, request to {url} responded with HTTP Status Code {}",
        status.as_u16()
    );
    let words = words(answer).unwrap_or_default();
    if !words.is_empty() {
        message.push_str(&format!(", Message={words}"));
    }
    if status.is_redirection() && answer.headers().contains_key(LOCATION) {
        message.push_str(", which redirects to where data cannot follow: check the endpoint");
    }
    let error = match status.as_u16() {
        429 | 502 | 503 | 504 => ConsumeError::retryable(message),
        _ => ConsumeError::permanent(message),
    };
    let error = error.with_code(Code::from_number(Status::code_of_http(status)));
    let is_too_large = match status.as_u16() {
        413 => true,
        400 => String::from_utf8_lossy(answer.body()).contains("request body too large"),
        _ => false,
    };
    let error = if is_too_large { error.because_too_large() } else { error };
    match retry_after(answer) {
        Some(delay) => error.with_retry_after(delay),
        None => error,
    }
}

/// What the backend says about it: in a `Status`, or in plain text. Pages of HTML are for somebody else.
fn words(answer: &Response<Bytes>) -> Option<String> {
    let media_type = answer.headers().get(CONTENT_TYPE)?;
    if media_type == PROTOBUF {
        return Status::decode(answer.body()).map(|status| status.message);
    }
    if media_type == JSON {
        let status: JsonStatus = serde_json::from_slice(answer.body()).ok()?;
        return Some(status.message);
    }
    let is_plain = media_type.to_str().is_ok_and(|it| it.starts_with("text/plain"));
    let text = String::from_utf8_lossy(answer.body());
    let line = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    is_plain.then(|| line.take(SHOWN).collect())
}

/// `google.rpc.Status` in JSON, as far as it is told.
#[derive(Deserialize)]
struct JsonStatus {
    #[serde(default)]
    message: String,
}

fn retry_after(answer: &Response<Bytes>) -> Option<Duration> {
    if !matches!(answer.status().as_u16(), 429 | 503) {
        return None;
    }
    parse_retry_after(answer.headers().get(RETRY_AFTER)?.to_str().ok()?)
}
