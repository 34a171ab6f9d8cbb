//! A checked service becomes tokens. Called by every front end, last.

use proc_macro2::TokenStream;
use syn::{Path, parse_quote};

use crate::model::Service;

/// What to emit and how to name the runtime.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// `::protocall`, or wherever it is re-exported.
    pub runtime_path: Path,
    /// The client, the server or both.
    pub sides: Sides,
    /// Whether the trait's methods have bodies.
    pub bodies: Bodies,
}

impl Default for Options {
    fn default() -> Self {
        Self { runtime_path: parse_quote!(::protocall), sides: Sides::Both, bodies: Bodies::None }
    }
}

/// Which sides of a service are wanted. The trait and the spec are always there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sides {
    /// Both.
    #[default]
    Both,
    /// The client alone.
    Client,
    /// The server alone.
    Server,
}

/// What the trait's methods have for bodies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bodies {
    /// None: every method must be written.
    #[default]
    None,
    /// Ones that answer UNIMPLEMENTED.
    Unimplemented,
}

/// All that a service becomes, side by side in the module where it is put.
#[must_use]
pub fn expand(_service: &Service, _options: &Options) -> TokenStream {
    TokenStream::new()
}
