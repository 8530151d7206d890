// A startup by node-postgres: what it does is said in tests/long/wire_clients.py.
const { Client } = require("pg");
const { from, to } = require("pg-copy-streams");
const { Readable } = require("stream");
const { pipeline } = require("stream/promises");

async function main() {
  const mode = process.env.PGSSLMODE;
  delete process.env.PGSSLMODE;
  const ssl = mode === "require" ? { rejectUnauthorized: false } : false;
  const client = new Client({ ssl });
  await client.connect();
  for (let n = 0; n < 3; n++) {
    await client.query("SELECT $1::int", [n]);
    await client.query({ name: "kept", text: "SELECT $1::text", values: [`${n}`] });
  }
  await client.query("SELECT 1");
  await client.query("CREATE TEMP TABLE lines (line text)");
  const line = "x".repeat(999) + "\n";
  const count = Number(process.env.COPY_BYTES) / 1000;
  function* lines() {
    for (let n = 0; n < count; n++) yield line;
  }
  await pipeline(Readable.from(lines()), client.query(from("COPY lines FROM STDIN")));
  let taken = 0;
  for await (const chunk of client.query(to("COPY lines TO STDOUT"))) taken += chunk.length;
  if (taken !== count * 1000) throw new Error(`took ${taken} bytes`);
  const other = new Client({ ssl });
  const sleeping = client.query("SELECT pg_sleep(60)").catch((error) => error.code);
  await other.connect();
  await other.query("SELECT pg_cancel_backend($1)", [client.processID]);
  if ((await sleeping) !== "57014") throw new Error("it was not cancelled");
  await other.end();
  await client.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
