//! The block: optional items of an opening, of HEADERS and of an answer (wire 14.1, 14.2). Frames carry it
//! unread; `proto/` decodes it once its size is within the limit, and encodes it ahead of the frame.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::FrameError;
use super::fields::Fields;
use super::text::Text;
use crate::metadata::{self, Metadata};

/// The items of a block. Its `Bytes` share the frame that it came in; beside them it takes at most eleven times the
/// block's size of an opening, and sixteen times that of an answer (a list of empty items).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Block {
    pub(crate) metadata: Metadata,
    /// 0 protobuf, 1 protobuf JSON, 255 raw.
    pub(crate) codec: u8,
    pub(crate) priority: Priority,
    /// Milliseconds after which trying again may help.
    pub(crate) retry_after: Option<u32>,
    /// 0 the first.
    pub(crate) attempt: u16,
    /// W3C `traceparent`.
    pub(crate) trace_context: Option<Text>,
    /// W3C `tracestate`.
    pub(crate) trace_state: Option<Text>,
    /// Of a status, in order.
    pub(crate) details: Vec<Detail>,
    /// The nearest hop last.
    pub(crate) forwarded_for: Vec<Text>,
}

/// How urgent a call or a push is.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Priority {
    Low,
    #[default]
    Normal,
    High,
}

/// One typed detail of a status.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Detail {
    pub(crate) type_name: Text,
    pub(crate) bytes: Bytes,
}

/// What a block that cannot be read costs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum BlockError {
    /// The call, or the push (wire 14.2): INVALID_ARGUMENT, not run, with this text.
    Invalid(String),
    /// The connection (wire 14.1).
    Malformed(FrameError),
}

// wire 14.1: the ids of the items.
const METADATA: u16 = metadata::ITEM;
const CODEC: u16 = 2;
const PRIORITY: u16 = 3;
const RETRY_AFTER: u16 = 4;
const ATTEMPT: u16 = 5;
const TRACE_CONTEXT: u16 = 6;
const TRACE_STATE: u16 = 7;
const DETAIL: u16 = 8;
const FORWARDED_FOR: u16 = 9;
/// An item's id and length.
const ITEM: usize = 6;

/// Where a block stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    Opening,
    Answer,
}

impl Place {
    // wire 14.1, column "where".
    const fn takes(self, id: u16) -> bool {
        match self {
            Self::Opening => matches!(
                id,
                METADATA | CODEC | PRIORITY | ATTEMPT | TRACE_CONTEXT | TRACE_STATE | FORWARDED_FOR
            ),
            Self::Answer => matches!(id, METADATA | RETRY_AFTER | DETAIL),
        }
    }
}

/// A value that is not as the table of wire 14.1 says.
struct BadValue;

impl From<FrameError> for BadValue {
    fn from(_: FrameError) -> Self {
        Self
    }
}

impl Block {
    /// Reads the block of a CALL or PUSH. Empty bytes are the empty block.
    // wire 14.2: a repetition or a value that is not as the table says costs the call.
    pub(crate) fn decode(items: &Bytes) -> Result<Self, BlockError> {
        let mut invalid = None;
        let block = Self::read(items, Place::Opening, |id| {
            invalid.get_or_insert(id);
        });
        match (block, invalid) {
            (Err(error), _) => Err(BlockError::Malformed(error)),
            (Ok(_), Some(id)) => {
                let text = format!("block item {id} is repeated, or its value not as it must be (wire 14.2)");
                Err(BlockError::Invalid(text))
            }
            (Ok(block), None) => Ok(block),
        }
    }

    /// Reads the block of a REPLY or HEADERS.
    // wire 14.2: in a REPLY or HEADERS the caller ignores an item that breaks the rule.
    pub(crate) fn decode_answer(items: &Bytes) -> Result<Self, FrameError> {
        Self::read(items, Place::Answer, |_| {})
    }

    fn read(items: &Bytes, place: Place, mut on_invalid: impl FnMut(u16)) -> Result<Self, FrameError> {
        let mut block = Self::default();
        if let Some(metadata) = metadata_alone(items) {
            block.metadata = metadata;
            return Ok(block);
        }
        let mut seen = 0u32;
        let mut fields = Fields::new(items.clone());
        while !fields.is_empty() {
            let at = items.len() - fields.left().len();
            let (id, value) = next_item(&mut fields)?;
            // wire 14.1: unknown ids are skipped, and known ones where they do not belong.
            if !place.takes(id) {
                continue;
            }
            // wire 14.2: items 1 to 7 occur at most once.
            let repeated = id <= TRACE_STATE && seen & (1 << id) != 0;
            seen |= 1 << id; // Below 32: `takes`.
            let item = items.slice(at..at + ITEM + value.len());
            if repeated || block.read_item(id, value, item).is_err() {
                on_invalid(id);
            }
        }
        Ok(block)
    }

    fn read_item(&mut self, id: u16, value: Bytes, item: Bytes) -> Result<(), BadValue> {
        match id {
            METADATA => self.metadata = Metadata::from_item(item).ok_or(BadValue)?,
            CODEC => self.codec = u8::from_be_bytes(exact(&value)?),
            PRIORITY => self.priority = Priority::from_wire(u8::from_be_bytes(exact(&value)?))?,
            RETRY_AFTER => self.retry_after = Some(u32::from_be_bytes(exact(&value)?)),
            ATTEMPT => self.attempt = u16::from_be_bytes(exact(&value)?),
            TRACE_CONTEXT => self.trace_context = Some(Text::decode(value)?),
            TRACE_STATE => self.trace_state = Some(Text::decode(value)?),
            DETAIL => self.details.push(Detail::decode(value)?),
            FORWARDED_FOR => self.forwarded_for.push(Text::decode(value)?),
            // `takes` let no other through.
            _ => {}
        }
        Ok(())
    }

    /// The bytes that [`encode`](Self::encode) writes.
    fn encoded_len(&self) -> usize {
        let mut len = self.metadata.as_item().len();
        self.for_each_other(|_, value| len = len.saturating_add(ITEM).saturating_add(value.len()));
        len
    }

    /// The items, without the length that a frame puts ahead of them.
    pub(crate) fn encode(self) -> Bytes {
        let len = self.encoded_len();
        if len == self.metadata.as_item().len() {
            return self.metadata.into_item();
        }
        let mut out = BytesMut::with_capacity(len);
        out.put_slice(self.metadata.as_item());
        self.for_each_other(|id, value| {
            out.put_u16(id);
            // A longer one does not fit into any frame.
            out.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
            value.put(&mut out);
        });
        out.freeze()
    }

    /// The items but metadata that differ from what their absence means, in the order of their ids.
    fn for_each_other(&self, mut item: impl FnMut(u16, Value<'_>)) {
        if self.codec != 0 {
            item(CODEC, Value::Bytes(&[self.codec]));
        }
        if self.priority != Priority::Normal {
            item(PRIORITY, Value::Bytes(&[self.priority as u8]));
        }
        if let Some(milliseconds) = self.retry_after {
            item(RETRY_AFTER, Value::Bytes(&milliseconds.to_be_bytes()));
        }
        if self.attempt != 0 {
            item(ATTEMPT, Value::Bytes(&self.attempt.to_be_bytes()));
        }
        if let Some(text) = &self.trace_context {
            item(TRACE_CONTEXT, Value::Bytes(text.as_bytes()));
        }
        if let Some(text) = &self.trace_state {
            item(TRACE_STATE, Value::Bytes(text.as_bytes()));
        }
        self.details.iter().for_each(|detail| item(DETAIL, Value::Detail(detail)));
        self.forwarded_for.iter().for_each(|text| item(FORWARDED_FOR, Value::Bytes(text.as_bytes())));
    }
}

/// Most blocks are metadata alone.
pub(super) fn metadata_alone(items: &Bytes) -> Option<Metadata> {
    let (head, pairs) = items.split_first_chunk::<ITEM>()?;
    let len = u32::try_from(pairs.len()).ok()?.to_be_bytes();
    if head[..2] != METADATA.to_be_bytes() || head[2..] != len {
        return None;
    }
    Metadata::from_item(items.clone())
}

// wire 14.1: an item that overruns the block is MALFORMED.
fn next_item(fields: &mut Fields<Bytes>) -> Result<(u16, Bytes), FrameError> {
    let overrun = |_| FrameError::malformed("14.1", "a block item overruns its block");
    let id = fields.u16().map_err(overrun)?;
    let len = fields.u32().map_err(overrun)?;
    let value = fields.bytes(len as usize).map_err(overrun)?;
    Ok((id, value))
}

fn exact<const N: usize>(value: &[u8]) -> Result<[u8; N], BadValue> {
    value.try_into().map_err(|_| BadValue)
}

impl Priority {
    fn from_wire(value: u8) -> Result<Self, BadValue> {
        match value {
            0 => Ok(Self::Low),
            1 => Ok(Self::Normal),
            2 => Ok(Self::High),
            _ => Err(BadValue),
        }
    }
}

impl Detail {
    fn decode(value: Bytes) -> Result<Self, BadValue> {
        let mut fields = Fields::new(value);
        let len = usize::from(fields.u16()?);
        Ok(Self { type_name: fields.text(len)?, bytes: fields.rest() })
    }
}

/// The value of an item as it will be written.
#[derive(Clone, Copy)]
enum Value<'a> {
    Bytes(&'a [u8]),
    Detail(&'a Detail),
}

impl Value<'_> {
    fn len(self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Detail(detail) => {
                let name = cut_name(&detail.type_name).len();
                detail.bytes.len().saturating_add(name + 2)
            }
        }
    }

    fn put(self, out: &mut impl BufMut) {
        match self {
            Self::Bytes(bytes) => out.put_slice(bytes),
            Self::Detail(detail) => {
                let name = cut_name(&detail.type_name);
                out.put_u16(name.len() as u16); // Fits: it was cut.
                out.put_slice(name.as_bytes());
                out.put_slice(&detail.bytes);
            }
        }
    }
}

/// A type's name that is longer than its length can say is no name: it travels as none.
fn cut_name(name: &Text) -> &str {
    if name.as_bytes().len() > usize::from(u16::MAX) { "" } else { name }
}
