/* SPDX-License-Identifier: MIT */
/* Replays every file of the folders and files given as arguments through a fuzz target. After --no-memory: each of them
 * again and again, and each time another allocation fails. Of our own code's allocations all have their turn, of
 * those of the libraries a fixed choice. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

#define OURS_MAX 1000U    /* failures of each kind for one input */
#define LIBRARIES_MAX 100U

/* What to say when it ends badly. */
static struct {
        const char *path;
        NoMemory how;
        bool ours;
        uint64_t nth;
} now;

static uint64_t run(const uint8_t *data, size_t size, NoMemory how, bool ours, uint64_t nth) {
        now.how = how;
        now.ours = ours;
        now.nth = nth;
        no_memory_begin(how, ours, nth);
        (void) LLVMFuzzerTestOneInput(data, size);
        return no_memory_end();
}

static void starve(const uint8_t *data, size_t size, bool ours, uint64_t max) {
        uint64_t total = run(data, size, NO_MEMORY_ONCE, ours, 0), step = total / max + 1;

        for (uint64_t n = 1; n <= total; n += step) {
                (void) run(data, size, NO_MEMORY_ONCE, ours, n);
                (void) run(data, size, NO_MEMORY_LEFT, ours, n);
        }
}
static void replay_file(const char *path, bool no_memory) {
        FILE *f = fopen(path, "re");
        if (!f) {
                perror(path);
                exit(EXIT_FAILURE);
        }

        /* An allocation of just the right size, so that the sanitizer sees one byte too far. */
        struct stat st;
        if (fstat(fileno(f), &st) < 0) {
                perror(path);
                exit(EXIT_FAILURE);
        }
        size_t size = (size_t) st.st_size;
        uint8_t *data = malloc(size > 0 ? size : 1);
        if (!data || fread(data, 1, size, f) != size) {
                fprintf(stderr, "%s: short read\n", path);
                exit(EXIT_FAILURE);
        }
        (void) fclose(f);

        now.path = path;
        (void) LLVMFuzzerTestOneInput(data, size); /* also what the libraries make once, and keep */
        if (no_memory) {
                starve(data, size, true, OURS_MAX);
                starve(data, size, false, LIBRARIES_MAX);
        }
        free(data);
}

static unsigned replay(const char *path, bool no_memory) {
        DIR *d = opendir(path);
        if (!d) {
                replay_file(path, no_memory);
                return 1;
        }

        unsigned n = 0;
        for (struct dirent *de; (de = readdir(d));) {
                char child[4096];
                if (de->d_name[0] == '.')
                        continue;
                if (snprintf(child, sizeof(child), "%s/%s", path, de->d_name) >= (int) sizeof(child))
                        continue;
                replay_file(child, no_memory);
                n++;
        }
        (void) closedir(d);
        return n;
}

/* Sanitizers abort as well, with the options that meson sets. */
static void tell(int sig) {
        if (now.nth > 0)
                (void) fprintf(stderr, "%s: allocation %ju of %s%s\n", now.path, (uintmax_t) now.nth,
                               now.ours ? "ours" : "all", now.how == NO_MEMORY_LEFT ? " and what follows" : "");
        (void) signal(sig, SIG_DFL);
        (void) raise(sig);
}

int main(int argc, char *argv[]) {
        bool no_memory = argc > 1 && strcmp(argv[1], "--no-memory") == 0;
        unsigned n = 0;

        (void) signal(SIGABRT, tell);
        (void) signal(SIGTRAP, tell);
        for (int i = no_memory ? 2 : 1; i < argc; i++)
                n += replay(argv[i], no_memory);
        printf("%u inputs replayed\n", n);
        return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE; /* an empty corpus is a test that cannot fail */
}
