//! The service of `schemas/quickstart/v1/quickstart.proto`, as an application would write it. Served by `quickstart`,
//! `server` and `unknown_routes`.

use std::time::Duration;

use protocall::{Context, Status};
use tokio::sync::mpsc;

use crate::proto::quickstart::v1::{
    BlobReply, BlobRequest, GreetReply, GreetRequest, Greeter, NoteRequest, SlowReply, SlowRequest,
};

/// A greeter that tells the program around it what happens to it.
#[derive(Debug)]
pub struct TalkingGreeter {
    events: mpsc::Sender<String>,
}

impl TalkingGreeter {
    /// Tells `events` what happens.
    #[must_use]
    pub fn new(events: mpsc::Sender<String>) -> Self {
        Self { events }
    }

    async fn tell(&self, event: impl Into<String>) {
        // Nobody has to listen.
        let _ = self.events.send(event.into()).await;
    }
}

// The generated trait has one method for each rpc. A plain `async fn` implements it.
impl Greeter for TalkingGreeter {
    async fn greet(&self, _: &Context, req: GreetRequest) -> Result<GreetReply, Status> {
        if req.name.is_empty() {
            // What a handler returns as an `Err` is what the caller gets.
            return Err(Status::invalid_argument("greet whom?").metadata("field", "name"));
        }
        Ok(GreetReply { greeting: format!("Hello, {}!", req.name) })
    }

    async fn slow(&self, _: &Context, req: SlowRequest) -> Result<SlowReply, Status> {
        self.tell("the slow handler began").await;
        // If the caller goes, or its time is over, this function is dropped at its next await, with all that it holds.
        let unfinished = TellWhenDropped(&self.events);
        tokio::time::sleep(Duration::from_millis(req.millis)).await;
        std::mem::forget(unfinished);
        Ok(SlowReply { slept_millis: req.millis })
    }

    async fn blob(&self, _: &Context, req: BlobRequest) -> Result<BlobReply, Status> {
        // `data` is a `Bytes`: it still is the buffer that it was received in, and nothing is copied.
        Ok(BlobReply { data: req.data })
    }

    async fn note(&self, _: &Context, req: NoteRequest) -> Result<(), Status> {
        // A push: nobody waits for an answer, and an `Err` would go to the log.
        self.tell(format!("a note came: {}", req.text)).await;
        Ok(())
    }
}

/// Tells that a handler was dropped before its end.
struct TellWhenDropped<'a>(&'a mpsc::Sender<String>);

impl Drop for TellWhenDropped<'_> {
    fn drop(&mut self) {
        let _ = self.0.try_send("the slow handler was dropped".into());
    }
}
