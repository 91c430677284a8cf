/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>

#include "cli/root-key-copies.h"
#include "protocol/shell-quote.h"
#include "shared/files.h"

#define CA_DIR ATTEZT_SERVER_STATE_DIR "/ca"
#define BESIDE "ca." /* ca.before-restore of atteztd's, ca.old as the manual has it, and what people call theirs */
#define CERTIFICATE_MAX (64U * 1024)
#define WORD_MAX 1024U

/* Whether dir has another CA's root; what cannot be told apart is not. */
static bool is_another(const char *dir) {
        _cleanup_bytes_ Bytes ours = BYTES_NULL, theirs = BYTES_NULL;
        _cleanup_free_ char *path = NULL;

        return path_join(dir, "root.pem", &path) >= 0 && file_read(CA_DIR "/root.pem", CERTIFICATE_MAX, &ours) >= 0 &&
               file_read(path, CERTIFICATE_MAX, &theirs) >= 0 && !view_equal(bytes_view(&ours), bytes_view(&theirs));
}

static int look_at(const char *name, FILE *command) {
        _cleanup_free_ char *dir = NULL, *key = NULL;
        char word[WORD_MAX];

        int r = path_join(ATTEZT_SERVER_STATE_DIR, name, &dir);
        if (r >= 0)
                r = path_join(dir, "root.key", &key);
        if (r < 0)
                return r;
        if (access(key, F_OK) < 0)
                return errno == EACCES ? -EACCES : 0;
        if (is_another(dir) || shell_quote(key, word, sizeof(word)) < 0)
                return 0;
        fprintf(command, "%s %s", ftello(command) == 0 ? "rm" : "", word);
        return 0;
}

int root_key_copies(char **ret_command) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r = 0;

        FILE *command = open_memstream(&text, &size);
        if (!command)
                return -ENOMEM;
        DIR *d = opendir(ATTEZT_SERVER_STATE_DIR);
        if (!d && errno != ENOENT)
                r = -errno;
        for (struct dirent *e; d && r >= 0 && (e = readdir(d));)
                if (strncmp(e->d_name, BESIDE, strlen(BESIDE)) == 0)
                        r = look_at(e->d_name, command);
        if (d)
                (void) closedir(d);
        if (fclose(command) != 0 && r >= 0)
                r = -ENOMEM;
        if (r >= 0)
                *ret_command = TAKE_PTR(text);
        return r;
}
