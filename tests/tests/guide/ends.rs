//! The table of `docs/guide/streams.md` holds: who sees what when a half ends, row by row. And `errors.md` has what is said.

use std::future::{Future, pending};
use std::time::Duration;

use protocall::{Caller, Channel, Code, Context, Raw, RawCall, RecvStream, Router, SendStream, Status};
use protocall_tests::proto::echo::v1::{EchoClient, EchoRequest};
use tokio::sync::mpsc;

use crate::errors::assert_told;

const ROUTE: &str = "any.Service/Method";

/// What a handler saw: a word, or how something ended.
type Saw = Result<String, Status>;

/// A handler's halves, and where it tells what it sees.
struct Halves {
    input: RecvStream<Raw>,
    out: SendStream<Raw>,
    tell: mpsc::Sender<Saw>,
}

impl Halves {
    async fn tell(&self, saw: Saw) {
        self.tell.send(saw).await.unwrap();
    }

    async fn tell_all_items(&mut self) {
        loop {
            let saw = match self.input.next().await {
                Ok(Some(item)) => Ok(text(&item)),
                Ok(None) => Ok("the end".into()),
                Err(status) => Err(status),
            };
            let ended = saw.as_ref().map_or(true, |text| text == "the end");
            self.tell(saw).await;
            if ended {
                return;
            }
        }
    }
}

/// Tells that a handler was dropped.
struct Dropped(mpsc::Sender<Saw>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.try_send(Ok("dropped".into())).unwrap();
    }
}

/// A client of a handler, and what that tells. The handler's answer is what it returns.
fn served<F, Fut>(handler: F) -> (Channel, mpsc::Receiver<Saw>)
where
    F: Fn(Halves) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Status>> + Send + 'static,
{
    let (tell, saw) = mpsc::channel(16);
    let router = Router::new().fallback(move |_: Context, mut call: RawCall| {
        let (input, out) = (call.take_input().unwrap(), call.take_output().unwrap());
        let handled = handler(Halves { input, out, tell: tell.clone() });
        async move { handled.await.map(|()| Raw::default()) }
    });
    (Channel::in_memory(router), saw)
}

async fn open(channel: &Channel) -> (SendStream<Raw>, RecvStream<Raw>) {
    Caller::from(channel).bidi_raw(ROUTE).await.unwrap()
}

fn text(item: &Raw) -> String {
    String::from_utf8(item.0.to_vec()).unwrap()
}

/// Sends until that fails.
async fn until_refused(out: &mut SendStream<Raw>) -> Status {
    loop {
        if let Err(status) = out.send("more".into()).await {
            return status;
        }
    }
}

#[track_caller]
fn assert_is<T: std::fmt::Debug>(saw: Result<T, Status>, code: Code) {
    let status = saw.unwrap_err();
    assert_eq!(status.code(), code, "{status}");
    assert_told(status.message());
}

#[tokio::test]
async fn what_a_caller_sends_ends_as_it_ends_it() {
    let (channel, mut saw) = served(|mut halves| async move {
        halves.tell_all_items().await;
        Ok(())
    });
    type End = fn(SendStream<Raw>);
    let ends: [(End, Option<Code>); 3] = [
        (|out| drop(tokio::spawn(out.finish())), None),
        (drop, Some(Code::CANCELLED)),
        (|out| out.reset(&Status::data_loss("the disk is full")), Some(Code::DATA_LOSS)),
    ];
    for (end, code) in ends {
        let (mut out, mut input) = open(&channel).await;
        out.send("one".into()).await.unwrap();
        end(out);
        assert_eq!(saw.recv().await.unwrap().unwrap(), "one", "items come before the end");
        let end = saw.recv().await.unwrap();
        match code {
            None => assert_eq!(end.unwrap(), "the end"),
            Some(Code::DATA_LOSS) => assert_eq!(end.unwrap_err().message(), "the disk is full"),
            Some(code) => assert_is(end, code),
        }
        assert!(input.next().await.unwrap().is_none(), "the handler answers");
    }
}

#[tokio::test]
async fn a_caller_that_reads_no_more_is_told_of_by_send() {
    for code in [Code::CANCELLED, Code::OUT_OF_RANGE] {
        let (channel, mut saw) = served(|mut halves| async move {
            let _dropped = Dropped(halves.tell.clone());
            let refused = until_refused(&mut halves.out).await;
            halves.tell(Err(refused)).await;
            halves.tell_all_items().await;
            pending().await
        });
        let (mut out, input) = open(&channel).await;
        if code == Code::CANCELLED {
            drop(input)
        } else {
            input.stop(code)
        }
        assert_is(saw.recv().await.unwrap(), code);
        out.send("still here".into()).await.unwrap();
        assert_eq!(saw.recv().await.unwrap().unwrap(), "still here");
        // Nobody would hear the answer.
        out.finish().await.unwrap();
        while saw.recv().await.unwrap().unwrap() != "dropped" {}
    }
}

#[tokio::test]
async fn a_caller_that_goes_drops_the_handler() {
    let (channel, mut saw) = served(|halves| async move {
        let _dropped = Dropped(halves.tell.clone());
        halves.tell(Ok("begun".into())).await;
        pending().await
    });
    for _ in 0..2 {
        let halves = open(&channel).await;
        assert_eq!(saw.recv().await.unwrap().unwrap(), "begun");
        drop(halves);
        assert_eq!(saw.recv().await.unwrap().unwrap(), "dropped");
    }
    let caller = Caller::from(&channel);
    let (_out, mut input) = caller.bidi_raw(ROUTE).timeout(Duration::from_millis(20)).await.unwrap();
    assert_is(input.next().await, Code::DEADLINE_EXCEEDED);
    assert_eq!(saw.recv().await.unwrap().unwrap(), "begun");
    assert_eq!(saw.recv().await.unwrap().unwrap(), "dropped");
}

#[tokio::test]
async fn what_a_handler_returns_ends_both_ways() {
    for answer in [Ok(()), Err(Status::data_loss("the tape is torn"))] {
        let told = answer.clone();
        let (channel, _saw) = served(move |mut halves| {
            let answer = told.clone();
            async move {
                halves.out.send("one".into()).await?;
                answer
            }
        });
        let (mut out, mut input) = open(&channel).await;
        assert_eq!(text(&input.next().await.unwrap().unwrap()), "one");
        match answer {
            Ok(()) => {
                assert!(input.next().await.unwrap().is_none());
                assert_is(out.send("late".into()).await, Code::CANCELLED);
                out.finish().await.unwrap();
            }
            Err(_) => {
                assert_eq!(input.next().await.unwrap_err().code(), Code::DATA_LOSS);
                assert_eq!(until_refused(&mut out).await.code(), Code::DATA_LOSS);
            }
        }
    }
}

#[tokio::test]
async fn a_handler_that_reads_no_more_is_told_of_by_send_and_answers() {
    for code in [Code::CANCELLED, Code::OUT_OF_RANGE] {
        let (channel, _saw) = served(move |halves| async move {
            if code == Code::CANCELLED {
                drop(halves.input)
            } else {
                halves.input.stop(code)
            }
            halves.out.closed().await;
            Ok(())
        });
        let (mut out, input) = open(&channel).await;
        assert_is(Err::<(), _>(until_refused(&mut out).await), code);
        out.finish().await.unwrap();
        drop(input);
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_an_error() {
    let (channel, _saw) = served(|_| async { panic!("as it was told to") });
    let (_out, mut input) = open(&channel).await;
    assert_is(input.next().await, Code::INTERNAL);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_item_ends_its_half() {
    let limit = Duration::from_millis(50);
    let (channel, mut saw) = served(|mut halves| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        halves.tell_all_items().await;
        Ok(())
    });
    let (out, mut input) = open(&channel).await;
    let mut out = out.item_timeout(limit);
    assert_is(Err::<(), _>(until_refused(&mut out).await), Code::DEADLINE_EXCEEDED);
    loop {
        match saw.recv().await.unwrap() {
            Ok(item) => assert_eq!(item, "more"),
            end => break assert_is(end, Code::DEADLINE_EXCEEDED),
        }
    }
    assert!(input.next().await.unwrap().is_none(), "the handler answers");

    let (channel, mut saw) = served(|mut halves| async move {
        let why = halves.out.closed().await;
        halves.tell(Err(why)).await;
        halves.tell_all_items().await;
        Ok(())
    });
    let (_out, input) = open(&channel).await;
    let mut input = input.item_timeout(limit);
    assert_is(input.next().await, Code::DEADLINE_EXCEEDED);
    assert_is(saw.recv().await.unwrap(), Code::DEADLINE_EXCEEDED);
}

#[tokio::test]
async fn items_that_cannot_be_read_or_are_too_large_say_so() {
    let (channel, mut saw) = served(|mut halves| async move {
        halves.out.send((&b"\xff"[..]).into()).await?;
        halves.tell_all_items().await;
        Ok(())
    });
    let (mut out, mut input) = EchoClient::new(&channel).converse().await.unwrap();
    assert_is(input.next().await, Code::INTERNAL);
    let large = EchoRequest { payload: vec![0; 5 << 20].into() };
    assert_is(out.send(large).await, Code::RESOURCE_EXHAUSTED);
    out.send(EchoRequest::default()).await.unwrap();
    assert_eq!(saw.recv().await.unwrap().unwrap(), "", "the stream goes on");
    assert!(out.try_send(EchoRequest { payload: vec![0; 300_000].into() }).is_ok(), "in its turn");
    assert_is(out.try_send(EchoRequest::default()), Code::RESOURCE_EXHAUSTED);
}

#[tokio::test]
async fn a_connection_that_is_lost_is_an_error_after_what_came() {
    let (channel, mut saw) = served(|mut halves| async move {
        let _dropped = Dropped(halves.tell.clone());
        halves.out.send("one".into()).await?;
        pending().await
    });
    let (mut out, mut input) = open(&channel).await;
    assert_eq!(text(&input.next().await.unwrap().unwrap()), "one");
    channel.close();
    assert_is(input.next().await, Code::UNAVAILABLE);
    assert_is(out.send("late".into()).await, Code::UNAVAILABLE);
    assert_eq!(saw.recv().await.unwrap().unwrap(), "dropped");
}
