//! What is known of the peer: its HELLO, and the settings that bind us once it is ready (wire 4).

use super::{Connection, Event, MESSAGE_COST};
use crate::frame::Settings;

/// What is known of the peer.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) said_hello: bool,
    pub(super) ready: bool,
    /// What its HELLO says, if that does not bind us before it is ready.
    pub(super) unready: Option<Box<Settings>>,
    pub(super) auths: u32,
    /// The number of its last PING.
    pub(super) pinged: Option<u64>,
    /// What binds us now (wire 4.3).
    pub(super) settings: Bounds,
}

/// The settings of one end that messages are held against all the time; the others count once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) frame_limit: u32,
    pub(super) message_limit: u32,
    pub(super) metadata_limit: u32,
    pub(super) stream_credit: u64,
}

impl From<&Settings> for Bounds {
    fn from(settings: &Settings) -> Self {
        let &Settings { frame_limit, message_limit, metadata_limit, stream_credit, .. } = settings;
        Self { frame_limit, message_limit, metadata_limit, stream_credit }
    }
}

impl Connection {
    /// The peer's settings come into force (wire 4.3, 7.3).
    pub(super) fn peer_ready(&mut self, mut settings: Settings) {
        count(&mut settings);
        self.peer.ready = true;
        self.life.peer_ready();
        self.calls_account.apply_setting(settings.calls_credit);
        self.replies_account.apply_setting(settings.replies_credit);
        self.calling.set_limit(settings.in_flight_limit);
        self.lanes.apply_peer(settings.lanes, settings.lane_credit);
        self.routes.set_peer_limit(settings.bindings);
        self.peer.settings = Bounds::from(&settings);
        self.call_room = true;
        for stream in self.calling.streams().chain(self.serving.streams()) {
            if let Some(out) = &mut stream.out {
                out.account.apply_setting(settings.stream_credit);
            }
        }
        self.events.extend([Event::Ready, Event::LaneRoom]);
        self.buffer_takes_items();
        self.pump_replies();
    }
}

/// Settings as they count.
// wire 4.5: a smaller value than the initial one counts as the initial one.
// wire 7.7: the largest call and reply fit into their accounts.
pub(super) fn count(settings: &mut Settings) {
    settings.raise();
    let limits = u64::from(settings.metadata_limit) + u64::from(settings.message_limit);
    let least = MESSAGE_COST + 1_024 + limits;
    settings.calls_credit = settings.calls_credit.max(least);
    settings.replies_credit = settings.replies_credit.max(least);
}
