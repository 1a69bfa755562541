//! Errors and their causes.

use std::error::Error;

/// An error with its causes in one line, for the place where it is handled: `cannot reach x: connection refused`.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
