//! What a session demands of the services that the other end announces (wire 4.7, 4.8). Called by the driver when HELLO
//! was read, under the lock: nobody sees a session that is ready and not compatible.

use super::Shared;
use crate::Compatibility;
use crate::config::Config;
use crate::frame::{EndCode, ServiceShape, Services};
use crate::proto::{Announced, Connection};

/// What this end will call, if it says so.
pub(super) fn announce(config: &Config) -> Option<Services> {
    let list = || config.calls.iter().map(|spec| crate::router::shape(spec)).collect();
    (!config.calls.is_empty()).then(|| Services { fallback: false, list: list() })
}

/// Ends the connection if the other end does not serve what this end will call. An end that does not say what it serves
/// is taken at its word: nothing is known, so nothing is demanded.
pub(super) fn check(shared: &Shared, announced: &Announced, conn: &mut Connection) {
    let policy = shared.config.compatibility;
    if policy == Compatibility::Ignore {
        return;
    }
    let (Some(wanted), Some(serves)) = (announce(&shared.config), &announced.serves) else { return };
    if let Some(difference) = difference(policy, &wanted, serves) {
        conn.fail(EndCode::Incompatible, &difference);
    }
}

/// The first thing that is wanted and not there.
fn difference(policy: Compatibility, wanted: &Services, serves: &Services) -> Option<String> {
    wanted.list.iter().find_map(|service| {
        let Some(served) = serves.list.iter().find(|served| served.name == service.name) else {
            // A fallback may answer for it; only strict wants to know.
            if serves.fallback && policy == Compatibility::Additive {
                return None;
            }
            return Some(format!("service `{}` is not served there", service.name));
        };
        differs(policy, service, served).then(|| {
            let word = match policy {
                Compatibility::Strict => "differs from",
                _ => "lacks a method, or has another kind of one, of",
            };
            format!("service `{}` there {word} the one that is called here", service.name)
        })
    })
}

fn differs(policy: Compatibility, wanted: &ServiceShape, served: &ServiceShape) -> bool {
    match policy {
        Compatibility::Ignore => false,
        Compatibility::Additive => !wanted.methods.iter().all(|method| served.methods.contains(method)),
        Compatibility::Strict => wanted.shape != served.shape,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn services(methods: &[u64]) -> Services {
        let shape = crate::frame::shape::service_shape(methods);
        let list = vec![ServiceShape { name: "a.B".into(), shape, methods: methods.to_vec() }];
        Services { fallback: false, list }
    }

    #[test]
    fn an_additive_peer_may_serve_more() {
        assert_eq!(difference(Compatibility::Additive, &services(&[1]), &services(&[1, 2])), None);
        assert!(difference(Compatibility::Additive, &services(&[1, 2]), &services(&[1])).is_some());
    }

    #[test]
    fn a_strict_peer_serves_the_same() {
        assert_eq!(difference(Compatibility::Strict, &services(&[2, 1]), &services(&[1, 2])), None);
        let text = difference(Compatibility::Strict, &services(&[1]), &services(&[1, 2]));
        assert!(text.is_some_and(|text| text.contains("`a.B`")));
    }

    #[test]
    fn a_service_that_is_not_there_is_named() {
        let none = Services { fallback: false, list: Vec::new() };
        let text = difference(Compatibility::Additive, &services(&[1]), &none);
        assert!(text.is_some_and(|text| text.contains("`a.B`")));
    }

    #[test]
    fn a_fallback_may_answer_for_a_service_that_is_not_there() {
        let fallback = Services { fallback: true, list: Vec::new() };
        assert_eq!(difference(Compatibility::Additive, &services(&[1]), &fallback), None);
        assert!(difference(Compatibility::Strict, &services(&[1]), &fallback).is_some());
    }
}
