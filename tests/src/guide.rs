//! The guide's code, compiled as doctests; what blocks is `no_run`, the rest runs. `tests/guide/` holds its texts.

macro_rules! pages {
    ($($name:ident = $path:literal;)*) => {
        $(#[doc = include_str!(concat!("../../docs/guide/", $path))] mod $name {})*
    };
}

pages! {
    broadcast = "broadcast.md";
    errors = "errors.md";
    first_service = "first-service.md";
    flow_control = "flow-control.md";
    from_tarpc = "from-tarpc.md";
    from_tonic = "from-tonic.md";
    pipeline = "pipeline.md";
    push = "push.md";
    schemas = "schemas.md";
    streams = "streams.md";
    testing = "testing.md";
    unknown_routes = "unknown-routes.md";
}
