// A startup by tokio-postgres: what it does is said in tests/long/wire_clients.py.
use bytes::Bytes;
use futures_util::{future::try_join_all, pin_mut, SinkExt, TryStreamExt};
use native_tls::TlsConnector;
use postgres_native_tls::MakeTlsConnector;
use std::{env, time::Duration};
use tokio_postgres::{config::SslMode, error::SqlState, Config};

// On one thread all that is pipelined is in one write, so that it is one turn wherever it is counted.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mode = match env::var("PGSSLMODE")?.as_str() {
        "disable" => SslMode::Disable,
        "prefer" => SslMode::Prefer,
        _ => SslMode::Require,
    };
    let tls = TlsConnector::builder().danger_accept_invalid_certs(true).build()?;
    let tls = MakeTlsConnector::new(tls);
    let (client, connection) = Config::new()
        .ssl_mode(mode)
        .host(env::var("PGHOST")?)
        .port(env::var("PGPORT")?.parse()?)
        .user(env::var("PGUSER")?)
        .password(env::var("PGPASSWORD")?)
        .dbname(env::var("PGDATABASE")?)
        .connect(tls.clone())
        .await?;
    let running = tokio::spawn(connection);
    let kept = client.prepare("SELECT $1::int4").await?;
    // Kept: one that is dropped is closed by a message that nobody waits for, so that the turns that
    // this makes are not defined.
    let mut new = Vec::new();
    for n in 0..3i32 {
        let one = client.prepare("SELECT $1::int4").await?;
        client.query_one(&one, &[&n]).await?;
        new.push(one);
        client.query_one(&kept, &[&n]).await?;
    }
    client.batch_execute("CREATE TEMP TABLE lines (line text)").await?;
    let numbers: Vec<i32> = (0..20).collect();
    let parameters: Vec<[&(dyn tokio_postgres::types::ToSql + Sync); 1]> =
        numbers.iter().map(|n| [n as _]).collect();
    // Pipelined: none waits for the one before.
    try_join_all(parameters.iter().map(|one| client.query_one(&kept, one))).await?;
    let count: usize = env::var("COPY_BYTES")?.parse()?;
    let line = Bytes::from("x".repeat(999) + "\n");
    let from = client.prepare("COPY lines FROM STDIN").await?;
    let sink = client.copy_in(&from).await?;
    pin_mut!(sink);
    for _ in 0..count / 1000 {
        sink.send(line.clone()).await?;
    }
    sink.finish().await?;
    let mut taken = 0;
    let to = client.prepare("COPY lines TO STDOUT").await?;
    let rows = client.copy_out(&to).await?;
    pin_mut!(rows);
    while let Some(chunk) = rows.try_next().await? {
        taken += chunk.len();
    }
    assert_eq!(taken, count);
    let token = client.cancel_token();
    let cancelling = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        token.cancel_query(tls).await
    });
    let error = client.batch_execute("SELECT pg_sleep(60)").await.unwrap_err();
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    cancelling.await??;
    drop(client);
    running.await??;
    Ok(())
}
