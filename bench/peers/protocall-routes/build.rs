//! Writes a schema of many routes, and by hand what somebody with so many would write: handlers, a router, clients.

use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

const SERVICES: usize = 60;
/// In each service.
const METHODS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let (schema, schemas) = (out.join("routes.proto"), PathBuf::from("../../schemas"));
    fs::write(&schema, schema_text())?;
    fs::write(out.join("routes.rs"), program_text()?)?;
    protocall_build::compile(&[schemas.join("bench.proto"), schema], &[schemas, out])?;
    Ok(())
}

fn schema_text() -> String {
    let head = "syntax = \"proto3\";\npackage bench.v1;\nimport \"bench.proto\";\n";
    let method = |method| format!("  rpc Method{method}(Packet) returns (Packet);\n");
    let methods: String = (0..METHODS).map(method).collect();
    let services: String = (0..SERVICES).map(|n| format!("service Routes{n} {{\n{methods}}}\n")).collect();
    head.to_owned() + &services
}

fn program_text() -> Result<String, std::fmt::Error> {
    let (mut handlers, mut router, mut fields, mut clients, mut calls) = <[String; 5]>::default().into();
    for service in 0..SERVICES {
        writeln!(handlers, "impl Routes{service} for Handlers {{")?;
        for method in 0..METHODS {
            writeln!(
                handlers,
                "async fn method{method}(&self, _: &Context, packet: Packet) -> Result<Packet, Status> {{ Ok(packet) }}"
            )?;
            writeln!(calls, "|clients, packet| clients.routes{service}.method{method}(packet),")?;
        }
        writeln!(handlers, "}}")?;
        write!(router, ".add(Routes{service}Server::new(Handlers))")?;
        write!(fields, "routes{service}: Routes{service}Client,")?;
        write!(clients, "routes{service}: Routes{service}Client::new(channel),")?;
    }
    let count = SERVICES * METHODS;
    Ok(format!(
        "{handlers}
        pub struct Clients {{ {fields} }}
        impl Clients {{ pub fn new(channel: &Channel) -> Self {{ Self {{ {clients} }} }} }}
        pub fn router() -> Router {{ Router::new(){router} }}
        pub static CALLS: [super::Route; {count}] = [{calls}];"
    ))
}
