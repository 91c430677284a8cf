/* SPDX-License-Identifier: MIT */
#include "server/backup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "server/events.h"
#include "shared/backup-file.h"
#include "shared/files.h"
#include "shared/inventory-copy.h"
#include "shared/log.h"
#include "shared/trust-store.h"

#define STAGE ".restore.new"
#define READY "restore"
#define BEFORE ".before-restore" /* what was in use is kept under this name, once */

/* --- Unpacking --- */

/* The folders on the way to a file of the trust store, which fronts read. */
static int make_folders(int stage, const char *name) {
        char folder[BACKUP_NAME_MAX + 1];

        for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
                memcpy(folder, name, (size_t) (slash - name));
                folder[slash - name] = 0;
                int r = dir_make_at(stage, folder, 0755);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int unpack(int fd, const BackupHeader *h, void *userdata) {
        const char *name = h->name;
        int stage = *(const int *) userdata, r = 0;

        if (strncmp(name, BACKUP_SETTINGS, strlen(BACKUP_SETTINGS)) == 0)
                return 0;
        bool ca = strncmp(name, BACKUP_CA, strlen(BACKUP_CA)) == 0 && strrchr(name, '/') == name + strlen(BACKUP_CA) - 1;
        bool trust = strncmp(name, BACKUP_TRUST "/", strlen(BACKUP_TRUST "/")) == 0;
        if (!ca && !trust && strcmp(name, BACKUP_INVENTORY) != 0)
                return -EBADMSG;
        if (trust)
                r = make_folders(stage, name);
        if (r < 0)
                return r;
        _cleanup_close_ int to = openat(stage, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, trust ? 0644 : 0600);
        if (to < 0)
                return -errno;
        r = backup_copy(fd, to, h->size);
        if (r < 0)
                return r;
        return fsync(to) < 0 ? -errno : 0;
}

static int look_at(const char *dir) {
        _cleanup_(certificate_authority_freep) CertificateAuthority *ca = NULL;
        _cleanup_free_ char *ca_dir = NULL, *inventory = NULL, *lock = NULL;

        int r = path_join(dir, "ca", &ca_dir);
        if (r >= 0)
                r = path_join(dir, BACKUP_INVENTORY, &inventory);
        if (r < 0)
                return r;
        r = certificate_authority_load(ca_dir, NULL, &ca);
        if (r < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        if (access(inventory, F_OK) < 0)
                return -EBADMSG;
        r = inventory_check_file(inventory);
        if (asprintf(&lock, "%s.lock", inventory) < 0)
                return -ENOMEM;
        (void) unlink(lock);
        return r == -EUCLEAN ? -EBADMSG : r;
}

int backup_stage(const Server *s, int archive_fd) {
        _cleanup_close_ int state = dir_open(s->settings->state_dir);
        _cleanup_free_ char *path = NULL;

        if (state < 0)
                return state;
        int r = dir_remove(state, STAGE);
        if (r >= 0)
                r = path_join(s->settings->state_dir, STAGE, &path);
        if (r < 0)
                return r;
        if (mkdirat(state, STAGE, 0700) < 0 || mkdirat(state, STAGE "/ca", 0700) < 0 ||
            mkdirat(state, STAGE "/" BACKUP_TRUST, 0755) < 0)
                return -errno;
        _cleanup_close_ int stage = dir_open_at(state, STAGE);
        r = stage < 0 ? stage : backup_read(archive_fd, unpack, &stage);
        if (r >= 0)
                r = look_at(path);
        if (r >= 0)
                r = dir_remove(state, READY);
        if (r >= 0 && (fsync(stage) < 0 || renameat(state, STAGE, state, READY) < 0 || fsync(state) < 0))
                r = -errno;
        if (r < 0)
                (void) dir_remove(state, STAGE);
        return r;
}

/* --- Putting in place --- */

static bool is_there(int dir, const char *name) {
        struct stat st;
        return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) >= 0;
}

/* What is in use goes to another name, what is ready to this one; either may have been done already. */
static int swap_in(int state, const char *ready, const char *name) {
        char before[64];

        if (!is_there(state, ready))
                return 0;
        (void) snprintf(before, sizeof(before), "%s" BEFORE, name);
        if (is_there(state, name)) {
                int r = dir_remove(state, before);
                if (r < 0)
                        return r;
                if (renameat(state, name, state, before) < 0)
                        return -errno;
        }
        return renameat(state, ready, state, name) < 0 || fsync(state) < 0 ? -errno : 0;
}

int backup_put_in_place(const ServerSettings *settings) {
        _cleanup_close_ int state = dir_open(settings->state_dir);

        if (state < 0)
                return state == -ENOENT ? 0 : state;
        if (!is_there(state, READY))
                return 0;
        int r = swap_in(state, READY "/" BACKUP_INVENTORY, BACKUP_INVENTORY);
        if (r >= 0)
                r = swap_in(state, READY "/ca", "ca");
        if (r >= 0)
                r = dir_make_at(state, SERVER_PUBLIC_DIR, 0755);
        if (r >= 0)
                r = swap_in(state, READY "/" BACKUP_TRUST, SERVER_PUBLIC_DIR "/" TRUST_STORE_MANAGED);
        if (r < 0)
                return r;
        /* They are made anew from what is in use now. */
        (void) unlinkat(state, SERVER_PUBLIC_DIR "/root.pem", 0);
        (void) unlinkat(state, SERVER_PUBLIC_DIR "/crl.pem", 0);
        r = dir_remove(state, READY);
        if (r >= 0)
                log_event(LOG_NOTICE, EVENT_RESTORED, NULL, "CA and inventory are those of a backup; what was in use "
                          "before is kept beside them under names that end in " BEFORE ".");
        return r;
}
