/* SPDX-License-Identifier: MIT */
#include "shared/access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/bus-size.h"
#include "shared/polkit.h"

#define UNIQUE_NAME_MAX 23U /* ":1." and 64 bits; longer ones are asked about each time */
#define KNOWN_MAX 256U      /* connections that one user may have by dbus-daemon's default */

/* One call that waits: first for the bus driver's word on who the caller is, then for polkit's answer. */
typedef struct Call {
        Access *access;
        struct Call *next, **self;
        const AccessRow *row;
        sd_bus_message *message;
        sd_bus_slot *identify; /* GetConnectionUnixUser */
        sd_bus_slot *leaving;  /* NameOwnerChanged of the caller */
        PolkitQuestion *question;
        uint32_t uid;          /* known when question is set */
} Call;

/* A caller that the bus driver was asked about. It gives a unique name to one connection only, ever. */
typedef struct Known {
        char sender[UNIQUE_NAME_MAX + 1];
        uint32_t uid;
} Known;

struct Access {
        sd_bus *bus;
        const AccessRow *table;
        void *userdata;
        Call *calls;
        uint64_t last_id, n_calls;
        uint32_t caller_uid; /* while a handler runs */
        Known known[KNOWN_MAX];
        unsigned next_known; /* whose place goes to the next one */
};

static Call *call_free(Call *c) {
        if (!c)
                return NULL;
        if (c->self) {
                *c->self = c->next;
                if (c->next)
                        c->next->self = c->self;
        }
        polkit_question_free(c->question);
        sd_bus_slot_unref(c->identify);
        sd_bus_slot_unref(c->leaving);
        sd_bus_message_unref(c->message);
        free(c);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Call *, call_free);

static Call *call_new(Access *a, const AccessRow *row, sd_bus_message *m) {
        Call *c = calloc(1, sizeof(*c));
        if (!c)
                return NULL;
        *c = (Call) { .access = a, .row = row, .message = sd_bus_message_ref(m), .next = a->calls, .self = &a->calls };
        if (c->next)
                c->next->self = &c->next;
        a->calls = c;
        return c;
}

static void refuse(sd_bus_message *m, const char *name, const char *text) {
        sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(name, text);
        (void) sd_bus_reply_method_error(m, &error);
}

/* What sd-bus does with a handler's result, for a handler that runs later. */
static void run_handler(const AccessRow *row, sd_bus_message *m, void *userdata) {
        sd_bus_error error = SD_BUS_ERROR_NULL;

        int r = sd_bus_message_rewind(m, true);
        if (r >= 0)
                r = row->handler(m, userdata, &error);
        if (r < 0 || sd_bus_error_is_set(&error))
                (void) sd_bus_reply_method_errno(m, r, &error);
        sd_bus_error_free(&error);
}

static void allow(Call *c) {
        Access *a = c->access;
        const AccessRow *row = c->row;
        sd_bus_message *m = sd_bus_message_ref(c->message);

        a->caller_uid = c->uid;

        call_free(c);
        run_handler(row, m, a->userdata);
        sd_bus_message_unref(m);
}

static void on_polkit(PolkitAnswer answer, void *userdata) {
        Call *c = userdata;

        switch (answer) {
        case POLKIT_YES:
                allow(c);
                return;
        case POLKIT_CHALLENGE:
                /* D-Bus specification: this error is for those who did not allow it. */
                if (sd_bus_message_get_allow_interactive_authorization(c->message) > 0)
                        refuse(c->message, SD_BUS_ERROR_ACCESS_DENIED,
                               "Permission denied: there was nobody to ask for a password.");
                else
                        refuse(c->message, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                               "Interactive authentication required.");
                break;
        case POLKIT_UNREACHABLE:
                refuse(c->message, SD_BUS_ERROR_ACCESS_DENIED, "polkit could not be asked.");
                break;
        case POLKIT_NO:
                refuse(c->message, SD_BUS_ERROR_ACCESS_DENIED, "Permission denied.");
                break;
        }
        call_free(c);
}

static int on_caller_left(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *old, *new;

        if (sd_bus_message_read(m, "sss", &name, &old, &new) >= 0 && new[0] == 0)
                call_free(userdata);
        return 0;
}

static int on_watching(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return 0; /* without the watch the dialog stays until its time limit, no more */
}

static int watch_caller(Call *c) {
        char match[512];

        int n = snprintf(match, sizeof(match),
                         "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                         "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                         sd_bus_message_get_sender(c->message));
        if (n < 0 || (size_t) n >= sizeof(match))
                return -E2BIG;
        return sd_bus_add_match_async(c->access->bus, &c->leaving, match, on_caller_left, on_watching, c);
}

bool access_has_open(const Access *a) {
        return a->calls;
}

uint32_t access_caller_uid(const Access *a) {
        return a->caller_uid;
}

uint64_t access_n_calls(const Access *a) {
        return a->n_calls;
}

static bool too_many_questions(const Access *a, uint32_t uid) {
        unsigned open = 0, of_uid = 0;

        for (const Call *c = a->calls; c; c = c->next)
                if (c->question) {
                        open++;
                        if (c->uid == uid)
                                of_uid++;
                }
        return open >= ACCESS_OPEN_MAX || of_uid >= ACCESS_OPEN_PER_UID_MAX;
}

static int ask(Call *c, uint32_t uid, sd_bus_error *error) {
        AccessQuestion q = { .action = c->row->action };

        if (too_many_questions(c->access, uid))
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls wait for polkit.");
        int r = sd_bus_message_rewind(c->message, true);
        if (r >= 0 && c->row->refine)
                r = c->row->refine(c->message, c->access->userdata, &q, error);
        if (r < 0)
                return r;

        PolkitSubject subject = {
                .sender = sd_bus_message_get_sender(c->message),
                .action = q.action,
                .details = q.details,
                .interactive = sd_bus_message_get_allow_interactive_authorization(c->message) > 0,
                .id = ++c->access->last_id,
        };
        r = watch_caller(c);
        if (r < 0)
                return r;
        c->uid = uid;
        return polkit_ask(c->access->bus, &subject, on_polkit, c, &c->question);
}

/* Takes c when it returns >= 0. */
static int decide(Call *c, uint32_t uid, sd_bus_error *error) {
        if (uid != 0)
                return ask(c, uid, error);
        c->uid = 0;
        allow(c);
        return 0;
}

/* --- Who calls --- */

static const Known *find_known(const Access *a, const char *sender) {
        for (size_t i = 0; i < KNOWN_MAX; i++)
                if (a->known[i].sender[0] && strcmp(a->known[i].sender, sender) == 0)
                        return a->known + i;
        return NULL;
}

static void remember(Access *a, const char *sender, uint32_t uid) {
        if (strlen(sender) > UNIQUE_NAME_MAX || find_known(a, sender))
                return;
        Known *k = a->known + a->next_known;
        strcpy(k->sender, sender);
        k->uid = uid;
        a->next_known = (a->next_known + 1) % KNOWN_MAX;
}

/* org.freedesktop.DBus.GetConnectionUnixUser() answers; an error means that the caller has left already. */
static int on_identified(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_(call_freep) Call *c = userdata;
        sd_bus_error why = SD_BUS_ERROR_NULL;
        uint32_t uid;

        c->identify = sd_bus_slot_unref(c->identify);
        if (sd_bus_message_is_method_error(reply, NULL) || sd_bus_message_read(reply, "u", &uid) < 0) {
                refuse(c->message, SD_BUS_ERROR_ACCESS_DENIED, "The bus does not know the caller.");
                return 0;
        }
        remember(c->access, sd_bus_message_get_sender(c->message), uid);
        int r = decide(c, uid, &why);
        if (r < 0 || sd_bus_error_is_set(&why))
                (void) sd_bus_reply_method_errno(c->message, r, &why);
        else
                TAKE_PTR(c);
        sd_bus_error_free(&why);
        return 0;
}

static bool too_many_unknown(const Access *a, const char *sender) {
        unsigned open = 0, of_sender = 0;

        for (const Call *c = a->calls; c; c = c->next)
                if (c->identify) {
                        open++;
                        if (strcmp(sd_bus_message_get_sender(c->message), sender) == 0)
                                of_sender++;
                }
        return open >= ACCESS_IDENTIFYING_MAX || of_sender >= ACCESS_IDENTIFYING_PER_SENDER_MAX;
}

static int identify(Call *c, const char *sender) {
        return sd_bus_call_method_async(c->access->bus, &c->identify, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "GetConnectionUnixUser", on_identified, c, "s", sender);
}

static int receive(Access *a, const AccessRow *row, sd_bus_message *m, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);

        if (!sender)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "Not a caller on a bus.");
        const Known *known = find_known(a, sender);
        if (!known && too_many_unknown(a, sender))
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "Too many calls at once.");
        int r = bus_message_within(m, ACCESS_MESSAGE_MAX);
        if (r == 0)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED, "The message is too long.");
        if (r >= 0)
                r = sd_bus_message_rewind(m, true);
        if (r < 0)
                return r;

        _cleanup_(call_freep) Call *c = call_new(a, row, m);
        if (!c)
                return -ENOMEM;
        r = known ? decide(c, known->uid, error) : identify(c, sender);
        if (r < 0)
                return r;
        TAKE_PTR(c);
        return 1;
}

int access_dispatch(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Access *a = *(Access **) userdata;
        const AccessRow *row = a->table;
        const char *member = sd_bus_message_get_member(m);

        a->n_calls++;
        while (row->method && (!member || strcmp(row->method, member) != 0))
                row++;
        if (!row->method)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "Nobody may call this method.");
        if (strcmp(row->action, ACCESS_PUBLIC) == 0)
                return row->handler(m, a->userdata, error);
        return receive(a, row, m, error);
}

int access_new(sd_bus *bus, const AccessRow *table, void *userdata, Access **ret) {
        Access *a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        *a = (Access) { .bus = sd_bus_ref(bus), .table = table, .userdata = userdata };
        *ret = a;
        return 0;
}

Access *access_free(Access *a) {
        if (!a)
                return NULL;
        while (a->calls) {
                refuse(a->calls->message, SD_BUS_ERROR_ACCESS_DENIED, "The service is going away.");
                call_free(a->calls);
        }
        sd_bus_unref(a->bus);
        free(a);
        return NULL;
}
