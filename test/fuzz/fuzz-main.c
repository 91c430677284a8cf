/* SPDX-License-Identifier: MIT */
/* Replays every file of the folders and files given as arguments through a fuzz target. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_file(const char *path) {
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

        (void) LLVMFuzzerTestOneInput(data, size);
        free(data);
}

static unsigned replay(const char *path) {
        DIR *d = opendir(path);
        if (!d) {
                replay_file(path);
                return 1;
        }

        unsigned n = 0;
        for (struct dirent *de; (de = readdir(d));) {
                char child[4096];
                if (de->d_name[0] == '.')
                        continue;
                if (snprintf(child, sizeof(child), "%s/%s", path, de->d_name) >= (int) sizeof(child))
                        continue;
                replay_file(child);
                n++;
        }
        (void) closedir(d);
        return n;
}

int main(int argc, char *argv[]) {
        unsigned n = 0;

        for (int i = 1; i < argc; i++)
                n += replay(argv[i]);
        printf("%u inputs replayed\n", n);
        return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE; /* an empty corpus is a test that cannot fail */
}
