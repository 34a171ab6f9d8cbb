//! When a process is asked to stop.

/// Waits for the signal to stop: Ctrl-C, and on Unix SIGTERM too. For [`Bound::serve_until`](crate::Bound::serve_until).
pub async fn shutdown_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use std::future::poll_fn;
        use std::pin::pin;
        use std::task::Poll;

        use tokio::signal::unix::{SignalKind, signal};

        let mut interrupt = pin!(interrupt);
        let mut terminate = signal(SignalKind::terminate()).ok();
        poll_fn(|cx| {
            let terminated = terminate.as_mut().is_some_and(|signal| signal.poll_recv(cx).is_ready());
            match terminated || interrupt.as_mut().poll(cx).is_ready() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
    #[cfg(not(unix))]
    interrupt.await;
}
