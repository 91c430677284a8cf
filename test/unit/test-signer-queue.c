/* SPDX-License-Identifier: MIT */
#include "agent/signer-queue.h"

#include "test.h"

static QueueItem items[8];

static SignerQueue queue_of(const uid_t *owners, size_t n) {
        SignerQueue q = {};

        for (size_t i = 0; i < n; i++) {
                items[i] = (QueueItem) { .owner = owners[i], .deadline = 100 + i };
                signer_queue_put(&q, &items[i]);
        }
        return q;
}

static void check_order(SignerQueue *q, const size_t *order, size_t n) {
        for (size_t i = 0; i < n; i++)
                check(signer_queue_take(q) == &items[order[i]]);
        check(!signer_queue_take(q));
        check_int(signer_queue_deadline(q), UINT64_MAX);
}

static void test_turns(void) {
        SignerQueue q = {};

        check_order(&q, NULL, 0);
        q = queue_of((const uid_t[]) { 1, 1, 1, 2, 3, 2, 1 }, 7);
        check_order(&q, (const size_t[]) { 0, 3, 4, 1, 5, 2, 6 }, 7);
}

/* Who comes after many of another's is next. */
static void test_newcomer(void) {
        SignerQueue q = queue_of((const uid_t[]) { 1, 1, 1, 1 }, 4);

        check(signer_queue_take(&q) == &items[0]);
        items[4] = (QueueItem) { .owner = 2 };
        signer_queue_put(&q, &items[4]);
        check(signer_queue_take(&q) == &items[1]); /* whose turn it was */
        check_order(&q, (const size_t[]) { 4, 2, 3 }, 3);
}

static void test_deadlines(void) {
        SignerQueue q = queue_of((const uid_t[]) { 1, 1, 2, 2, 3 }, 5);

        check_int(signer_queue_deadline(&q), 100);
        check(!signer_queue_take_overdue(&q, 99));
        check(signer_queue_take_overdue(&q, 102) == &items[0]);
        check(signer_queue_take_overdue(&q, 102) == &items[1]);
        check(signer_queue_take_overdue(&q, 102) == &items[2]);
        check(!signer_queue_take_overdue(&q, 102));
        check_int(signer_queue_deadline(&q), 103);
        check(signer_queue_take_overdue(&q, 104) == &items[3]);
        check_order(&q, (const size_t[]) { 4 }, 1);
}

static void test_remove(void) {
        SignerQueue q = queue_of((const uid_t[]) { 1, 1, 2, 1, 3 }, 5);
        QueueItem other = { .owner = 2 }, stranger = { .owner = 9 };

        check(!signer_queue_remove(&q, &other));
        check(!signer_queue_remove(&q, &stranger));
        check(signer_queue_remove(&q, &items[1])); /* in the middle */
        check(!signer_queue_remove(&q, &items[1]));
        check(signer_queue_remove(&q, &items[0])); /* the first of a row that goes on */
        check(signer_queue_remove(&q, &items[2])); /* all of a row */
        check_order(&q, (const size_t[]) { 3, 4 }, 2);
}

int main(void) {
        test_turns();
        test_newcomer();
        test_deadlines();
        test_remove();
        return EXIT_SUCCESS;
}
