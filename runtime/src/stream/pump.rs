//! One stream goes on as another: how a client implements its service's trait, and how a fallback forwards. An item is read
//! when the one before it was sent, so that a receiver that is slow slows the sender behind the proxy, and nobody else. A large
//! one may go on as it comes.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;

use super::{Open, RecvStream, Reply, SendStream};
use crate::{Context, Message, Metadata, Raw, Status};

/// How large items go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carriage {
    /// Each when it is whole: who sends it slowly takes nothing from others meanwhile.
    Whole,
    /// In pieces, as they come: for [`Raw`](crate::Raw) items, to an end that nobody else sends to.
    InPieces,
}

/// Items come from `open` and go to `out`.
pub(crate) async fn pump_server_stream<Q: Message, R: Message>(
    ctx: &Context,
    open: Open<Q, RecvStream<R>>,
    out: SendStream<R>,
    how: Carriage,
) -> Result<(), Status> {
    let input = open.await?;
    answer_with(ctx, input, out, how).await
}

/// Items come from `input`; one answer comes back.
pub(crate) async fn pump_client_stream<Q: Message, R: Message>(
    open: Open<(), (SendStream<Q>, Reply<R>)>,
    input: RecvStream<Q>,
    how: Carriage,
) -> Result<(R, Metadata), Status> {
    let (out, reply) = open.await?;
    beside(pass_on(input, out, how), reply.with_metadata()).await
}

/// Items go both ways.
pub(crate) async fn pump_bidi<Q: Message, R: Message>(
    ctx: &Context,
    open: Open<(), (SendStream<Q>, RecvStream<R>)>,
    (input, out): (RecvStream<Q>, SendStream<R>),
    (there, back): (Carriage, Carriage),
) -> Result<(), Status> {
    let (requests, answers) = open.await?;
    beside(pass_on(input, requests, there), answer_with(ctx, answers, out, back)).await
}

/// The answers of a stream become ours, with what is beside them.
pub(crate) async fn answer_with<R: Message>(
    ctx: &Context,
    mut input: RecvStream<R>,
    mut out: SendStream<R>,
    how: Carriage,
) -> Result<(), Status> {
    if let Some(metadata) = metadata_while_wanted(&mut input, &out).await? {
        ctx.append_reply_metadata(&metadata);
        out.begin()?;
    }
    loop {
        match next_wanted(&mut input, &out, how).await {
            next @ (Next::Item(_) | Next::Begun(_)) => {
                if let Err(why) = send_on(next, &mut input, &mut out).await {
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
async fn pass_on<Q: Message>(mut input: RecvStream<Q>, mut out: SendStream<Q>, how: Carriage) {
    loop {
        match next_wanted(&mut input, &out, how).await {
            next @ (Next::Item(_) | Next::Begun(_)) => {
                if let Err(why) = send_on(next, &mut input, &mut out).await {
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
    /// A large one of so many bytes is under way.
    Begun(usize),
    End,
    /// The other end takes no more of them.
    Unwanted(Status),
    Failed(Status),
}

/// The next item, while whoever it goes to wants more.
async fn next_wanted<T: Message>(input: &mut RecvStream<T>, out: &SendStream<T>, how: Carriage) -> Next<T> {
    let mut closed = pin!(out.closed());
    let mut stopped = input.is_stopped();
    poll_fn(|cx| {
        if !stopped {
            if let Poll::Ready(why) = closed.as_mut().poll(cx) {
                stopped = true;
                return Poll::Ready(Next::Unwanted(why));
            }
        }
        match input.poll_next_item(cx) {
            Poll::Ready(Ok(Some(item))) => Poll::Ready(Next::Item(item)),
            Poll::Ready(Ok(None)) => Poll::Ready(Next::End),
            Poll::Ready(Err(status)) => Poll::Ready(Next::Failed(status)),
            Poll::Pending if how == Carriage::Whole => Poll::Pending,
            Poll::Pending => match input.begun().filter(|len| out.is_large(*len)) {
                Some(len) => Poll::Ready(Next::Begun(len)),
                None => Poll::Pending,
            },
        }
    })
    .await
}

/// Sends an item on, or one that is under way as it comes.
async fn send_on<T: Message>(
    next: Next<T>,
    input: &mut RecvStream<T>,
    out: &mut SendStream<T>,
) -> Result<(), Status> {
    match next {
        Next::Item(item) => out.send(item).await,
        Next::Begun(len) => {
            out.begin_item(len).await?;
            while let Some(piece) = next_piece(input, out).await? {
                let (bytes, last) = match piece {
                    Piece::Part(bytes) => (bytes, false),
                    Piece::Last(bytes) => (bytes, true),
                };
                if !out.came(bytes) || last {
                    break;
                }
            }
            Ok(())
        }
        Next::End | Next::Unwanted(_) | Next::Failed(_) => Ok(()),
    }
}

/// What comes of an item that is under way.
enum Piece {
    Part(Bytes),
    Last(Bytes),
}

/// Bytes that are passed on, and not copied.
fn bytes_of<T: Message>(item: &T) -> Bytes {
    let raw: Option<&Raw> = (item as &dyn Any).downcast_ref();
    debug_assert!(raw.is_some(), "bytes alone are passed on in pieces");
    raw.map(|raw| raw.0.clone()).unwrap_or_default()
}

/// The next piece of an item, or why it breaks off. `None`: the other end takes no more of it.
async fn next_piece<T: Message>(
    input: &mut RecvStream<T>,
    out: &SendStream<T>,
) -> Result<Option<Piece>, Status> {
    // What a callee has half sent goes on, though nobody may want more items: its answer is to come after it.
    let watches = out.is_callers();
    let mut closed = pin!(out.closed());
    poll_fn(|cx| {
        if watches && closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(None));
        }
        match input.poll_next_item(cx) {
            Poll::Ready(Ok(Some(last))) => Poll::Ready(Ok(Some(Piece::Last(bytes_of(&last))))),
            Poll::Ready(Ok(None)) => Poll::Ready(Err(Status::internal("an item broke off"))),
            Poll::Ready(Err(status)) => Poll::Ready(Err(status)),
            Poll::Pending => match input.take_piece() {
                Some(bytes) => Poll::Ready(Ok(Some(Piece::Part(bytes)))),
                None => Poll::Pending,
            },
        }
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
