//! What a build script ends with.

use std::{fmt, io, path::PathBuf};

use protocall_codegen::report::Report;

/// Why nothing was generated. Its `Debug`, which is what a build script's `main` prints, is as readable as its
/// `Display`: every mistake on a line of its own, `file:line:column: what; what to do`.
#[non_exhaustive]
pub enum Error {
    /// Mistakes in the schema, or in how it was asked for.
    Schema(Report),
    /// What was generated could not be written.
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Neither cargo nor [`out_dir`](crate::Builder::out_dir) says where to write.
    NoOutDir,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(report) => report.fmt(f),
            Self::Write { path, error } => write!(f, "cannot write `{}`: {error}", path.display()),
            Self::NoOutDir => f.write_str("OUT_DIR is not set; call this in build.rs, or set `out_dir`"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(report) => {
                let count = report.problems().len();
                write!(f, "{count} mistake{}\n{report}", if count == 1 { "" } else { "s" })
            }
            _ => fmt::Display::fmt(self, f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Write { error, .. } => Some(error),
            Self::Schema(_) | Self::NoOutDir => None,
        }
    }
}

impl From<Report> for Error {
    fn from(report: Report) -> Self {
        Self::Schema(report)
    }
}
