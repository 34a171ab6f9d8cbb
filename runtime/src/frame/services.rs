//! Lists of services in HELLO: what an end serves and what it will call (wire 4.7).

use bytes::{BufMut, BytesMut};

use super::error::FrameError;
use super::fields::Fields;

/// The services that an end serves, or will call.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Services {
    /// Routes outside the list are answered too.
    pub(crate) fallback: bool,
    pub(crate) list: Vec<ServiceShape>,
}

/// A service and the shapes of its methods.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct ServiceShape {
    /// Its full name.
    pub(crate) name: String,
    pub(crate) shape: u64,
    pub(crate) methods: Vec<u64>,
}

impl Services {
    pub(super) fn decode(value: &[u8]) -> Result<Self, FrameError> {
        let mut fields = Fields::new(value);
        let mut services = Self { fallback: fields.u8()? != 0, list: Vec::new() };
        while !fields.is_empty() {
            services.list.push(ServiceShape::decode(&mut fields)?);
        }
        Ok(services)
    }

    /// Writes the list. `None` if a name or a list of methods is longer than its length can say.
    pub(super) fn put(&self, out: &mut BytesMut) -> Option<()> {
        out.put_u8(u8::from(self.fallback));
        self.list.iter().try_for_each(|service| service.put(out))
    }
}

impl ServiceShape {
    fn decode(fields: &mut Fields<&[u8]>) -> Result<Self, FrameError> {
        let len = usize::from(fields.u16()?);
        let name = std::str::from_utf8(fields.slice(len)?)
            .map_err(|at| FrameError::malformed("2.4", format!("a service's name is not UTF-8: {at}")))?;
        let shape = fields.u64()?;
        let count = usize::from(fields.u16()?);
        // At most 8 * 65,535, and taken before anything is allocated for it.
        let mut shapes = Fields::new(fields.slice(count * 8)?);
        let methods = (0..count).map(|_| shapes.u64()).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), shape, methods })
    }

    fn put(&self, out: &mut BytesMut) -> Option<()> {
        out.put_u16(u16::try_from(self.name.len()).ok()?);
        out.extend_from_slice(self.name.as_bytes());
        out.put_u64(self.shape);
        out.put_u16(u16::try_from(self.methods.len()).ok()?);
        self.methods.iter().for_each(|shape| out.put_u64(*shape));
        Some(())
    }
}
