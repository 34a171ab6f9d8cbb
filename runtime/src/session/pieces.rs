//! Calls whose large messages are passed on as they come: the request to where it goes, and the answer back. Begun by the
//! runner for a large request of a route that is passed on, and for a large answer to any call that was.

mod pushes;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll, Waker};

use bytes::Bytes;

pub(crate) use self::pushes::{BegunPush, IncomingPush, pass_push};
use super::held::Held;
use super::responder::{Pieces, Responder};
use super::state::State;
use super::{CallWait, Shared};
use crate::call::{read_answer, read_block};
use crate::context::{CallCore, Context};
use crate::frame::CallId;
use crate::message::Coming;
use crate::proto::{Answer, Came, Inbound, StreamKey};
use crate::session::streams::StreamHandle;
use crate::stream::{Carriage, answer_with_items};
use crate::{Call, Caller, Message, MethodKind, Open, Raw, RecvStream, SendStream, Status};

/// The request of a call of the peer's, which is under way.
#[derive(Debug)]
pub(crate) struct IncomingRequest {
    shared: Arc<Shared>,
    id: CallId,
    len: usize,
    /// Of a call that is answered with items.
    stream: Option<StreamKey>,
    /// What it was charged, until its last bytes have left again.
    held: Held,
}

/// A call of ours that was opened. Dropped unanswered it is given up.
pub(crate) struct Opened {
    shared: Arc<Shared>,
    number: u32,
    answered: bool,
    /// What it goes by stays connected.
    _via: Caller,
}

/// What is there of an answer.
enum Found {
    /// So many bytes are under way, with this block.
    Begun(usize, Bytes),
    Whole(Answer),
}

impl IncomingRequest {
    pub(super) fn new(shared: &Arc<Shared>, call: &Inbound, len: usize) -> Self {
        let (id, stream) = (call.id, call.stream);
        Self { held: Held::new(shared, call.cost), shared: Arc::clone(shared), id, len, stream }
    }

    fn poll(&self, cx: &mut Cx<'_>) -> Poll<Came> {
        self.shared.with_little(|state| match state.conn.request_piece(self.id.number()) {
            Came::Wait => {
                state.request_waits(self.id, cx.waker());
                Poll::Pending
            }
            piece => Poll::Ready(piece),
        })
    }
}

impl Opened {
    pub(crate) fn new(shared: Arc<Shared>, number: u32, via: Caller) -> Self {
        Self { shared, number, answered: false, _via: via }
    }

    /// More of its request. False: nobody wants it any more.
    fn came(&self, bytes: Bytes) -> bool {
        self.shared.with(|state| state.conn.request_came(self.number, bytes))
    }

    fn poll_answer(&mut self, cx: &mut Cx<'_>) -> Poll<Answer> {
        let answer = self.shared.poll_answer(self.number, cx.waker()).map(Answer::from);
        self.answered |= answer.is_ready();
        answer
    }

    /// The answer, or that it is under way.
    fn poll_found(&mut self, cx: &mut Cx<'_>) -> Poll<Found> {
        if let Poll::Ready(answer) = self.poll_answer(cx) {
            return Poll::Ready(Found::Whole(answer));
        }
        match self.shared.state.lock().conn.reply_begun(self.number) {
            Some((len, block)) => Poll::Ready(Found::Begun(len, block)),
            None => Poll::Pending,
        }
    }

    /// What has come of the answer; the answer itself is the last of it.
    fn poll_piece(&mut self, cx: &mut Cx<'_>) -> Poll<Result<Bytes, Answer>> {
        if let Poll::Ready(answer) = self.poll_answer(cx) {
            return Poll::Ready(Err(answer));
        }
        match self.shared.state.lock().conn.reply_piece(self.number) {
            Some(bytes) => Poll::Ready(Ok(bytes)),
            None => Poll::Pending,
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if !self.answered {
            self.shared.drop_call(CallWait::Answer(self.number));
        }
    }
}

/// Passes a call on whose request is under way. It is opened where it goes as soon as there is room for all of it.
pub(crate) async fn pass_request(ctx: Context, to: Caller, request: IncomingRequest, responder: Responder) {
    let (message, route) = (Coming(request.len), ctx.route().to_owned());
    let Some(key) = request.stream else {
        let call = Call::<Coming, Raw>::raw(to, route, message);
        return pass_call(&ctx, call, Some(request), responder).await;
    };
    let out = SendStream::of_handler(StreamHandle::new(&request.shared, key), Arc::clone(ctx.core()));
    let open = Open::<Coming, RecvStream<Raw>>::raw(to, route, message).all_metadata(ctx.metadata().clone());
    let open = open.forwarding(ctx.block(), ctx.peer_addr().to_string()).no_timeout();
    let result = pass_stream(&ctx, open, request, out).await;
    let result = result.map(|()| Raw::default()).map_err(Status::mark_forwarded);
    responder.finish_forwarded(MethodKind::ServerStream, result);
}

/// Passes a stream of answers on, whose request is under way.
async fn pass_stream(
    ctx: &Context,
    open: Open<Coming, RecvStream<Raw>>,
    request: IncomingRequest,
    out: SendStream<Raw>,
) -> Result<(), Status> {
    let input = open.await?;
    let there = input.handle();
    let mut request = Some(request);
    let mut answers = pin!(answer_with_items(ctx, input, out, Carriage::InPieces));
    poll_fn(|cx| {
        let came = |bytes| there.as_ref().is_some_and(|there| there.request_came(bytes));
        match poll_request(&mut request, came, cx) {
            // Of what is not whole here, nobody can have run anything.
            Some(why) => Poll::Ready(Err(why.not_run())),
            None => answers.as_mut().poll(cx),
        }
    })
    .await
}

/// Passes on what has come of a request. `Some`: it breaks off.
fn poll_request(
    request: &mut Option<IncomingRequest>,
    came: impl Fn(Bytes) -> bool,
    cx: &mut Cx<'_>,
) -> Option<Status> {
    while let Some(Poll::Ready(piece)) = request.as_ref().map(|request| request.poll(cx)) {
        match piece {
            Came::Part(bytes) => {
                came(bytes);
            }
            Came::Last(bytes) => {
                let held = request.take()?.held;
                came(held.with(bytes));
            }
            Came::Broken(why) => return Some(why),
            // It is pending.
            Came::Wait => break,
        }
    }
    None
}

/// Passes a call on, the large ones of its messages in pieces.
pub(crate) async fn pass_call<Q: Message>(
    ctx: &Context,
    call: Call<Q, Raw>,
    mut request: Option<IncomingRequest>,
    responder: Responder,
) {
    let call = call.all_metadata(ctx.metadata().clone());
    let call = call.forwarding(ctx.block(), ctx.peer_addr().to_string()).no_timeout();
    let failed = |responder: Responder, status: Status| {
        responder.finish_forwarded(MethodKind::Unary, Err(status.mark_forwarded()));
    };
    let mut opened = match call.open().await {
        Ok(opened) => opened,
        Err(status) => return failed(responder, status),
    };
    let found = poll_fn(|cx| match poll_request(&mut request, |bytes| opened.came(bytes), cx) {
        Some(why) => Poll::Ready(Err(why)),
        None => opened.poll_found(cx).map(Ok),
    })
    .await;
    match found {
        Ok(Found::Whole(answer)) => answer_with(responder, answer),
        Ok(Found::Begun(len, block)) => pass_reply(opened, responder, (len, block)).await,
        // Of what is not whole here, nobody can have run anything.
        Err(why) => failed(responder, why.not_run()),
    }
}

/// An answer to a call that was passed on, as a whole.
pub(super) fn answer_with(responder: Responder, answer: Answer) {
    let result = read_answer::<Raw>(answer).map(|(reply, metadata)| {
        responder.context().append_reply_metadata(&metadata);
        reply
    });
    responder.finish_forwarded(MethodKind::Unary, result.map_err(Status::mark_forwarded));
}

/// Passes on an answer that is under way.
async fn pass_reply(mut opened: Opened, responder: Responder, (len, block): (usize, Bytes)) {
    if !block.is_empty() {
        responder.context().append_reply_metadata(&read_block(&block).metadata);
    }
    let pieces = match responder.begin(len) {
        BegunReply::Pieces(pieces) => pieces,
        BegunReply::Refused => return,
        BegunReply::Small(responder) => {
            let answer = poll_fn(|cx| opened.poll_answer(cx)).await;
            // Its metadata is there already.
            return answer_with(responder, without_block(answer));
        }
    };
    loop {
        let piece = poll_fn(|cx| match pieces.poll_unwanted(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => opened.poll_piece(cx).map(Some),
        });
        match piece.await {
            Some(Ok(bytes)) => {
                pieces.came(bytes);
            }
            // Whoever asked has gone, or will not wait for the rest.
            None => return pieces.leave(),
            Some(Err(Answer::Message { payload, .. })) => {
                pieces.came(payload);
                return pieces.leave();
            }
            Some(Err(answer)) => {
                let why = read_answer::<Raw>(answer).err();
                return pieces.break_off(&why.unwrap_or_else(|| Status::internal("the answer broke off")));
            }
        }
    }
}

/// How an answer was begun that is to come.
pub(super) enum BegunReply {
    Pieces(Pieces),
    /// It goes in one frame from here, so it has to be whole.
    Small(Responder),
    /// It cannot be sent, and that is answered.
    Refused,
}

fn without_block(answer: Answer) -> Answer {
    match answer {
        Answer::Message { payload, .. } => Answer::Message { payload, block: Bytes::new() },
        other => other,
    }
}

/// The answer to a call that was passed on is under way: from here on a task passes it on.
pub(super) fn reply_begun(core: &Arc<CallCore>, number: u32) {
    let Some(upstream) = core.passed_on_to(number) else { return };
    let relay = upstream.state.lock().take_begun_relay(number, core);
    let Some((responder, via)) = relay else { return };
    let Some(runtime) = core.session().shared().runtime.clone() else { return };
    let mut opened = Opened::new(upstream, number, via);
    let context = Context::new(core);
    runtime.spawn(async move {
        let mut responder = Some(responder);
        let mut passing = pin!(async {
            let found = poll_fn(|cx| opened.poll_found(cx)).await;
            let Some(responder) = responder.take() else { return };
            match found {
                Found::Begun(len, block) => pass_reply(opened, responder, (len, block)).await,
                Found::Whole(answer) => answer_with(responder, answer),
            }
        });
        let mut stopped = pin!(context.cancelled());
        poll_fn(|cx| match stopped.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => passing.as_mut().poll(cx),
        })
        .await;
    });
}

impl State {
    pub(super) fn request_waits(&mut self, id: CallId, waker: &Waker) {
        self.readers.set(id, false, waker);
    }
}
