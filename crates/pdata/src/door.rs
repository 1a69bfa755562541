//! How a request becomes telemetry.

use bytes::Bytes;

use crate::error::InvalidOtlp;
use crate::normalize::normalize;
use crate::signal::Signal;
use crate::tree::Tree;
use crate::validate::validate;

/// Checks a request and rewrites it if it is not plain. Gives the number of texts that were not UTF-8, too.
pub(crate) fn enter(signal: Signal, body: Bytes) -> Result<(Tree, usize), InvalidOtlp> {
    let verdict = validate(signal, &body)?;
    if verdict.plain {
        return Ok((Tree::encoded(signal, body, verdict.counts), 0));
    }
    let (body, replaced) = normalize(signal, &body);
    let verdict = validate(signal, &body)?;
    debug_assert!(verdict.plain, "a normalised request is plain");
    Ok((Tree::encoded(signal, body.into(), verdict.counts), replaced))
}
