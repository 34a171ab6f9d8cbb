//! Traits that a macro of the user's own writes: their types come in groups that nobody sees.

use protocall::{Context, Raw, SendStream, Status};

macro_rules! services {
    ($($service:ident: $request:ty => $reply:ty, $context:ty, $out:ty;)+) => { $(
        #[protocall::service(package = "made.v1")]
        pub trait $service {
            async fn ask(&self, ctx: $context, req: $request) -> Result<$reply, Status>;
            #[method(push)]
            async fn tell(&self, ctx: &Context, req: $request) -> Result<$reply, Status>;
            async fn list(&self, ctx: &Context, req: $request, out: $out) -> Result<$reply, Status>;
        }
    )+ };
}

services! {
    First: Raw => (), &Context, SendStream<Raw>;
    Second: () => (), &protocall::Context, protocall::SendStream<Raw>;
}

fn main() {
    let _: fn(&FirstClient, Raw) -> protocall::Push<Raw> = FirstClient::tell;
    let _: fn(&SecondClient, ()) -> protocall::Open<(), protocall::RecvStream<Raw>> = SecondClient::list;
}
