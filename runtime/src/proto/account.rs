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

    /// What could be spent at the beginning, and can be again when nothing is held.
    pub(crate) fn first_total(&self) -> u64 {
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

    /// The total to ask for with BLOCKED, unless as much was asked for already (wire 7.6).
    pub(crate) fn ask(&mut self, cost: u64) -> Option<u64> {
        let wanted = self.spent.saturating_add(cost);
        if wanted <= self.total || wanted <= self.asked {
            return None;
        }
        self.asked = wanted;
        Some(wanted)
    }

    /// What was asked for and not spent since: so much was promised to follow (wire 7.8).
    pub(crate) fn promised(&self) -> u64 {
        self.asked.saturating_sub(self.spent)
    }

    /// What was asked for is no longer wanted.
    pub(crate) fn forget_promise(&mut self) {
        self.asked = self.asked.min(self.spent);
    }

    #[cfg(test)]
    pub(crate) fn spent(&self) -> u64 {
        self.spent
    }
}

/// The receiver's side of an account. Sums stop at their greatest value, which means no limit (wire 7.3).
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
        self.total = self.total.saturating_add(more);
    }

    /// A message arrived. False: the peer overdrew (wire 7.4).
    pub(crate) fn charge(&mut self, cost: u64) -> bool {
        let fits = self.unspent() >= cost;
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

    pub(crate) fn unspent(&self) -> u64 {
        self.total - self.spent
    }

    /// What may be spent in all, as CREDIT says it.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn window(&self) -> u64 {
        self.window
    }

    /// Once for each BLOCKED: whether the peer waits for credit that is on its way while nothing is held, and what it waits to send
    /// fits.
    pub(crate) fn starts_to_wait(&mut self) -> bool {
        let (all_is_back, waits_with) =
            (self.held == 0 && self.lent == 0, self.wanted.saturating_sub(self.spent));
        let short = all_is_back && self.wanted <= self.total && (1..=self.window).contains(&waits_with);
        if short {
            self.wanted = self.spent;
        }
        short
    }

    /// Raises the total for good.
    pub(crate) fn grow(&mut self, more: u64) {
        self.window = self.window.saturating_add(more);
        self.total = self.total.saturating_add(more);
    }

    /// Whether the peer asked for more than it was given.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted > self.total
    }

    /// BLOCKED: the peer wants the total to reach this. True: the total grew.
    pub(crate) fn want(&mut self, total: u64) -> bool {
        self.wanted = total;
        self.flush()
    }

    /// Raises the total if it is time: less than half of the window is unspent, or the peer waits. True: it grew.
    pub(crate) fn raise_if_due(&mut self) -> bool {
        let due = self.wanted > self.total || self.unspent() < self.window.div_ceil(2);
        due && self.flush()
    }

    /// Raises the total by what was gathered. True: it grew.
    fn flush(&mut self) -> bool {
        let before = self.total;
        self.total = self.total.saturating_add(std::mem::take(&mut self.gathered));
        self.total > before
    }

    /// Raises the total to what one large message needs (wire 7.8), at most to `largest` unspent. True: it grew.
    pub(crate) fn lend(&mut self, largest: u64) -> bool {
        let grew = self.flush();
        let wanted = self.wanted.min(self.spent.saturating_add(largest));
        // What cannot be given is not waited for: nothing more is gathered for it.
        self.wanted = wanted;
        let lent = wanted.saturating_sub(self.total);
        self.lent += lent;
        self.total += lent;
        grew || lent > 0
    }

    #[cfg(test)]
    pub(crate) fn spent(&self) -> u64 {
        self.spent
    }

    /// Whether nothing is held and all of the window is free again, told or about to be.
    #[cfg(test)]
    pub(crate) fn is_whole(&self) -> bool {
        self.held == 0 && self.total.saturating_add(self.gathered) >= self.spent.saturating_add(self.window)
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
        assert!(!grant.raise_if_due());
        assert!(grant.charge(1));
        assert!(grant.raise_if_due());
        assert_eq!(grant.total(), 150);
        assert_eq!(grant.held(), 1);
        assert!(!grant.charge(100));
    }

    #[test]
    fn what_was_lent_for_a_large_message_is_paid_back() {
        let mut grant = Grant::new(100);
        assert!(grant.charge(80));
        grant.free(80);
        grant.want(80 + 500);
        assert!(grant.lend(10_000));
        assert_eq!(grant.total(), 580);
        assert!(grant.charge(500));
        grant.free(500);
        // The window is whole again: 100 beyond what was spent.
        assert!(grant.raise_if_due());
        assert_eq!(grant.total(), 680);
    }

    #[test]
    fn a_peer_is_lent_no_more_than_the_largest_message() {
        let mut grant = Grant::new(100);
        grant.want(u64::MAX);
        assert!(grant.lend(1_000));
        assert_eq!(grant.total(), 1_000);
        assert!(!grant.lend(1_000), "nothing more");
    }

    #[test]
    fn an_account_without_limit_never_overflows() {
        let mut grant = Grant::new(100);
        grant.apply_setting(u64::MAX);
        assert!(grant.charge(1_000));
        grant.free(1_000);
        assert!(!grant.want(u64::MAX), "there is nothing to tell");
        assert_eq!(grant.total(), u64::MAX);
    }
}
