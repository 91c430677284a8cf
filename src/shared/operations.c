/* SPDX-License-Identifier: MIT */
#include "shared/operations.h"

/* A call becomes an operation in a queue. The work source takes it from there: a reading is answered at once, a
 * change goes into the open transaction and waits in the group for the commit source. That one has a lower
 * priority, so that what is ready in the same turn of the loop joins the group first. */

#define WORK_PER_TURN 32U /* operations between two looks at the other sources */

typedef struct Queue {
        Operation *first, *last;
        size_t n;
} Queue;

struct Operations {
        DeviceStore *store;
        Queue waiting, group;
        Operation *alone; /* it has the transaction to itself */
        bool in_transaction;
        sd_event_source *work_source, *commit_source, *commit_timer;
};

/* --- Operations --- */

Operation *operation_free(Operation *o) {
        if (!o)
                return NULL;
        if (o->done)
                o->done(o);
        free(o);
        return NULL;
}

static void queue_push(Queue *q, Operation *o) {
        o->next = NULL;
        if (q->last)
                q->last->next = o;
        else
                q->first = o;
        q->last = o;
        q->n++;
}

static Operation *queue_pop(Queue *q) {
        Operation *o = q->first;
        if (!o)
                return NULL;
        q->first = o->next;
        if (!q->first)
                q->last = NULL;
        q->n--;
        return o;
}

int operation_new(const Operations *q, size_t size, void *userdata, Operation **ret) {
        if (q->waiting.n + q->group.n >= OPERATIONS_OPEN_MAX)
                return -EBUSY;
        Operation *o = calloc(1, size);
        if (!o)
                return -ENOMEM;
        o->userdata = userdata;
        *ret = o;
        return 0;
}

void operation_submit(Operations *q, Operation *o) {
        queue_push(&q->waiting, o);
        (void) sd_event_source_set_enabled(q->work_source, SD_EVENT_ON);
}

static void answer(Operation *o) {
        o->answer(o);
        operation_free(o);
}

static void answer_group(Operations *q, int error) {
        for (Operation *o; (o = queue_pop(&q->group));) {
                if (error < 0)
                        o->result = error;
                answer(o);
        }
}

/* --- Transactions --- */

static void commit(Operations *q) {
        int r = 0;

        (void) sd_event_source_set_enabled(q->commit_source, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(q->commit_timer, SD_EVENT_OFF);
        if (q->in_transaction)
                r = device_store_commit(q->store);
        q->in_transaction = false;
        answer_group(q, r);
}

static int on_commit(sd_event_source *s, void *userdata) {
        commit(userdata);
        return 0;
}

static int on_commit_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        commit(userdata);
        return 0;
}

static int open_group(Operations *q) {
        if (q->in_transaction)
                return 0;
        int r = device_store_begin(q->store);
        if (r < 0)
                return r;
        q->in_transaction = true;
        (void) sd_event_source_set_enabled(q->commit_source, SD_EVENT_ONESHOT);
        (void) sd_event_source_set_time_relative(q->commit_timer, OPERATIONS_GROUP_USEC);
        (void) sd_event_source_set_enabled(q->commit_timer, SD_EVENT_ONESHOT);
        return 0;
}

static void work_change(Operations *q, Operation *o) {
        o->result = open_group(q);
        if (o->result < 0) {
                answer(o);
                return;
        }

        o->result = o->work(q->store, o);
        queue_push(&q->group, o);
        if (!device_store_is_answer(o->result)) {
                /* One failed store fails the group. */
                device_store_cancel(q->store);
                q->in_transaction = false;
                answer_group(q, o->result);
        } else if (q->group.n >= OPERATIONS_GROUP_MAX)
                commit(q);
}

/* --- One that is alone --- */

static void begin_alone(Operations *q, Operation *o) {
        commit(q);
        o->result = device_store_begin(q->store);
        if (o->result < 0)
                answer(o);
        else
                q->alone = o;
}

static void work_alone(Operations *q) {
        Operation *o = q->alone;

        o->result = o->work(q->store, o);
        if (o->result == -EAGAIN)
                return;
        q->alone = NULL;
        if (o->result < 0)
                device_store_cancel(q->store);
        else
                o->result = device_store_commit(q->store);
        answer(o);
}

/* --- The queue --- */

static void work(Operations *q, Operation *o) {
        if (o->kind != OPERATION_READ && q->alone)
                queue_push(&q->waiting, o); /* its turn comes */
        else if (o->kind == OPERATION_CHANGE)
                work_change(q, o);
        else if (o->kind == OPERATION_ALONE)
                begin_alone(q, o);
        else {
                o->result = o->work(q->store, o);
                if (o->result == -EAGAIN)
                        queue_push(&q->waiting, o);
                else
                        answer(o);
        }
}

static int on_work(sd_event_source *s, void *userdata) {
        Operations *q = userdata;

        if (q->alone)
                work_alone(q);
        /* With one that is alone, all are looked at: readings stand among changes that wait. */
        for (size_t n = q->alone ? q->waiting.n : MIN_OF(q->waiting.n, (size_t) WORK_PER_TURN); n > 0; n--) {
                Operation *o = queue_pop(&q->waiting);
                if (o)
                        work(q, o);
        }
        if (q->waiting.n == 0 && !q->alone)
                (void) sd_event_source_set_enabled(q->work_source, SD_EVENT_OFF);
        return 0;
}

/* --- Beginning and end --- */

static int add_source(sd_event_source *s, int enabled, const char *description) {
        int r = sd_event_source_set_enabled(s, enabled);
        return r < 0 ? r : sd_event_source_set_description(s, description);
}

static int add_sources(Operations *q, sd_event *event) {
        int r = sd_event_add_defer(event, &q->work_source, on_work, q);
        if (r >= 0)
                r = add_source(q->work_source, SD_EVENT_OFF, "inventory-work");
        if (r >= 0)
                r = sd_event_add_defer(event, &q->commit_source, on_commit, q);
        if (r >= 0)
                r = add_source(q->commit_source, SD_EVENT_OFF, "inventory-commit");
        if (r >= 0)
                r = sd_event_source_set_priority(q->commit_source, SD_EVENT_PRIORITY_IDLE);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &q->commit_timer, CLOCK_MONOTONIC, OPERATIONS_GROUP_USEC, 1,
                                               on_commit_timer, q);
        if (r >= 0)
                r = add_source(q->commit_timer, SD_EVENT_OFF, "inventory-commit-timer");
        return r;
}

int operations_open(const char *path, sd_event *event, Operations **ret, bool *ret_healed) {
        _cleanup_(operations_freep) Operations *q = calloc(1, sizeof(*q));
        bool healed;

        if (!q)
                return -ENOMEM;
        int r = device_store_open(path, &q->store, &healed);
        if (r >= 0)
                r = add_sources(q, event);
        if (r < 0)
                return r;

        *ret_healed = healed;
        *ret = TAKE_PTR(q);
        return 0;
}

Operations *operations_free(Operations *q) {
        if (!q)
                return NULL;
        if (q->alone)
                device_store_cancel(q->store);
        q->alone = operation_free(q->alone);
        if (q->store)
                commit(q);
        for (Operation *o; (o = queue_pop(&q->waiting));)
                operation_free(o);
        sd_event_source_disable_unref(q->work_source);
        sd_event_source_disable_unref(q->commit_source);
        sd_event_source_disable_unref(q->commit_timer);
        device_store_free(q->store);
        free(q);
        return NULL;
}

const DeviceStore *operations_store(const Operations *q) {
        return q->store;
}

void operations_limit_waiting(Operations *q, WaitingLimits limits) {
        q->store->limits = limits;
}
