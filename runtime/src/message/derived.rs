//! prost, as the messages of generated code name it: what encodes fields of bytes looks first whether they are to be
//! linked, as `links` does. All else is prost's own.

pub use ::prost::*;

/// As prost's.
pub mod encoding {
    pub use ::prost::encoding::*;

    /// As prost's, but for large values on their way out.
    pub mod bytes {
        use ::prost::bytes::BufMut;
        use ::prost::encoding::bytes as plain;
        pub use ::prost::encoding::bytes::*;
        use ::prost::encoding::{BytesAdapter, WireType, encode_key, encode_varint};

        use crate::message::links;

        /// A field.
        #[inline]
        pub fn encode(tag: u32, value: &impl BytesAdapter, buf: &mut impl BufMut) {
            encode_key(tag, WireType::LengthDelimited, buf);
            encode_varint(value.len() as u64, buf);
            if !links::link(value, buf) {
                value.append_to(buf);
            }
        }

        /// Fields of one number.
        pub fn encode_repeated(tag: u32, values: &[impl BytesAdapter], buf: &mut impl BufMut) {
            for value in values {
                encode(tag, value, buf);
            }
        }

        /// The length of a field.
        #[inline]
        pub fn encoded_len(tag: u32, value: &impl BytesAdapter) -> usize {
            links::measured(value.len(), value);
            plain::encoded_len(tag, value)
        }

        /// The length of fields of one number.
        pub fn encoded_len_repeated(tag: u32, values: &[impl BytesAdapter]) -> usize {
            values.iter().for_each(|value| links::measured(value.len(), value));
            plain::encoded_len_repeated(tag, values)
        }
    }
}
