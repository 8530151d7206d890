// A startup by pgjdbc: what it does is said in tests/long/wire_prediction.py.
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;

public class Startup {
  static final int CONNECTIONS = 4;
  static final int ROUNDS = 3;

  static Connection open() throws Exception {
    var environment = System.getenv();
    var properties = new Properties();
    properties.setProperty("user", environment.get("PGUSER"));
    properties.setProperty("password", environment.get("PGPASSWORD"));
    properties.setProperty("sslmode", "disable");
    properties.setProperty("gssEncMode", "disable");
    var url =
        "jdbc:postgresql://%s:%s/%s"
            .formatted(
                environment.get("PGHOST"), environment.get("PGPORT"), environment.get("PGDATABASE"));
    return DriverManager.getConnection(url, properties);
  }

  static void ask(Connection connection, int times) throws Exception {
    try (var statement = connection.prepareStatement("SELECT ?::int")) {
      for (int n = 0; n < times; n++) { // prepared after the fifth
        statement.setInt(1, n);
        statement.executeQuery().close();
      }
    }
  }

  static void transaction(Connection connection) throws Exception {
    connection.setAutoCommit(false);
    ask(connection, 3);
    connection.commit();
    connection.setAutoCommit(true);
  }

  static void sequential() throws Exception {
    try (var first = open()) {
      ask(first, 12);
      transaction(first);
      try (var second = open()) {
        for (int n = 0; n < 3; n++) {
          ask(second, 1);
          ask(first, 1);
        }
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    var variant = arguments[0];
    if (variant.equals("sequential")) {
      sequential();
      return;
    }
    var threads = Executors.newFixedThreadPool(CONNECTIONS);
    var opening = new ArrayList<Callable<Connection>>();
    for (int n = 0; n < CONNECTIONS; n++) {
      opening.add(Startup::open);
    }
    var opened = new ArrayList<Connection>();
    for (var one : threads.invokeAll(opening)) {
      opened.add(one.get());
    }
    if (variant.equals("warm")) {
      for (var one : opened) {
        transaction(one);
      }
    } else {
      var work = new ArrayList<Callable<Void>>();
      for (var one : opened) {
        work.add(
            () -> {
              for (int n = 0; n < ROUNDS; n++) {
                if (variant.equals("autocommit")) {
                  ask(one, 3);
                } else {
                  transaction(one);
                }
              }
              return null;
            });
      }
      for (var one : threads.invokeAll(work)) {
        one.get();
      }
    }
    for (var one : opened) {
      one.close();
    }
    threads.shutdown();
  }
}
