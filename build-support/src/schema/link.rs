//! Second stage: links the parsed files, so that every name is known to mean something and every option has its
//! value. Called by [`super::read`]; what it leaves is lowered by [`super::lower`].

use std::collections::HashSet;

use prost_reflect::DescriptorPool;
use protocall_codegen::report::Report;

use super::{diagnostic, source::Parsed};

/// Links `files`, each of which comes after what it imports. A file that imports a broken one is left out, since
/// it could only repeat the other's mistakes.
pub(super) fn link(files: &[Parsed], report: &mut Report) -> DescriptorPool {
    let mut pool = DescriptorPool::new();
    let mut broken: HashSet<&str> = HashSet::new();
    for file in files {
        if file.descriptor.dependency.iter().any(|import| broken.contains(import.as_str())) {
            broken.insert(&file.name);
            continue;
        }
        if let Err(error) = pool.add_file_descriptor_proto(file.descriptor.clone()) {
            broken.insert(&file.name);
            let text = file.text.as_deref();
            let error = error.with_source_code(text.unwrap_or_default());
            diagnostic::link(&error, &file.shown, text, report);
        }
    }
    pool
}
