//! One line that says how far it is, on a terminal; nothing elsewhere.

use std::io::{IsTerminal, Write, stderr};
use std::time::Instant;

const WIDTH: usize = 30;

pub struct Progress {
    shown: bool,
    start: Instant,
    total: f64,
    done: f64,
}

impl Progress {
    /// So many seconds of runs.
    pub fn new(total: f64) -> Self {
        Self { shown: stderr().is_terminal(), start: Instant::now(), total, done: 0.0 }
    }

    pub fn now(&self, what: &str) {
        if self.shown {
            let part = (self.done / self.total).min(1.0);
            let bar = "█".repeat((part * WIDTH as f64) as usize);
            let left = (self.total - self.done).max(0.0);
            let (spent, left) = (clock(self.start.elapsed().as_secs_f64()), clock(left));
            eprint!("\r\x1b[2K{bar:░<WIDTH$} {spent}, {left} to go: {what}");
            let _ = stderr().flush();
        }
    }

    pub fn done(&mut self, seconds: f64) {
        self.done += seconds;
    }

    /// Makes way for other lines.
    pub fn clear(&self) {
        if self.shown {
            eprint!("\r\x1b[2K");
        }
    }
}

/// `90` is `1:30`.
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
