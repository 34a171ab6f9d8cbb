//! What most calls of ours are: of a bound route, small, with nothing beside the message, and nothing in the way. All that
//! could be in the way is looked at in one go; whatever it is, `opening` finds it and says so. Called by the session.

use super::{Connection, MESSAGE_COST, Permit};
use crate::MethodSpec;
use crate::frame::RouteOut;

impl Connection {
    /// The right to open a call that need not wait, with nothing beside a message of `len` bytes, and its route as it is
    /// written. `None`: nothing was done, and what is in the way is to be found.
    #[inline]
    pub(crate) fn reserve_plain(
        &mut self,
        spec: &'static MethodSpec,
        len: usize,
    ) -> Option<(Permit, RouteOut<'static>)> {
        let route = self.routes.bound(spec)?;
        let cost = MESSAGE_COST + len as u64;
        let peer = &self.peer.settings;
        let small = cost <= self.max_fragment as u64
            && len <= self.ours.message_limit.min(peer.message_limit) as usize
            && len <= spec.max_message.unwrap_or(usize::MAX)
            && self.fits_frame(spec.route, len, 0);
        let room = self.outbox.encoded() < self.send_buffer && self.calls_account.available() >= cost;
        if !(small && room && self.peer.ready && self.takes_some()) {
            return None;
        }
        let number = self.calling.reserve(cost)?;
        self.calls_account.spend(cost);
        Some((Permit { number }, RouteOut::Number(route)))
    }
}
