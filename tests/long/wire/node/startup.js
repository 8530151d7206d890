// A startup by node-postgres: what it does is said in tests/long/wire_prediction.py.
const { Client, Pool } = require("pg");

const TASKS = 12;
const CONNECTIONS = 4;

async function sequential() {
  const first = new Client();
  await first.connect();
  for (let n = 0; n < 6; n++) {
    await first.query("SELECT $1::int", [n]);
    await first.query({ name: "kept", text: "SELECT $1::text", values: [`${n}`] });
  }
  await first.query("BEGIN");
  for (let n = 0; n < 3; n++) await first.query("SELECT 1");
  await first.query("COMMIT");
  const second = new Client();
  await second.connect();
  for (let n = 0; n < 3; n++) {
    await second.query("SELECT 1");
    await first.query("SELECT 2");
  }
  await second.end();
  await first.end();
}

async function main() {
  const variant = process.argv[2];
  if (variant === "sequential") return sequential();
  const pool = new Pool({ max: CONNECTIONS });
  const numbers = [...Array(TASKS).keys()];
  async function transaction() {
    const client = await pool.connect();
    await client.query("BEGIN");
    for (let n = 0; n < 3; n++) await client.query("SELECT 1");
    await client.query("COMMIT");
    client.release();
  }
  async function autocommit() {
    await pool.query("SELECT 1");
    await pool.query("SELECT 2");
  }
  if (variant === "warm") {
    const opened = await Promise.all(numbers.slice(0, CONNECTIONS).map(() => pool.connect()));
    opened.forEach((client) => client.release());
    for (let n = 0; n < 4; n++) await transaction();
  } else {
    await Promise.all(numbers.map(variant === "transactions" ? transaction : autocommit));
  }
  await pool.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
