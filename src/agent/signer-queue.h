/* SPDX-License-Identifier: MIT */
#pragma once

/* Operations that wait for the signer: of each user one in turn, so that whoever asks for many delays his own; in a
 * user's row the oldest first. No clock, no allocation: the items are the caller's. */
#include <sys/types.h>

#include "shared/bytes.h"

typedef struct QueueItem QueueItem;
struct QueueItem {
        uid_t owner;
        uint64_t deadline; /* in one row never earlier than that of the one before */
        QueueItem *next;       /* the queue's: in its owner's row */
        QueueItem *next_owner; /* the queue's: the first one of another's row */
};

typedef struct SignerQueue {
        QueueItem *rows; /* the first of each, in the order of their turns */
} SignerQueue;

void signer_queue_put(SignerQueue *q, QueueItem *item);
QueueItem *signer_queue_take(SignerQueue *q);                       /* whose turn it is; NULL: nobody waits */
QueueItem *signer_queue_take_overdue(SignerQueue *q, uint64_t now); /* one whose deadline has come; or NULL */
uint64_t signer_queue_deadline(const SignerQueue *q);               /* the earliest; UINT64_MAX: nobody waits */
bool signer_queue_remove(SignerQueue *q, const QueueItem *item);    /* false: it is not there */
