//! How far apart the two cores are. A virtual machine's may be moved: at times they share a cache, at times not even a
//! socket, and whoever moves bytes between them is so much slower.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};

/// Rounds of one measurement, of which the quickest counts: in the others something else ran.
const ROUNDS: u64 = 500;
const TIMES: usize = 20;
/// No longer than that, whatever else runs.
const LONGEST: Duration = Duration::from_millis(30);

/// Alone on their cache lines.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// How many nanoseconds a cache line takes to the other core and back. `None`: there is but one core, or it was too busy.
pub fn apart() -> Option<f64> {
    let (there, back, over) = (Line::default(), Line::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(1)?;
            while !over.load(Ordering::Relaxed) {
                back.0.store(there.0.load(Ordering::Acquire), Ordering::Release);
            }
            Some(())
        });
        let took = scope.spawn(|| {
            let took = pin(0).and_then(|()| round_trip(&there.0, &back.0));
            over.store(true, Ordering::Relaxed);
            took
        });
        took.join().ok().flatten()
    })
}

fn round_trip(there: &AtomicU64, back: &AtomicU64) -> Option<f64> {
    let (start, mut round, mut best) = (Instant::now(), 0, None);
    for _ in 0..TIMES {
        let begin = Instant::now();
        for _ in 0..ROUNDS {
            round += 1;
            there.store(round, Ordering::Release);
            let mut looks = 0_u32;
            while back.load(Ordering::Acquire) != round {
                looks += 1;
                // Rarely, for the clock takes as long as what is measured.
                if looks.is_multiple_of(1_024) && start.elapsed() > LONGEST {
                    return best;
                }
            }
        }
        let took = begin.elapsed().as_nanos() as f64 / ROUNDS as f64;
        best = Some(best.map_or(took, |best| took.min(best)));
    }
    best
}

fn pin(cpu: usize) -> Option<()> {
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    sched_setaffinity(None, &cpus).ok()
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn cores_are_some_way_apart_if_it_can_be_told() {
        assert!(apart().is_none_or(|nanos| nanos > 0.0));
    }
}
