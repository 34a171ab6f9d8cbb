//! Messages whose own code misbehaves: it panics, or writes another length than it said, at either end. It costs the one
//! call, whatever the size.

use bytes::{Buf, BufMut, Bytes};
use protocall::{Channel, Code, Context, Error, Message, Router, Server, Status};
use tokio::io::duplex;

use crate::support::{Running, idle, until, within};

/// What is wrong with a message. The codes of two travel: the request's own, and that of the reply to make.
const FINE: u8 = 0;
const LEN_PANICS: u8 = 1;
const ENCODE_PANICS: u8 = 2;
const ENCODE_STOPS: u8 = 3;
const WRITES_LESS: u8 = 4;
const WRITES_MORE: u8 = 5;
const DECODE_PANICS: u8 = 6;
const DECODE_FAILS: u8 = 7;

struct Grumpy {
    fault: u8,
    reply: u8,
    size: usize,
}

impl Message for Grumpy {
    fn encoded_len(&self) -> usize {
        assert_ne!(self.fault, LEN_PANICS, "as the test wants");
        2 + self.size
    }

    fn encode(&self, out: &mut impl BufMut) {
        assert_ne!(self.fault, ENCODE_PANICS, "as the test wants");
        out.put_u8(self.fault);
        out.put_u8(self.reply);
        assert_ne!(self.fault, ENCODE_STOPS, "as the test wants, half way");
        let more = match self.fault {
            WRITES_LESS => self.size.saturating_sub(1),
            WRITES_MORE => self.size + 1,
            _ => self.size,
        };
        out.put_bytes(7, more);
    }

    fn decode(mut payload: Bytes) -> Result<Self, Status> {
        let (fault, reply) = (payload.get_u8(), payload.get_u8());
        assert_ne!(fault, DECODE_PANICS, "as the test wants");
        if fault == DECODE_FAILS {
            return Err(Status::invalid_argument("not today"));
        }
        Ok(Self { fault, reply, size: payload.len() })
    }
}

#[protocall::service(package = "grumpy.v1")]
trait Moods {
    async fn swap(&self, ctx: &Context, req: Grumpy) -> Result<Grumpy, Status>;
    #[method(push)]
    async fn sulk(&self, ctx: &Context, req: Grumpy) -> Result<(), Status>;
}

struct Host;

impl Moods for Host {
    async fn swap(&self, _: &Context, req: Grumpy) -> Result<Grumpy, Status> {
        Ok(Grumpy { fault: req.reply, reply: FINE, size: req.size })
    }

    async fn sulk(&self, _: &Context, req: Grumpy) -> Result<(), Status> {
        match req.reply {
            FINE => Ok(()),
            DECODE_FAILS => Err(Status::aborted("hmpf")),
            _ => panic!("as the test wants"),
        }
    }
}

#[tokio::test]
async fn a_message_that_misbehaves_costs_its_call() {
    let server = Running::start(Server::new(Router::new().add(MoodsServer::new(Host)))).await;
    let (left, right) = duplex(64 << 10);
    let far = server.handle.serve_over(right).unwrap();
    let channel = Channel::builder("tcp://x:1").serve(Router::new().add(MoodsServer::new(Host)));
    let channel = channel.connect_over(left).await.unwrap();
    let near = channel.session().await.unwrap();
    for caller in [&near, &far] {
        let moods = MoodsClient::new(caller);
        for size in [1, 100, 60_000, 300_000] {
            for fault in FINE..=DECODE_FAILS {
                let call = tokio::spawn(moods.swap(Grumpy { fault, reply: FINE, size }));
                let outcome = within(call).await;
                match fault {
                    FINE => assert_eq!(outcome.unwrap().unwrap().size, size),
                    LEN_PANICS | ENCODE_PANICS | ENCODE_STOPS => assert!(outcome.err().unwrap().is_panic()),
                    WRITES_LESS | WRITES_MORE => {
                        let status = outcome.unwrap().err().unwrap();
                        assert!(matches!(status.local(), Some(Error::Encode { .. })), "{status:?}");
                        assert!(!status.may_have_run());
                    }
                    DECODE_PANICS => assert_eq!(outcome.unwrap().err().unwrap().code(), Code::INTERNAL),
                    _ => {
                        let status = outcome.unwrap().err().unwrap();
                        assert_eq!(status.code(), Code::INVALID_ARGUMENT, "{status:?}");
                    }
                }
                // The same of the reply.
                let call = tokio::spawn(moods.swap(Grumpy { fault: FINE, reply: fault, size }));
                let outcome = within(call).await;
                match fault {
                    FINE => assert_eq!(outcome.unwrap().unwrap().size, size),
                    DECODE_PANICS => assert!(outcome.err().unwrap().is_panic()),
                    _ => {
                        let status = outcome.unwrap().err().unwrap();
                        assert_eq!(status.code(), Code::INTERNAL, "{fault} {status:?}");
                        assert!(status.may_have_run());
                    }
                }
                // And of a push.
                let push = tokio::spawn(moods.sulk(Grumpy { fault, reply: FINE, size }));
                let outcome = within(push).await;
                match fault {
                    FINE | DECODE_PANICS | DECODE_FAILS => outcome.unwrap().unwrap(),
                    LEN_PANICS | ENCODE_PANICS | ENCODE_STOPS => assert!(outcome.unwrap_err().is_panic()),
                    _ => assert_eq!(outcome.unwrap().unwrap_err().code(), Code::INTERNAL),
                }
                within(caller.flushed()).await.unwrap();
            }
        }
        for reply in [DECODE_FAILS, DECODE_PANICS] {
            within(moods.sulk(Grumpy { fault: FINE, reply, size: 1 })).await.unwrap();
        }
        idle(caller).await;
    }
    for served in [&near, &far] {
        // Of each size one could not be read, and of one the reading panicked; then one handler failed, and one panicked.
        until(|| (served.stats().dropped_pushes, served.stats().failed_pushes) == (4, 6)).await;
    }
}
