//! What comments of schemas become. Whether rustdoc takes them is tested on the snapshots, which are
//! documented.

use super::*;

fn safe(text: &str) -> String {
    from_comment(text).join("\n")
}

#[test]
fn plain_text_stays_as_it_is() {
    assert_eq!(safe(" A chat room.\n\n It has *members*.\n"), "A chat room.\n\nIt has *members*.");
}

#[test]
fn the_space_common_to_all_lines_goes() {
    assert_eq!(safe("  one\n    two\n  three"), "one\ntwo\nthree");
}

#[test]
fn fenced_code_is_no_doctest() {
    assert_eq!(safe("```\nlet x = 1;\n```"), "```text\nlet x = 1;\n```");
    assert_eq!(safe("```rust,should_panic\npanic!()\n```"), "```text\npanic!()\n```");
    assert_eq!(safe("~~~\nx\n~~~~"), "~~~text\nx\n~~~");
}

#[test]
fn a_fence_left_open_is_closed() {
    assert_eq!(safe("```\nx"), "```text\nx\n```");
}

#[test]
fn indented_code_is_put_between_fences() {
    assert_eq!(
        safe("Example:\n\n    let x;\n\n      y\n\nAfter"),
        "Example:\n\n```text\nlet x;\n\n  y\n```\n\nAfter"
    );
    assert_eq!(safe("Example:\n\n\tlet x;"), "Example:\n\n```text\nlet x;\n```");
}

#[test]
fn items_of_a_list_are_never_far_enough_in_to_be_code() {
    assert_eq!(
        safe("- one\n        more\n  - two\n\n          - three"),
        "- one\nmore\n  - two\n\n    - three"
    );
    assert_eq!(safe("1.      one"), "1. one");
    assert_eq!(safe("- one\n\n      text"), "- one\n\ntext");
}

#[test]
fn links_html_and_quotations_are_escaped() {
    assert_eq!(safe("See [Other] and List<T>."), r"See \[Other\] and List\<T\>.");
    assert_eq!(safe("[x](y) [z]: w"), r"\[x\](y) \[z\]: w");
    assert_eq!(safe(">     quoted code"), r"\>     quoted code");
}

#[test]
fn addresses_become_links() {
    assert_eq!(safe("See https://a.b/c_d(e)."), "See <https://a.b/c_d(e>).");
    assert_eq!(safe("<http://a.b>"), r"\<<http://a.b>\>");
}

#[test]
fn code_stays_and_what_is_escaped_already_too() {
    assert_eq!(safe("`a[0] <T>` ``b ` c``"), "`a[0] <T>` ``b ` c``");
    assert_eq!(safe(r"\[x\] \`"), r"\[x\] \`");
    assert_eq!(safe("an open ` tick [x]"), r"an open \` tick \[x\]");
}

#[test]
fn what_rustc_refuses_is_left_out() {
    assert_eq!(safe("a\u{202E}b\u{0}c\rd"), "ab c d");
}

#[test]
fn nothing_stays_nothing() {
    assert!(from_comment(" \n\n ").is_empty());
}

#[test]
fn no_comment_makes_it_panic() {
    let pieces =
        ["`", "```", "~~~", "    ", "\n", "- ", "1. ", "[", "<", "\\", "https://", "ä", "\t", "x", ">"];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                for d in pieces {
                    let _ = from_comment(&[a, b, c, d].concat());
                }
            }
        }
    }
}
