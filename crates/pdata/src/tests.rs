//! Tests of the whole: what other implementations of OTLP say is right.

mod arbitrary;
mod decoded;
mod door;
mod edit;
mod json;
mod parts;
mod split;
mod vectors;
