//! protocall with many routes in its router. A program of its own, as nobody else's is to be so large.

use std::process::ExitCode;
use std::sync::Arc;

use bench_harness::{Checked, Client, Job, Kind, Payload, Peer, Result};
use proto::bench::v1::Packet;
use protocall::{Call, Channel, Server};

mod proto {
    #![allow(dead_code, reason = "the calls that are made need the messages of some services alone")]
    protocall::include_schema!();
}

/// What `build.rs` wrote: the handlers of all services, a router with them, clients, and a function for each route.
mod routes {
    use protocall::{Channel, Context, Router, Status};

    use super::proto::bench::v1::*;

    pub struct Handlers;

    include!(concat!(env!("OUT_DIR"), "/routes.rs"));
}

/// Makes a call of one of them.
type Route = fn(&routes::Clients, Packet) -> Call<Packet, Packet>;

struct ProtocallRoutes;

impl Peer for ProtocallRoutes {
    const CAN: &'static [Kind] = &[Kind::Routes];

    type Client = Connection;

    async fn serve(job: Job) -> Result<()> {
        Server::new(routes::router()).listen(format!("tcp://{}", job.addr)).bind().await?.serve().await;
        Ok(())
    }

    async fn connect(job: &Job) -> Result<Connection> {
        let channel = Channel::connect(format!("tcp://{}", job.addr)).await?;
        let calls = routes::CALLS.get(..job.routes).ok_or("there are not so many routes")?;
        Ok(Connection { clients: Arc::new(routes::Clients::new(&channel)), calls })
    }
}

#[derive(Clone)]
struct Connection {
    clients: Arc<routes::Clients>,
    calls: &'static [Route],
}

impl Client for Connection {
    async fn echo(&self, payload: Payload) -> Result<Checked> {
        let call = self.calls[payload.seq as usize % self.calls.len()];
        let packet = Packet { seq: payload.seq, body: payload.body.clone(), burn_us: 0 };
        let reply = call(&self.clients, packet).await?;
        payload.check(reply.seq, &reply.body)
    }
}

fn main() -> ExitCode {
    bench_harness::run::<ProtocallRoutes>()
}
