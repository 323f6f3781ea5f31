use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Request, Vec<InputError>> {
    read_all(pairs).map(|(request, _)| request)
}

fn read_all(pairs: &[(&str, &str)]) -> Result<(Request, RunAccess), Vec<InputError>> {
    let find = |name: &str| {
        pairs
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, text)| (*text).to_owned())
    };
    Request::read(&Given::collect(|input| find(input.name)))
}

#[test]
fn everything_has_a_default() -> Result<(), Vec<InputError>> {
    let request = read(&[])?;
    assert_eq!(request.command, Command::Pipeline(PipelineCommand::Deploy));
    assert_eq!(request.image_timeout, Duration::from_secs(240));
    assert_eq!(request.registry.as_str(), "ghcr.io");
    assert!(!request.manifest.is_explicit);
    Ok(())
}

#[test]
fn the_declared_defaults_are_the_ones_that_count() -> Result<(), Vec<InputError>> {
    let declared: Vec<(&str, &str)> = super::super::INPUTS
        .iter()
        .map(|input| (input.name, input.default))
        .collect();
    let (declared, absent) = (
        read(&declared)?,
        read(&[("github-token", "${{ github.token }}")])?,
    );
    assert_eq!(format!("{declared:?}"), format!("{absent:?}"));
    Ok(())
}

#[test]
fn every_mistake_is_told_with_its_input() {
    let errors = read(&[
        ("pr-number", "007"),
        ("image-timeout", "9999h"),
        ("dry-run", "TRUE"),
        ("force", "younger"),
        ("command", "undeploy"),
    ])
    .expect_err("five");
    let told: Vec<&str> = errors.iter().map(|error| error.input).collect();
    assert_eq!(
        told,
        ["command", "force", "pr-number", "image-timeout", "dry-run"]
    );
}

#[test]
fn durations_have_units_and_an_end() {
    for (text, seconds) in [
        ("45s", 45),
        ("4m", 240),
        ("1h30m", 5400),
        ("6h", 21600),
        ("0s", 0),
        ("1h1m1s", 3661),
    ] {
        assert_eq!(parse_duration("x", text), Ok(Duration::from_secs(seconds)));
    }
    for text in [
        "",
        "90",
        "4",
        "m",
        "1m1h",
        "1s1s",
        "7h",
        "9999h",
        "-1s",
        "+1s",
        "1.5h",
        " 1s",
        "99999999999999999999s",
        "4M",
        "1h 30m",
    ] {
        assert!(parse_duration("x", text).is_err(), "{text:?}");
    }
}

#[test]
fn a_freeze_needs_a_reason() -> Result<(), Vec<InputError>> {
    for text in ["false", "0", "no", "off", "OFF", " "] {
        assert_eq!(read(&[("freeze", text)])?.freeze, None, "{text:?}");
    }
    assert_eq!(
        read(&[("freeze", "Christmas")])?.freeze,
        Some("Christmas".into())
    );
    Ok(())
}

#[test]
fn refuses_paths_and_credentials_that_could_do_harm() {
    for pair in [
        ("manifest", "../x"),
        ("manifest", "/etc/passwd"),
        ("manifest", ".git/config"),
        ("github-token", "a\nb"),
        ("registry-username", "a:b"),
        ("registry", "https://x"),
        ("render-api-url", "https://evil"),
    ] {
        assert!(read(&[pair]).is_err(), "{pair:?}");
    }
    let error = format!(
        "{:?}",
        read(&[("deploy-hook", "https://evil.tld/deploy/srv-a?key=SECRETKEY")])
            .expect_err("refused")
    );
    assert!(!error.contains("SECRETKEY"), "{error}");
}

#[test]
fn only_a_command_that_writes_may_write_and_never_in_a_dry_run() -> Result<(), Vec<InputError>> {
    let may_write = |command, dry_run| -> Result<bool, Vec<InputError>> {
        let (_, permissions) = read_all(&[("command", command), ("dry-run", dry_run)])?;
        Ok(permissions.writes.is_some())
    };
    for command in ["deploy", "promote", "rollback", "release", "cleanup"] {
        assert!(may_write(command, "false")?, "{command}");
        assert!(!may_write(command, "true")?, "{command}");
    }
    for command in ["plan", "verify", "status", "check", "init"] {
        assert!(!may_write(command, "false")?, "{command}");
    }
    Ok(())
}

#[test]
fn a_comment_is_written_only_where_it_is_asked_for() -> Result<(), Vec<InputError>> {
    let may_comment = |comment, dry_run| -> Result<bool, Vec<InputError>> {
        let (_, permissions) = read_all(&[("comment", comment), ("dry-run", dry_run)])?;
        Ok(permissions.comments.is_some())
    };
    assert!(may_comment("true", "false")?);
    assert!(!may_comment("true", "true")?);
    assert!(!may_comment("false", "false")?);
    Ok(())
}
