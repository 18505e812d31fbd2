import static java.nio.charset.StandardCharsets.UTF_8;

import io.trino.Session;
import io.trino.metadata.SessionPropertyManager;
import io.trino.spi.QueryId;
import io.trino.spi.security.Identity;
import io.trino.spi.type.TimeZoneKey;
import io.trino.testing.LocalQueryRunner;
import io.trino.testing.MaterializedResult;
import io.trino.testing.MaterializedRow;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Reads names of files, each with a query, writes the results beside them as Athena does, and tells how it went. */
public class Queries {
    public static void main(String[] words) throws Exception {
        PrintStream answers = System.out;
        System.setOut(System.err);
        Session session = Session.builder(new SessionPropertyManager())
                .setQueryId(new QueryId("test"))
                .setIdentity(Identity.ofUser("test"))
                .setTimeZoneKey(TimeZoneKey.UTC_KEY)
                .setLocale(Locale.ENGLISH)
                .build();
        BufferedReader names = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        try (LocalQueryRunner runner = LocalQueryRunner.create(session)) {
            for (String name = names.readLine(); name != null; name = names.readLine()) {
                answers.println(answer(runner, session, Path.of(name)));
            }
        }
        System.exit(0);
    }

    private static String answer(LocalQueryRunner runner, Session session, Path query) throws Exception {
        try {
            Files.writeString(Path.of(query + ".csv"), csv(runner.execute(session, Files.readString(query))));
            return "SUCCEEDED";
        } catch (RuntimeException error) {
            return "FAILED " + String.valueOf(error.getMessage()).replace("\n", " ");
        }
    }

    private static String csv(MaterializedResult result) {
        StringBuilder told = new StringBuilder(line(result.getColumnNames()));
        for (MaterializedRow row : result) {
            told.append(line(row.getFields()));
        }
        return told.toString();
    }

    private static String line(List<?> values) {
        return values.stream().map(Queries::cell).collect(Collectors.joining(",", "", "\n"));
    }

    private static String cell(Object value) {
        if (value == null) {
            return "";
        }
        String text = value instanceof BigDecimal number ? number.toPlainString() : value.toString();
        return '"' + text.replace("\"", "\"\"") + '"';
    }
}
