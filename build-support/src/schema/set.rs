//! The other way in: a descriptor set that protoc or buf compiled. It is linked already, so only its bytes can be
//! wrong. Called by [`super::Schema::read_set`].

use std::{fs, path::Path};

use prost::{Message, bytes::Bytes};
use prost_reflect::{DescriptorError, DescriptorPool};
use prost_types::FileDescriptorProto;
use protocall_codegen::{
    report::{Place, Report},
    rule::Rule,
};

use super::{Schema, features, source};

/// A `FileDescriptorSet` whose files stay bytes: prost would drop their custom options.
#[derive(Clone, PartialEq, Message)]
struct Set {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    file: Vec<Bytes>,
}

/// Reads the set at `path`, which is relative to `base`.
pub(super) fn read(path: &Path, base: &Path) -> Result<Schema, Report> {
    let shown = path.display().to_string();
    let fail = |rule| {
        let mut report = Report::new();
        report.add(Place::File(shown.clone()), rule);
        report
    };
    let on_disk = base.join(path);
    let bytes =
        fs::read(&on_disk).map_err(|error| fail(Rule::FileUnreadable { error: error.to_string() }))?;
    let (pool, files) = link(bytes.into()).map_err(|error| fail(Rule::BadDescriptorSet { error }))?;
    Ok(Schema { pool, files, shown: Default::default(), read: vec![on_disk] })
}

fn link(bytes: Bytes) -> Result<(DescriptorPool, Vec<FileDescriptorProto>), String> {
    let set = Set::decode(bytes).map_err(|error| error.to_string())?;
    let mut pool = DescriptorPool::new();
    let mut files = Vec::new();
    for raw in set.file {
        let file = FileDescriptorProto::decode(raw.clone()).map_err(|error| error.to_string())?;
        for import in &file.dependency {
            add_embedded(&mut pool, import).map_err(|error| error.to_string())?;
        }
        let (raw, file) = features::without_edition(raw, file)?;
        pool.decode_file_descriptor_proto(raw).map_err(|error| error.to_string())?;
        files.push(file);
    }
    let there: Vec<&str> = files.iter().map(FileDescriptorProto::name).collect();
    let added = pool.files().filter(|file| !there.contains(&file.name()));
    let added: Vec<_> = added.map(|file| file.file_descriptor_proto().clone()).collect();
    files.extend(added);
    Ok((pool, files))
}

/// Adds what everybody has, for sets that were made without `--include_imports`.
fn add_embedded(pool: &mut DescriptorPool, import: &str) -> Result<(), DescriptorError> {
    if pool.get_file_by_name(import).is_some() {
        return Ok(());
    }
    let Some(file) = source::embedded(import) else { return Ok(()) };
    for import in &file.descriptor.dependency {
        add_embedded(pool, import)?;
    }
    pool.add_file_descriptor_proto(file.descriptor)
}
