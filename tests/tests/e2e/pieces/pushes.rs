//! Pushes, which have a lane's order to keep.

use protocall::{RawCall, Router};

use super::*;

/// Half of a push has passed from one neighbour to the other.
async fn half_a_push(from: &mut Wire, to: &mut Wire) -> Vec<u8> {
    from.say(PUSH, FRAGMENTED | NAMED, &[opening(), total().to_vec()].concat()).await;
    from.say_part_as(LANE, 0..TOTAL / 2).await;
    to.lend().await;
    to.hear_part(PUSH, TOTAL / 2).await
}

#[tokio::test]
async fn a_push_passes_before_it_is_whole_both_ways_and_those_behind_it_in_their_order() {
    let (mut near, listener, _server) = proxied().await;
    // The upstream's connection is made by what comes first.
    near.say(PUSH, NAMED, &[opening(), b"first".to_vec()].concat()).await;
    let mut far = accept(&listener).await;
    assert!(far.hear(&[PUSH]).await.2.ends_with(b"first"));
    for _ in 0..2 {
        let mut came = half_a_push(&mut near, &mut far).await;
        near.say_part_as(LANE, TOTAL / 2..TOTAL).await;
        near.say(PUSH, NAMED, &[opening(), b"behind".to_vec()].concat()).await;
        far.hear_more(&mut came, TOTAL).await;
        assert_eq!(came, message_bytes());
        far.lend().await;
        assert!(far.hear(&[PUSH]).await.2.ends_with(b"behind"));
        std::mem::swap(&mut near, &mut far);
    }
}

#[tokio::test]
async fn a_push_that_breaks_off_is_reset_where_it_went_and_the_next_of_its_lane_passes() {
    for gone in [false, true] {
        let (mut near, listener, _server) = proxied().await;
        near.say(PUSH, NAMED, &[opening(), b"first".to_vec()].concat()).await;
        let mut far = accept(&listener).await;
        half_a_push(&mut near, &mut far).await;
        if gone {
            drop(near);
        } else {
            near.say(RESET, LANE, b"\0\0\0\x01enough").await;
            near.say(PUSH, NAMED, &[opening(), b"behind".to_vec()].concat()).await;
        }
        let (kind, flags, _) = far.hear(&[RESET, FRAGMENT]).await;
        assert_eq!((kind, flags), (RESET, LANE));
        if !gone {
            far.lend().await;
            assert!(far.hear(&[PUSH]).await.2.ends_with(b"behind"));
        }
    }
}

#[tokio::test]
async fn a_fallback_that_does_not_pass_them_on_has_large_pushes_whole_and_none_that_broke_off() {
    let (seen, mut came) = tokio::sync::mpsc::channel(4);
    let router = Router::new().fallback_push(move |_, push: RawCall| {
        let seen = seen.clone();
        async move {
            seen.send(push.payload().clone()).await.unwrap();
            Ok(())
        }
    });
    let (mut near, _server) = line(router).await;
    for broken in [false, true, false] {
        near.say(PUSH, FRAGMENTED | NAMED, &[opening(), total().to_vec()].concat()).await;
        near.say_part_as(LANE, 0..TOTAL / 2).await;
        match broken {
            true => near.say(RESET, LANE, b"\0\0\0\x01enough").await,
            false => near.say_part_as(LANE, TOTAL / 2..TOTAL).await,
        }
        if !broken {
            assert_eq!(within(came.recv()).await.unwrap(), message_bytes());
        }
    }
    near.say(PUSH, NAMED, &[opening(), b"last".to_vec()].concat()).await;
    assert_eq!(within(came.recv()).await.unwrap(), "last");
}
