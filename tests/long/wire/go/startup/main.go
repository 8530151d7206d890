// A startup by pgx: what it does is said in tests/long/wire_prediction.py.
package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const tasks, connections = 12, 4

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type asker interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func ask(ctx context.Context, one asker, sql string) {
	var got int
	check(one.QueryRow(ctx, sql, 1).Scan(&got))
}

func sequential(ctx context.Context) {
	first, err := pgx.Connect(ctx, "")
	check(err)
	for n := 0; n < 6; n++ { // each described, and then from the cache
		ask(ctx, first, fmt.Sprintf("SELECT $1::int + %d", n%3))
	}
	_, err = first.Prepare(ctx, "kept", "SELECT $1::int")
	check(err)
	for n := 0; n < 6; n++ {
		ask(ctx, first, "kept")
	}
	tx, err := first.Begin(ctx)
	check(err)
	for n := 0; n < 3; n++ {
		ask(ctx, tx, "kept")
	}
	check(tx.Commit(ctx))
	second, err := pgx.Connect(ctx, "")
	check(err)
	for n := 0; n < 3; n++ {
		ask(ctx, second, "SELECT $1::int")
		ask(ctx, first, "kept")
	}
	check(second.Close(ctx))
	check(first.Close(ctx))
}

func main() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	variant := os.Args[1]
	if variant == "sequential" {
		sequential(ctx)
		return
	}
	config, err := pgxpool.ParseConfig("")
	check(err)
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	check(err)
	transaction := func() {
		tx, err := pool.Begin(ctx)
		check(err)
		for n := 0; n < 3; n++ {
			ask(ctx, tx, "SELECT $1::int")
		}
		check(tx.Commit(ctx))
	}
	autocommit := func() {
		ask(ctx, pool, "SELECT $1::int")
		ask(ctx, pool, "SELECT $1::int")
	}
	together := func(count int, work func()) {
		var all sync.WaitGroup
		for n := 0; n < count; n++ {
			all.Add(1)
			go func() { defer all.Done(); work() }()
		}
		all.Wait()
	}
	switch variant {
	case "warm":
		var opened sync.WaitGroup
		opened.Add(connections)
		together(connections, func() {
			one, err := pool.Acquire(ctx)
			check(err)
			opened.Done()
			opened.Wait()
			one.Release()
		})
		for n := 0; n < 4; n++ {
			transaction()
		}
	case "transactions":
		together(tasks, transaction)
	default:
		together(tasks, autocommit)
	}
	pool.Close()
}
