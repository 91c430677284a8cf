/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>

#include "cli/doctor-access.h"
#include "cli/doctor-exec.h"
#include "cli/doctor.h"
#include "shared/files.h"
#include "shared/settings-files.h"

#define COMPLAINTS_TEXT_MAX (FINDING_TEXT_MAX - 128U)

/* Who reads a file of settings. Each says for itself what it does not understand. */
typedef struct Reader {
        const char *program, *user; /* NULL: whoever asks, for root needs no permission */
} Reader;

typedef struct Complaints {
        char text[COMPLAINTS_TEXT_MAX];
        char file[ACCESS_PATH_SIZE]; /* that the first of them names; "" if none */
        unsigned n, untold, hidden;  /* hidden: from us, but perhaps not from the program's own user */
        bool error;                  /* not only warnings */
} Complaints;

/* --- What the programs say --- */

static bool skip(const char **line, const char *word) {
        size_t n = strlen(word);

        if (strncmp(*line, word, n) != 0)
                return false;
        *line += n;
        return true;
}

/* "FILE:LINE: …" and "…: FILE: …" */
static void note_file(Complaints *c, const char *line) {
        const char *begin = *line == '/' ? line : strstr(line, ATTEZT_SETTINGS_DIR "/");
        size_t n = begin ? strcspn(begin, ":") : 0;

        if (!*c->file && n > 0 && n < sizeof(c->file))
                (void) snprintf(c->file, sizeof(c->file), "%.*s", (int) n, begin);
}

/* What two readers of a file say alike is said once. */
static void add_line(Complaints *c, const char *program, const char *line) {
        size_t used = strlen(c->text);

        if (skip(&line, program))
                (void) skip(&line, ": ");
        c->error |= skip(&line, "error: ");
        (void) skip(&line, "warning: ");
        if (!*line || strstr(c->text, line))
                return;
        if (geteuid() != 0 && strstr(line, strerror(EACCES))) {
                c->hidden++;
                return;
        }
        note_file(c, line);
        c->n++;
        if (used + strlen(line) + 2 > sizeof(c->text))
                c->untold++;
        else
                (void) snprintf(c->text + used, sizeof(c->text) - used, "%s%s", used > 0 ? " " : "", line);
}

/* 0, or why it could not be asked. */
static int ask(const Reader *reader, Complaints *c) {
        _cleanup_free_ char *program = doctor_daemon(reader->program);
        char option[] = "--check-settings", text[DOCTOR_OUTPUT_MAX], *rest = NULL;
        char *argv[] = { program, option, NULL };

        if (!program)
                return -ENOMEM;
        int status = doctor_exec(geteuid() == 0 ? reader->user : NULL, argv, text);
        if (status < 0)
                return status;
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                add_line(c, reader->program, line);
        return 0;
}

/* --- What they may not read --- */

static int find_closed_dropin(const char *user, const char *dir, char ret[static ACCESS_PATH_SIZE]) {
        int r = 0;

        DIR *d = opendir(dir);
        if (!d)
                return 0;
        for (struct dirent *de; r == 0 && (de = readdir(d));) {
                _cleanup_free_ char *path = NULL;
                if (settings_is_dropin(de->d_name) && path_join(dir, de->d_name, &path) >= 0)
                        r = find_unreadable(user, path, ret);
        }
        (void) closedir(d);
        return r;
}

/* By the modes alone: it is asked when the program itself has complained. */
static bool is_closed(const char *user, const char *config, char ret[static ACCESS_PATH_SIZE]) {
        char dir[ACCESS_PATH_SIZE];

        (void) snprintf(dir, sizeof(dir), "%s.d", config);
        return find_unreadable(user, config, ret) > 0 || find_unreadable(user, dir, ret) > 0 ||
               find_closed_dropin(user, dir, ret) > 0;
}

static void tell_closed(const Reader *reader, const char *path, Finding *f) {
        finding_failed(f, NULL, "%s may not read %s: its user is %s.", reader->program, path, reader->user);
        finding_command(f, "chmod a+rX %s", path);
}

static void tell_complaints(const Complaints *c, const char *config, Finding *f) {
        char more[32] = "";

        if (c->untold > 0)
                (void) snprintf(more, sizeof(more), " And %u more.", c->untold);
        finding_set(f, c->error ? CHECK_FAILED : CHECK_WARNING, NULL, "%s%s", c->text, more);
        finding_command(f, "editor %s", *c->file ? c->file : config);
}

/* --- Both sides --- */

static void look_at(const char *config, const Reader *readers, size_t n, Finding *f) {
        char closed[ACCESS_PATH_SIZE];
        Complaints c = {};

        finding_ok(f, "%s and its drop-ins are understood.", config);
        for (size_t i = 0; i < n; i++) {
                unsigned before = c.n;
                int r = ask(readers + i, &c);
                if (r == -ESRCH) {
                        finding_failed(f, "systemd-sysusers", "There is no user %s.", readers[i].user);
                        return;
                }
                if (r < 0) {
                        finding_skipped(f, NULL, "%s could not be asked: %s.", readers[i].program, strerror(-r));
                        return;
                }
                if (c.n > before && readers[i].user && geteuid() == 0 && is_closed(readers[i].user, config, closed)) {
                        tell_closed(readers + i, closed, f);
                        return;
                }
        }
        if (c.n > 0)
                tell_complaints(&c, config, f);
        else if (c.hidden > 0)
                finding_skipped(f, "sudo attezt doctor", "Not all that %s names is for this user to read.", config);
}

void look_settings(const Host *h, Finding *f) {
        static const Reader readers[] = { { "attezt-agent", "attezt" }, { "attezt-renewed", NULL } };
        look_at(ATTEZT_SETTINGS_DIR "/agent.conf", readers, ELEMENTSOF(readers), f);
}

void look_server_settings(const Host *h, Finding *f) {
        static const Reader readers[] = { { "atteztd", "atteztd" }, { "attezt-http", "attezt-http" } };
        look_at(ATTEZT_SETTINGS_DIR "/atteztd.conf", readers, ELEMENTSOF(readers), f);
}
