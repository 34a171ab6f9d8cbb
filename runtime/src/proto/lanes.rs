//! Pushes: the lanes of both directions (wire 10). A lane is an account of credit and an order.

use bytes::Bytes;

use super::account::{Account, Grant};
use super::assembly::Assembly;
use super::event::InboundPush;
use super::pushing::{KNOWN, Known};

/// A lane towards the peer.
#[derive(Debug)]
pub(crate) struct LaneOut {
    pub(crate) account: Account,
    /// The large push that is on its way, by its place among all pushes: the lane waits for its end (wire 10.3).
    pub(crate) busy: Option<u64>,
    /// Nobody wants to send any more what BLOCKED promised (wire 7.8).
    pub(crate) unwanted: bool,
}

/// A lane from the peer.
#[derive(Debug)]
pub(crate) struct LaneIn {
    pub(crate) grant: Grant,
    /// A push under way, and what it will be.
    pub(crate) under_way: Option<PushUnderWay>,
    /// Of those that are passed on and have ended, what was not taken yet; `None`: it broke off.
    pub(crate) passed: Vec<(u64, Option<Bytes>)>,
    /// It is among those that ask for a large grant.
    pub(crate) asks: bool,
    /// The peer must be told the new total.
    pub(crate) owed: bool,
}

#[derive(Debug)]
pub(crate) struct PushUnderWay {
    pub(crate) assembly: Assembly,
    pub(crate) becomes: Becomes,
    /// How many pushes were counted before it: by which it is known among those of its lane.
    pub(crate) serial: u64,
}

/// What a push that is under way will be.
#[derive(Debug)]
pub(crate) enum Becomes {
    Push(InboundPush),
    /// It is passed on as it comes. What it was charged, whoever does so gives back.
    Passed,
    /// It is over a limit, and only read past.
    Nothing,
}

/// So many lanes towards a peer are used, however many it offers: each takes memory.
const LANES_USED: u32 = 1_024;

/// All lanes, both directions, and what was counted.
#[derive(Debug)]
pub(crate) struct Lanes {
    pub(crate) out: Vec<LaneOut>,
    pub(crate) inn: Vec<LaneIn>,
    /// The peer's limit of lanes, and the first total of each.
    pub(crate) peer_lanes: u32,
    pub(crate) peer_credit: u64,
    /// Ours.
    pub(crate) our_lanes: u32,
    pub(crate) our_credit: u64,
    /// Pushes of the peer's that ended (wire 10.4).
    pub(crate) taken: u64,
    /// Of those: dropped, because nobody serves them or they were refused.
    pub(crate) dropped: u64,
    /// Our pushes that were begun, and that ended.
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    /// Pushes that wait in the session's queues: a drain is not done before them.
    pub(crate) queued: usize,
    /// What the peer says it has taken.
    pub(crate) peer_taken: u64,
    /// Methods that were pushed lately; none before the first push.
    pub(crate) known: Option<Box<[Option<Known>; KNOWN]>>,
}

impl Lanes {
    pub(crate) fn new(peer: (u32, u64), ours: (u32, u64)) -> Self {
        Self {
            out: Vec::new(),
            inn: Vec::new(),
            peer_lanes: peer.0,
            peer_credit: peer.1,
            our_lanes: ours.0,
            our_credit: ours.1,
            taken: 0,
            dropped: 0,
            begun: 0,
            ended: 0,
            queued: 0,
            peer_taken: 0,
            known: None,
        }
    }

    /// How many lanes towards the peer there are.
    pub(crate) fn used(&self) -> u32 {
        self.peer_lanes.clamp(1, LANES_USED)
    }

    /// The lane towards the peer; `None` if there is none of this number.
    pub(crate) fn out(&mut self, lane: u32) -> Option<&mut LaneOut> {
        if lane >= self.used() {
            return None;
        }
        let credit = self.peer_credit;
        while self.out.len() <= lane as usize {
            self.out.push(LaneOut { account: Account::new(credit), busy: None, unwanted: false });
        }
        self.out.get_mut(lane as usize)
    }

    /// The lane from the peer; `None` if it is over our limit.
    pub(crate) fn inn(&mut self, lane: u32) -> Option<&mut LaneIn> {
        if lane >= self.our_lanes {
            return None;
        }
        let credit = self.our_credit;
        while self.inn.len() <= lane as usize {
            let grant = Grant::new(credit);
            self.inn.push(LaneIn { grant, under_way: None, passed: Vec::new(), asks: false, owed: false });
        }
        Some(&mut self.inn[lane as usize])
    }

    pub(crate) fn apply_peer(&mut self, lanes: u32, credit: u64) {
        self.peer_lanes = lanes;
        self.peer_credit = credit;
        for lane in &mut self.out {
            lane.account.apply_setting(credit);
        }
    }

    pub(crate) fn apply_ours(&mut self, lanes: u32, credit: u64) {
        self.our_lanes = lanes;
        self.our_credit = credit;
        for lane in &mut self.inn {
            lane.grant.apply_setting(credit);
        }
    }
}
