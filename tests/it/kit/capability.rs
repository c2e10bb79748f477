use testkit::locate::Version;
use testkit::process;
use testkit::{Capability, SKIPS, STRICT, require};

const NOT_YET: Capability = Capability::Redis(Version::new(1000, 0));

#[test]
fn what_is_there_is_no_skip() {
    assert!(require(Capability::Redis(Version::new(6, 2))));
    assert!(require(Capability::Postgres(Version::new(13, 0))));
    assert!(require(Capability::PostgresProgram("initdb")));
}

/// Plays the second part of the tests below, which set its environment.
#[tokio::test]
async fn needs_what_nobody_has() {
    let Some(parent) = process::parent() else {
        return;
    };
    if !require(NOT_YET) {
        parent.say("SKIPPED");
        return;
    }
    parent.say("RAN");
}

const SECOND_PART: &str = "kit::capability::needs_what_nobody_has";

#[tokio::test]
async fn a_skip_is_printed_and_counted() {
    let file = std::env::temp_dir().join(format!("keep-skips-{}", std::process::id()));
    let path = file.to_str().unwrap();
    let mut peer = process::reexec(SECOND_PART, &[(SKIPS, path), (STRICT, "")]);
    peer.heard("SKIPPED").await;
    peer.finish().await;
    let counted = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(
        counted.contains("needs Redis >= 1000.0, but this is version"),
        "{counted}"
    );
    assert_eq!(counted.lines().count(), 1);
}

#[tokio::test]
#[should_panic(expected = "needs Redis >= 1000.0")]
async fn a_skip_is_a_failure_where_nothing_may_be_left_out() {
    process::reexec(SECOND_PART, &[(STRICT, "1")])
        .finish()
        .await;
}
