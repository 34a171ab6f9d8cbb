//! Tells whether a file begins with `edition = ".."`, which the parser does not know: it would complain of
//! whatever token it meets. Called by [`super::source`] before a file is parsed.

/// The byte where the statement begins and the edition it names, if the first token of `text` is `edition`.
pub(super) fn found_in(text: &str) -> Option<(usize, String)> {
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n')?.1;
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1;
        } else {
            let value = rest.strip_prefix("edition")?.trim_start().strip_prefix('=')?;
            let (value, _) = value.split_once(';').unwrap_or((value, ""));
            let edition = value.trim().trim_matches(['"', '\'']);
            return Some((text.len() - rest.len(), edition.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::found_in;

    #[test]
    fn an_edition_is_found_behind_comments() {
        assert_eq!(found_in("edition = \"2023\";"), Some((0, "2023".to_owned())));
        assert_eq!(found_in("// a\n/* b\n */ edition='2024';"), Some((14, "2024".to_owned())));
    }

    #[test]
    fn what_only_looks_like_an_edition_is_none() {
        assert_eq!(found_in("syntax = \"proto3\"; // edition = \"2023\""), None);
        assert_eq!(found_in("editions = 1;"), None);
        assert_eq!(found_in("// only a comment"), None);
        assert_eq!(found_in(""), None);
    }
}
