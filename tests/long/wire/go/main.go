// A startup by pgx: what it does is said in tests/long/wire_clients.py.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

type counter int

func (c *counter) Write(data []byte) (int, error) { *c += counter(len(data)); return len(data), nil }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	conn, err := pgx.Connect(ctx, "")
	check(err)
	for n := 0; n < 3; n++ { // described, and then from the cache
		var got int
		check(conn.QueryRow(ctx, "SELECT $1::int", n).Scan(&got))
	}
	_, err = conn.Exec(ctx, "CREATE TEMP TABLE lines (line text)")
	check(err)
	batch := &pgx.Batch{}
	for n := 0; n < 20; n++ {
		batch.Queue("SELECT $1::int", n)
	}
	check(conn.SendBatch(ctx, batch).Close())
	count, err := strconv.Atoi(os.Getenv("COPY_BYTES"))
	check(err)
	lines := bytes.Repeat([]byte(strings.Repeat("x", 999)+"\n"), count/1000)
	_, err = conn.PgConn().CopyFrom(ctx, io.Reader(bytes.NewReader(lines)), "COPY lines FROM STDIN")
	check(err)
	var taken counter
	_, err = conn.PgConn().CopyTo(ctx, &taken, "COPY lines TO STDOUT")
	check(err)
	if int(taken) != count {
		check(fmt.Errorf("took %d bytes", taken))
	}
	go func() {
		time.Sleep(500 * time.Millisecond)
		check(conn.PgConn().CancelRequest(ctx))
	}()
	if _, err = conn.Exec(ctx, "SELECT pg_sleep(60)"); err == nil || !strings.Contains(err.Error(), "57014") {
		check(fmt.Errorf("it was not cancelled: %v", err))
	}
	check(conn.Close(ctx))
}
