/* SPDX-License-Identifier: MIT */
#pragma once

/* The inventory's other half: certificates that were issued, revocations, the revocation list, and the record of what
 * was signed. Same rules as in inventory.h. */
#include "protocol/issued-record.h"
#include "protocol/signing-log.h"
#include "shared/inventory.h"

#define INVENTORY_LOG_PAGE_MAX 256U /* entries in one answer */

/* What of the certificates is to be known at once: from memory. */
typedef struct SignedState {
        LogHead head;
        uint64_t revocations;         /* so far */
        uint64_t crl_number;          /* 0: no list yet */
        uint64_t crl_covers;          /* revocations that it knows */
        int64_t crl_next_update;
} SignedState;
SignedState inventory_signed_state(Inventory *inv);

typedef void (*InventoryRecorded)(int error, const LogHead *head, void *userdata); /* head: of its entry */
/* Records a certificate, if the device is still there, enabled, not expired and of that version: -ESTALE
 * otherwise. The serial is the operation. */
int inventory_record_issued(Inventory *inv, const Issued *issued, uint64_t device_version, InventoryRecorded done,
                            void *userdata);
/* An entry in the record, for what is no AK certificate; when there is one for the same hash, error is 1. */
int inventory_record_signed(Inventory *inv, const LogEntry *entry, InventoryRecorded done, void *userdata);

typedef struct IssuedItem {
        uint8_t serial[AK_SERIAL_SIZE];
        uint8_t ek_hash[32];
        uint8_t sha256[32];           /* of the certificate's DER */
        int64_t issued, not_after, revoked; /* 0: not revoked */
        RevocationReason reason;
} IssuedItem;

typedef void (*InventoryIssued)(int error, const IssuedItem *items, size_t n, const char *next, void *userdata);
/* Newest first, of one device (a hash or a name; "": of all), from cursor on. -ENOENT: no such name. */
int inventory_list_issued(Inventory *inv, const char *device, const char *cursor, size_t max, InventoryIssued done,
                          void *userdata);

typedef void (*InventoryLog)(int error, const LogBytes *entries, size_t n, void *userdata);
/* Entries from number first on, as they are kept; max ≤ INVENTORY_LOG_PAGE_MAX. */
int inventory_list_log(Inventory *inv, uint64_t first, size_t max, InventoryLog done, void *userdata);

/* Removes a device, as inventory_remove(), and revokes in the same transaction what it has. */
int inventory_remove_and_revoke(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *device,
                                int64_t now, InventoryEnded done, void *userdata);
typedef struct InventoryRevocation {
        RevocationReason reason;
        int64_t now;
} InventoryRevocation;
/* what: a serial number in hexadecimal, or a device: that is then disabled, and all it has is revoked. -ENOENT. */
int inventory_revoke(Inventory *inv, const uint8_t operation[static OPERATION_SIZE], const char *what,
                     const InventoryRevocation *how, InventoryEnded done, void *userdata);

typedef void (*InventoryRevoked)(int error, const Revocation *list, size_t n, uint64_t revocations, void *userdata);
/* What belongs on a revocation list at now; revocations: how many there were by then. */
int inventory_revoked(Inventory *inv, int64_t now, InventoryRevoked done, void *userdata);
/* Keeps the next list and records it: number is crl_number + 1. */
int inventory_put_crl(Inventory *inv, const SignedState *state, const LogEntry *entry, ByteView pem,
                      InventoryRecorded done, void *userdata);
typedef void (*InventoryText)(int error, ByteView text, void *userdata);
int inventory_get_crl(Inventory *inv, InventoryText done, void *userdata); /* -ENOENT */
