//! The waits and sizes of a session: every one has a default, a setter of the same name on the server's and
//! the channel's builder, and is named in the error that it causes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::frame::Settings;
use crate::{Error, ServiceSpec};

/// The waits and sizes of a connection. Both builders carry one and hand it to each session.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_timeout: Option<Duration>,
    pub(crate) keepalive_idle: Duration,
    pub(crate) keepalive_pong: Duration,
    pub(crate) write_stall: Duration,
    /// A server's; what a client serves has the default.
    pub(crate) drain_timeout: Duration,
    pub(crate) max_message: usize,
    pub(crate) max_fragment: usize,
    pub(crate) max_in_flight: u32,
    pub(crate) max_metadata: usize,
    pub(crate) receive_budget: usize,
    pub(crate) stream_credit: usize,
    pub(crate) lane_credit: usize,
    pub(crate) max_lanes: u32,
    pub(crate) max_bindings: u32,
    pub(crate) send_buffer: usize,
    pub(crate) push_queue: QueueLimits,
    pub(crate) overflow: Overflow,
    pub(crate) compatibility: Compatibility,
    pub(crate) calls: Vec<&'static ServiceSpec>,
}

/// What a session demands of the services that the other end announces in its HELLO (wire 4.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compatibility {
    /// Nothing: a method that is not there is found out when it is called.
    #[default]
    Ignore,
    /// Every method that this end will call is served, with the same kind.
    Additive,
    /// The services that this end will call are the same, method by method.
    Strict,
}

/// What becomes of pushes that are [queued](crate::Push::queue) for a receiver who is slower than they come, when its
/// queue is full: a setting of both builders, `overflow`, and of each [`Session`](crate::Session::overflow).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// The oldest that wait are dropped for the new one: for news, of which the last counts.
    #[default]
    DropOldest,
    /// The new one is dropped.
    DropNewest,
    /// The connection is closed, with a reason: for what must not have gaps. The receiver knows, and can come back.
    Close,
}

/// How much may wait in the queue of a lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Some(Duration::from_secs(30)),
            max_timeout: None,
            keepalive_idle: Duration::from_secs(20),
            keepalive_pong: Duration::from_secs(10),
            write_stall: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
            max_message: 4 << 20,
            max_fragment: 64 << 10,
            max_in_flight: 4_096,
            max_metadata: 16 << 10,
            receive_budget: 16 << 20,
            stream_credit: 256 << 10,
            lane_credit: 1 << 20,
            max_lanes: 16,
            max_bindings: 1_024,
            send_buffer: 1 << 20,
            push_queue: QueueLimits { messages: 1_024, bytes: 1 << 20 },
            overflow: Overflow::DropOldest,
            compatibility: Compatibility::Ignore,
            calls: Vec::new(),
        }
    }
}

/// Room in a frame for everything but the message's bytes and its block: the header and the longest route.
const FRAME_SLACK: usize = 2_048;

impl Config {
    /// The defaults, one block for all who set nothing.
    pub(crate) fn defaults() -> Arc<Self> {
        static DEFAULTS: OnceLock<Arc<Config>> = OnceLock::new();
        Arc::clone(DEFAULTS.get_or_init(Arc::default))
    }

    /// Refuses what cannot work, naming the knob to turn: first each by itself, then what does not go together.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let waits = [
            ("connect_timeout", Some(self.connect_timeout)),
            ("timeout", self.timeout),
            ("max_timeout", self.max_timeout),
            ("keepalive", Some(self.keepalive_pong)),
            ("write_stall", Some(self.write_stall)),
        ];
        for (knob, wait) in waits {
            if wait.is_some_and(|wait| wait.is_zero()) {
                return Err(Error::zero(knob));
            }
        }
        let limits = [
            ("max_message", self.max_message, 65_536, (u32::MAX / 2) as usize),
            ("max_fragment", self.max_fragment, 16_384, 16 << 20),
            ("max_metadata", self.max_metadata, 4_096, 16 << 20),
            ("send_buffer", self.send_buffer, 16_384, 1 << 30),
            ("stream_credit", self.stream_credit, 16_384, 1 << 30),
            ("lane_credit", self.lane_credit, 16_384, 1 << 30),
            ("push_queue", self.push_queue.messages, 1, 1 << 20),
            ("push_queue", self.push_queue.bytes, 16_384, 1 << 30),
            ("max_in_flight", self.max_in_flight as usize, 64, 1 << 20),
            ("max_lanes", self.max_lanes as usize, 4, 1 << 16),
            ("max_bindings", self.max_bindings as usize, 64, 1 << 16),
        ];
        for (knob, value, least, most) in limits {
            if !(least..=most).contains(&value) {
                return Err(Error::Config {
                    knob,
                    problem: format!("is {value}; it can be {least} to {most}"),
                });
            }
        }
        let least = self.max_message.saturating_add(self.max_metadata).saturating_add(64 + 1_024);
        if self.receive_budget < least {
            return Err(Error::Config {
                knob: "receive_budget",
                problem: format!(
                    "is {} bytes, too little for one message of `max_message` with its metadata ({least})",
                    self.receive_budget
                ),
            });
        }
        Ok(())
    }

    /// What we accept, as our HELLO says it (wire 4.6).
    pub(crate) fn settings(&self) -> Settings {
        let frame = self.max_fragment + self.max_metadata + FRAME_SLACK;
        Settings {
            frame_limit: frame as u32,
            message_limit: self.max_message as u32,
            in_flight_limit: self.max_in_flight,
            calls_credit: self.receive_budget as u64,
            replies_credit: self.receive_budget as u64,
            stream_credit: self.stream_credit as u64,
            lane_credit: self.lane_credit as u64,
            lanes: self.max_lanes,
            bindings: self.max_bindings,
            metadata_limit: self.max_metadata as u32,
            codecs: vec![0, 255],
            keepalive: Some((millis(self.keepalive_idle), millis(self.keepalive_pong))),
            agent: Some(concat!("protocall/", env!("CARGO_PKG_VERSION")).into()),
            ..Settings::initial()
        }
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// The setters that the server's and the channel's builder share.
macro_rules! config_setters {
    () => {
        /// How long connecting and HELLO may take together; at a server, HELLO alone. Default 10 s, more than zero.
        pub fn connect_timeout(mut self, limit: ::std::time::Duration) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).connect_timeout = limit;
            self
        }

        /// The time limit of calls made over this session whose method and caller set none. Default 30 s, more than
        /// zero; `None` lets them wait for ever. Pushes wait for room as long.
        pub fn timeout(mut self, limit: impl Into<Option<::std::time::Duration>>) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).timeout = limit.into();
            self
        }

        /// The longest that a handler may take, whatever the caller asked for. Default: no such limit; more than
        /// zero.
        pub fn max_timeout(mut self, limit: impl Into<Option<::std::time::Duration>>) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).max_timeout = limit.into();
            self
        }

        /// Ping after so much silence, and take the other end for dead when `pong` more have passed without a
        /// byte. Default 20 s and 10 s; with an `idle` of zero it never pings, and a `pong` of zero is refused.
        pub fn keepalive(mut self, idle: ::std::time::Duration, pong: ::std::time::Duration) -> Self {
            let config = ::std::sync::Arc::make_mut(&mut self.config);
            (config.keepalive_idle, config.keepalive_pong) = (idle, pong);
            self
        }

        /// Take the other end for dead when it reads nothing for so long while there is something to write.
        /// Default 30 s, more than zero.
        pub fn write_stall(mut self, limit: ::std::time::Duration) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).write_stall = limit;
            self
        }

        /// The largest message, sent or received, in bytes. Default 4 MiB, 64 KiB to 2 GiB.
        pub fn max_message(mut self, bytes: usize) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).max_message = bytes;
            self
        }

        /// The largest piece in which a message travels, in bytes. Default 64 KiB, 16 KiB to 16 MiB.
        pub fn max_fragment(mut self, bytes: usize) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).max_fragment = bytes;
            self
        }

        /// How many calls the other end may have in flight here. Default 4,096, 64 to 1,048,576.
        pub fn max_in_flight(mut self, calls: u32) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).max_in_flight = calls;
            self
        }

        /// The most metadata that a call, reply or push may bring, in bytes. Default 16 KiB, 4 KiB to 16 MiB.
        pub fn max_metadata(mut self, bytes: usize) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).max_metadata = bytes;
            self
        }

        /// How many bytes of calls that no handler has taken yet, and as many again of replies that are not whole
        /// yet, a connection may hold; each counts 64 bytes more. Default 16 MiB, at least one largest message with
        /// its metadata.
        pub fn receive_budget(mut self, bytes: usize) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).receive_budget = bytes;
            self
        }

        /// How many bytes of items that were not read yet a stream may hold; each counts 64 bytes more. Default 256 KiB,
        /// 16 KiB to 1 GiB. One item may be larger, if the stream is read and empty. A stream whose reader is quicker than the
        /// credit travels is given up to four times as much, as long as all of a connection's are not given more than 16 times
        /// this beyond their own. All of them together may hold as much as this times `max_in_flight`, and those 16.
        pub fn stream_credit(mut self, bytes: usize) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).stream_credit = bytes;
            self
        }

        /// How many bytes of pushes that no handler has taken yet a lane may hold; each counts 64 bytes more.
        /// Default 1 MiB, 16 KiB to 1 GiB. One push may be larger, if the lane is empty.
        pub fn lane_credit(mut self, bytes: usize) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).lane_credit = bytes;
            self
        }

        /// How many lanes of pushes the other end may use. Default 16, 4 to 65,536.
        pub fn max_lanes(mut self, lanes: u32) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).max_lanes = lanes;
            self
        }

        /// How many routes the other end may give a number. Default 1,024, 64 to 65,536; more are sent by name.
        pub fn max_bindings(mut self, routes: u32) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).max_bindings = routes;
            self
        }

        /// How many bytes may wait to be written before new calls and pushes wait. Default 1 MiB, 16 KiB to 1 GiB.
        /// With 8 times as many, calls of the other end wait too.
        pub fn send_buffer(mut self, bytes: usize) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).send_buffer = bytes;
            self
        }

        /// How many pushes, and how many bytes of them, may wait in the queue of a service for a receiver without room; each
        /// counts 64 bytes more. Beyond that [`overflow`](Self::overflow) decides. Default 1,024 and 1 MiB; 1 to
        /// 1,048,576 and 16 KiB to 1 GiB. One push may be larger, if the queue is empty.
        pub fn push_queue(mut self, messages: usize, bytes: usize) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).push_queue =
                $crate::config::QueueLimits { messages, bytes };
            self
        }

        /// What becomes of pushes that are [queued](crate::Push::queue) when the queue is full. Default:
        /// [`Overflow::DropOldest`](crate::Overflow::DropOldest).
        pub fn overflow(mut self, policy: $crate::Overflow) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).overflow = policy;
            self
        }

        /// Names a service that this end will call at the other: HELLO tells it, and
        /// [`compatibility`](Self::compatibility) compares.
        pub fn calls(mut self, service: &'static $crate::ServiceSpec) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).calls.push(service);
            self
        }

        /// What to demand of the services that the other end announces. Default: nothing.
        pub fn compatibility(mut self, policy: $crate::Compatibility) -> Self {
            ::std::sync::Arc::make_mut(&mut self.config).compatibility = policy;
            self
        }
    };
}
pub(crate) use config_setters;
