//! A process's runtime and its place: threads, core, limits.

use std::future::Future;

use bench_job::{Place, Runtime};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::{Peer, Result};

/// Runs a process's work in its place.
pub(crate) fn block_on<P: Peer, T>(place: Place, work: impl Future<Output = Result<T>>) -> Result<T> {
    prepare(place)?;
    if P::CURRENT_THREAD_ONLY {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        return LocalSet::new().block_on(&runtime, work);
    }
    builder(place)?.enable_all().build()?.block_on(work)
}

/// Before there are other threads, which inherit all of it.
fn prepare(place: Place) -> Result<()> {
    // No server outlives the program that started it, however that ends.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard })?;
    if let Some(cpu) = place.cpu {
        let mut cpus = CpuSet::new();
        cpus.set(cpu);
        sched_setaffinity(None, &cpus)?;
    }
    Ok(())
}

fn builder(place: Place) -> Result<Builder> {
    if place.runtime == Runtime::CurrentThread {
        return Ok(Builder::new_current_thread());
    }
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(place.workers);
    if place.runtime == Runtime::NoLifo {
        no_lifo_slot(&mut builder)?;
    }
    Ok(builder)
}

#[cfg(tokio_unstable)]
#[expect(clippy::unnecessary_wraps, reason = "without the cfg it fails")]
fn no_lifo_slot(builder: &mut Builder) -> Result<()> {
    builder.disable_lifo_slot();
    Ok(())
}

#[cfg(not(tokio_unstable))]
fn no_lifo_slot(_: &mut Builder) -> Result<()> {
    Err("the LIFO slot can be switched off only with RUSTFLAGS='--cfg tokio_unstable'".into())
}
