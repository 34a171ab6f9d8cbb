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
            put_head(tag, value.len(), buf);
            match links::small(value) {
                // What is appended is a handle of its own, which is counted in and out again.
                Some(bytes) => buf.put_slice(bytes),
                None if links::link(value, buf) => {}
                None => value.append_to(buf),
            }
        }

        /// What stands ahead of a field's bytes: at once, if it is as short as most are.
        #[inline]
        fn put_head(tag: u32, len: usize, buf: &mut impl BufMut) {
            const ONE_BYTE: u32 = 0x80;
            let key = tag << 3 | WireType::LengthDelimited as u32;
            match (u8::try_from(key), u8::try_from(len)) {
                (Ok(key), Ok(len)) if u32::from(key | len) < ONE_BYTE => buf.put_slice(&[key, len]),
                _ => {
                    encode_key(tag, WireType::LengthDelimited, buf);
                    encode_varint(len as u64, buf);
                }
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
