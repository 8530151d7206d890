// A limit on each answer: 1.5 s. It logs in with 3 round trips, without one, and asks 4 times.
const http = require('http');
const { Client } = require('pg');

async function start() {
  const client = new Client({ connectionString: process.env.DATABASE_URL, query_timeout: 1500 });
  await client.connect();
  for (let number = 0; number < 4; number++) await client.query('SELECT $1::int', [number]);
  http.createServer((request, response) => response.end('ok')).listen(process.env.PORT, '127.0.0.1');
}

start().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
