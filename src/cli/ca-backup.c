/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "cli/backup-elsewhere.h"
#include "cli/backup-settings.h"
#include "cli/ca.h"
#include "cli/cli-passphrase.h"
#include "cli/sealed-file.h"
#include "shared/backup-file.h"
#include "shared/files.h"

#define ARCHIVE_NAME "attezt-backup"
#define KEPT 'k' /* as the interface has it */
#define KEPT_ANSWER_SEC 30

/* --- attezt ca backup --- */

/* kept: what atteztd is told through that the backup is in its place. */
static int fetch(Cli *c, int to, int kept) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        struct stat st;
        int fd;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Backup", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "a{sv}", 1, "kept", "h", kept);
        if (r < 0)
                return cli_failed(r, "make a message");
        status = cli_call(c, m, &reply);
        if (status != EXIT_SUCCESS)
                return status;
        r = sd_bus_message_read(reply, "h", &fd);
        if (r >= 0 && (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0))
                r = -errno;
        /* Without the mark of its end: the settings follow. */
        if (r >= 0)
                r = st.st_size > 1 ? backup_copy(fd, to, (uint64_t) st.st_size - 1) : -EBADMSG;
        return r < 0 ? cli_failed(r, "read the answer") : EXIT_SUCCESS;
}

/* -EEXIST: there is a file of that name. */
static int put_in_place(const char *from, const char *path) {
        int r = renameat2(AT_FDCWD, from, AT_FDCWD, path, RENAME_NOREPLACE) < 0 ? -errno : 0;

        if (r == -EINVAL) { /* a file system that cannot promise it */
                r = access(path, F_OK) >= 0 ? -EEXIST : 0;
                if (r >= 0 && rename(from, path) < 0)
                        r = -errno;
        }
        return r < 0 ? r : dir_fsync_parent(path);
}

/* Under its name when it is complete: a file that looks like a backup is one, whatever ended us. */
static int write_sealed(int archive, const char *path, const Passphrase *p) {
        _cleanup_free_ char *new = NULL;

        if (asprintf(&new, "%s.XXXXXX", path) < 0)
                return -ENOMEM;
        _cleanup_close_ int fd = mkostemp(new, O_CLOEXEC); /* 0600 */
        if (fd < 0)
                return -errno;
        int r = lseek(archive, 0, SEEK_SET) < 0 ? -errno : sealed_file_write(archive, fd, (const char *) p->text.data);
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        if (r >= 0)
                r = put_in_place(new, path);
        if (r < 0)
                (void) unlink(new);
        return r;
}

/* Before anybody types a passphrase twice. */
static int check_place(const char *path) {
        _cleanup_free_ char *dir = NULL;
        struct stat st;

        if (lstat(path, &st) >= 0) {
                log_error("%s is there already, and is not overwritten.", path);
                return EXIT_FAILURE;
        }
        int r = errno == ENOENT ? path_parent(path, &dir) : -errno;
        if (r >= 0 && access(dir, W_OK | X_OK) < 0)
                r = -errno;
        if (r < 0)
                log_error("%s cannot be written: %s%s%s.", path, dir ?: "", dir ? ": " : "", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* From now on nobody is reminded. The backup is there, whatever comes of this. */
static void tell_kept(int fd) {
        const struct timeval patience = { .tv_sec = KEPT_ANSWER_SEC };
        char word = KEPT;

        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (send(fd, &word, 1, MSG_NOSIGNAL) != 1 || recv(fd, &word, 1, 0) != 1)
                log_warning("The backup is complete, but atteztd has not noted it: it goes on saying that there is none, or "
                            "an older one.");
}

/* ret_elsewhere: what it does not hold. */
static int write_backup(int archive, const char *path, const Passphrase *p, char **ret_elsewhere) {
        int r = backup_settings_add(archive);
        if (r >= 0)
                r = backup_elsewhere_add(archive, ret_elsewhere);
        if (r >= 0)
                r = backup_write_end(archive);
        return r < 0 ? r : write_sealed(archive, path, p);
}

int verb_ca_backup(Cli *c, int argc, char **argv) {
        _cleanup_close_ int archive = memfd_create(ARCHIVE_NAME, MFD_CLOEXEC), kept = -EBADF, theirs = -EBADF;
        _cleanup_free_ char *elsewhere = NULL;
        _cleanup_passphrase_ Passphrase p = {};
        const CliOption options[] = { PASSPHRASE_OPTIONS(p), {} };
        int pair[2];

        cli_parse(c, argc, argv, options, 1, 1);
        if (archive < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return cli_failed(-errno, "make room for the backup");
        kept = pair[0];
        theirs = pair[1];
        int status = check_place(c->operands[0]);
        if (status == EXIT_SUCCESS)
                status = passphrase_get(c, &p, "Passphrase for the backup", true);
        if (status == EXIT_SUCCESS)
                status = fetch(c, archive, theirs);
        if (status != EXIT_SUCCESS)
                return status;
        closep(&theirs);
        theirs = -EBADF;
        int r = write_backup(archive, c->operands[0], &p, &elsewhere);
        if (r < 0)
                return cli_failed(r, "write the backup");
        tell_kept(kept);
        if (c->json) {
                backup_elsewhere_tell(elsewhere, stderr);
                return ca_print_file(c, c->operands[0], true);
        }
        printf("The CA's keys, the inventory with all that was issued, vendor roots and settings are in %s.\n"
               "Keep it, and the passphrase, away from this machine. There: attezt ca restore %s\n",
               c->operands[0], c->operands[0]);
        backup_elsewhere_tell(elsewhere, stdout);
        return EXIT_SUCCESS;
}

/* --- attezt ca restore --- */

static int open_sealed(const char *path, const Passphrase *p, int to) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        int r = fd < 0 ? -errno : sealed_file_read(fd, to, (const char *) p->text.data);
        if (r == -EKEYREJECTED) {
                log_error("%s is encrypted with another passphrase, or it was changed.", path);
                return EXIT_FAILURE;
        }
        if (r == -EBADMSG) {
                log_error("%s is no backup.", path);
                return EXIT_FAILURE;
        }
        return r < 0 ? cli_failed(r, "read the backup") : EXIT_SUCCESS;
}

static int hand_in(Cli *c, int archive, bool force) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;

        int status = cli_new_call(c, ATTEZT_SERVER_INTERFACE, "Restore", &m);
        if (status != EXIT_SUCCESS)
                return status;
        int r = sd_bus_message_append(m, "ha{sv}", archive, 1, "force", "b", (int) force);
        if (r < 0)
                return cli_failed(r, "make a message");
        return cli_call(c, m, &reply);
}

int verb_ca_restore(Cli *c, int argc, char **argv) {
        _cleanup_close_ int archive = memfd_create(ARCHIVE_NAME, MFD_CLOEXEC);
        _cleanup_passphrase_ Passphrase p = {};
        bool force = false;
        const CliOption options[] = {
                { "force", CLI_FLAG, &force, NULL, "Replace a CA, an inventory and settings that are here" },
                PASSPHRASE_OPTIONS(p),
                {},
        };

        cli_parse(c, argc, argv, options, 1, 1);
        if (archive < 0)
                return cli_failed(-errno, "make room for the backup");
        int status = passphrase_get(c, &p, "Passphrase of the backup", false);
        if (status == EXIT_SUCCESS)
                status = open_sealed(c->operands[0], &p, archive);
        if (status == EXIT_SUCCESS)
                status = hand_in(c, archive, force);
        if (status != EXIT_SUCCESS)
                return status;
        int r = backup_settings_restore(archive, force);
        if (r < 0)
                return cli_failed(r, "write the settings in " ATTEZT_SETTINGS_DIR);
        if (!c->json)
                printf("CA and inventory are restored. atteztd ends, and begins anew with them: systemd starts it at the\n"
                       "next request, where there is none it is to be started again. What was started meanwhile takes up\n"
                       "the restored settings with:\n"
                       "    systemctl try-restart atteztd.service attezt-http.service\n");
        r = backup_elsewhere_check(archive, c->json ? stderr : stdout);
        if (r < 0)
                log_warning_errno(r, "What is missing on this machine cannot be said: %m");
        return c->json ? ca_print_file(c, c->operands[0], false) : EXIT_SUCCESS;
}
