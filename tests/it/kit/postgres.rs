use std::time::Duration;

use testkit::process::is_alive;
use testkit::{Connection, PostgresServer, eventually};

const SOON: Duration = Duration::from_secs(20);

fn one(text: &str) -> Vec<Vec<Option<String>>> {
    vec![vec![Some(text.to_owned())]]
}

#[tokio::test]
async fn each_call_has_a_database_of_its_own_and_it_goes_when_dropped() {
    let (mine, other) = (testkit::database().await, testkit::database().await);
    assert_ne!(mine.url(), other.url());
    mine.query("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)")
        .await;
    assert_eq!(mine.query("SELECT count(*) FROM t").await, one("2"));
    assert_eq!(other.query("SELECT to_regclass('t')").await, [[None]]);
    let name = mine.name().to_owned();
    // Somebody still uses it.
    let _connection = Connection::open(mine.url()).unwrap();
    drop(mine);
    assert!(
        other
            .query(&format!(
                "SELECT 1 FROM pg_database WHERE datname = '{name}'"
            ))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn an_error_has_its_sqlstate_and_the_connection_goes_on() {
    let database = testkit::database().await;
    let mut connection = Connection::open(database.url()).unwrap();
    let error = connection.query("SELECT 1/0").unwrap_err();
    assert!(error.to_string().starts_with("22012: "), "{error}");
    assert_eq!(connection.query("SELECT 'ok'").unwrap(), one("ok"));
}

#[tokio::test]
async fn a_password_is_said_in_the_form_that_the_server_wants() {
    let server = PostgresServer::builder()
        .setting("password_encryption", "scram-sha-256")
        .start()
        .await;
    let mut admin = Connection::open(&server.url()).unwrap();
    admin.query("CREATE ROLE ann LOGIN PASSWORD 'pass/word'; CREATE ROLE bob LOGIN PASSWORD 'pass/word'").unwrap();
    // Rules for who may log in are in a file that the server can be asked for.
    let file = admin.query("SHOW hba_file").unwrap()[0][0].clone().unwrap();
    let rules =
        "host all ann all scram-sha-256\nhost all bob all password\nhost all all all trust\n";
    std::fs::write(file, rules).unwrap();
    admin.query("SELECT pg_reload_conf()").unwrap();
    let log_in =
        |login: &str| Connection::open(&server.url().replace("postgres@", &format!("{login}@")));
    eventually(SOON, async || log_in("ann").is_err()).await;
    for user in ["ann", "bob"] {
        let mut connection = log_in(&format!("{user}:pass%2Fword")).unwrap();
        assert_eq!(connection.query("SELECT current_user").unwrap(), one(user));
        let refused = log_in(&format!("{user}:wrong")).unwrap_err();
        assert!(refused.to_string().starts_with("28P01: "), "{refused}");
    }
}

/// One server for all of it: making one takes seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_paused_killed_and_restarted_with_its_backends() {
    let server = PostgresServer::builder()
        .setting("application_name", "kit")
        .start()
        .await;
    let database = server.database().await;
    assert_eq!(database.query("SHOW application_name").await, one("kit"));
    database
        .query("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        .await;
    let backend = || Connection::open(database.url()).unwrap();

    server.pause();
    let (url, asked) = (database.url().to_owned(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        asked
            .0
            .send(Connection::open(&url).and_then(|mut c| c.query("SELECT a FROM t")))
    });
    assert!(asked.1.recv_timeout(Duration::from_millis(200)).is_err());
    server.resume();
    assert_eq!(asked.1.recv_timeout(SOON).unwrap().unwrap(), one("1"));

    let (mut busy, mut idle) = (backend(), backend());
    let pid = busy.query("SELECT pg_backend_pid()").unwrap()[0][0]
        .clone()
        .unwrap()
        .parse()
        .unwrap();
    let sleeping =
        std::thread::spawn(move || busy.query("INSERT INTO t VALUES (2); SELECT pg_sleep(60)"));
    let active =
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
    eventually(SOON, async || !database.query(active).await.is_empty()).await;
    server.kill();
    assert!(!is_alive(pid));
    assert!(sleeping.join().unwrap().is_err());
    assert!(idle.query("SELECT 1").is_err());
    assert!(Connection::open(database.url()).is_err());

    let address = server.address();
    server.restart().await;
    assert_eq!(server.address(), address);
    // Committed before the crash, and not more.
    assert_eq!(database.query("SELECT a FROM t").await, one("1"));

    let (pid, folder) = (server.pid(), server.socket_folder().to_path_buf());
    server.pause();
    drop((server, database));
    assert!(!is_alive(pid));
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() {
    let error = PostgresServer::builder()
        .setting("no_such", "setting")
        .try_start()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no_such"), "{error}");
}
