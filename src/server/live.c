/* SPDX-License-Identifier: MIT */
#include "server/live.h"

#include "protocol/live-name.h"
#include "server/events.h"
#include "shared/log.h"

struct LiveQuestion {
        Server *server;
        struct LiveQuestion *next, **self;
        uint64_t front, id; /* whom to answer */
        FrontName asked;
};

static void answer(Server *s, uint64_t front, uint64_t id, FrontStatus status) {
        const FrontMessage reply = { .type = FRONT_NAME_REPLY, .id = id, .name_reply.status = status };

        fronts_answer(s->fronts, front, &reply);
}

static LiveQuestion *question_free(LiveQuestion *q) {
        if (!q)
                return NULL;
        *q->self = q->next;
        if (q->next)
                q->next->self = q->self;
        free(q);
        return NULL;
}

void live_forget_all(Server *s) {
        while (s->live_questions)
                question_free(s->live_questions);
}

/* The name is whatever somebody ordered. */
static void tell(const FrontName *asked, const Device *device, LiveName verdict) {
        char name[LOG_ESCAPED_MAX], peer[LOG_ESCAPED_MAX], hash[DEVICE_HASH_TEXT + 1] = "";
        const char *fields[] = {
                "ATTEZT_EK", device ? hash : NULL,
                "ATTEZT_DEVICE", log_escape(asked->name, strlen(asked->name), name),
                "ATTEZT_PEER", log_escape(asked->peer, strlen(asked->peer), peer),
                NULL,
        };

        if (device)
                device_hash_format(device->ek_hash, hash);
        if (verdict == LIVE_NAME_GOOD)
                log_event(LOG_INFO, EVENT_NAME_ALLOWED, fields, "A certificate for %s may be made (%s).", name, peer);
        else
                log_event(LOG_NOTICE, EVENT_NAME_DENIED, fields, "No certificate for %s (%s): %s.", name, peer,
                          live_name_to_string(verdict));
}

static void on_device(int error, const Device *device, void *userdata) {
        LiveQuestion *q = userdata;
        FrontStatus status = FRONT_FAILED;

        if (error < 0 && error != -ENOENT)
                log_error_errno(error, "Could not look a name up: %m");
        else {
                LiveName verdict = live_name_verdict(error < 0 ? NULL : device, q->asked.name, server_now());
                tell(&q->asked, error < 0 ? NULL : device, verdict);
                status = verdict == LIVE_NAME_GOOD ? FRONT_OK : FRONT_DENIED;
        }
        answer(q->server, q->front, q->id, status);
        question_free(q);
}

void live_on_request(Server *s, uint64_t front, const FrontMessage *m) {
        LiveQuestion *q = calloc(1, sizeof(*q));
        if (!q) {
                answer(s, front, m->id, FRONT_FAILED);
                return;
        }
        *q = (LiveQuestion) { .server = s, .next = s->live_questions, .self = &s->live_questions, .front = front,
                              .id = m->id, .asked = m->name };
        if (q->next)
                q->next->self = &q->next;
        s->live_questions = q;

        int r = inventory_lookup(s->inventory, q->asked.name, on_device, q);
        if (r < 0) {
                answer(s, front, m->id, r == -EBUSY ? FRONT_BUSY : FRONT_FAILED);
                question_free(q);
        }
}
