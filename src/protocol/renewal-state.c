/* SPDX-License-Identifier: MIT */
#include "protocol/renewal-state.h"

#include "protocol/json-value.h"

#define STATE_DEPTH_MAX 2U
#define WORD_MAX 32U

/* --- Attempts --- */

static int reached(RenewalState *s, int64_t now) {
        int changed = s->no_network && s->reached < s->attempted;

        if (changed)
                s->reached = now;
        return changed;
}

static int succeeded(RenewalState *s, int64_t now) {
        s->succeeded = s->attempted = now;
        s->outcome = OUTCOME_DONE;
        s->no_network = s->declined = false;
        s->failures = 0;
        s->reached = s->retry_at = 0;
        return 1;
}

static int failed(RenewalState *s, const RenewalEnd *e, int64_t now) {
        bool waits = e->outcome == OUTCOME_WAITING; /* which is no failure */
        bool again = (e->no_network && s->no_network && s->reached == 0) || (waits && s->outcome == OUTCOME_WAITING);

        s->attempted = now;
        s->outcome = e->outcome;
        s->no_network = e->no_network;
        s->reached = 0;
        s->retry_at = e->retry_after > 0 ? now + e->retry_after : 0;
        if (!e->no_network && !waits && s->failures < UINT32_MAX)
                s->failures++;
        return !again;
}

int renewal_state_ended(RenewalState *s, const RenewalEnd *e, int64_t now) {
        switch (e->kind) {
        case JOB_IDENTIFY:
                return 0;
        case JOB_UNENROLL:
                if (e->outcome == OUTCOME_DONE) {
                        (void) succeeded(s, 0);
                        s->declined = true;
                }
                return e->outcome == OUTCOME_DONE;
        case JOB_REACH:
                return e->outcome == OUTCOME_DONE ? reached(s, now) : failed(s, e, now);
        case JOB_ENROLL:
                if (e->has_certificate && e->outcome != OUTCOME_DONE)
                        return 0;
                return e->outcome == OUTCOME_DONE ? succeeded(s, now) : failed(s, e, now);
        case JOB_RENEW:
                return e->outcome == OUTCOME_DONE ? succeeded(s, now) : failed(s, e, now);
        }
        return 0;
}

/* --- Clocks --- */

static bool in_past(int64_t *t, int64_t now) {
        if (*t <= now)
                return false;
        *t = now;
        return true;
}

/* A clock that was ahead must not keep anything waiting until it gets there again. */
static bool nothing_in_future(RenewalState *s, int64_t now) {
        bool changed = in_past(&s->attempted, now);
        changed |= in_past(&s->succeeded, now);
        changed |= in_past(&s->reached, now);
        changed |= in_past(&s->woken, now);
        if (s->retry_at > now + RETRY_AFTER_MAX) {
                s->retry_at = now + RETRY_AFTER_MAX;
                changed = true;
        }
        return changed;
}

static int64_t asleep_of(const RenewalClocks *c) {
        return MAX_OF(c->boottime - c->monotonic, (int64_t) 0); /* read one after the other */
}

/* The clocks alone tell it (the boot's identifier is in a part of /proc that the agent does not see): a boot that was
 * after we last looked is another one, unless the clock was set by as much, which comes to the same. */
static RenewalWake wake_of(const RenewalState *s, const RenewalClocks *c) {
        int64_t booted = c->realtime - c->boottime;

        if (c->boottime < s->up || booted >= s->booted + s->up + RENEWAL_AWAY_SEC)
                return WAKE_BOOT;
        if (asleep_of(c) - s->asleep >= RENEWAL_AWAY_SEC)
                return WAKE_RESUME;
        return booted - s->booted >= RENEWAL_AWAY_SEC ? WAKE_CLOCK : WAKE_NONE;
}

int renewal_state_clocks(RenewalState *s, const RenewalClocks *c) {
        RenewalWake wake = wake_of(s, c);

        s->up = c->boottime;
        s->asleep = asleep_of(c);
        s->booted = c->realtime - c->boottime;
        if (wake != WAKE_NONE) {
                s->wake = wake;
                s->woken = c->realtime;
        }
        return nothing_in_future(s, c->realtime) || wake != WAKE_NONE;
}

/* --- Text --- */

static const char *const wakes[_WAKE_MAX] = {
        [WAKE_NONE] = "none",
        [WAKE_BOOT] = "boot",
        [WAKE_RESUME] = "resume",
        [WAKE_CLOCK] = "clock",
};

static int add_int(struct json_object *o, const char *name, int64_t value) {
        return json_add(o, name, json_object_new_int64(value));
}

static int add_flag(struct json_object *o, const char *name, bool value) {
        return json_add(o, name, json_object_new_boolean(value));
}

static int format_attempts(struct json_object *o, const RenewalState *s) {
        int r;

        if ((r = add_int(o, "succeeded", s->succeeded)) < 0 || (r = add_int(o, "attempted", s->attempted)) < 0 ||
            (r = json_add_text(o, "outcome", job_outcome_to_string(s->outcome))) < 0 ||
            (r = add_flag(o, "no-network", s->no_network)) < 0 || (r = add_int(o, "reached", s->reached)) < 0 ||
            (r = add_int(o, "retry-at", s->retry_at)) < 0 || (r = add_int(o, "failures", s->failures)) < 0)
                return r;
        return add_flag(o, "declined", s->declined);
}

static int format_machine(struct json_object *o, const RenewalState *s) {
        int r;

        if ((r = json_add_text(o, "wake", wakes[s->wake])) < 0 || (r = add_int(o, "woken", s->woken)) < 0 ||
            (r = add_int(o, "up", s->up)) < 0 || (r = add_int(o, "asleep", s->asleep)) < 0)
                return r;
        return add_int(o, "booted", s->booted);
}

int renewal_state_format(const RenewalState *s, Bytes *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        int r;

        if ((r = json_new_object(&o)) < 0 || (r = format_attempts(o, s)) < 0 || (r = format_machine(o, s)) < 0)
                return r;
        return json_serialize(o, ret);
}

static int member_time(struct json_object *o, const char *name, int64_t *ret) {
        return json_member_int(o, name, 0, INT64_MAX / 4, ret);
}

static int parse_attempts(struct json_object *o, RenewalState *s) {
        _cleanup_free_ char *outcome = NULL;
        int64_t failures;
        int r;

        if ((r = member_time(o, "succeeded", &s->succeeded)) < 0 ||
            (r = member_time(o, "attempted", &s->attempted)) < 0 ||
            (r = json_member_text(o, "outcome", WORD_MAX, &outcome)) < 0 ||
            (r = json_member_bool(o, "no-network", &s->no_network)) < 0 ||
            (r = member_time(o, "reached", &s->reached)) < 0 || (r = member_time(o, "retry-at", &s->retry_at)) < 0 ||
            (r = json_member_int(o, "failures", 0, UINT32_MAX, &failures)) < 0 ||
            (r = json_member_bool(o, "declined", &s->declined)) < 0)
                return r;
        s->outcome = job_outcome_from_string(outcome);
        s->failures = (uint32_t) failures;
        return 0;
}

static int parse_machine(struct json_object *o, RenewalState *s) {
        _cleanup_free_ char *wake = NULL;
        int r;

        if ((r = json_member_text(o, "wake", WORD_MAX, &wake)) < 0 || (r = member_time(o, "woken", &s->woken)) < 0 ||
            (r = member_time(o, "up", &s->up)) < 0 || (r = member_time(o, "asleep", &s->asleep)) < 0 ||
            (r = json_member_int(o, "booted", INT64_MIN / 4, INT64_MAX / 4, &s->booted)) < 0)
                return r;
        for (unsigned i = 0; i < _WAKE_MAX; i++)
                if (strcmp(wakes[i], wake) == 0) {
                        s->wake = (RenewalWake) i;
                        return 0;
                }
        return -EBADMSG;
}

int renewal_state_parse(ByteView text, RenewalState *ret) {
        _cleanup_json_ struct json_object *o = NULL;
        RenewalState s = {};
        int r;

        if (text.size > RENEWAL_STATE_TEXT_MAX)
                return -EBADMSG;
        if ((r = json_parse_strict(text, STATE_DEPTH_MAX, &o)) < 0 || (r = parse_attempts(o, &s)) < 0 ||
            (r = parse_machine(o, &s)) < 0)
                return r == -ENOMEM ? r : -EBADMSG;
        *ret = s;
        return 0;
}
