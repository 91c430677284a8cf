/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/mman.h>

#include "server/backup-note.h"
#include "server/backup.h"
#include "server/bus-call.h"
#include "server/bus-descriptor.h"
#include "server/bus-methods.h"
#include "server/bus-options.h"
#include "server/events.h"
#include "server/server.h"
#include "shared/backup-tree.h"
#include "shared/files.h"
#include "shared/inventory-copy.h"
#include "shared/log.h"
#include "shared/names.h"
#include "shared/trust-store.h"

/* --- Backup --- */

typedef struct Backup {
        BusCall *call;
        int fd;
        int kept; /* the socket of who keeps it; or -EBADF */
} Backup;

static Backup *backup_free(Backup *b) {
        if (!b)
                return NULL;
        closep(&b->fd);
        closep(&b->kept);
        free(b);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Backup *, backup_free);

static int add_ca_file(const char *file, ByteView content, void *userdata) {
        char name[BACKUP_NAME_MAX + 1];
        Backup *b = userdata;

        if (snprintf(name, sizeof(name), BACKUP_CA "%s", file) > (int) BACKUP_NAME_MAX)
                return -ENAMETOOLONG;
        return backup_write_file(b->fd, name, content);
}

static void on_skipped(const char *path, int error) {
        log_warning_errno(error, "%s is not in the backup: %m", path);
}

static int add_trust(const Server *s, Backup *b) {
        static const BackupTreeEvents events = { .skipped = on_skipped };
        _cleanup_free_ char *public = NULL, *dir = NULL;

        int r = path_join(s->settings->state_dir, SERVER_PUBLIC_DIR, &public);
        if (r >= 0)
                r = path_join(public, TRUST_STORE_MANAGED, &dir);
        return r < 0 ? r : backup_write_tree(b->fd, dir, BACKUP_TRUST, &events);
}

static int add_ca(const Server *s, Backup *b) {
        const CertificateAuthorityVisitor v = { .visit = add_ca_file, .userdata = b };
        _cleanup_free_ char *dir = NULL;

        int r = path_join(s->settings->state_dir, "ca", &dir);
        return r < 0 ? r : certificate_authority_visit(dir, s->wrapping_key, &v);
}

static int on_begin(uint64_t size, void *userdata) {
        const Backup *b = userdata;

        if (size > (uint64_t) b->call->server->settings->backup_mib << 20)
                return -EFBIG;
        return backup_write_header(b->fd, BACKUP_INVENTORY, size);
}

static int finish(Backup *b) {
        char uid[EVENTS_UID_TEXT_MAX];
        const char *fields[] = { "ATTEZT_UID", events_format_uid(b->call->uid, uid), NULL };

        int r = backup_write_end(b->fd);
        if (r < 0)
                return r;
        if (lseek(b->fd, 0, SEEK_SET) < 0)
                return -errno;
        r = sd_bus_reply_method_return(b->call->message, "h", b->fd);
        if (r < 0)
                return r;
        log_event(LOG_NOTICE, EVENT_BACKUP, fields, "A backup of CA and inventory was given out.");
        if (b->kept >= 0) {
                r = backup_await_word(b->call->server, TAKE_FD(b->kept));
                if (r < 0)
                        log_warning_errno(r, "Nobody will be heard saying that the backup is kept: %m");
        }
        return 0;
}

static void fail_too_large(Backup *b) {
        unsigned mib = b->call->server->settings->backup_mib;

        log_error("The inventory is larger than a backup may be (MaxBackupSize=%u, MiB).", mib);
        (void) sd_bus_reply_method_errorf(
                b->call->message, ATTEZT_ERROR_FAILED,
                "The inventory is larger than %u MiB, and a backup is assembled in memory. Allow more with MaxBackupSize= "
                "in atteztd.conf, and as much memory with MemoryMax= of its unit; or stop atteztd and copy %s.",
                mib, b->call->server->settings->state_dir);
        bus_call_free(b->call);
}

static void on_copied(int error, void *userdata) {
        _cleanup_(backup_freep) Backup *b = userdata;

        if (error >= 0)
                error = finish(b);
        if (error == -EFBIG)
                fail_too_large(b);
        else if (error < 0)
                bus_call_fail(b->call, error);
        else
                bus_call_free(b->call);
}

/* What can be had at once; the inventory's turn comes. */
static int begin(const Server *s, Backup *b) {
        b->fd = memfd_create("attezt-backup", MFD_CLOEXEC);
        int r = b->fd < 0 ? -errno : backup_write_begin(b->fd);
        if (r >= 0)
                r = add_ca(s, b);
        return r < 0 ? r : add_trust(s, b);
}

int bus_backup(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(backup_freep) Backup *b = NULL;
        Server *s = userdata;
        BusOptions options;

        int r = bus_read_options(m, BUS_OPTION_KEPT, &options, error);
        if (r < 0)
                return r;
        if (!s->ca)
                return bus_no_ca(s, error);
        b = calloc(1, sizeof(*b));
        if (!b)
                return -ENOMEM;
        b->fd = b->kept = -EBADF;
        if (options.kept >= 0) {
                r = b->kept = bus_descriptor_take_socket(options.kept);
                if (r < 0)
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "kept wants a socket.");
        }
        r = begin(s, b);
        if (r < 0)
                return bus_error_set(error, r, "");
        b->call = bus_call_new(s, m, "");
        if (!b->call)
                return -ENOMEM;
        const InventoryCopy copy = { .fd = b->fd, .begin = on_begin, .done = on_copied };
        r = inventory_copy(s->inventory, &copy, b);
        if (r < 0) {
                bus_call_free(b->call);
                return bus_error_set(error, r, "");
        }
        TAKE_PTR(b);
        return 1;
}

/* --- Restore --- */

static bool is_empty(const Server *s) {
        return !s->ca && !s->ca_error && inventory_counts(s->inventory).devices == 0 &&
               inventory_signed_state(s->inventory).head.count == 0;
}

static void tell_restore(const Server *s) {
        char uid[EVENTS_UID_TEXT_MAX];
        const char *fields[] = { "ATTEZT_UID", events_format_uid(access_caller_uid(s->access), uid), NULL };

        log_event(LOG_NOTICE, EVENT_RESTORE_ASKED, fields, "Ending, to begin anew with what a backup holds.");
}

/* Blocks while it unpacks: there is nothing to do but this, and then to end. */
int bus_restore(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Server *s = userdata;
        BusOptions options;
        int fd;

        int r = sd_bus_message_read(m, "h", &fd);
        if (r >= 0)
                r = bus_read_options(m, BUS_OPTION_FORCE, &options, error);
        if (r < 0)
                return r;
        if (!options.force && !is_empty(s))
                return sd_bus_error_setf(error, ATTEZT_ERROR_EXISTS,
                                         "There is a CA or an inventory here already; --force replaces them.");
        r = bus_descriptor_check(fd);
        if (r >= 0)
                r = backup_stage(s, fd);
        if (r == -EBADMSG || r == -EINVAL)
                return sd_bus_error_setf(error, ATTEZT_ERROR_INVALID, "This is no backup, or it is damaged.");
        if (r < 0) {
                log_error_errno(r, "Could not unpack a backup: %m");
                return sd_bus_error_setf(error, ATTEZT_ERROR_FAILED, "Could not unpack the backup: %s.", strerror(-r));
        }
        r = sd_bus_reply_method_return(m, "");
        if (r >= 0)
                r = sd_bus_flush(s->bus);
        tell_restore(s);
        s->stopping = true;
        return server_stop(s) < 0 ? -EIO : r < 0 ? r : 1;
}
