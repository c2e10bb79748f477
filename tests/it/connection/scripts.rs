use testkit::{RedisServer, eventually};
use tower_keep_core::connection::{Class, CommandError, Profile, Script, Value};

use super::{SOON, connect, load::Load, text};

/// Without a gate that trips or a connection that is replaced, so that only the deadline is left to end a call.
const PATIENT: &str = "stall_age=3600s&reconnect_after_silence=3600s&probe_interval=3600s";

#[tokio::test]
async fn a_script_call_on_a_stopped_server_ends_at_its_own_deadline() {
    let server = RedisServer::start().await;
    let url = format!("{}?{PATIENT}&command_timeout=100ms", server.url());
    let (_manager, redis) = connect(&url, &Profile::SESSION).await;
    let script = Script::read("return 1");
    assert_eq!(
        redis.script(&script, Vec::new(), Vec::new()).await,
        Ok(Value::Integer(1))
    );

    server.pause();
    assert_eq!(
        redis.script(&script, Vec::new(), Vec::new()).await,
        Err(CommandError::Deadline)
    );
    // Also one that the server has never seen.
    let other = Script::read("return 2");
    assert_eq!(
        redis.script(&other, Vec::new(), Vec::new()).await,
        Err(CommandError::Deadline)
    );
}

#[tokio::test]
async fn a_flushed_script_cache_is_not_noticed() {
    let server = RedisServer::start().await;
    let (_manager, redis) = connect(
        &format!("{}?{PATIENT}&command_timeout=10s", server.url()),
        &Profile::SESSION,
    )
    .await;
    let script = Script::write("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    let load = Load::start({
        let redis = redis.clone();
        move || {
            let (redis, script) = (redis.clone(), script.clone());
            async move {
                redis
                    .script(&script, vec!["n".into()], vec![text("1")])
                    .await
            }
        }
    });
    let mut client = server.client().await;
    for _ in 0..20 {
        load.serves(5).await;
        client.words("SCRIPT FLUSH SYNC").await;
    }
    load.serves(20).await;
    load.stop();
    // Each was executed once.
    eventually(SOON, async || {
        redis.get("n".into()).await.unwrap().unwrap() == load.served().to_string()
    })
    .await;
    assert_eq!(load.paid(), 0);
    assert!(redis.is_up(Class::Read) && redis.is_up(Class::Write));
}

#[tokio::test]
async fn a_script_with_a_deadline_does_not_act_after_it() {
    let server = RedisServer::start().await;
    let url = format!("{}?{PATIENT}&command_timeout=100ms", server.url());
    let (_manager, redis) = connect(&url, &Profile::SESSION).await;
    let source = "local time = redis.call('TIME')
        if time[1] * 1000000 + time[2] > tonumber(ARGV[#ARGV]) then return redis.error_reply('LATE') end
        return redis.call('INCR', KEYS[1])";
    let fenced = Script::write(source).with_deadline();
    let unfenced = Script::write("return redis.call('INCR', KEYS[1])");
    assert_eq!(
        redis
            .script(&fenced, vec!["fenced".into()], Vec::new())
            .await,
        Ok(Value::Integer(1))
    );
    assert_eq!(
        redis
            .script(&unfenced, vec!["unfenced".into()], Vec::new())
            .await,
        Ok(Value::Integer(1))
    );

    server.pause();
    let late = redis
        .script(&fenced, vec!["fenced".into()], Vec::new())
        .await;
    assert_eq!(late, Err(CommandError::Deadline));
    let late = redis
        .script(&unfenced, vec!["unfenced".into()], Vec::new())
        .await;
    assert_eq!(late, Err(CommandError::Deadline));

    // Both reached the server and are executed now.
    server.resume();
    let mut client = server.client().await;
    eventually(SOON, async || client.words("GET unfenced").await == "2").await;
    assert_eq!(client.words("GET fenced").await, "1");
}
