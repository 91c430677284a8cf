/* SPDX-License-Identifier: MIT */
#pragma once

/* A device that has proved its EK and is not in the inventory: what is known of it while it waits for a person's word,
 * and how that is kept. */
#include "protocol/device-record.h"
#include "protocol/pending-secrets.h"

#define WAITING_RECORD_MAX 768U
#define WAITING_PEER_MAX 64U /* text of an address, with NUL */

typedef struct WaitingDevice {
        uint8_t ek_hash[32];
        int64_t first, last;             /* when it proved its EK; seconds since the epoch */
        EkEvidence evidence;
        TpmData tpm;                     /* TRUSTED only */
        char issuer[EK_ISSUER_TEXT_MAX]; /* UNTRUSTED only: what its certificate claims */
        char peer[WAITING_PEER_MAX];
        bool removed;                    /* it was in the inventory, and was removed */
} WaitingDevice;

int waiting_record_encode(ByteView key, const WaitingDevice *d, uint8_t ret[static WAITING_RECORD_MAX]); /* -E2BIG */
int waiting_record_decode(ByteView key, ByteView record, WaitingDevice *ret);                            /* -EBADMSG */
