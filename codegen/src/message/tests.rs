//! What is added to an item. What it becomes is compiled in `tests/ui/pass`.

use super::*;

fn added(arguments: TokenStream, item: TokenStream) -> String {
    text(&message(arguments, item))
}

#[test]
fn what_is_derived_already_is_not_derived_again() {
    let text = added(
        quote!(),
        quote!(
            #[derive(Debug, Clone, std::hash::Hash)]
            enum Mood {
                Calm = 0,
            }
        ),
    );
    assert!(text.contains("::core::marker::Copy"), "{text}");
    for name in ["fmt::Debug", "clone::Clone", "core::hash::Hash"] {
        assert!(!text.contains(name), "{text}");
    }
}

#[test]
fn a_repr_of_the_user_stays_alone() {
    assert!(
        added(
            quote!(),
            quote!(
                enum Mood {
                    Calm = 0,
                }
            )
        )
        .contains("repr(i32)")
    );
    assert!(
        !added(
            quote!(),
            quote!(
                #[repr(u8)]
                enum Mood {
                    Calm = 0,
                }
            )
        )
        .contains("repr(i32)")
    );
}

#[test]
fn with_a_mistake_nobody_knows_prost_and_nobody_asks() {
    let text = added(
        quote!(),
        quote!(
            struct Note<T> {
                #[prost(message, tag = "1")]
                of: Option<T>,
            }
        ),
    );
    assert!(text.contains("compile_error") && !text.contains("prost("), "{text}");
}
