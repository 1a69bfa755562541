use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        ///
        /// It displays as lower-case hexadecimal, and as nothing when it is not set.
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// An id of these bytes. All zero means not set.
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Reads a validated field.
            pub(crate) fn read(bytes: &[u8]) -> Self {
                Self(bytes.try_into().unwrap_or_default())
            }

            /// What protobuf writes: nothing when it is not set.
            pub(crate) fn as_field(&self) -> &[u8] {
                if self.is_empty() { &[] } else { &self.0 }
            }

            /// The bytes, all zero when it is not set.
            pub const fn to_bytes(self) -> [u8; $len] {
                self.0
            }

            /// Whether it is not set.
            pub fn is_empty(self) -> bool {
                self.0 == [0; $len]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if self.is_empty() {
                    return Ok(());
                }
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

id! {
    /// The id of a trace.
    TraceId, 16
}
id! {
    /// The id of a span.
    SpanId, 8
}
