//! What the server says no to, and what that means for the rest.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use testkit::{RedisServer, eventually};
use tower_keep_core::connection::{
    Class, CommandError, ConnectError, ConnectionManager, Credentials, Profile, Redis, Script,
    SetOptions,
};

use super::{SOON, attach, connect, text};

async fn set(redis: &Redis) -> Result<bool, CommandError> {
    redis
        .set("key".into(), text("value"), SetOptions::default())
        .await
}

#[tokio::test]
async fn a_wrong_password_is_told_and_a_right_one_is_found_later() {
    let server = RedisServer::builder().password("open-sesame").start().await;
    let manager =
        ConnectionManager::open(&format!("redis://:open-barley@{}", server.address())).unwrap();
    let redis = attach(&manager, &Profile::SESSION);
    eventually(SOON, async || {
        redis.get("key".into()).await == Err(CommandError::Auth)
    })
    .await;
    let waited = manager.connected(Duration::from_millis(100)).await;
    assert!(
        matches!(waited, Err(ConnectError::TimedOut { .. })),
        "{waited:?}"
    );
    let shown = format!("{} {manager:?} {redis:?} {waited:?}", manager.health());
    assert!(shown.contains("credentials"), "{shown}");
    assert!(!shown.contains("barley"), "{shown}");

    let mut client = server.client().await;
    client.words("CONFIG SET requirepass open-barley").await;
    manager.connected(SOON).await.unwrap();
    assert_eq!(redis.get("key".into()).await, Ok(None));
}

#[tokio::test]
async fn errors_of_the_application_are_no_sign_of_bad_health() {
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    set(&redis).await.unwrap();
    let broken = Script::write("this is no lua");
    let raising = Script::write("return redis.error_reply('MINE')");
    for _ in 0..20 {
        assert_eq!(
            redis.hgetall("key".into()).await,
            Err(CommandError::WrongType)
        );
        assert_eq!(
            redis.hincr_by("key".into(), text("a"), 1).await,
            Err(CommandError::WrongType)
        );
        let error = redis
            .script(&broken, Vec::new(), Vec::new())
            .await
            .unwrap_err();
        assert_eq!(error.class(), "other");
        let error = redis
            .script(&raising, Vec::new(), Vec::new())
            .await
            .unwrap_err();
        assert_eq!(error.class(), "other");
    }
    assert!(manager.health().is_up());
}

#[tokio::test]
async fn a_user_who_may_not_do_everything_can_do_the_rest() {
    let server = RedisServer::start().await;
    let mut client = server.client().await;
    client
        .words("ACL SETUSER app on >secret ~shop:* +get +set +evalsha +eval +ping +time")
        .await;
    let url = format!("redis://app:secret@{}", server.address());
    let (manager, redis) = connect(&url, &Profile::SESSION).await;
    assert_eq!(manager.incarnation(), None, "INFO is denied");
    assert_eq!(
        redis
            .set("shop:a".into(), text("1"), SetOptions::default())
            .await,
        Ok(true)
    );
    for _ in 0..20 {
        let foreign = redis.get("other".into()).await;
        assert!(
            matches!(foreign, Err(CommandError::Denied(_))),
            "{foreign:?}"
        );
        let unlisted = redis.incr_by("shop:a".into(), 1).await;
        assert!(
            matches!(unlisted, Err(CommandError::Denied(_))),
            "{unlisted:?}"
        );
    }
    assert_eq!(redis.get("shop:a".into()).await, Ok(Some(text("1"))));
    assert!(manager.health().is_up());
}

#[tokio::test]
async fn credentials_that_change_are_asked_for_at_each_connection() {
    let server = RedisServer::builder().password("first").start().await;
    let current = Arc::new(Mutex::new("first"));
    let asked = Arc::clone(&current);
    let manager = ConnectionManager::builder(&format!("redis://{}", server.address()))
        .unwrap()
        .credentials(
            move || {
                let password = *asked.lock().unwrap();
                async move { Ok(Credentials::password(password)) }
            },
            None,
        )
        .open()
        .unwrap();
    let redis = attach(&manager, &Profile::SESSION);
    manager.connected(SOON).await.unwrap();

    *current.lock().unwrap() = "second";
    let mut client = server.client().await;
    client.words("CONFIG SET requirepass second").await;
    let connections = redis.generation();
    client.words("CLIENT KILL TYPE normal SKIPME yes").await;
    eventually(SOON, async || redis.generation() > connections).await;
    manager.connected(SOON).await.unwrap();
    assert_eq!(redis.get("key".into()).await, Ok(None));
}

#[tokio::test]
async fn a_server_that_cannot_save_serves_reads_over_a_new_connection_too() {
    let server = RedisServer::start().await;
    let (manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    set(&redis).await.unwrap();
    server.break_saves().await;
    eventually(SOON, async || {
        set(&redis).await == Err(CommandError::ReadOnly) && !redis.is_up(Class::Write)
    })
    .await;
    assert!(manager.health().to_string().contains("MISCONF"));
    assert_eq!(redis.get("key".into()).await, Ok(Some(text("value"))));

    let connections = redis.generation();
    server
        .client()
        .await
        .words("CLIENT KILL TYPE normal SKIPME yes")
        .await;
    eventually(SOON, async || {
        redis.generation() > connections && redis.is_up(Class::Read)
    })
    .await;
    assert_eq!(redis.get("key".into()).await, Ok(Some(text("value"))));
    assert_eq!(set(&redis).await, Err(CommandError::ReadOnly));

    server.mend_saves().await;
    manager.connected(SOON).await.unwrap();
    assert_eq!(set(&redis).await, Ok(true));
}
