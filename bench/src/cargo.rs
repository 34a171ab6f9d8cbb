//! Builds the peers, and asks each what it can.

use std::env;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use bench_job::{About, Job};

use crate::Error;
use crate::peers::{Peer, bench};

/// A peer whose binary is there.
pub struct Built {
    pub peer: Peer,
    pub version: String,
    pub program: PathBuf,
    pub about: About,
}

impl Built {
    /// Whether it can do what a job asks for, and what goes on beside.
    pub fn can(&self, job: &Job) -> bool {
        let can = |kind| self.about.can.contains(&kind);
        can(job.kind) && job.beside.is_none_or(|beside| can(beside.kind))
    }
}

/// A folder of its own: the flags are others than this program's, and cargo would build all anew at each turn.
pub fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| bench().join("target"), PathBuf::from);
    target.join("peers")
}

/// One by one: cargo would unify what features the peers' dependencies have.
pub fn build(peers: Vec<Peer>) -> Result<Vec<Built>, Error> {
    peers.into_iter().map(build_one).collect()
}

fn build_one(peer: Peer) -> Result<Built, Error> {
    let program = compile(&peer.package())?;
    let about = Command::new(&program).arg("about").stderr(Stdio::inherit()).output()?;
    let about = serde_json::from_slice(&about.stdout)?;
    Ok(Built { version: peer.version(), peer, program, about })
}

/// The program of a package of this workspace.
pub fn compile(package: &str) -> Result<PathBuf, Error> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--locked", "--package", package]);
    command.arg("--manifest-path").arg(bench().join("Cargo.toml"));
    command.arg("--target-dir").arg(target());
    // For `Builder::disable_lifo_slot` and how often tasks are polled.
    command.env("RUSTFLAGS", "--cfg tokio_unstable").env_remove("CARGO_ENCODED_RUSTFLAGS");
    if !std::io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    eprintln!("building {package}");
    if !command.status()?.success() {
        return Err(format!("{package} does not build; bench/install gets what it may need").into());
    }
    Ok(target().join("release").join(package))
}
