use std::time::Duration;

use testkit::RedisServer;
use tower_keep_core::connection::{
    Class, CommandError, Condition, Pipeline, Profile, Script, SetOptions, Ttl, Value,
};

use super::{connect, text};

#[tokio::test]
async fn strings_and_expiry() {
    let server = RedisServer::start().await;
    let (_manager, redis) = connect(&server.url(), &Profile::SESSION).await;
    let minute = Duration::from_secs(60);

    assert_eq!(redis.get("a".into()).await, Ok(None));
    assert_eq!(
        redis
            .set("a".into(), text("1"), SetOptions::default())
            .await,
        Ok(true)
    );
    assert_eq!(redis.get("a".into()).await, Ok(Some(text("1"))));
    let absent = SetOptions {
        expiry: Some(minute),
        condition: Condition::IfAbsent,
    };
    assert_eq!(redis.set("a".into(), text("2"), absent).await, Ok(false));
    assert_eq!(redis.set("b".into(), text("2"), absent).await, Ok(true));
    let present = SetOptions {
        expiry: None,
        condition: Condition::IfPresent,
    };
    assert_eq!(redis.set("c".into(), text("3"), present).await, Ok(false));
    assert_eq!(
        redis
            .mget(vec!["a".into(), "missing".into(), "b".into()])
            .await,
        Ok(vec![Some(text("1")), None, Some(text("2"))])
    );
    assert_eq!(redis.mget(Vec::new()).await, Ok(Vec::new()));

    assert_eq!(redis.ttl("a".into()).await, Ok(Ttl::Forever));
    assert_eq!(redis.ttl("missing".into()).await, Ok(Ttl::Missing));
    assert!(matches!(redis.ttl("b".into()).await, Ok(Ttl::Remaining(left)) if left <= minute));
    assert_eq!(redis.expire("a".into(), minute).await, Ok(true));
    assert_eq!(redis.expire("missing".into(), minute).await, Ok(false));

    assert_eq!(redis.incr_by("n".into(), 5).await, Ok(5));
    assert_eq!(redis.incr_by("n".into(), -2).await, Ok(3));
    assert_eq!(redis.exists("n".into()).await, Ok(true));
    assert_eq!(redis.getdel("n".into()).await, Ok(Some(text("3"))));
    assert_eq!(redis.exists("n".into()).await, Ok(false));
    assert_eq!(
        redis
            .del(vec!["a".into(), "b".into(), "missing".into()])
            .await,
        Ok(2)
    );
    redis.ping().await.unwrap();
}

#[tokio::test]
async fn hashes() {
    let server = RedisServer::start().await;
    let (_manager, redis) = connect(&server.url(), &Profile::SESSION).await;

    assert_eq!(redis.hgetall("h".into()).await, Ok(Vec::new()));
    let fields = vec![(text("a"), text("1")), (text("b"), text("2"))];
    assert_eq!(redis.hset("h".into(), fields.clone()).await, Ok(2));
    assert_eq!(redis.hgetall("h".into()).await, Ok(fields));
    assert_eq!(redis.hget("h".into(), text("b")).await, Ok(Some(text("2"))));
    assert_eq!(redis.hget("h".into(), text("c")).await, Ok(None));
    assert_eq!(redis.hincr_by("h".into(), text("a"), 4).await, Ok(5));
    assert_eq!(
        redis.hdel("h".into(), vec![text("a"), text("c")]).await,
        Ok(1)
    );
}

#[tokio::test]
async fn scripts_and_their_replies() {
    let server = RedisServer::start().await;
    let (_manager, redis) = connect(&server.url(), &Profile::SESSION).await;

    let script = Script::write(
        "redis.call('SET', KEYS[1], ARGV[1]); return {1, 'two', false, {ok = 'three'}}",
    );
    let reply = redis
        .script(&script, vec!["k".into()], vec![text("v")])
        .await;
    let expected = vec![
        Value::Integer(1),
        Value::Bytes(text("two")),
        Value::Nil,
        Value::Status(text("three")),
    ];
    assert_eq!(reply, Ok(Value::Array(expected)));
    assert_eq!(redis.get("k".into()).await, Ok(Some(text("v"))));

    let own = Script::read("return redis.error_reply('MINE is an error')");
    assert_eq!(
        redis.script(&own, Vec::new(), Vec::new()).await,
        Err(CommandError::Other("MINE is an error".into()))
    );
    assert!(redis.is_up(Class::Read));
}

#[tokio::test]
async fn a_pipeline_has_a_result_for_each_command() {
    let server = RedisServer::start().await;
    let (_manager, redis) = connect(&server.url(), &Profile::SESSION).await;

    let pipeline = Pipeline::new()
        .write("SET", "k".into(), vec![text("1")])
        .write("INCRBY", "k".into(), vec![text("2")])
        .write("HSET", "k".into(), vec![text("f"), text("v")])
        .read("GET", "k".into(), Vec::new());
    assert_eq!(
        redis.pipeline(pipeline).await,
        Ok(vec![
            Ok(Value::Status(text("OK"))),
            Ok(Value::Integer(3)),
            Err(CommandError::WrongType),
            Ok(Value::Bytes(text("3"))),
        ])
    );
    assert_eq!(redis.pipeline(Pipeline::new()).await, Ok(Vec::new()));
}
