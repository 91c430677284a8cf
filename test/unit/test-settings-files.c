/* SPDX-License-Identifier: MIT */
#include "shared/settings-files.h"

#include "shared/files.h"
#include "test.h"

typedef struct Seen {
        char text[512];
        int result;
} Seen;

static int on_setting(const char *file, unsigned line, const char *section, const char *key, const char *value,
                      void *userdata) {
        Seen *s = userdata;
        size_t n = strlen(s->text);

        (void) snprintf(s->text + n, sizeof(s->text) - n, "%s:%u [%s] %s=%s\n", strrchr(file, '/') + 1, line, section,
                        key, value);
        return s->result;
}

static void put(const char *dir, const char *name, const char *text) {
        _cleanup_free_ char *path = NULL;

        check_int(path_join(dir, name, &path), 0);
        check_int(file_write_atomic_path(path, 0644, VIEW_STR(text)), 0);
}

int main(void) {
        char dir[] = "/tmp/test-settings-files.XXXXXX";
        _cleanup_free_ char *path = NULL, *dropins = NULL, *where = NULL;
        Seen seen = {};

        check(mkdtemp(dir));
        check_int(path_join(dir, "x.conf", &path), 0);
        check_int(path_join(dir, "x.conf.d", &dropins), 0);

        /* Nothing there is fine. */
        check_int(settings_files_read(path, on_setting, &seen, &where), 0);
        check_str(seen.text, "");

        put(dir, "x.conf", "[A]\nOne=1\n");
        check_int(dir_make(dropins, 0755), 0);
        put(dropins, "20.conf", "[A]\nOne=20\n");
        put(dropins, "10.conf", "# first\n[A]\nOne=10\n");
        put(dropins, ".hidden.conf", "[A]\nOne=no\n");
        put(dropins, "30.conf.bak", "[A]\nOne=no\n");
        check_int(settings_files_read(path, on_setting, &seen, &where), 0);
        check_str(seen.text, "x.conf:2 [A] One=1\n10.conf:3 [A] One=10\n20.conf:2 [A] One=20\n");
        check(!where);

        /* What the caller says ends it, with the place. */
        seen = (Seen) { .result = -ENOMEM };
        check_int(settings_files_read(path, on_setting, &seen, &where), -ENOMEM);
        check_str(seen.text, "x.conf:2 [A] One=1\n");
        check(strstr(where, "/x.conf:2"));

        seen = (Seen) {};
        put(dropins, "15.conf", "[A]\nnonsense\n");
        free(where);
        where = NULL;
        check_int(settings_files_read(path, on_setting, &seen, &where), -EBADMSG);
        check(strstr(where, "/x.conf.d/15.conf:2"));
        check(strstr(settings_strerror(-EBADMSG), "[Section]"));
        check_str(settings_strerror(-EACCES), "Permission denied");

        int fd = dir_open("/tmp");
        check(fd >= 0);
        check_int(dir_remove(fd, dir + strlen("/tmp/")), 0);
        (void) close(fd);
        return EXIT_SUCCESS;
}
