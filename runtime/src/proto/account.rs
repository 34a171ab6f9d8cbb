//! Credit: what may be sent, and what was granted (wire 7). One pair of types serves the calls and replies
//! accounts, streams and lanes.

/// What every message costs beyond its bytes (wire 7.1).
pub(crate) const MESSAGE_COST: u64 = 64;

/// The sender's side of an account: totals since the connection began.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    spent: u64,
    total: u64,
    initial: u64,
    /// The total last asked for by BLOCKED, so that it is said once a message (wire 7.6).
    asked: u64,
}

impl Account {
    pub(crate) fn new(initial: u64) -> Self {
        Self { spent: 0, total: initial, initial, asked: 0 }
    }

    /// The peer's settings came into force (wire 7.3).
    pub(crate) fn apply_setting(&mut self, setting: u64) {
        self.total = self.total.saturating_add(setting.saturating_sub(self.initial));
        self.initial = setting.max(self.initial);
    }

    /// The first total: no more is ever free at once, unless the receiver is asked.
    pub(crate) fn window(&self) -> u64 {
        self.initial
    }

    pub(crate) fn available(&self) -> u64 {
        self.total.saturating_sub(self.spent)
    }

    pub(crate) fn spend(&mut self, cost: u64) -> bool {
        let fits = cost <= self.available();
        if fits {
            self.spent += cost;
        }
        fits
    }

    /// A message that was charged was never sent after all.
    pub(crate) fn refund(&mut self, cost: u64) {
        debug_assert!(cost <= self.spent);
        self.spent -= cost;
    }

    /// CREDIT arrived: by how much the total grew.
    pub(crate) fn grow_to(&mut self, total: u64) -> u64 {
        let grown = total.saturating_sub(self.total);
        self.total += grown;
        grown
    }

    /// The total to ask for with BLOCKED, if it was not asked for yet.
    pub(crate) fn ask(&mut self, cost: u64) -> Option<u64> {
        let wanted = self.spent.saturating_add(cost);
        if wanted <= self.total || self.asked == wanted {
            return None;
        }
        self.asked = wanted;
        Some(wanted)
    }
}

/// The receiver's side of an account.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    spent: u64,
    total: u64,
    window: u64,
    /// Bytes that arrived and were not freed yet.
    held: u64,
    /// Raises gathered but not yet told (wire 7.5).
    gathered: u64,
    /// The total that the peer last asked for: until it is reached, nothing is gathered (wire 7.6).
    wanted: u64,
    /// What was granted beyond the window for one large message (wire 7.8): freed bytes pay it back first.
    lent: u64,
}

impl Grant {
    pub(crate) fn new(initial: u64) -> Self {
        Self { spent: 0, total: initial, window: initial, held: 0, gathered: 0, wanted: 0, lent: 0 }
    }

    /// Our own settings came into force: we became ready (wire 4.3).
    pub(crate) fn apply_setting(&mut self, setting: u64) {
        let more = setting.saturating_sub(self.window);
        self.window += more;
        self.total += more;
    }

    /// A message arrived. False: the peer overdrew (wire 7.4).
    pub(crate) fn charge(&mut self, cost: u64) -> bool {
        let fits = self.total - self.spent >= cost;
        if fits {
            self.spent += cost;
            self.held += cost;
        }
        fits
    }

    /// A message is no longer held.
    pub(crate) fn free(&mut self, cost: u64) {
        debug_assert!(cost <= self.held);
        self.held -= cost;
        let back = cost.min(self.lent);
        self.lent -= back;
        self.gathered += cost - back;
    }

    /// What has arrived and is still held.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    /// BLOCKED: the peer wants the total to reach this.
    pub(crate) fn want(&mut self, total: u64) -> Option<u64> {
        self.wanted = total;
        self.flush()
    }

    /// The new total to tell, if it is time: less than half of the window is unspent, or the peer waits.
    pub(crate) fn due(&mut self) -> Option<u64> {
        if self.total >= self.wanted && self.total - self.spent >= self.window / 2 {
            return None;
        }
        self.flush()
    }

    /// The new total to tell, if anything was gathered.
    pub(crate) fn flush(&mut self) -> Option<u64> {
        if self.gathered == 0 {
            return None;
        }
        self.total += std::mem::take(&mut self.gathered);
        Some(self.total)
    }

    /// Raises the total to what one large message needs (wire 7.8), at most by `largest`.
    pub(crate) fn raise_to(&mut self, wanted: u64, largest: u64) -> u64 {
        self.total += std::mem::take(&mut self.gathered);
        let wanted = wanted.min(self.spent.saturating_add(largest));
        self.lent += wanted.saturating_sub(self.total);
        self.total = self.total.max(wanted);
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spending_stops_at_the_total() {
        let mut account = Account::new(100);
        assert!(account.spend(100));
        assert!(!account.spend(1));
        assert_eq!(account.grow_to(101), 1);
        assert_eq!(account.grow_to(50), 0, "a total never shrinks");
        assert!(account.spend(1));
    }

    #[test]
    fn settings_add_what_they_exceed_the_initial_value_by() {
        let mut account = Account::new(100);
        assert!(account.spend(60));
        account.grow_to(150);
        account.apply_setting(1_000);
        assert_eq!(account.available(), 150 + 900 - 60);
    }

    #[test]
    fn blocked_is_said_once_for_a_message() {
        let mut account = Account::new(100);
        assert_eq!(account.ask(300), Some(300));
        assert_eq!(account.ask(300), None);
        account.grow_to(300);
        assert_eq!(account.ask(300), None);
    }

    #[test]
    fn a_grant_is_given_back_when_half_is_unspent() {
        let mut grant = Grant::new(100);
        assert!(grant.charge(50));
        grant.free(50);
        assert_eq!(grant.due(), None);
        assert!(grant.charge(1));
        assert_eq!(grant.due(), Some(150));
        assert_eq!(grant.held(), 1);
        assert!(!grant.charge(100));
    }

    #[test]
    fn what_was_lent_for_a_large_message_is_paid_back() {
        let mut grant = Grant::new(100);
        assert!(grant.charge(80));
        grant.free(80);
        assert_eq!(grant.raise_to(80 + 500, 10_000), 580);
        assert!(grant.charge(500));
        grant.free(500);
        // The window is whole again: 100 beyond what was spent.
        assert_eq!(grant.flush(), Some(680));
    }

    #[test]
    fn a_peer_is_lent_no_more_than_the_largest_message() {
        let mut grant = Grant::new(100);
        assert_eq!(grant.raise_to(u64::MAX, 1_000), 1_000);
    }
}
