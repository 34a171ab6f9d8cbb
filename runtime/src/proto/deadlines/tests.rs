//! Each deadline passes once, when it is due, whatever is set and cleared beside it.

use super::*;

fn expired(deadlines: &mut Deadlines, now: Instant) -> Vec<u32> {
    let mut keys = Vec::new();
    deadlines.expire(now, |key| keys.push(key));
    keys.sort_unstable();
    keys
}

#[test]
fn a_deadline_expires_once_and_never_early() {
    let start = crate::proto::test_clock();
    let mut deadlines = Deadlines::new(start);
    deadlines.set(3, start + Duration::from_millis(10));
    assert!(expired(&mut deadlines, start + Duration::from_millis(9)).is_empty());
    assert_eq!(expired(&mut deadlines, start + Duration::from_millis(12)), [3]);
    assert!(expired(&mut deadlines, start + Duration::from_secs(9)).is_empty());
    assert_eq!(deadlines.next(), None);
}

#[test]
fn a_cleared_deadline_does_not_expire() {
    let start = crate::proto::test_clock();
    let mut deadlines = Deadlines::new(start);
    for key in 0..4 {
        deadlines.set(key, start + Duration::from_millis(20));
    }
    deadlines.clear(1);
    deadlines.clear(3);
    deadlines.clear(3);
    assert_eq!(expired(&mut deadlines, start + Duration::from_secs(1)), [0, 2]);
}

#[test]
fn time_begins_when_it_is_stamped_for_those_that_are_still_there() {
    let start = crate::proto::test_clock();
    let mut deadlines = Deadlines::new(start);
    let at = |millis| start + Duration::from_millis(millis);
    let limit = Duration::from_millis(100);
    for key in 0..4 {
        deadlines.begin(key, limit);
    }
    deadlines.clear(1);
    deadlines.clear(3);
    // A number that is used again has the time of the second call alone.
    deadlines.begin(1, 5 * limit);
    assert_eq!(deadlines.next(), None, "none has begun");
    assert!(expired(&mut deadlines, at(1_000)).is_empty());
    deadlines.stamp(at(1_000));
    assert!(expired(&mut deadlines, at(1_099)).is_empty());
    assert_eq!(expired(&mut deadlines, at(1_104)), [0, 2]);
    assert!(expired(&mut deadlines, at(1_499)).is_empty());
    assert_eq!(expired(&mut deadlines, at(1_504)), [1]);
    // No more wait than may be open, however often they are begun.
    for _ in 0..1_000 {
        deadlines.begin(7, limit);
        deadlines.clear(7);
    }
    deadlines.begin(7, Duration::MAX);
    assert_eq!(deadlines.table.as_ref().map(|table| table.unstamped.len()), Some(1));
    deadlines.stamp(at(2_000));
    assert_eq!((deadlines.next(), deadlines.is_empty()), (None, true), "no clock goes so far");
}

#[test]
fn what_is_set_where_an_earlier_one_was_cleared_is_not_forgotten() {
    let start = crate::proto::test_clock();
    let mut deadlines = Deadlines::new(start);
    let at = |millis| start + Duration::from_millis(millis);
    deadlines.set(0, at(20));
    deadlines.clear(0);
    // In another group, as the only one; then one before it where the first was.
    deadlines.set(2 * GROUP as u32, at(2_000));
    deadlines.set(0, at(400));
    assert!(deadlines.next().is_some_and(|next| next <= at(400)));
    assert_eq!(expired(&mut deadlines, at(400)), [0]);
    assert_eq!(expired(&mut deadlines, at(2_000)), [2 * GROUP as u32]);
}

#[test]
fn deadlines_far_ahead_wait_for_theirs() {
    let start = crate::proto::test_clock();
    let mut deadlines = Deadlines::new(start);
    let turn = Duration::from_secs(2);
    deadlines.set(0, start + turn / 2);
    deadlines.set(1, start + turn / 2 + turn);
    deadlines.set(2, start + turn / 2 + turn * 7);
    assert_eq!(expired(&mut deadlines, start + turn / 2 + TICK), [0]);
    assert!(expired(&mut deadlines, start + turn).is_empty());
    assert_eq!(expired(&mut deadlines, start + turn * 3), [1]);
    assert_eq!(expired(&mut deadlines, start + turn * 20), [2]);
}

#[test]
fn deadlines_expire_as_if_each_were_looked_at_whatever_is_set_and_cleared_between() {
    let start = crate::proto::test_clock();
    let (mut deadlines, mut due) = (Deadlines::new(start), std::collections::BTreeMap::new());
    let (mut seed, mut now, mut total) = (7_u64, 0, 0);
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for turn in 0..20_000 {
        let key = random(700) as u32;
        if turn % 200 == 0 {
            // All are cleared, as when each call has its answer.
            std::mem::take(&mut due).into_keys().for_each(|key| deadlines.clear(key));
        }
        match random(8) {
            0..4 if !due.contains_key(&key) => {
                let at = now + [3, 40, 5_000][random(3) as usize] + random(40);
                deadlines.set(key, start + Duration::from_millis(at));
                due.insert(key, at.div_ceil(4) * 4);
            }
            4..7 => {
                deadlines.clear(key);
                due.remove(&key);
            }
            7 => {
                now += random(30);
                let passed: Vec<_> = due.iter().filter(|(_, at)| **at <= now).map(|(key, _)| *key).collect();
                due.retain(|_, at| *at > now);
                total += passed.len();
                assert_eq!(expired(&mut deadlines, start + Duration::from_millis(now)), passed);
            }
            _ => {}
        }
        assert_eq!(deadlines.is_empty(), due.is_empty());
        let next = deadlines.next().map(|at| (at - start).as_millis() as u64);
        assert!(next <= due.values().min().copied() && next.is_some() != due.is_empty());
        assert!(next.is_none_or(|at| at > now / 4 * 4), "time must move on");
    }
    assert!(total > 1_000, "{total} have expired");
}

#[test]
fn next_is_never_after_the_first_deadline() {
    let start = crate::proto::test_clock();
    let mut deadlines = Deadlines::new(start);
    for (key, millis) in [(0, 3), (1, 900), (2, 30_000)] {
        deadlines.set(key, start + Duration::from_millis(millis));
        let mut now = start;
        let mut seen = Vec::new();
        while let Some(at) = deadlines.next() {
            assert!(at > now, "time must move on");
            now = at;
            deadlines.expire(now, |key| seen.push((key, now)));
        }
        let (expired, at) = seen[0];
        assert_eq!(expired, key);
        let due = start + Duration::from_millis(millis);
        assert!(at >= due && at <= due + TICK, "{:?}", at - start);
        deadlines = Deadlines::new(start);
    }
}

#[test]
fn one_that_is_old_looks_ahead() {
    let start = crate::proto::test_clock();
    for days in [1, 198, 199, 200, 3_650] {
        let mut deadlines = Deadlines::new(start);
        let mut now = start + Duration::from_secs(days * 86_400);
        assert!(expired(&mut deadlines, now).is_empty());
        let due = now + Duration::from_secs(9);
        deadlines.set(0, due);
        for turn in 0.. {
            let Some(at) = deadlines.next() else { break };
            assert!(at > now && at <= due + TICK, "after {days} days: time must move on");
            assert!(turn < 10, "after {days} days: not turn by turn");
            now = at;
            deadlines.expire(now, |key| assert_eq!(key, 0));
        }
        assert!(deadlines.is_empty() && now >= due);
    }
}
