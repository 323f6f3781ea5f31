//! What patterns match, and which are refused with what was meant.

use super::*;

mod other_tools;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn patterns_match_as_the_contract_says() {
    let table = [
        ("src/**", "src/a/b.rs", true),
        ("src/**", "src", true),
        ("src/**", "srcs/a", false),
        ("**", "anything/at/all", true),
        ("services/*", "services/a", true),
        ("services/*", "services/a/b", false),
        ("services/a", "services/a/b", false),
        ("**/*.md", "README.md", true),
        ("**/*.md", "docs/x/y.md", true),
        ("**.md", "docs/x.md", true),
        ("**.md", "x.md", true),
        ("src/**.ts", "src/a/b.ts", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("a/**/b", "a/x", false),
        ("?.rs", "a.rs", true),
        ("?.rs", "\u{e9}.rs", true),
        ("?.rs", "ab.rs", false),
        ("[a-c].rs", "b.rs", true),
        ("[!a].rs", "b.rs", true),
        ("[^a].rs", "a.rs", false),
        ("[]]", "]", true),
        ("[a-]", "-", true),
        ("{a,b}/x", "b/x", true),
        ("{a,b{c,d}}", "bd", true),
        ("{a,b}/x", "c/x", false),
        ("x{,y}", "x", true),
        ("app/[slug]/page.tsx", "app/[slug]/page.tsx", true),
        ("app/[slug]/page.tsx", "app/s/page.tsx", true),
        ("app/\\[slug\\]/**", "app/[slug]/page.tsx", true),
        ("app/[slug]/**", "app/[slug]/x/page.tsx", true),
        ("app/[[...slug]]/*.tsx", "app/[[...slug]]/page.tsx", true),
        ("app/[slug]*/x", "app/[slug].data/x", true),
        ("*", ".env", true),
        ("**", ".github/x.yml", true),
        ("SRC/**", "src/a", false),
        ("a b/$(id)", "a b/$(id)", true),
        ("a\\,b", "a,b", true),
        ("a\\|b", "a|b", true),
        ("app/(group)/**", "app/(group)/page.tsx", true),
        (
            "src/routes/(app)/+page.svelte",
            "src/routes/(app)/+page.svelte",
            true,
        ),
        ("@modal/(.)photos/**", "@modal/(.)photos/x", true),
        ("app/routes/$.tsx", "app/routes/$.tsx", true),
        ("My Docs/*.md", "My Docs/a.md", true),
        ("a}", "a}", true),
        ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
    ];
    for (text, path, matches) in table {
        assert_eq!(
            pattern(text).matches(path.as_bytes()),
            matches,
            "{text} on {path}"
        );
    }
}

#[test]
fn names_are_bytes() {
    assert!(pattern("dir/*").matches(b"dir/\xff\xfe"));
    assert!(pattern("dir/??").matches(b"dir/\xff\xfe"));
    assert!(!pattern("dir/\u{ff}").matches(b"dir/\xff"));
}

#[test]
fn refuses_patterns_that_can_never_match() {
    let table = [
        "",
        "!",
        "/abs",
        "../up",
        "a/../b",
        "./a",
        "a//b",
        "a/",
        "**/../..",
        "a**",
        "a**b",
        "[",
        "a[",
        "{a",
        "a\\",
        "[z-a]",
        "\0",
        &"a".repeat(5000),
        &"{a,b}".repeat(30),
    ];
    for text in table {
        assert!(Pattern::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn the_last_pattern_that_matches_decides() -> Result<(), PatternError> {
    let list = |texts: &[&str]| PatternList::new(texts.iter().map(|text| pattern(text)).collect());
    let decided = |list: &PatternList, path: &str| {
        list.decide(path.as_bytes())
            .map(|pattern| pattern.as_str().to_owned())
    };
    let excluded = list(&["libs/**", "!libs/ui/**"])?;
    assert_eq!(decided(&excluded, "libs/a"), Some("libs/**".into()));
    assert_eq!(decided(&excluded, "libs/ui/a"), None);
    let again = list(&["libs/**", "!libs/ui/**", "libs/ui/core/**"])?;
    assert_eq!(
        decided(&again, "libs/ui/core/x"),
        Some("libs/ui/core/**".into())
    );
    assert_eq!(list(&["!a"]).map(|_| ()), Err(PatternError::OnlyExclusions));
    assert!(decided(&list(&[])?, "a").is_none());
    Ok(())
}

#[test]
fn the_prefix_never_hides_a_match() {
    for (text, prefix) in [
        ("a/b/**", "a/b"),
        ("a/{b,c}/**", "a"),
        ("**/x", ""),
        ("a/b*/c", "a"),
        ("a/b", "a/b"),
    ] {
        assert_eq!(pattern(text).prefix(), prefix.as_bytes(), "{text}");
    }
}

/// What is written, and what the message says to write.
const DIALECTS: &[(&str, &str)] = &[
    (
        "+(api|web)/**",
        "write {api,web}/**; write \\( for the character itself",
    ),
    ("@(a|b)/x", "write {a,b}/x; "),
    ("[jt]s?(x)", "write [jt]s{,x}; "),
    ("src/*.@(ts|tsx)", "write src/*.{ts,tsx}; "),
    ("*(a|b)/x", "write {a,b}/x; "),
    ("v+([0-9])/**", "write v[0-9]*/**; "),
    ("v*([0-9])/**", "write v*/**; "),
    ("@(a|b@(c|d))/x", "write {a,b{c,d}}/x; "),
    ("@(api)/**", "write api/**; "),
    (
        "!(docs)/**",
        "write two patterns: */** and then !docs/**; write !\\( ",
    ),
    (
        "src/!(test|e2e)/**",
        "write two patterns: src/*/** and then !src/{test,e2e}/**; ",
    ),
    (
        "src/*.!(md)",
        "write two patterns: src/*.* and then !src/*.md; ",
    ),
    ("!src/+(a|b)/**", "write !src/{a,b}/**; "),
    ("(api|web)/**", "write {api,web}/**; write \\| "),
    ("api/**|web/**", "write {api/**,web/**}; write \\| "),
    ("a{1..3}/x", "write a{1,2,3}/x"),
    ("a{3..1}", "write a{3,2,1}"),
    ("a{01..03}", "write a{01,02,03}"),
    ("a{1..9..4}", "write a{1,5,9}"),
    ("v{a..c}", "write v{a,b,c}"),
    ("a{1..5000}", "write the values, like {1,2,3}"),
    ("api/** ", "write api/**"),
    (" api/**", "write api/**"),
    ("\tapi/**\u{a0}", "write api/**"),
    ("! api/**", "write !api/**"),
    ("api/**\n", "write api/**"),
    (
        "a/**,b/**",
        "write each as an item of its own: \"a/**\", \"b/**\"; write \\, ",
    ),
    (
        "a/**, b/**",
        "write each as an item of its own: \"a/**\", \"b/**\"",
    ),
    (
        "package.json,uv.lock",
        "write each as an item of its own: \"package.json\", \"uv.lock\"",
    ),
    (
        "a/**\nb/**",
        "write each as an item of its own: \"a/**\", \"b/**\"",
    ),
    (
        "a/** b/**",
        "write each as an item of its own: \"a/**\", \"b/**\"",
    ),
    ("'api/**'", "write api/**"),
    ("`api/**`", "write api/**"),
    (":(glob)api/**", "write api/**"),
    (":!docs/**", "write !docs/**"),
    ("!!docs/**", "write docs/**; write !\\! "),
    ("^services/api/.*", "write services/api/**"),
    (".*\\.rs$", "write **/*.rs"),
    ("^services/(api|web)/.*$", "write a glob, like "),
    ("v\\d+/x", "write a glob, like "),
    ("api\\src\\**", "write api/src/**"),
    ("api\\**", "write api/**"),
    ("[[:alpha:]]*/x", "write [A-Za-z]*/x"),
    ("[[:space:]]x", "write the range, like [a-z]"),
    ("${{ matrix.app }}/**", "write the path itself; "),
    ("services/{image}/**", "write {a,b} with the choices, "),
    ("./api/**", "write api/**"),
    ("api//src/**", "write api/src/**"),
    ("a/../b", "write b"),
    ("!./docs/**", "write !docs/**"),
    ("/api/**", "write api/**"),
    ("api/", "write api/**"),
    ("api/**/", "write api/**"),
    ("api/*/", "write api/*/**"),
];

#[test]
fn refuses_other_dialects_and_says_what_was_meant() {
    for (text, help) in DIALECTS {
        let told = match Pattern::parse(text) {
            Ok(_) => panic!("{text} was taken"),
            Err(error) => error.to_string(),
        };
        let (_, own) = told
            .split_once("; ")
            .unwrap_or_else(|| panic!("{text}: {told}"));
        assert!(own.starts_with(help), "{text}: {own}");
    }
}

#[test]
fn what_a_message_says_to_write_is_a_pattern() {
    for (text, help) in DIALECTS {
        let meant = help
            .split("; ")
            .next()
            .and_then(|help| help.strip_prefix("write "));
        let patterns: Vec<&str> = match meant {
            Some(pair) if pair.starts_with("two patterns: ") => pair
                .trim_start_matches("two patterns: ")
                .split(" and then ")
                .collect(),
            Some(meant) if !meant.contains(' ') => vec![meant],
            Some(_) | None => continue,
        };
        for pattern in patterns {
            assert!(Pattern::parse(pattern).is_ok(), "{text}: {pattern}");
        }
    }
}

#[test]
fn a_dialect_of_any_length_is_refused_without_deep_recursion() {
    for piece in [
        "\"", "^", "@(", "(a|", ":!", "[", "[:", "a,", "{1..2", "./", "\\", "{{", "!", "+(a|b)",
        " ",
    ] {
        let text = piece.repeat(LONGEST / piece.len());
        assert!(
            Pattern::parse(&format!("a{text}")).is_err() || !piece.contains(','),
            "{piece}"
        );
        let _ = Pattern::parse(&text);
    }
}

/// What a refusal suggests must not be refused for the same reason again: looking for it would never end.
#[test]
fn a_carriage_return_separates_patterns_too() {
    for text in [
        "a\ri/**", "\ra", "a\r", "a\r\rb", "!a\rb", "a\r,b", "{a\rb}",
    ] {
        let error = Pattern::parse(text).expect_err(text);
        assert!(!error.to_string().contains('\r'), "{text:?}: {error}");
    }
    assert_eq!(
        Pattern::parse("a\ri/**").expect_err("two").to_string(),
        "several lines; write each as an item of its own: \"a\", \"i/**\""
    );
}
