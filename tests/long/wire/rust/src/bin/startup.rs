// A startup by tokio-postgres: what it does is said in tests/long/wire_prediction.py.
use futures_util::future::try_join_all;
use std::env;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls};

const ROUNDS: usize = 3;
const CONNECTIONS: usize = 4;
const PIPELINED: usize = 20;

type Opened = (Client, JoinHandle<Result<(), Error>>);

async fn open() -> Result<Opened, Error> {
    let of = |name| env::var(name).expect(name);
    let (client, connection) = Config::new()
        .host(of("PGHOST"))
        .port(of("PGPORT").parse().expect("a port"))
        .user(of("PGUSER"))
        .password(of("PGPASSWORD"))
        .dbname(of("PGDATABASE"))
        .connect(NoTls)
        .await?;
    Ok((client, tokio::spawn(connection)))
}

async fn close((client, running): Opened) -> Result<(), Error> {
    drop(client);
    running.await.expect("it ends")
}

async fn transaction(client: &mut Client) -> Result<(), Error> {
    let begun = client.transaction().await?;
    for _ in 0..3 {
        begun.batch_execute("SELECT 1").await?;
    }
    begun.commit().await
}

async fn sequential() -> Result<(), Error> {
    let mut first = open().await?;
    let mut new = Vec::new(); // what is dropped is closed, and nobody waits for that
    for n in 0..3i32 {
        let one = first.0.prepare("SELECT $1::int4").await?;
        first.0.query_one(&one, &[&n]).await?;
        new.push(one);
    }
    let kept = first.0.prepare("SELECT $1::int4").await?;
    for n in 0..6i32 {
        first.0.query_one(&kept, &[&n]).await?;
    }
    transaction(&mut first.0).await?;
    let second = open().await?;
    for n in 0..3i32 {
        second.0.batch_execute("SELECT 1").await?;
        first.0.query_one(&kept, &[&n]).await?;
    }
    close(second).await?;
    close(first).await
}

// All are sent before the first is answered: one round trip of latency, whatever their number.
async fn pipelined() -> Result<(), Error> {
    let one = open().await?;
    let kept = one.0.prepare("SELECT $1::int4").await?;
    let numbers: Vec<i32> = (0..PIPELINED as i32).collect();
    let parameters: Vec<[&(dyn tokio_postgres::types::ToSql + Sync); 1]> =
        numbers.iter().map(|n| [n as _]).collect();
    try_join_all(parameters.iter().map(|of| one.0.query_one(&kept, of))).await?;
    close(one).await
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let variant = env::args().nth(1).expect("a variant");
    match variant.as_str() {
        "sequential" => return sequential().await,
        "pipelined" => return pipelined().await,
        _ => {}
    }
    let mut opened = try_join_all((0..CONNECTIONS).map(|_| open())).await?;
    if variant == "warm" {
        for one in &mut opened {
            transaction(&mut one.0).await?;
        }
    } else {
        let autocommit = variant == "autocommit";
        try_join_all(opened.iter_mut().map(|one| async move {
            for _ in 0..ROUNDS {
                if autocommit {
                    for _ in 0..3 {
                        one.0.batch_execute("SELECT 1").await?;
                    }
                } else {
                    transaction(&mut one.0).await?;
                }
            }
            Ok::<(), Error>(())
        }))
        .await?;
    }
    for one in opened {
        close(one).await?;
    }
    Ok(())
}
