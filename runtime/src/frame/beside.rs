//! What goes beside a message: nothing, metadata alone, or a block of items. The first two, which are most, need no heap block.
//! Held by calls and pushes at both of their ends.

use bytes::Bytes;

use super::block::{Block, BlockError, metadata_alone};
use crate::metadata::Metadata;

/// What goes beside a message.
#[derive(Clone, Debug, Default)]
pub(crate) enum Beside {
    #[default]
    Nothing,
    Metadata(Metadata),
    Block(Box<Block>),
}

/// The metadata of a call that brings none.
static NO_METADATA: Metadata = Metadata::new();

impl Beside {
    /// Reads the block of a CALL or PUSH. Empty bytes are the empty block.
    pub(crate) fn decode(items: &Bytes) -> Result<Self, BlockError> {
        if items.is_empty() {
            return Ok(Self::Nothing);
        }
        match metadata_alone(items) {
            Some(metadata) => Ok(Self::Metadata(metadata)),
            None => Ok(Self::Block(Box::new(Block::decode(items)?))),
        }
    }

    /// The items, without the length that a frame puts ahead of them.
    pub(crate) fn encode(self) -> Bytes {
        match self {
            Self::Nothing => Bytes::new(),
            Self::Metadata(metadata) => metadata.into_item(),
            Self::Block(block) => block.encode(),
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        match self {
            Self::Nothing => &NO_METADATA,
            Self::Metadata(metadata) => metadata,
            Self::Block(block) => &block.metadata,
        }
    }

    /// What there is more than metadata.
    pub(crate) fn block(&self) -> Option<&Block> {
        match self {
            Self::Block(block) => Some(block),
            Self::Nothing | Self::Metadata(_) => None,
        }
    }

    pub(crate) fn metadata_mut(&mut self) -> &mut Metadata {
        match self {
            Self::Metadata(metadata) => metadata,
            Self::Block(block) => &mut block.metadata,
            Self::Nothing => {
                *self = Self::Metadata(Metadata::new());
                self.metadata_mut()
            }
        }
    }

    /// To put something beside it that is more than metadata.
    pub(crate) fn block_mut(&mut self) -> &mut Block {
        if let Self::Nothing | Self::Metadata(_) = self {
            let metadata = std::mem::take(self.metadata_mut());
            *self = Self::Block(Box::new(Block { metadata, ..Block::default() }));
        }
        match self {
            Self::Block(block) => block,
            other => other.block_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_beside_a_message_comes_back() {
        let mut beside = Beside::default();
        assert!(beside.is_nothing() && beside.clone().encode().is_empty());
        assert!(Beside::decode(&Bytes::new()).is_ok_and(|read| read.is_nothing()));
        beside.metadata_mut().insert("tenant", "north");
        assert!(matches!(beside, Beside::Metadata(_)));
        let read = Beside::decode(&beside.clone().encode()).unwrap();
        assert!(matches!(&read, Beside::Metadata(metadata) if metadata == beside.metadata()));
        beside.block_mut().attempt = 3;
        beside.metadata_mut().append("tenant", "south");
        let read = Beside::decode(&beside.clone().encode()).unwrap();
        assert_eq!(read.block(), beside.block());
        assert_eq!(read.metadata().get_all("tenant").count(), 2);
        assert_eq!(read.block().map(|block| block.attempt), Some(3));
    }

    #[test]
    fn metadata_that_is_none_costs_what_carries_it() {
        let mut item = {
            let mut beside = Beside::default();
            beside.metadata_mut().insert("tenant", "north");
            beside.encode().to_vec()
        };
        item[8] = b'T';
        assert!(matches!(Beside::decode(&Bytes::from(item)), Err(BlockError::Invalid(_))));
    }
}
