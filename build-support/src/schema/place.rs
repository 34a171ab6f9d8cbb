//! Where something stands in a `.proto` file: from the source information of a linked file, or from an offset
//! into its text. Called wherever this crate tells of a mistake.

use prost_types::{FileDescriptorProto, source_code_info::Location};
use protocall_codegen::report::Place;

/// The place of what `path` leads to in `file`, or of the nearest thing around it; the file itself if it says
/// nothing of places, as in a descriptor set without source information.
pub(crate) fn of_path(file: &FileDescriptorProto, shown: &str, path: &[i32]) -> Place {
    let nearest = (1..=path.len()).rev().find_map(|length| location(file, &path[..length]));
    match nearest.map(|location| location.span.as_slice()) {
        Some([line, column, ..]) => Place::schema(shown, from_one(*line), from_one(*column)),
        _ => Place::File(shown.to_owned()),
    }
}

/// What the source information says of exactly `path`.
pub(crate) fn location<'a>(file: &'a FileDescriptorProto, path: &[i32]) -> Option<&'a Location> {
    file.source_code_info.as_ref()?.location.iter().find(|location| location.path == path)
}

/// The place of a byte of `text`.
pub(super) fn of_offset(shown: &str, text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count();
    Place::schema(shown, number(line) + 1, number(column) + 1)
}

fn from_one(zero_based: i32) -> u32 {
    u32::try_from(zero_based).unwrap_or(0).saturating_add(1)
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX - 1)
}
