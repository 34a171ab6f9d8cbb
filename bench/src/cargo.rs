//! Builds the peers, and asks each what it can.

use std::env;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use bench_job::About;

use crate::Error;
use crate::peers::{Peer, bench};

/// A peer whose binary is there.
pub struct Built {
    pub peer: Peer,
    pub version: String,
    pub program: PathBuf,
    pub about: About,
}

/// A folder of its own: the flags are others than this program's, and cargo would build all anew at each turn.
fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| bench().join("target"), PathBuf::from);
    target.join("peers")
}

/// One by one: cargo would unify what features the peers' dependencies have.
pub fn build(peers: Vec<Peer>) -> Result<Vec<Built>, Error> {
    peers.into_iter().map(build_one).collect()
}

fn build_one(peer: Peer) -> Result<Built, Error> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--locked", "--package"]).arg(peer.package());
    command.arg("--manifest-path").arg(bench().join("Cargo.toml"));
    command.arg("--target-dir").arg(target());
    // For `Builder::disable_lifo_slot`.
    command.env("RUSTFLAGS", "--cfg tokio_unstable").env_remove("CARGO_ENCODED_RUSTFLAGS");
    if !std::io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    eprintln!("building {}", peer.name);
    if !command.status()?.success() {
        return Err(format!("{} does not build; bench/install gets what it may need", peer.name).into());
    }
    let program = target().join("release").join(peer.package());
    let about = Command::new(&program).arg("about").stderr(Stdio::inherit()).output()?;
    let about = serde_json::from_slice(&about.stdout)?;
    Ok(Built { version: peer.version(), peer, program, about })
}
