//! Pipelines: calls asked at once, in one write, with their answers in the order of asking and an error each.

mod writes;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use protocall::{Channel, Code, Context, Raw, Server, Status, pipeline};
use protocall_tests::proto::echo::v1::{EchoReply, EchoRequest};
use tokio::sync::{Semaphore, mpsc};

use crate::support::{Ends, Guard, Over, Running, each_way, echo, host, message, until, within};

const ECHO: &str = "echo.v1.Echo/Echo";

fn number(n: u32) -> EchoRequest {
    message(n.to_be_bytes())
}

fn number_of(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload.try_into().unwrap())
}

fn numbers(answers: Vec<Result<EchoReply, Status>>) -> Vec<u32> {
    answers.into_iter().map(|answer| number_of(&answer.unwrap().payload)).collect()
}

#[tokio::test]
async fn answers_come_in_the_order_of_asking_whichever_is_ready_first() {
    // The later it was asked, the sooner it is done.
    let host = host().on_call(|_, payload| async move {
        for _ in 0..20 - number_of(&payload).min(20) {
            tokio::task::yield_now().await;
        }
        Ok(payload)
    });
    each_way(&host, async |session| {
        let client = echo(&session);
        let all = pipeline((0..3_000).map(|n| client.echo(number(n)))).await;
        assert!(numbers(all).into_iter().eq(0..3_000));
        let mut one_by_one = pipeline(vec![client.echo(number(1)), client.echo(number(2))]);
        assert_eq!(number_of(&one_by_one.next().await.unwrap().unwrap().payload), 1);
        assert_eq!(number_of(&one_by_one.next().await.unwrap().unwrap().payload), 2);
        assert!(one_by_one.next().await.is_none());
        assert!(one_by_one.await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_pipeline_of_nothing_is_done() {
    let client = echo(&Ends::new(Over::Memory, &host()).await.near);
    let nothing = || std::iter::empty::<u32>().map(|n| client.echo(number(n)));
    assert!(within(pipeline(nothing())).await.is_empty());
    assert!(within(pipeline(nothing()).next()).await.is_none());
}

#[tokio::test]
async fn a_call_that_fails_does_not_touch_the_others() {
    let host = host().on_call(|_, payload| async move {
        match number_of(&payload[..4]) {
            3 => Err(Status::aborted("not this one")),
            5 => panic!("as the test wants"),
            _ => Ok(payload),
        }
    });
    each_way(&host, async |session| {
        let client = echo(&session);
        let calls = (0..9).map(|n| match n {
            // It cannot leave: it is larger than `max_message`.
            1 => client.echo(message(vec![0; 5 << 20])),
            // In fragments, behind which small ones need not stand.
            2 => client.echo(message([&[0, 0, 0, 2], &vec![7; 300_000][..]].concat())),
            7 => client.echo(number(n)).timeout(Duration::ZERO),
            _ => client.echo(number(n)),
        });
        let answers = pipeline(calls).await;
        let codes = answers.iter().map(|answer| match answer {
            Ok(reply) => Ok(number_of(&reply.payload[..4])),
            Err(status) => Err(status.code()),
        });
        let expected = [
            Ok(0),
            Err(Code::RESOURCE_EXHAUSTED),
            Ok(2),
            Err(Code::ABORTED),
            Ok(4),
            Err(Code::INTERNAL),
            Ok(6),
            Err(Code::DEADLINE_EXCEEDED),
            Ok(8),
        ];
        assert_eq!(codes.collect::<Vec<_>>(), expected);
        assert!(!answers[1].as_ref().unwrap_err().may_have_run());
        assert!(!answers[7].as_ref().unwrap_err().may_have_run());
    })
    .await;
}

#[tokio::test]
async fn calls_of_several_types_give_a_tuple() {
    let host = host().on_call(|ctx, payload| async move {
        ctx.reply_metadata("zone", ctx.metadata().get_str("zone").unwrap_or_default());
        match payload.as_ref() {
            b"fail" => Err(Status::aborted("no")),
            _ => Ok(payload),
        }
    });
    each_way(&host, async |session| {
        let client = echo(&session);
        let calls = (
            client.echo(message("a")),
            client.echo(message("b")).metadata("zone", "UTC").with_metadata(),
            session.call_raw("nobody.v1.No/Body", "c"),
            client.echo(message("fail")),
            client.echo(message(vec![5; 200_000])),
        );
        let (a, b, c, failed, large) = pipeline::mixed(calls).await;
        assert_eq!(a.unwrap().payload, "a");
        let (b, metadata) = b.unwrap();
        assert_eq!((&b.payload[..], metadata.get_str("zone")), (&b"b"[..], Some("UTC")));
        assert_eq!(c.map(|_: Raw| ()).unwrap_err().code(), Code::UNIMPLEMENTED);
        assert_eq!(failed.unwrap_err().code(), Code::ABORTED);
        assert_eq!(large.unwrap().payload.len(), 200_000);
    })
    .await;
}

/// A host whose handlers say that they began, and when they are dropped; none returns before `gate` lets it.
fn gated(
    began: &mpsc::Sender<u32>,
    gone: &mpsc::Sender<&'static str>,
    gate: &Arc<Semaphore>,
) -> crate::support::Host {
    let (began, gone, gate) = (began.clone(), gone.clone(), Arc::clone(gate));
    host().on_call(move |_, payload| {
        let (began, gate, guard) = (began.clone(), Arc::clone(&gate), Guard::new(&gone, "gone"));
        async move {
            let _guard = guard;
            began.try_send(number_of(&payload)).unwrap();
            gate.acquire().await.unwrap().forget();
            Ok(payload)
        }
    })
}

#[tokio::test]
async fn a_pipeline_that_is_dropped_cancels_all_that_have_no_answer() {
    let ((began, mut begins), (gone, mut goes)) = (mpsc::channel(256), mpsc::channel(256));
    let gate = Arc::new(Semaphore::new(1));
    let ends = Ends::new(Over::Tcp, &gated(&began, &gone, &gate)).await;
    for caller in ends.both() {
        let (client, other) = (echo(&caller), echo(&caller));
        let mut asked = pipeline((0..20).map(move |n| other.echo(number(n)))).max_in_flight(10);
        let first = within(asked.next()).await.unwrap().unwrap();
        assert_eq!(number_of(&first.payload), 0);
        let two = pipeline::mixed((client.echo(number(20)), client.echo(number(21))));
        let (two, asked) = (tokio::spawn(two), tokio::spawn(asked));
        // The first ten, the one that the first made room for, and the two.
        for _ in 0..13 {
            within(begins.recv()).await.unwrap();
        }
        two.abort();
        asked.abort();
        for _ in 0..13 {
            within(goes.recv()).await.unwrap();
        }
        ends.idle().await;
        assert!(begins.try_recv().is_err());
        gate.add_permits(1);
    }
}

#[tokio::test]
async fn calls_beyond_the_room_follow_in_their_order() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let came = Arc::clone(&order);
    let host = host().on_call(move |_, payload| {
        came.lock().unwrap().push(number_of(&payload[..4]));
        async move {
            tokio::task::yield_now().await;
            Ok(payload)
        }
    });
    let few = |s: Server| s.max_in_flight(64).receive_budget(128 << 10).max_message(64 << 10);
    let ends = Ends::with(Over::Tcp, host.router(), host.router(), few, |c| {
        c.max_in_flight(64).receive_budget(128 << 10).max_message(64 << 10)
    });
    let ends = within(ends).await;
    for caller in ends.both() {
        let client = echo(&caller);
        // Beside others on the same connection, that want room too.
        let beside = tokio::spawn({
            let client = client.clone();
            async move {
                for _ in 0..50 {
                    client.echo(number(u32::MAX)).await.unwrap();
                }
            }
        });
        // Some of them need much credit.
        let size = |n: u32| if n % 10 == 9 { 40_000 } else { 0 };
        let calls =
            (0..1_000u32).map(|n| client.echo(message([&n.to_be_bytes(), &vec![1; size(n)][..]].concat())));
        let answers = within(pipeline(calls)).await;
        for (n, answer) in (0..1_000).zip(answers) {
            let payload = answer.unwrap().payload;
            assert_eq!((number_of(&payload[..4]), payload.len()), (n, 4 + size(n)));
        }
        within(beside).await.unwrap();
        let came = std::mem::take(&mut *order.lock().unwrap());
        assert!(came.into_iter().filter(|n| *n != u32::MAX).eq(0..1_000));
        ends.idle().await;
    }
}

#[tokio::test]
async fn no_more_are_taken_out_of_the_iterator_than_may_be_under_way() {
    let ((began, _begins), (gone, _)) = (mpsc::channel(256), mpsc::channel(256));
    let gate = Arc::new(Semaphore::new(0));
    let ends = Ends::new(Over::Memory, &gated(&began, &gone, &gate)).await;
    let client = echo(&ends.near);
    let taken = Arc::new(Mutex::new(0));
    let count = Arc::clone(&taken);
    let calls = std::iter::repeat_with(move || {
        *count.lock().unwrap() += 1;
        client.echo(number(7))
    });
    let mut endless = pipeline(calls).max_in_flight(4);
    for answered in 0..20 {
        gate.add_permits(1);
        within(endless.next()).await.unwrap().unwrap();
        let taken = *taken.lock().unwrap();
        assert!((answered + 2..=answered + 5).contains(&taken), "{taken} after {answered}");
    }
    assert!(ends.near.stats().calls_out <= 4);
    drop(endless);
    ends.idle().await;
}

#[tokio::test]
async fn a_pipeline_in_a_handler_inherits_its_deadline_and_keeps_its_own_metadata() {
    let upstream = host().on_call(|ctx, _| async move {
        let left = ctx.remaining().map_or(0, |left| left.as_millis());
        Ok(Bytes::from(format!("{} {}", left <= 5_000, ctx.metadata().get_str("k").unwrap_or("none"))))
    });
    let upstream = within(Ends::new(Over::Memory, &upstream)).await;
    let client = echo(&upstream.near);
    let front = host().on_call(move |_: Context, _| {
        let client = client.clone();
        async move {
            let calls = vec![
                client.echo(message("")),
                client.echo(message("")).metadata("k", "v"),
                client.echo(message("")).detached(),
            ];
            let said = pipeline(calls).await.into_iter().map(|answer| answer.map(|reply| reply.payload));
            Ok(Bytes::from(said.collect::<Result<Vec<_>, _>>()?.join(&b';')))
        }
    });
    let ends = within(Ends::new(Over::Tcp, &front)).await;
    let call = echo(&ends.near).echo(message("")).timeout(Duration::from_secs(5));
    assert_eq!(within(call).await.unwrap().payload, "true none;true v;false none");
}

#[tokio::test]
async fn time_goes_on_for_those_that_stand_behind() {
    let ((began, mut begins), (gone, _)) = (mpsc::channel(256), mpsc::channel(256));
    let gate = Arc::new(Semaphore::new(0));
    let router = || gated(&began, &gone, &gate).router();
    let ends =
        Ends::with(Over::Tcp, router(), router(), |s| s.max_in_flight(64), |c| c.max_in_flight(64)).await;
    for caller in ends.both() {
        let client = echo(&caller);
        // These have all the room.
        let before = tokio::spawn(pipeline((0..64).map({
            let client = client.clone();
            move |n| client.echo(number(n))
        })));
        for _ in 0..64 {
            within(begins.recv()).await.unwrap();
        }
        // It waits for those who have the least time too: none has any when its turn comes.
        let limit = |n| Duration::from_millis(if n == 100 { 50 } else { 1 });
        let late = (100..106).map(|n| client.echo(number(n)).timeout(limit(n)));
        let late = within(pipeline(late)).await;
        assert_eq!(late.len(), 6);
        for answer in late {
            let status = answer.unwrap_err();
            assert_eq!((status.code(), status.may_have_run()), (Code::DEADLINE_EXCEEDED, false));
        }
        // One that has all the time goes on when there is room, and one behind it whose time is over does not.
        let calls =
            vec![client.echo(number(200)), client.echo(number(201)).timeout(Duration::from_millis(1))];
        let after = tokio::spawn(pipeline(calls));
        within(client.echo(number(300)).timeout(Duration::from_millis(20))).await.unwrap_err();
        gate.add_permits(65);
        let after = within(after).await.unwrap();
        assert_eq!(number_of(&after[0].as_ref().unwrap().payload), 200);
        assert!(!after[1].as_ref().unwrap_err().may_have_run());
        within(before).await.unwrap();
        assert_eq!(within(begins.recv()).await, Some(200));
        assert!(begins.try_recv().is_err());
        ends.idle().await;
    }
}

#[tokio::test]
async fn every_call_is_told_that_the_connection_ended() {
    let ((began, mut begins), (gone, _)) = (mpsc::channel(256), mpsc::channel(256));
    let gate = Arc::new(Semaphore::new(0));
    let few = |s: Server| s.max_in_flight(64);
    let router = || gated(&began, &gone, &gate).router();
    let ends = Ends::with(Over::Tcp, router(), router(), few, |c| c).await;
    let client = echo(&ends.near);
    let asked = tokio::spawn(pipeline((0..600).map(move |n| client.echo(number(n)))));
    for _ in 0..64 {
        within(begins.recv()).await.unwrap();
    }
    ends.near.close();
    let answers = within(asked).await.unwrap();
    assert_eq!(answers.len(), 600);
    for (n, answer) in answers.into_iter().enumerate() {
        let status = answer.unwrap_err();
        assert_eq!((status.code(), status.may_have_run()), (Code::UNAVAILABLE, n < 64), "{n}: {status:?}");
    }
}

#[tokio::test]
async fn a_pipeline_on_a_channel_connects_first_and_one_of_several_sessions_asks_each() {
    let server = Running::start(Server::new(host().router()).listen("tcp://127.0.0.1:0")).await;
    let [one, two] = [(); 2].map(|()| Channel::builder(&server.uri).connect_lazy().unwrap());
    let calls = (0..900u32).map(|n| match n % 3 {
        0 => one.call_raw(ECHO, number_raw(n)),
        _ => two.call_raw(ECHO, number_raw(n)),
    });
    let answers = within(pipeline(calls)).await;
    for (n, answer) in (0..900u32).zip(answers) {
        assert_eq!(answer.unwrap(), Raw(number_raw(n)));
    }
    assert_eq!(server.handle.sessions().len(), 2);
}

#[tokio::test]
async fn answers_that_nobody_takes_keep_no_more_than_the_pipelines_own() {
    let few = |s: Server| s.max_in_flight(64);
    let ends = Ends::with(Over::Tcp, host().router(), host().router(), few, |c| c).await;
    let client = echo(&ends.near);
    let mut asked = pipeline((0..100).map(|n| client.echo(number(n)))).max_in_flight(63);
    within(asked.next()).await.unwrap().unwrap();
    until(|| ends.far.stats().calls_in == 0).await;
    // There is room for others, however long it takes to come for the answers.
    for n in 0..100 {
        within(client.echo(number(n))).await.unwrap();
    }
    assert!(numbers(within(asked).await).into_iter().eq(1..100));
}

fn number_raw(n: u32) -> Bytes {
    Bytes::from([&[0x0a, 4], &n.to_be_bytes()[..]].concat())
}
