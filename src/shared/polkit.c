/* SPDX-License-Identifier: MIT */
#include "shared/polkit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_OBJECT "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ALLOW_USER_INTERACTION 1U
#define CANCELLATION_ID_MAX 32U

struct PolkitQuestion {
        sd_bus_slot *slot; /* of the call; NULL when it is answered */
        PolkitAnswered answered;
        void *userdata;
        char cancellation_id[CANCELLATION_ID_MAX];
};

static PolkitAnswer read_answer(sd_bus_message *reply) {
        int authorized, challenge;

        if (sd_bus_message_is_method_error(reply, NULL))
                return POLKIT_UNREACHABLE;
        if (sd_bus_message_enter_container(reply, 'r', "bba{ss}") < 0 ||
            sd_bus_message_read(reply, "bb", &authorized, &challenge) < 0)
                return POLKIT_UNREACHABLE;
        return authorized ? POLKIT_YES : challenge ? POLKIT_CHALLENGE : POLKIT_NO;
}

static void cancel(sd_bus *bus, const char *cancellation_id) {
        sd_bus_message *m = NULL;

        int r = sd_bus_message_new_method_call(bus, &m, POLKIT_NAME, POLKIT_OBJECT, POLKIT_INTERFACE,
                                               "CancelCheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", cancellation_id);
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(m, false);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                (void) sd_bus_send(bus, m, NULL);
        sd_bus_message_unref(m);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        PolkitQuestion *q = userdata;

        /* Our time limit is not polkitd's: its dialog may still be there. */
        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NO_REPLY))
                cancel(sd_bus_message_get_bus(reply), q->cancellation_id);
        q->slot = sd_bus_slot_unref(q->slot);
        q->answered(read_answer(reply), q->userdata);
        return 0;
}

static int append_details(sd_bus_message *m, const char *const *details) {
        int r = sd_bus_message_open_container(m, 'a', "{ss}");
        for (; r >= 0 && details && details[0]; details += 2)
                r = sd_bus_message_append(m, "{ss}", details[0], details[1]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int make_call(sd_bus *bus, const PolkitSubject *s, const char *cancellation_id, sd_bus_message **ret) {
        sd_bus_message *m = NULL;

        int r = sd_bus_message_new_method_call(bus, &m, POLKIT_NAME, POLKIT_OBJECT, POLKIT_INTERFACE,
                                               "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sa{sv})s", "system-bus-name", 1, "name", "s", s->sender, s->action);
        if (r >= 0)
                r = append_details(m, s->details);
        if (r >= 0)
                r = sd_bus_message_append(m, "us", s->interactive ? POLKIT_ALLOW_USER_INTERACTION : 0U,
                                          cancellation_id);
        if (r < 0) {
                sd_bus_message_unref(m);
                return r;
        }
        *ret = m;
        return 0;
}

int polkit_ask(sd_bus *bus, const PolkitSubject *subject, PolkitAnswered answered, void *userdata,
               PolkitQuestion **ret) {
        sd_bus_message *m = NULL;

        _cleanup_(polkit_question_freep) PolkitQuestion *q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->answered = answered;
        q->userdata = userdata;
        (void) snprintf(q->cancellation_id, sizeof(q->cancellation_id), "attezt-%" PRIu64, subject->id);

        int r = make_call(bus, subject, q->cancellation_id, &m);
        if (r < 0)
                return r;
        r = sd_bus_call_async(bus, &q->slot, m, on_reply, q,
                              subject->interactive ? POLKIT_DIALOG_USEC : POLKIT_ANSWER_USEC);
        sd_bus_message_unref(m);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(q);
        return 0;
}

PolkitQuestion *polkit_question_free(PolkitQuestion *q) {
        if (!q)
                return NULL;
        if (q->slot)
                cancel(sd_bus_slot_get_bus(q->slot), q->cancellation_id);
        sd_bus_slot_unref(q->slot);
        free(q);
        return NULL;
}
