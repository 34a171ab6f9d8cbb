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

    pub(super) fn so_far() -> Option<Duration> {
        // A task may be dropped while its thread ends.
        let read = |file: &Option<File>| {
            let mut line = [0; 64];
            let len = file.as_ref()?.read_at(&mut line, 0).ok()?;
            waited(std::str::from_utf8(&line[..len]).ok()?)
        };
        SCHEDSTAT.try_with(read).ok().flatten()
    }

    /// The kernel tells the nanoseconds on a processor, those in wait for one, and how often; zeros if it does not count.
    pub(super) fn waited(line: &str) -> Option<Duration> {
        let mut fields = line.split_ascii_whitespace().map(str::parse);
        let on_processor: u64 = fields.next()?.ok()?;
        fields.next()?.ok().filter(|_| on_processor > 0).map(Duration::from_nanos)
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
    fn what_the_kernel_says_is_read() {
        assert_eq!(imp::waited("1234 567 8\n"), Some(Duration::from_nanos(567)));
        for line in ["0 0 0\n", "", "12", "x 5 1", "5 x 1"] {
            assert_eq!(imp::waited(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_thread_waits_while_others_have_all_processors() {
        // Not every sandbox tells.
        let Some(before) = imp::so_far() else { return };
        let others = AtomicBool::new(true);
        std::thread::scope(|scope| {
            for _ in 0..4 * std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    while others.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            let waited = (0..1_000_000).any(|_| so_far() > before);
            others.store(false, Ordering::Relaxed);
            assert!(waited);
        });
    }
}
