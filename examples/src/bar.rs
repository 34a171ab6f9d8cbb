//! A progress bar of plain text, for `file_transfer`.

use std::io::{self, IsTerminal, Write};

/// Shows how far something has come: in place on a terminal, and elsewhere in a line for each quarter.
#[derive(Debug)]
pub struct Bar {
    what: &'static str,
    size: u64,
    /// In hundredths.
    shown: u64,
    terminal: bool,
    /// The cursor is behind a bar.
    open: bool,
}

impl Bar {
    /// A bar of nothing yet.
    #[must_use]
    pub fn new(what: &'static str, size: u64) -> Self {
        Self { what, size, shown: 0, terminal: io::stdout().is_terminal(), open: false }
    }

    /// So much was done before.
    pub fn begin(&mut self, done: u64) -> u64 {
        if done > 0 {
            self.say(&format!("{}: goes on at {done} of {} bytes", self.what, self.size));
        }
        self.shown = self.hundredths(done);
        done
    }

    /// How much was shown last, in hundredths.
    #[must_use]
    pub fn shown(&self) -> u64 {
        self.shown
    }

    /// So much is done.
    pub fn show(&mut self, done: u64) {
        let now = self.hundredths(done);
        if self.terminal && now != self.shown {
            let marks = "#".repeat(now as usize / 4);
            print!("\r  {} [{marks:.<25}] {now:3} %", self.what);
            let _ = io::stdout().flush();
            self.open = true;
        } else if now / 25 > self.shown / 25 {
            println!("  {}: {} %", self.what, now / 25 * 25);
        }
        self.shown = now;
    }

    fn hundredths(&self, done: u64) -> u64 {
        (done * 100).checked_div(self.size).unwrap_or(100)
    }

    /// Says something between.
    pub fn say(&mut self, text: &str) {
        self.close();
        println!("  {text}");
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            println!();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.close();
    }
}
