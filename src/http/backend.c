/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "http/backend.h"
#include "shared/helper.h"
#include "shared/log.h"

#define DEADLINE_ACCURACY_USEC (100ULL * 1000)

/* A question under way. Its id holds its place, so that an answer finds it at once, and a serial number, so
 * that the answer to an earlier question in the same place does not. */
typedef struct Question {
        uint64_t id; /* 0: place is free */
        FrontMessageType reply_type;
        BackendReply reply;
        void *userdata;
        uint64_t deadline;
        uint16_t previous, next; /* by age, or (next) of the free places */
} Question;

#define NONE BACKEND_QUESTIONS_MAX

struct Backend {
        sd_event *event;
        char *path;
        Helper *helper;
        BackendCallbacks callbacks;
        void *userdata;
        sd_event_source *retry;
        sd_event_source *timeout; /* of the oldest question */
        uint64_t retry_usec;
        uint64_t serial;
        uint16_t oldest, newest, free;
        Question questions[BACKEND_QUESTIONS_MAX];
};

static uint64_t now_of(const Backend *b) {
        uint64_t now = 0;

        (void) sd_event_now(b->event, CLOCK_BOOTTIME, &now);
        return now;
}

/* --- Questions --- */

static Question *take_place(Backend *b) {
        uint16_t i = b->free;
        Question *q;

        if (i == NONE)
                return NULL;
        q = &b->questions[i];
        b->free = q->next;
        q->id = ++b->serial * BACKEND_QUESTIONS_MAX + i;
        q->previous = b->newest;
        q->next = NONE;
        if (b->newest == NONE)
                b->oldest = i;
        else
                b->questions[b->newest].next = i;
        b->newest = i;
        return q;
}

static void release_place(Backend *b, Question *q) {
        uint16_t i = (uint16_t) (q - b->questions);

        if (q->previous == NONE)
                b->oldest = q->next;
        else
                b->questions[q->previous].next = q->next;
        if (q->next == NONE)
                b->newest = q->previous;
        else
                b->questions[q->next].previous = q->previous;
        *q = (Question) { .next = b->free };
        b->free = i;
}

static void finish(Backend *b, Question *q, const FrontMessage *m, int error) {
        Question done = *q;

        release_place(b, q);
        done.reply(m, error, done.userdata);
}

static void fail_all(Backend *b) {
        while (b->oldest != NONE)
                finish(b, &b->questions[b->oldest], NULL, -ECONNRESET);
}

/* The source is set for the oldest question, and not moved when that one is answered: then it comes too early
 * and is set anew, which is cheaper than once for each question. */
static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
        Backend *b = userdata;
        uint64_t now = now_of(b);

        while (b->oldest != NONE && now >= b->questions[b->oldest].deadline)
                finish(b, &b->questions[b->oldest], NULL, -ETIMEDOUT);
        if (b->oldest == NONE)
                return 0;
        (void) sd_event_source_set_time(s, b->questions[b->oldest].deadline);
        return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static void watch_deadline(Backend *b, uint64_t deadline) {
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(b->timeout, &enabled);
        if (enabled != SD_EVENT_OFF)
                return;
        (void) sd_event_source_set_time(b->timeout, deadline);
        (void) sd_event_source_set_enabled(b->timeout, SD_EVENT_ONESHOT);
}

static FrontMessageType reply_type(FrontMessageType question) {
        return question == FRONT_ATTEST ? FRONT_ATTEST_REPLY : question == FRONT_NAME ? FRONT_NAME_REPLY : FRONT_SECRET_REPLY;
}

int backend_ask(Backend *b, FrontMessage *m, BackendReply reply, void *userdata) {
        uint8_t packet[FRONT_MESSAGE_MAX];
        Question *q;
        int n, r;

        if (!b->helper)
                return -ENOTCONN;
        q = take_place(b);
        if (!q)
                return -ENOBUFS;
        m->id = q->id;
        n = front_message_encode(m, packet);
        r = n < 0 ? n : helper_send(b->helper, VIEW(packet, n));
        explicit_bzero(packet, sizeof(packet));
        if (r < 0) {
                release_place(b, q);
                return r == -EPIPE || r == -ECONNRESET ? -ENOTCONN : r;
        }
        q->reply_type = reply_type(m->type);
        q->reply = reply;
        q->userdata = userdata;
        q->deadline = now_of(b) + BACKEND_REPLY_USEC;
        watch_deadline(b, q->deadline);
        return 0;
}

/* --- The connection --- */

static void try_connect(Backend *b);

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
        try_connect(userdata);
        return 0;
}

static void retry_later(Backend *b) {
        (void) sd_event_source_set_time_relative(b->retry, b->retry_usec);
        (void) sd_event_source_set_enabled(b->retry, SD_EVENT_ONESHOT);
        b->retry_usec = MIN_OF(b->retry_usec * 2, BACKEND_RETRY_USEC_MAX);
}

static void on_gone(Helper *h, const char *how, void *userdata) {
        Backend *b = userdata;

        log_warning("Connection to atteztd lost: %s.", how);
        b->helper = helper_free(b->helper);
        fail_all(b);
        if (b->path)
                retry_later(b);
        else
                b->callbacks.lost(b->userdata);
}

/* An answer to nothing is one that came too late. */
static void on_reply(Backend *b, const FrontMessage *m) {
        Question *q = &b->questions[m->id % BACKEND_QUESTIONS_MAX];

        b->retry_usec = BACKEND_RETRY_USEC_MIN;
        if (q->id == m->id && q->id != 0 && q->reply_type == m->type)
                finish(b, q, m, 0);
}

static void on_message(Helper *h, ByteView packet, void *userdata) {
        Backend *b = userdata;
        FrontMessage m;
        int r;

        r = front_message_decode(packet, &m);
        if (r >= 0 && m.type == FRONT_CHANGED)
                b->callbacks.changed(b->userdata);
        else if (r >= 0 && (m.type == FRONT_ATTEST_REPLY || m.type == FRONT_SECRET_REPLY || m.type == FRONT_NAME_REPLY))
                on_reply(b, &m);
        else
                on_gone(h, "it sent what no front expects", b);
}

static const HelperCallbacks helper_callbacks = { .message = on_message, .gone = on_gone };

static void try_connect(Backend *b) {
        int r = helper_connect(b->path, b->event, &helper_callbacks, b, &b->helper);

        if (r < 0) {
                log_debug("Connecting to atteztd at %s failed: %s", b->path, strerror(-r));
                retry_later(b);
                return;
        }
        helper_set_queue(b->helper, BACKEND_QUESTIONS_MAX);
        log_info("Connected to atteztd at %s.", b->path);
        b->callbacks.changed(b->userdata);
}

/* --- Beginning and end --- */

static int backend_new(sd_event *event, const BackendCallbacks *cb, void *userdata, Backend **ret) {
        _cleanup_(backend_freep) Backend *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        *b = (Backend) {
                .event = sd_event_ref(event),
                .callbacks = *cb,
                .userdata = userdata,
                .retry_usec = BACKEND_RETRY_USEC_MIN,
                .oldest = NONE,
                .newest = NONE,
        };
        for (uint16_t i = 0; i < BACKEND_QUESTIONS_MAX; i++)
                b->questions[i].next = i + 1; /* the last one: NONE */
        r = sd_event_add_time_relative(event, &b->timeout, CLOCK_BOOTTIME, 0, DEADLINE_ACCURACY_USEC, on_timeout, b);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(b->timeout, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(b);
        return 0;
}

int backend_new_path(sd_event *event, const char *path, const BackendCallbacks *cb, void *userdata, Backend **ret) {
        _cleanup_(backend_freep) Backend *b = NULL;
        int r;

        r = backend_new(event, cb, userdata, &b);
        if (r < 0)
                return r;
        b->path = strdup(path);
        if (!b->path)
                return -ENOMEM;
        /* The first attempt comes from the loop, like all others. */
        r = sd_event_add_time_relative(event, &b->retry, CLOCK_BOOTTIME, 0, 0, on_retry, b);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(b);
        return 0;
}

int backend_new_fd(sd_event *event, int fd, const BackendCallbacks *cb, void *userdata, Backend **ret) {
        _cleanup_(backend_freep) Backend *b = NULL;
        _cleanup_close_ int owned = fd;
        int r;

        r = backend_new(event, cb, userdata, &b);
        if (r < 0)
                return r;
        r = helper_attach(TAKE_FD(owned), event, &helper_callbacks, b, &b->helper);
        if (r < 0)
                return r;
        helper_set_queue(b->helper, BACKEND_QUESTIONS_MAX);
        *ret = TAKE_PTR(b);
        return 0;
}

void backend_stop(Backend *b) {
        b->helper = helper_free(b->helper);
        b->retry = sd_event_source_disable_unref(b->retry);
        fail_all(b);
}

Backend *backend_free(Backend *b) {
        if (!b)
                return NULL;
        backend_stop(b);
        (void) sd_event_source_disable_unref(b->timeout);
        (void) sd_event_unref(b->event);
        free(b->path);
        free(b);
        return NULL;
}
