//! Comments of messages made safe for rustdoc. prost-build would make doctests of what they quote, so it is given
//! a mark for each, and the mark is replaced in what it wrote. Called by [`super::messages`].

use prost_types::FileDescriptorProto;
use protocall_codegen::docs;
use quote::quote;

use crate::schema::lower::comment;

/// What no line of prost-build's own begins with.
const MARK: &str = "protocall_comment_";

/// The comments taken out of files.
#[derive(Debug, Default)]
pub(super) struct Comments(Vec<String>);

impl Comments {
    /// Takes the comments out of `file` and leaves a mark for each.
    pub(super) fn take(&mut self, file: &mut FileDescriptorProto) {
        for location in file.source_code_info.iter_mut().flat_map(|info| &mut info.location) {
            let text = comment(location);
            location.leading_detached_comments.clear();
            location.trailing_comments = None;
            location.leading_comments = (!text.trim().is_empty()).then(|| {
                self.0.push(text);
                format!("{MARK}{}", self.0.len() - 1)
            });
        }
    }

    /// Puts them, safe now, where `text` has their marks.
    pub(super) fn put_back(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for line in text.lines() {
            let mark = line.trim_start().strip_prefix("///").map(str::trim_start);
            let index = mark.and_then(|mark| mark.strip_prefix(MARK)?.parse::<usize>().ok());
            let Some(comment) = index.and_then(|index| self.0.get(index)) else {
                out.push_str(line);
                out.push('\n');
                continue;
            };
            for line in docs::from_comment(comment) {
                let line = if line.is_empty() { line } else { format!(" {line}") };
                out.push_str(&quote!(#[doc = #line]).to_string());
                out.push('\n');
            }
        }
        out
    }
}
