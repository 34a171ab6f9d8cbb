//! Who is measured. A peer is a package `peers/NAME` whose binary is `peer-NAME`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

pub struct Peer {
    pub name: &'static str,
    /// The crate whose version is the peer's, if it is not of this repository.
    crate_name: Option<&'static str>,
}

const fn peer(name: &'static str, crate_name: &'static str) -> Peer {
    Peer { name, crate_name: Some(crate_name) }
}

pub const RAW_TCP: &str = "raw-tcp";
pub const HAND_WRITTEN: &str = "hand-written";
pub const PROTOCALL: &str = "protocall";

/// protocall with many routes; it is in no table of peers.
pub const ROUTES: Peer = Peer { name: "protocall-routes", crate_name: None };

/// In the order of the tables.
const ALL: [Peer; 9] = [
    Peer { name: PROTOCALL, crate_name: None },
    peer("tonic", "tonic"),
    peer("connectrpc", "connectrpc"),
    peer("tarpc", "tarpc"),
    peer("capnp-rpc", "capnp-rpc"),
    peer("ttrpc", "ttrpc"),
    peer("volo", "volo"),
    Peer { name: RAW_TCP, crate_name: None },
    Peer { name: HAND_WRITTEN, crate_name: None },
];

impl Peer {
    pub fn package(&self) -> String {
        format!("peer-{}", self.name)
    }

    /// As the lock file has it; the repository's commit for what is of this repository.
    pub fn version(&self) -> String {
        let Some(name) = self.crate_name else { return crate::machine::commit() };
        let lock = fs::read_to_string(bench().join("Cargo.lock")).unwrap_or_default();
        let package = lock.split("[[package]]").find(|p| p.contains(&format!("\nname = \"{name}\"\n")));
        let version = package.and_then(|p| p.split("\nversion = \"").nth(1)?.split('"').next());
        version.unwrap_or("?").to_owned()
    }
}

/// The folder of this workspace.
pub fn bench() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Those asked for by name, or all that are there.
pub fn chosen(names: &[String]) -> Result<Vec<Peer>, Error> {
    if let Some(name) = names.iter().find(|name| ALL.iter().all(|peer| peer.name != **name)) {
        let all: Vec<&str> = ALL.iter().map(|peer| peer.name).collect();
        return Err(format!("there is no peer `{name}`; there are {}", all.join(", ")).into());
    }
    let here = |peer: &Peer| -> PathBuf { bench().join("peers").join(peer.name).join("Cargo.toml") };
    let wanted = |peer: &Peer| {
        if names.is_empty() { here(peer).exists() } else { names.iter().any(|n| n == peer.name) }
    };
    Ok(ALL.into_iter().filter(wanted).collect())
}
