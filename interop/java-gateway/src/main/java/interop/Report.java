package interop;

import java.util.Objects;

/** One line a check, and how many held. */
final class Report {
    private final String name;
    private int passed;
    private int failed;

    /** @param name stands before the counts, so that several programs can be told apart */
    Report(final String name) {
        this.name = name;
    }

    void check(final String what, final boolean holds, final Object found) {
        if (holds) {
            passed += 1;
            System.out.println("  ok      " + what);
        } else {
            failed += 1;
            System.out.println("  FAILED  " + what + "\n            found " + found);
        }
    }

    void equal(final String what, final Object found, final Object expected) {
        check(what, Objects.equals(found, expected), found + ", expected " + expected);
    }

    /** Prints the counts; true if all held and anything was checked at all. */
    boolean close() {
        System.out.println("\n" + name + ": " + passed + " passed, " + failed + " failed");
        return failed == 0 && passed > 0;
    }
}
