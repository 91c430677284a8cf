/* SPDX-License-Identifier: MIT */
#include "agent/signer-queue.h"

/* Where the row of that owner hangs, or would. */
static QueueItem **find_row(SignerQueue *q, uid_t owner) {
        QueueItem **p = &q->rows;

        while (*p && (*p)->owner != owner)
                p = &(*p)->next_owner;
        return p;
}

void signer_queue_put(SignerQueue *q, QueueItem *item) {
        QueueItem **p = find_row(q, item->owner);

        while (*p)
                p = &(*p)->next;
        item->next = item->next_owner = NULL;
        *p = item;
}

/* Takes the first one out of its row; the next one has its place. */
static QueueItem *take_first(QueueItem **row) {
        QueueItem *item = *row, *next = item->next;

        if (next)
                next->next_owner = item->next_owner;
        *row = next ?: item->next_owner;
        item->next = item->next_owner = NULL;
        return item;
}

QueueItem *signer_queue_take(SignerQueue *q) {
        QueueItem *item = q->rows, *rest;

        if (!item)
                return NULL;
        rest = item->next;
        (void) take_first(&q->rows);
        if (rest) { /* had its turn: behind all the others */
                q->rows = TAKE_PTR(rest->next_owner);
                *find_row(q, rest->owner) = rest;
        }
        return item;
}

QueueItem *signer_queue_take_overdue(SignerQueue *q, uint64_t now) {
        for (QueueItem **p = &q->rows; *p; p = &(*p)->next_owner)
                if ((*p)->deadline <= now)
                        return take_first(p);
        return NULL;
}

uint64_t signer_queue_deadline(const SignerQueue *q) {
        uint64_t deadline = UINT64_MAX;

        for (const QueueItem *i = q->rows; i; i = i->next_owner)
                deadline = MIN_OF(deadline, i->deadline);
        return deadline;
}

bool signer_queue_remove(SignerQueue *q, const QueueItem *item) {
        QueueItem **p = find_row(q, item->owner);

        if (!*p)
                return false;
        if (*p == item) {
                (void) take_first(p);
                return true;
        }
        for (QueueItem *i = *p; i->next; i = i->next)
                if (i->next == item) {
                        i->next = item->next;
                        return true;
                }
        return false;
}
