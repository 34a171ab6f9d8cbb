//! How long a thread has waited for a processor while others had all: what it does then takes longer by the clock, though it
//! does no more.

use std::time::Duration;

/// So long has this thread waited since it began; zero where that is not known.
pub(super) fn so_far() -> Duration {
    imp::so_far().unwrap_or_default()
}

#[cfg(target_os = "linux")]
mod imp {
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::time::Duration;

    thread_local! {
        /// Kept open: it is asked twice a poll.
        static SCHEDSTAT: Option<File> = File::open("/proc/thread-self/schedstat").ok();
    }

    /// The kernel tells the nanoseconds on a processor, those in wait for one, and how often.
    pub(super) fn so_far() -> Option<Duration> {
        SCHEDSTAT.with(|file| {
            let mut line = [0; 64];
            let len = file.as_ref()?.read_at(&mut line, 0).ok()?;
            let waited = std::str::from_utf8(&line[..len]).ok()?.split_ascii_whitespace().nth(1)?;
            waited.parse().ok().map(Duration::from_nanos)
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub(super) fn so_far() -> Option<std::time::Duration> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_thread_waits_where_there_are_more_than_processors_and_not_while_it_sleeps() {
        let before = so_far();
        std::thread::sleep(Duration::from_millis(20));
        let slept = so_far() - before;
        let threads = 4 * std::thread::available_parallelism().unwrap().get();
        let others = AtomicBool::new(true);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while others.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            // It counts while others run, and it is this thread's.
            while so_far() <= before + slept {}
            others.store(false, Ordering::Relaxed);
        });
        assert!(std::thread::spawn(so_far).join().unwrap() < so_far());
    }
}
