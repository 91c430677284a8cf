/* SPDX-License-Identifier: MIT */
#include "renewed/run.h"

#include <time.h>

#include "test.h"

static int shell(const char *text, unsigned limit_sec) {
        char *argv[] = { (char *) "/bin/sh", (char *) "-c", (char *) text, NULL };
        char *envp[] = { (char *) "PATH=/usr/bin:/bin", NULL };

        return run_command(argv, envp, limit_sec);
}

static void test_ends(void) {
        char *none[] = { (char *) "/no/such/program", NULL }, *envp[] = { NULL };

        check_int(shell("exit 0", 10), 0);
        check_int(shell("exit 3", 10), 3);
        check_int(shell("kill -9 $$", 10), 137);
        check_int(shell("read -r line", 10), 1); /* nobody to type it */
        check_int(run_command(none, envp, 10), -ENOENT);
}

/* With the child that it has in the same process group. */
static void test_limit(void) {
        time_t begin = time(NULL);

        check_int(shell("sleep 600 & wait", 1), -ETIMEDOUT);
        check(time(NULL) - begin < 10);
}

int main(void) {
        test_ends();
        test_limit();
        return EXIT_SUCCESS;
}
