//! The sessions of a server: by id, in groups, all of them; and that none is left anywhere when its connection has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use protocall::{
    Caller, Channel, Code, Context, EndedBy, Error, Group, IdInUse, Registry, Server, Session, Status,
};
use protocall_tests::proto::echo::v1::EchoClient;

use crate::support::{Ends, Over, Running, echo, host, message, until, within};

async fn started(registry: &Registry) -> Running {
    let server = Server::new(host().router()).registry(registry).listen("tcp://127.0.0.1:0");
    Running::start(server).await
}

/// A client, and its session at the server.
async fn connected(server: &Running) -> (Channel, Session) {
    let before = server.handle.sessions();
    let channel = Channel::builder(&server.uri).serve(host().router()).connect().await.unwrap();
    let is_new = |session: &Session| !before.contains(session);
    until(|| server.handle.sessions().iter().any(is_new)).await;
    let session = server.handle.sessions().into_iter().find(is_new).unwrap();
    until(|| server.handle.registry().sessions().contains(&session)).await;
    (channel, session)
}

#[tokio::test]
async fn an_id_is_had_by_one_until_it_lets_go_or_ends() {
    let registry = Registry::new();
    let server = started(&registry).await;
    let ((_ada, ada), (_bob, bob)) = (connected(&server).await, connected(&server).await);
    assert_eq!(registry.claim(&ada, "ada"), Ok(()));
    assert_eq!(registry.claim(&ada, "ada"), Ok(()), "it has it already");
    let error: IdInUse = registry.claim(&bob, "ada").unwrap_err();
    assert_eq!((error.id(), Status::from(error.clone()).code()), ("ada", Code::ALREADY_EXISTS));
    assert_eq!((registry.get("ada"), registry.id(&ada).as_deref()), (Some(ada.clone()), Some("ada")));
    // Another id frees the first.
    registry.claim(&ada, "countess").unwrap();
    assert_eq!((registry.get("ada"), registry.get("countess")), (None, Some(ada.clone())));
    registry.claim(&bob, "ada").unwrap();
    registry.release(&bob);
    assert_eq!((registry.get("ada"), registry.id(&bob)), (None, None));
    registry.claim(&bob, "bob").unwrap();
    ada.close();
    until(|| registry.get("countess").is_none()).await;
    assert_eq!(registry.claim(&bob, "countess"), Ok(()));
    assert_eq!(registry.claim(&ada, "ghost"), Ok(()), "of no use to one that has ended");
    assert_eq!((registry.get("ghost"), registry.id(&ada)), (None, None));
}

#[tokio::test]
async fn who_is_taken_over_from_is_closed_and_told_why() {
    let registry = Registry::new();
    let server = started(&registry).await;
    let ((old_channel, old), (_new, new)) = (connected(&server).await, connected(&server).await);
    let at_client = old_channel.session().await.unwrap();
    assert_eq!(registry.take_over(&old, "ada"), None);
    assert_eq!(registry.take_over(&old, "ada"), None, "its own");
    assert_eq!(registry.take_over(&new, "ada"), Some(old.clone()));
    assert_eq!(registry.get("ada"), Some(new.clone()));
    let reason = within(at_client.closed()).await;
    assert_eq!((reason.name(), reason.by(), reason.is_final()), ("REPLACED", EndedBy::Peer, true));
    assert!(reason.text().contains("has taken its id"), "{reason}");
    until(|| registry.len() == 1).await;
    assert_eq!(registry.get("ada"), Some(new), "the end of the old one takes nothing from the new one");
}

#[tokio::test]
async fn groups_are_joined_left_found_and_gone() {
    let registry = Registry::new();
    let server = started(&registry).await;
    let ((_one, one), (two_channel, two)) = (connected(&server).await, connected(&server).await);
    assert!(registry.groups().is_empty());
    let room = registry.group("room");
    assert!(room.join(&one) && !room.join(&one) && registry.group("room").join(&two));
    assert_eq!((room.len(), room.name(), registry.groups().len()), (2, Some("room"), 1));
    assert!(room.leave(&one) && !room.leave(&one) && !room.contains(&one));
    drop(room);
    assert!(registry.group("room").contains(&two), "it is there as long as somebody is in it");
    let nameless = Group::new();
    assert!(nameless.join(&two));
    two_channel.close();
    until(|| nameless.is_empty() && registry.groups().is_empty()).await;
    assert!(registry.group("room").is_empty() && !registry.group("room").join(&two), "it has ended");
    let kept = registry.group("kept");
    assert!(kept.join(&one) && registry.group("kept").leave(&one));
    assert!(kept.join(&one) && registry.group("kept").contains(&one), "still the same");
    // A group that goes is forgotten by those in it.
    assert!(Group::new().join(&one));
    one.close();
    until(|| format!("{registry:?}") == "Registry { sessions: 0, ids: 0, groups: 1 }").await;
    drop(kept);
    assert_eq!(format!("{registry:?}"), "Registry { sessions: 0, ids: 0, groups: 0 }");
}

#[tokio::test]
async fn a_service_that_has_the_registry_pushes_to_all_and_only_pushes() {
    let registry = Registry::new();
    let heard = Arc::new(AtomicU64::new(0));
    let at_service = registry.clone();
    let service = host().on_call(move |ctx: Context, payload| {
        let registry = at_service.clone();
        async move {
            registry.claim(&ctx.session(), String::from_utf8_lossy(&payload).into_owned())?;
            registry.group("all").join(&ctx.session());
            let told = EchoClient::new(registry.group("all")).note(message(&payload)).queue();
            assert_eq!(told.reached(), registry.group("all").len());
            Ok(payload)
        }
    });
    let server = Server::new(service.router()).registry(&registry).listen("tcp://127.0.0.1:0");
    let server = Running::start(server).await;
    let mut channels = Vec::new();
    for name in ["ada", "bob", "cy"] {
        let heard = Arc::clone(&heard);
        let listens = host().on_note(move |_, _| {
            heard.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        });
        let channel = Channel::builder(&server.uri).serve(listens.router()).connect().await.unwrap();
        within(EchoClient::new(&channel).echo(message(name))).await.unwrap();
        channels.push(channel);
    }
    let status = within(EchoClient::new(&channels[2]).echo(message("ada"))).await.unwrap_err();
    assert_eq!(status.code(), Code::ALREADY_EXISTS);
    until(|| heard.load(Ordering::Relaxed) == 1 + 2 + 3).await;
    for many in [Caller::from(&registry), registry.group("all").into(), registry.sessions().into()] {
        let status = within(EchoClient::new(many).echo(message("x"))).await.unwrap_err();
        assert!(matches!(status.local(), Some(Error::NotOne)) && !status.may_have_run(), "{status:?}");
        assert_eq!(status.code(), Code::FAILED_PRECONDITION);
    }
}

#[tokio::test]
async fn two_servers_share_a_registry_and_each_drains_its_own() {
    let registry = Registry::new();
    let (first, second) = (started(&registry).await, started(&registry).await);
    let (_one, _) = (connected(&first).await, connected(&second).await);
    let two = connected(&second).await;
    assert_eq!((registry.len(), first.handle.sessions().len()), (3, 1));
    let report = within(first.report()).await;
    assert_eq!((report.open, report.drained), (1, 1));
    until(|| registry.len() == 2).await;
    within(echo(&two.1).echo(message("still here"))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_come_and_go_while_others_look_and_push_leave_nothing() {
    let registry = Registry::new();
    let server = started(&registry).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut others = tokio::task::JoinSet::new();
    for number in 0..3 {
        let (registry, stop) = (registry.clone(), Arc::clone(&stop));
        others.spawn(async move {
            let everyone = EchoClient::new(&registry);
            while !stop.load(Ordering::Relaxed) {
                everyone.note(message([number; 100])).queue();
                for group in registry.groups() {
                    EchoClient::new(&group).note(message([number; 100])).queue();
                }
                for session in &registry {
                    let _ = registry.id(&session).and_then(|id| registry.get(&id));
                }
                tokio::task::yield_now().await;
            }
        });
    }
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..8 {
        let (uri, registry) = (server.uri.clone(), registry.clone());
        clients.spawn(async move {
            for round in 0..21 {
                let channel = Channel::builder(&uri).serve(host().router()).connect().await.unwrap();
                // Whoever is found: also those of others, and some that have just gone.
                for session in &registry {
                    match round % 3 {
                        0 => drop(registry.claim(&session, format!("{client}"))),
                        1 => drop(registry.group(format!("{}", round % 7)).join(&session)),
                        _ => drop(registry.group(format!("{}", round % 7)).leave(&session)),
                    }
                }
                channel.close();
            }
        });
    }
    within(clients.join_all()).await;
    stop.store(true, Ordering::Relaxed);
    within(others.join_all()).await;
    until(|| format!("{registry:?}") == "Registry { sessions: 0, ids: 0, groups: 0 }").await;
    assert!(server.handle.sessions().is_empty());
}

#[tokio::test]
async fn a_client_has_groups_of_its_servers() {
    let ends = Ends::new(Over::Tcp, &host()).await;
    let upstreams = Group::new();
    assert!(upstreams.join(&ends.near) && upstreams.join(&ends.far));
    let told = EchoClient::new(&upstreams).note(message("both ways")).queue();
    assert_eq!(told.reached(), 2);
    ends.channel.close();
    until(|| upstreams.is_empty()).await;
    assert_eq!(EchoClient::new(&upstreams).note(message("nobody")).queue().reached(), 0);
}
