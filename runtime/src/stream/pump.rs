//! One stream goes on as another: how a client implements its service's trait, and how a fallback forwards. An item is read
//! when the one before it was sent, so that a receiver that is slow slows the sender behind the proxy, and nobody else.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::{Open, RecvStream, Reply, SendStream};
use crate::{Context, Message, Metadata, Status};

/// Items come from `open` and go to `out`.
pub(crate) async fn pump_server_stream<Q: Message, R: Message>(
    ctx: &Context,
    open: Open<Q, RecvStream<R>>,
    out: SendStream<R>,
) -> Result<(), Status> {
    let input = open.await?;
    answer_with(ctx, input, out).await
}

/// Items come from `input`; one answer comes back.
pub(crate) async fn pump_client_stream<Q: Message, R: Message>(
    open: Open<(), (SendStream<Q>, Reply<R>)>,
    input: RecvStream<Q>,
) -> Result<(R, Metadata), Status> {
    let (out, reply) = open.await?;
    beside(pass_on(input, out), reply.with_metadata()).await
}

/// Items go both ways.
pub(crate) async fn pump_bidi<Q: Message, R: Message>(
    ctx: &Context,
    open: Open<(), (SendStream<Q>, RecvStream<R>)>,
    input: RecvStream<Q>,
    out: SendStream<R>,
) -> Result<(), Status> {
    let (requests, answers) = open.await?;
    beside(pass_on(input, requests), answer_with(ctx, answers, out)).await
}

/// The answers of a stream become ours, with what is beside them.
async fn answer_with<R: Message>(
    ctx: &Context,
    mut input: RecvStream<R>,
    mut out: SendStream<R>,
) -> Result<(), Status> {
    if let Some(metadata) = metadata_while_wanted(&mut input, &out).await? {
        ctx.append_reply_metadata(&metadata);
        out.begin()?;
    }
    loop {
        match next_wanted(&mut input, &out).await {
            Next::Item(item) => {
                if let Err(why) = out.send(item).await {
                    // Nobody wants more, as is seen next; or it can never go, and without it the rest must not look whole.
                    if !is_closed(&out).await {
                        return Err(why);
                    }
                }
            }
            // Nobody wants more of them, but the call goes on: how it ends counts.
            Next::Unwanted(why) => input.stop_items(why.code()),
            Next::End => break,
            Next::Failed(status) => return Err(status),
        }
    }
    if let Some(metadata) = input.trailing_metadata() {
        ctx.append_reply_metadata(metadata);
    }
    Ok(())
}

/// What the other end begins its answer with, if anything, while whoever it goes to wants more.
async fn metadata_while_wanted<T: Message>(
    input: &mut RecvStream<T>,
    out: &SendStream<T>,
) -> Result<Option<Metadata>, Status> {
    let (mut closed, mut metadata) = (pin!(out.closed()), pin!(input.metadata()));
    poll_fn(|cx| match closed.as_mut().poll(cx) {
        Poll::Ready(_) => Poll::Ready(Ok(None)),
        Poll::Pending => {
            metadata.as_mut().poll(cx).map_ok(|metadata| Some(metadata).filter(|m| !m.is_empty()))
        }
    })
    .await
}

/// The requests of a stream become those of another. How that is answered tells the rest.
async fn pass_on<Q: Message>(mut input: RecvStream<Q>, mut out: SendStream<Q>) {
    loop {
        match next_wanted(&mut input, &out).await {
            Next::Item(item) => {
                if let Err(why) = out.send(item).await {
                    // As above; if nobody wants more, there is nothing left to break off.
                    out.reset(&why);
                    return input.stop(why.code());
                }
            }
            Next::End => return drop(out.finish().await),
            Next::Unwanted(why) => return input.stop(why.code()),
            Next::Failed(status) => return out.reset(&status),
        }
    }
}

/// Whether no more items can be sent.
async fn is_closed<T: Message>(out: &SendStream<T>) -> bool {
    let mut closed = pin!(out.closed());
    poll_fn(|cx| Poll::Ready(closed.as_mut().poll(cx).is_ready())).await
}

/// What is to be done next for one way of items.
enum Next<T> {
    Item(T),
    End,
    /// The other end takes no more of them.
    Unwanted(Status),
    Failed(Status),
}

/// The next item, while whoever it goes to wants more.
async fn next_wanted<T: Message>(input: &mut RecvStream<T>, out: &SendStream<T>) -> Next<T> {
    let mut closed = pin!(out.closed());
    let mut stopped = input.is_stopped();
    poll_fn(|cx| {
        if !stopped {
            if let Poll::Ready(why) = closed.as_mut().poll(cx) {
                stopped = true;
                return Poll::Ready(Next::Unwanted(why));
            }
        }
        input.poll_next_item(cx).map(|next| match next {
            Ok(Some(item)) => Next::Item(item),
            Ok(None) => Next::End,
            Err(status) => Next::Failed(status),
        })
    })
    .await
}

/// Runs `work` beside `main`, whose outcome counts; what is left of the other is dropped.
async fn beside<T>(work: impl Future<Output = ()>, main: impl Future<Output = T>) -> T {
    let (mut work, mut main) = (pin!(work), pin!(main));
    let mut done = false;
    poll_fn(|cx| {
        if !done {
            done = work.as_mut().poll(cx).is_ready();
        }
        main.as_mut().poll(cx)
    })
    .await
}
