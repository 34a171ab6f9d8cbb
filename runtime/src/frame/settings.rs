//! The settings of HELLO: what its sender accepts (wire 4.3 to 4.7). `config` makes them, `proto/` obeys the
//! peer's.

use bytes::{BufMut, BytesMut};

use super::error::FrameError;
use super::fields::Fields;
use super::hello::HELLO_LIMIT;
use super::services::Services;
use super::text::Text;

/// What an end accepts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Settings {
    /// The largest `length` of a frame.
    pub(crate) frame_limit: u32,
    /// The largest message, in bytes as it travels.
    pub(crate) message_limit: u32,
    /// The highest call number.
    pub(crate) in_flight_limit: u32,
    pub(crate) calls_credit: u64,
    pub(crate) replies_credit: u64,
    pub(crate) stream_credit: u64,
    pub(crate) lane_credit: u64,
    pub(crate) lanes: u32,
    pub(crate) bindings: u32,
    /// The largest block.
    pub(crate) metadata_limit: u32,
    /// Without repetitions, and 0 is always among them.
    pub(crate) codecs: Vec<u8>,
    /// Without repetitions.
    pub(crate) compressions: Vec<u8>,
    pub(crate) checksum: bool,
    pub(crate) serves: Option<Services>,
    pub(crate) calls: Option<Services>,
    /// Milliseconds of silence before it pings, and that it then waits.
    pub(crate) keepalive: Option<(u32, u32)>,
    pub(crate) agent: Option<Text>,
}

// wire 4.6: the ids of the settings.
const FRAME_LIMIT: u16 = 1;
const MESSAGE_LIMIT: u16 = 2;
const IN_FLIGHT_LIMIT: u16 = 3;
const CALLS_CREDIT: u16 = 4;
const REPLIES_CREDIT: u16 = 5;
const STREAM_CREDIT: u16 = 6;
const LANE_CREDIT: u16 = 7;
const LANES: u16 = 8;
const BINDINGS: u16 = 9;
const METADATA_LIMIT: u16 = 10;
const CODECS: u16 = 11;
const COMPRESSIONS: u16 = 12;
const CHECKSUM: u16 = 13;
const SERVES: u16 = 14;
const CALLS: u16 = 15;
const KEEPALIVE: u16 = 16;
const AGENT: u16 = 17;

impl Settings {
    /// What every receiver accepts, and what holds until the peer is ready.
    // wire 4.3, 4.6
    pub(crate) fn initial() -> Self {
        Self {
            frame_limit: 16_384,
            message_limit: 65_536,
            in_flight_limit: 64,
            calls_credit: 131_072,
            replies_credit: 131_072,
            stream_credit: 16_384,
            lane_credit: 16_384,
            lanes: 4,
            bindings: 64,
            metadata_limit: 4_096,
            codecs: vec![0],
            compressions: Vec::new(),
            checksum: false,
            serves: None,
            calls: None,
            keepalive: None,
            agent: None,
        }
    }

    // wire 4.5: items to the end of the frame; unknown ids are skipped, the same known id twice is MALFORMED.
    pub(super) fn decode(items: &[u8]) -> Result<Self, FrameError> {
        let mut settings = Self::initial();
        let mut seen = 0u32;
        let mut fields = Fields::new(items);
        while !fields.is_empty() {
            let id = fields.u16()?;
            let len = fields.u32()?;
            let value = fields.slice(len as usize)?;
            if !(FRAME_LIMIT..=AGENT).contains(&id) {
                continue;
            }
            if seen & (1 << id) != 0 {
                return Err(FrameError::malformed("4.5", format!("setting {id} twice")));
            }
            seen |= 1 << id;
            settings.decode_item(id, value)?;
        }
        settings.raise();
        Ok(settings)
    }

    fn decode_item(&mut self, id: u16, value: &[u8]) -> Result<(), FrameError> {
        match id {
            FRAME_LIMIT => self.frame_limit = number32(id, value)?,
            MESSAGE_LIMIT => self.message_limit = number32(id, value)?,
            IN_FLIGHT_LIMIT => self.in_flight_limit = number32(id, value)?,
            CALLS_CREDIT => self.calls_credit = number64(id, value)?,
            REPLIES_CREDIT => self.replies_credit = number64(id, value)?,
            STREAM_CREDIT => self.stream_credit = number64(id, value)?,
            LANE_CREDIT => self.lane_credit = number64(id, value)?,
            LANES => self.lanes = number32(id, value)?,
            BINDINGS => self.bindings = number32(id, value)?,
            METADATA_LIMIT => self.metadata_limit = number32(id, value)?,
            CODECS => self.codecs = distinct(value),
            COMPRESSIONS => self.compressions = distinct(value),
            CHECKSUM => {
                exact::<0>(id, value)?;
                self.checksum = true;
            }
            SERVES => self.serves = Some(Services::decode(value)?),
            CALLS => self.calls = Some(Services::decode(value)?),
            KEEPALIVE => {
                let both = u64::from_be_bytes(exact(id, value)?);
                // The two halves.
                self.keepalive = Some(((both >> 32) as u32, both as u32));
            }
            AGENT => self.agent = Some(Text::decode(value.to_vec().into())?),
            _ => {}
        }
        Ok(())
    }

    // wire 4.5: a smaller value than the initial one counts as the initial one.
    // wire 4.6: at most 2^31 - 1 calls and 65,536 bindings count; codec 0 is always accepted.
    pub(crate) fn raise(&mut self) {
        let least = Self::initial();
        self.frame_limit = self.frame_limit.max(least.frame_limit);
        self.message_limit = self.message_limit.max(least.message_limit);
        self.in_flight_limit = self.in_flight_limit.clamp(least.in_flight_limit, u32::MAX >> 1);
        self.calls_credit = self.calls_credit.max(least.calls_credit);
        self.replies_credit = self.replies_credit.max(least.replies_credit);
        self.stream_credit = self.stream_credit.max(least.stream_credit);
        self.lane_credit = self.lane_credit.max(least.lane_credit);
        self.lanes = self.lanes.max(least.lanes);
        self.bindings = self.bindings.clamp(least.bindings, 65_536);
        self.metadata_limit = self.metadata_limit.max(least.metadata_limit);
        if !self.codecs.contains(&0) {
            self.codecs.insert(0, 0);
        }
    }

    /// Appends the settings that differ from the initial ones to a HELLO that begins at `start`.
    pub(super) fn put(&self, start: usize, out: &mut BytesMut) {
        let initial = Self::initial();
        for (id, value, least) in [
            (FRAME_LIMIT, self.frame_limit, initial.frame_limit),
            (MESSAGE_LIMIT, self.message_limit, initial.message_limit),
            (IN_FLIGHT_LIMIT, self.in_flight_limit, initial.in_flight_limit),
            (LANES, self.lanes, initial.lanes),
            (BINDINGS, self.bindings, initial.bindings),
            (METADATA_LIMIT, self.metadata_limit, initial.metadata_limit),
        ] {
            if value != least {
                put_item(id, &value.to_be_bytes(), out);
            }
        }
        for (id, value, least) in [
            (CALLS_CREDIT, self.calls_credit, initial.calls_credit),
            (REPLIES_CREDIT, self.replies_credit, initial.replies_credit),
            (STREAM_CREDIT, self.stream_credit, initial.stream_credit),
            (LANE_CREDIT, self.lane_credit, initial.lane_credit),
        ] {
            if value != least {
                put_item(id, &value.to_be_bytes(), out);
            }
        }
        if self.codecs != initial.codecs {
            put_item(CODECS, &self.codecs, out);
        }
        if !self.compressions.is_empty() {
            put_item(COMPRESSIONS, &self.compressions, out);
        }
        if self.checksum {
            put_item(CHECKSUM, &[], out);
        }
        if let Some((silence, pong)) = self.keepalive {
            put_item(KEEPALIVE, &(u64::from(silence) << 32 | u64::from(pong)).to_be_bytes(), out);
        }
        self.put_long(start, out);
    }

    /// Those that may be long, each left out if the HELLO has no room for it.
    fn put_long(&self, start: usize, out: &mut BytesMut) {
        if let Some(agent) = &self.agent {
            put_if_fits(AGENT, start, out, |out| {
                out.extend_from_slice(agent.as_bytes());
                Some(())
            });
        }
        for (id, services) in [(SERVES, &self.serves), (CALLS, &self.calls)] {
            if let Some(services) = services {
                put_if_fits(id, start, out, |out| services.put(out));
            }
        }
    }
}

fn put_item(id: u16, value: &[u8], out: &mut BytesMut) {
    out.put_u16(id);
    // The fixed ones are short, lists of u8 have at most 256.
    out.put_u32(value.len() as u32);
    out.extend_from_slice(value);
}

// wire 4.7: a list that would not fit into the HELLO is left out.
fn put_if_fits(id: u16, start: usize, out: &mut BytesMut, put: impl FnOnce(&mut BytesMut) -> Option<()>) {
    let at = out.len();
    put_item(id, &[], out);
    let value = out.len();
    // `length` does not count its own four bytes.
    let fits = put(out).is_some() && out.len() - start - 4 <= HELLO_LIMIT as usize;
    if !fits {
        out.truncate(at);
        return;
    }
    let len = (out.len() - value) as u32; // At most HELLO_LIMIT.
    out[value - 4..value].copy_from_slice(&len.to_be_bytes());
}

// wire 4.5: a known setting with a value of the wrong length is MALFORMED.
fn exact<const N: usize>(id: u16, value: &[u8]) -> Result<[u8; N], FrameError> {
    value.try_into().map_err(|_| {
        FrameError::malformed("4.5", format!("setting {id} has {} bytes instead of {N}", value.len()))
    })
}

fn number32(id: u16, value: &[u8]) -> Result<u32, FrameError> {
    exact(id, value).map(u32::from_be_bytes)
}

fn number64(id: u16, value: &[u8]) -> Result<u64, FrameError> {
    exact(id, value).map(u64::from_be_bytes)
}

fn distinct(value: &[u8]) -> Vec<u8> {
    let mut list = Vec::new();
    for byte in value {
        if !list.contains(byte) {
            list.push(*byte);
        }
    }
    list
}
