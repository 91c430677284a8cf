/* SPDX-License-Identifier: MIT */
#pragma once

/* A file of records with transactions that hold against a kill at any moment (TDB). One process opens it, once:
 * a lock file beside it says so. Not mapped: a file that somebody cuts short is an error, not a SIGBUS, and what
 * was read does not count as our memory. */
#include "shared/bytes.h"

typedef struct RecordStore RecordStore;

/* Says whether a record is whole; used at open, before anything is written. */
typedef bool (*RecordCheck)(ByteView key, ByteView value);

/* Opens path or makes it (0600). A file that TDB finds fault with although every record is whole (a kill while
 * the file grew leaves such) is copied into a new one: *ret_healed. -EBUSY: open in another process; -EUCLEAN:
 * a record is damaged, or the file cannot be read at all. */
int record_store_open(const char *path, RecordCheck check, RecordStore **ret, bool *ret_healed);
RecordStore *record_store_free(RecordStore *s); /* cancels an open transaction */
DEFINE_TRIVIAL_CLEANUP_FUNC(RecordStore *, record_store_free);

/* -ENOENT, -EIO. Sees the changes of the open transaction. */
int record_store_get(RecordStore *s, ByteView key, Bytes *ret);

/* Whether the open transaction has changed anything. */
bool record_store_changed(const RecordStore *s);
int record_store_has(RecordStore *s, ByteView key); /* 1, 0, -EIO */

/* Every record in turn, in no order; nothing may be changed meanwhile. Ends with the first error of visit's. */
typedef int (*RecordVisit)(ByteView key, ByteView value, void *userdata);
int record_store_walk(RecordStore *s, RecordVisit visit, void *userdata);

/* The file itself, to copy it. Without a change in the open transaction it is what was committed last. */
int record_store_size(RecordStore *s, uint64_t *ret);
int record_store_copy(RecordStore *s, uint64_t at, size_t size, int to_fd);

/* Changes want an open transaction. After a failure of any of them only cancel is left. */
int record_store_begin(RecordStore *s);
int record_store_put(RecordStore *s, ByteView key, ByteView value);
int record_store_delete(RecordStore *s, ByteView key);
int record_store_commit(RecordStore *s); /* blocks until it is on disk; on failure nothing was changed */
void record_store_cancel(RecordStore *s);
