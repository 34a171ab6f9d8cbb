//! How this crate spawns what comes now and then. tokio's code for a task is compiled anew for each type of future, so all
//! of these have one type: a box.

use std::future::Future;
use std::pin::Pin;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Spawns a task that is not one of many: drivers, and the tasks of handlers, do without the box.
pub(crate) fn spawn(runtime: &Handle, future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let future: Boxed = Box::pin(future);
    runtime.spawn(future)
}
