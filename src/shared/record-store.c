/* SPDX-License-Identifier: MIT */
#include "shared/record-store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <tdb.h>

#include "shared/files.h"

/* Fixed when the file is made. One million records make chains of ten. */
#define HASH_SIZE 100003
#define OPEN_FLAGS (TDB_NOMMAP | TDB_INCOMPATIBLE_HASH | TDB_DISALLOW_NESTING)

struct RecordStore {
        struct tdb_context *tdb;
        int lock_fd;
        bool in_transaction, changed; /* changed: by the open transaction */
};

static TDB_DATA to_tdb(ByteView v) {
        return (TDB_DATA) { .dptr = (uint8_t *) v.data, .dsize = v.size };
}

static ByteView from_tdb(TDB_DATA d) {
        return VIEW(d.dptr, d.dsize);
}

static int translate(struct tdb_context *tdb) {
        switch (tdb_error(tdb)) {
        case TDB_ERR_NOEXIST:
                return -ENOENT;
        case TDB_ERR_OOM:
                return -ENOMEM;
        default:
                return -EIO;
        }
}

static __attribute__((format(printf, 3, 4))) void log_nothing(struct tdb_context *tdb, enum tdb_debug_level level,
                                                              const char *format, ...) {
        /* The caller has the error; the library's own words would go to standard error. */
}

static struct tdb_context *open_tdb(const char *path, int open_flags) {
        struct tdb_logging_context quiet = { .log_fn = log_nothing };
        return tdb_open_ex(path, HASH_SIZE, OPEN_FLAGS, open_flags | O_CLOEXEC, 0600, &quiet, NULL);
}

typedef struct CheckContext {
        RecordCheck check;
        bool damaged, failed;
        struct tdb_context *to;
} CheckContext;

static int check_record(TDB_DATA key, TDB_DATA value, void *userdata) {
        CheckContext *c = userdata;

        if (!c->check(from_tdb(key), from_tdb(value)))
                c->damaged = true;
        return c->damaged ? -1 : 0;
}

static int copy_record(struct tdb_context *from, TDB_DATA key, TDB_DATA value, void *userdata) {
        CheckContext *c = userdata;

        if (!c->check(from_tdb(key), from_tdb(value)))
                c->damaged = true;
        else if (tdb_store(c->to, key, value, TDB_INSERT) != 0)
                c->failed = true;
        return c->damaged || c->failed ? -1 : 0;
}

/* Makes a new file under another name, fills it with every record of from (NULL: none), and moves it to path:
 * there is never half a file there. TDB must not be let to create at path itself: given a file whose header is
 * damaged, it would begin it anew. */
static int make_file(const char *path, struct tdb_context *from, RecordCheck check) {
        _cleanup_free_ char *name = NULL;
        CheckContext c = { .check = check };

        if (asprintf(&name, "%s.new", path) < 0)
                return -ENOMEM;
        if (unlink(name) < 0 && errno != ENOENT)
                return -errno;
        c.to = open_tdb(name, O_RDWR | O_CREAT | O_EXCL);
        if (!c.to)
                return -errno;

        bool good = tdb_transaction_start(c.to) == 0 &&
                    (!from || (tdb_traverse_read(from, copy_record, &c) >= 0 && !c.damaged && !c.failed)) &&
                    tdb_transaction_commit(c.to) == 0 && fsync(tdb_fd(c.to)) >= 0;
        (void) tdb_close(c.to);
        if (!good || rename(name, path) < 0) {
                int r = c.damaged ? -EUCLEAN : good ? -errno : -EIO;
                (void) unlink(name);
                return r;
        }
        return dir_fsync_parent(path);
}

static int open_existing(const char *path, struct tdb_context **ret) {
        struct tdb_context *tdb = open_tdb(path, O_RDWR);
        if (!tdb)
                return errno == EIO || errno == EINVAL ? -EUCLEAN : -errno;
        *ret = tdb;
        return 0;
}

static int open_checked(const char *path, RecordCheck check, struct tdb_context **ret, bool *ret_healed) {
        struct tdb_context *tdb = NULL;
        CheckContext c = { .check = check };
        bool healed = false;

        int r = open_existing(path, &tdb);
        if (r == -ENOENT) {
                r = make_file(path, NULL, check);
                if (r >= 0)
                        r = open_existing(path, &tdb);
                if (r < 0)
                        return r;
        } else if (r < 0)
                return r;
        else if (tdb_check(tdb, check_record, &c) != 0) {
                r = c.damaged ? -EUCLEAN : make_file(path, tdb, check);
                (void) tdb_close(tdb);
                if (r >= 0)
                        r = open_existing(path, &tdb);
                if (r < 0)
                        return r;
                healed = true;
        }

        *ret_healed = healed;
        *ret = tdb;
        return 0;
}

int record_store_open(const char *path, RecordCheck check, RecordStore **ret, bool *ret_healed) {
        _cleanup_(record_store_freep) RecordStore *s = calloc(1, sizeof(*s));
        bool healed = false;

        if (!s)
                return -ENOMEM;
        s->lock_fd = file_lock(path);
        if (s->lock_fd < 0)
                return s->lock_fd;
        int r = open_checked(path, check, &s->tdb, &healed);
        if (r < 0)
                return r;

        *ret_healed = healed;
        *ret = TAKE_PTR(s);
        return 0;
}

RecordStore *record_store_free(RecordStore *s) {
        if (!s)
                return NULL;
        record_store_cancel(s);
        if (s->tdb)
                (void) tdb_close(s->tdb);
        closep(&s->lock_fd);
        free(s);
        return NULL;
}

int record_store_get(RecordStore *s, ByteView key, Bytes *ret) {
        TDB_DATA d = tdb_fetch(s->tdb, to_tdb(key));
        if (!d.dptr)
                return translate(s->tdb);
        *ret = (Bytes) { .data = d.dptr, .size = d.dsize };
        return 0;
}

int record_store_has(RecordStore *s, ByteView key) {
        if (tdb_exists(s->tdb, to_tdb(key)))
                return 1;
        int r = translate(s->tdb);
        return r == -ENOENT ? 0 : r;
}

typedef struct WalkContext {
        RecordVisit visit;
        void *userdata;
        int error;
} WalkContext;

static int visit_record(struct tdb_context *tdb, TDB_DATA key, TDB_DATA value, void *userdata) {
        WalkContext *w = userdata;

        w->error = w->visit(from_tdb(key), from_tdb(value), w->userdata);
        return w->error < 0 ? -1 : 0;
}

int record_store_walk(RecordStore *s, RecordVisit visit, void *userdata) {
        WalkContext w = { .visit = visit, .userdata = userdata };

        int n = tdb_traverse_read(s->tdb, visit_record, &w);
        return w.error < 0 ? w.error : n < 0 ? translate(s->tdb) : 0;
}

int record_store_size(RecordStore *s, uint64_t *ret) {
        struct stat st;

        if (fstat(tdb_fd(s->tdb), &st) < 0)
                return -errno;
        *ret = (uint64_t) st.st_size;
        return 0;
}

/* By the descriptor there is: closing another one would end the locks that TDB has on the file. */
int record_store_copy(RecordStore *s, uint64_t at, size_t size, int to_fd) {
        uint8_t buffer[64 * 1024];

        while (size > 0) {
                ssize_t n = pread(tdb_fd(s->tdb), buffer, MIN_OF(size, sizeof(buffer)), (off_t) at);
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                for (ssize_t done = 0, k; done < n; done += k) {
                        k = write(to_fd, buffer + done, (size_t) (n - done));
                        if (k < 0)
                                return -errno;
                }
                at += (uint64_t) n;
                size -= (size_t) n;
        }
        return 0;
}

int record_store_begin(RecordStore *s) {
        if (tdb_transaction_start(s->tdb) != 0)
                return translate(s->tdb);
        s->in_transaction = true;
        s->changed = false;
        return 0;
}

bool record_store_changed(const RecordStore *s) {
        return s->changed;
}

int record_store_put(RecordStore *s, ByteView key, ByteView value) {
        s->changed = true;
        return tdb_store(s->tdb, to_tdb(key), to_tdb(value), TDB_REPLACE) == 0 ? 0 : translate(s->tdb);
}

int record_store_delete(RecordStore *s, ByteView key) {
        s->changed = true;
        return tdb_delete(s->tdb, to_tdb(key)) == 0 ? 0 : translate(s->tdb);
}

/* TDB does not hand on what the file system said. It may want as much again as the file has, for its recovery. */
static int why_not_written(RecordStore *s) {
        struct statvfs fs;
        struct stat file;

        if (fstatvfs(tdb_fd(s->tdb), &fs) < 0 || fstat(tdb_fd(s->tdb), &file) < 0)
                return -EIO;
        if (fs.f_flag & ST_RDONLY)
                return -EROFS;
        return (uint64_t) fs.f_bavail * fs.f_frsize < (uint64_t) file.st_size ? -ENOSPC : -EIO;
}

int record_store_commit(RecordStore *s) {
        s->in_transaction = false; /* TDB ends the transaction whatever comes of it */
        return tdb_transaction_commit(s->tdb) == 0 ? 0 : why_not_written(s);
}

void record_store_cancel(RecordStore *s) {
        if (s->in_transaction)
                (void) tdb_transaction_cancel(s->tdb);
        s->in_transaction = false;
}
