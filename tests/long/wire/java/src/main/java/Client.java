// A startup by pgjdbc: what it does is said in tests/long/wire_clients.py.
import java.io.OutputStream;
import java.io.StringReader;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

public class Client {
  public static void main(String[] arguments) throws Exception {
    var environment = System.getenv();
    var properties = new Properties();
    properties.setProperty("user", environment.get("PGUSER"));
    properties.setProperty("password", environment.get("PGPASSWORD"));
    properties.setProperty("sslmode", environment.get("PGSSLMODE"));
    properties.setProperty("gssEncMode", "disable");
    properties.setProperty("prepareThreshold", "2");
    var url =
        "jdbc:postgresql://%s:%s/%s"
            .formatted(
                environment.get("PGHOST"), environment.get("PGPORT"), environment.get("PGDATABASE"));
    int count = Integer.parseInt(environment.get("COPY_BYTES"));
    try (var connection = DriverManager.getConnection(url, properties)) {
      try (var statement = connection.prepareStatement("SELECT ?::int")) {
        for (int n = 0; n < 4; n++) { // new, and then prepared
          statement.setInt(1, n);
          statement.executeQuery().close();
        }
      }
      try (var statement = connection.createStatement()) {
        statement.execute("CREATE TEMP TABLE lines (line text)");
      }
      try (var batch = connection.prepareStatement("SELECT ?::int")) {
        for (int n = 0; n < 20; n++) {
          batch.setInt(1, n);
          batch.addBatch();
        }
        try {
          batch.executeBatch();
        } catch (SQLException expected) { // it wants no results, and has sent all
        }
      }
      CopyManager copies = connection.unwrap(PGConnection.class).getCopyAPI();
      copies.copyIn("COPY lines FROM STDIN", new StringReader(("x".repeat(999) + "\n").repeat(count / 1000)));
      long[] taken = {0};
      copies.copyOut(
          "COPY lines TO STDOUT",
          new OutputStream() {
            @Override
            public void write(int one) {
              taken[0]++;
            }

            @Override
            public void write(byte[] data, int from, int length) {
              taken[0] += length;
            }
          });
      if (taken[0] != count) {
        throw new IllegalStateException("took " + taken[0] + " bytes");
      }
      try (var statement = connection.createStatement()) {
        var cancelling =
            new Thread(
                () -> {
                  try {
                    Thread.sleep(500);
                    statement.cancel();
                  } catch (InterruptedException | SQLException error) {
                    throw new IllegalStateException(error);
                  }
                });
        cancelling.start();
        try {
          statement.execute("SELECT pg_sleep(60)");
          throw new IllegalStateException("it was not cancelled");
        } catch (SQLException error) {
          if (!"57014".equals(error.getSQLState())) {
            throw error;
          }
        }
        cancelling.join();
      }
    }
  }
}
