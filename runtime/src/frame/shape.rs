//! Shapes of services: what two ends compare before they call each other (wire 4.7). Called for the HELLO from the
//! specs of the services.

// wire 4.7: 64-bit FNV-1a.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

const fn hash(mut state: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        state = (state ^ bytes[at] as u64).wrapping_mul(PRIME);
        at += 1;
    }
    state
}

/// The shape of the method behind `route` (`package.Service/Method`); `kind` is `unary`, `server_stream`,
/// `client_stream`, `bidi` or `push`.
pub(crate) const fn method_shape(route: &str, kind: &str) -> u64 {
    hash(hash(hash(OFFSET, route.as_bytes()), b":"), kind.as_bytes())
}

/// The shape of a service of these methods, in any order.
pub(crate) fn service_shape(methods: &[u64]) -> u64 {
    let mut methods = methods.to_vec();
    methods.sort_unstable();
    methods.iter().fold(OFFSET, |state, shape| hash(state, &shape.to_be_bytes()))
}
