/* SPDX-License-Identifier: MIT */
#pragma once

/* What the files of the device store share: records under keys of one letter and what it stands for.
 *
 *   d HASH     device              n NAME     hash of the device that has this name (folded)
 *   r HASH     removed device      s NUMBER   hash of the device at this place of the listing
 *   m          counts and the next number
 *   i SERIAL and all that begins with z: see issued-store
 *   w NUMBER   a device that waits for approval, in one of WAITING_DEVICES_MAX slots
 */
#include "protocol/client-address.h"
#include "protocol/device-record.h"
#include "shared/issued-store.h"

typedef struct StoreMeta {
        uint64_t devices, issued, next; /* next: of listing places and versions, from 1 */
} StoreMeta;

#define WAITING_DEVICES_MAX 8192U

/* How many may wait, and for how long. */
typedef struct WaitingLimits {
        unsigned max;     /* devices: 1 to WAITING_DEVICES_MAX */
        int64_t lifetime; /* seconds since one last proved its EK; then it is forgotten */
} WaitingLimits;

/* Of a record 'w': where a device that waits is found without asking the file. */
typedef struct WaitingSlot {
        bool used;
        bool trusted; /* its EK certificate */
        uint8_t hash[32];
        NetAddress source;
        int64_t last;
} WaitingSlot;

typedef struct DeviceStore {
        RecordStore *records;
        IssuedStore *certificates; /* of the same transactions */
        StoreMeta meta, committed;
        WaitingLimits limits;
        WaitingSlot waiting[WAITING_DEVICES_MAX];
} DeviceStore;

typedef struct StoreKey {
        uint8_t bytes[1 + DEVICE_NAME_MAX];
        size_t size;
} StoreKey;

static inline ByteView key_view(const StoreKey *k) {
        return VIEW(k->bytes, k->size);
}

StoreKey key_of(char kind, const void *p, size_t n);
StoreKey name_key(const char *name);
StoreKey place_key(uint64_t place);

/* Small sealed records: a hash, or the counts. */
int put_sealed(DeviceStore *s, const StoreKey *k, ByteView body);
int get_sealed_hash(DeviceStore *s, const StoreKey *k, uint8_t ret[static 32]); /* -ENOENT */

/* kind: 'd' a device, 'r' one that was removed. */
int get_device(const DeviceStore *s, char kind, const uint8_t hash[static 32], Device *ret); /* -ENOENT */
int put_device(DeviceStore *s, char kind, const Device *d);

/* Whether a record, of any kind, is whole. */
bool record_whole(ByteView key, ByteView value);

int load_meta(DeviceStore *s); /* -EUCLEAN */
int store_meta(DeviceStore *s);
