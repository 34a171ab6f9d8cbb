//! The buffers that frames are encoded into and written from.

use std::io::IoSlice;

use super::super::outbox::Outbox;
use super::*;

#[test]
fn a_buffer_that_was_written_from_has_all_of_its_room_for_the_next_frames() {
    const FRAMES: usize = 30;
    let (mut outbox, mut batch, mut left) = (Outbox::default(), Batch::default(), Vec::new());
    for round in 0..20_u8 {
        (0..FRAMES).for_each(|_| outbox.small().extend_from_slice(&[round; 1_000]));
        outbox.fill(test_clock(), (1 << 16, 0), &mut batch, &mut left);
        // There are two buffers, which take turns.
        assert!(round == 0 || outbox.capacity() >= 1_000 * FRAMES, "{} in round {round}", outbox.capacity());
        // The transport takes it in two pieces.
        for (taken, rest) in [(10_000, 30_000), (20_000, 20_000)] {
            let mut slices = [IoSlice::new(&[]); 2];
            assert_eq!(batch.slices(&mut slices), 1);
            assert_eq!(&slices[0][..], &vec![round; rest][..]);
            batch.advance(taken);
        }
        assert!(batch.is_empty());
    }
}
