//! Tables by a call's number. They grow by a quarter, where `Vec` by itself takes twice the room: of ten thousand idle streams
//! each pays for its part of that.

/// Makes a table as long as this, if it is shorter.
pub(crate) fn lengthen<T>(table: &mut Vec<T>, len: usize, make: impl FnMut() -> T) {
    if len <= table.len() {
        return;
    }
    if len > table.capacity() {
        let more = (len - table.len()).max(table.len() / 4).max(4);
        table.reserve_exact(more);
    }
    table.resize_with(len, make);
}

#[cfg(test)]
mod tests {
    use super::lengthen;

    #[test]
    fn a_table_has_a_quarter_of_room_to_spare_and_moves_seldom() {
        let (mut table, mut moves, mut room) = (Vec::new(), 0, 0);
        for len in 1..=10_000 {
            lengthen(&mut table, len, || 0_u64);
            assert!(table.len() == len && table.capacity() <= len + len / 4 + 4);
            moves += usize::from(table.capacity() != room);
            room = table.capacity();
        }
        assert!(moves < 50, "{moves} moves");
        lengthen(&mut table, 5, || 0);
        assert_eq!(table.len(), 10_000);
    }
}
