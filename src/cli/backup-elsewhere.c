/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "cli/backup-elsewhere.h"
#include "cli/cli.h"
#include "shared/backup-file.h"
#include "shared/files.h"
#include "shared/settings-files.h"

#define RECORD "etc/elsewhere" /* a path a line; programs that do not know it pass over it */
#define RECORD_MAX (64U * 1024)
#define UNITS_DIR "/etc/systemd/system/"
#define IN_BACKUP ATTEZT_SETTINGS_DIR "/ek-roots.d"
#define SETTINGS ATTEZT_SETTINGS_DIR "/atteztd.conf"

/* Of section [HTTP]: a file each, the last one counts. */
static const char *const file_keys[] = { "TLSCertificate", "TLSKey", "WebhookSecret", "WebhookClientRoots" };

static const char *const places[] = {
        "/etc/credstore/attezt-http.webhook-secret",
        UNITS_DIR "atteztd.service.d",
        UNITS_DIR "atteztd.socket.d",
        UNITS_DIR "attezt-http.service.d",
        UNITS_DIR "attezt-http.socket.d",
        UNITS_DIR "attezt-https.socket.d",
};

typedef struct Named {
        char *files[ELEMENTSOF(file_keys)];
        FILE *directories; /* of EKRoots=, which may be there several times */
} Named;

static int on_setting(const char *file, unsigned line, const char *section, const char *key, const char *value,
                      void *userdata) {
        Named *n = userdata;

        if (strcmp(section, "HTTP") != 0 || value[0] != '/')
                return 0;
        if (strcmp(key, "EKRoots") == 0)
                fprintf(n->directories, "%s\n", value);
        for (size_t i = 0; i < ELEMENTSOF(file_keys); i++)
                if (strcmp(key, file_keys[i]) == 0) {
                        free(n->files[i]);
                        n->files[i] = strdup(value);
                        if (!n->files[i])
                                return -ENOMEM;
                }
        return 0;
}

/* What the settings name, and where else something may be; whether it is there is not looked at. malloc'd. */
static int list_all(char **ret) {
        char *text = NULL;
        size_t size;
        Named n = { .directories = open_memstream(&text, &size) };

        if (!n.directories)
                return -ENOMEM;
        /* What is wrong with them others say. */
        int r = settings_files_read(SETTINGS, on_setting, &n, NULL) == -ENOMEM ? -ENOMEM : 0;
        for (size_t i = 0; i < ELEMENTSOF(file_keys); i++) {
                if (n.files[i])
                        fprintf(n.directories, "%s\n", n.files[i]);
                free(n.files[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                fprintf(n.directories, "%s\n", places[i]);
        if (fclose(n.directories) != 0)
                r = -ENOMEM;
        if (r < 0) {
                free(text);
                return r;
        }
        *ret = text;
        return 0;
}

static bool is_in_backup(const char *path) {
        size_t n = strlen(IN_BACKUP);

        return strncmp(path, IN_BACKUP, n) == 0 && (path[n] == 0 || path[n] == '/');
}

/* The lines of text that are there, or those that are not; text is cut up. */
static int pick(char *text, bool there, char **ret) {
        char *found = NULL, *rest = text, *line;
        size_t size;

        FILE *f = open_memstream(&found, &size);
        if (!f)
                return -ENOMEM;
        while ((line = strsep(&rest, "\n")))
                if (line[0] == '/' && !is_in_backup(line) && (access(line, F_OK) >= 0) == there)
                        fprintf(f, "%s\n", line);
        if (fclose(f) != 0) {
                free(found);
                return -ENOMEM;
        }
        *ret = found;
        return 0;
}

static void tell_paths(FILE *to, const char *head, const char *text) {
        if (!text[0])
                return;
        fputs(head, to);
        for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
                char escaped[LOG_ESCAPED_MAX];
                fprintf(to, "    %s\n", log_escape(line, (size_t) (end - line), escaped));
        }
}

void backup_elsewhere_tell(const char *here, FILE *to) {
        tell_paths(to, "Not in it, and to be kept as well:\n", here);
}

int backup_elsewhere_add(int archive, char **ret) {
        _cleanup_free_ char *all = NULL, *here = NULL;

        int r = list_all(&all);
        if (r >= 0)
                r = pick(all, true, &here);
        if (r >= 0)
                r = backup_write_file(archive, RECORD, VIEW_STR(here));
        if (r >= 0)
                *ret = TAKE_PTR(here);
        return r;
}

static int on_file(int fd, const BackupHeader *h, void *userdata) {
        _cleanup_free_ char *text = NULL;
        char **ret = userdata;

        if (strcmp(h->name, RECORD) != 0 || *ret || h->size > RECORD_MAX)
                return 0;
        text = calloc(1, h->size + 1);
        if (!text)
                return -ENOMEM;
        for (size_t have = 0; have < h->size;) {
                ssize_t n = read(fd, text + have, h->size - have);
                if (n <= 0)
                        return n < 0 ? -errno : -EBADMSG;
                have += (size_t) n;
        }
        *ret = TAKE_PTR(text);
        return 0;
}

/* A backup of before there was this record: what the settings name is known even so. */
static int list_named(char **ret) {
        int r = list_all(ret);
        if (r < 0)
                return r;
        char *first = strstr(*ret, places[0]);
        if (first)
                *first = 0;
        return 0;
}

int backup_elsewhere_check(int archive, FILE *to) {
        _cleanup_free_ char *text = NULL, *missing = NULL;

        int r = backup_read(archive, on_file, &text);
        if (r >= 0 && !text)
                r = list_named(&text);
        if (r >= 0)
                r = pick(text, false, &missing);
        if (r >= 0)
                tell_paths(to, "Missing here, and in no backup; bring it from the machine of before, or make it anew:\n", missing);
        return r;
}
